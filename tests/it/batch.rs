//! `batch`: every row once, whatever is wrong, and whatever dies.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use graph_sandbox::Options;
use serde_json::Value;

use crate::support::{Run, Stage};

/// A table of so many people, with a file for each.
fn people(stage: &Stage, count: usize) {
    let mut table = "email,name,id\n".to_owned();
    fs::create_dir_all(stage.home.path().join("slips")).unwrap();
    for id in 0..count {
        table += &format!("p{id}@contoso.com,Person {id},{id}\n");
        stage.file(&format!("slips/{id}.pdf"), 2_000 + id);
    }
    fs::write(stage.home.path().join("people.csv"), table).unwrap();
}

const ROW: [&str; 9] = [
    "batch",
    "people.csv",
    "--to",
    "{{ email }}",
    "--subject",
    "Payslip of {{ name }}",
    "--file",
    "slips/{{ id }}.pdf",
    "--json",
];

fn row(more: &[&'static str]) -> Vec<&'static str> {
    ROW.into_iter().chain(more.iter().copied()).collect()
}

/// Messages by subject: how often sent, how often a draft, and the files' names.
fn mails(stage: &Stage) -> HashMap<String, (usize, usize, Vec<String>)> {
    let mut all: HashMap<String, (usize, usize, Vec<String>)> = HashMap::new();
    for item in stage.sandbox.items() {
        if !item.subject.starts_with("Payslip") {
            continue;
        }
        let entry = all.entry(item.subject).or_default();
        match item.folder {
            "sentitems" => entry.0 += 1,
            _ => entry.1 += 1,
        }
        entry
            .2
            .extend(item.attachments.into_iter().map(|file| file.name));
    }
    all
}

fn statuses(run: &Run) -> Vec<String> {
    let lines = run.json();
    let rows = lines.iter().filter(|line| line["type"] == "row");
    let mut rows: Vec<_> = rows
        .map(|line| {
            (
                line["row"].as_u64(),
                line["status"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, status)| status).collect()
}

fn summary(run: &Run) -> Value {
    run.json().pop().unwrap()
}

/// With another state directory.
fn elsewhere(stage: &Stage, args: Vec<&str>, state: &str) -> Run {
    let mut command = stage.command(args);
    command.env("GRAPH_ATTACH_STATE_DIR", stage.home.path().join(state));
    Run::of(command.output().unwrap())
}

#[test]
fn every_person_gets_their_own_file_once() {
    let stage = Stage::new();
    people(&stage, 20);
    let run = stage
        .run(row(&["--send", "--report", "report.csv"]))
        .code(0);
    assert_eq!(statuses(&run), ["done"; 20]);
    assert_eq!(summary(&run)["done"], 20);
    let sent = mails(&stage);
    assert_eq!(sent.len(), 20);
    for (id, (subject, (sent, drafts, files))) in (0..20)
        .map(|id| (id, format!("Payslip of Person {id}")))
        .map(|(id, subject)| {
            let mail = sent[&subject].clone();
            (id, (subject, mail))
        })
    {
        assert_eq!(
            (sent, drafts, files),
            (1, 0, vec![format!("{id}.pdf")]),
            "{subject}"
        );
    }
    let report = fs::read_to_string(stage.home.path().join("report.csv")).unwrap();
    assert!(report.starts_with("row,key,to,status,message,attachments,exit_code,error\n"));
    assert_eq!(report.lines().count(), 21);
    // Again, with its state, without it, and by a second computer: nothing new.
    let again = stage.run(row(&["--send"])).code(0);
    assert_eq!(statuses(&again), ["already"; 20]);
    for state in ["lost", "another"] {
        let again = elsewhere(&stage, row(&["--send"]), state).code(0);
        assert_eq!(statuses(&again), ["already"; 20]);
    }
    assert_eq!(mails(&stage), sent);
}

#[test]
fn a_bad_row_means_that_nothing_is_done() {
    let stage = Stage::new();
    people(&stage, 3);
    fs::remove_file(stage.home.path().join("slips/1.pdf")).unwrap();
    let run = stage.run(row(&["--send"])).code(2);
    run.says("row 2 (line 3): no such file: `slips/1.pdf`")
        .says("nothing was done");
    assert!(stage.sandbox.requests().is_empty());
    let run = stage.run(row(&["--send", "--skip-bad"])).code(3);
    assert_eq!(statuses(&run), ["done", "skipped", "done"]);
    assert_eq!(mails(&stage).len(), 2);
}

#[test]
fn bad_input_is_told_before_anything_is_asked_of_the_service() {
    let stage = Stage::new();
    people(&stage, 3);
    let table = |name: &str, text: &str| fs::write(stage.home.path().join(name), text).unwrap();
    table("empty.csv", "");
    table("header.csv", "to,subject\n");
    table(
        "broken.csv",
        "to,subject\nann@a.com,x\nbob@a.com\ncid@a.com,y\n",
    );
    table("equal.csv", "to,subject\nann@a.com,x\nann@a.com,x\n");
    table("noto.csv", "subject\nx\n");
    table("hidden.csv", "to,subject\n\u{200b}ann@a.com,x\n");
    table(
        "same.csv",
        "to,subject,files\nann@a.com,x,slips/0.pdf\nbob@a.com,x,slips/0.pdf\n",
    );
    let many = vec!["a@a.com"; 501].join(";");
    table("many.csv", &format!("to,subject\n\"{many}\",x\n"));
    for (args, why) in [
        (vec!["batch", "empty.csv"], "it is empty"),
        (vec!["batch", "header.csv"], "no rows"),
        (
            vec!["batch", "broken.csv"],
            "row 2 (line 3): it has 1 columns",
        ),
        (
            vec!["batch", "equal.csv"],
            "row 2 (line 3): it has the same key as row 1 (line 2)",
        ),
        (vec!["batch", "noto.csv"], "no `to`"),
        (
            vec!["batch", "hidden.csv"],
            "row 1 (line 2): to: `ann@a.com` holds the invisible character U+200B",
        ),
        (
            vec!["batch", "same.csv"],
            "row 2 (line 3): row 1 (line 2) names `slips/0.pdf` too",
        ),
        (vec!["batch", "many.csv"], "501 recipients"),
        (
            vec![
                "batch",
                "people.csv",
                "--to",
                "{{ mail }}",
                "--subject",
                "x",
            ],
            "there is no column for `mail`",
        ),
        (
            vec!["batch", "people.csv", "--shard", "4/4"],
            "shards count from 0",
        ),
        (
            vec!["batch", "people.csv", "--only", "4"],
            "there is no row 4",
        ),
        (
            row(&["--report", "no/report.csv"]),
            "the report `no/report.csv` cannot be written",
        ),
        (row(&["--retry-failed", "people.csv"]), "not a report"),
    ] {
        stage.run(args).code(2).says(why);
    }
    stage
        .run(["batch", "missing.csv"])
        .code(8)
        .says("cannot read the table");
    assert!(stage.sandbox.requests().is_empty());
    stage.run(["batch", "same.csv", "--same-file"]).code(0);
}

#[test]
fn what_would_be_done_is_shown_without_the_network() {
    let stage = Stage::new();
    people(&stage, 3);
    let run = stage.run(row(&["--dry-run"])).code(0);
    assert_eq!(statuses(&run), ["planned"; 3]);
    assert_eq!(run.json()[1]["to"], serde_json::json!(["p1@contoso.com"]));
    let mut show = row(&["--show", "2", "--body", "Dear {{ name }}"]);
    show.retain(|arg| *arg != "--json");
    let run = stage.run(show).code(0);
    for text in [
        "To: p1@contoso.com",
        "Subject: Payslip of Person 1",
        "Dear Person 1",
        "slips/1.pdf",
    ] {
        assert!(run.stdout.contains(text), "{text}: {run:?}");
    }
    assert!(stage.sandbox.requests().is_empty());
}

#[test]
fn a_test_goes_to_the_tester_and_is_a_run_of_its_own() {
    let stage = Stage::new();
    people(&stage, 5);
    let run = stage
        .run(row(&["--send", "--test-to", "me@contoso.com"]))
        .code(0);
    assert_eq!(statuses(&run), ["done"; 3]);
    let items = stage.sandbox.items();
    let sent = items.iter().filter(|item| item.folder == "sentitems");
    for item in sent {
        let message = stage.graph(&format!("/me/messages/{}", item.id));
        assert_eq!(
            message["toRecipients"][0]["emailAddress"]["address"],
            "me@contoso.com"
        );
    }
    let run = stage.run(row(&["--send"])).code(0);
    assert_eq!(statuses(&run), ["done"; 5]);
}

#[test]
fn a_done_row_that_is_different_now_is_named_and_not_done_again() {
    let stage = Stage::new();
    people(&stage, 3);
    stage.run(row(&["--send"])).code(0);
    fs::write(stage.home.path().join("slips/1.pdf"), "another").unwrap();
    let run = stage
        .run(row(&["--send"]))
        .code(3)
        .says("row 2 (line 3) was done before with another text");
    assert_eq!(statuses(&run), ["already", "differs", "already"]);
    let run = stage
        .run(row(&["--send", "--body", "now with a text"]))
        .code(7);
    assert_eq!(statuses(&run), ["differs"; 3]);
    assert!(
        mails(&stage)
            .values()
            .all(|(sent, drafts, _)| (*sent, *drafts) == (1, 0))
    );
    // A table that has grown since: what is new is done.
    let mut table = fs::read_to_string(stage.home.path().join("people.csv")).unwrap();
    table = table.replace(
        "email,name,id\n",
        "email,name,id\np9@contoso.com,Person 9,0\n",
    );
    fs::write(stage.home.path().join("people.csv"), table).unwrap();
    let mut args = row(&["--send", "--same-file"]);
    args.retain(|arg| !arg.contains("--dry"));
    let run = stage.run(args).code(3);
    assert_eq!(statuses(&run), ["done", "already", "differs", "already"]);
}

#[test]
fn rows_of_existing_items_get_their_files() {
    let stage = Stage::new();
    stage.file("a.pdf", 10);
    stage.file("b.pdf", 4_000_000);
    let table = format!(
        "{{\"message\":\"{}\",\"files\":[\"a.pdf\"]}}\n{{\"event\":\"{}\",\"files\":[\"b.pdf\"]}}\n",
        stage.sandbox.message(),
        stage.sandbox.event()
    );
    fs::write(stage.home.path().join("items.jsonl"), table).unwrap();
    let run = stage.run(["batch", "items.jsonl", "--json"]).code(0);
    assert_eq!(statuses(&run), ["done", "done"]);
    assert_eq!(stage.held()[0].name, "a.pdf");
    assert_eq!(stage.held_by(stage.sandbox.event())[0].size, 4_000_000);
    let run = elsewhere(&stage, vec!["batch", "items.jsonl", "--json"], "other").code(0);
    assert_eq!(statuses(&run), ["already", "already"]);
    assert_eq!(stage.held().len(), 1);
}

#[test]
fn what_failed_is_retried_from_the_report() {
    let stage = Stage::with_faults(&["post@2=400"]);
    people(&stage, 3);
    let run = stage
        .run(row(&["--jobs", "1", "--report", "report.csv"]))
        .code(3);
    assert_eq!(
        statuses(&run)
            .iter()
            .filter(|status| *status == "failed")
            .count(),
        1
    );
    let run = stage
        .run(row(&[
            "--retry-failed",
            "report.csv",
            "--report",
            "report.csv",
        ]))
        .code(0);
    assert_eq!(statuses(&run), ["done"]);
    let all = mails(&stage);
    assert!(
        all.len() == 3
            && all
                .values()
                .all(|(_, drafts, files)| *drafts == 1 && files.len() == 1)
    );
}

#[test]
fn thirty_mails_at_once_and_then_a_wait() {
    let stage = Stage::new();
    people(&stage, 5);
    let started = Instant::now();
    let mut child = stage
        .process(row(&["--send", "--send-rate", "3"]))
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(6));
    let sent: usize = mails(&stage).values().map(|(sent, ..)| sent).sum();
    assert_eq!(sent, 3, "after {:?}", started.elapsed());
    child.kill().unwrap();
    child.wait().unwrap();
    // Another process on this computer waits for the same window.
    let mut child = stage
        .process(row(&["--send", "--send-rate", "3"]))
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let sent: usize = mails(&stage).values().map(|(sent, ..)| sent).sum();
    assert_eq!(sent, 3);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Kills batches at random moments, some of them with their state gone, until one ends by itself.
fn killed(stage: &Stage, seed: u64, shards: &[String]) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut done = vec![false; shards.len()];
    let mut state: Vec<usize> = (0..shards.len()).collect();
    for round in 0..40 {
        let mut children = Vec::new();
        for (index, shard) in shards.iter().enumerate() {
            if done[index] {
                continue;
            }
            let mut args: Vec<&str> = row(&["--send", "--send-rate", "0", "--timeout", "5"]);
            if shards.len() > 1 {
                args.extend(["--mailbox", "box{{ id }}@contoso.com", "--shard", shard]);
            }
            let directory = stage.home.path().join(format!("state-{}", state[index]));
            let mut process = stage.process(args);
            process
                .env("GRAPH_ATTACH_STATE_DIR", directory)
                .env("GRAPH_ATTACH_SEND_WATCH", "1500")
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null());
            children.push((index, process.spawn().unwrap()));
        }
        if children.is_empty() {
            return;
        }
        let last = round >= 6;
        if !last {
            std::thread::sleep(Duration::from_millis(random.u64(20..700)));
        }
        for (index, mut child) in children {
            if !last && child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
            }
            done[index] = child.wait().unwrap().success();
            if random.bool() {
                // Started elsewhere, with empty state.
                state[index] += 100;
            }
        }
    }
    panic!("seed {seed}: it does not end");
}

#[test]
fn a_batch_that_is_killed_at_random_sends_every_mail_once() {
    for seed in 0..3 {
        let stage = Stage::with(Options {
            latency: Duration::from_millis(20),
            ..Options::default()
        });
        people(&stage, 24);
        killed(&stage, seed, &["0/1".to_owned()]);
        let all = mails(&stage);
        assert_eq!(all.len(), 24);
        for (subject, (sent, drafts, files)) in all {
            assert_eq!(
                (sent, drafts, files.len()),
                (1, 0, 1),
                "seed {seed}: {subject}"
            );
        }
    }
}

#[test]
fn four_shards_that_are_killed_and_moved_send_every_mail_once() {
    let stage = Stage::with(Options {
        latency: Duration::from_millis(20),
        ..Options::default()
    });
    people(&stage, 24);
    let shards: Vec<String> = (0..4).map(|index| format!("{index}/4")).collect();
    killed(&stage, 7, &shards);
    let all = mails(&stage);
    assert_eq!(all.len(), 24);
    for (subject, (sent, drafts, files)) in all {
        assert_eq!((sent, drafts, files.len()), (1, 0, 1), "{subject}");
    }
}

#[test]
fn the_manifests_of_the_documentation_are_valid() {
    let text = fs::read_to_string("docs/scale.md").unwrap();
    let yaml = text
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    // Without a YAML library: its lines hold what an Indexed Job needs, each below its parent.
    let indent = |key: &str| {
        let line = yaml
            .lines()
            .find(|line| line.trim_start().trim_start_matches("- ").starts_with(key));
        let line = line.unwrap_or_else(|| panic!("{key} is missing"));
        line.len() - line.trim_start().len()
    };
    assert_eq!(
        (indent("apiVersion: batch/v1"), indent("kind: Job")),
        (0, 0)
    );
    assert!(indent("completionMode: Indexed") == indent("completions: 16"));
    assert!(indent("template:") < indent("containers:"));
    assert!(!yaml.contains('\t'));
    assert!(yaml.contains("$(JOB_COMPLETION_INDEX)/16"));
    assert!(Path::new("docs/scale.md").exists());
}
