//! Clocks that are wrong, from the start or all of a sudden: what the service says counts.

use std::{fs, path::Path, process::Command, process::Stdio};

use graph_attach::session::Record;
use graph_sandbox::{Options, options::StatusAnswer};

use super::{ATTACH, SIZE, until};
use crate::support::{Run, Stage, has, not_tried};

const YEAR: jiff::SignedDuration = jiff::SignedDuration::from_hours(365 * 24);

/// What the clock shows beside the right time, as libfaketime has it.
const OFFSETS: [&str; 4] = ["+1y", "-1y", "+30y", "-30y"];

/// The library that lets a process see another time; `None`, and said so, where there is none.
fn faketime() -> Option<String> {
    if !has("faketime", "a wrong clock") {
        return None;
    }
    let script = "printf %s \"$LD_PRELOAD\"";
    let output = Command::new("faketime")
        .args(["-f", "+0", "sh", "-c", script])
        .output();
    let library = output
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .filter(|library| !library.is_empty());
    if library.is_none() {
        not_tried("a wrong clock: faketime does not work here");
    }
    library
}

/// The binary under a clock that is `offset` off, or that follows a file with the offset.
fn under(stage: &Stage, library: &str, clock: (&str, &str), args: &[&str]) -> Command {
    let mut command = stage.process(args);
    command
        .env("LD_PRELOAD", library)
        .env(clock.0, clock.1)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .stdin(Stdio::null());
    command
}

fn run(mut command: Command) -> Run {
    Run::of(command.output().expect("it runs"))
}

/// A stage on which an upload was stopped after one of three ranges.
fn stopped(options: Options) -> Stage {
    let stage = Stage::with(options);
    stage
        .sandbox
        .add_faults(["put@2=503"].map(|fault| fault.parse().unwrap()));
    stage.file("f", SIZE);
    stage
        .run(ATTACH.into_iter().chain(["--max-retries", "0"]))
        .code(5);
    stage.sandbox.clear_faults();
    stage
}

#[test]
fn uploads_under_a_wrong_clock() {
    let Some(library) = faketime() else { return };
    for offset in OFFSETS {
        let clock = ("FAKETIME", offset);
        // It does take effect.
        let stage = stopped(Options::default());
        let status = run(under(&stage, &library, clock, &["status", "--json"])).code(0);
        assert_eq!(status.json()[0]["state"], shown(offset), "{offset}");

        // Another clock than the first command's.
        let resumed = run(under(&stage, &library, clock, &["resume", "--json"])).code(0);
        assert_eq!(resumed.json()[0]["resumed"], true, "{offset}");
        assert_eq!(stage.requests("PUT").len(), 4, "{offset}: nothing twice");
        assert_eq!(stage.held().len(), 1);

        // The same wrong one from the beginning, with an answer lost and a wait that is asked for.
        let stage = Stage::with_faults(&["put@2=503:1", "put@4=lost"]);
        stage.file("f", SIZE);
        run(under(&stage, &library, clock, &ATTACH)).code(0);
        assert_eq!(stage.held().len(), 1, "{offset}");
        run(under(&stage, &library, clock, &ATTACH)).code(0);
        assert_eq!(stage.held().len(), 1, "{offset}");
        stage.run(["prune"]).code(0).says("1 session is forgotten");
    }
}

#[test]
fn a_clock_that_jumps_in_the_middle_of_an_upload() {
    let Some(library) = faketime() else { return };
    for offset in OFFSETS {
        let stage = Stage::with_faults(&["put@2=stall:1", "put@3=503"]);
        stage.file("f", SIZE);
        let file = stage.home.path().join("clock");
        fs::write(&file, "+0").unwrap();
        let clock = ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap());
        let child = under(&stage, &library, clock, &ATTACH)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until(|| stage.requests("PUT").len() == 2);
        replace(&file, offset);
        let done = Run::of(child.wait_with_output().unwrap()).code(0);
        assert_eq!(done.id(), stage.held()[0].id, "{offset}");
        assert_eq!(stage.held().len(), 1, "{offset}");
        assert_eq!(stage.requests("PUT").len(), 4, "{offset}");
        // It did jump.
        let other = stopped(Options::default());
        let status = run(under(&other, &library, clock, &["status", "--json"]));
        assert_eq!(status.code(0).json()[0]["state"], shown(offset), "{offset}");
    }
}

/// What a session that was just begun is called under such a clock.
fn shown(offset: &str) -> &'static str {
    if offset.starts_with('+') {
        "expired"
    } else {
        "resumable"
    }
}

/// Changes a file at once: whoever reads it finds the old or the new text.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}

#[test]
fn a_session_is_not_forgotten_because_of_a_clock() {
    let Some(library) = faketime() else { return };
    let clock = ("FAKETIME", "+1y");
    let stage = stopped(Options::default());
    run(under(&stage, &library, clock, &["prune"]))
        .code(0)
        .says("alive at the service")
        .says("nothing to forget");
    stage.run(["resume"]).code(0);
    assert_eq!(stage.requests("PUT").len(), 4, "nothing is sent twice");

    // Where the service tells nobody, the clock is all there is.
    let stage = stopped(Options {
        status: StatusAnswer::NotAllowed,
        ..Options::default()
    });
    let prune = ["prune"];
    run(under(&stage, &library, clock, &prune))
        .code(0)
        .says("1 session is forgotten");
    stage.run(ATTACH).code(0);
    assert_eq!(stage.held().len(), 1);
}

/// The same without faketime: records that say that their session ended a year ago, or will in one.
#[test]
fn a_record_that_is_a_year_off() {
    for (off, shown) in [(-YEAR, "expired"), (YEAR, "resumable")] {
        let stage = stopped(Options::default());
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
