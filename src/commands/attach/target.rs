//! Onto what files are attached: an item that the options or the environment name, or a draft that is
//! made for them.

use super::inputs;
use crate::{
    args::AttachArgs,
    commands::{
        CommandContext, compose, item_option::item, retrier::Retrier,
        stdin_readers::one_reader_of_stdin,
    },
    graph::{Draft, GraphClient, Item, ItemKind},
    report::Usage,
};

/// Onto what.
pub(super) enum Target {
    /// A message or an event that is there.
    Item(Item),
    /// A draft that is to be made.
    Draft(Draft),
}

impl Target {
    pub(super) fn item(&self) -> Option<&Item> {
        match self {
            Target::Item(item) => Some(item),
            Target::Draft(_) => None,
        }
    }
}

/// What the options name.
pub(super) fn target(args: &AttachArgs, context: &CommandContext) -> anyhow::Result<Target> {
    if !args.new {
        if compose::is_given(&args.compose) {
            let hint = "graph-attach attach --new --to ADDRESS --subject TEXT FILE";
            return Err(Usage::new("a draft is made with `--new` only", &[hint]).into());
        }
        if args.item.message.is_none() && args.item.event.is_none() {
            inputs::id_among_files(&args.files)?;
        }
        let item = item(&args.item, context)?;
        if args.send && item.kind == ItemKind::Event {
            return Err(Usage::new("an event is not sent: `--send` is for messages", &[]).into());
        }
        return Ok(Target::Item(item));
    }
    one_reader_of_stdin(inputs::stdin_readers(args), context)?;
    let draft = compose::draft(&args.compose)?;
    if args.send && draft.recipients().is_empty() {
        let hint = "name them with `--to ADDRESS`, or leave `--send` out";
        return Err(Usage::new("there are no recipients to send it to", &[hint]).into());
    }
    Ok(Target::Draft(draft))
}

/// Makes the draft, and tells its id: whatever happens next, it can be gone on with.
pub(super) async fn new_draft(
    draft: &Draft,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
    context: &CommandContext,
) -> anyhow::Result<Item> {
    let found = compose::create(draft, false, graph, retrier, context).await?;
    if context.printer.options().json {
        context.printer.json(&serde_json::json!({
            "type": "draft",
            "id": found.id,
            "subject": found.subject,
            "immutable": false,
        }));
    } else {
        context
            .printer
            .note(&format!("the draft `{}` is {}", found.subject, found.id));
    }
    Ok(Item {
        kind: ItemKind::Message,
        id: found.id,
        mailbox: context.mailbox()?,
    })
}
