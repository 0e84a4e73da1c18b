//! Times as the two hosts write them.

use jiff::{Timestamp, tz::TimeZone};

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
}
