//! `find`: messages, drafts or events, newest first.

use serde_json::json;

use super::{context::CommandContext, retrier::Retrier};
use crate::{
    args::{FindArgs, Place, RetryArgs},
    graph::{ItemKind, Where},
    report::{self, MailRequest},
};

pub(super) async fn run(args: &FindArgs, context: &CommandContext) -> anyhow::Result<u8> {
    let place = match args.place {
        Place::Messages => Where::Messages,
        Place::Drafts => Where::Drafts,
        Place::Events => Where::Events,
    };
    let mailbox = context.mailbox()?;
    let retry = RetryArgs::from(&args.request);
    let graph = context.clients(Some(&retry))?.graph(context.provider());
    let graph = graph.reading();
    let retrier = Retrier::new(context, &graph, &retry);
    let limit = args.limit as usize;
    let found = retrier.repeat(async || {
        let subject = args.subject.as_deref();
        graph.find(mailbox.as_deref(), place, subject, limit).await
    });
    let found = found.await.map_err(|error| MailRequest {
        what: "cannot list what is there".to_owned(),
        error,
        item: None,
        permission: match place.kind() {
            ItemKind::Message => "Mail.ReadBasic",
            ItemKind::Event => "Calendars.ReadBasic",
        },
    })?;
    if found.is_empty() {
        context.printer.note("nothing was found");
    }
    for entry in found {
        if context.printer.options().json {
            context.printer.json(&json!({
                "type": place.kind(),
                "id": entry.id,
                "date": entry.date,
                "subject": entry.subject,
            }));
        } else {
            let fields = [&entry.id, &entry.date, &entry.subject];
            context.printer.row(&fields.map(String::as_str));
        }
    }
    context.warn_of_token().await;
    Ok(report::SUCCESS)
}
