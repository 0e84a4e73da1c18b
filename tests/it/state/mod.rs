//! The state under fire: a state directory that fails, lies or belongs to somebody else costs one
//! warning and the ability to resume, not the upload; `--require-state` makes it exit 9.

mod clock;
mod directory;
mod errors;
mod replaced;
mod schema;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use crate::support::{Run, Stage};
pub(super) use crate::support::{as_nobody, until};

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

pub(super) fn run(mut command: Command) -> Run {
    Run::of(command.stdin(Stdio::null()).output().expect("it runs"))
}
