//! What comes through a pipe is the only copy: it is kept until it is attached, whatever ends the
//! command; and a command whose output is attached must have succeeded.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::Duration,
};

use graph_sandbox::Options;
use graph_upload::{
    engine::Source,
    store::{Durability, HashedOffset, Pipe, Record, Store},
};

use crate::support::{Run, Stage, content, sha256, until};

/// A session of four ranges.
const SIZE: usize = 3_500_000;

const PIPED: [&str; 5] = ["attach", "--chunk-size=1MiB", "--name", "dump.sql", "-"];

/// Attaches the content of a file through standard input.
fn piped(stage: &Stage, file: &Path, more: &[&str]) -> Run {
    let mut command = stage.process(PIPED.iter().chain(more));
    command.stdin(File::open(file).unwrap());
    Run::of(command.output().unwrap())
}

fn spools(stage: &Stage) -> Vec<PathBuf> {
    let entries = fs::read_dir(stage.state_dir()).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "spool")
        })
        .collect()
}

/// Whether the one thing that is held is the file, and nothing is left of the pipe.
fn is_attached(stage: &Stage, file: &Path) {
    let held = stage.held();
    assert_eq!(held.len(), 1, "{held:#?}");
    assert_eq!(
        (&held[0].sha256, held[0].name.as_str()),
        (&sha256(file), "dump.sql")
    );
    assert_eq!(spools(stage), Vec::<PathBuf>::new());
}

#[test]
fn whatever_ends_the_command_resume_finishes_it() {
    for (size, fault, more, code) in [
        (SIZE, "create@1x99=503:0", "--max-retries=1", 5),
        (SIZE, "create@1x99=403", "--max-retries=1", 4),
        (SIZE, "create@1x99=401", "--max-retries=1", 4),
        (SIZE, "list@1x99=503:0", "--max-retries=1", 5),
        (SIZE, "list@1x99=400", "--max-retries=1", 7),
        (SIZE, "create@1x99=429:60", "--deadline=1", 5),
        (SIZE, "put@2x99=501", "--max-retries=1", 7),
        (1_000, "list@1x99=503:0", "--max-retries=1", 5),
        (1_000, "post@1x99=403", "--max-retries=1", 4),
        (1_000, "post@1x99=429:60", "--deadline=1", 5),
        (0, "list@1x99=503:0", "--max-retries=1", 5),
    ] {
        let stage = Stage::with_faults(&[fault]);
        let file = stage.file("f", size);
        let run = piped(&stage, &file, &[more]).code(code);
        assert!(stage.held().is_empty(), "{fault}");
        // It is told, is known, and survives a cleanup.
        let session = stage.session();
        run.says(&format!("hint: graph-attach resume {session}"));
        let status = stage.run(["status", "--json"]).code(0).json();
        assert_eq!(status.len(), 1, "{fault}");
        assert_eq!(status[0]["state"], "resumable", "{fault}");
        assert_eq!(status[0]["size"], size, "{fault}");
        stage.run(["prune"]).code(0).says("is kept");
        stage.sandbox.clear_faults();
        stage.run(["resume"]).code(0);
        is_attached(&stage, &file);
        // Asked again, it says that it is done.
        let again = stage.run(["resume", &session]).code(0).says("is finished");
        assert_eq!(again.id(), stage.held()[0].id);
        stage.run(["prune"]).code(0);
    }
}

#[test]
fn the_same_pipe_again_goes_on_and_leaves_one_copy() {
    for (size, fault) in [(SIZE, "create@1x99=503:0"), (1_000, "list@1x99=503:0")] {
        let stage = Stage::with_faults(&[fault]);
        let file = stage.file("f", size);
        piped(&stage, &file, &["--max-retries=0"]).code(5);
        piped(&stage, &file, &["--max-retries=0"]).code(5);
        assert_eq!(spools(&stage).len(), 1, "{fault}");
        stage.sandbox.clear_faults();
        piped(&stage, &file, &[]).code(0);
        is_attached(&stage, &file);
        stage.run(["resume"]).code(0).says("no upload to resume");
    }
}

#[test]
fn a_signal_while_the_service_is_not_there_loses_nothing() {
    let stage = Stage::with_faults(&["create@1x99=429:30"]);
    let file = stage.file("f", SIZE);
    let mut child = stage
        .process(PIPED)
        .stdin(File::open(&file).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until(|| {
        let posts = stage.requests("POST");
        posts
            .iter()
            .any(|seen| seen.path.ends_with("/createUploadSession"))
    });
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    child.wait().unwrap();
    let session = stage.session();
    assert!(
        said.contains(&format!("hint: graph-attach resume {session}")),
        "{said}"
    );
    stage.sandbox.clear_faults();
    stage.run(["resume"]).code(0);
    is_attached(&stage, &file);
}

#[test]
fn a_pipe_whose_end_was_not_seen_is_kept_and_never_attached() {
    let stage = Stage::new();
    let mut child = stage
        .process(PIPED)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"the first half").unwrap();
    let kept = || {
        spools(&stage)
            .first()
            .is_some_and(|path| fs::metadata(path).unwrap().len() > 0)
    };
    until(kept);
    child.kill().unwrap();
    child.wait().unwrap();
    drop(input);
    let session = stage.session();
    let status = stage.run(["status", "--json"]).code(0).json();
    assert_eq!(
        (&status[0]["state"], &status[0]["size"]),
        (&"incomplete".into(), &14.into())
    );
    stage.run(["resume"]).code(0).says("no upload to resume");
    stage.run(["resume", "--all"]).code(0);
    stage
        .run(["resume", &session])
        .code(8)
        .says("ended before its producer was done")
        .says("--name dump.sql");
    stage.run(["prune"]).code(0).says("is kept");
    assert!(stage.held().is_empty());
    // Only somebody who says so throws it away.
    stage
        .run(["prune", "--discard-unfinished"])
        .code(2)
        .says("nobody to ask");
    assert_eq!(spools(&stage).len(), 1);
    stage
        .run(["prune", "--discard-unfinished", "--yes"])
        .code(0);
    assert!(spools(&stage).is_empty());
    assert!(stage.run(["status"]).code(0).stdout.is_empty());
}

#[test]
fn an_expired_session_of_a_pipe_is_not_pruned_away() {
    let stage = Stage::with(Options {
        session_ttl: Duration::from_secs(1),
        faults: vec!["put@2x99=503:0".parse().unwrap()],
        ..Options::default()
    });
    let file = stage.file("f", SIZE);
    piped(&stage, &file, &["--max-retries=0"]).code(5);
    thread::sleep(Duration::from_millis(1_100));
    stage.run(["prune"]).code(0).says("is kept");
    stage.sandbox.clear_faults();
    stage.run(["resume"]).code(0);
    is_attached(&stage, &file);
}

#[test]
fn a_person_is_asked_before_a_pipe_is_thrown_away() {
    let stage = Stage::with_faults(&["create@1x99=503:0"]);
    let file = stage.file("f", SIZE);
    piped(&stage, &file, &["--max-retries=0"]).code(5);
    for (answer, left) in [("n", 1), ("y", 0)] {
        let command = stage.process(["prune", "--discard-unfinished"]);
        let mut terminal = rexpect::session::spawn_command(command, Some(10_000)).unwrap();
        terminal.exp_string("It cannot come again. [y/N] ").unwrap();
        terminal.send_line(answer).unwrap();
        terminal.exp_eof().unwrap();
        assert_eq!(spools(&stage).len(), left, "{answer}");
    }
}

#[test]
fn without_a_state_directory_the_copy_is_left_where_it_is() {
    let stage = Stage::with_faults(&["create@1x99=403"]);
    let file = stage.file("f", SIZE);
    let run = piped(&stage, &file, &["--state-dir=/dev/null/state"]).code(4);
    let (_, rest) = run
        .stderr
        .split_once("what came is kept in `")
        .expect("where");
    let place = Path::new(rest.split('`').next().unwrap());
    assert_eq!(sha256(place), sha256(&file));
    fs::remove_file(place).unwrap();
}

/// `attach` of what a shell script writes.
fn from_command(stage: &Stage, script: &str, more: &[&str]) -> Run {
    let command = ["--stdin-from-command", "--", "sh", "-c", script];
    let args = ["attach", "--name", "dump.sql"];
    stage.run(args.iter().chain(more).chain(&command))
}

#[test]
fn the_output_of_a_command_is_attached_if_it_succeeds() {
    for size in [10, SIZE] {
        let stage = Stage::new();
        let file = stage.file("f", size);
        let run = from_command(&stage, "cat f; exit 0", &[]).code(0);
        assert_eq!(run.id(), stage.held()[0].id);
        is_attached(&stage, &file);
    }
    // Nothing is a content, too.
    let stage = Stage::new();
    from_command(&stage, "exit 0", &[])
        .code(0)
        .says("was empty");
    assert_eq!(stage.held()[0].size, 0);
}

#[test]
fn nothing_is_attached_or_sent_of_a_command_that_fails() {
    for (script, says) in [
        ("cat f; exit 3", "exit status: 3"),
        ("cat f; kill -9 $$", "signal: 9"),
        ("set -o pipefail; false | cat f -", "failed"),
    ] {
        if script.contains("pipefail") && !has_pipefail() {
            continue;
        }
        let stage = Stage::new();
        let file = stage.file("f", SIZE);
        let draft = stage
            .run(["draft", "--to", "a@b.com", "--subject", "S"])
            .code(0);
        let run = from_command(&stage, script, &["--send", "--message", draft.id()]).code(8);
        let run = run.says(says).says("nothing is attached");
        assert!(stage.held_by(draft.id()).is_empty(), "{script}");
        let sends = stage.requests("POST").into_iter();
        assert_eq!(sends.filter(|seen| seen.path.ends_with("/send")).count(), 0);
        // What came is kept, and said.
        let kept = spools(&stage);
        assert_eq!(sha256(&kept[0]), sha256(&file));
        run.says(&kept[0].display().to_string());
        // And it keeps the message from going out without it.
        stage.run(["send", draft.id()]).code(7).says("`dump.sql`");
        stage.run(["cancel", &stage.session()]).code(0);
        stage.run(["send", draft.id()]).code(0);
    }
}

fn has_pipefail() -> bool {
    let shell = std::process::Command::new("sh")
        .args(["-c", "set -o pipefail"])
        .output();
    shell.is_ok_and(|output| output.status.success())
}

#[test]
fn a_command_that_is_not_there_or_has_no_name_is_told() {
    let stage = Stage::new();
    let args = [
        "attach",
        "--name",
        "n",
        "--stdin-from-command",
        "--",
        "/no/such",
    ];
    stage.run(args).code(8).says("cannot run `/no/such`");
    let args = ["attach", "--stdin-from-command", "--", "true"];
    stage.run(args).code(2).says("--name");
    assert!(stage.held().is_empty());
}

#[test]
fn the_hint_of_a_command_is_the_command() {
    let stage = Stage::with_faults(&["list@1x99=401"]);
    // Kept already: it need not run again.
    let run = from_command(&stage, "echo 'a b'", &[]).code(4);
    run.says(&format!("hint: graph-attach resume {}", stage.session()));
    // Its own standard input is that of this command.
    let stage = Stage::new();
    let mut command = stage.command(["attach", "--name", "n", "--stdin-from-command", "--", "cat"]);
    let run = Run::of(command.write_stdin(content("x", 50)).output().unwrap()).code(0);
    assert_eq!(run.stdout.lines().count(), 1);
    assert_eq!(stage.held()[0].size, 50);
}

/// A copy of a session's pipe, as the same command leaves it when it is killed before it sees that there is
/// one already.
fn copy_of(stage: &Stage, id: &str, is_older: bool) {
    let store = Store::open(&stage.state_dir()).unwrap();
    let record = store.load(id.parse().unwrap()).unwrap().unwrap();
    let copy = store.new_id();
    fs::copy(store.spool(record.id), store.spool(copy)).unwrap();
    let minute = jiff::SignedDuration::from_mins(if is_older { -1 } else { 1 });
    let waiting = Record {
        id: copy,
        pipe: Some(Pipe::Waiting),
        file: store.spool(copy),
        stamp: Source::open(&store.spool(copy)).unwrap().stamp(),
        created: record.created + minute,
        url: None,
        doubt: None,
        acked: HashedOffset::start(),
        sent: HashedOffset::start(),
        ..record
    };
    store.save(&waiting, Durability::Power).unwrap();
}

#[test]
fn copies_that_killed_commands_left_are_attached_once() {
    for (size, fault) in [(SIZE, "put@2x2=503:0"), (1_000, "list@1x2=503:0")] {
        for is_older in [true, false] {
            for again in [false, true] {
                let case = format!("{fault}, {is_older}, {again}");
                let stage = Stage::with_faults(&[fault]);
                let file = stage.file("f", size);
                piped(&stage, &file, &["--max-retries=0"]).code(5);
                copy_of(&stage, &stage.session(), is_older);
                stage.sandbox.clear_faults();
                match again {
                    true => piped(&stage, &file, &[]).code(0),
                    false => stage.run(["resume", "--all"]).code(0),
                };
                let held = stage.held();
                assert_eq!(held.len(), 1, "{case}: {held:#?}");
                assert_eq!(held[0].sha256, sha256(&file), "{case}");
                assert_eq!(spools(&stage), Vec::<PathBuf>::new(), "{case}");
                assert_eq!(stage.run(["status"]).code(0).stdout, "", "{case}");
            }
        }
    }
}
