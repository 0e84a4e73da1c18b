//! `attach --dry-run`, the notes before an upload, and what many files come to.

use crate::support::Stage;

#[test]
fn a_dry_run_tells_routes_and_refusals_without_a_network() {
    let stage = Stage::new();
    stage.file("a.txt", 10);
    stage.file("b.bin", 10_000_000);
    stage.file("c.bin", 36_000_000);
    let big = stage.file("big.bin", 0);
    let file = std::fs::File::options().write(true).open(big).unwrap();
    file.set_len(157_286_401).unwrap();
    let args = "attach -n a.txt none.txt b.bin c.bin big.bin";
    let run = stage.run(args.split(' ')).code(3);
    assert_eq!(
        run.stdout,
        "a.txt\tpost\t10\t1 request\ta.txt\n\
         b.bin\tsession\t10000000\t3 ranges\tb.bin\n\
         c.bin\tsession\t36000000\t10 ranges\tc.bin\n"
    );
    run.says(&format!("onto the message `{}`", stage.sandbox.message()))
        .says("token from GRAPH_ATTACH_TOKEN")
        .says("no such file: `none.txt`")
        .says("150 MB (157286400 bytes)")
        .says("35.0 MB");
    let run = stage
        .run("attach -n --json a.txt none.txt b.bin".split(' '))
        .code(3);
    let lines = run.json();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["type"] == "plan"));
    assert_eq!(
        (&lines[0]["route"], &lines[0]["size"]),
        (&"post".into(), &10.into())
    );
    assert_eq!(
        (&lines[1]["exit_code"], &lines[1]["route"]),
        (&8.into(), &serde_json::Value::Null)
    );
    assert_eq!(lines[2]["ranges"], 3);
    stage
        .run([
            "attach",
            "-n",
            "--new",
            "--to",
            "ann@contoso.com",
            "--subject",
            "S",
            "a.txt",
        ])
        .code(0)
        .says("onto a new draft to ann@contoso.com");
    let run = stage.run(["attach", "-n", "--name", "n", "-"]).code(0);
    assert!(run.stdout.starts_with("-\tunknown\t\t"), "{run:#?}");
    let output = stage
        .command(["attach", "-n", "a.txt"])
        .env_remove("GRAPH_ATTACH_TOKEN")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(stage.sandbox.requests().is_empty());
    assert!(!stage.state_dir().exists());
}

#[test]
fn more_than_a_message_takes_by_default_is_a_note_and_no_error() {
    let stage = Stage::new();
    stage.file("a.bin", 20_000_000);
    stage.file("b.bin", 16_000_000);
    let run = stage.run(["attach", "a.bin", "b.bin"]).code(0);
    run.says("note: that is 36.0 MB in all; a message takes 35.0 MB")
        .says("2 of 2 files attached, 36.0 MB");
}

#[test]
fn attendees_are_remembered() {
    let stage = Stage::new();
    stage.file("a.txt", 10);
    let run = stage.run(["attach", "--event", stage.sandbox.event(), "a.txt"]);
    run.code(0).says("attendees do not see");
    let run = stage.run(["attach", "-q", "--event", stage.sandbox.event(), "a.txt"]);
    assert_eq!(run.code(0).stderr, "");
}
