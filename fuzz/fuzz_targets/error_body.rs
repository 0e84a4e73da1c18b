//! The body of any answer other than success, from either host.
#![no_main]

use graph_upload::{Error, Host};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (status, body) = input;
    for side in [Host::Graph, Host::Upload] {
        let error = Error::answer(side, status, body, false);
        assert!(error.message.len() <= 2_048 && error.code.len() <= 2_048);
        assert!(!error.to_string().is_empty());
    }
});
