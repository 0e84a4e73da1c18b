//! `ls`: the attachments of a message or an event.

use serde::Serialize;

use super::{context::CommandContext, item_option, resolve_id, retrier::Retrier};
use crate::{
    args::LsArgs,
    graph::ItemKind,
    report,
    terminal::{CommandResult, Printer},
};

pub(super) async fn run(args: &LsArgs, context: &CommandContext) -> report::Result<u8> {
    let item = item_option::item(&args.item, context)?;
    let graph = context.clients()?.graph(context.provider());
    let graph = graph.reading();
    let retrier = Retrier::new(context, &graph).interactive();
    let item = resolve_id::resolve(item, &graph, &retrier, context).await?;
    let listed = retrier.repeat(async || graph.attachments(&item).await);
    let permission = match item.kind {
        ItemKind::Message => "Mail.Read",
        ItemKind::Event => "Calendars.Read",
    };
    let listed = match listed.await {
        Ok(listed) => listed,
        Err(error) => {
            let what = "cannot list the attachments";
            let report = report::mail(&error, Some(&item), what, permission);
            return Err(resolve_id::explained(report, &item, &graph).await);
        }
    };
    if listed.is_empty() {
        context.printer.note("nothing is attached");
    }
    for one in listed {
        context.printer.result(&ListedAttachment {
            id: one.id,
            name: one.name,
            size: one.size,
            content_type: one.content_type,
            inline: one.is_inline,
        });
    }
    context.warn_of_token().await;
    Ok(report::SUCCESS)
}

/// An attachment of the item.
#[derive(Serialize)]
#[serde(tag = "type", rename = "attachment")]
struct ListedAttachment {
    id: String,
    name: String,
    size: Option<u64>,
    content_type: Option<String>,
    inline: bool,
}

impl CommandResult for ListedAttachment {
    fn show(&self, printer: &Printer) {
        let size = self.size.map(|size| size.to_string()).unwrap_or_default();
        let content_type = self.content_type.as_deref().unwrap_or_default();
        let fields = [&self.id, &size, content_type, &self.name, "inline"];
        let count = if self.inline { 5 } else { 4 };
        printer.row(&fields[..count]);
    }
}
