//! The item that `--message`, `--event` or the environment names.

use super::CommandContext;
use crate::{
    args::{ItemArgs, values},
    graph::{Item, ItemKind},
    report::Usage,
};

/// The item that the options or the environment name.
pub(super) fn item(args: &ItemArgs, context: &CommandContext) -> anyhow::Result<Item> {
    let variable = |name: &'static str| -> anyhow::Result<Option<String>> {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        value
            .map(|value| values::item_id(&value))
            .transpose()
            .map_err(|why| Usage::new(format!("`{name}` is no id: {why}"), &[]).into())
    };
    let (kind, id) = match (&args.message, &args.event) {
        (Some(id), _) => (ItemKind::Message, id.clone()),
        (None, Some(id)) => (ItemKind::Event, id.clone()),
        (None, None) => match variable("GRAPH_ATTACH_MESSAGE")? {
            Some(id) => (ItemKind::Message, id),
            None => match variable("GRAPH_ATTACH_EVENT")? {
                Some(id) => (ItemKind::Event, id),
                None => {
                    return Err(Usage::new(
                        "which message or event?",
                        &[
                            "name one with `--message ID` or `--event ID`",
                            "graph-attach find drafts",
                        ],
                    )
                    .into());
                }
            },
        },
    };
    let mailbox = context.mailbox()?;
    Ok(Item { kind, id, mailbox })
}
