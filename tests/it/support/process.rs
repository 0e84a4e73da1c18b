//! Processes of other users, and waiting for what processes do.

use std::{
    fs,
    os::unix::fs::chown,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{BINARY, Stage};

/// The binary as somebody who is not root, for whom modes count; `None` where that cannot be done.
pub(crate) fn as_nobody(stage: &Stage, uid: u32, prelude: &str, args: &[&str]) -> Option<Command> {
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

/// Waits for something that is sure to come.
#[track_caller]
pub(crate) fn until(come: impl Fn() -> bool) {
    let started = Instant::now();
    while !come() {
        assert!(started.elapsed() < Duration::from_secs(60), "it never came");
        thread::sleep(Duration::from_millis(2));
    }
}
