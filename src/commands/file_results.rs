//! The files of one `attach` or `resume`: what became of each, what is said of that, and the command
//! that goes on with the rest.

use std::{
    cell::{Cell, RefCell},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use serde::Serialize;

use super::follow_up::{FileEntry, FileStatus, FollowUp};
use crate::{
    graph::Item,
    report::{self, ExitReport},
    session::SessionId,
    terminal::{Position, Printer, human},
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
    first: Cell<Option<u8>>,
    /// The exit code of what kept the message from being sent.
    unsent: Cell<Option<u8>>,
    /// The session that keeps what comes through a pipe, while it comes.
    coming: Arc<Mutex<Option<SessionId>>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Attached {
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
    },
    Failed {
        file: &'a str,
        exit_code: u8,
        error: ErrorLine<'a>,
        resume: Option<SessionId>,
    },
    Unsent {
        id: &'a str,
        exit_code: u8,
        error: ErrorLine<'a>,
    },
    Summary {
        attached: u64,
        failed: u64,
        bytes: u64,
        seconds: f64,
    },
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    code: &'a str,
    message: &'a str,
    status: Option<u16>,
    request_id: Option<&'a str>,
}

impl<'a> ErrorLine<'a> {
    fn of(report: &'a ExitReport) -> Self {
        ErrorLine {
            code: &report.name,
            message: &report.problem.heading,
            status: report.status,
            request_id: report.request_id.as_deref(),
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
            first: Cell::new(None),
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

    /// Onto which item the files go, once that is known.
    pub(crate) fn onto(&self, item: &Item) {
        self.follow_up.borrow_mut().onto(item);
    }

    /// The file is attached.
    pub(crate) fn attached(&self, index: usize, outcome: &Outcome, since: Instant) {
        self.status(index, FileStatus::Attached);
        self.bytes.set(self.bytes.get() + outcome.size);
        if self.printer.options().json {
            self.printer.json(&Line::Attached {
                file: &self.entries.borrow()[index].shown,
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
            return;
        }
        match &outcome.id {
            Some(id) => self.printer.line(id),
            None => self.printer.warn(&format!(
                "`{}` is attached, but the service did not say under which id",
                outcome.name
            )),
        }
    }

    /// The file is not attached. Returns its exit code.
    pub(crate) fn failed(&self, index: usize, error: &anyhow::Error) -> u8 {
        let mut report = report::exit_report(error);
        let in_doubt = report.code == report::TEMPORARY;
        let (session, code) = (report.resume, report.code);
        self.status(index, FileStatus::Left { session, in_doubt });
        if self.follow_up.borrow().is_more_than_files() {
            // The command that goes on with everything comes in the end.
            report.problem.hints.retain(|hint| !is_resume(hint));
        }
        let follow_up = self.follow_up.borrow();
        for hint in &mut report.problem.hints {
            *hint = follow_up.named(hint);
        }
        self.printer.error(&report.problem);
        self.line(index, &report);
        code
    }

    fn status(&self, index: usize, status: FileStatus) {
        self.entries.borrow_mut()[index].status = status;
    }

    fn line(&self, index: usize, report: &ExitReport) {
        self.first.set(self.first.get().or(Some(report.code)));
        if self.printer.options().json {
            self.printer.json(&Line::Failed {
                file: &self.entries.borrow()[index].shown,
                exit_code: report.code,
                error: ErrorLine::of(report),
                resume: report.resume,
            });
        }
    }

    /// Whether all files are attached.
    pub(crate) fn is_complete(&self) -> bool {
        self.attached_files() == self.entries.borrow().len()
    }

    fn attached_files(&self) -> usize {
        let entries = self.entries.borrow();
        let attached = entries
            .iter()
            .filter(|entry| entry.status == FileStatus::Attached);
        attached.count()
    }

    /// Indices of the files that were not reached.
    fn untried(&self) -> Vec<usize> {
        let entries = self.entries.borrow();
        let untried = entries.iter().enumerate();
        untried
            .filter(|(_, entry)| entry.status == FileStatus::Untried)
            .map(|(index, _)| index)
            .collect()
    }

    /// Everything is attached, but the message could not be sent.
    pub(crate) fn unsent(&self, id: &str, error: &anyhow::Error) {
        let report = report::exit_report(error);
        self.unsent.set(Some(report.code));
        self.printer.error(&report.problem);
        if self.printer.options().json {
            self.printer.json(&Line::Unsent {
                id,
                exit_code: report.code,
                error: ErrorLine::of(&report),
            });
        }
    }

    /// The command ended before its files, or the rest of them, were tried. Returns its exit code.
    pub(crate) fn aborted(&self, error: &anyhow::Error) -> u8 {
        let mut report = report::exit_report(error);
        let follow_up = self.follow_up.borrow();
        if follow_up.is_more_than_files() || self.keeps_a_pipe() {
            report
                .problem
                .hints
                .extend(follow_up.command(&self.entries.borrow()));
        }
        self.printer.error(&report.problem);
        for index in self.untried() {
            self.line(index, &report);
        }
        self.summary();
        report.code
    }

    /// The end of the command: what is left, its summary and its exit code.
    pub(crate) fn finish(&self) -> u8 {
        let untried = self.untried();
        if let (Some(code), false) = (self.first.get(), untried.is_empty()) {
            self.not_tried(&untried, code);
        }
        self.summary();
        let follow_up = self.follow_up.borrow();
        if !self.is_complete() && (follow_up.is_more_than_files() || !untried.is_empty()) {
            if follow_up.sends() {
                self.printer
                    .warn("not sent: not every file is attached; the draft is kept");
            }
            if let Some(command) = follow_up.command(&self.entries.borrow()) {
                self.printer.hint(&command);
            }
        }
        match self.first.get() {
            None => self.unsent.get().unwrap_or(report::SUCCESS),
            Some(_) if self.attached_files() > 0 => report::PARTIAL,
            Some(code) => code,
        }
    }

    fn not_tried(&self, untried: &[usize], code: u8) {
        let entries = self.entries.borrow();
        let names = untried.iter().take(MOST_NAMES);
        let mut names: Vec<String> = names
            .map(|&index| format!("`{}`", entries[index].shown))
            .collect();
        if untried.len() > MOST_NAMES {
            names.push("…".to_owned());
        }
        let names = names.join(", ");
        self.printer.warn(&match untried.len() {
            1 => format!("1 file was not tried: {names}"),
            n => format!("{n} files were not tried: {names}"),
        });
        for &index in untried {
            self.line(index, &ExitReport::not_tried(&entries[index].shown, code));
        }
    }

    fn summary(&self) {
        let (attached, all) = (self.attached_files(), self.entries.borrow().len());
        let bytes = self.bytes.get();
        if self.printer.options().json {
            self.printer.json(&Line::Summary {
                attached: attached as u64,
                failed: (all - attached) as u64,
                bytes,
                seconds: seconds(self.started),
            });
        } else if all > 1 {
            self.printer.status(&format!(
                "{attached} of {all} files attached, {}",
                human::size(bytes)
            ));
        }
    }

    /// A signal ends the command while the first file that is not done is under way, at `position` if
    /// its upload had begun: says where it stopped, and how it goes on.
    pub(crate) fn interrupted(&self, position: Option<&Position>, code: u8) {
        let coming = *self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = coming {
            self.printer.warn(&format!(
                "what came through the pipe so far is kept in session {id}; its end was not seen, so it \
                 is not attached"
            ));
        }
        let untried = self.untried();
        let current = untried.first().copied().filter(|_| position.is_some());
        let report = match position {
            Some(position) => {
                let (name, session) = (&position.name, position.session);
                let text = match session {
                    Some(_) => {
                        let part = human::part(position.offset, position.size);
                        format!("interrupted: `{name}` is at {part}")
                    }
                    None => format!("interrupted before an upload session for `{name}` was open"),
                };
                self.printer.warn(&text);
                if let Some(index) = current {
                    let in_doubt = session.is_none();
                    self.status(index, FileStatus::Left { session, in_doubt });
                }
                ExitReport::interrupted(text, code, session)
            }
            None => {
                self.printer.warn("interrupted");
                ExitReport::interrupted("interrupted".to_owned(), code, None)
            }
        };
        for index in untried {
            if Some(index) == current {
                self.line(index, &report);
            } else {
                let shown = self.entries.borrow()[index].shown.clone();
                self.line(index, &ExitReport::not_tried(&shown, code));
            }
        }
        if self.printer.options().json {
            self.summary();
        }
        if let Some(command) = self.follow_up.borrow().command(&self.entries.borrow()) {
            self.printer.hint(&command);
        }
    }
}

fn is_resume(hint: &str) -> bool {
    hint.starts_with("graph-attach resume ")
}

/// To the millisecond: more digits would only be noise.
fn seconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0
}
