//! `status`: the upload sessions known on this computer.

use jiff::Timestamp;
use serde_json::json;

use super::{
    context::CommandContext,
    resume::{Prefix, ambiguous, by_prefix, unknown},
};
use crate::{
    args::StatusArgs,
    report,
    session::{Pipe, Record, State, Store},
};

pub(super) fn run(args: &StatusArgs, context: &CommandContext) -> anyhow::Result<u8> {
    let store = context.store()?;
    let records = context.records(store)?;
    context
        .printer
        .detail(1, &format!("sessions in `{}`", store.dir().display()));
    let shown = match &args.session {
        None => records.iter().collect(),
        Some(text) => match by_prefix(text, &records) {
            Ok(record) => vec![record],
            Err(Prefix::Ambiguous(ids)) => return Err(ambiguous(text, &ids)),
            Err(Prefix::Unknown) => return Err(unknown(text, &records)),
        },
    };
    if shown.is_empty() {
        context
            .printer
            .note("there are no upload sessions on this computer");
    }
    for record in shown {
        show(record, store, context);
    }
    Ok(report::SUCCESS)
}

fn show(record: &Record, store: &Store, context: &CommandContext) {
    let locked = store.locked_by(record.id);
    let state = match record.state {
        State::Finished => "finished",
        State::Unfinished if locked.is_some() => "uploading",
        State::Unfinished if record.pipe == Some(Pipe::Incomplete) => "incomplete",
        State::Unfinished if record.expired(Timestamp::now()) => "expired",
        State::Unfinished => "resumable",
    };
    // Of a pipe whose end was not seen, what came so far.
    let size = match record.pipe {
        Some(Pipe::Incomplete) => {
            std::fs::metadata(store.spool(record.id)).map_or(0, |metadata| metadata.len())
        }
        _ => record.size,
    };
    if context.printer.options().json {
        context.printer.json(&json!({
            "type": "session",
            "id": record.id,
            "state": state,
            "file": record.file.to_string_lossy(),
            "name": record.attachment.name,
            "size": size,
            "offset": record.acked.offset,
            "item": {"kind": record.item.kind, "id": record.item.id},
            "mailbox": record.item.mailbox,
            "created": record.created,
            "expires": record.expires,
            "locked_by": locked.flatten(),
            "attachment": record.attachment_id,
        }));
        return;
    }
    let item = format!("{} {}", record.item.kind, record.item.id);
    context.printer.row(&[
        record.id.as_str(),
        state,
        &record.acked.offset.to_string(),
        &size.to_string(),
        &item,
        &record.file.to_string_lossy(),
    ]);
}
