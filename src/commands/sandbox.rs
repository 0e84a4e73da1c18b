//! `sandbox`: the stand-in as a verb of this program. What it does is in the crate `graph-sandbox`.

use std::{ffi::OsString, io::Write};

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
        alias: std::env::current_exe()
            .ok()
            .map(|file| ("graph-attach", file)),
        variables,
    }
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
