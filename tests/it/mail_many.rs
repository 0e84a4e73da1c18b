//! Many files, and what goes wrong around them: a gap in the list, a full message, an item that is
//! elsewhere or gone, content that comes back changed, a signal.

use std::{io::Read, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Stage, relay, sha256};

#[test]
fn a_gap_in_the_list_stops_nothing_unless_asked_to() {
    let stage = Stage::new();
    stage.file("a.txt", 10);
    stage.file("c.txt", 10);
    std::fs::write(stage.home.path().join("list"), "a.txt\nb.txt\nc.txt\n").unwrap();
    let run = stage
        .run(["attach", "--files-from", "list", "--fail-fast"])
        .code(3);
    assert_eq!(run.stdout.lines().count(), 1);
    assert_eq!(stage.held().len(), 1);
    let run = stage.run(["attach", "--files-from", "list"]).code(3);
    run.says("no such file: `b.txt`")
        .says("2 of 3 files attached");
    assert_eq!(stage.held().len(), 2);
    stage.file("b.txt", 10);
    let run = stage
        .run(["attach", "--files-from", "list", "--json"])
        .code(0);
    let already: Vec<bool> = run.json()[..3]
        .iter()
        .map(|line| line["already"].as_bool().unwrap())
        .collect();
    assert_eq!(already, [true, false, true]);
    assert_eq!(stage.held().len(), 3);
}

#[test]
fn a_full_message_says_that_it_is_full() {
    let stage = Stage::new();
    let mut list = String::new();
    for n in 0..251 {
        stage.file(&format!("{n}.txt"), 3);
        list += &format!("{n}.txt\n");
    }
    std::fs::write(stage.home.path().join("list"), list).unwrap();
    let run = stage.run(["attach", "--files-from", "list"]).code(3);
    run.says("that is 251 files; a message holds at most 250 attachments")
        .says("`250.txt` is not attached: the message holds 250 attachments, and 250 is the most")
        .says("250 of 251 files attached");
    assert_eq!(stage.held().len(), 250);
    let run = stage.run(["attach", "250.txt", "--json"]).code(7);
    assert_eq!(run.json()[0]["error"]["code"], "Refused");
}

#[test]
fn an_item_of_another_mailbox_is_not_found() {
    let stage = Stage::new();
    stage.file("a.txt", 10);
    let args = [
        "find",
        "drafts",
        "--mailbox",
        "ann@example.com",
        "--limit",
        "1",
    ];
    let run = stage.run(args).code(0);
    let id = run.stdout.split('\t').next().unwrap();
    stage
        .run(["attach", "--message", id, "a.txt"])
        .code(6)
        .says("the message is not there")
        .says("check the id and the mailbox");
}

#[test]
fn an_item_that_is_deleted_in_mid_upload_is_not_found() {
    let stage = Stage::with_faults(&["put@2=stall:1"]);
    let file = stage.file("big.bin", 9_000_000);
    let child = stage
        .process(["attach".as_ref(), file.as_os_str()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while stage.requests("PUT").len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    stage.delete(&format!("/me/messages/{}", stage.sandbox.message()));
    let run = crate::support::Run::of(child.wait_with_output().unwrap());
    run.code(6)
        .says("`big.bin` is not attached")
        .says("the message is not there")
        .says("may have been deleted, moved or sent meanwhile");
    stage.run(["cancel", "--all"]).code(0);
}

#[test]
fn content_that_comes_back_changed_is_told_with_the_way_to_remove_it() {
    let stage = Stage::new();
    let file = stage.home.path().join("a.txt");
    std::fs::write(&file, "the quick brown fox").unwrap();
    let endpoint = stage.sandbox.endpoint();
    let server = endpoint
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/v1.0")
        .unwrap();
    let relay = relay::start(server, "brown", "green");
    let output = stage
        .command(["attach", "--verify", "--send", "--json", "a.txt"])
        .env("GRAPH_ATTACH_ENDPOINT", format!("http://{relay}/v1.0"))
        .output()
        .unwrap();
    let run = crate::support::Run::of(output).code(10);
    let id = stage.held()[0].id.clone();
    let item = stage.sandbox.message();
    let run = run.says("`a.txt` is attached, but what was read back is not the file");
    let command = format!("graph-attach detach --message {item} {id}");
    assert_eq!(run.json()[0]["error"]["code"], "VerificationFailed");
    let hint = run
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("hint: "));
    assert_eq!(hint, Some(command.as_str()), "{run:#?}");
    // Not sent either; and the command works.
    assert!(
        stage
            .sandbox
            .items()
            .iter()
            .all(|item| item.folder != "sentitems")
    );
    stage.run(command.split(' ').skip(1)).code(0);
    assert!(stage.held().is_empty());
}

#[test]
fn a_signal_during_the_one_liner_leaves_a_command_that_goes_on() {
    let stage = Stage::with_faults(&["put@2=stall:60"]);
    let file = stage.file("big file.bin", 9_000_000);
    let args = [
        "attach",
        "--new",
        "--to",
        "a@b.com",
        "--subject",
        "Cut",
        "--send",
        "big file.bin",
    ];
    let mut child = stage
        .process(args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while stage.requests("PUT").len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let hint = said
        .lines()
        .find_map(|line| line.strip_prefix("hint: graph-attach "))
        .unwrap();
    assert!(hint.starts_with("resume "), "{said}");
    stage.run(shlex::split(hint).unwrap()).code(0);
    let items = stage.sandbox.items();
    let sent: Vec<_> = items.iter().filter(|item| item.subject == "Cut").collect();
    assert_eq!((sent.len(), sent[0].folder), (1, "sentitems"));
    assert_eq!(sent[0].attachments[0].sha256, sha256(&file));
}
