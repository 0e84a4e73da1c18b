//! `cancel`: end upload sessions, here and at the service.

use std::time::Duration;

use serde::Serialize;

use super::{context::CommandContext, retrier::Retrier, session_prefix::find_session};
use crate::{
    args::CancelArgs,
    graph::{Error, Kind, UploadClient, UploadUrl},
    report,
    session::{Record, SessionId, State, Store},
    terminal::{CommandResult, Printer},
};

pub(super) async fn run(args: &CancelArgs, context: &CommandContext) -> report::Result<u8> {
    let store = context.store()?;
    let records = context.records(store)?;
    let mut chosen: Vec<&Record> = Vec::new();
    if args.all {
        chosen.extend(
            records
                .iter()
                .filter(|record| record.state == State::Unfinished),
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
        match one(record, store, &uploads, &retrier, context).await {
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
    uploads: &UploadClient,
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
    store.forget(&record)?;
    context.printer.result(&Cancelled {
        id: record.id,
        name: &record.attachment.name,
        finished: record.state == State::Finished,
    });
    Ok(())
}

/// A session that is ended and forgotten.
#[derive(Serialize)]
#[serde(tag = "type", rename = "cancelled")]
struct Cancelled<'a> {
    id: SessionId,
    name: &'a str,
    #[serde(skip)]
    finished: bool,
}

impl CommandResult for Cancelled<'_> {
    fn show(&self, printer: &Printer) {
        let text = match self.finished {
            true => "forgotten; its file stays attached",
            false => "cancelled",
        };
        printer.note(&format!("session {} ({}) is {text}", self.id, self.name));
    }
}
