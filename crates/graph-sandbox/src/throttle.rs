//! Who may send now: one change of an item at a time, four requests of a mailbox at a time, so many requests
//! in ten minutes, so many bytes in five, so many messages in one.
//!
//! Permits are values: dropping one, also because the client went away, gives its place back.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    clock::Clock,
    failure::Failure,
    model::item::ItemKey,
    options::{Options, RefusedBytes},
};

/// A request whose body has not moved for so long does not hold its item any more: the next one gets it.
const STALLED: Duration = Duration::from_secs(1);
/// Documented: the window of the limit on requests.
const REQUESTS_WINDOW: Duration = Duration::from_secs(600);
/// Documented: the window of the limit on sending.
const SEND_WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Counters {
    next: u64,
    writing: HashMap<ItemKey, Holder>,
    in_flight: HashMap<usize, u32>,
    volume: HashMap<usize, Window>,
    requests: HashMap<usize, Window>,
    sent: HashMap<usize, Window>,
}

/// Who changes an item.
#[derive(Debug)]
struct Holder {
    permit: u64,
    session: Option<String>,
    /// When its body moved last.
    moved: Instant,
    /// Its body is there: now it cannot be overtaken.
    acting: bool,
}

/// What a request is about to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) item: ItemKey,
    /// The upload session, if it is a range of one. A range that comes again is the same client, which has
    /// given up the first one: it gets the item.
    pub(crate) session: Option<String>,
}

/// Counts what is under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Throttle {
    counters: Arc<Mutex<Counters>>,
    clock: Clock,
}

/// The right to be carried out.
#[derive(Debug)]
pub(crate) struct Permit {
    throttle: Throttle,
    number: u64,
    mailbox: usize,
    item: Option<ItemKey>,
}

impl Throttle {
    pub(crate) fn new(clock: Clock) -> Self {
        Throttle {
            counters: Arc::default(),
            clock,
        }
    }

    fn counters(&self) -> std::sync::MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request of `mailbox` in, and says what it changes.
    pub(crate) fn enter(
        &self,
        mailbox: usize,
        change: Option<Change>,
        options: &Options,
    ) -> Result<Permit, Failure> {
        let mut counters = self.counters();
        if let Some(most) = options.requests {
            let window = counters.requests.entry(mailbox).or_default();
            // Documented: throttled requests count, too.
            if !window.take(1, most.into(), REQUESTS_WINDOW, self.clock.now(), true) {
                return Err(Failure::throttled("RequestCount", options.retry_after));
            }
        }
        let running = counters
            .in_flight
            .get(&mailbox)
            .copied()
            .unwrap_or_default();
        if options.concurrency.is_some_and(|most| running >= most) {
            return Err(Failure::throttled(
                "MailboxConcurrency",
                options.retry_after,
            ));
        }
        counters.next += 1;
        let number = counters.next;
        let item = change.as_ref().map(|change| change.item);
        if let Some(change) = change {
            let now = Instant::now();
            let held = counters.writing.get(&change.item).is_some_and(|holder| {
                let again = change.session.is_some() && change.session == holder.session;
                let stalled = now.saturating_duration_since(holder.moved) > STALLED;
                holder.acting || !(again || stalled)
            });
            if held {
                return Err(Failure::conflict(412));
            }
            counters.writing.insert(
                change.item,
                Holder {
                    permit: number,
                    session: change.session,
                    moved: now,
                    acting: false,
                },
            );
        }
        *counters.in_flight.entry(mailbox).or_default() += 1;
        Ok(Permit {
            throttle: self.clone(),
            number,
            mailbox,
            item,
        })
    }

    /// Counts uploaded bytes, unless that is over the limit.
    pub(crate) fn upload(
        &self,
        mailbox: usize,
        bytes: u64,
        options: &Options,
    ) -> Result<(), Failure> {
        let Some(limit) = options.throttle_bytes else {
            return Ok(());
        };
        let anyway = options.refused_bytes == RefusedBytes::Count;
        let mut counters = self.counters();
        let window = counters.volume.entry(mailbox).or_default();
        match window.take(
            bytes,
            limit,
            options.throttle_window,
            self.clock.now(),
            anyway,
        ) {
            true => Ok(()),
            false => Err(Failure::throttled("IncomingBytes", options.retry_after)),
        }
    }

    /// Counts the bytes of a request that was refused for another reason.
    pub(crate) fn refused(&self, mailbox: usize, bytes: u64, options: &Options) {
        if options.throttle_bytes.is_some() && options.refused_bytes == RefusedBytes::Count {
            let mut counters = self.counters();
            let window = counters.volume.entry(mailbox).or_default();
            window.take(
                bytes,
                u64::MAX,
                options.throttle_window,
                self.clock.now(),
                true,
            );
        }
    }

    /// Counts a message that is about to be sent.
    pub(crate) fn send(&self, mailbox: usize, options: &Options) -> Result<(), Failure> {
        let Some(most) = options.send_rate else {
            return Ok(());
        };
        let mut counters = self.counters();
        let window = counters.sent.entry(mailbox).or_default();
        match window.take(1, most.into(), SEND_WINDOW, self.clock.now(), false) {
            true => Ok(()),
            false => Err(Failure::new(
                429,
                "ErrorExceededMessageLimit",
                "Cannot send mail. The message rate limit of this mailbox is exceeded.",
            )
            .after(options.retry_after.map(|seconds| seconds.to_string()))),
        }
    }

    /// Forgets all that was counted; what is under way stays.
    pub(crate) fn reset(&self) {
        let mut counters = self.counters();
        counters.volume.clear();
        counters.requests.clear();
        counters.sent.clear();
    }
}

impl Permit {
    fn holder(&self, change: impl FnOnce(&mut Holder)) -> bool {
        let Some(item) = self.item else { return true };
        match self.throttle.counters().writing.get_mut(&item) {
            Some(holder) if holder.permit == self.number => {
                change(holder);
                true
            }
            _ => false,
        }
    }

    /// The body moves, or waits on purpose until then; whether the item is still held.
    pub(crate) fn moved(&self, until: Instant) -> bool {
        self.holder(|holder| holder.moved = until)
    }

    /// The body is there. Refused when another request has got the item in the meantime.
    pub(crate) fn act(&self) -> Result<(), Failure> {
        match self.holder(|holder| holder.acting = true) {
            true => Ok(()),
            false => Err(Failure::conflict(412)),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counters = self.throttle.counters();
        if let Some(item) = self.item
            && counters
                .writing
                .get(&item)
                .is_some_and(|holder| holder.permit == self.number)
        {
            counters.writing.remove(&item);
        }
        if let Some(running) = counters.in_flight.get_mut(&self.mailbox) {
            *running = running.saturating_sub(1);
        }
    }
}

/// What came within a sliding time.
#[derive(Debug, Default)]
struct Window {
    taken: VecDeque<(Instant, u64)>,
    sum: u64,
}

impl Window {
    /// Whether `more` fits. What does not fit is counted only where it counts `anyway`.
    fn take(
        &mut self,
        more: u64,
        limit: u64,
        length: Duration,
        now: Instant,
        anyway: bool,
    ) -> bool {
        while let Some((when, old)) = self.taken.front().copied() {
            if now.saturating_duration_since(when) < length {
                break;
            }
            self.taken.pop_front();
            self.sum -= old;
        }
        let fits = self.sum.saturating_add(more) <= limit;
        if fits || anyway {
            self.taken.push_back((now, more));
            self.sum = self.sum.saturating_add(more);
        }
        fits
    }
}

#[cfg(test)]
mod tests;
