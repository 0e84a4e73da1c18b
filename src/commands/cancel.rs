//! `cancel`: end upload sessions, here and at the service.

use std::time::Duration;

use serde_json::json;

use super::{
    context::CommandContext,
    resume::{Prefix, ambiguous, by_prefix, unknown},
    retrier::Retrier,
};
use crate::{
    args::{CancelArgs, RetryArgs},
    graph::{Error, Kind, UploadClient, UploadUrl},
    report::{self, Request},
    session::{Record, State, Store},
};

pub(super) async fn run(args: &CancelArgs, context: &CommandContext) -> anyhow::Result<u8> {
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
        match one(record, store, &uploads, &retrier, context).await {
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
    uploads: &UploadClient,
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
    store.forget(&record)?;
    let text = match record.state {
        State::Finished => "forgotten; its file stays attached",
        State::Unfinished => "cancelled",
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
