//! What a command that stopped says, and what comes of it when the command that it hints at is pasted
//! into a shell: everything is attached, once, and sent if that was asked for.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::{BINARY, Run, Stage};

const BIG: usize = 9_000_000;

/// A stage with files of 9 MB, 10 B and 20 B.
fn stage(faults: &[&str]) -> Stage {
    let stage = Stage::with_faults(faults);
    stage.file("big", BIG);
    stage.file("a b", 10);
    stage.file("c", 20);
    stage
}

/// Runs a command line, interrupted by INT once the service has seen `count` requests by `method`.
fn interrupted(stage: &Stage, line: &str, method: &str, count: usize) -> Run {
    let child = shell(stage, &format!("exec {line}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while stage.requests(method).len() < count {
        assert!(started.elapsed() < Duration::from_secs(60), "{line}");
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(100));
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    Run::of(child.wait_with_output().unwrap())
}

/// `script` in a shell in which `graph-attach` is the binary under test.
fn shell(stage: &Stage, script: &str) -> Command {
    let mut command = Command::new("sh");
    let directory = std::path::Path::new(BINARY).parent().unwrap().display();
    let path = format!("{directory}:{}", std::env::var("PATH").unwrap_or_default());
    command
        .args(["-c", script])
        .env_clear()
        .envs(stage.environment())
        .env("PATH", path)
        .current_dir(stage.home.path());
    command
}

/// The last hint, pasted. The service is well again, and so is whatever stopped the first command.
fn paste(stage: &Stage, run: &Run) -> Run {
    // What the dead process had handed to the network is carried out by then.
    while stage.sandbox.connections() > 0 {
        thread::sleep(Duration::from_millis(5));
    }
    stage.sandbox.clear_faults();
    let hints = run.stderr.lines().rev();
    let mut hints = hints.filter_map(|line| line.strip_prefix("hint: "));
    let hint = hints.next().unwrap_or_else(|| panic!("no hint: {run:#?}"));
    Run::of(shell(stage, hint).stdin(Stdio::null()).output().unwrap())
}

fn names(stage: &Stage) -> Vec<String> {
    let held = stage.sandbox.items().into_iter();
    let mut names: Vec<String> = held
        .flat_map(|item| item.attachments)
        .map(|file| file.name)
        .collect();
    names.sort();
    names
}

fn is_sent(stage: &Stage) -> bool {
    let message = stage.sandbox.message();
    let items = stage.sandbox.items();
    !items
        .iter()
        .any(|item| item.id == message && item.folder == "drafts")
}

#[test]
fn every_file_that_was_named_is_attached_in_the_end() {
    let stage = stage(&["put@2=stall:30"]);
    let run = interrupted(&stage, "graph-attach attach c big 'a b'", "PUT", 2);
    let run = run.says("interrupted: `big` is at");
    paste(&stage, &run).code(0);
    assert_eq!(names(&stage), ["a b", "big", "c"]);
}

#[test]
fn a_second_copy_does_not_become_a_third() {
    // In the middle of the second file.
    let stage = stage(&["put@2=stall:30"]);
    stage.run(["attach", "c"]).code(0);
    let run = interrupted(&stage, "graph-attach attach --again --send c big", "PUT", 2);
    paste(&stage, &run).code(0);
    assert_eq!(names(&stage), ["big", "c", "c"]);
    assert!(is_sent(&stage));

    // In the middle of a POST, which may have attached: only a person can tell, from the list.
    let stage = self::stage(&["post@1=stall:30"]);
    let run = interrupted(&stage, "graph-attach attach --again c", "POST", 1);
    let list = paste(&stage, &run).code(0);
    assert!(list.stdout.contains("\tc\n"), "{list:#?}");
    assert_eq!(names(&stage), ["c"]);
}

#[test]
fn what_came_through_a_pipe_is_resumed_and_sent() {
    let stage = stage(&["put@2=503"]);
    let line = "graph-attach attach --max-retries 0 --name q --send - < big";
    let run = Run::of(shell(&stage, line).output().unwrap()).code(5);
    paste(&stage, &run).code(0);
    assert_eq!(names(&stage), ["q"]);
    assert!(is_sent(&stage));
}

#[test]
fn a_message_that_only_has_to_be_sent_is_sent() {
    let stage = stage(&["send@1=stall:30"]);
    let run = interrupted(&stage, "graph-attach attach --send c", "POST", 2);
    let run = run.says("hint: graph-attach send --yes ");
    // Whether it had left is for `send` to find out.
    let sent = paste(&stage, &run);
    assert!(matches!(sent.code, Some(0 | 6 | 7)), "{sent:#?}");
    assert!(is_sent(&stage));
    assert_eq!(names(&stage), ["c"]);
}

#[test]
fn flags_of_the_command_are_flags_of_the_next() {
    let stage = stage(&["put@2=503"]);
    let line = "graph-attach attach --state-dir 'my $tate' --max-retries 0 big";
    let run = Run::of(shell(&stage, line).output().unwrap()).code(5);
    let run = run.says("--state-dir 'my $tate'");
    paste(&stage, &run).code(0);
    assert_eq!(names(&stage), ["big"]);
}

#[test]
fn to_verify_is_not_forgotten() {
    let stage = stage(&["put@2=503"]);
    let line = "graph-attach attach --verify --max-retries 0 big";
    Run::of(shell(&stage, line).output().unwrap()).code(5);
    stage.sandbox.clear_faults();
    let run = stage.run(["resume", "--json"]).code(0);
    assert_eq!(run.json()[0]["verified"], true);
}

#[test]
fn the_last_range_of_a_live_session_needs_no_token_either() {
    let stage = Stage::with_faults(&["put@1=503"]);
    stage.file("f", 3_100_000);
    stage.run(["attach", "--max-retries", "0", "f"]).code(5);
    stage.sandbox.clear_faults();
    let mut command = stage.command(["resume"]);
    command.env_remove("GRAPH_ATTACH_TOKEN");
    Run::of(command.output().unwrap()).code(0);
    assert_eq!(names(&stage), ["f"]);
}

#[test]
fn files_that_were_not_tried_are_named() {
    let stage = stage(&["put@2=503"]);
    let line = "graph-attach attach --json --fail-fast --max-retries 0 c big 'a b'";
    let run = Run::of(shell(&stage, line).output().unwrap()).code(3);
    let lines = run.json();
    let types: Vec<_> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["attached", "failed", "failed", "summary"]);
    assert_eq!(
        (&lines[2]["file"], &lines[2]["exit_code"]),
        (&"a b".into(), &5.into())
    );
    assert_eq!(lines[2]["error"]["code"], "NotTried");
    assert_eq!(lines[3]["failed"], 2);
    let run = run.says("1 file was not tried: `a b`");
    paste(&stage, &run).code(0);
    assert_eq!(names(&stage), ["a b", "big", "c"]);

    // A token that is refused is refused for all.
    let stage = self::stage(&[]);
    let mut command = stage.command(["attach", "--json", "c", "a b"]);
    command.env("GRAPH_ATTACH_TOKEN", "wrong");
    let run = Run::of(command.output().unwrap()).code(4);
    let types: Vec<_> = run.json().iter().map(|line| line["type"].clone()).collect();
    assert_eq!(types, ["failed", "failed", "summary"]);
    // And one that is missing.
    let mut command = stage.command(["attach", "--json", "c", "a b"]);
    command.env_remove("GRAPH_ATTACH_TOKEN");
    let run = Run::of(command.output().unwrap()).code(4);
    assert_eq!(run.json().len(), 3);
}

#[test]
fn a_signal_leaves_whole_json_behind() {
    let stage = stage(&["put@2=stall:30"]);
    let run = interrupted(&stage, "graph-attach attach --json c big 'a b'", "PUT", 2);
    let lines = run.json();
    let types: Vec<_> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["attached", "failed", "failed", "summary"]);
    assert_eq!(lines[1]["exit_code"], 130);
    assert_eq!(lines[1]["resume"], stage.session());
    assert_eq!(lines[1]["error"]["code"], "Interrupted");
    assert_eq!(lines[2]["error"]["code"], "NotTried");
    assert_eq!(lines[3]["attached"], 1);
}

#[test]
fn standard_input_that_is_not_all_there_leaves_nothing() {
    let stage = Stage::new();
    let mut child = stage
        .process(["attach", "--name", "q", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &[7; 100_000]).unwrap();
    thread::sleep(Duration::from_millis(300));
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let run = Run::of(child.wait_with_output().unwrap()).says("interrupted");
    let run = run.says("hint: PRODUCER | graph-attach attach --message");
    assert!(run.stdout.is_empty());
    assert!(stage.held().is_empty());
}

#[test]
fn no_name_becomes_part_of_a_command() {
    // Each of these is more than a name where it is not quoted, or is not seen.
    for name in [
        "report -- final.bin",
        "a && touch pwned && b",
        "$(touch pwned)",
        "it's `touch pwned`",
        "--endpoint x | tee pwned",
        "-n",
        "\u{3164}\u{202e}fdp",
    ] {
        let stage = Stage::with_faults(&["put@1x9=503:0"]);
        stage.file(name, BIG);
        stage.file("c", 20);
        let options = ["attach", "--max-retries=0", "--fail-fast", "--send"];
        let mut command = stage.command(options);
        let state = stage.home.path().join("other state");
        command
            .arg("--state-dir")
            .arg(state)
            .args(["--", name, "c"]);
        let run = Run::of(command.output().unwrap()).code(5);
        paste(&stage, &run).code(0);
        assert!(names(&stage).iter().any(|held| held == name), "{run:#?}");
        let pwned = stage.home.path().join("pwned");
        assert!(!pwned.exists(), "{name:?}: {run:#?}");
    }
}
