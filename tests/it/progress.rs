//! Progress as scripts and logs see it. The bar itself is tested where it is drawn.

use serde_json::Value;

use crate::support::{Run, Stage};

const SIZE: usize = 12_000_000;

/// The progress events of a run with `--progress json`.
fn events(run: &Run) -> Vec<Value> {
    let lines = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter(|line| line["type"] == "progress").collect()
}

fn offsets(events: &[Value]) -> Vec<u64> {
    events
        .iter()
        .filter(|event| event["event"] == "acknowledged")
        .map(|event| event["offset"].as_u64().expect("an offset"))
        .collect()
}

#[test]
fn only_acknowledged_bytes_are_progress() {
    let stage = Stage::with_faults(&["put@2=503:0"]);
    let file = stage.file("f.bin", SIZE);
    let run = stage
        .run([
            "attach".as_ref(),
            "--progress=json".as_ref(),
            file.as_os_str(),
        ])
        .code(0);
    let events = events(&run);
    assert_eq!(
        offsets(&events),
        [3_932_160, 7_864_320, 11_796_480, 12_000_000]
    );
    assert!(
        events.iter().any(|event| event["event"] == "waiting"),
        "{run:#?}"
    );
    assert_eq!(events.last().unwrap()["event"], "finished");
}

#[test]
fn a_resumed_upload_starts_at_its_offset() {
    let stage = Stage::with_faults(&["put@3x9=503:0"]);
    let file = stage.file("f.bin", SIZE);
    stage
        .run([
            "attach".as_ref(),
            "--max-retries=0".as_ref(),
            file.as_os_str(),
        ])
        .code(5);
    stage.sandbox.clear_faults();
    let run = stage.run(["resume", "--progress", "json"]).code(0);
    let events = events(&run);
    let opened = events
        .iter()
        .find(|event| event["event"] == "opened")
        .expect("opened");
    assert_eq!(
        (&opened["offset"], &opened["resumed"]),
        (&7_864_320.into(), &true.into())
    );
    assert_eq!(offsets(&events), [11_796_480, 12_000_000]);
}

#[test]
fn plain_lines_are_few_and_quiet_is_quiet() {
    let stage = Stage::new();
    let file = stage.file("f.bin", SIZE);
    let run = stage.run(["attach".as_ref(), file.as_os_str()]).code(0);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert!((2..=4).contains(&lines.len()), "{run:#?}");
    assert!(
        lines[0].contains("f.bin") && lines[0].contains("12.0 MB"),
        "{run:#?}"
    );
    assert!(
        !run.stderr.contains('\x1b') && !run.stderr.contains('\r'),
        "{run:#?}"
    );
    for extra in [&["--quiet"][..], &["--progress", "none"]] {
        let args = [&["attach", "--again"], extra, &["f.bin"]].concat();
        let run = stage.run(args).code(0);
        assert_eq!(run.stderr, "");
        assert_eq!(run.stdout.lines().count(), 1);
    }
}
