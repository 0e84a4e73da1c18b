//! `prune`: forget what is finished or expired.

use std::{
    io::{self, BufRead, IsTerminal},
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;

use super::{context::CommandContext, mail_job};
use crate::{
    args::PruneArgs,
    graph::{Kind, UploadClient, UploadUrl},
    report::{self, CommandLine, ExitReport},
    session::{Record, SessionId, State, Store},
    terminal::human,
};

/// How long the service may take to say that a session is alive after all.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn run(args: &PruneArgs, context: &CommandContext) -> report::Result<u8> {
    let store = context.store()?;
    let uploads = context.clients()?.uploads();
    let records = context.records(store)?;
    if args.discard_unfinished && !args.yes {
        agreed(&records, store, context)?;
    }
    let mut count = 0;
    for record in records {
        if record.is_unattached_pipe() {
            let discarded = args.discard_unfinished && discard(&record, store, &uploads).await?;
            if discarded {
                count += 1;
                forgotten(&record, context);
            } else if store.locked_by(record.id).is_none() {
                kept(&record, context);
            }
            continue;
        }
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
        forgotten(&record, context);
    }
    for mail in mail_job::records(store, context)? {
        if mail.progress.state.is_over() && store.lock_session(mail.id).is_ok() {
            store.forget_mail(mail.id).map_err(ExitReport::from)?;
            count += 1;
        }
    }
    let (spools, left) = store.sweep(args.discard_unfinished)?;
    count += spools;
    for path in left {
        context.printer.note(&format!(
            "`{}` is kept: it came through a pipe and is not attached",
            path.display()
        ));
    }
    if !context.printer.is_json() {
        context.printer.note(&match count {
            0 => "there was nothing to forget".to_owned(),
            1 => "1 session is forgotten".to_owned(),
            n => format!("{n} sessions are forgotten"),
        });
    }
    Ok(report::SUCCESS)
}

fn forgotten(record: &Record, context: &CommandContext) {
    if context.printer.is_json() {
        context.printer.json(&Pruned {
            id: record.id,
            name: &record.attachment.name,
        });
    }
}

fn kept(record: &Record, context: &CommandContext) {
    context.printer.note(&format!(
        "session {} is kept: what came through the pipe for `{}` is not attached; `resume` can finish it, \
         `cancel` throws it away",
        record.id, record.attachment.name
    ));
}

/// Throws away what a pipe brought, unless it is being worked on.
async fn discard(record: &Record, store: &Store, uploads: &UploadClient) -> report::Result<bool> {
    let Ok(_lock) = store.lock_session(record.id) else {
        return Ok(false);
    };
    // Attached meanwhile, perhaps.
    let Some(record) = store.load(record.id)? else {
        return Ok(false);
    };
    if !record.is_unattached_pipe() {
        return Ok(false);
    }
    if let Some(url) = &record.url {
        // It expires anyway.
        let _ = tokio::time::timeout(ANSWER_WITHIN, uploads.delete(url)).await;
    }
    store.forget(&record)?;
    Ok(true)
}

/// Asks whether what came through pipes may be thrown away.
fn agreed(records: &[Record], store: &Store, context: &CommandContext) -> report::Result<()> {
    let pipes: Vec<&Record> = records
        .iter()
        .filter(|record| record.is_unattached_pipe())
        .collect();
    if pipes.is_empty() {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let prune = CommandLine::own("prune").arg("--discard-unfinished");
        return Err(ExitReport::usage("there is nobody to ask").run(prune.arg("--yes")));
    }
    for record in &pipes {
        let spool = std::fs::metadata(store.spool(record.id));
        let size = spool.map_or(0, |metadata| metadata.len());
        context.printer.note(&format!(
            "session {}: {} of `{}`",
            record.id,
            human::size(size),
            record.attachment.name
        ));
    }
    context
        .printer
        .ask("throw away what these pipes brought? It cannot come again.");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    let answer = answer.trim().to_ascii_lowercase();
    if read.is_ok() && (answer == "y" || answer == "yes") {
        return Ok(());
    }
    Err(ExitReport::refused(
        "nothing is thrown away: nobody said yes",
    ))
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
