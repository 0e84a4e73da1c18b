//! How fast bytes are acknowledged, and how long the rest will take. Pure: takes the time as an
//! argument.
//!
//! Acknowledgements come one per range, which may be every 20 s on a slow line. Between two of them
//! the rate stands still and the remaining time runs down; only when the next one is late does the
//! rate fall.

use std::time::{Duration, Instant};

/// After this long an observation weighs e times less. Long enough to cover several ranges, short
/// enough to follow a line that changed.
const MEMORY_SECONDS: f64 = 15.0;

/// Nobody plans by a longer forecast than this.
const LONGEST: Duration = Duration::from_secs(100 * 3600);

/// The recent rate of one upload.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    /// Bytes and seconds seen, both faded by age; their quotient is the rate.
    bytes: f64,
    seconds: f64,
    last: Instant,
    /// Time between the last two acknowledgements.
    gap: Duration,
    /// Since when nothing is expected to move.
    paused: Option<Instant>,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            bytes: 0.0,
            seconds: 0.0,
            last: now,
            gap: Duration::ZERO,
            paused: None,
        }
    }

    /// Counts bytes that were just acknowledged.
    pub(super) fn add(&mut self, bytes: u64, now: Instant) {
        self.resume(now);
        self.gap = now.saturating_duration_since(self.last);
        let seconds = self.gap.as_secs_f64();
        let fading = (-seconds / MEMORY_SECONDS).exp();
        self.bytes = self.bytes * fading + bytes as f64;
        self.seconds = self.seconds * fading + seconds;
        self.last = now;
    }

    /// Stops the clock: a wait that the service asked for says nothing about the line.
    pub(super) fn pause(&mut self, now: Instant) {
        self.paused.get_or_insert(now);
    }

    /// Lets the clock go on.
    pub(super) fn resume(&mut self, now: Instant) {
        if let Some(since) = self.paused.take() {
            self.last += now.saturating_duration_since(since);
        }
    }

    /// Bytes per second, once something was acknowledged.
    pub(super) fn per_second(&self, now: Instant) -> Option<f64> {
        let late = self.since_last(now).saturating_sub(self.gap);
        let rate = self.bytes / (self.seconds + late.as_secs_f64());
        (rate.is_finite() && rate > 0.0).then_some(rate)
    }

    /// Time until `left` bytes more are acknowledged.
    pub(super) fn remaining(&self, left: u64, now: Instant) -> Option<Duration> {
        let from_last = Duration::try_from_secs_f64(left as f64 / self.per_second(now)?).ok()?;
        Some(from_last.saturating_sub(self.since_last(now).min(self.gap)))
            .filter(|time| *time < LONGEST)
    }

    fn since_last(&self, now: Instant) -> Duration {
        self.paused
            .unwrap_or(now)
            .saturating_duration_since(self.last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn steady() -> (Rate, Instant) {
        let mut now = Instant::now();
        let mut rate = Rate::new(now);
        for _ in 0..20 {
            now += 4 * SECOND;
            rate.add(4_000_000, now);
        }
        (rate, now)
    }

    #[test]
    fn it_is_unknown_until_something_was_acknowledged() {
        let now = Instant::now();
        assert_eq!(Rate::new(now).per_second(now + SECOND), None);
        assert_eq!(Rate::new(now).remaining(1, now + SECOND), None);
    }

    #[test]
    fn a_steady_line_counts_down_between_acknowledgements() {
        let (rate, now) = steady();
        let close = |a: Option<Duration>, b: u64| a.unwrap().as_secs_f64() - b as f64;
        assert!((rate.per_second(now).unwrap() - 1e6).abs() < 1.0);
        assert!(close(rate.remaining(10_000_000, now), 10).abs() < 0.01);
        assert!(close(rate.remaining(10_000_000, now + 3 * SECOND), 7).abs() < 0.01);
        assert!((rate.per_second(now + 4 * SECOND).unwrap() - 1e6).abs() < 1.0);
        assert!(rate.per_second(now + 30 * SECOND).unwrap() < 0.5e6);
    }

    #[test]
    fn a_wait_does_not_count() {
        let (mut rate, now) = steady();
        rate.pause(now + SECOND);
        rate.pause(now + 2 * SECOND);
        assert_eq!(rate.per_second(now + 90 * SECOND), rate.per_second(now));
        rate.resume(now + 91 * SECOND);
        rate.add(4_000_000, now + 94 * SECOND);
        assert!((rate.per_second(now + 94 * SECOND).unwrap() - 1e6).abs() < 1.0);
    }

    proptest! {
        #[test]
        fn it_stays_between_the_slowest_and_the_fastest(
            acknowledged in prop::collection::vec((1u64..10_000_000, 1u64..60_000), 1..30),
        ) {
            let mut now = Instant::now();
            let mut rate = Rate::new(now);
            let (mut slowest, mut fastest) = (f64::MAX, 0f64);
            for (bytes, ms) in acknowledged {
                now += Duration::from_millis(ms);
                rate.add(bytes, now);
                let this = bytes as f64 / (ms as f64 / 1000.0);
                (slowest, fastest) = (slowest.min(this), fastest.max(this));
            }
            let shown = rate.per_second(now).unwrap();
            prop_assert!(shown > slowest * 0.999 && shown < fastest * 1.001);
        }
    }
}
