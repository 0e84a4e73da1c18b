//! A state directory that fails, lies or belongs to somebody else costs one warning and the ability
//! to resume, not the upload; `--require-state` makes it exit 9.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use graph_attach::{
    graph::{Item, ItemKind},
    session::{Record, State, Store, Unreadable},
};

use crate::support::{BINARY, Run, Stage, figure};

/// Three ranges of 1 MiB.
const SIZE: usize = 3_000_000;
const ATTACH: [&str; 5] = ["attach", "--chunk-size", "1MiB", "--quiet", "f"];

/// Says that something was not tried, past the test harness, which would keep it to itself.
fn not_tried(what: &str) {
    let _ = writeln!(io::stderr(), "\n*** NOT TRIED: {what} ***");
}

/// A stage with the file to attach.
fn stage() -> Stage {
    let stage = Stage::new();
    stage.file("f", SIZE);
    stage
}

fn warnings(run: &Run) -> usize {
    run.stderr.matches("warning: ").count()
}

/// The upload succeeded, with one warning and one attachment.
#[track_caller]
fn one_warning(stage: &Stage, run: Run) {
    let run = run.code(0);
    assert_eq!(warnings(&run), 1, "{run:#?}");
    assert_eq!(stage.held().len(), 1);
    assert_eq!(run.id(), stage.held()[0].id);
}

/// What is wrong is told once, and costs nothing else; required, it is exit 9 and nothing is sent.
#[track_caller]
fn costs_one_warning(stage: &Stage) {
    one_warning(stage, stage.run(ATTACH));
    stage.sandbox.clear_faults();
    let held = stage.held().len();
    let required = ATTACH.into_iter().chain(["--require-state", "--again"]);
    let run = stage.run(required).code(9).says("error: ");
    assert!(run.stdout.is_empty());
    assert_eq!(stage.held().len(), held);
}

fn state_dir(stage: &Stage) -> std::path::PathBuf {
    let dir = stage.state_dir();
    fs::create_dir_all(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
    dir
}

#[test]
fn a_directory_that_is_not_ours_alone() {
    let group = stage();
    fs::set_permissions(state_dir(&group), fs::Permissions::from_mode(0o770)).unwrap();
    costs_one_warning(&group);
    group.run(["status"]).code(9).says("others can write to it");

    let link = stage();
    let elsewhere = link.home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::remove_dir(state_dir(&link)).unwrap();
    symlink(&elsewhere, link.state_dir()).unwrap();
    costs_one_warning(&link);
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);

    let dangling = stage();
    fs::remove_dir(state_dir(&dangling)).unwrap();
    symlink("/nowhere/at/all", dangling.state_dir()).unwrap();
    costs_one_warning(&dangling);

    let file = stage();
    fs::remove_dir(state_dir(&file)).unwrap();
    fs::write(file.state_dir(), "").unwrap();
    costs_one_warning(&file);

    let foreign = stage();
    match chown(state_dir(&foreign), Some(65_534), None) {
        Ok(()) => costs_one_warning(&foreign),
        Err(_) => not_tried("another user's state directory: only root can make one"),
    }
}

/// The name of the lock of the stage's message.
fn item_lock(stage: &Stage) -> std::path::PathBuf {
    let store = Store::open(&state_dir(stage)).unwrap();
    let item = Item {
        kind: ItemKind::Message,
        id: stage.sandbox.message().to_owned(),
        mailbox: None,
    };
    let _lock = store
        .lock_item(&stage.sandbox.endpoint(), &item)
        .expect("a lock");
    let mut entries = fs::read_dir(store.dir()).unwrap();
    entries.next().expect("the lock's file").unwrap().path()
}

#[test]
fn something_else_in_the_place_of_a_file() {
    let lock = stage();
    let path = item_lock(&lock);
    let target = lock.home.path().join("target");
    symlink(&target, &path).unwrap();
    costs_one_warning(&lock);
    assert!(!target.exists());

    let directory = stage();
    fs::create_dir(item_lock(&directory)).unwrap();
    costs_one_warning(&directory);

    // Another's record, linked into the directory: neither read nor written through.
    let session = stage();
    let target = session.home.path().join("target");
    fs::copy("tests/data/state/v1-unfinished.json", &target).unwrap();
    symlink(&target, state_dir(&session).join("7Q2KM4XA.json")).unwrap();
    // Where temporaries go, a link is no more than a name that is taken.
    symlink(&target, session.state_dir().join(".tmp-AAAAAA")).unwrap();
    let before = fs::read(&target).unwrap();
    one_warning(&session, session.run(ATTACH));
    assert_eq!(fs::read(&target).unwrap(), before);
    assert!(session.state_dir().join("7Q2KM4XA.bad").is_symlink());

    for make in [
        (|path| fs::create_dir(path).unwrap()) as fn(&Path),
        |path| {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        },
        |path| fs::write(path, "{").unwrap(),
    ] {
        let odd = stage();
        make(&state_dir(&odd).join("7Q2KM4XA.json"));
        one_warning(&odd, odd.run(ATTACH));
    }
}

/// The binary as somebody who is not root, for whom modes count; `None` where that cannot be done.
fn as_nobody(stage: &Stage, uid: u32, prelude: &str, args: &[&str]) -> Option<Command> {
    let root = rustix::process::geteuid().is_root();
    let script = format!("{prelude} exec \"$0\" \"$@\"");
    let mut command = if root {
        let mut command = Command::new("setpriv");
        let id = uid.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "sh"]);
        let works = Command::new("setpriv")
            .args(["--reuid", &id, "--regid", &id, "--clear-groups", BINARY])
            .arg("--version")
            .output();
        if !works.is_ok_and(|output| output.status.success()) {
            return None;
        }
        give(stage.home.path(), uid);
        command
    } else {
        Command::new("sh")
    };
    command
        .arg("-c")
        .arg(script)
        .arg(BINARY)
        .args(args)
        .env_clear()
        .envs(stage.environment())
        .current_dir(stage.home.path());
    Some(command)
}

fn give(path: &Path, uid: u32) {
    chown(path, Some(uid), Some(uid)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), uid);
        }
    }
}

fn run(mut command: Command) -> Run {
    Run::of(command.stdin(Stdio::null()).output().expect("it runs"))
}

#[test]
fn a_directory_that_cannot_be_written() {
    let stage = stage();
    fs::set_permissions(state_dir(&stage), fs::Permissions::from_mode(0o500)).unwrap();
    let Some(command) = as_nobody(&stage, 65_534, "", &ATTACH) else {
        return not_tried("a state directory without permission: no way not to be root");
    };
    one_warning(&stage, run(command));
    let required: Vec<&str> = ATTACH
        .into_iter()
        .chain(["--require-state", "--again"])
        .collect();
    let command = as_nobody(&stage, 65_534, "", &required).unwrap();
    run(command).code(9);
    assert_eq!(stage.held().len(), 1);
    fs::set_permissions(stage.state_dir(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn an_upload_that_was_begun_goes_on_where_nothing_can_be_written_any_more() {
    let stage = stage();
    let faults = ["put@2=503"].map(|fault| fault.parse().unwrap());
    stage.sandbox.add_faults(faults);
    let stop: Vec<&str> = ATTACH.into_iter().chain(["--max-retries", "0"]).collect();
    let Some(command) = as_nobody(&stage, 65_534, "", &stop) else {
        return not_tried("a state directory that loses its permission: no way not to be root");
    };
    run(command).code(5);
    fs::set_permissions(stage.state_dir(), fs::Permissions::from_mode(0o500)).unwrap();
    let command = as_nobody(&stage, 65_534, "", &["resume", "--quiet"]).unwrap();
    one_warning(&stage, run(command));
    fs::set_permissions(stage.state_dir(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn no_home() {
    let stage = stage();
    // Nobody by that number is known to the system, so there is no home to be looked up either.
    let prelude = "unset HOME;";
    if !rustix::process::geteuid().is_root() {
        return not_tried("no home at all: only root can be a user without one");
    }
    let Some(command) = as_nobody(&stage, 54_321, prelude, &ATTACH) else {
        return not_tried("no home at all: no way to be somebody else");
    };
    one_warning(&stage, run(command));
    let required: Vec<&str> = ATTACH
        .into_iter()
        .chain(["--require-state", "--again"])
        .collect();
    run(as_nobody(&stage, 54_321, prelude, &required).unwrap()).code(9);
}

#[test]
fn a_disk_that_is_full() {
    // A disk of one page, in a world of its own: full from the start, or after a few files.
    let world = |stage: &Stage, options: &str, args: &[&str]| {
        let script = format!(
            "mount -t tmpfs -o mode=0700,{options} none {} && exec \"$0\" \"$@\"",
            state_dir(stage).display()
        );
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.arg("-r");
        }
        command
            .args(["--mount", "sh", "-c", &script, BINARY])
            .args(args)
            .env_clear()
            .envs(stage.environment())
            .current_dir(stage.home.path());
        command
    };
    let works = run(world(&stage(), "size=1m", &["--version"]));
    if works.code != Some(0) {
        return not_tried("a full disk: a small one cannot be mounted here");
    }
    for options in [
        "nr_inodes=1",
        "nr_inodes=2",
        "nr_inodes=3",
        "size=4k,nr_inodes=50",
    ] {
        let stage = stage();
        let run = run(world(&stage, options, &ATTACH)).code(0);
        assert!(warnings(&run) <= 1, "{options}: {run:#?}");
        assert!(warnings(&run) == 1 || options != "nr_inodes=1", "{run:#?}");
        assert_eq!(stage.held().len(), 1, "{options}");
    }
    let required: Vec<&str> = ATTACH.into_iter().chain(["--require-state"]).collect();
    let stage = stage();
    run(world(&stage, "nr_inodes=1", &required)).code(9);
    assert!(stage.held().is_empty());
    // Standard input does not fit either, and goes elsewhere.
    let mut command = world(&stage, "size=64k", &["attach", "-q", "--name", "n", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let content = crate::support::content("n", SIZE);
    child.stdin.take().unwrap().write_all(&content).unwrap();
    one_warning(&stage, Run::of(child.wait_with_output().unwrap()));
    let right = graph_attach::digest::Digest::of(&content).to_string();
    assert_eq!(stage.held()[0].sha256, right);
}

#[test]
fn limits_of_the_process() {
    // Files of at most half a kilobyte, and not a signal for it: every record is too long.
    let small = stage();
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let limited = |stage: &Stage, script: &str| {
        let mut command = Command::new("sh");
        command
            .args(["-c", script, BINARY])
            .args(ATTACH)
            .env_clear()
            .envs(stage.environment())
            .current_dir(stage.home.path());
        run(command)
    };
    one_warning(&small, limited(&small, script));
    // Fewer and fewer open files, down to where the runtime itself cannot start: whatever does not
    // work any more, it says so and does no harm.
    let mut succeeded = 0;
    for count in (8..=20).rev() {
        let few = stage();
        let script = format!("ulimit -n {count}; exec \"$0\" \"$@\" --max-retries 1");
        let run = limited(&few, &script);
        let held = few.held().len();
        assert!(
            matches!(run.code, Some(0 | 1 | 2 | 4 | 5 | 8)),
            "{count}: {run:#?}"
        );
        assert_eq!(held, usize::from(run.code == Some(0)), "{count}: {run:#?}");
        assert!(warnings(&run) <= 1, "{count}: {run:#?}");
        assert!(run.code == Some(0) || run.stderr.contains("error: "));
        succeeded += held;
    }
    assert!(succeeded > 3, "{succeeded}");
}

#[test]
fn private_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let stage = Stage::with_faults(&["put@1=stall:20"]);
        let mut command = Command::new("sh");
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let mut child = command
            .args(["-c", &script, BINARY, "attach", "-q", "--name", "n", "-"])
            .env_clear()
            .envs(stage.environment())
            .current_dir(stage.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let content = crate::support::content("n", SIZE);
        child.stdin.take().unwrap().write_all(&content).unwrap();
        until(|| !stage.requests("PUT").is_empty());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&stage.state_dir()), 0o700, "umask {umask}");
        let mut kinds = Vec::new();
        for entry in fs::read_dir(stage.state_dir()).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "umask {umask}: {path:?}");
            kinds.push(path.extension().unwrap().to_string_lossy().into_owned());
        }
        kinds.sort();
        assert_eq!(kinds, ["json", "lock", "lock", "spool"]);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Waits for something that is sure to come.
#[track_caller]
fn until(come: impl Fn() -> bool) {
    let started = Instant::now();
    while !come() {
        assert!(started.elapsed() < Duration::from_secs(60), "it never came");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn two_processes_on_one_session() {
    let stage = Stage::with_faults(&["put@2=stall:3"]);
    stage.file("f", SIZE);
    let first = stage
        .process(ATTACH)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until(|| stage.requests("PUT").len() == 2);
    let pid = first.id().to_string();
    stage.run(["resume"]).code(9).says("in use").says(&pid);
    stage.run(ATTACH).code(9).says("in use").says(&pid);
    stage.run(["cancel", "--all"]).code(9).says("in use");
    stage.run(["prune"]).code(0);
    let status = stage.run(["status", "--json"]).code(0);
    assert_eq!(status.json()[0]["state"], "uploading");
    assert_eq!(status.json()[0]["locked_by"], first.id());
    // Whoever waits finds the work done.
    let waits = ATTACH.into_iter().chain(["--wait=60", "--json"]);
    let waited = stage.run(waits).code(0);
    assert_eq!(waited.json()[0]["already"], true);
    let first = Run::of(first.wait_with_output().unwrap()).code(0);
    assert_eq!(waited.json()[0]["id"], first.id());
    assert_eq!(stage.held().len(), 1);
}

#[test]
fn a_clock_that_is_a_year_off() {
    let year = jiff::SignedDuration::from_hours(365 * 24);
    for (off, shown) in [(-year, "expired"), (year, "resumable")] {
        let stage = Stage::with_faults(&["put@2=503"]);
        stage.file("f", SIZE);
        stage
            .run(ATTACH.into_iter().chain(["--max-retries", "0"]))
            .code(5);
        // As if the clock had jumped between the two commands.
        let path = stage.session_file();
        let mut record = Record::from_json(&fs::read(&path).unwrap()).unwrap();
        record.expires = record.expires.map(|expires| expires + off);
        record.created += off;
        fs::write(&path, record.to_json()).unwrap();
        let status = stage.run(["status", "--json"]).code(0);
        assert_eq!(status.json()[0]["state"], shown);
        // The service's word counts, not the clock's.
        let run = stage.run(["resume", "--json"]).code(0);
        assert_eq!(run.json()[0]["resumed"], true);
        assert_eq!(stage.requests("PUT").len(), 4, "nothing is sent twice");
        assert_eq!(stage.held().len(), 1);
    }
}

#[test]
fn state_files_of_every_schema_are_read_for_ever() {
    let mut count = 0;
    for entry in fs::read_dir("tests/data/state").unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let record = Record::from_json(&bytes).unwrap_or_else(|why| panic!("{path:?}: {why}"));
        assert_eq!(record.id.as_str(), "7Q2KM4XA");
        match path.file_name().unwrap().to_str().unwrap() {
            "v1-unfinished.json" => {
                assert_eq!(record.state, State::Unfinished);
                assert_eq!(record.item.mailbox.as_deref(), Some("room1@contoso.com"));
                assert_eq!(
                    (record.acked.offset, record.sent.offset),
                    (3_932_160, 7_864_320)
                );
                assert_eq!(record.before, ["AAMkAGOld="]);
                assert!(record.url.is_some() && record.sha256.is_some());
                assert!(record.expires.is_some());
            }
            "v1-finished.json" => {
                assert_eq!(record.state, State::Finished);
                assert!(record.url.is_none());
                assert_eq!(record.attachment_id.as_deref(), Some("AAMkAGNew="));
            }
            "v1-spooled.json" => {
                assert!(record.spooled && record.sha256.is_none() && record.expires.is_none());
                assert_eq!(record.item.kind, ItemKind::Event);
            }
            "v1-inline-odd-path.json" => {
                assert!(record.attachment.is_inline);
                assert_eq!(record.attachment.content_id.as_deref(), Some("pic"));
                assert!(record.file.to_str().is_none());
            }
            other => panic!("what is in `{other}`?"),
        }
        // And the binary shows it.
        let stage = Stage::new();
        fs::copy(&path, state_dir(&stage).join("7Q2KM4XA.json")).unwrap();
        let status = stage.run(["status", "--json"]).code(0);
        assert_eq!(status.json()[0]["id"], "7Q2KM4XA");
        count += 1;
    }
    assert_eq!(count, 4);
}

#[test]
fn a_newer_schema_is_left_alone() {
    let stage = stage();
    let path = state_dir(&stage).join("7Q2KM4XA.json");
    let text = fs::read_to_string("tests/data/state/v1-unfinished.json").unwrap();
    let newer = text.replacen("\"schema\": 1", "\"schema\": 2", 1);
    assert_eq!(
        Record::from_json(newer.as_bytes()),
        Err(Unreadable::Newer(2))
    );
    fs::write(&path, &newer).unwrap();
    one_warning(&stage, stage.run(ATTACH));
    stage.run(["prune"]).code(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
}

/// System calls that touch the state directory, in the order in which the main thread makes them:
/// name and which one of its name.
fn state_calls(stage: &Stage) -> Vec<(String, usize)> {
    let log = stage.home.path().join("strace");
    let run = traced(
        stage,
        &[
            "-o".as_ref(),
            log.as_os_str(),
            "-e".as_ref(),
            "trace=all".as_ref(),
        ],
        &ATTACH,
    );
    run.code(0);
    let dir = stage.state_dir().to_string_lossy().into_owned();
    let text = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    let main = text.split_whitespace().next().expect("a log").to_owned();
    let (mut counts, mut calls) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((name, _)) = rest.trim_start().split_once('(') else {
            continue;
        };
        if thread != main || name.contains(' ') {
            continue;
        }
        let count: &mut usize = counts.entry(name.to_owned()).or_default();
        *count += 1;
        // Closing cannot fail in a way that matters, and nobody looks. A write cannot be counted: the
        // runtime wakes itself by writing too; full disks are what fails those.
        if rest.contains(&dir) && !["close", "write"].contains(&name) {
            calls.push((name.to_owned(), *count));
        }
    }
    calls
}

/// Runs the binary under strace.
fn traced(stage: &Stage, options: &[&std::ffi::OsStr], args: &[&str]) -> Run {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-y", "--signal=none", "--seccomp-bpf"])
        .args(options)
        .arg(BINARY)
        .args(args)
        .env_clear()
        .envs(stage.environment())
        .current_dir(stage.home.path());
    run(command)
}

#[test]
fn any_operation_fails() {
    let works = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output();
    if !works.is_ok_and(|output| output.status.success()) {
        return not_tried("errors of single system calls: there is no strace, or it may not trace");
    }
    const ERRORS: [&str; 5] = ["ENOSPC", "EIO", "EROFS", "EACCES", "EMFILE"];
    let calls = state_calls(&stage());
    assert!(calls.len() > 40, "{calls:?}");
    // Those that the program makes for nothing but its state fail for good too; to be without any
    // `openat` would be to be without the file.
    let only_state = [
        "fsync",
        "fdatasync",
        "rename",
        "renameat",
        "renameat2",
        "flock",
        "getdents64",
        "mkdir",
        "mkdirat",
        "unlink",
        "unlinkat",
        "ftruncate",
    ];
    let mut cases = Vec::new();
    for (at, (name, nth)) in calls.iter().enumerate() {
        for (turn, required) in [(0, false), (1, true)] {
            let error = ERRORS[(at + turn) % ERRORS.len()];
            cases.push((format!("{name}:error={error}:when={nth}"), required));
        }
        if only_state.contains(&name.as_str()) {
            let error = ERRORS[(at + 2) % ERRORS.len()];
            cases.push((format!("{name}:error={error}:when={nth}+"), at % 2 == 1));
        }
    }
    let (turn, wrong, warned) = (
        AtomicUsize::new(0),
        Mutex::new(Vec::new()),
        AtomicUsize::new(0),
    );
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((inject, required)) = cases.get(turn.fetch_add(1, Ordering::Relaxed))
                {
                    let stage = stage();
                    let name = inject.split(':').next().unwrap_or_default();
                    let (trace, inject_it) = (format!("trace={name}"), format!("inject={inject}"));
                    let options = ["-o", "/dev/null", "-e", &trace, "-e", &inject_it];
                    let options = options.map(std::ffi::OsStr::new);
                    let mut args = ATTACH.to_vec();
                    if *required {
                        args.push("--require-state");
                    }
                    let run = traced(&stage, &options, &args);
                    let held = stage.held().len();
                    warned.fetch_add(warnings(&run), Ordering::Relaxed);
                    let fine = match run.code {
                        Some(0) => held == 1 && warnings(&run) <= 1,
                        Some(9) => *required && held == 0 && run.stderr.contains("error: "),
                        // Threads are counted one by one: now and then it is the file that is struck.
                        Some(8) => held == 0 && run.stderr.contains("error: cannot read `f`"),
                        _ => false,
                    };
                    if !fine {
                        wrong
                            .lock()
                            .unwrap()
                            .push(format!("{inject}, required: {required}: {run:#?}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    // Most of them mattered.
    assert!(warned.into_inner() > cases.len() / 8);
    let details = format!("{} system calls", calls.len());
    figure(
        "errors of the state directory",
        cases.len(),
        cases.len(),
        &details,
    );
}
