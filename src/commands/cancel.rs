//! `cancel`: end upload sessions, here and at the service.

use std::{io, time::Duration};

use serde::Serialize;

use super::{context::CommandContext, retrier::Retrier, session_prefix::find_session};
use crate::{
    args::CancelArgs,
    digest::{Digest, Hasher},
    graph::{Error, GraphClient, Kind, UploadClient, UploadUrl},
    report::{self, CommandLine, ExitReport},
    session::{Durability, Record, SessionId, State, Store},
    terminal::{CommandResult, Printer},
    upload::Source,
};

/// After which an attachment is looked for once more: the service may be committing it.
const SETTLE: Duration = Duration::from_secs(2);

pub(super) async fn run(args: &CancelArgs, context: &CommandContext) -> report::Result<u8> {
    let store = context.store()?;
    let records = context.records_to_work_on(store)?;
    let mut chosen: Vec<&Record> = Vec::new();
    if args.all {
        chosen.extend(
            records
                .iter()
                .filter(|record| record.state != State::Finished),
        );
        if chosen.is_empty() {
            context.printer.note("there is no session to cancel");
        }
    }
    for text in &args.sessions {
        let record = find_session(text, &records)?;
        if !chosen.iter().any(|other| other.id == record.id) {
            chosen.push(record);
        }
    }
    let clients = context.clients()?;
    let (uploads, graph) = (clients.uploads(), clients.graph(context.provider()));
    let retrier = Retrier::new(context, &graph);
    let (mut done, mut first_failure) = (0, None);
    for record in chosen {
        let clients = (&uploads, &graph);
        match one(record, store, clients, &retrier, context).await {
            Ok(()) => done += 1,
            Err(error) => {
                context.printer.failed(&error);
                first_failure.get_or_insert(error.code);
            }
        }
    }
    Ok(report::partial(first_failure, done))
}

/// Ends a session at the service.
async fn ended(
    url: &UploadUrl,
    uploads: &UploadClient,
    retrier: &Retrier<'_>,
) -> Result<(), Error> {
    let mut attempt = 0;
    loop {
        let Err(error) = uploads.delete(url).await else {
            return Ok(());
        };
        match error.kind {
            // Its URL is not accepted any more: nothing can continue it.
            Kind::Unauthorized | Kind::Forbidden => return Ok(()),
            Kind::Connect if url.is_local() => return Ok(()),
            // A range of a process that was just ended may still be on its way.
            kind if kind.temporary() || kind == Kind::Conflict => {
                attempt += 1;
                retrier.wait(&error, attempt, Duration::ZERO).await?;
            }
            _ => return Err(error),
        }
    }
}

async fn one(
    record: &Record,
    store: &Store,
    (uploads, graph): (&UploadClient, &GraphClient),
    retrier: &Retrier<'_>,
    context: &CommandContext,
) -> report::Result<()> {
    let _lock = context.lock_session(store, record.id, None).await?;
    let Some(record) = store.load(record.id)? else {
        return Ok(());
    };
    if let Some(url) = &record.url {
        ended(url, uploads, retrier).await.map_err(|error| {
            let what = format!("cannot cancel session {}", record.id);
            report::service(&error, None, &what)
        })?;
    }
    if may_be_attached(&record)
        && let Some(id) = after_all(&record, graph, retrier).await?
    {
        return attached(record, id, store, context);
    }
    store.forget(&record)?;
    context.printer.result(&Cancelled {
        id: record.id,
        name: &record.attachment.name,
        attachment: None,
        finished: record.state == State::Finished,
    });
    Ok(())
}

/// Whether all of the file may have reached the service: then its session may be gone because it is
/// finished.
fn may_be_attached(record: &Record) -> bool {
    let all_sent = record.sent.offset == record.size || record.url.is_none();
    record.state != State::Finished && record.pipe.is_none() && all_sent
}

/// Looks whether the file is attached after all: under any name, and not as what was there before.
async fn after_all(
    record: &Record,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
) -> report::Result<Option<String>> {
    let Some(content) = content(record).await else {
        return Ok(None);
    };
    let local = record.url.as_ref().is_some_and(UploadUrl::is_local);
    for wait in [Duration::ZERO, SETTLE] {
        tokio::time::sleep(wait).await;
        let found = retrier.repeat(async || find(record, content, graph).await);
        match found.await {
            Ok(Some(id)) => return Ok(Some(id)),
            Ok(None) => {}
            // There is no item that it could be attached to.
            Err(error) if error.kind == Kind::NotFound => return Ok(None),
            // A stand-in on this computer that is over.
            Err(error) if error.kind == Kind::Connect && local => return Ok(None),
            Err(error) => {
                let message = format!(
                    "session {} is over at the service; `{}` may be attached",
                    record.id, record.attachment.name
                );
                let cancel = CommandLine::own("cancel").operand(record.id.to_string());
                return Err(ExitReport::not_known(message, Some(&error))
                    .run(CommandLine::own("ls").item(&record.item))
                    .run(cancel));
            }
        }
    }
    Ok(None)
}

/// What the file held; `None` if nobody knows any more.
async fn content(record: &Record) -> Option<Digest> {
    if record.sha256.is_some() {
        return record.sha256;
    }
    let source = Source::open(&record.file).ok()?;
    if source.stamp() != record.stamp {
        return None;
    }
    Some(source.hash().await.ok()?.ok()?.sha256)
}

async fn find(
    record: &Record,
    content: Digest,
    graph: &GraphClient,
) -> Result<Option<String>, Error> {
    let all = graph.attachments(&record.item).await?;
    let new = all
        .iter()
        .filter(|listed| listed.is_file && !record.before.contains(&listed.id));
    for listed in new {
        let mut hasher = Hasher::default();
        let read = graph
            .content(&record.item, &listed.id, record.size, |bytes| {
                hasher.update(bytes);
            })
            .await?;
        if read == record.size && hasher.finish() == content {
            return Ok(Some(listed.id.clone()));
        }
    }
    Ok(None)
}

/// The session was finished: nothing is left to cancel.
fn attached(
    record: Record,
    id: String,
    store: &Store,
    context: &CommandContext,
) -> report::Result<()> {
    let finished = Record {
        state: State::Finished,
        url: None,
        attachment_id: Some(id.clone()),
        ..record
    };
    let saved = store.save(&finished, Durability::Power);
    if saved.is_err() {
        store.remove(finished.id)?;
    }
    if finished.spooled {
        // It is attached: the copy is not the only one any more.
        let removed = std::fs::remove_file(store.spool(finished.id));
        removed.or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
    }
    context.printer.result(&Cancelled {
        id: finished.id,
        name: &finished.attachment.name,
        attachment: Some(&id),
        finished: true,
    });
    if !context.printer.is_json() {
        let detach = CommandLine::own("detach").item(&finished.item).operand(&id);
        context.printer.hint(&detach.into());
    }
    Ok(())
}

/// A session that is ended and forgotten.
#[derive(Serialize)]
#[serde(tag = "type", rename = "cancelled")]
struct Cancelled<'a> {
    id: SessionId,
    name: &'a str,
    /// The attachment that it turned out to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment: Option<&'a str>,
    #[serde(skip)]
    finished: bool,
}

impl CommandResult for Cancelled<'_> {
    fn show(&self, printer: &Printer) {
        let text = match (self.attachment, self.finished) {
            (Some(id), _) => format!("attached after all, {id}"),
            (None, true) => "forgotten; its file stays attached".to_owned(),
            (None, false) => "cancelled".to_owned(),
        };
        printer.note(&format!("session {} ({}) is {text}", self.id, self.name));
    }
}
