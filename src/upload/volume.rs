//! A local account of bytes per mailbox, so that a batch slows down before it is told to. Pure.
//!
//! Exchange Online takes 150 MB per app and mailbox in 5 minutes (Microsoft's throttling page) and
//! answers 429 beyond that; throttled calls count too, so hitting the limit costs more than waiting.

use std::{collections::VecDeque, time::Duration};

/// Bytes per window.
pub const LIMIT: u64 = 150_000_000;

/// The window.
const WINDOW: Duration = Duration::from_secs(300);

/// What went to one mailbox lately.
#[derive(Debug, Clone)]
pub struct Volume {
    limit: u64,
    sent: VecDeque<(Duration, u64)>,
    total: u64,
}

impl Volume {
    /// An account with nothing in it; a `limit` of 0 bytes means none.
    pub fn new(limit: u64) -> Self {
        Volume {
            limit,
            sent: VecDeque::new(),
            total: 0,
        }
    }

    /// How long to wait at `now` before `bytes` more fit.
    pub fn wait(&mut self, bytes: u64, now: Duration) -> Duration {
        while let Some((at, count)) = self.sent.front().copied() {
            if now < at + WINDOW {
                break;
            }
            self.total -= count;
            self.sent.pop_front();
        }
        let mut over = (self.total + bytes).saturating_sub(self.limit);
        if over == 0 || self.limit == 0 {
            return Duration::ZERO;
        }
        let mut wait = Duration::ZERO;
        for (at, count) in &self.sent {
            wait = (*at + WINDOW).saturating_sub(now);
            over = over.saturating_sub(*count);
            if over == 0 {
                break;
            }
        }
        wait
    }

    /// Notes that `bytes` went out at `now`.
    pub fn note(&mut self, bytes: u64, now: Duration) {
        self.sent.push_back((now, bytes));
        self.total += bytes;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn one_largest_file_goes_at_once_and_the_next_waits() {
        let mut volume = Volume::new(LIMIT);
        for n in 0..38 {
            assert_eq!(volume.wait(3_932_160, s(n)), Duration::ZERO);
            volume.note(3_932_160, s(n));
        }
        assert_eq!(volume.wait(3_932_160, s(40)), s(260));
        assert_eq!(volume.wait(3_932_160, s(300)), Duration::ZERO);
    }

    #[test]
    fn no_limit_no_wait() {
        let mut volume = Volume::new(0);
        volume.note(u64::MAX / 2, s(0));
        assert_eq!(volume.wait(1, s(0)), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit_in_a_window(steps in prop::collection::vec((1u64..40, 0u64..20), 1..200)) {
            let mut volume = Volume::new(100);
            let (mut now, mut log) = (s(0), Vec::new());
            for (bytes, pause) in steps {
                now += s(pause);
                let wait = volume.wait(bytes, now);
                prop_assert!(wait <= WINDOW);
                now += wait;
                prop_assert_eq!(volume.wait(bytes, now), Duration::ZERO);
                volume.note(bytes, now);
                log.push((now, bytes));
                let recent: u64 = log.iter().filter(|(at, _)| now < *at + WINDOW).map(|(_, n)| n).sum();
                prop_assert!(recent <= 100);
            }
        }
    }
}
