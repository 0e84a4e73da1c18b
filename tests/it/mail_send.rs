//! `draft`, `send`, and `attach --new … --send`: nothing is sent in part, and nothing twice.

use crate::support::{Run, Stage, sha256};

/// A draft to somebody; its id.
fn draft(stage: &Stage) -> String {
    let run = stage.run(["draft", "--to", "ann@contoso.com", "--subject", "Report"]);
    run.code(0).id().to_owned()
}

/// Folders of the messages with this subject.
fn folders(stage: &Stage, subject: &str) -> Vec<&'static str> {
    let items = stage.sandbox.items().into_iter();
    items
        .filter(|item| item.subject == subject)
        .map(|item| item.folder)
        .collect()
}

#[test]
fn a_draft_is_what_the_options_say() {
    let stage = Stage::new();
    std::fs::write(stage.home.path().join("letter.html"), "<p>Grüße</p>").unwrap();
    let run = stage.run([
        "draft",
        "--to",
        "Ann <ann@contoso.com>, bob@contoso.com",
        "--to=eve@contoso.com",
        "--cc",
        "c@contoso.com",
        "--bcc",
        "d@contoso.com",
        "--subject",
        "Übersicht",
        "--body-file",
        "letter.html",
        "--html",
    ]);
    let id = run.code(0).id().to_owned();
    let message = stage.graph(&format!("/me/messages/{id}"));
    assert_eq!(message["subject"], "Übersicht");
    assert_eq!(message["isDraft"], true);
    assert_eq!(message["body"]["contentType"], "html");
    assert_eq!(message["body"]["content"], "<p>Grüße</p>");
    let to: Vec<&str> = (0..3)
        .map(|at| {
            let address = &message["toRecipients"][at]["emailAddress"]["address"];
            address.as_str().unwrap()
        })
        .collect();
    assert_eq!(
        to,
        ["ann@contoso.com", "bob@contoso.com", "eve@contoso.com"]
    );
    assert_eq!(message["toRecipients"][0]["emailAddress"]["name"], "Ann");
    assert_eq!(
        message["ccRecipients"][0]["emailAddress"]["address"],
        "c@contoso.com"
    );
    assert_eq!(
        message["bccRecipients"][0]["emailAddress"]["address"],
        "d@contoso.com"
    );
}

#[test]
fn a_draft_from_json_and_standard_input() {
    let stage = Stage::new();
    let message = r#"{"subject": "from the file", "importance": "high"}"#;
    let output = stage
        .command([
            "draft",
            "--json-file",
            "-",
            "--to",
            "ann@contoso.com",
            "--json",
        ])
        .write_stdin(message)
        .output()
        .unwrap();
    let run = Run::of(output).code(0);
    let line = &run.json()[0];
    assert_eq!(
        (&line["type"], &line["subject"]),
        (&"draft".into(), &"from the file".into())
    );
    let id = line["id"].as_str().unwrap();
    assert_eq!(
        stage.graph(&format!("/me/messages/{id}"))["importance"],
        "high"
    );
    for (input, says) in [
        ("[1]", "is not a message in JSON"),
        ("{", "is not JSON"),
        (r#"{"subjekt": "x"}"#, "subjekt"),
    ] {
        let output = stage
            .command(["draft", "--json-file", "-"])
            .write_stdin(input)
            .output()
            .unwrap();
        let run = Run::of(output).says(says);
        assert!(matches!(run.code, Some(2 | 7)), "{run:#?}");
    }
}

#[test]
fn an_immutable_id_survives_sending() {
    let stage = Stage::new();
    let args = [
        "draft",
        "--to",
        "a@b.com",
        "--subject",
        "S",
        "--immutable-id",
    ];
    let id = stage.run(args).code(0).id().to_owned();
    stage.run(["send", &id]).code(0).says("`S` is sent");
    assert_eq!(stage.graph(&format!("/me/messages/{id}"))["isDraft"], false);
    stage.run(["send", &id]).code(7).says("it was sent already");
    assert_eq!(folders(&stage, "S"), ["sentitems"]);
}

#[test]
fn send_says_that_its_body_is_empty() {
    let stage = Stage::new();
    let id = draft(&stage);
    let run = stage.run(["send", &id, "--json"]).code(0);
    assert_eq!(run.json()[0]["type"], "sent");
    assert_eq!(run.json()[0]["certain"], true);
    let sent = stage.requests("POST").pop().unwrap();
    assert!(sent.path.ends_with("/send"));
    assert_eq!(sent.headers["content-length"], "0");
    // Its old id is gone.
    stage
        .run(["send", &id])
        .code(6)
        .says("the message is not there");
}

/// How often it was asked to send.
fn sends(stage: &Stage) -> usize {
    let posts = stage.requests("POST").into_iter();
    posts.filter(|seen| seen.path.ends_with("/send")).count()
}

/// `send`, with a watch of so many milliseconds instead of a minute.
fn send(stage: &Stage, id: &str, watch: u32) -> Run {
    let mut command = stage.command(["send", id]);
    command.env("GRAPH_ATTACH_SEND_WATCH", watch.to_string());
    Run::of(command.output().unwrap())
}

#[test]
fn a_lost_answer_is_looked_into_and_not_repeated() {
    for (fault, requests) in [
        // Carried out, whatever was answered.
        ("send@1=lost", 1),
        ("send@1=done:504", 1),
        ("send@1=done:500", 1),
        ("send@1=done:404", 1),
        ("send@1=done:403", 1),
        ("send@1=late:2:504", 1),
        ("send@1=late:2", 1),
        // Nothing was done, and the service says so.
        ("send@1=503:0", 2),
        ("send@1=429:0", 2),
    ] {
        let stage = Stage::with_faults(&[fault]);
        let id = draft(&stage);
        send(&stage, &id, 8_000).code(0);
        assert_eq!(sends(&stage), requests, "{fault}");
        assert_eq!(folders(&stage, "Report"), ["sentitems"], "{fault}");
    }
}

#[test]
fn what_nobody_knows_is_told_and_left_to_the_user() {
    for fault in [
        "send@1=drop",
        "send@1=504",
        "send@1=500",
        "send@1=page",
        "send@1=412",
    ] {
        let stage = Stage::with_faults(&[fault]);
        let id = draft(&stage);
        send(&stage, &id, 1_500)
            .code(5)
            .says("not known whether the message was sent")
            .says("hint: graph-attach find messages --subject Report")
            .says(&format!("hint: graph-attach send {id}"));
        assert_eq!(sends(&stage), 1, "{fault}");
        // The user asks again: it is looked at until the minute is over, and then sent.
        let run = send(&stage, &id, 4_000).code(0);
        assert!(run.stderr.contains("of 4 s"), "{run:#?}");
        assert_eq!(sends(&stage), 2, "{fault}");
        assert_eq!(folders(&stage, "Report"), ["sentitems"], "{fault}");
    }
}

#[test]
fn what_turns_out_to_be_sent_is_not_sent_again() {
    // Sent after the watch of the first command, and before the user asks again.
    let stage = Stage::with_faults(&["send@1=late:2:504"]);
    let args = [
        "draft",
        "--to",
        "a@b.com",
        "--subject",
        "Report",
        "--immutable-id",
    ];
    let id = stage.run(args).code(0).id().to_owned();
    send(&stage, &id, 500).code(5);
    let run = send(&stage, &id, 6_000).code(0);
    run.says("`Report` is sent");
    assert_eq!(sends(&stage), 1);
    // Only once: after that it is a message like any other.
    send(&stage, &id, 500).code(7).says("it was sent already");
}

#[test]
fn a_kill_while_it_is_sent_is_remembered() {
    let stage = Stage::with_faults(&["send@1=late:3"]);
    let args = [
        "draft",
        "--to",
        "a@b.com",
        "--subject",
        "Report",
        "--immutable-id",
    ];
    let id = stage.run(args).code(0).id().to_owned();
    let mut child = stage.process(["send", &id]).spawn().unwrap();
    crate::support::until(|| sends(&stage) == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    send(&stage, &id, 10_000).code(0).says("`Report` is sent");
    assert_eq!(sends(&stage), 1);
    assert_eq!(folders(&stage, "Report"), ["sentitems"]);
}

/// An upload to a draft that was killed in mid-upload; the draft's id.
fn unfinished(stage: &Stage) -> String {
    let id = draft(stage);
    let file = stage.file("big.bin", 9_000_000);
    let args = ["attach", "--message", &id, "--max-retries", "0"];
    let args = args.iter().map(|arg| arg.as_ref());
    stage.run(args.chain([file.as_os_str()])).code(5);
    id
}

#[test]
fn what_cannot_be_known_to_be_complete_is_not_sent() {
    use std::os::unix::fs::PermissionsExt;
    let stage = || Stage::with_faults(&["put@2x99=503:0"]);
    // A damaged record, also after it was set aside.
    let damaged = stage();
    let id = unfinished(&damaged);
    let path = damaged.session_file();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("big", "bag", 1)).unwrap();
    for _ in 0..2 {
        let run = damaged
            .run(["send", &id])
            .code(7)
            .says("it cannot be known");
        run.says(&format!(
            "hint: graph-attach send --even-if-unfinished {id}"
        ));
    }
    damaged.run(["send", "--even-if-unfinished", &id]).code(0);

    // A record of a newer version.
    let newer = stage();
    let id = unfinished(&newer);
    let path = newer.session_file();
    let text = std::fs::read_to_string(&path).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["schema"] = 99.into();
    std::fs::write(&path, record.to_string()).unwrap();
    newer.run(["send", &id]).code(7).says("newer version");

    // A directory that is refused.
    let refused = stage();
    let id = unfinished(&refused);
    let mode =
        |mode| std::fs::set_permissions(refused.state_dir(), PermissionsExt::from_mode(mode));
    mode(0o777).unwrap();
    refused.run(["send", &id]).code(7).says("not safe");
    mode(0o700).unwrap();

    // The endpoint and the id are spelled otherwise.
    let spelled = stage();
    let id = unfinished(&spelled);
    let mut command = spelled.command(["send", &id]);
    let endpoint = spelled.sandbox.endpoint().replace("127.0.0.1", "localhost");
    command.env("GRAPH_ATTACH_ENDPOINT", endpoint);
    Run::of(command.output().unwrap()).code(7).says("`big.bin`");
    for stage in [&damaged, &newer, &refused, &spelled] {
        assert!(sends(stage) <= 1);
    }
    assert_eq!(folders(&spelled, "Report"), ["drafts"]);
}

#[test]
fn an_upload_under_the_other_id_of_a_message_is_found() {
    let stage = Stage::with_faults(&["put@2x99=503:0"]);
    let args = [
        "draft",
        "--to",
        "a@b.com",
        "--subject",
        "Report",
        "--immutable-id",
    ];
    let lasting = stage.run(args).code(0).id().to_owned();
    let id = stage.graph(&format!("/me/messages/{lasting}?$select=id"))["id"].clone();
    let id = id.as_str().unwrap();
    assert_ne!(id, lasting);
    let file = stage.file("big.bin", 9_000_000);
    let args = ["attach", "--message", id, "--max-retries", "0"];
    let args = args.iter().map(|arg| arg.as_ref());
    stage.run(args.chain([file.as_os_str()])).code(5);
    stage
        .run(["send", &lasting])
        .code(7)
        .says("`big.bin` is not attached completely");
    assert_eq!(folders(&stage, "Report"), ["drafts"]);
}

#[test]
fn a_send_that_never_works_is_temporary_and_says_so() {
    let stage = Stage::with_faults(&["send@1x99=503:0"]);
    let id = draft(&stage);
    let run = stage.run(["send", &id, "--max-retries", "1"]).code(5);
    run.says("the message is not sent");
    assert_eq!(folders(&stage, "Report"), ["drafts"]);
}

#[test]
fn a_refusal_is_told_as_one() {
    let stage = Stage::with_faults(&["send@1=403"]);
    let id = draft(&stage);
    stage
        .run(["send", &id])
        .code(4)
        .says("the message is not sent");
}

#[test]
fn an_unfinished_upload_keeps_the_message_from_being_sent() {
    let stage = Stage::with_faults(&["put@2x99=503:0"]);
    let id = draft(&stage);
    let file = stage.file("big.bin", 9_000_000);
    let args = ["attach", "--message", &id, "--max-retries", "0"];
    let args = args
        .iter()
        .map(|arg| arg.as_ref())
        .chain([file.as_os_str()]);
    stage.run(args).code(5);
    let session = stage.session();
    stage
        .run(["send", &id])
        .code(7)
        .says("not sent: `big.bin` is not attached completely yet")
        .says(&format!("graph-attach resume {session}"))
        .says(&format!("graph-attach cancel {session}"));
    // Also when another file is attached with `--send`.
    stage.sandbox.clear_faults();
    let other = stage.file("small.txt", 10);
    let args = ["attach", "--message", &id, "--send"];
    let args = args
        .iter()
        .map(|arg| arg.as_ref())
        .chain([other.as_os_str()]);
    let run = stage.run(args).code(7).says("not sent: `big.bin`");
    assert_eq!(run.stdout.lines().count(), 1);
    assert_eq!(folders(&stage, "Report"), ["drafts"]);
    stage.run(["resume"]).code(0);
    stage.run(["send", &id]).code(0);
    assert_eq!(folders(&stage, "Report"), ["sentitems"]);
}

#[test]
fn one_line_makes_attaches_verifies_and_sends() {
    let stage = Stage::new();
    let small = stage.file("a.txt", 10);
    let large = stage.file("b.bin", 4_000_000);
    let args =
        "attach --new --to ann@contoso.com --subject Both --verify --send --json a.txt b.bin";
    let run = stage.run(args.split(' ')).code(0);
    let lines = run.json();
    let types: Vec<&str> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["draft", "attached", "attached", "sent", "summary"]);
    assert_eq!(folders(&stage, "Both"), ["sentitems"]);
    let items = stage.sandbox.items();
    let sent = items.iter().find(|item| item.subject == "Both").unwrap();
    let held: Vec<_> = sent.attachments.iter().map(|file| &file.sha256).collect();
    assert_eq!(held, [&sha256(&small), &sha256(&large)]);
}

#[test]
fn without_send_the_draft_waits() {
    let stage = Stage::new();
    stage.file("a.txt", 10);
    let run = stage.run(["attach", "--new", "--subject", "Wait", "a.txt"]);
    let run = run.code(0).says("the draft `Wait` is AAMk");
    assert_eq!(run.stdout.lines().count(), 1);
    assert_eq!(folders(&stage, "Wait"), ["drafts"]);
}

#[test]
fn a_file_that_fails_keeps_the_draft_and_says_how_to_go_on() {
    let stage = Stage::new();
    stage.file("a.txt", 10);
    let args = "attach --new --to ann@contoso.com --subject Part --send a.txt b.bin";
    let run = stage.run(args.split(' ')).code(3);
    let run = run.says("not sent: not every file is attached; the draft is kept");
    assert_eq!(folders(&stage, "Part"), ["drafts"]);
    // The hint is a command that does the rest, and attaches nothing twice.
    let hint = run.stderr.lines().last().unwrap();
    let command = hint.strip_prefix("hint: graph-attach ").unwrap();
    assert!(command.starts_with("resume "), "{command}");
    stage.file("b.bin", 20);
    stage.run(shlex::split(command).unwrap()).code(0);
    let items = stage.sandbox.items();
    let sent = items.iter().find(|item| item.subject == "Part").unwrap();
    assert_eq!((sent.folder, sent.attachments.len()), ("sentitems", 2));
    assert_eq!(
        items.iter().filter(|item| item.subject == "Part").count(),
        1
    );
}

#[test]
fn no_draft_is_made_for_files_that_are_not_there() {
    let stage = Stage::new();
    let args = "attach --new --to ann@contoso.com --subject None --send a.txt b.bin";
    stage
        .run(args.split(' '))
        .code(8)
        .says("no such file: `a.txt`");
    assert!(folders(&stage, "None").is_empty());
}

#[test]
fn a_new_draft_that_is_not_there_yet_is_waited_for() {
    let stage = Stage::with(graph_sandbox::Options {
        settle: std::time::Duration::from_millis(1_500),
        ..Default::default()
    });
    stage.file("a.txt", 10);
    stage.file("b.bin", 4_000_000);
    let args = "attach --new --to ann@contoso.com --subject Late --send a.txt b.bin";
    stage.run(args.split(' ')).code(0);
    assert_eq!(folders(&stage, "Late"), ["sentitems"]);
}

#[test]
fn a_draft_whose_answer_was_lost_is_found_again() {
    let stage = Stage::with_faults(&["any@1=lost"]);
    let run = stage.run(["draft", "--to", "a@b.com", "--subject", "Lost"]);
    run.code(0);
    assert_eq!(folders(&stage, "Lost").len(), 1);
}

#[test]
fn bad_input_is_refused_before_anything_is_done() {
    let stage = Stage::new();
    stage.file("a.txt", 10);
    for (args, code, says) in [
        (
            "draft --to ann --subject x",
            2,
            "`ann` is no address: it has no `@`",
        ),
        (
            "draft --to a@b.com,ann@ --subject x",
            2,
            "`ann@` is no address",
        ),
        ("draft --to a@b.com", 2, "the draft has no subject"),
        (
            "draft --subject x --body-file none.txt",
            8,
            "no such file: `none.txt`",
        ),
        ("draft --subject x --html", 2, "--body-file"),
        (
            "draft --subject x --body-file - --json-file -",
            2,
            "both want it",
        ),
        ("attach --new --subject x --send a.txt", 2, "no recipients"),
        ("attach --new --to a@b.com a.txt", 2, "no subject"),
        ("attach --to a@b.com --subject x a.txt", 2, "`--new`"),
        (
            "attach --new --message AAMk --subject x a.txt",
            2,
            "cannot be used with",
        ),
        ("attach --event AAMk --send a.txt", 2, "cannot be used with"),
        (
            "attach --new --subject x --body-file - --name n -",
            2,
            "both want it",
        ),
        ("attach --name n --files-from - -", 2, "both want it"),
        ("attach --token-file - --name n -", 2, "both want it"),
        ("attach --name n a.txt a.txt", 2, "`--name` is for one file"),
        (
            "attach --inline --content-id c a.txt a.txt",
            2,
            "`--content-id` is for one file",
        ),
        ("send", 2, "<ID>"),
        (
            "send https://outlook.office.com/mail/inbox",
            2,
            "holds no id",
        ),
    ] {
        stage.run(args.split(' ')).code(code).says(says);
    }
    assert!(stage.sandbox.requests().is_empty());
}

#[test]
fn a_draft_without_recipients_is_not_sent() {
    let stage = Stage::new();
    let id = stage
        .run(["draft", "--subject", "Nobody"])
        .code(0)
        .id()
        .to_owned();
    stage
        .run(["send", &id])
        .code(7)
        .says("the draft has no recipients");
    stage.file("a.txt", 10);
    stage
        .run(["attach", "--message", &id, "--send", "a.txt"])
        .code(7)
        .says("the draft has no recipients");
    assert!(stage.held_by(&id).is_empty());
}

/// Answers the question of `send` on a terminal.
fn answered(stage: &Stage, id: &str, answer: &str) -> String {
    let command = stage.process(["send", id]);
    let mut terminal = rexpect::session::spawn_command(command, Some(10_000)).unwrap();
    terminal
        .exp_string("send `Report` to ann@contoso.com? [y/N] ")
        .unwrap();
    terminal.send_line(answer).unwrap();
    terminal.exp_eof().unwrap()
}

#[test]
fn a_person_is_asked_before_a_message_goes_out() {
    let stage = Stage::new();
    let id = draft(&stage);
    assert!(answered(&stage, &id, "").contains("not sent: nobody said yes"));
    assert_eq!(folders(&stage, "Report"), ["drafts"]);
    assert!(answered(&stage, &id, "y").contains("`Report` is sent"));
    assert_eq!(folders(&stage, "Report"), ["sentitems"]);
    let id = draft(&stage);
    let command = stage.process(["send", "--yes", &id]);
    let mut terminal = rexpect::session::spawn_command(command, Some(10_000)).unwrap();
    let said = terminal.exp_eof().unwrap();
    assert!(
        said.contains("is sent") && !said.contains("[y/N]"),
        "{said}"
    );
}

#[test]
fn an_error_after_the_draft_was_made_says_how_to_go_on() {
    let stage = Stage::with_faults(&["get@1x9=400"]);
    stage.file("a.txt", 10);
    std::fs::write(stage.home.path().join("list"), "a.txt\n").unwrap();
    let args = "attach --new --to a@b.com --subject Kept --send --files-from list";
    let run = stage.run(args.split(' ')).code(7);
    let mut hints = run
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("hint: graph-attach "));
    let command = hints.next_back().expect("a hint");
    assert!(command.starts_with("resume "), "{command}");
    stage.sandbox.clear_faults();
    stage.run(command.split(' ')).code(0);
    assert_eq!(folders(&stage, "Kept"), ["sentitems"]);
}
