//! What an error comes to: an exit code, a sentence, its causes, and what can be done next.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use serde::Serialize;

use super::{
    BUSY, FAILURE, FILE, NOT_FOUND, REFUSED, STATE, TEMPORARY, USAGE,
    hint::{CommandLine, Hint},
};
use crate::{graph, session::SessionId};

/// What an error comes to. Every error of this program ends as one; what is printed, and the exit code,
/// are taken from it and from nothing else.
#[derive(Debug, Clone)]
pub struct ExitReport(Box<Details>);

/// The contents of an [`ExitReport`].
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// The exit code.
    pub code: u8,
    /// For programs: a name that does not change.
    pub name: String,
    /// What failed.
    pub heading: String,
    /// Why, from the nearest cause to the first.
    pub causes: Vec<String>,
    /// What can be done next.
    pub hints: Vec<Hint>,
    /// By what the service's support finds the request: header name and value.
    pub request_ids: Vec<(&'static str, String)>,
    /// HTTP status, if the service answered.
    pub status: Option<u16>,
    /// `request-id` of the answer.
    pub request_id: Option<String>,
    /// The session that `resume` continues.
    pub resume: Option<SessionId>,
}

impl ExitReport {
    /// A report with this exit code, name and sentence.
    pub fn new(code: u8, name: &str, heading: impl Into<String>) -> Self {
        ExitReport(Box::new(Details {
            code,
            name: name.into(),
            heading: heading.into(),
            ..Details::default()
        }))
    }

    /// What the user typed is wrong in a way that clap cannot see.
    pub fn usage(heading: impl Into<String>) -> Self {
        Self::new(USAGE, "Usage", heading)
    }

    /// This program refuses, because it would do harm or could not work.
    pub fn refused(heading: impl Into<String>) -> Self {
        Self::new(REFUSED, "Refused", heading)
    }

    /// Something that was named is not there.
    pub fn not_found(heading: impl Into<String>) -> Self {
        Self::new(NOT_FOUND, "NotFound", heading)
    }

    /// A local file cannot be used.
    pub fn file(name: &str, heading: impl Into<String>) -> Self {
        Self::new(FILE, name, heading)
    }

    /// Another process works on `what`: `the message` or `session 7Q2KM4XA`.
    pub fn busy(what: &str, pid: Option<u32>) -> Self {
        let pid = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        let heading = format!("{what} is in use by another graph-attach process{pid}");
        Self::new(STATE, BUSY, heading)
            .advise("`attach` and `resume` wait for it with `--wait`")
            .run(CommandLine::own("status"))
    }

    /// Whether something was done cannot be told. `error` is the last one, if there was one.
    pub fn not_known(heading: impl Into<String>, error: Option<&graph::Error>) -> Self {
        const NAME: &str = "NotKnown";
        let mut report = Self::new(TEMPORARY, NAME, heading);
        if let Some(error) = error {
            report = report.cause(error.to_string()).service(error);
            NAME.clone_into(&mut report.name);
        }
        report
    }

    /// A file that was not reached, because of what ended the command with `code`.
    pub fn not_tried(shown: &str, code: u8) -> Self {
        Self::new(code, "NotTried", format!("`{shown}` was not tried"))
    }

    /// A file that was under way when a signal came.
    pub fn interrupted(text: &str, code: u8, resume: Option<SessionId>) -> Self {
        let mut report = Self::new(code, "Interrupted", text);
        report.resume = resume;
        report
    }

    /// Adds a cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds a command that can be run.
    #[must_use]
    pub fn run(mut self, line: CommandLine) -> Self {
        self.hints.push(line.into());
        self
    }

    /// Adds what to do or to know where no command does it.
    #[must_use]
    pub fn advise(mut self, text: impl Into<String>) -> Self {
        self.hints.push(Hint::Advice(text.into()));
        self
    }

    /// Adds hints.
    #[must_use]
    pub fn hints(mut self, hints: impl IntoIterator<Item = Hint>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// Adds what identifies the service's answer.
    #[must_use]
    pub fn service(mut self, error: &graph::Error) -> Self {
        self.status = error.status;
        self.request_id.clone_from(&error.request_id);
        if !error.code.is_empty() {
            self.name.clone_from(&error.code);
        }
        let ids = [
            ("request-id", &error.request_id),
            ("client-request-id", &error.client_request_id),
            ("diagnostics", &error.diagnostics),
        ];
        let ids = ids.into_iter();
        self.request_ids
            .extend(ids.filter_map(|(name, id)| Some((name, id.clone()?))));
        self
    }

    /// The failure as programs get it, of `file` or of the whole command.
    pub fn json<'a>(&'a self, file: Option<&'a str>) -> FailedLine<'a> {
        FailedLine {
            file,
            exit_code: self.code,
            error: self.error_json(),
            resume: self.resume,
        }
    }

    /// The `error` of a line of JSON.
    pub fn error_json(&self) -> ErrorJson<'_> {
        ErrorJson {
            code: &self.name,
            message: &self.heading,
            status: self.status,
            request_id: self.request_id.as_deref(),
        }
    }
}

/// A line of JSON about what failed.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "failed")]
pub struct FailedLine<'a> {
    file: Option<&'a str>,
    exit_code: u8,
    error: ErrorJson<'a>,
    resume: Option<SessionId>,
}

/// The `error` of a line of JSON.
#[derive(Debug, Serialize)]
pub struct ErrorJson<'a> {
    code: &'a str,
    message: &'a str,
    status: Option<u16>,
    request_id: Option<&'a str>,
}

impl Deref for ExitReport {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for ExitReport {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl fmt::Display for ExitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.heading)
    }
}

impl std::error::Error for ExitReport {}

/// An error that nothing more is known about.
impl From<std::io::Error> for ExitReport {
    fn from(error: std::io::Error) -> Self {
        Self::new(FAILURE, "Failure", error.to_string())
    }
}

impl From<tokio::task::JoinError> for ExitReport {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::new(FAILURE, "Failure", error.to_string())
    }
}

/// A report that was passed on as an error, or any other error with its causes.
impl From<anyhow::Error> for ExitReport {
    fn from(error: anyhow::Error) -> Self {
        let error = match error.downcast::<ExitReport>() {
            Ok(report) => return report,
            Err(error) => error,
        };
        let report = Self::new(FAILURE, "Failure", error.to_string());
        let causes = error.chain().skip(1);
        causes.fold(report, |report, cause| report.cause(cause.to_string()))
    }
}
