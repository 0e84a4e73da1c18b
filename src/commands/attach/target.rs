//! Onto what files are attached: an item that the options or the environment name, or a draft that is
//! made for them.

use super::inputs;
use crate::{
    args::AttachArgs,
    commands::{
        CommandContext, compose, draft::MadeDraft, item_option::item, retrier::Retrier,
        stdin_readers::one_reader_of_stdin,
    },
    graph::{Draft, GraphClient, Item, ItemKind},
    report::{self, CommandLine, ExitReport},
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
pub(super) fn target(args: &AttachArgs, context: &CommandContext) -> report::Result<Target> {
    if !args.new {
        if compose::is_given(&args.compose) {
            let attach = CommandLine::own("attach").arg("--new");
            let attach = attach.option("--to", "ADDRESS").option("--subject", "TEXT");
            return Err(
                ExitReport::usage("a draft is made with `--new` only").run(attach.operand("FILE"))
            );
        }
        if args.item.message.is_none() && args.item.event.is_none() {
            inputs::id_among_files(&args.files)?;
        }
        let item = item(&args.item, context)?;
        if args.send && item.kind == ItemKind::Event {
            return Err(ExitReport::usage(
                "an event is not sent: `--send` is for messages",
            ));
        }
        return Ok(Target::Item(item));
    }
    one_reader_of_stdin(inputs::stdin_readers(args), context)?;
    let draft = compose::draft(&args.compose)?;
    if args.send && draft.recipients().is_empty() {
        return Err(ExitReport::usage("there are no recipients to send it to")
            .advise("name them with `--to ADDRESS`, or leave `--send` out"));
    }
    Ok(Target::Draft(draft))
}

/// Makes the draft, and tells its id: whatever happens next, the user can continue with it.
pub(super) async fn new_draft(
    draft: &Draft,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
    context: &CommandContext,
) -> report::Result<Item> {
    let found = compose::create(draft, false, graph, retrier, context).await?;
    if context.printer.is_json() {
        context.printer.json(&MadeDraft {
            id: &found.id,
            subject: &found.subject,
            immutable: false,
        });
    } else {
        let (subject, id) = (&found.subject, &found.id);
        context
            .printer
            .note(&format!("the draft `{subject}` is {id}"));
    }
    Ok(Item {
        kind: ItemKind::Message,
        id: found.id,
        mailbox: context.mailbox()?,
    })
}
