//! The files of one `attach` or `resume`: what became of each, what is said of that, and the command
//! that finishes the rest.

use std::{
    cell::{Cell, RefCell},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use serde::Serialize;

use super::follow_up::{FileEntry, FileStatus, FollowUp};
use crate::{
    graph::Item,
    report::{self, ErrorJson, ExitReport},
    session::SessionId,
    terminal::{CommandResult, Position, Printer, human},
    upload::{Outcome, Route},
};

/// Most names in a sentence about files that were not tried.
const MOST_NAMES: usize = 3;

/// Keeps account of the files of one command. Shared with whoever ends the command on a signal.
#[derive(Debug)]
pub(crate) struct FileResults {
    printer: Printer,
    started: Instant,
    entries: RefCell<Vec<FileEntry>>,
    follow_up: RefCell<FollowUp>,
    bytes: Cell<u64>,
    /// The exit code of the first file that failed.
    first_failure: Cell<Option<u8>>,
    /// The exit code of what kept the message from being sent.
    unsent: Cell<Option<u8>>,
    /// The session that keeps what comes through a pipe, while it comes.
    coming: Arc<Mutex<Option<SessionId>>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "attached")]
struct AttachedLine<'a> {
    file: &'a str,
    name: &'a str,
    id: Option<&'a str>,
    size: u64,
    sha256: String,
    route: Route,
    session: Option<SessionId>,
    resumed: bool,
    already: bool,
    verified: bool,
    seconds: f64,
}

impl CommandResult for AttachedLine<'_> {
    fn show(&self, printer: &Printer) {
        match self.id {
            Some(id) => printer.line(id),
            None => printer.warn(&format!(
                "`{}` is attached, but the service did not say under which id",
                self.name
            )),
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "unsent")]
struct UnsentLine<'a> {
    id: &'a str,
    exit_code: u8,
    error: ErrorJson<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "summary")]
struct SummaryLine {
    attached: usize,
    failed: usize,
    bytes: u64,
    seconds: f64,
}

impl CommandResult for SummaryLine {
    fn show(&self, printer: &Printer) {
        let all = self.attached + self.failed;
        if all > 1 {
            printer.status(&format!(
                "{} of {all} files attached, {}",
                self.attached,
                human::size(self.bytes)
            ));
        }
    }
}

impl FileResults {
    /// A command about these files, in this order.
    pub(crate) fn new(printer: &Printer, entries: Vec<FileEntry>, follow_up: FollowUp) -> Self {
        FileResults {
            printer: printer.clone(),
            started: Instant::now(),
            entries: RefCell::new(entries),
            follow_up: RefCell::new(follow_up),
            bytes: Cell::new(0),
            first_failure: Cell::new(None),
            unsent: Cell::new(None),
            coming: Arc::default(),
        }
    }

    /// For whoever reads a pipe to say which session keeps what comes.
    pub(crate) fn coming(&self) -> Arc<Mutex<Option<SessionId>>> {
        Arc::clone(&self.coming)
    }

    /// All that the pipe brought is kept, under this session if it can be resumed.
    pub(crate) fn kept(&self, index: usize, session: Option<SessionId>) {
        *self.coming.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.entries.borrow_mut()[index].kept = session;
    }

    /// Whether what a pipe brought waits to be attached.
    fn keeps_a_pipe(&self) -> bool {
        let entries = self.entries.borrow();
        let waits =
            |entry: &FileEntry| entry.kept.is_some() && entry.status != FileStatus::Attached;
        entries.iter().any(waits)
    }

    /// Sets the mail job that is kept for the command.
    pub(crate) fn set_mail(&self, id: SessionId) {
        self.follow_up.borrow_mut().set_mail(id);
    }

    /// Sets the item that the files go to, once that is known.
    pub(crate) fn set_item(&self, item: &Item) {
        self.follow_up.borrow_mut().set_item(item);
    }

    /// The file is attached.
    pub(crate) fn attached(&self, index: usize, outcome: &Outcome, since: Instant) {
        self.set_status(index, FileStatus::Attached);
        self.bytes.set(self.bytes.get() + outcome.size);
        self.printer.result(&AttachedLine {
            file: &self.entries.borrow()[index].shown(),
            name: &outcome.name,
            id: outcome.id.as_deref(),
            size: outcome.size,
            sha256: outcome.sha256.to_string(),
            route: outcome.route,
            session: outcome.session,
            resumed: outcome.resumed,
            already: outcome.already,
            verified: outcome.verified,
            seconds: seconds(since),
        });
    }

    /// The file is not attached. Returns its exit code.
    pub(crate) fn failed(&self, index: usize, mut report: ExitReport) -> u8 {
        let left = FileStatus::Left {
            session: report.resume,
            in_doubt: report.code == report::TEMPORARY,
        };
        self.set_status(index, left);
        let follow_up = self.follow_up.borrow();
        if follow_up.is_more_than_files() {
            // The command that does everything that is left comes in the end.
            report.hints.retain(|hint| !hint.is_command("resume"));
        }
        if let Some(item) = follow_up.item() {
            let hints = std::mem::take(&mut report.hints).into_iter();
            report.hints = hints.map(|hint| hint.for_item(item)).collect();
        }
        self.printer.error(&report);
        self.failed_line(index, &report);
        report.code
    }

    fn set_status(&self, index: usize, status: FileStatus) {
        self.entries.borrow_mut()[index].status = status;
    }

    fn failed_line(&self, index: usize, report: &ExitReport) {
        let first = self.first_failure.get().or(Some(report.code));
        self.first_failure.set(first);
        if self.printer.is_json() {
            let shown = self.entries.borrow()[index].shown();
            self.printer.json(&report.json(Some(&shown)));
        }
    }

    /// Whether all files are attached.
    pub(crate) fn is_complete(&self) -> bool {
        self.attached_files() == self.entries.borrow().len()
    }

    fn attached_files(&self) -> usize {
        self.with_status(FileStatus::Attached).len()
    }

    /// Indices of the files in this state.
    fn with_status(&self, status: FileStatus) -> Vec<usize> {
        let entries = self.entries.borrow();
        let found = entries.iter().enumerate();
        let found = found.filter(|(_, entry)| entry.status == status);
        found.map(|(index, _)| index).collect()
    }

    fn command(&self) -> Option<report::CommandLine> {
        self.follow_up.borrow().command(&self.entries.borrow())
    }

    /// Everything is attached, but the message could not be sent.
    pub(crate) fn unsent(&self, id: &str, report: &ExitReport) {
        self.unsent.set(Some(report.code));
        self.printer.error(report);
        if self.printer.is_json() {
            self.printer.json(&UnsentLine {
                id,
                exit_code: report.code,
                error: report.error_json(),
            });
        }
    }

    /// The command ended before its files, or the rest of them, were tried. Returns its exit code.
    pub(crate) fn aborted(&self, mut report: ExitReport) -> u8 {
        if self.follow_up.borrow().is_more_than_files() || self.keeps_a_pipe() {
            report = report.hints(self.command().map(Into::into));
        }
        self.printer.error(&report);
        for index in self.with_status(FileStatus::Untried) {
            self.failed_line(index, &report);
        }
        self.summary();
        report.code
    }

    /// The end of the command: what is left, its summary and its exit code.
    pub(crate) fn finish(&self) -> u8 {
        let untried = self.with_status(FileStatus::Untried);
        if let (Some(code), false) = (self.first_failure.get(), untried.is_empty()) {
            self.not_tried(&untried, code);
        }
        self.summary();
        let follow_up = self.follow_up.borrow();
        if !self.is_complete() && (follow_up.is_more_than_files() || !untried.is_empty()) {
            if follow_up.sends() {
                self.printer
                    .warn("not sent: not every file is attached; the draft is kept");
            }
            self.hint_at_rest();
        }
        match self.first_failure.get() {
            None => self.unsent.get().unwrap_or(report::SUCCESS),
            failure => report::partial(failure, self.attached_files()),
        }
    }

    fn hint_at_rest(&self) {
        if let Some(command) = self.command() {
            self.printer.hint(&command.into());
        }
    }

    fn not_tried(&self, untried: &[usize], code: u8) {
        let shown = |&index: &usize| self.entries.borrow()[index].shown();
        let names = untried.iter().take(MOST_NAMES).map(shown);
        let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        if untried.len() > MOST_NAMES {
            names.push("…".to_owned());
        }
        let names = names.join(", ");
        self.printer.warn(&match untried.len() {
            1 => format!("1 file was not tried: {names}"),
            n => format!("{n} files were not tried: {names}"),
        });
        for index in untried {
            self.failed_line(*index, &ExitReport::not_tried(&shown(index), code));
        }
    }

    fn summary(&self) {
        let attached = self.attached_files();
        self.printer.result(&SummaryLine {
            attached,
            failed: self.entries.borrow().len() - attached,
            bytes: self.bytes.get(),
            seconds: seconds(self.started),
        });
    }

    /// A signal ends the command while the first file that is not done is under way, at `position` if
    /// its upload had begun: says where it stopped, and which command continues.
    pub(crate) fn interrupted(&self, position: Option<&Position>, code: u8) {
        let coming = *self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = coming {
            self.printer.warn(&format!(
                "what came through the pipe so far is kept in session {id}; its end was not seen, so it \
                 is not attached"
            ));
        }
        let untried = self.with_status(FileStatus::Untried);
        let current = untried.first().copied().filter(|_| position.is_some());
        let session = position.and_then(|position| position.session);
        let text = match position {
            Some(Position {
                name, offset, size, ..
            }) if session.is_some() => {
                format!(
                    "interrupted: `{name}` is at {}",
                    human::part(*offset, *size)
                )
            }
            Some(Position { name, .. }) => {
                format!("interrupted before an upload session for `{name}` was open")
            }
            None => "interrupted".to_owned(),
        };
        self.printer.warn(&text);
        if let Some(index) = current {
            let in_doubt = session.is_none();
            self.set_status(index, FileStatus::Left { session, in_doubt });
        }
        for index in untried {
            let report = match Some(index) == current {
                true => ExitReport::interrupted(&text, code, session),
                false => ExitReport::not_tried(&self.entries.borrow()[index].shown(), code),
            };
            self.failed_line(index, &report);
        }
        if self.printer.is_json() {
            self.summary();
        }
        self.hint_at_rest();
    }
}

/// To the millisecond: more digits would only be noise.
fn seconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0
}
