//! What became of each row: on standard output, in the report, in the progress, and in the exit code.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    prepare::{Prepared, State},
    row::RowEnd,
};
use crate::{
    batch::{
        check::{CheckedRow, Problem},
        report::{Line, Report, Status},
    },
    report::{self, ExitReport},
    terminal::{Printer, human},
};

/// How often progress is told where nothing else is.
const CADENCE: Duration = Duration::from_secs(30);

pub(super) struct Output {
    printer: Printer,
    started: Instant,
    report: RefCell<Option<Report>>,
    counts: RefCell<HashMap<Status, u64>>,
    first: Cell<Option<u8>>,
    bytes: Cell<u64>,
    all: usize,
    new: usize,
    total: u64,
    told: Cell<(usize, Instant)>,
}

/// A row that is done with, as programs get it.
#[derive(Serialize)]
#[serde(tag = "type", rename = "row")]
struct RowLine<'a> {
    row: usize,
    key: &'a str,
    to: &'a str,
    status: Status,
    message: Option<&'a str>,
    #[serde(rename = "webLink")]
    web_link: Option<&'a str>,
    attachments: &'a [String],
    exit_code: u8,
    error: Option<report::ErrorJson<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "summary")]
struct Summary {
    done: u64,
    already: u64,
    differs: u64,
    failed: u64,
    unknown: u64,
    skipped: u64,
    bytes: u64,
    seconds: f64,
}

impl Output {
    pub(super) fn new(printer: &Printer, report: Option<Report>, prepared: &Prepared) -> Self {
        Output {
            printer: printer.clone(),
            started: Instant::now(),
            report: RefCell::new(report),
            counts: RefCell::default(),
            first: Cell::new(None),
            bytes: Cell::new(0),
            all: prepared.rows.len() + prepared.skipped.len(),
            new: prepared.count(State::New),
            total: prepared.bytes(),
            told: Cell::new((0, Instant::now())),
        }
    }

    /// A row is done with.
    pub(super) fn row(&self, row: &CheckedRow, to: &str, end: &RowEnd) {
        self.bytes.set(self.bytes.get() + end.bytes);
        if let Some(error) = &end.error {
            let mut error = error.clone();
            error.heading = format!("{}: {}", row.place, error.heading);
            self.printer.error(&error);
        }
        self.line(row.place.row, &row.key, to, end);
        self.progress();
    }

    /// A row that was not begun, because the command ended.
    pub(super) fn untried(&self, row: &CheckedRow, to: &str) {
        let code = self.first.get().unwrap_or(report::FAILURE);
        let end = RowEnd::of(
            Status::Skipped,
            ExitReport::not_tried(&row.place.to_string(), code),
        );
        self.line(row.place.row, &row.key, to, &end);
    }

    /// A row with a problem that the user said to skip.
    pub(super) fn bad(&self, problem: &Problem) {
        let end = RowEnd::of(Status::Skipped, ExitReport::usage(problem.message.clone()));
        self.line(problem.place.row, "", "", &end);
    }

    fn line(&self, row: usize, key: &str, to: &str, end: &RowEnd) {
        *self.counts.borrow_mut().entry(end.status).or_default() += 1;
        if end.exit_code != report::SUCCESS {
            self.first.set(self.first.get().or(Some(end.exit_code)));
        }
        let attachments: Vec<String> = end.attachments.iter().flatten().cloned().collect();
        if self.printer.is_json() {
            self.printer.json(&RowLine {
                row,
                key,
                to,
                status: end.status,
                message: end.message.as_deref(),
                web_link: end.web_link.as_deref(),
                attachments: &attachments,
                exit_code: end.exit_code,
                error: end.error.as_ref().map(|error| error.error_json()),
            });
        } else if let (Some(message), Status::Done | Status::Already) = (&end.message, end.status) {
            self.printer.line(message);
        }
        let line = Line {
            row,
            key: key.to_owned(),
            to: to.to_owned(),
            status: end.status,
            message: end.message.clone().unwrap_or_default(),
            attachments: attachments.join(" "),
            exit_code: end.exit_code,
            error: end
                .error
                .as_ref()
                .map(|error| error.heading.clone())
                .unwrap_or_default(),
        };
        let written = self
            .report
            .borrow_mut()
            .as_mut()
            .map(|report| report.add(&line));
        if let Some(Err(error)) = written {
            self.printer
                .warn(&format!("the report cannot be written any more: {error}"));
            self.report.replace(None);
        }
    }

    fn count(&self, status: Status) -> u64 {
        self.counts
            .borrow()
            .get(&status)
            .copied()
            .unwrap_or_default()
    }

    /// So many rows, each tenth of them, or twice a minute.
    fn progress(&self) {
        let done: u64 = self.counts.borrow().values().sum();
        let done = usize::try_from(done).unwrap_or(usize::MAX);
        let (tenth, at) = self.told.get();
        let now_tenth = (done * 10).checked_div(self.all).unwrap_or(10);
        if (now_tenth == tenth && at.elapsed() < CADENCE) || self.all < 2 {
            return;
        }
        self.told.set((now_tenth, Instant::now()));
        let elapsed = self.started.elapsed();
        let left = match done {
            0 => Duration::ZERO,
            done => elapsed.mul_f64(self.all.saturating_sub(done) as f64 / done as f64),
        };
        self.printer.status(&format!(
            "{done} of {} rows, {} failed, {} of {}, about {} left",
            self.all,
            self.count(Status::Failed) + self.count(Status::Unknown),
            human::size(self.bytes.get()),
            human::size(self.total),
            human::remaining(left),
        ));
    }

    /// The end: the summary, and the exit code.
    pub(super) fn finish(&self, stopped: bool) -> u8 {
        let summary = Summary {
            done: self.count(Status::Done),
            already: self.count(Status::Already),
            differs: self.count(Status::Differs),
            failed: self.count(Status::Failed),
            unknown: self.count(Status::Unknown),
            skipped: self.count(Status::Skipped),
            bytes: self.bytes.get(),
            seconds: (self.started.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0,
        };
        let good = summary.done + summary.already;
        if self.printer.is_json() {
            self.printer.json(&summary);
        } else {
            let mut parts = vec![format!("{} done", summary.done)];
            for (count, what) in [
                (summary.already, "done before"),
                (summary.differs, "different from what was done before"),
                (summary.failed, "failed"),
                (summary.unknown, "not known whether sent"),
                (summary.skipped, "skipped"),
            ] {
                if count > 0 {
                    parts.push(format!("{count} {what}"));
                }
            }
            let size = human::size(summary.bytes);
            self.printer
                .status(&format!("{} of {} new; {size}", parts.join(", "), self.new));
        }
        if stopped {
            self.printer
                .warn("stopped: the rows that were not tried are told as skipped");
        }
        report::partial(
            self.first.get(),
            usize::try_from(good).unwrap_or(usize::MAX),
        )
    }
}
