//! `batch`: one mail or item a row.
//!
//! `prepare` reads and checks everything, and says what is going to happen; `schedule` decides whose turn
//! it is; `row` does one row; `output` says what became of it.

mod output;
mod prepare;
mod row;
mod schedule;

use std::{
    cell::RefCell,
    collections::HashMap,
    io::{self, BufRead, IsTerminal},
    rc::Rc,
};

use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};

use self::{
    output::Output,
    prepare::{Prepared, State},
    row::{Mailbox, Room, RowEnd, Waiters},
    schedule::{Entry, Schedule},
};
use super::context::CommandContext;
use crate::{
    args::BatchArgs,
    batch::report::{Report, Status},
    mail::SendPacer,
    report::{self, CommandLine, ExitReport},
};

pub(super) async fn run(args: &BatchArgs, context: &CommandContext) -> report::Result<u8> {
    let mut prepared = match prepare::prepare(args, context)? {
        prepare::Ready::Rows(prepared) => prepared,
        prepare::Ready::Over(code) => return Ok(code),
    };
    let store = context.store_if_any(args.retry.require_state)?;
    let endpoint = context.settings.endpoint.value.as_str();
    let (log, known) = match store.map(|store| store.run_log(endpoint, &prepared.run)) {
        Some(Ok((log, known))) => (Some(log), known),
        Some(Err(error)) if args.retry.require_state => {
            let why = format!("the log of the run cannot be kept: {error}");
            return Err(ExitReport::new(report::STATE, "StateDirectory", why));
        }
        Some(Err(error)) => {
            context.printer.warn(&format!(
                "the log of the run cannot be kept ({error}): what was done is found by the keys on the \
                 messages"
            ));
            (None, HashMap::new())
        }
        None => (None, HashMap::new()),
    };
    prepared.compare(&known, args.send).await;
    prepared.summary(args, context);
    if args.send && !args.yes && prepared.count(State::New) > 0 && !confirmed(context) {
        return Err(ExitReport::refused("nothing was sent: nobody said yes"));
    }
    let file = match &args.report {
        Some(path) => Some(Report::create(path).map_err(|error| {
            ExitReport::usage(format!(
                "the report `{}` cannot be written: {error}",
                path.display()
            ))
        })?),
        None => None,
    };
    context.again.replace(Some(again().into()));
    let clients = context.clients()?;
    let graph = clients.graph(context.provider());
    let first = prepared
        .rows
        .first()
        .and_then(|row| row.checked.mailbox.clone());
    let checked = graph.check_token(first.as_deref()).await;
    context.warn_of_token().await;
    checked.map_err(|error| report::service(&error, None, "no token"))?;
    let uploads = clients.uploads();
    let total = prepared.bytes();
    context.prepare_token(total).await;
    let output = Output::new(&context.printer, file, &prepared);
    let room = Room {
        args,
        context,
        graph: &graph,
        uploads: &uploads,
        store,
        log: log.as_ref(),
        known: &known,
        prepared: &prepared,
        waiters: Waiters::default(),
    };
    let failed = all(&room, &output).await;
    context.again.take();
    let code = output.finish(failed);
    context.warn_of_token().await;
    Ok(code)
}

/// The command that does what is missing: the same one.
fn again() -> CommandLine {
    // Those of all commands are put in when the hint is shown.
    const GLOBAL: [&str; 7] = [
        "--cloud",
        "--endpoint",
        "--profile",
        "--config",
        "--token-file",
        "--ca-file",
        "--state-dir",
    ];
    let words = std::env::args_os()
        .skip_while(|word| word != "batch")
        .skip(1);
    let (mut line, mut value) = (CommandLine::own("batch"), false);
    for word in words {
        let text = word.to_string_lossy().into_owned();
        let name = text.split('=').next().unwrap_or_default();
        if std::mem::take(&mut value) {
            continue;
        }
        if GLOBAL.contains(&name) {
            value = !text.contains('=');
            continue;
        }
        line = line.arg(word);
    }
    line
}

/// Runs the rows. Whether it was ended early.
async fn all(room: &Room<'_>, output: &Output) -> bool {
    let rows = &room.prepared.rows;
    let entries = rows.iter().map(|row| Entry {
        mailbox: row.checked.mailbox.clone(),
        item: row.checked.item.as_ref().map(|(_, id)| id.clone()),
    });
    let mut schedule = Schedule::new(entries.collect(), usize::from(room.args.jobs));
    let mailboxes: RefCell<HashMap<Option<String>, Rc<Mailbox>>> = RefCell::default();
    let mailbox = |name: &Option<String>| {
        let mut all = mailboxes.borrow_mut();
        let new = || {
            let endpoint = room.context.settings.endpoint.value.as_str();
            let log = room
                .store
                .map(|store| store.turn_log(endpoint, name.as_deref()));
            Rc::new(Mailbox {
                volume: room.context.account(room.store, endpoint, name.as_deref()),
                sends: SendPacer::new(room.args.send_rate as usize, log),
            })
        };
        Rc::clone(all.entry(name.clone()).or_insert_with(new))
    };
    let mut running: FuturesUnordered<LocalBoxFuture<'_, (usize, RowEnd)>> =
        FuturesUnordered::new();
    let mut stopped = false;
    for problem in &room.prepared.skipped {
        output.bad(problem);
    }
    loop {
        while !stopped && let Some(index) = schedule.next(room.waiters.count()) {
            let row = &rows[index];
            let mailbox = mailbox(&row.checked.mailbox);
            running.push(Box::pin(async move {
                (index, row::run(room, row, &mailbox).await)
            }));
        }
        if running.is_empty() {
            break;
        }
        tokio::select! {
            Some((index, end)) = running.next() => {
                schedule.done(index);
                let failed = matches!(end.status, Status::Failed | Status::Unknown);
                // The next row would need the same token.
                stopped |= failed && (room.args.fail_fast || end.exit_code == report::CREDENTIALS);
                output.row(&rows[index].checked, &room.prepared.addressed(index), &end);
            }
            // A row began to wait: another may work.
            () = room.waiters.changed.notified() => {}
        }
    }
    for index in schedule.rest() {
        output.untried(&rows[index].checked, &room.prepared.addressed(index));
    }
    stopped
}

/// Asks, where there is somebody to ask.
fn confirmed(context: &CommandContext) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return true;
    }
    context.printer.ask("send them?");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    let answer = answer.trim().to_ascii_lowercase();
    read.is_ok() && (answer == "y" || answer == "yes")
}

impl Prepared {
    /// Whom a row is for, or what it is about.
    fn addressed(&self, index: usize) -> String {
        let row = &self.rows[index];
        match self.plan(&row.checked) {
            Ok(plan) => plan.addressed(),
            Err(_) => String::new(),
        }
    }
}
