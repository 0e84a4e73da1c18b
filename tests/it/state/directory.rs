//! A directory that is not ours alone, or cannot be written; what lies in the place of its files; its
//! modes; several processes in it.

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
    process::{Command, Stdio},
};

use graph_attach::{
    graph::{Item, ItemKind},
    session::{ItemKey, LockPlaces, Store},
};

use super::{ATTACH, SIZE, as_nobody, one_warning, run, stage, state_dir, until, warnings};
use crate::support::{BINARY, Run, Stage, not_tried};

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
    let key = ItemKey::new(&stage.sandbox.endpoint(), &item);
    let places = LockPlaces::new([store.dir().to_owned()]);
    let _lock = places.lock_item(&key, &item).expect("a lock");
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
