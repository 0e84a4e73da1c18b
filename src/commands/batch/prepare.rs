//! Everything before the first request: the table read and checked, the rows chosen, what was done before,
//! and what is going to happen, in words.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    fs,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use serde::Serialize;

use crate::{
    args::BatchArgs,
    batch::{
        check::{self, Checked, CheckedRow, Problem},
        decode,
        estimate::{self, Deciding, Load},
        manifest::{self, Manifest},
        render::{Options, Renderer, RowPlan, RowTarget},
        report::failed_keys,
    },
    commands::CommandContext,
    digest::Digest,
    graph::Address,
    report::{self, ExitReport},
    session::{FileFingerprint, MailState, RunEntry, SentFile},
    settings::endpoint::is_loopback,
    terminal::human,
    upload::{Source, VOLUME_LIMIT},
};

/// Problems that are written out; the rest is counted.
const MOST_PROBLEMS: usize = 50;

/// Mails of `--test-to`.
const TESTS: usize = 3;

/// Requests of a mail with one file that is sent: looks for the key, the draft, the file, the sending.
const REQUESTS_A_ROW: u64 = 5;

/// How a row stands before the command does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing is known of it, or it is not done yet.
    New,
    /// It was done.
    Done,
    /// It was done with another text or other content.
    Differs,
}

/// A row that is the command's.
pub(super) struct BatchRow {
    pub(super) checked: CheckedRow,
    pub(super) state: State,
}

/// What the command works on.
pub(super) struct Prepared {
    pub(super) rows: Vec<BatchRow>,
    /// Rows with a problem, which the user said to skip.
    pub(super) skipped: Vec<Problem>,
    pub(super) run: String,
    manifest: Manifest,
    renderer: RefCell<Renderer>,
    largest: Option<String>,
}

/// What came of preparing.
pub(super) enum Ready {
    /// These are to be done.
    Rows(Box<Prepared>),
    /// That was all: `--dry-run`, `--show`.
    Over(u8),
}

pub(super) fn prepare(args: &BatchArgs, context: &CommandContext) -> report::Result<Ready> {
    let manifest = read(args)?;
    let retried = match &args.retry_failed {
        Some(path) => Some(failed_keys(path).map_err(|error| {
            ExitReport::usage(format!(
                "`{}` is not a report of a batch: {error}",
                path.display()
            ))
        })?),
        None => None,
    };
    if let Some(row) = args
        .only
        .as_ref()
        .and_then(|rows| rows.beyond(manifest.rows.len()))
    {
        let rows = manifest.rows.len();
        return Err(ExitReport::usage(format!(
            "there is no row {row}: the table has {rows}"
        )));
    }
    if let Some(row) = args
        .show
        .filter(|row| !(1..=manifest.rows.len()).contains(row))
    {
        let rows = manifest.rows.len();
        return Err(ExitReport::usage(format!(
            "there is no row {row}: the table has {rows}"
        )));
    }
    let mut renderer = Renderer::new(options(args, &manifest, context)?);
    let checked = checked(args, &manifest, &mut renderer, retried.as_ref());
    if args.show.is_some() {
        return show(&manifest, &mut renderer, &checked, context).map(Ready::Over);
    }
    tell(&checked.problems, context);
    if args.dry_run {
        return Ok(Ready::Over(dry_run(
            &manifest,
            &mut renderer,
            &checked,
            context,
        )));
    }
    if !checked.problems.is_empty() && !args.skip_bad {
        let rows: HashSet<usize> = checked.problems.iter().map(|one| one.place.row).collect();
        let what = match rows.len() {
            1 => "1 row has a problem: nothing was done".to_owned(),
            n => format!("{n} rows have problems: nothing was done"),
        };
        return Err(ExitReport::usage(what)
            .advise("correct the table, or continue without these rows with `--skip-bad`"));
    }
    let run = run(args, &checked);
    let largest = checked.largest.as_ref().map(|(path, size, place)| {
        format!(
            "`{}`, {} (row {})",
            path.display(),
            human::size(*size),
            place.row
        )
    });
    let rows = checked.rows.into_iter().map(|checked| BatchRow {
        checked,
        state: State::New,
    });
    Ok(Ready::Rows(Box::new(Prepared {
        rows: rows.collect(),
        skipped: checked.problems,
        run,
        manifest,
        renderer: RefCell::new(renderer),
        largest,
    })))
}

fn read(args: &BatchArgs) -> report::Result<Manifest> {
    let shown = args.manifest.display();
    let mut bytes = Vec::new();
    let result = match args.manifest == Path::new("-") {
        true => io::stdin().lock().read_to_end(&mut bytes).map(drop),
        false => fs::read(&args.manifest).map(|read| bytes = read),
    };
    result.map_err(|error| {
        ExitReport::file(
            "Unreadable",
            format!("cannot read the table `{shown}`: {error}"),
        )
    })?;
    let wrong = |why: String| ExitReport::usage(format!("the table `{shown}`: {why}"));
    let text = decode::text(bytes).map_err(|error| wrong(error.to_string()))?;
    let format = args.format.map(Into::into);
    manifest::read(&text, format).map_err(|error| wrong(error.to_string()))
}

fn options(
    args: &BatchArgs,
    manifest: &Manifest,
    context: &CommandContext,
) -> report::Result<Options> {
    let row = args.row.clone();
    Ok(Options {
        to: row.to,
        cc: row.cc,
        bcc: row.bcc,
        subject: row.subject,
        body: row.body,
        body_file: row.body_file,
        files: row.file,
        message: row.message,
        event: row.event,
        mailbox: row.mailbox,
        default_mailbox: context.mailbox()?,
        key: args.key.clone(),
        html: row.html,
        send: args.send,
        redirect: redirect(args),
        separators: manifest.separators(),
    })
}

fn redirect(args: &BatchArgs) -> Vec<Address> {
    args.test_to
        .as_ref()
        .map(|people| people.0.clone())
        .unwrap_or_default()
}

/// The rows that the options choose, checked.
fn checked(
    args: &BatchArgs,
    manifest: &Manifest,
    renderer: &mut Renderer,
    retried: Option<&HashSet<String>>,
) -> Checked {
    let mut tests = 0;
    check::check(manifest, renderer, args.same_file, |row, plan| {
        let number = row.place.row;
        let named = args.only.as_ref().is_none_or(|rows| rows.has(number));
        let shown = args.show.is_none_or(|row| row == number);
        // A row that cannot be read is nobody's, and so everybody's.
        let ours = plan.is_none_or(|plan| {
            let shard = args
                .shard
                .is_none_or(|shard| shard.has(plan.mailbox.as_deref()));
            shard && retried.is_none_or(|keys| keys.contains(&plan.key))
        });
        let chosen = named && shown && ours;
        if args.test_to.is_none() || !chosen {
            return chosen;
        }
        tests += 1;
        tests <= TESTS
    })
}

/// The run's name; a test's is its own, and another one for other mails.
fn run(args: &BatchArgs, checked: &Checked) -> String {
    let name = args
        .manifest
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let run = args
        .run
        .clone()
        .unwrap_or(name.unwrap_or_else(|| "-".to_owned()));
    if args.test_to.is_none() {
        return run;
    }
    let rows = checked.rows.iter().map(|row| (row.text, &row.files));
    let all = serde_json::json!(rows.collect::<Vec<_>>()).to_string();
    let digest = Digest::of(all.as_bytes()).to_string();
    format!("{run} (test {})", &digest[..8])
}

fn tell(problems: &[Problem], context: &CommandContext) {
    for problem in problems.iter().take(MOST_PROBLEMS) {
        context.printer.warn(&problem.to_string());
    }
    if problems.len() > MOST_PROBLEMS {
        let more = problems.len() - MOST_PROBLEMS;
        context.printer.warn(&format!("and {more} more problems"));
    }
}

/// One line of `--dry-run --json`.
#[derive(Serialize)]
#[serde(tag = "type", rename = "row")]
struct Planned<'a> {
    row: usize,
    key: &'a str,
    status: &'static str,
    mailbox: Option<&'a str>,
    to: Vec<String>,
    subject: &'a str,
    files: Vec<String>,
    bytes: u64,
}

/// Every row as it would be done.
fn dry_run(
    manifest: &Manifest,
    renderer: &mut Renderer,
    checked: &Checked,
    context: &CommandContext,
) -> u8 {
    for row in &checked.rows {
        let Ok(columns) = &manifest.rows[row.index].columns else {
            continue;
        };
        let Ok(plan) = renderer.plan(row.place, columns) else {
            continue;
        };
        let files: Vec<String> = plan
            .files
            .iter()
            .map(|file| file.path.display().to_string())
            .collect();
        if context.printer.is_json() {
            context.printer.json(&Planned {
                row: row.place.row,
                key: &plan.key,
                status: "planned",
                mailbox: plan.mailbox.as_deref(),
                to: plan.recipients(),
                subject: plan.subject(),
                files,
                bytes: row.bytes(),
            });
        } else {
            context.printer.row(&[
                &row.place.row.to_string(),
                plan.mailbox.as_deref().unwrap_or("-"),
                &plan.addressed(),
                plan.subject(),
                &files.join(" "),
                &row.bytes().to_string(),
            ]);
        }
    }
    match checked.problems.is_empty() {
        true => report::SUCCESS,
        false => report::USAGE,
    }
}

/// The mail of one row.
fn show(
    manifest: &Manifest,
    renderer: &mut Renderer,
    checked: &Checked,
    context: &CommandContext,
) -> report::Result<u8> {
    tell(&checked.problems, context);
    let Some(row) = checked.rows.first() else {
        return Ok(report::USAGE);
    };
    let Ok(columns) = &manifest.rows[row.index].columns else {
        return Ok(report::USAGE);
    };
    let plan = renderer
        .plan(row.place, columns)
        .map_err(|problems| ExitReport::usage(problems.join("; ")))?;
    let printer = &context.printer;
    let RowTarget::Mail(draft) = &plan.target else {
        printer.line(&format!("onto the {}", plan.addressed()));
        for file in &plan.files {
            printer.line(&format!("File: {}", file.path.display()));
        }
        return Ok(report::SUCCESS);
    };
    if printer.is_json() {
        printer.json(&draft.json());
        return Ok(report::SUCCESS);
    }
    let joined = |people: &[Address]| {
        people
            .iter()
            .map(Address::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    printer.line(&format!(
        "Mailbox: {}",
        plan.mailbox.as_deref().unwrap_or("the token's own")
    ));
    for (name, people) in [("To", &draft.to), ("Cc", &draft.cc), ("Bcc", &draft.bcc)] {
        if !people.is_empty() {
            printer.line(&format!("{name}: {}", joined(people)));
        }
    }
    printer.line(&format!("Subject: {}", plan.subject()));
    for (file, stamp) in plan.files.iter().zip(&row.files) {
        let size = human::size(stamp.size);
        printer.line(&format!("File: {} ({size})", file.path.display()));
    }
    printer.line(&format!("Key: {}", plan.key));
    if let Some(body) = &draft.body {
        printer.line("");
        for line in body.content.lines() {
            printer.line(line);
        }
    }
    Ok(report::SUCCESS)
}

/// Whether files are what they were when they were sent.
async fn unchanged(plan: &RowPlan, now: &[FileFingerprint], sent: &[SentFile]) -> bool {
    if now.len() != sent.len() {
        return false;
    }
    for ((file, now), sent) in plan.files.iter().zip(now).zip(sent) {
        if *now == sent.stamp {
            continue;
        }
        let same = match Source::open(&file.path) {
            Ok(source) => match source.hash().await {
                Ok(Ok(whole)) => whole.sha256 == sent.sha256,
                _ => false,
            },
            Err(_) => false,
        };
        if !same {
            return false;
        }
    }
    true
}

/// Whether nothing is left to do for a row.
pub(super) fn is_over(state: MailState, send: bool) -> bool {
    match state {
        MailState::Sent => true,
        MailState::Finished => !send,
        _ => false,
    }
}

impl Prepared {
    /// A row's plan, rendered again.
    pub(super) fn plan(&self, row: &CheckedRow) -> Result<RowPlan, Vec<String>> {
        match &self.manifest.rows[row.index].columns {
            Ok(columns) => self.renderer.borrow_mut().plan(row.place, columns),
            Err(why) => Err(vec![why.clone()]),
        }
    }

    /// Looks at what the run did before.
    pub(super) async fn compare(&mut self, known: &HashMap<String, RunEntry>, send: bool) {
        let mut states = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let entry = known.get(&row.checked.key);
            let entry = entry.filter(|entry| is_over(entry.progress.state, send));
            states.push(match (entry, self.plan(&row.checked)) {
                (Some(entry), Ok(plan)) => {
                    let same = entry.text == row.checked.text
                        && unchanged(&plan, &row.checked.files, &entry.files).await;
                    if same { State::Done } else { State::Differs }
                }
                _ => State::New,
            });
        }
        for (row, state) in self.rows.iter_mut().zip(states) {
            row.state = state;
        }
    }

    pub(super) fn count(&self, state: State) -> usize {
        self.rows.iter().filter(|row| row.state == state).count()
    }

    fn new_rows(&self) -> impl Iterator<Item = &BatchRow> {
        self.rows.iter().filter(|row| row.state == State::New)
    }

    /// Bytes of the files that are to go.
    pub(super) fn bytes(&self) -> u64 {
        self.new_rows().map(|row| row.checked.bytes()).sum()
    }

    /// What is going to happen, so that one can read it before one says yes.
    pub(super) fn summary(&self, args: &BatchArgs, context: &CommandContext) {
        let printer = &context.printer;
        let new = self.count(State::New);
        let mailboxes: HashSet<_> = self.new_rows().map(|row| &row.checked.mailbox).collect();
        let recipients: usize = self.new_rows().map(|row| row.checked.recipients).sum();
        let verb = if args.send { "to send" } else { "to make" };
        printer.status(&format!(
            "run `{}`: {new} {verb}, {recipients} recipients, {}, {} mailbox{}; {} done before",
            self.run,
            human::size(self.bytes()),
            mailboxes.len(),
            if mailboxes.len() == 1 { "" } else { "es" },
            self.count(State::Done),
        ));
        let mut new_rows = self.new_rows();
        let first = new_rows.next();
        for row in first.into_iter().chain(new_rows.last()) {
            if let Ok(plan) = self.plan(&row.checked) {
                let files: Vec<&str> = plan.files.iter().map(|file| file.name.as_str()).collect();
                printer.status(&format!(
                    "  row {}: {} | {} | {}",
                    row.checked.place.row,
                    plan.addressed(),
                    plan.subject(),
                    files.join(", ")
                ));
            }
        }
        if let (Some(largest), true) = (&self.largest, new > 0) {
            printer.status(&format!("  largest file: {largest}"));
        }
        for row in self
            .rows
            .iter()
            .filter(|row| row.state == State::Differs)
            .take(MOST_PROBLEMS)
        {
            printer.warn(&format!(
                "{} was done before with another text or other files: it is not done again",
                row.checked.place
            ));
        }
        self.estimate(args, context);
    }

    fn estimate(&self, args: &BatchArgs, context: &CommandContext) {
        let mut loads: HashMap<Option<String>, Load> = HashMap::new();
        for row in self.new_rows() {
            let load = loads.entry(row.checked.mailbox.clone()).or_default();
            load.sends += u64::from(args.send);
            load.recipients += if args.send {
                row.checked.recipients as u64
            } else {
                0
            };
            load.bytes += row.checked.bytes();
            load.requests += REQUESTS_A_ROW + row.checked.files.len() as u64;
        }
        let bytes = match &context.settings.volume_limit {
            Some(limit) => limit.value.into(),
            None if is_loopback(&context.settings.endpoint.value) => 0,
            None => VOLUME_LIMIT,
        };
        let limits = estimate::Limits {
            sends: args.send_rate.into(),
            bytes,
        };
        let estimate = estimate::estimate(&loads, limits);
        for (mailbox, recipients) in &estimate.over_a_day {
            context.printer.warn(&format!(
                "{recipients} recipients of {}: Exchange Online takes {} a day from one mailbox",
                mailbox.as_deref().unwrap_or("the token's own mailbox"),
                estimate::RECIPIENTS_A_DAY
            ));
        }
        let why = match estimate.deciding {
            Some(Deciding::SendRate) => format!("{} mails a minute and mailbox", args.send_rate),
            Some(Deciding::Volume) => "150 MB in 5 minutes and mailbox".to_owned(),
            Some(Deciding::Requests) => "10,000 requests in 10 minutes and mailbox".to_owned(),
            None => return,
        };
        context.printer.status(&format!(
            "  it takes at least {}: {why} decide{} ({})",
            human::elapsed(estimate.least.max(Duration::from_secs(1))),
            if estimate.deciding == Some(Deciding::Volume) {
                "s"
            } else {
                ""
            },
            estimate
                .mailbox
                .as_deref()
                .unwrap_or("the token's own mailbox"),
        ));
    }
}
