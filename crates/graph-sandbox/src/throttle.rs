//! Who may send now: one change of an item at a time, four requests of a mailbox at a time, so many
//! bytes in five minutes.
//!
//! Permits are values: dropping one, also because the client went away, gives its place back.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{failure::Failure, model::item::ItemKey, options::Options};

#[derive(Debug, Default)]
struct Counters {
    writing: HashSet<ItemKey>,
    in_flight: HashMap<usize, u32>,
    volume: HashMap<usize, Window>,
}

/// Counts what is under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Throttle(Arc<Mutex<Counters>>);

/// The right to be carried out.
#[derive(Debug)]
pub(crate) struct Permit {
    throttle: Throttle,
    mailbox: usize,
    writing: Option<ItemKey>,
}

impl Throttle {
    fn counters(&self) -> std::sync::MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request of `mailbox` in; `writing` is the item that it changes.
    pub(crate) fn enter(
        &self,
        mailbox: usize,
        writing: Option<ItemKey>,
        options: &Options,
    ) -> Result<Permit, Failure> {
        let mut counters = self.counters();
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
        if writing.is_some_and(|item| !counters.writing.insert(item)) {
            return Err(Failure::conflict(412));
        }
        *counters.in_flight.entry(mailbox).or_default() += 1;
        Ok(Permit {
            throttle: self.clone(),
            mailbox,
            writing,
        })
    }

    /// Counts uploaded bytes, unless that is over the limit: what is refused is not counted.
    pub(crate) fn upload(
        &self,
        mailbox: usize,
        bytes: u64,
        options: &Options,
    ) -> Result<(), Failure> {
        let Some(limit) = options.throttle_bytes else {
            return Ok(());
        };
        let mut counters = self.counters();
        let window = counters.volume.entry(mailbox).or_default();
        if window.take(bytes, limit, options.throttle_window, Instant::now()) {
            Ok(())
        } else {
            Err(Failure::throttled("IncomingBytes", options.retry_after))
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counters = self.throttle.counters();
        if let Some(item) = self.writing {
            counters.writing.remove(&item);
        }
        if let Some(running) = counters.in_flight.get_mut(&self.mailbox) {
            *running = running.saturating_sub(1);
        }
    }
}

/// Bytes within a sliding time.
#[derive(Debug, Default)]
struct Window {
    taken: VecDeque<(Instant, u64)>,
    sum: u64,
}

impl Window {
    fn take(&mut self, bytes: u64, limit: u64, length: Duration, now: Instant) -> bool {
        while let Some((when, old)) = self.taken.front().copied() {
            if now.saturating_duration_since(when) < length {
                break;
            }
            self.taken.pop_front();
            self.sum -= old;
        }
        if self.sum + bytes > limit {
            return false;
        }
        self.taken.push_back((now, bytes));
        self.sum += bytes;
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_change_of_an_item_at_a_time() {
        let (throttle, options) = (Throttle::default(), Options::default());
        let first = throttle.enter(0, Some(ItemKey(1)), &options).expect("free");
        assert_eq!(
            throttle
                .enter(0, Some(ItemKey(1)), &options)
                .unwrap_err()
                .status,
            412
        );
        let _other = throttle
            .enter(0, Some(ItemKey(2)), &options)
            .expect("another item");
        drop(first);
        assert!(throttle.enter(0, Some(ItemKey(1)), &options).is_ok());
    }

    #[test]
    fn four_requests_of_a_mailbox_at_a_time() {
        let (throttle, options) = (Throttle::default(), Options::default());
        let permits: Vec<_> = (0..4)
            .map(|_| throttle.enter(0, None, &options).expect("room"))
            .collect();
        let refused = throttle.enter(0, None, &options).unwrap_err();
        assert_eq!(
            refused.message,
            "Application is over its MailboxConcurrency limit."
        );
        assert_eq!(refused.retry_after.as_deref(), Some("1"));
        assert!(throttle.enter(1, None, &options).is_ok());
        drop(permits);
        assert!(throttle.enter(0, None, &options).is_ok());
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_the_limit(
            limit in 1u64..1000, sends in proptest::collection::vec((0u64..100, 1u64..500), 1..50),
        ) {
            let start = Instant::now();
            let length = Duration::from_secs(60);
            let mut window = Window::default();
            let mut taken: Vec<(Duration, u64)> = Vec::new();
            let mut now = Duration::ZERO;
            for (wait, bytes) in sends {
                now += Duration::from_secs(wait);
                let before: u64 = taken.iter()
                    .filter(|(when, _)| now - *when < length).map(|(_, bytes)| bytes).sum();
                let fits = window.take(bytes, limit, length, start + now);
                prop_assert_eq!(fits, before + bytes <= limit);
                if fits {
                    taken.push((now, bytes));
                }
            }
        }
    }
}
