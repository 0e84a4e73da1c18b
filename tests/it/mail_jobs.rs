//! A mail is a job: whatever ends the command, the mail is made once, with all its files, and sent once.

use std::time::Duration;

use crate::support::{Stage, until};

/// Folders of the messages with this subject.
fn folders(stage: &Stage, subject: &str) -> Vec<&'static str> {
    let items = stage.sandbox.items().into_iter();
    items
        .filter(|item| item.subject == subject)
        .map(|item| item.folder)
        .collect()
}

/// Names of the files on the messages with this subject.
fn names(stage: &Stage, subject: &str) -> Vec<String> {
    let items = stage.sandbox.items().into_iter();
    let files = items
        .filter(|item| item.subject == subject)
        .flat_map(|item| item.attachments);
    files.map(|file| file.name).collect()
}

const NEW: [&str; 6] = [
    "attach",
    "--new",
    "--to",
    "ann@contoso.com",
    "--subject",
    "Report",
];

fn new(more: &[&'static str]) -> Vec<&'static str> {
    NEW.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn a_mail_killed_after_its_first_file_is_finished_by_resume() {
    let stage = Stage::with_faults(&["post@2=stall:30"]);
    for name in ["a.txt", "b.txt", "c.txt"] {
        stage.file(name, 1_000);
    }
    let mut child = stage
        .process(new(&["--send", "a.txt", "b.txt", "c.txt"]))
        .spawn()
        .unwrap();
    // The first file is known to be attached when the second one is on its way.
    let posts = || {
        stage
            .requests("POST")
            .into_iter()
            .filter(|seen| seen.path.ends_with("/attachments"))
    };
    until(|| posts().count() == 2);
    child.kill().unwrap();
    child.wait().unwrap();
    stage.sandbox.clear_faults();
    let run = stage.run(["status", "--json"]).code(0);
    let mail = &run.json()[0];
    assert_eq!(
        (&mail["type"], &mail["state"]),
        (&"mail".into(), &"resumable".into())
    );
    assert_eq!(mail["to"], serde_json::json!(["ann@contoso.com"]));
    assert_eq!(mail["files"][0]["attached"], true);
    assert_eq!(mail["files"][2]["attached"], false);
    assert_eq!(mail["sent"], false);
    stage.run(["resume"]).code(0).says("`Report` is sent");
    assert_eq!(folders(&stage, "Report"), ["sentitems"]);
    assert_eq!(names(&stage, "Report"), ["a.txt", "b.txt", "c.txt"]);
    // It is over: nothing is left to resume, and `status` shows it only when asked to.
    assert!(!stage.run(["status"]).code(0).stdout.contains("Report"));
    assert!(
        stage
            .run(["status", "--all"])
            .code(0)
            .stdout
            .contains("Report")
    );
    stage.run(["resume"]).code(0);
    assert_eq!(folders(&stage, "Report").len(), 1);
}

#[test]
fn the_same_command_continues_an_unfinished_mail_and_is_a_new_one_afterwards() {
    let stage = Stage::new();
    stage.file("a.txt", 1_000);
    let first = stage.run(new(&["a.txt", "missing.txt"])).code(3);
    first.says("hint: graph-attach resume ");
    stage.file("missing.txt", 10);
    // Other content than when it was given is another mail; that of a file that was not there is not known.
    let run = stage.run(new(&["--send", "a.txt"])).code(0);
    run.says("is sent");
    assert_eq!(folders(&stage, "Report").len(), 2);
    stage.run(new(&["--send", "a.txt"])).code(0);
    assert_eq!(
        folders(&stage, "Report").len(),
        3,
        "a finished mail is no reason not to send it again"
    );
}

#[test]
fn a_lost_answer_to_the_creation_does_not_make_two_drafts() {
    let stage = Stage::with_faults(&["draft@1=lost"]);
    stage.file("a.txt", 10);
    stage.run(new(&["a.txt"])).code(0);
    assert_eq!(folders(&stage, "Report"), ["drafts"]);
    assert_eq!(names(&stage, "Report"), ["a.txt"]);
    let stage = Stage::with_faults(&["draft@1=lost"]);
    stage
        .run(["draft", "--to", "ann@contoso.com", "--subject", "Report"])
        .code(0);
    assert_eq!(folders(&stage, "Report"), ["drafts"]);
}

#[test]
fn once_is_once_on_whichever_computer() {
    let stage = Stage::new();
    stage.file("a.txt", 1_000);
    let args = new(&["--once", "2026-11", "--send", "a.txt"]);
    stage.run(args.clone()).code(0);
    stage.run(args.clone()).code(0).says("sent before");
    // Another computer knows nothing, and finds it by the key on the message.
    let elsewhere = stage.home.path().join("elsewhere");
    let mut command = stage.command(args);
    let output = command
        .env("GRAPH_ATTACH_STATE_DIR", &elsewhere)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(folders(&stage, "Report"), ["sentitems"]);
    stage
        .run(new(&["--once", "2026-12", "--send", "a.txt"]))
        .code(0);
    assert_eq!(folders(&stage, "Report").len(), 2);
}

#[test]
fn a_send_whose_answer_is_lost_is_not_repeated() {
    let stage = Stage::with_faults(&["send@1=lost"]);
    stage.file("a.txt", 10);
    stage
        .run(new(&["--send", "a.txt"]))
        .code(0)
        .says("`Report` is sent");
    assert_eq!(folders(&stage, "Report"), ["sentitems"]);
    // Not carried out, and no answer: nobody knows, so it is not sent again by itself.
    let stage = Stage::with_faults(&["send@1=reset"]);
    stage.file("a.txt", 10);
    let run = |args: Vec<&str>| {
        let output = stage
            .command(args)
            .env("GRAPH_ATTACH_SEND_WATCH", "1500")
            .output()
            .unwrap();
        crate::support::Run::of(output)
    };
    run(new(&["--send", "a.txt"]))
        .code(5)
        .says("not known whether the message was sent");
    assert_eq!(folders(&stage, "Report"), ["drafts"]);
    run(vec!["resume"]).code(5).says("not known");
    assert_eq!(folders(&stage, "Report"), ["drafts"]);
    // Given again by the user it looks first, and then sends what is still a draft.
    run(new(&["--send", "a.txt"])).code(0);
    assert_eq!(folders(&stage, "Report"), ["sentitems"]);
}

#[test]
fn send_takes_a_job_over_once_it_is_complete() {
    let stage = Stage::new();
    stage.file("a.txt", 10);
    stage.run(new(&["--send", "a.txt", "missing.txt"])).code(3);
    let id = stage
        .sandbox
        .items()
        .into_iter()
        .find(|item| item.subject == "Report")
        .unwrap()
        .id;
    stage
        .run(["send", "--yes", &id])
        .code(7)
        .says("`missing.txt` of mail")
        .says("resume");
    stage.file("missing.txt", 10);
    stage
        .run(["attach", "--message", &id, "missing.txt"])
        .code(0);
    stage.run(["send", "--yes", &id]).code(0);
    assert_eq!(folders(&stage, "Report"), ["sentitems"]);
    stage.run(["resume"]).code(0);
    assert_eq!(folders(&stage, "Report").len(), 1);
}

#[test]
fn replies_and_forwarded_messages_take_files_and_a_text() {
    let stage = Stage::new();
    stage.file("a.txt", 10);
    let id = stage.sandbox.message().to_owned();
    let run = stage
        .run(["draft", "--reply", &id, "--body", "See below"])
        .code(0);
    let reply = run.id().to_owned();
    assert_ne!(reply, id);
    let run = stage
        .run([
            "attach",
            "--forward",
            &id,
            "--to",
            "eve@contoso.com",
            "--json",
            "--send",
            "a.txt",
        ])
        .code(0);
    assert_eq!(run.json()[0]["type"], "draft");
    assert!(
        run.json()[0]["webLink"]
            .as_str()
            .unwrap()
            .starts_with("https://")
    );
    let sent: Vec<_> = stage
        .sandbox
        .items()
        .into_iter()
        .filter(|item| item.folder == "sentitems")
        .collect();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].attachments.iter().any(|file| file.name == "a.txt"));
    stage
        .run(["attach", "--reply", &id, "--new", "a.txt"])
        .code(2);
    stage
        .run(["attach", "--message", &id, "--once", "x", "a.txt"])
        .code(2);
}

#[test]
fn a_pipe_of_a_mail_is_finished_by_resume() {
    let stage = Stage::with_faults(&["post@1=stall:30"]);
    let mut child = stage
        .process(new(&["--name", "dump.sql", "--send", "-"]))
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"select 1").unwrap();
    until(|| {
        stage
            .requests("POST")
            .iter()
            .any(|seen| seen.path.ends_with("/attachments"))
    });
    std::thread::sleep(Duration::from_millis(100));
    child.kill().unwrap();
    child.wait().unwrap();
    stage.sandbox.clear_faults();
    stage.run(["resume"]).code(0);
    assert_eq!(folders(&stage, "Report"), ["sentitems"]);
    assert_eq!(names(&stage, "Report"), ["dump.sql"]);
}
