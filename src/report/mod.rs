//! Exit codes, and the one place that turns an error into a code, a sentence and the next command.
//!
//! `errors` are what commands fail with, besides those of other modules; `report` is the result;
//! `upload` judges uploads, `service` what the service said, `words` writes for a shell.

mod errors;
mod exit_report;
mod service;
mod shell_quote;
mod upload;

pub use errors::{
    Busy, MailRequest, NotAttached, NotFound, NotKnown, PipeError, Refusal, Request, Stuck,
    Unfinishable, Usage,
};
pub use exit_report::ExitReport;
pub use shell_quote::{flags, shell};

use graph_upload::client::http_client::CaFile;

use crate::{
    auth,
    session::{DirError, LockError},
    settings,
    terminal::Problem,
    upload::SourceError,
};

/// Everything attached, or already was.
pub const SUCCESS: u8 = 0;
/// Unclassified.
pub const FAILURE: u8 = 1;
/// Usage or configuration.
pub const USAGE: u8 = 2;
/// Some files attached, some not.
pub const PARTIAL: u8 = 3;
/// No, expired or insufficient credentials.
pub const CREDENTIALS: u8 = 4;
/// Temporary: network, throttling, 5xx, retries spent.
pub const TEMPORARY: u8 = 5;
/// Item or session not found, or expired.
pub const NOT_FOUND: u8 = 6;
/// Refused by the service or by a limit.
pub const REFUSED: u8 = 7;
/// Local file missing, unreadable, changed, or too large.
pub const FILE: u8 = 8;
/// State directory unusable, or session locked by another process.
pub const STATE: u8 = 9;
/// Verification failed, or the service contradicted itself.
pub const CONTRADICTION: u8 = 10;

/// What to do about a record that cannot be taken away.
const WRITABLE: &str = "make the state directory writable again before you go on";

/// Sorts any error that a command ends with.
pub fn exit_report(error: &anyhow::Error) -> ExitReport {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<NotAttached>() {
            return upload::not_attached(error);
        }
        if let Some(error) = cause.downcast_ref::<Request>() {
            return service::service(&error.error, error.item.as_ref(), &error.what);
        }
        if let Some(error) = cause.downcast_ref::<MailRequest>() {
            return service::mail(error);
        }
        if let Some(error) = cause.downcast_ref::<Refusal>() {
            return ExitReport::new(REFUSED, "Refused", &error.message).hints(error.hints.clone());
        }
        if let Some(error) = cause.downcast_ref::<Usage>() {
            return ExitReport::new(USAGE, "Usage", &error.message).hints(error.hints.clone());
        }
        if let Some(error) = cause.downcast_ref::<Unfinishable>() {
            return ExitReport::new(FILE, "PipeIncomplete", &error.message)
                .cause(&error.cause)
                .hints(error.hints.clone());
        }
        if let Some(error) = cause.downcast_ref::<NotKnown>() {
            let mut verdict = ExitReport::new(TEMPORARY, "NotKnown", &error.message);
            if let Some(last) = &error.error {
                verdict = verdict.cause(last.to_string()).service(last);
                "NotKnown".clone_into(&mut verdict.name);
            }
            return verdict.hints(error.hints.clone());
        }
        if let Some(error) = cause.downcast_ref::<NotFound>() {
            return ExitReport::new(NOT_FOUND, "NotFound", &error.message)
                .hints(error.hints.clone());
        }
        if let Some(error) = cause.downcast_ref::<Busy>() {
            return ExitReport::new(STATE, "Busy", error.to_string())
                .hint("`attach` and `resume` wait for it with `--wait`")
                .hint("graph-attach status");
        }
        if let Some(error) = cause.downcast_ref::<Stuck>() {
            return ExitReport::new(STATE, "State", error.to_string()).hint(WRITABLE);
        }
        if let Some(error) = cause.downcast_ref::<auth::Error>() {
            return credentials(error);
        }
        if let Some(error) = cause.downcast_ref::<settings::Error>() {
            return ExitReport::new(USAGE, "Configuration", error.to_string()).hints(error.hints());
        }
        if let Some(error) = cause.downcast_ref::<CaFile>() {
            return ExitReport::new(USAGE, "CaFile", error.to_string());
        }
        if let Some(error) = cause.downcast_ref::<DirError>() {
            return state(error);
        }
        if let Some(error) = cause.downcast_ref::<LockError>() {
            return ExitReport::new(STATE, "Lock", error.to_string());
        }
        if let Some(error) = cause.downcast_ref::<SourceError>() {
            return upload::source(error, error.to_string());
        }
        if let Some(error) = cause.downcast_ref::<PipeError>() {
            return upload::pipe(error);
        }
    }
    let mut report = ExitReport::new(FAILURE, "Failure", error.to_string());
    for cause in error.chain().skip(1) {
        report = report.cause(cause.to_string());
    }
    report
}

/// Results could not be written. What was done is done.
pub fn unwritten(kind: std::io::ErrorKind) -> Problem {
    Problem {
        heading: format!("the results could not be written to standard output: {kind}"),
        ..Problem::default()
    }
}

fn credentials(error: &auth::Error) -> ExitReport {
    let code = match error.kind() {
        auth::Kind::Credentials => CREDENTIALS,
        auth::Kind::Configuration => USAGE,
        auth::Kind::Temporary => TEMPORARY,
        auth::Kind::State => STATE,
    };
    let name = match error {
        auth::Error::PreflightError(_) | auth::Error::Explained(_) => "WrongToken",
        _ => "NoToken",
    };
    let mut report = ExitReport::new(code, name, error.to_string()).hints(error.hints());
    let mut next = std::error::Error::source(error).and_then(std::error::Error::source);
    while let Some(cause) = next {
        report = report.cause(cause.to_string());
        next = cause.source();
    }
    report
}

fn state(error: &DirError) -> ExitReport {
    let report = ExitReport::new(STATE, "StateDirectory", error.to_string())
        .hint("use another one with `--state-dir DIR`");
    match error {
        DirError::Unsafe { path, why } if *why == DirError::WRITABLE => {
            report.hint(format!("chmod 700 {}", shell(&path.to_string_lossy())))
        }
        _ => report,
    }
}
