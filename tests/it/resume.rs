//! `resume`, `cancel`, `status`, `prune`: what an interrupted upload leaves, and what becomes of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use graph_sandbox::{Options, options::StatusAnswer};

use crate::support::{Run, Stage, sha256};

const SIZE: usize = 12_000_000;

/// A stage on which the third range of an upload was under way when the process was killed.
fn interrupted(options: Options) -> (Stage, PathBuf) {
    let stage = Stage::with(Options {
        faults: vec!["put@3=stall:60".parse().unwrap()],
        ..options
    });
    let file = stage.file("big.bin", SIZE);
    kill_at_third_put(&stage, &file);
    (stage, file)
}

fn kill_at_third_put(stage: &Stage, file: &Path) {
    let mut child = stage
        .process(["attach".as_ref(), file.as_os_str()])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..2_000 {
        if stage
            .sandbox
            .requests()
            .iter()
            .filter(|seen| seen.method == "PUT")
            .count()
            >= 3
        {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    stage.sandbox.clear_faults();
    assert!(stage.held().is_empty());
}

#[test]
fn a_killed_upload_goes_on_where_it_was() {
    for status in [
        StatusAnswer::Known,
        StatusAnswer::NotAllowed,
        StatusAnswer::NotFound,
        StatusAnswer::Unauthorized,
    ] {
        let (stage, file) = interrupted(Options {
            status,
            ..Options::default()
        });
        let before = stage.requests("PUT").len();
        let run = stage.run(["resume", "--json"]).code(0);
        let held = stage.held();
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].sha256, sha256(&file));
        let lines = run.json();
        assert_eq!(lines[0]["id"], held[0].id.as_str());
        assert_eq!(lines[0]["resumed"], true);
        assert_eq!(lines[0]["file"], file.to_str().unwrap());
        // The two ranges that were acknowledged are not sent again. Whether the third had arrived
        // when the process died is a matter of luck: asked, the service knows; where it cannot be
        // asked, that range is sent again, and if it is refused the session is replaced.
        let sent = stage.requests("PUT").len() - before;
        let expected: &[usize] = if status == StatusAnswer::Known {
            &[1, 2]
        } else {
            &[2, 1 + 4]
        };
        assert!(expected.contains(&sent), "{status:?}: {sent}");
    }
}

#[test]
fn attach_again_goes_on_too() {
    let (stage, file) = interrupted(Options::default());
    let before = stage.requests("PUT").len();
    let run = stage
        .run(["attach".as_ref(), "--json".as_ref(), file.as_os_str()])
        .code(0);
    assert_eq!(run.json()[0]["resumed"], true);
    assert_eq!(stage.held().len(), 1);
    assert!(stage.requests("PUT").len() - before <= 2);
}

#[test]
fn fresh_starts_over_and_ends_the_old_session() {
    let (stage, file) = interrupted(Options::default());
    let run = stage.run([
        "attach".as_ref(),
        "--fresh".as_ref(),
        "--json".as_ref(),
        file.as_os_str(),
    ]);
    assert_eq!(run.code(0).json()[0]["resumed"], false);
    assert_eq!(stage.held().len(), 1);
    assert_eq!(stage.requests("DELETE").len(), 1);
}

#[test]
fn a_live_session_needs_no_token() {
    let (stage, _) = interrupted(Options::default());
    let output = stage
        .command(["resume"])
        .env_remove("GRAPH_ATTACH_TOKEN")
        .output()
        .unwrap();
    Run::of(output).code(0);
    assert_eq!(stage.held().len(), 1);
}

#[test]
fn the_token_goes_nowhere_but_to_its_own_endpoint() {
    let (stage, _) = interrupted(Options::default());
    // The service forgot the session, so a new one is needed: that is Graph's business.
    stage.sandbox.add_faults([
        "put@1=expire".parse().unwrap(),
        "status@1=404".parse().unwrap(),
    ]);
    let requests = stage.sandbox.requests().len();
    let output = stage
        .command(["resume"])
        .env("GRAPH_ATTACH_ENDPOINT", "http://127.0.0.1:9/v1.0")
        .output()
        .unwrap();
    Run::of(output)
        .code(4)
        .says("was begun at")
        .says("--endpoint");
    assert!(
        stage.sandbox.requests()[requests..]
            .iter()
            .all(|seen| !seen.authorization)
    );
}

#[test]
fn status_lists_what_there_is() {
    let (stage, file) = interrupted(Options::default());
    let id = stage.session();
    let row = stage.run(["status"]).code(0).stdout;
    let fields: Vec<&str> = row.trim_end().split('\t').collect();
    assert_eq!(fields[..4], [&id, "resumable", "7864320", "12000000"]);
    assert_eq!(fields[5], file.to_str().unwrap());
    let line = &stage
        .run(["sessions", "--json", &id[..3].to_lowercase()])
        .code(0)
        .json()[0];
    assert_eq!(line["type"], "session");
    assert_eq!(line["state"], "resumable");
    assert_eq!(
        (&line["offset"], &line["size"]),
        (&7_864_320.into(), &12_000_000.into())
    );
    assert_eq!(line["name"], "big.bin");
    assert!(line["mailbox"].is_null() && line["locked_by"].is_null());
    for key in ["created", "expires", "item", "file"] {
        assert!(!line[key].is_null(), "{key}");
    }
    stage.run(["resume"]).code(0);
    let line = &stage.run(["status", "--all", "--json"]).code(0).json()[0];
    assert_eq!(line["state"], "finished");
    stage.run(["prune"]).code(0).says("1 session is forgotten");
    assert_eq!(stage.run(["status"]).code(0).stdout, "");
    assert_eq!(fs::read_dir(stage.state_dir()).unwrap().count(), 0);
}

#[test]
fn cancel_ends_it_here_and_there() {
    let (stage, _) = interrupted(Options::default());
    let id = stage.session();
    stage.run(["cancel", &id[..4]]).code(0).says("cancelled");
    assert_eq!(stage.requests("DELETE").len(), 1);
    assert_eq!(stage.run(["status"]).code(0).stdout, "");
    // Not even the lock of the process that was killed.
    stage.run(["prune"]).code(0);
    assert_eq!(fs::read_dir(stage.state_dir()).unwrap().count(), 0);
    stage.run(["resume"]).code(0).says("no upload to resume");
    stage
        .run(["cancel", &id])
        .code(6)
        .says("there is no session");
    stage.run(["cancel", "--all"]).code(0);
}

#[test]
fn cancel_of_a_session_that_is_gone_succeeds() {
    let (stage, _) = interrupted(Options::default());
    stage.sandbox.add_faults(["delete@1=404".parse().unwrap()]);
    stage.run(["cancel", "--all"]).code(0).says("cancelled");
    // One that the service cannot end now is kept.
    let (stage, _) = interrupted(Options::default());
    stage.sandbox.add_faults(["delete@1=503".parse().unwrap()]);
    stage.run(["cancel", "--all", "--max-retries=0"]).code(5);
    // What goes away by itself is waited for, also a range that is still on its way.
    for trouble in ["412", "503", "lost"] {
        let (stage, _) = interrupted(Options::default());
        let fault = format!("delete@1={trouble}");
        stage.sandbox.add_faults([fault.parse().unwrap()]);
        stage.run(["cancel", "--all"]).code(0).says("cancelled");
    }
    stage.run(["cancel", "--all"]).code(0);
}

#[test]
fn sessions_of_a_stand_in_end_with_it() {
    for command in ["cancel", "prune"] {
        let stage = Stage::with_faults(&["put@2=503:1"]);
        stage.file("f.bin", 5_000_000);
        stage.run(["attach", "--max-retries=0", "f.bin"]).code(5);
        let Stage { home, sandbox, .. } = stage;
        drop(sandbox);
        let other = Stage::new();
        let mut run = other.command([command]);
        run.env("HOME", home.path());
        if command == "cancel" {
            run.arg("--all");
        }
        Run::of(run.output().unwrap()).code(0);
        let left = fs::read_dir(home.path().join(".local/state/graph-attach")).unwrap();
        assert_eq!(left.count(), 0, "{command}");
    }
}

#[test]
fn which_session() {
    let (stage, file) = interrupted(Options::default());
    let other = stage.file("other.bin", SIZE);
    stage
        .sandbox
        .add_faults(["put@3=stall:60".parse().unwrap()]);
    let mut child = stage
        .process(["attach".as_ref(), other.as_os_str()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while stage
        .run(["status"])
        .stdout
        .lines()
        .filter(|line| line.contains("\t7864320\t"))
        .count()
        < 2
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    // Somebody is at work on one of them, and on the message.
    let busy = stage.run(["resume", file.to_str().unwrap()]).code(9);
    busy.says("the message is in use by another").says("--wait");
    let rows = stage.run(["status"]).stdout;
    assert!(
        rows.contains("\tuploading\t") && rows.contains("\tresumable\t"),
        "{rows}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    stage.sandbox.clear_faults();

    let several = stage
        .run(["resume"])
        .code(2)
        .says("there are 2 uploads to resume");
    assert_eq!(several.stderr.matches("graph-attach resume ").count(), 3);
    stage
        .run(["resume", "nothing.bin"])
        .code(6)
        .says("there is no session `nothing.bin`");
    // By file, in any spelling of its path.
    stage.run(["resume", "./other.bin"]).code(0);
    assert_eq!(stage.held()[0].name, "other.bin");
    stage.run(["resume", "--all"]).code(0);
    assert_eq!(stage.held().len(), 2);
}

#[test]
fn a_mistyped_session_id_is_guessed() {
    let (stage, _) = interrupted(Options::default());
    let id = stage.session();
    let last = if id.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{last}", &id[..7]);
    stage
        .run(["cancel", &wrong])
        .code(6)
        .says(&format!("did you mean {id}?"));
}

#[test]
fn a_finished_session_is_not_resumed_but_told() {
    let stage = Stage::new();
    let file = stage.file("f.bin", 4_000_000);
    let first = stage.run(["attach".as_ref(), file.as_os_str()]).code(0);
    let again = stage.run(["resume", "--json", &stage.session()]).code(0);
    assert_eq!(again.json()[0]["id"], first.id());
    assert_eq!(again.json()[0]["already"], true);
    assert_eq!(stage.held().len(), 1);
}

#[test]
fn a_session_that_the_service_dropped_is_replaced() {
    let (stage, file) = interrupted(Options {
        session_ttl: Duration::from_secs(2),
        ..Options::default()
    });
    std::thread::sleep(Duration::from_secs(3));
    let row = stage.run(["status"]).stdout;
    assert!(row.contains("\texpired\t"), "{row}");
    stage.run(["resume"]).code(0);
    let held = stage.held();
    assert_eq!((held.len(), &held[0].sha256), (1, &sha256(&file)));
}

#[test]
fn a_spooled_upload_resumes_without_its_input() {
    let stage = Stage::with_faults(&["put@2=stall:60"]);
    let mut child = stage
        .process(["attach", "--name", "dump.gz", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    use std::io::Write;
    child.stdin.take().unwrap().write_all(&[9; SIZE]).unwrap();
    while stage.requests("PUT").len() < 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    stage.sandbox.clear_faults();
    stage.run(["resume"]).code(0);
    let held = stage.held();
    assert_eq!(
        (held.len(), held[0].size, held[0].name.as_str()),
        (1, SIZE as u64, "dump.gz")
    );
    let spools = fs::read_dir(stage.state_dir()).unwrap().filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|extension| extension == "spool")
    });
    assert_eq!(spools.count(), 0);
}

/// Attaches standard input, and kills it at that request.
fn interrupt_stdin(stage: &Stage, file: &Path, put: usize) {
    let before = stage.requests("PUT").len();
    let mut child = stage
        .process(["attach", "--chunk-size=1MiB", "--name=f.bin", "-"])
        .stdin(fs::File::open(file).unwrap())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while stage.requests("PUT").len() < before + put {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Whatever of it was interrupted, and how early: `resume` and the same command again go on with the
/// same session, and nothing is attached twice.
#[test]
fn standard_input_goes_on_too() {
    for first in [1, 3] {
        for last in ["resume", "attach"] {
            let stage = Stage::new();
            let file = stage.file("f.bin", 6_000_000);
            interrupt_stdin(&stage, &file, first);
            interrupt_stdin(&stage, &file, 1);
            let status = stage.run(["status", "--json"]).code(0);
            assert_eq!(status.json().len(), 1, "{status:#?}");
            let run = match last {
                "resume" => stage.run(["resume", "--json"]),
                _ => {
                    let mut command = stage.command(["attach", "--json", "--name=f.bin", "-"]);
                    let bytes = fs::read(&file).unwrap();
                    Run::of(command.write_stdin(bytes).output().unwrap())
                }
            }
            .code(0);
            assert_eq!(run.json()[0]["resumed"], true, "{run:#?}");
            let held = stage.held();
            assert_eq!(held.len(), 1);
            assert_eq!(held[0].sha256, sha256(&file));
            stage.run(["resume"]).code(0).says("no upload to resume");
        }
    }
}

#[test]
fn cancel_of_what_is_attached_after_all_says_so() {
    let stage = Stage::with_faults(&["put@2=lost", "list@2x9=503:0"]);
    stage.file("big.bin", 5_000_000);
    stage.run(["attach", "--max-retries=0", "big.bin"]).code(5);
    stage.sandbox.clear_faults();
    let held = stage.held();
    assert_eq!(held.len(), 1);
    let run = stage.run(["cancel", &stage.session()]);
    let run = run.code(0).says("attached after all");
    assert!(run.stderr.contains(&held[0].id), "{run:#?}");
    assert_eq!(stage.held().len(), 1);
    // Nothing is left that a later command could attach again.
    stage.run(["resume"]).code(0);
    assert_eq!(stage.held().len(), 1);
}
