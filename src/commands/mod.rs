//! One verb per file; each reads like the manual's description of it.

mod again;
mod attach;
mod auth;
mod cancel;
mod completions;
mod compose;
mod detach;
mod draft;
mod earlier;
mod find;
mod full;
mod ids;
mod inputs;
mod ls;
mod patience;
mod preview;
mod prune;
mod report;
mod resume;
mod sandbox;
mod send;
mod status;
mod target;
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
        Command::Attach(args) => match attach::run(args, context).await {
            Err(error) if args.new => Ok(preview::draft_is_kept(&error, context)),
            result => result,
        },
        Command::Resume(args) => resume::run(args, context).await,
        Command::Cancel(args) => cancel::run(args, context).await,
        Command::Status(args) => status::run(args, context),
        Command::Prune => prune::run(context).await,
        Command::Sandbox(args) => {
            let mut streams = Streams::of_this_process();
            let status = sandbox::run(args, &mut streams.out, &mut streams.err).await?;
            Ok(u8::try_from(status).unwrap_or(exit::FAILURE))
        }
        Command::Auth(args) => auth::run(&args.command, context).await,
        Command::Draft(args) => draft::run(args, context).await,
        Command::Find(args) => find::run(args, context).await,
        Command::Send(args) => send::run(args, context).await,
        Command::Ls(args) => ls::run(args, context).await,
        Command::Detach(args) => detach::run(args, context).await,
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
    let go_on = context.go_on.borrow().clone();
    let Some(position) = position else {
        if let Some(command) = go_on {
            context.printer.warn("interrupted");
            context.printer.hint(&command);
        }
        return;
    };
    let (name, part) = (&position.name, human::part(position.offset, position.size));
    match position.session {
        Some(session) => {
            context
                .printer
                .warn(&format!("interrupted: `{name}` is at {part}"));
            let resume = format!("graph-attach resume {session}");
            context.printer.hint(&go_on.unwrap_or(resume));
        }
        None => {
            context.printer.warn(&format!(
                "interrupted before an upload session for `{name}` was open"
            ));
            let again = "run the same command again: it attaches nothing twice".to_owned();
            context.printer.hint(&go_on.unwrap_or(again));
        }
    }
}
