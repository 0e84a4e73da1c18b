//! What `attach` and `resume` say of each file, and in the end.

use std::time::Instant;

use serde::Serialize;

use crate::{
    exit::{self, Verdict},
    output::{Printer, human},
    session::SessionId,
    upload::{Outcome, Route},
};

/// Counts what became of the files of one command.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    printer: &'a Printer,
    started: Instant,
    attached: u64,
    failed: u64,
    bytes: u64,
    /// The exit code of the first file that failed.
    first: Option<u8>,
    /// The exit code of what kept the message from being sent.
    unsent: Option<u8>,
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

impl<'a> Tally<'a> {
    pub(super) fn new(printer: &'a Printer) -> Self {
        let started = Instant::now();
        Tally {
            printer,
            started,
            attached: 0,
            failed: 0,
            bytes: 0,
            first: None,
            unsent: None,
        }
    }

    /// A file is attached.
    pub(super) fn attached(&mut self, file: &str, outcome: &Outcome, since: Instant) {
        self.attached += 1;
        self.bytes += outcome.size;
        if self.printer.options().json {
            self.printer.json(&Line::Attached {
                file,
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

    /// A file is not attached. Returns its exit code.
    pub(super) fn failed(&mut self, file: &str, error: &anyhow::Error) -> u8 {
        let verdict = exit::verdict(error);
        self.failed += 1;
        self.first.get_or_insert(verdict.code);
        self.printer.error(&verdict.problem);
        if self.printer.options().json {
            self.line(file, &verdict);
        }
        verdict.code
    }

    fn line(&self, file: &str, verdict: &Verdict) {
        self.printer.json(&Line::Failed {
            file,
            exit_code: verdict.code,
            error: ErrorLine::of(verdict),
            resume: verdict.resume,
        });
    }

    /// Whether all of so many files are attached.
    pub(super) fn is_complete(&self, files: usize) -> bool {
        self.failed == 0 && self.attached == files as u64
    }

    /// Everything is attached, but the message could not be sent.
    pub(super) fn unsent(&mut self, id: &str, error: &anyhow::Error) {
        let verdict = exit::verdict(error);
        self.unsent = Some(verdict.code);
        self.printer.error(&verdict.problem);
        if self.printer.options().json {
            self.printer.json(&Line::Unsent {
                id,
                exit_code: verdict.code,
                error: ErrorLine::of(&verdict),
            });
        }
    }

    /// The end of the command: its summary and its exit code.
    pub(super) fn finish(self) -> u8 {
        if self.printer.options().json {
            self.printer.json(&Line::Summary {
                attached: self.attached,
                failed: self.failed,
                bytes: self.bytes,
                seconds: seconds(self.started),
            });
        } else if self.attached + self.failed > 1 {
            let all = self.attached + self.failed;
            self.printer.status(&format!(
                "{} of {all} files attached, {}",
                self.attached,
                human::size(self.bytes)
            ));
        }
        match self.first {
            None => self.unsent.unwrap_or(exit::SUCCESS),
            Some(_) if self.attached > 0 => exit::PARTIAL,
            Some(code) => code,
        }
    }
}

/// To the millisecond: more digits would only be noise.
fn seconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0
}
