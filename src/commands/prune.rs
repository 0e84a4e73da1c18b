//! `prune`: forget what is finished or expired.

use jiff::Timestamp;
use serde_json::json;

use super::work::Context;
use crate::{exit, session::State};

pub(super) fn run(context: &Context) -> anyhow::Result<u8> {
    let store = context.store()?;
    let mut count = 0;
    for record in context.records(store)? {
        if record.state != State::Finished && !record.expired(Timestamp::now()) {
            continue;
        }
        // One that is being worked on is not expired, whatever the clock says.
        let Ok(_lock) = store.lock_session(record.id) else {
            continue;
        };
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
