//! `Retry-After`, at any moment: never longer than the limit.
#![no_main]

use graph_upload::client::retry_after::{LONGEST, parse};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (i32, String)| {
    let (seconds, value) = input;
    let now = Timestamp::from_second(i64::from(seconds)).unwrap_or(Timestamp::UNIX_EPOCH);
    assert!(parse(&value, now).is_none_or(|wait| wait <= LONGEST));
});
