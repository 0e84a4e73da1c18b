//! The files of one `attach` or `resume`: what became of each, what is said of that, and the command
//! that goes on with the rest.

use std::{
    cell::{Cell, RefCell},
    time::Instant,
};

use serde::Serialize;

use super::going_on::{Entry, Fate, Way};
use crate::{
    exit::{self, Verdict},
    graph::Item,
    output::{Position, Printer, human},
    session::SessionId,
    upload::{Outcome, Route},
};

/// Most names in a sentence about files that were not tried.
const MOST_NAMES: usize = 3;

/// Keeps account of the files of one command. Shared with whoever ends the command on a signal.
#[derive(Debug)]
pub(crate) struct Batch {
    printer: Printer,
    started: Instant,
    entries: RefCell<Vec<Entry>>,
    way: RefCell<Way>,
    bytes: Cell<u64>,
    /// The exit code of the first file that failed.
    first: Cell<Option<u8>>,
    /// The exit code of what kept the message from being sent.
    unsent: Cell<Option<u8>>,
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
    fn of(verdict: &'a Verdict) -> Self {
        ErrorLine {
            code: &verdict.name,
            message: &verdict.problem.heading,
            status: verdict.status,
            request_id: verdict.request_id.as_deref(),
        }
    }
}

impl Batch {
    /// A command about these files, in this order.
    pub(crate) fn new(printer: &Printer, entries: Vec<Entry>, way: Way) -> Self {
        Batch {
            printer: printer.clone(),
            started: Instant::now(),
            entries: RefCell::new(entries),
            way: RefCell::new(way),
            bytes: Cell::new(0),
            first: Cell::new(None),
            unsent: Cell::new(None),
        }
    }

    /// Onto which item the files go, once that is known.
    pub(crate) fn onto(&self, item: &Item) {
        self.way.borrow_mut().onto(item);
    }

    /// The file is attached.
    pub(crate) fn attached(&self, index: usize, outcome: &Outcome, since: Instant) {
        self.fate(index, Fate::Attached);
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
        let mut verdict = exit::verdict(error);
        let in_doubt = verdict.code == exit::TEMPORARY;
        let (session, code) = (verdict.resume, verdict.code);
        self.fate(index, Fate::Left { session, in_doubt });
        if self.way.borrow().is_more_than_files() {
            // The command that goes on with everything comes in the end.
            verdict.problem.hints.retain(|hint| !is_resume(hint));
        }
        let way = self.way.borrow();
        for hint in &mut verdict.problem.hints {
            *hint = way.named(hint);
        }
        self.printer.error(&verdict.problem);
        self.line(index, &verdict);
        code
    }

    fn fate(&self, index: usize, fate: Fate) {
        self.entries.borrow_mut()[index].fate = fate;
    }

    fn line(&self, index: usize, verdict: &Verdict) {
        self.first.set(self.first.get().or(Some(verdict.code)));
        if self.printer.options().json {
            self.printer.json(&Line::Failed {
                file: &self.entries.borrow()[index].shown,
                exit_code: verdict.code,
                error: ErrorLine::of(verdict),
                resume: verdict.resume,
            });
        }
    }

    /// Whether all files are attached.
    pub(crate) fn is_complete(&self) -> bool {
        self.attached_files() == self.entries.borrow().len()
    }

    fn attached_files(&self) -> usize {
        let entries = self.entries.borrow();
        let attached = entries.iter().filter(|entry| entry.fate == Fate::Attached);
        attached.count()
    }

    /// Indices of the files that were not reached.
    fn untried(&self) -> Vec<usize> {
        let entries = self.entries.borrow();
        let untried = entries.iter().enumerate();
        untried
            .filter(|(_, entry)| entry.fate == Fate::Untried)
            .map(|(index, _)| index)
            .collect()
    }

    /// Everything is attached, but the message could not be sent.
    pub(crate) fn unsent(&self, id: &str, error: &anyhow::Error) {
        let verdict = exit::verdict(error);
        self.unsent.set(Some(verdict.code));
        self.printer.error(&verdict.problem);
        if self.printer.options().json {
            self.printer.json(&Line::Unsent {
                id,
                exit_code: verdict.code,
                error: ErrorLine::of(&verdict),
            });
        }
    }

    /// The command ended before its files, or the rest of them, were tried. Returns its exit code.
    pub(crate) fn aborted(&self, error: &anyhow::Error) -> u8 {
        let mut verdict = exit::verdict(error);
        let way = self.way.borrow();
        if way.is_more_than_files() {
            verdict
                .problem
                .hints
                .extend(way.command(&self.entries.borrow()));
        }
        self.printer.error(&verdict.problem);
        for index in self.untried() {
            self.line(index, &verdict);
        }
        self.summary();
        verdict.code
    }

    /// The end of the command: what is left, its summary and its exit code.
    pub(crate) fn finish(&self) -> u8 {
        let untried = self.untried();
        if let (Some(code), false) = (self.first.get(), untried.is_empty()) {
            self.not_tried(&untried, code);
        }
        self.summary();
        let way = self.way.borrow();
        if !self.is_complete() && (way.is_more_than_files() || !untried.is_empty()) {
            if way.sends() {
                self.printer
                    .warn("not sent: not every file is attached; the draft is kept");
            }
            if let Some(command) = way.command(&self.entries.borrow()) {
                self.printer.hint(&command);
            }
        }
        match self.first.get() {
            None => self.unsent.get().unwrap_or(exit::SUCCESS),
            Some(_) if self.attached_files() > 0 => exit::PARTIAL,
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
            self.line(index, &Verdict::not_tried(&entries[index].shown, code));
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
        let untried = self.untried();
        let current = untried.first().copied().filter(|_| position.is_some());
        let verdict = match position {
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
                    self.fate(index, Fate::Left { session, in_doubt });
                }
                Verdict::interrupted(text, code, session)
            }
            None => {
                self.printer.warn("interrupted");
                Verdict::interrupted("interrupted".to_owned(), code, None)
            }
        };
        for index in untried {
            if Some(index) == current {
                self.line(index, &verdict);
            } else {
                let shown = self.entries.borrow()[index].shown.clone();
                self.line(index, &Verdict::not_tried(&shown, code));
            }
        }
        if self.printer.options().json {
            self.summary();
        }
        if let Some(command) = self.way.borrow().command(&self.entries.borrow()) {
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
