//! `status`: the upload sessions known on this computer.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

use super::{context::CommandContext, mail_job, session_prefix::find_session};
use crate::{
    args::StatusArgs,
    graph::ItemKind,
    report,
    session::{MailRecord, MailState, Pipe, Record, SessionId, State, Store},
    terminal::{CommandResult, Printer},
    upload::Route,
};

pub(super) fn run(args: &StatusArgs, context: &CommandContext) -> report::Result<u8> {
    let store = context.store()?;
    let records = context.records(store)?;
    context
        .printer
        .detail(1, &format!("sessions in `{}`", store.dir().display()));
    let mails = mail_job::records(store, context)?;
    if let Some(text) = &args.session
        && let [mail] = mail_job::by_prefix(text, &mails).as_slice()
    {
        show_mail(mail, store, context);
        return Ok(report::SUCCESS);
    }
    let shown: Vec<&Record> = match &args.session {
        None => {
            let open = |record: &&Record| args.all || record.state != State::Finished;
            records.iter().filter(open).collect()
        }
        Some(text) => vec![find_session(text, &records)?],
    };
    let open = |mail: &&MailRecord| args.all || !mail.progress.state.is_over();
    let mails: Vec<&MailRecord> = match args.session {
        None => mails.iter().filter(open).collect(),
        Some(_) => Vec::new(),
    };
    for mail in &mails {
        show_mail(mail, store, context);
    }
    if shown.is_empty() && mails.is_empty() {
        context
            .printer
            .note("there are no upload sessions on this computer");
    }
    for record in shown {
        show(record, store, context);
    }
    Ok(report::SUCCESS)
}

fn show_mail(mail: &MailRecord, store: &Store, context: &CommandContext) {
    let locked = store.locked_by(mail.id);
    let state = match mail.progress.state {
        MailState::Finished => "finished",
        MailState::Sent => "sent",
        _ if locked.is_some() => "working",
        MailState::Sending | MailState::InDoubt => "in_doubt",
        MailState::Wanted | MailState::Creating | MailState::Drafted => "resumable",
    };
    let people = ["toRecipients", "ccRecipients", "bccRecipients"];
    let people = people
        .iter()
        .filter_map(|name| mail.message.get(*name)?.as_array());
    let to: Vec<&str> = people
        .flatten()
        .filter_map(|one| one.get("emailAddress")?.get("address")?.as_str())
        .collect();
    let subject = mail
        .message
        .get("subject")
        .and_then(|subject| subject.as_str());
    let files = mail.files.iter().enumerate().map(|(index, file)| {
        let progress = mail.progress.files.get(index);
        FileJson {
            file: file.path.to_string_lossy(),
            name: &file.name,
            attached: progress.is_some_and(|progress| progress.attached),
            id: progress.and_then(|progress| progress.id.as_deref()),
        }
    });
    context.printer.result(&MailLine {
        id: mail.id,
        state,
        message: mail.progress.draft.as_deref(),
        web_link: mail.progress.web_link.as_deref(),
        mailbox: mail.mailbox.as_deref(),
        to,
        subject: subject.unwrap_or_default(),
        files: files.collect(),
        send: mail.send,
        sent: mail.progress.state == MailState::Sent,
        key: mail.once.as_deref(),
        created: mail.created,
        locked_by: locked.flatten(),
    });
}

/// A mail job as this computer knows it.
#[derive(Serialize)]
#[serde(tag = "type", rename = "mail")]
struct MailLine<'a> {
    id: SessionId,
    state: &'static str,
    message: Option<&'a str>,
    #[serde(rename = "webLink")]
    web_link: Option<&'a str>,
    mailbox: Option<&'a str>,
    to: Vec<&'a str>,
    subject: &'a str,
    files: Vec<FileJson<'a>>,
    send: bool,
    sent: bool,
    key: Option<&'a str>,
    created: Timestamp,
    locked_by: Option<u32>,
}

#[derive(Serialize)]
struct FileJson<'a> {
    file: Cow<'a, str>,
    name: &'a str,
    attached: bool,
    id: Option<&'a str>,
}

impl CommandResult for MailLine<'_> {
    fn show(&self, printer: &Printer) {
        let attached = self.files.iter().filter(|file| file.attached).count();
        printer.row(&[
            self.id.as_str(),
            self.state,
            &attached.to_string(),
            &self.files.len().to_string(),
            &format!("mail {}", self.message.unwrap_or("-")),
            &format!("{}: {}", self.to.join(", "), self.subject),
        ]);
    }
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
