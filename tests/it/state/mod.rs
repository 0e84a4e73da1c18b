//! The state under fire: a state directory that fails, lies or belongs to somebody else costs one
//! warning and the ability to resume, not the upload; `--require-state` makes it exit 9.

mod clock;
mod directory;
mod errors;
mod replaced;
mod schema;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::{BINARY, Run, Stage};

/// Three ranges of 1 MiB.
pub(super) const SIZE: usize = 3_000_000;
pub(super) const ATTACH: [&str; 5] = ["attach", "--chunk-size", "1MiB", "--quiet", "f"];

/// A stage with the file to attach.
pub(super) fn stage() -> Stage {
    let stage = Stage::new();
    stage.file("f", SIZE);
    stage
}

pub(super) fn warnings(run: &Run) -> usize {
    run.stderr.matches("warning: ").count()
}

/// The upload succeeded, with one warning and one attachment.
#[track_caller]
pub(super) fn one_warning(stage: &Stage, run: Run) {
    let run = run.code(0);
    assert_eq!(warnings(&run), 1, "{run:#?}");
    assert_eq!(stage.held().len(), 1);
    assert_eq!(run.id(), stage.held()[0].id);
}

pub(super) fn state_dir(stage: &Stage) -> std::path::PathBuf {
    let dir = stage.state_dir();
    fs::create_dir_all(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
    dir
}

/// The binary as somebody who is not root, for whom modes count; `None` where that cannot be done.
pub(super) fn as_nobody(stage: &Stage, uid: u32, prelude: &str, args: &[&str]) -> Option<Command> {
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

pub(super) fn run(mut command: Command) -> Run {
    Run::of(command.stdin(Stdio::null()).output().expect("it runs"))
}

/// Waits for something that is sure to come.
#[track_caller]
pub(super) fn until(come: impl Fn() -> bool) {
    let started = Instant::now();
    while !come() {
        assert!(started.elapsed() < Duration::from_secs(60), "it never came");
        thread::sleep(Duration::from_millis(2));
    }
}
