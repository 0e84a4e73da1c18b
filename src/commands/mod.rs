//! One verb per file; each reads like the manual's description of it.

mod attach;
mod auth;
mod batch;
mod cancel;
mod completions;
mod compose;
mod context;
mod detach;
mod draft;
mod file_results;
mod find;
mod follow_up;
mod item_option;
mod locking;
mod ls;
mod mail_end;
mod mail_job;
mod pipe;
mod prune;
mod resolve_id;
mod resume;
mod retrier;
mod sandbox;
mod send;
mod session_prefix;
mod status;
mod stdin_readers;

pub(crate) use context::CommandContext;

use crate::{args::Command, report, terminal::Streams};

/// Runs a command and returns its exit code.
pub(crate) async fn run(command: &Command, context: &CommandContext) -> report::Result<u8> {
    for line in context.settings.origins() {
        context.printer.detail(1, &line);
    }
    if command.may_send_secrets() {
        for surprise in context.settings.surprises() {
            context.printer.warn(&surprise);
        }
    }
    match command {
        Command::Attach(args) => attach::run(args, context).await,
        Command::Resume(args) => resume::run(args, context).await,
        Command::Cancel(args) => cancel::run(args, context).await,
        Command::Status(args) => status::run(args, context),
        Command::Prune(args) => prune::run(args, context).await,
        Command::Sandbox(args) => {
            let mut streams = Streams::of_this_process();
            let own = sandbox::surroundings(&context.settings);
            let status = sandbox::run(args, own, &mut streams.out, &mut streams.err).await?;
            Ok(u8::try_from(status).unwrap_or(report::FAILURE))
        }
        Command::Auth(args) => Box::pin(auth::run(&args.command, context)).await,
        Command::Draft(args) => draft::run(args, context).await,
        Command::Batch(args) => batch::run(args, context).await,
        Command::Find(args) => find::run(args, context).await,
        Command::Send(args) => send::run(args, context).await,
        Command::Ls(args) => ls::run(args, context).await,
        Command::Detach(args) => detach::run(args, context).await,
        Command::Completions(args) => completions::run(args, context),
    }
}

/// A signal ends the command with `code`: says where the upload stopped, and which command continues it.
pub(crate) fn interrupted(context: &CommandContext, code: u8) {
    if let Some(again) = context.again.borrow_mut().take() {
        context.printer.warn("interrupted");
        context.printer.hint(&again);
        return;
    }
    let reporter = context.reporter.borrow().clone();
    let position = reporter.as_ref().and_then(|reporter| reporter.position());
    if let Some(reporter) = reporter {
        reporter.finish();
    }
    let results = context.results.borrow().clone();
    if let Some(results) = results {
        results.interrupted(position.as_ref(), code);
    }
}
