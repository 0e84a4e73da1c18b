//! `find`: messages, drafts or events, newest first.

use serde::Serialize;

use super::{context::CommandContext, retrier::Retrier};
use crate::{
    args::{FindArgs, Place},
    graph::{ItemKind, Where},
    report,
    terminal::{CommandResult, Printer},
};

pub(super) async fn run(args: &FindArgs, context: &CommandContext) -> report::Result<u8> {
    let place = match args.place {
        Place::Messages => Where::Messages,
        Place::Drafts => Where::Drafts,
        Place::Events => Where::Events,
    };
    let mailbox = context.mailbox()?;
    let graph = context.clients()?.graph(context.provider());
    let graph = graph.reading();
    let retrier = Retrier::new(context, &graph).interactive();
    let limit = args.limit as usize;
    let found = retrier.repeat(async || {
        let subject = args.subject.as_deref();
        graph.find(mailbox.as_deref(), place, subject, limit).await
    });
    let permission = match place.kind() {
        ItemKind::Message => "Mail.ReadBasic",
        ItemKind::Event => "Calendars.ReadBasic",
    };
    let found = found
        .await
        .map_err(|error| report::mail(&error, None, "cannot list what is there", permission))?;
    if found.is_empty() {
        context.printer.note("nothing was found");
    }
    for entry in found {
        context.printer.result(&FoundItem {
            r#type: place.kind(),
            id: entry.id,
            date: entry.date,
            subject: entry.subject,
        });
    }
    context.warn_of_token().await;
    Ok(report::SUCCESS)
}

/// A message or an event that was found.
#[derive(Serialize)]
struct FoundItem {
    r#type: ItemKind,
    id: String,
    date: String,
    subject: String,
}

impl CommandResult for FoundItem {
    fn show(&self, printer: &Printer) {
        printer.row(&[&self.id, &self.date, &self.subject]);
    }
}
