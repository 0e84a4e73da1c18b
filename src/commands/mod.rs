//! One verb per file; each reads like the manual's description of it.

mod attach;
mod auth;
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

use crate::{
    cli::Command,
    exit,
    output::{Streams, human},
};

/// Runs a command and returns its exit code.
pub(crate) async fn run(command: &Command, context: &Context) -> anyhow::Result<u8> {
    for line in context.settings.origins() {
        context.printer.detail(1, &line);
    }
    match command {
        Command::Attach(args) => attach::run(args, context).await,
        Command::Resume(args) => resume::run(args, context).await,
        Command::Cancel(args) => cancel::run(args, context).await,
        Command::Status(args) => status::run(args, context),
        Command::Prune => prune::run(context),
        Command::Sandbox(args) => {
            let mut streams = Streams::of_this_process();
            let status = sandbox::run(args, &mut streams.out, &mut streams.err).await?;
            Ok(u8::try_from(status).unwrap_or(exit::FAILURE))
        }
        Command::Auth(args) => auth::run(&args.command, context).await,
        Command::Completions(args) => completions::run(args, context),
    }
}

/// A signal ends the command: says where the upload stopped, and how it goes on.
pub(crate) fn interrupted(context: &Context) {
    let reporter = context.reporter.borrow().clone();
    let Some(reporter) = reporter else {
        return;
    };
    let position = reporter.position();
    reporter.finish();
    let Some(position) = position else {
        return;
    };
    let (name, part) = (&position.name, human::part(position.offset, position.size));
    match position.session {
        Some(session) => {
            context
                .printer
                .warn(&format!("interrupted: `{name}` is at {part}"));
            context
                .printer
                .hint(&format!("graph-attach resume {session}"));
        }
        None => {
            context.printer.warn(&format!(
                "interrupted before an upload session for `{name}` was open"
            ));
            context
                .printer
                .hint("run the same command again: it attaches nothing twice");
        }
    }
}
