//! The stand-in's clock, which tests can put forward, and times as the two hosts write them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::{Timestamp, tz::TimeZone};

/// The time of this computer, and how far it was put forward.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(Arc<Mutex<Duration>>);

impl Clock {
    fn advanced(&self) -> Duration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For comparing.
    pub(crate) fn now(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.advanced()).unwrap_or(now)
    }

    /// For showing.
    pub(crate) fn time(&self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(self.advanced()).unwrap_or(now)
    }

    /// Puts it forward; what it says from now on.
    pub(crate) fn advance(&self, by: Duration) -> Timestamp {
        {
            let mut advanced = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *advanced = advanced.saturating_add(by);
        }
        self.time()
    }

    /// Back to this computer's time.
    pub(crate) fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Duration::ZERO;
    }
}

/// `2019-09-25T01:09:30.7671707Z`: seven fractional digits, as in sessions.
pub(crate) fn precise(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%S.%7fZ")
        .to_string()
}

/// `2019-09-25T01:09:30Z`: as in items and attachments.
pub(crate) fn seconds(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// `2019-09-25T01:09:30`: no zone, as in errors.
pub(crate) fn zoneless(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%S")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_writes_times_its_own_way() {
        let time: Timestamp = "2019-09-25T01:09:30.7671707Z".parse().expect("a time");
        assert_eq!(precise(time), "2019-09-25T01:09:30.7671707Z");
        assert_eq!(seconds(time), "2019-09-25T01:09:30Z");
        assert_eq!(zoneless(time), "2019-09-25T01:09:30");
        let whole: Timestamp = "2019-09-25T01:09:30Z".parse().expect("a time");
        assert_eq!(precise(whole), "2019-09-25T01:09:30.0000000Z");
    }

    #[test]
    fn it_can_be_put_forward_and_back() {
        let clock = Clock::default();
        let (before, shown) = (clock.now(), clock.time());
        clock.advance(Duration::from_secs(3600));
        assert!(clock.now() >= before + Duration::from_secs(3600));
        assert!(clock.time() >= shown + Duration::from_secs(3600));
        clock.reset();
        assert!(clock.now() < before + Duration::from_secs(3600));
    }
}
