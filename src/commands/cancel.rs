//! `cancel`: end upload sessions, here and at the service.

use std::{io, time::Duration};

use serde_json::json;

use super::{
    context::CommandContext,
    resume::{Prefix, ambiguous, by_prefix, unknown},
    retrier::Retrier,
};
use crate::{
    args::{CancelArgs, RetryArgs},
    digest::{Digest, Hasher},
    graph::{Error, GraphClient, Kind, UploadClient, UploadUrl},
    report::{self, NotKnown, Request, flags},
    session::{Durability, Record, State, Store},
    upload::Source,
};

/// After which an attachment is looked for once more: the service may be committing it.
const SETTLE: Duration = Duration::from_secs(2);

pub(super) async fn run(args: &CancelArgs, context: &CommandContext) -> anyhow::Result<u8> {
    let store = context.store()?;
    let records = context.records(store)?;
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
        let record = match by_prefix(text, &records) {
            Ok(record) => record,
            Err(Prefix::Ambiguous(ids)) => return Err(ambiguous(text, &ids)),
            Err(Prefix::Unknown) => return Err(unknown(text, &records)),
        };
        if !chosen.iter().any(|other| other.id == record.id) {
            chosen.push(record);
        }
    }
    let retry = RetryArgs::from(&args.request);
    let clients = context.clients(Some(&retry))?;
    let (uploads, graph) = (clients.uploads(), clients.graph(context.provider()));
    let retrier = Retrier::new(context, &graph, &retry);
    let (mut done, mut first) = (0, None);
    for record in chosen {
        let clients = (&uploads, &graph);
        match one(record, store, clients, &retrier, context).await {
            Ok(()) => done += 1,
            Err(error) => {
                let report = report::exit_report(&error);
                context.printer.error(&report.problem);
                first.get_or_insert(report.code);
            }
        }
    }
    Ok(match first {
        None => report::SUCCESS,
        Some(_) if done > 0 => report::PARTIAL,
        Some(code) => code,
    })
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
            // Its URL is not taken any more: nobody can go on with it.
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
) -> anyhow::Result<()> {
    let _lock = context.lock_session(store, record.id, None).await?;
    let Some(record) = store.load(record.id)? else {
        return Ok(());
    };
    if let Some(url) = &record.url {
        ended(url, uploads, retrier)
            .await
            .map_err(|error| Request {
                what: format!("cannot cancel session {}", record.id),
                error,
                item: None,
            })?;
    }
    if may_be_attached(&record)
        && let Some(id) = after_all(&record, graph, retrier).await?
    {
        return attached(record, id, store, context);
    }
    store.forget(&record)?;
    let text = match record.state {
        State::Finished => "forgotten; its file stays attached",
        _ => "cancelled",
    };
    if context.printer.options().json {
        context.printer.json(&json!({
            "type": "cancelled",
            "id": record.id,
            "name": record.attachment.name,
        }));
    } else {
        context.printer.note(&format!(
            "session {} ({}) is {text}",
            record.id, record.attachment.name
        ));
    }
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
) -> anyhow::Result<Option<String>> {
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
                return Err(NotKnown {
                    message: format!(
                        "session {} is over at the service; `{}` may be attached",
                        record.id, record.attachment.name
                    ),
                    error: Some(error),
                    hints: vec![
                        format!("graph-attach ls {}", flags(&record.item)),
                        format!("graph-attach cancel {}", record.id),
                    ],
                }
                .into());
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
) -> anyhow::Result<()> {
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
    if context.printer.options().json {
        context.printer.json(&json!({
            "type": "cancelled",
            "id": finished.id,
            "name": finished.attachment.name,
            "attachment": id,
        }));
    } else {
        context.printer.note(&format!(
            "session {} ({}) is attached after all, {id}",
            finished.id, finished.attachment.name
        ));
        context.printer.hint(&format!(
            "graph-attach detach {} {}",
            flags(&finished.item),
            report::shell(&id)
        ));
    }
    Ok(())
}
