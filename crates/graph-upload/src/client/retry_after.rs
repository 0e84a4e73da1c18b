//! `Retry-After`: seconds or a date, from a service that also sends words, negatives and decades. Pure.

use std::time::Duration;

use jiff::Timestamp;

/// Longest wait that a service may ask for. The upload-volume window is 5 minutes; twice that covers
/// every limit it documents, and anything longer is better left to a later `resume`.
pub const LONGEST: Duration = Duration::from_secs(600);

/// Reads the header's value at `now`; `None` when it says nothing that can be followed.
pub fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit is "very long", not "nothing".
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let wait = now.duration_until(date(value)?);
    Some(
        Duration::try_from(wait)
            .unwrap_or(Duration::ZERO)
            .min(LONGEST),
    )
}

/// Reads a date as HTTP headers have it.
pub fn date(text: &str) -> Option<Timestamp> {
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(value: &str) -> Option<u64> {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        parse(value, now).map(|d| d.as_secs())
    }

    #[test]
    fn seconds_dates_and_nonsense() {
        assert_eq!(at("0"), Some(0));
        assert_eq!(at(" 30 "), Some(30));
        assert_eq!(at("315360000"), Some(600));
        assert_eq!(at("99999999999999999999999"), Some(600));
        assert_eq!(at("Thu, 01 Jan 2026 00:00:07 GMT"), Some(7));
        assert_eq!(at("Tue, 01 Jan 2036 00:00:07 GMT"), Some(600));
        assert_eq!(at("Wed, 31 Dec 2025 23:00:00 GMT"), Some(0));
        assert_eq!(at("-5"), None);
        assert_eq!(at("1.5"), None);
        assert_eq!(at("soon"), None);
        assert_eq!(at(""), None);
    }

    proptest! {
        #[test]
        fn never_longer_than_the_limit(value in ".*", seconds in any::<u64>()) {
            let now = Timestamp::UNIX_EPOCH;
            prop_assert!(parse(&value, now).is_none_or(|d| d <= LONGEST));
            prop_assert!(parse(&seconds.to_string(), now).is_some_and(|d| d <= LONGEST));
        }
    }
}
