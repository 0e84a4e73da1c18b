//! The item that `--message`, `--event` or the environment names.

use super::CommandContext;
use crate::{
    args::ItemArgs,
    graph::{Item, ItemKind},
    report::{self, CommandLine, ExitReport},
    settings::table,
    values,
};

/// The item that the options or the environment name.
pub(super) fn item(args: &ItemArgs, context: &CommandContext) -> report::Result<Item> {
    let variable = |name: &'static str| -> report::Result<Option<String>> {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        value
            .map(|value| values::item_id(&value))
            .transpose()
            .map_err(|why| ExitReport::usage(format!("`{name}` is not a valid id: {why}")))
    };
    let (kind, id) = match (&args.message, &args.event) {
        (Some(id), _) => (ItemKind::Message, id.clone()),
        (None, Some(id)) => (ItemKind::Event, id.clone()),
        (None, None) => match variable(table::MESSAGE.variable)? {
            Some(id) => (ItemKind::Message, id),
            None => match variable(table::EVENT.variable)? {
                Some(id) => (ItemKind::Event, id),
                None => {
                    return Err(ExitReport::usage("which message or event?")
                        .advise("name one with `--message ID` or `--event ID`")
                        .run(CommandLine::own("find").arg("drafts")));
                }
            },
        },
    };
    let mailbox = context.mailbox()?;
    Ok(Item { kind, id, mailbox })
}
