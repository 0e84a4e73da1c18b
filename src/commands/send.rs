//! `send`: a draft, once.
//!
//! Sending cannot be repeated blindly: an answer may be lost after the message left. So the draft is
//! looked at before, which also tells its immutable id, and under that id again after a failure that
//! leaves room for doubt.

use std::{
    io::{self, BufRead, IsTerminal},
    time::Duration,
};

use serde::Serialize;

use super::{context::CommandContext, resolve_id, retrier::Retrier};
use crate::{
    args::SendArgs,
    graph::{Error, Found, GraphClient, Item, ItemKind, Kind},
    report::{self, CommandLine, ExitReport},
    session::{Record, State},
    terminal::{CommandResult, Printer},
};

/// What sending needs, least privileged.
const PERMISSION: &str = "Mail.Send";

/// The service sends behind its answer's back: what it accepted may look like a draft for a moment.
const SETTLE: Duration = Duration::from_secs(2);

/// Recipients that a question names.
const NAMED: usize = 4;

pub(super) async fn run(args: &SendArgs, context: &CommandContext) -> report::Result<u8> {
    let item = Item {
        kind: ItemKind::Message,
        id: args.id.clone(),
        mailbox: context.mailbox()?,
    };
    let graph = context.clients()?.graph(context.provider());
    let retrier = Retrier::new(context, &graph);
    let item = resolve_id::resolve(item, &graph, &retrier, context).await?;
    let _lock = context.lock_if_possible(&item).await?;
    let draft = ready(&item, &graph, &retrier).await?;
    no_unfinished(&item, &draft, context)?;
    if !args.yes && !confirmed(&draft, context) {
        return Err(ExitReport::refused("not sent: nobody said yes"));
    }
    deliver(&item, &draft, &graph, &retrier, context).await?;
    context.warn_of_token().await;
    Ok(report::SUCCESS)
}

/// The draft, if it can be sent at all.
pub(super) async fn ready(
    item: &Item,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
) -> report::Result<Found> {
    let looked = retrier.repeat(async || graph.item(item, true).await);
    let find_drafts = || CommandLine::own("find").arg("drafts");
    let draft = looked.await.map_err(|error| {
        if error.kind == Kind::NotFound {
            return ExitReport::not_found(
                "the message is not there: it was sent, moved or deleted, or it is in another \
                 mailbox",
            )
            .run(find_drafts());
        }
        let permission = item.kind.permission();
        report::mail(&error, Some(item), "cannot look at the draft", permission)
    })?;
    if draft.is_draft == Some(false) {
        return Err(ExitReport::refused(
            "the message is not a draft: it was sent already, or received",
        )
        .run(find_drafts()));
    }
    if draft.recipients.is_empty() {
        let draft = CommandLine::own("draft").option("--to", "ADDRESS");
        return Err(ExitReport::refused("the draft has no recipients")
            .run(draft.option("--subject", "TEXT")));
    }
    Ok(draft)
}

/// Refuses to send what is still being uploaded to.
pub(super) fn no_unfinished(
    item: &Item,
    draft: &Found,
    context: &CommandContext,
) -> report::Result<()> {
    let records = match context.store().and_then(|store| context.records(store)) {
        Ok(records) => records,
        Err(error) => {
            context
                .printer
                .warn(&format!("{error}; unfinished uploads cannot be looked for"));
            return Ok(());
        }
    };
    let endpoint = context.settings.endpoint.value.as_str();
    let open: Vec<&Record> = records
        .iter()
        .filter(|record| record.state == State::Unfinished && record.endpoint == endpoint)
        .filter(|record| record.item.kind == ItemKind::Message)
        .filter(|record| [&item.id, &draft.id].contains(&&record.item.id))
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = open
        .iter()
        .map(|record| format!("`{}`", record.attachment.name))
        .collect();
    let ids = || open.iter().map(|record| record.id.to_string());
    let resume = ids().map(|id| CommandLine::own("resume").operand(id).into());
    Err(ExitReport::refused(format!(
        "not sent: {} {} not attached completely yet",
        names.join(", "),
        if names.len() == 1 { "is" } else { "are" }
    ))
    .hints(resume)
    .run(CommandLine::own("cancel").operands(ids())))
}

/// Asks, where there is somebody to ask.
fn confirmed(draft: &Found, context: &CommandContext) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return true;
    }
    let mut people = draft
        .recipients
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>();
    if draft.recipients.len() > NAMED {
        people.push(format!("{} more", draft.recipients.len() - NAMED));
    }
    context.printer.ask(&format!(
        "send `{}` to {}?",
        draft.subject,
        people.join(", ")
    ));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    let answer = answer.trim().to_ascii_lowercase();
    read.is_ok() && (answer == "y" || answer == "yes")
}

/// Sends, and says so.
pub(super) async fn deliver(
    item: &Item,
    draft: &Found,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
    context: &CommandContext,
) -> report::Result<()> {
    let certain = send_once(item, draft, graph, retrier).await?;
    if !certain {
        context.printer.warn(
            "the answer was lost, and the draft is gone: it was probably sent; see Sent Items",
        );
    }
    context.printer.result(&Sent {
        id: &item.id,
        subject: &draft.subject,
        certain,
    });
    Ok(())
}

/// A message that was sent.
#[derive(Serialize)]
#[serde(tag = "type", rename = "sent")]
struct Sent<'a> {
    id: &'a str,
    subject: &'a str,
    certain: bool,
}

impl CommandResult for Sent<'_> {
    fn show(&self, printer: &Printer) {
        if self.certain {
            printer.note(&format!("`{}` is sent", self.subject));
        }
    }
}

/// Sends; `false` when all that is known is that the draft is gone.
async fn send_once(
    item: &Item,
    draft: &Found,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
) -> report::Result<bool> {
    let failed = |what: &str, error: &Error| report::mail(error, Some(item), what, PERMISSION);
    const UNKNOWN: &str = "whether the message was sent is not known";
    let lasting = Item {
        id: draft.id.clone(),
        ..item.clone()
    };
    let mut attempt = 0;
    loop {
        let error = match graph.send(item).await {
            Ok(()) => return Ok(true),
            Err(error) => error,
        };
        attempt += 1;
        if matches!(error.kind, Kind::Connect | Kind::Throttled) {
            let waited = retrier.wait(&error, attempt, Duration::ZERO).await;
            waited.map_err(|error| failed("the message is not sent", &error))?;
            continue;
        }
        if !error.kind.in_doubt() {
            return Err(failed("the message is not sent", &error));
        }
        tokio::time::sleep(SETTLE).await;
        let looked = retrier.repeat(async || graph.item(&lasting, true).await);
        match looked.await {
            Ok(found) if found.is_draft == Some(false) => return Ok(true),
            // Still a draft: it was not sent, and may be tried again.
            Ok(_) => {
                let waited = retrier.wait(&error, attempt, Duration::ZERO).await;
                waited.map_err(|error| failed("the message is not sent", &error))?;
            }
            Err(error) if error.kind == Kind::NotFound => return Ok(false),
            Err(error) => return Err(failed(UNKNOWN, &error)),
        }
    }
}
