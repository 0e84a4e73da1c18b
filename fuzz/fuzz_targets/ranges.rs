//! `nextExpectedRanges` in any JSON, and the answers that carry it.
#![no_main]

use graph_upload::{ExpectedOffset, client::wire, next_expected};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let text = String::from_utf8_lossy(body);
    for value in [
        serde_json::json!({"nextExpectedRanges": [text]}),
        serde_json::json!({"NextExpectedRanges": text}),
    ] {
        if let ExpectedOffset::At(start) = next_expected(&value) {
            assert!(start <= i64::MAX as u64);
        }
    }
    if let Ok(value) = serde_json::from_slice(body) {
        next_expected(&value);
    }
    wire::SessionReply::read(body);
    wire::ListPage::read(body);
});
