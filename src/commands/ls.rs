//! `ls`: the attachments of a message or an event.

use serde_json::json;

use super::{context::CommandContext, item_option, resolve_id, retrier::Retrier};
use crate::{
    args::{LsArgs, RetryArgs},
    graph::ItemKind,
    report::{self, MailRequest},
};

pub(super) async fn run(args: &LsArgs, context: &CommandContext) -> anyhow::Result<u8> {
    let item = item_option::item(&args.item, context)?;
    let retry = RetryArgs::from(&args.request);
    let graph = context.clients(Some(&retry))?.graph(context.provider());
    let graph = graph.reading();
    let retrier = Retrier::new(context, &graph, &retry);
    let item = resolve_id::resolve(item, &graph, &retrier, context).await?;
    let listed = retrier.repeat(async || graph.attachments(&item).await);
    let listed = listed.await.map_err(|error| MailRequest {
        what: "cannot list the attachments".to_owned(),
        error,
        item: Some(item.clone()),
        permission: match item.kind {
            ItemKind::Message => "Mail.Read",
            ItemKind::Event => "Calendars.Read",
        },
    })?;
    if listed.is_empty() {
        context.printer.note("nothing is attached");
    }
    for one in listed {
        if context.printer.options().json {
            context.printer.json(&json!({
                "type": "attachment",
                "id": one.id,
                "name": one.name,
                "size": one.size,
                "content_type": one.content_type,
                "inline": one.is_inline,
            }));
            continue;
        }
        let size = one.size.map(|size| size.to_string()).unwrap_or_default();
        let kind = one.content_type.unwrap_or_default();
        let fields: [&str; 5] = [&one.id, &size, &kind, &one.name, "inline"];
        let count = if one.is_inline { 5 } else { 4 };
        context.printer.row(&fields[..count]);
    }
    context.warn_of_token().await;
    Ok(report::SUCCESS)
}
