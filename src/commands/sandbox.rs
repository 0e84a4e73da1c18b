//! `sandbox`: the stand-in as a verb of this program. What it does is in the crate `graph-sandbox`.

use std::{ffi::OsString, io::Write, path::PathBuf};

use graph_sandbox::{args::SandboxArgs, run::Surroundings};

use crate::settings::{Origin, Settings};

/// A command called as this program is this program. A state directory that was asked for is the command's
/// too; and whose mailbox a configuration file names does not matter here.
pub(super) fn surroundings(settings: &Settings) -> Surroundings {
    let mut variables = Vec::new();
    if let Ok(dir) = &settings.state_dir
        && matches!(dir.origin, Origin::Flag(_))
    {
        let dir = std::path::absolute(&dir.value).unwrap_or_else(|_| dir.value.clone());
        variables.push(("GRAPH_ATTACH_STATE_DIR", dir.into()));
    }
    variables.push(("GRAPH_ATTACH_MAILBOX", OsString::new()));
    Surroundings {
        alias: this_program().map(|file| ("graph-attach", file)),
        variables,
    }
}

/// This program's file. Without `/proc`, the system does not say; then the name that it was called by is it, if
/// that is a path.
fn this_program() -> Option<PathBuf> {
    let called = || {
        let name = PathBuf::from(std::env::args_os().next()?);
        let is_path = name.components().nth(1).is_some();
        is_path.then(|| std::path::absolute(name).ok()).flatten()
    };
    std::env::current_exe().ok().or_else(called)
}

/// Serves, and returns the exit status.
pub(super) async fn run(
    args: &SandboxArgs,
    surroundings: Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<i32> {
    Ok(graph_sandbox::run::run(args, surroundings, out, err).await?)
}
