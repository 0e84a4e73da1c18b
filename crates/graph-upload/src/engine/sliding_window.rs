//! A local account of bytes per mailbox, so that a batch slows down before it is told to. Pure.
//!
//! Exchange Online takes 150 MB per app and mailbox in 5 minutes (Microsoft's throttling page) and
//! answers 429 beyond that; throttled calls count too, so hitting the limit costs more than waiting.

use std::{collections::VecDeque, time::Duration};

/// Bytes per window.
pub const LIMIT: u64 = 150_000_000;

/// The window.
pub const WINDOW: Duration = Duration::from_secs(300);

/// What went to one mailbox lately.
#[derive(Debug, Clone)]
pub(super) struct SlidingWindow {
    limit: u64,
    sent: VecDeque<(Duration, u64)>,
    total: u64,
}

impl SlidingWindow {
    /// An account with nothing in it; a `limit` of 0 bytes means none.
    pub(super) fn new(limit: u64) -> Self {
        SlidingWindow {
            limit,
            sent: VecDeque::new(),
            total: 0,
        }
    }

    /// How long to wait at `now` before `bytes` more fit, beside what others sent so long ago.
    pub(super) fn wait(
        &mut self,
        bytes: u64,
        now: Duration,
        others: &[(Duration, u64)],
    ) -> Duration {
        while let Some((at, count)) = self.sent.front().copied() {
            if now < at + WINDOW {
                break;
            }
            self.total -= count;
            self.sent.pop_front();
        }
        if self.limit == 0 {
            return Duration::ZERO;
        }
        let own = self.sent.iter().map(|(at, count)| (now - *at, *count));
        let mut all: Vec<(Duration, u64)> = own.chain(others.iter().copied()).collect();
        // The oldest leaves the window first.
        all.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
        let total: u64 = all.iter().map(|(_, count)| count).sum();
        let mut over = (total + bytes).saturating_sub(self.limit);
        let mut wait = Duration::ZERO;
        for (age, count) in all {
            if over == 0 {
                break;
            }
            wait = WINDOW.saturating_sub(age);
            over = over.saturating_sub(count);
        }
        wait
    }

    /// Notes that `bytes` went out at `now`.
    pub(super) fn note(&mut self, bytes: u64, now: Duration) {
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
        let mut volume = SlidingWindow::new(LIMIT);
        for n in 0..38 {
            assert_eq!(volume.wait(3_932_160, s(n), &[]), Duration::ZERO);
            volume.note(3_932_160, s(n));
        }
        assert_eq!(volume.wait(3_932_160, s(40), &[]), s(260));
        assert_eq!(volume.wait(3_932_160, s(300), &[]), Duration::ZERO);
    }

    #[test]
    fn what_others_sent_counts_too() {
        let mut volume = SlidingWindow::new(100);
        volume.note(40, s(1_000));
        let others = [(s(200), 30), (s(10), 20)];
        assert_eq!(volume.wait(10, s(1_050), &others), Duration::ZERO);
        assert_eq!(volume.wait(30, s(1_050), &others), s(100));
        assert_eq!(volume.wait(60, s(1_050), &others), s(250));
        assert_eq!(volume.wait(100, s(1_050), &others), s(290));
    }

    #[test]
    fn no_limit_no_wait() {
        let mut volume = SlidingWindow::new(0);
        volume.note(u64::MAX / 2, s(0));
        assert_eq!(volume.wait(1, s(0), &[]), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit_in_a_window(steps in prop::collection::vec((1u64..40, 0u64..20), 1..200)) {
            let mut volume = SlidingWindow::new(100);
            let (mut now, mut log) = (s(0), Vec::new());
            for (bytes, pause) in steps {
                now += s(pause);
                let wait = volume.wait(bytes, now, &[]);
                prop_assert!(wait <= WINDOW);
                now += wait;
                prop_assert_eq!(volume.wait(bytes, now, &[]), Duration::ZERO);
                volume.note(bytes, now);
                log.push((now, bytes));
                let recent: u64 = log.iter().filter(|(at, _)| now < *at + WINDOW).map(|(_, n)| n).sum();
                prop_assert!(recent <= 100);
            }
        }
    }
}
