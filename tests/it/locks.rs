//! One item, one command at a time: whatever the item is called, and wherever locks can be.

use std::{
    ffi::OsStr,
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{Run, Stage, sha256, until};

/// A session of three ranges, of which the second takes its time.
const SIZE: usize = 3_000_000;
const SLOW: &str = "put@2=stall:3";

fn start(mut command: Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn attach<'a>(stage: &Stage, id: &'a str, more: &[&'a str]) -> Command {
    let args = ["attach", "--chunk-size=1MiB", "--message", id, "f.bin"];
    stage.process(args.iter().chain(more))
}

/// The immutable id of a message.
fn lasting(stage: &Stage, id: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/me/messages/{id}?$select=id", stage.sandbox.endpoint());
        let request = client
            .get(url)
            .header("Prefer", "IdType=\"ImmutableId\"")
            .bearer_auth(stage.sandbox.token());
        let bytes = request.send().await.unwrap().bytes().await.unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        value["id"].as_str().unwrap().to_owned()
    })
}

/// Starts `first`, and `second` while it is on its way: the second finds the item in use.
fn second_is_kept_out(stage: &Stage, first: Command, second: Command) {
    let first = start(first);
    until(|| stage.requests("PUT").len() >= 2);
    let second = Run::of(start(second).wait_with_output().unwrap()).code(9);
    second.says("is in use by another graph-attach process");
    Run::of(first.wait_with_output().unwrap()).code(0);
    let held = stage.held();
    assert_eq!(held.len(), 1, "{held:#?}");
}

fn stage() -> Stage {
    let stage = Stage::with_faults(&[SLOW]);
    stage.file("f.bin", SIZE);
    stage
}

#[test]
fn an_item_has_one_lock_whatever_it_is_called() {
    let stage = stage();
    let id = stage.sandbox.message().to_owned();
    let endpoint = stage.sandbox.endpoint();
    let local = endpoint.replace("127.0.0.1", "LOCALHOST") + "/";
    let mut elsewhere = attach(&stage, &id, &[]);
    elsewhere.env("GRAPH_ATTACH_ENDPOINT", &local);
    second_is_kept_out(&stage, attach(&stage, &id, &[]), elsewhere);
}

#[test]
fn both_ids_of_a_message_are_one_item() {
    for swapped in [false, true] {
        let stage = stage();
        let id = stage.sandbox.message().to_owned();
        let other = lasting(&stage, &id);
        assert_ne!(id, other);
        let (first, second) = match swapped {
            false => (&id, &other),
            true => (&other, &id),
        };
        second_is_kept_out(
            &stage,
            attach(&stage, first, &[]),
            attach(&stage, second, &[]),
        );
        let looks = stage.requests("GET").into_iter();
        let looks = looks
            .filter(|seen| !seen.path.contains("/attachments"))
            .count();
        // Our own look above, and one of the second command.
        assert!(looks <= 2, "{looks}");
    }
}

#[test]
fn the_mailbox_may_be_named_or_not() {
    let stage = stage();
    let id = stage.sandbox.message().to_owned();
    let named = attach(&stage, &id, &["--mailbox", "me@contoso.com"]);
    second_is_kept_out(&stage, attach(&stage, &id, &[]), named);
}

#[test]
fn the_first_command_never_asks_who_else_is_there() {
    let stage = Stage::new();
    stage.file("f.bin", SIZE);
    stage.run(["attach", "--chunk-size=1MiB", "f.bin"]).code(0);
    // A list, a session, three ranges.
    assert_eq!(stage.sandbox.requests().len(), 5);
}

#[test]
fn where_the_state_directory_cannot_be_used_locks_are_elsewhere() {
    let stage = stage();
    let id = stage.sandbox.message().to_owned();
    let (runtime, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let command = |runtime: Option<&OsStr>| {
        let mut command = attach(&stage, &id, &["--state-dir=/dev/null/state"]);
        command.env("TMPDIR", temporary.path());
        command.envs(runtime.map(|path| ("XDG_RUNTIME_DIR", path)));
        command
    };
    let with = Some(runtime.path().as_os_str());
    second_is_kept_out(&stage, command(with), command(with));
    let left = fs::read_dir(runtime.path().join("graph-attach")).unwrap();
    assert_eq!(left.count(), 0);
    // No runtime directory either.
    stage.sandbox.clear_faults();
    let run = Run::of(start(command(None)).wait_with_output().unwrap()).code(0);
    run.says("cannot be resumed");
    let made: Vec<_> = fs::read_dir(temporary.path()).unwrap().collect();
    assert_eq!(made.len(), 1);
    let made = made[0].as_ref().unwrap();
    assert!(
        made.file_name()
            .to_string_lossy()
            .starts_with("graph-attach-")
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(&made.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn where_no_lock_can_be_the_warning_says_so() {
    let stage = Stage::new();
    let file = stage.file("f.bin", 10);
    let mut command = attach(
        &stage,
        stage.sandbox.message(),
        &["--state-dir=/dev/null/state"],
    );
    command.env("TMPDIR", "/dev/null");
    let run = Run::of(start(command).wait_with_output().unwrap()).code(0);
    let run = run.says("cannot be resumed").says("may attach twice");
    assert_eq!(run.stderr.matches("warning: ").count(), 1, "{run:#?}");
    assert_eq!(stage.held()[0].sha256, sha256(&file));
}

#[test]
fn a_lock_whose_directory_was_removed_is_noticed_before_the_file_is_attached() {
    // Another process came in through the gap: it works on the item, so the first one stops.
    let stage = stage();
    let id = stage.sandbox.message().to_owned();
    let first = start(attach(&stage, &id, &[]));
    until(|| stage.requests("PUT").len() >= 2);
    fs::remove_dir_all(stage.state_dir()).unwrap();
    let second = Run::of(start(attach(&stage, &id, &[])).wait_with_output().unwrap()).code(0);
    let first = Run::of(first.wait_with_output().unwrap());
    let held = stage.held();
    assert_eq!(held.len(), 1, "{first:#?} {second:#?}");
    // It finds what the other attached, or the other still at work.
    assert!(matches!(first.code, Some(0 | 9)), "{first:#?}");
}

#[test]
fn a_batch_of_items_of_one_form_costs_no_look() {
    let stage = Stage::with_faults(&[SLOW]);
    stage.file("f.bin", SIZE);
    let other = stage.run(["draft", "--subject", "other"]).code(0);
    let first = start(attach(&stage, stage.sandbox.message(), &[]));
    until(|| stage.requests("PUT").len() >= 2);
    let before = stage.requests("GET").len();
    let started = Instant::now();
    let run = Run::of(
        start(attach(&stage, other.id(), &[]))
            .wait_with_output()
            .unwrap(),
    );
    run.code(0);
    assert!(started.elapsed() < Duration::from_secs(60));
    assert_eq!(
        stage.requests("GET").len() - before,
        1,
        "its list, and nothing else"
    );
    Run::of(first.wait_with_output().unwrap()).code(0);
}
