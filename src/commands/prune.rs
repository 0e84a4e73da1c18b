//! `prune`: forget what is finished or expired.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::context::CommandContext;
use crate::{
    graph::{Kind, UploadClient, UploadUrl},
    report,
    session::{Record, SessionId, State},
};

/// How long the service may take to say that a session is alive after all.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn run(context: &CommandContext) -> report::Result<u8> {
    let store = context.store()?;
    let uploads = context.clients()?.uploads();
    let mut count = 0;
    for record in context.records(store)? {
        let local = record.url.as_ref().is_some_and(UploadUrl::is_local);
        let over = record.state == State::Finished || record.expired(Timestamp::now());
        if !over && !local {
            continue;
        }
        // One that is being worked on is not expired, whatever the clock says.
        let Ok(_lock) = store.lock_session(record.id) else {
            continue;
        };
        let asked = ask(&record, &uploads).await;
        if !over && asked != Asked::Nobody {
            continue;
        }
        if asked == Asked::Alive {
            context.printer.note(&format!(
                "session {} is kept: it is expired by this computer's clock, and alive at the service",
                record.id
            ));
            continue;
        }
        store.forget(&record)?;
        count += 1;
        if context.printer.is_json() {
            context.printer.json(&Pruned {
                id: record.id,
                name: &record.attachment.name,
            });
        }
    }
    count += store.sweep()?;
    if !context.printer.is_json() {
        context.printer.note(&match count {
            0 => "there was nothing to forget".to_owned(),
            1 => "1 session is forgotten".to_owned(),
            n => format!("{n} sessions are forgotten"),
        });
    }
    Ok(report::SUCCESS)
}

/// What the service says of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// It continues it, whatever this computer's clock says.
    Alive,
    /// Nothing that helps: then the clock is all there is.
    Unknown,
    /// It was a stand-in on this computer, and is gone with all its sessions.
    Nobody,
}

async fn ask(record: &Record, uploads: &UploadClient) -> Asked {
    let Some(url) = &record.url else {
        return Asked::Unknown;
    };
    match tokio::time::timeout(ANSWER_WITHIN, uploads.ask(url)).await {
        Ok(Ok(_)) => Asked::Alive,
        Ok(Err(error)) if error.kind == Kind::Connect && url.is_local() => Asked::Nobody,
        _ => Asked::Unknown,
    }
}

/// A session that is forgotten.
#[derive(Serialize)]
#[serde(tag = "type", rename = "pruned")]
struct Pruned<'a> {
    id: SessionId,
    name: &'a str,
}
