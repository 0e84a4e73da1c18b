//! Whether an upload to a message is unfinished: then it is not sent. What cannot be known counts as
//! unfinished, unless the user says that it does not (`--even-if-unfinished`).

use std::{io, path::Path};

use crate::{
    commands::{CommandContext, locking::lasting_id, mail_job},
    graph::{Found, GraphClient, Item, ItemKind},
    report::{self, CommandLine, ExitReport},
    session::{DirError, ItemKey, LoadError, Record, Sameness, State, Store},
};

/// Refuses to send what is still being uploaded to.
pub(super) async fn refuse(
    item: &Item,
    draft: &Found,
    graph: &GraphClient,
    context: &CommandContext,
) -> report::Result<()> {
    let store = match context.store() {
        Ok(store) => store,
        Err(error) => {
            if !holds_nothing(context) {
                return Err(unknown(item, &error.heading, None));
            }
            context
                .printer
                .warn(&format!("{error}; unfinished uploads cannot be looked for"));
            return Ok(());
        }
    };
    let records = readable(store, item)?;
    let endpoint = context.settings.endpoint.value.as_str();
    let ids = [item.id.as_str(), draft.id.as_str()];
    if let Some((id, names)) = mail_job::incomplete(item, ids, store, endpoint) {
        let refused = ExitReport::refused(format!(
            "not sent: {} of mail {id} {} not attached yet",
            names.join(", "),
            if names.len() == 1 { "is" } else { "are" }
        ));
        return Err(refused.run(CommandLine::own("resume").operand(id.to_string())));
    }
    let ours = [
        ItemKey::new(endpoint, item),
        ItemKey::new(endpoint, item).with_id(&draft.id),
    ];
    let mut open: Vec<&Record> = Vec::new();
    for record in records
        .iter()
        .filter(|record| record.state != State::Finished)
        .filter(|record| record.item.kind == ItemKind::Message)
    {
        let theirs = ItemKey::new(&record.endpoint, &record.item);
        match compare(&ours, &theirs) {
            Sameness::Same => open.push(record),
            Sameness::Different => {}
            Sameness::Perhaps => match lasting_id(&theirs, &record.item, graph).await {
                Some(lasting) if ours.contains(&lasting) => open.push(record),
                Some(_) => {}
                None => {
                    let what = format!(
                        "session {} (`{}`) may be of the same message under another id",
                        record.id, record.attachment.name
                    );
                    return Err(unknown(item, &what, Some(record)));
                }
            },
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    Err(unfinished(&open))
}

/// The records, if all of them can be read.
fn readable(store: &Store, item: &Item) -> report::Result<Vec<Record>> {
    let inventory = match store.inventory() {
        Ok(inventory) => inventory,
        Err(error) => return Err(unknown(item, &error.to_string(), None)),
    };
    let damaged = store.damaged().unwrap_or_default();
    let unreadable = inventory.unreadable.iter();
    let first = unreadable
        .map(|(path, why)| (path.as_path(), *why))
        .chain(
            damaged
                .iter()
                .map(|path| (path.as_path(), LoadError::Damaged)),
        )
        .next();
    match first {
        None => Ok(inventory.records),
        Some((path, why)) => {
            let what = format!("the state file `{}` is not used: {why}", path.display());
            Err(unknown(item, &what, None))
        }
    }
}

/// Whether the directory that cannot be opened is one that is not there.
fn holds_nothing(context: &CommandContext) -> bool {
    let Ok(directory) = &context.settings.state_dir else {
        return true;
    };
    let missing = |path: &Path| {
        let found = std::fs::symlink_metadata(path);
        found.is_err_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            )
        })
    };
    match Store::open(&directory.value) {
        Err(DirError::Nowhere) => true,
        Err(DirError::Io { path, .. }) => missing(&path),
        Err(DirError::Unsafe { .. }) | Ok(_) => false,
    }
}

/// Of the two names of one message: what names of one form say is certain.
fn compare(ours: &[ItemKey; 2], theirs: &ItemKey) -> Sameness {
    let seen = ours.each_ref().map(|key| key.compare(theirs));
    if seen.contains(&Sameness::Same) {
        Sameness::Same
    } else if seen.contains(&Sameness::Different) {
        Sameness::Different
    } else {
        Sameness::Perhaps
    }
}

fn unfinished(open: &[&Record]) -> ExitReport {
    let names: Vec<String> = open
        .iter()
        .map(|record| format!("`{}`", record.attachment.name))
        .collect();
    let ids = || open.iter().map(|record| record.id.to_string());
    let resume = ids().map(|id| CommandLine::own("resume").operand(id).into());
    ExitReport::refused(format!(
        "not sent: {} {} not attached completely yet",
        names.join(", "),
        if names.len() == 1 { "is" } else { "are" }
    ))
    .hints(resume)
    .run(CommandLine::own("cancel").operands(ids()))
}

fn unknown(item: &Item, why: &str, record: Option<&Record>) -> ExitReport {
    let report = ExitReport::refused(format!(
        "not sent: it cannot be known whether an upload to it is unfinished: {why}"
    ));
    let commands = record.into_iter().flat_map(|record| {
        let id = record.id.to_string();
        ["resume", "cancel"].map(|verb| CommandLine::own(verb).operand(&id).into())
    });
    let send = CommandLine::own("send").arg("--even-if-unfinished");
    report
        .hints(commands)
        .run(send.operand(&item.id).mailbox(item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> ItemKey {
        let item = Item {
            kind: ItemKind::Message,
            id: id.to_owned(),
            mailbox: None,
        };
        ItemKey::new("https://graph.microsoft.com/v1.0", &item)
    }

    #[test]
    fn an_ordinary_and_an_immutable_id_are_compared_each_with_its_kind() {
        let ours = [key("AAMkA="), key("AAkALgA=")];
        for (theirs, expected) in [
            ("AAMkA", Sameness::Same),
            ("AAkALgA", Sameness::Same),
            ("AAMkB", Sameness::Different),
            ("AAkALgB", Sameness::Different),
            ("AQMkB", Sameness::Perhaps),
        ] {
            assert_eq!(compare(&ours, &key(theirs)), expected, "{theirs}");
        }
        // A draft that was named by its immutable id alone.
        let ours = [key("AAkALgA="), key("AAkALgA=")];
        assert_eq!(compare(&ours, &key("AAMkA")), Sameness::Perhaps);
    }
}
