//! Clocks that are wrong.

use std::fs;

use graph_attach::session::Record;

use super::{ATTACH, SIZE};
use crate::support::Stage;

#[test]
fn a_clock_that_is_a_year_off() {
    let year = jiff::SignedDuration::from_hours(365 * 24);
    for (off, shown) in [(-year, "expired"), (year, "resumable")] {
        let stage = Stage::with_faults(&["put@2=503"]);
        stage.file("f", SIZE);
        stage
            .run(ATTACH.into_iter().chain(["--max-retries", "0"]))
            .code(5);
        // As if the clock had jumped between the two commands.
        let path = stage.session_file();
        let mut record = Record::from_json(&fs::read(&path).unwrap()).unwrap();
        record.expires = record.expires.map(|expires| expires + off);
        record.created += off;
        fs::write(&path, record.to_json()).unwrap();
        let status = stage.run(["status", "--json"]).code(0);
        assert_eq!(status.json()[0]["state"], shown);
        // The service's word counts, not the clock's.
        let run = stage.run(["resume", "--json"]).code(0);
        assert_eq!(run.json()[0]["resumed"], true);
        assert_eq!(stage.requests("PUT").len(), 4, "nothing is sent twice");
        assert_eq!(stage.held().len(), 1);
    }
}
