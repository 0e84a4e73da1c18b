//! `cancel`: end upload sessions, here and at the service.

use serde_json::json;

use super::{
    resume::{Prefix, ambiguous, by_prefix, unknown},
    work::Context,
};
use crate::{
    cli::CancelArgs,
    exit::{self, Request},
    graph::{Kind, UploadClient},
    session::{Record, State, Store},
};

pub(super) async fn run(args: &CancelArgs, context: &Context) -> anyhow::Result<u8> {
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
    let uploads = context.clients(None)?.uploads();
    let (mut done, mut first) = (0, None);
    for record in chosen {
        match one(record, store, &uploads, context).await {
            Ok(()) => done += 1,
            Err(error) => {
                let verdict = exit::verdict(&error);
                context.printer.error(&verdict.problem);
                first.get_or_insert(verdict.code);
            }
        }
    }
    Ok(match first {
        None => exit::SUCCESS,
        Some(_) if done > 0 => exit::PARTIAL,
        Some(code) => code,
    })
}

async fn one(
    record: &Record,
    store: &Store,
    uploads: &UploadClient,
    context: &Context,
) -> anyhow::Result<()> {
    let _lock = context.lock_session(store, record.id, None).await?;
    let Some(record) = store.load(record.id)? else {
        return Ok(());
    };
    if let Some(url) = &record.url {
        match uploads.delete(url).await {
            Ok(()) => {}
            // Gone at the service, or its URL is not taken any more: over either way.
            Err(error)
                if matches!(
                    error.kind,
                    Kind::NotFound | Kind::Unauthorized | Kind::Forbidden
                ) => {}
            Err(error) => {
                let what = format!("cannot cancel session {}", record.id);
                return Err(Request {
                    what,
                    error,
                    item: None,
                }
                .into());
            }
        }
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
