//! State files: as bytes, and as records of any shape whose check is right.
#![no_main]

use graph_upload::{
    Digest,
    store::{Record, SCHEMA},
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    reads(bytes);
    if let Ok(record) = serde_json::from_slice::<Value>(bytes) {
        let check = Digest::of(record.to_string().as_bytes()).to_string();
        let file = json!({"schema": SCHEMA, "check": check, "record": record});
        reads(file.to_string().as_bytes());
    }
});

/// What can be read can be written, and is the same when it is read again.
fn reads(bytes: &[u8]) {
    if let Ok(record) = Record::from_json(bytes) {
        assert!(record.acked.offset <= record.sent.offset && record.sent.offset <= record.size);
        assert_eq!(Record::from_json(&record.to_json()), Ok(record));
    }
}
