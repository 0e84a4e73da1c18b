//! `send`: a draft, once.
//!
//! Sending cannot be repeated blindly: an answer may be lost after the message left. `sending` decides,
//! and this executes: the draft is looked at before, which also tells its immutable id, and under that
//! id again; that it is tried is written down first, so that whoever tries again knows. `unfinished`
//! keeps back what is not complete.

mod sending;
mod unfinished;

use std::{
    io::{self, BufRead, IsTerminal},
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;

use self::sending::{Answer, End, Look, Sending, Step, WATCH};
use super::{
    context::CommandContext,
    locking::Wanted,
    mail_job::{self, TakenOver},
    resolve_id,
    retrier::Retrier,
};
use crate::{
    args::SendArgs,
    graph::{Error, Found, GraphClient, Item, ItemKind, Kind},
    report::{self, CommandLine, ExitReport},
    session::{ItemKey, ItemLock, MailRecord, SendLog},
    terminal::{CommandResult, Printer},
};

/// What sending needs, least privileged.
const PERMISSION: &str = "Mail.Send";

/// Milliseconds of the watch, for tests: less than the default may send twice.
const WATCH_VARIABLE: &str = "GRAPH_ATTACH_SEND_WATCH";

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
    let wanted = Wanted {
        endpoint: context.settings.endpoint.value.as_str(),
        item: &item,
        graph: &graph,
        wait: None,
        required: false,
        uploads: false,
    };
    let lock = context.lock_item(&wanted).await?;
    let draft = match ready(&item, &graph, &retrier).await {
        Ok(draft) => draft,
        Err(NotReady::Sent(draft)) => {
            let message = Message {
                item: &item,
                draft: &draft,
                lock: lock.as_ref(),
            };
            return match turned_out(&message, context) {
                true => Ok(report::SUCCESS),
                false => Err(NotReady::Sent(draft).into()),
            };
        }
        Err(error) => return Err(error.into()),
    };
    if !args.even_if_unfinished {
        unfinished::refuse(&item, &draft, &graph, context).await?;
    }
    if !args.yes && !confirmed(&draft, context) {
        return Err(ExitReport::refused("not sent: nobody said yes"));
    }
    let message = Message {
        item: &item,
        draft: &draft,
        lock: lock.as_ref(),
    };
    deliver(&message, &graph, &retrier, context).await?;
    context.warn_of_token().await;
    Ok(report::SUCCESS)
}

/// The draft, if it can be sent at all.
pub(super) async fn ready(
    item: &Item,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
) -> Result<Found, NotReady> {
    let looked = retrier.repeat(async || graph.item(item, true).await);
    let draft = looked.await.map_err(|error| {
        if error.kind == Kind::NotFound {
            return ExitReport::not_found(
                "the message is not there: it was sent, moved or deleted, or it is in another \
                 mailbox",
            )
            .run(CommandLine::own("find").arg("drafts"));
        }
        let permission = item.kind.permission();
        report::mail(&error, Some(item), "cannot look at the draft", permission)
    })?;
    if draft.is_draft == Some(false) {
        return Err(NotReady::Sent(draft));
    }
    if draft.recipients.is_empty() {
        let draft = CommandLine::own("draft").option("--to", "ADDRESS");
        let refusal = ExitReport::refused("the draft has no recipients");
        return Err(refusal.run(draft.option("--subject", "TEXT")).into());
    }
    Ok(draft)
}

/// Why a message is not sent.
#[derive(Debug)]
pub(super) enum NotReady {
    /// It is not a draft.
    Sent(Found),
    /// Any other reason.
    Error(ExitReport),
}

impl From<ExitReport> for NotReady {
    fn from(error: ExitReport) -> Self {
        NotReady::Error(error)
    }
}

impl From<NotReady> for ExitReport {
    fn from(not_ready: NotReady) -> Self {
        match not_ready {
            NotReady::Sent(_) => {
                ExitReport::refused("the message is not a draft: it was sent already, or received")
                    .run(CommandLine::own("find").arg("drafts"))
            }
            NotReady::Error(error) => error,
        }
    }
}

/// A message that is to be sent.
pub(super) struct Message<'a> {
    pub(super) item: &'a Item,
    pub(super) draft: &'a Found,
    pub(super) lock: Option<&'a ItemLock>,
}

/// Refuses to send what is still being uploaded to.
pub(super) async fn no_unfinished(
    message: &Message<'_>,
    graph: &GraphClient,
    context: &CommandContext,
) -> report::Result<()> {
    unfinished::refuse(message.item, message.draft, graph, context).await
}

/// Where it is written down that a message is tried to be sent: in the state directory, or where the
/// lock is.
fn log(
    item: &Item,
    draft: &Found,
    lock: Option<&ItemLock>,
    context: &CommandContext,
) -> Option<SendLog> {
    let key = ItemKey::new(context.settings.endpoint.value.as_str(), item).with_id(&draft.id);
    let lock = lock.map(ItemLock::directory);
    let store = context.store().ok().map(crate::session::Store::dir);
    Some(SendLog::new(lock.or(store)?, &key))
}

/// A message that is sent: whether an earlier command tried to, and could not tell. Says so then.
pub(super) fn turned_out(message: &Message<'_>, context: &CommandContext) -> bool {
    let Message { item, draft, lock } = *message;
    if noted(item, draft, lock, context).is_none() {
        return false;
    }
    settled(item, draft, lock, context);
    told(item, draft, true, context);
    true
}

/// When an earlier command tried to send it and did not learn what came of that.
fn noted(
    item: &Item,
    draft: &Found,
    lock: Option<&ItemLock>,
    context: &CommandContext,
) -> Option<Timestamp> {
    log(item, draft, lock, context)?.first_try().ok().flatten()
}

/// What came of it is known.
fn settled(item: &Item, draft: &Found, lock: Option<&ItemLock>, context: &CommandContext) {
    if let Some(log) = log(item, draft, lock, context) {
        log.over();
    }
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
    message: &Message<'_>,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
    context: &CommandContext,
) -> report::Result<()> {
    let certain = send_once(message, graph, retrier, context).await?;
    if !certain {
        context.printer.warn(
            "the answer was lost, and the draft is gone: it was probably sent; see Sent Items",
        );
    }
    told(message.item, message.draft, certain, context);
    Ok(())
}

/// A mail job's message is sent: says so.
pub(super) fn said(item: &Item, record: &MailRecord, certain: bool, context: &CommandContext) {
    if !certain {
        context.printer.warn(
            "the answer was lost, and the draft is gone: it was probably sent; see Sent Items",
        );
    }
    let subject = record
        .message
        .get("subject")
        .and_then(|subject| subject.as_str());
    let draft = Found {
        id: item.id.clone(),
        subject: subject.unwrap_or_default().to_owned(),
        is_draft: Some(false),
        recipients: Vec::new(),
    };
    told(item, &draft, certain, context);
}

fn told(item: &Item, draft: &Found, certain: bool, context: &CommandContext) {
    mail_job::take_over(item, &TakenOver::Sent, context);
    context.printer.result(&Sent {
        id: &item.id,
        subject: &draft.subject,
        certain,
    });
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

/// How long a draft is watched.
pub(super) fn watch() -> Duration {
    let set = std::env::var(WATCH_VARIABLE).ok();
    let set = set
        .and_then(|text| text.parse().ok())
        .map(Duration::from_millis);
    set.unwrap_or(WATCH)
}

/// Sends; `false` when all that is known is that the draft is gone.
async fn send_once(
    message: &Message<'_>,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
    context: &CommandContext,
) -> report::Result<bool> {
    let Message { item, draft, lock } = *message;
    let lasting = Item {
        id: draft.id.clone(),
        ..item.clone()
    };
    let (log, watch) = (log(item, draft, lock, context), watch());
    let tried = noted(item, draft, lock, context);
    let age = tried.map(|at| Duration::try_from(Timestamp::now() - at).unwrap_or_default());
    let now = || context.started.elapsed();
    let (mut sending, mut step) = Sending::begin(age, watch, now());
    let (mut attempt, mut last) = (0, None);
    loop {
        step = match step {
            Step::Send => {
                if let Some(Err(error)) = log.as_ref().map(|log| log.begin(Timestamp::now())) {
                    context.printer.warn(&format!(
                        "it cannot be written down that the message is sent ({error}): do not send it \
                         again if this command is interrupted"
                    ));
                }
                match graph.send(item).await {
                    Ok(()) => sending.answered(Answer::Accepted, now()),
                    Err(error) => {
                        attempt += 1;
                        let answer = Answer::of(&error);
                        last = Some(error);
                        sending.answered(answer, now())
                    }
                }
            }
            Step::Retry { look } => {
                let waited = match &last {
                    Some(error) => retrier.wait(error, attempt, Duration::ZERO).await,
                    None => Ok(()),
                };
                match (waited, look) {
                    (Err(error), _) => {
                        // It was not begun: nothing is open.
                        settled(item, draft, lock, context);
                        return Err(failed(item, "the message is not sent", &error));
                    }
                    (Ok(()), false) => Step::Send,
                    (Ok(()), true) => sending.looked(look_at(&lasting, graph).await, now()),
                }
            }
            Step::Look { wait, over } => {
                if retrier.is_over_after(wait) {
                    Step::End(End::Unknown)
                } else {
                    if !over.is_zero() {
                        context.printer.status(&format!(
                            "no answer; looking whether it was sent ({} of {} s)",
                            over.as_secs(),
                            watch.as_secs()
                        ));
                    }
                    tokio::time::sleep(wait).await;
                    sending.looked(look_at(&lasting, graph).await, now())
                }
            }
            Step::End(end) => {
                if end != End::Unknown {
                    settled(item, draft, lock, context);
                }
                return match (end, last) {
                    (End::Sent, _) => Ok(true),
                    (End::ProbablySent, _) => Ok(false),
                    (End::NotSent, Some(error)) => {
                        Err(failed(item, "the message is not sent", &error))
                    }
                    (End::NotSent | End::Unknown, error) => Err(not_known(item, draft, error)),
                };
            }
        }
    }
}

async fn look_at(lasting: &Item, graph: &GraphClient) -> Look {
    match graph.item(lasting, true).await {
        Ok(found) if found.is_draft == Some(false) => Look::Sent,
        Ok(_) => Look::Draft,
        Err(error) if error.kind == Kind::NotFound => Look::Gone,
        Err(_) => Look::Failed,
    }
}

fn failed(item: &Item, what: &str, error: &Error) -> ExitReport {
    report::mail(error, Some(item), what, PERMISSION)
}

/// What nobody knows, and how to find out.
fn not_known(item: &Item, draft: &Found, error: Option<Error>) -> ExitReport {
    let look = CommandLine::own("find").arg("messages");
    let look = look.option("--subject", &draft.subject).mailbox(item);
    let send = CommandLine::own("send").operand(&item.id).mailbox(item);
    let message = "not known whether the message was sent: see Sent Items before you send it again";
    // The first looks; the second looks too, and then sends what is still a draft.
    ExitReport::not_known(message, error.as_ref())
        .run(look)
        .run(send)
}
