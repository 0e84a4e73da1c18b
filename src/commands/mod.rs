//! One verb per file; each reads like the manual's description of it.

mod attach;
mod cancel;
mod completions;
mod inputs;
mod prune;
mod report;
mod resume;
mod sandbox;
mod status;
mod work;

pub(crate) use work::Context;

use crate::cli::Command;

/// Runs a command and returns its exit code.
pub(crate) async fn run(command: &Command, context: &Context) -> anyhow::Result<u8> {
    match command {
        Command::Attach(args) => attach::run(args, context).await,
        Command::Resume(args) => resume::run(args, context).await,
        Command::Cancel(args) => cancel::run(args, context).await,
        Command::Status(args) => status::run(args, context),
        Command::Prune => prune::run(context),
        Command::Sandbox(args) => sandbox::run(args, context).await,
        Command::Completions(args) => completions::run(args, context),
    }
}
