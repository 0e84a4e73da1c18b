//! `status`: the upload sessions known on this computer.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

use super::{context::CommandContext, session_prefix::find_session};
use crate::{
    args::StatusArgs,
    graph::ItemKind,
    report,
    session::{Pipe, Record, SessionId, State, Store},
    terminal::{CommandResult, Printer},
    upload::Route,
};

pub(super) fn run(args: &StatusArgs, context: &CommandContext) -> report::Result<u8> {
    let store = context.store()?;
    let records = context.records(store)?;
    context
        .printer
        .detail(1, &format!("sessions in `{}`", store.dir().display()));
    let shown = match &args.session {
        None => records.iter().collect(),
        Some(text) => vec![find_session(text, &records)?],
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
        State::Unfinished if record.in_doubt() && record.route == Route::Post => "in_doubt",
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
    context.printer.result(&SessionLine {
        id: record.id,
        state,
        route: record.route,
        file: record.file.to_string_lossy(),
        name: &record.attachment.name,
        size,
        offset: record.acked.offset,
        item: ItemJson {
            kind: record.item.kind,
            id: &record.item.id,
        },
        mailbox: record.item.mailbox.as_deref(),
        created: record.created,
        expires: record.expires,
        locked_by: locked.flatten(),
        attachment: record.attachment_id.as_deref(),
    });
}

/// A session as this computer knows it.
#[derive(Serialize)]
#[serde(tag = "type", rename = "session")]
struct SessionLine<'a> {
    id: SessionId,
    state: &'static str,
    route: Route,
    file: Cow<'a, str>,
    name: &'a str,
    size: u64,
    offset: u64,
    item: ItemJson<'a>,
    mailbox: Option<&'a str>,
    created: Timestamp,
    expires: Option<Timestamp>,
    locked_by: Option<u32>,
    attachment: Option<&'a str>,
}

#[derive(Serialize)]
struct ItemJson<'a> {
    kind: ItemKind,
    id: &'a str,
}

impl CommandResult for SessionLine<'_> {
    fn show(&self, printer: &Printer) {
        printer.row(&[
            self.id.as_str(),
            self.state,
            &self.offset.to_string(),
            &self.size.to_string(),
            &format!("{} {}", self.item.kind, self.item.id),
            &self.file,
        ]);
    }
}
