//! `prune`: forget what is finished or expired.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::work::Context;
use crate::{
    exit,
    graph::UploadClient,
    session::{Record, State},
};

/// How long the service may take to say that a session is alive after all.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn run(context: &Context) -> anyhow::Result<u8> {
    let store = context.store()?;
    let uploads = context.clients(None)?.uploads();
    let mut count = 0;
    for record in context.records(store)? {
        if record.state != State::Finished && !record.expired(Timestamp::now()) {
            continue;
        }
        // One that is being worked on is not expired, whatever the clock says.
        let Ok(_lock) = store.lock_session(record.id) else {
            continue;
        };
        if is_alive(&record, &uploads).await {
            context.printer.note(&format!(
                "session {} is kept: it is expired by this computer's clock, and alive at the service",
                record.id
            ));
            continue;
        }
        store.forget(&record)?;
        count += 1;
        if context.printer.options().json {
            context.printer.json(&json!({
                "type": "pruned",
                "id": record.id,
                "name": record.attachment.name,
            }));
        }
    }
    count += store.sweep()?;
    if !context.printer.options().json {
        context.printer.note(&match count {
            0 => "there was nothing to forget".to_owned(),
            1 => "1 session is forgotten".to_owned(),
            n => format!("{n} sessions are forgotten"),
        });
    }
    Ok(exit::SUCCESS)
}

/// Whether the service says that it goes on with a session, against this computer's clock. Where it
/// does not answer, or tells nobody, the clock is all there is.
async fn is_alive(record: &Record, uploads: &UploadClient) -> bool {
    let Some(url) = &record.url else {
        return false;
    };
    let asked = tokio::time::timeout(PATIENCE, uploads.ask(url)).await;
    asked.is_ok_and(|answer| answer.is_ok())
}
