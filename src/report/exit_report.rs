//! What an error comes to.

use crate::{graph, session::SessionId, terminal::Problem};

/// What a command's error comes to.
#[derive(Debug)]
pub struct ExitReport {
    /// The exit code.
    pub code: u8,
    /// For people.
    pub problem: Problem,
    /// For programs: a name that does not change.
    pub name: String,
    /// HTTP status, if the service answered.
    pub status: Option<u16>,
    /// `request-id` of the answer.
    pub request_id: Option<String>,
    /// The session that `resume` goes on with.
    pub resume: Option<SessionId>,
}

impl ExitReport {
    pub(super) fn new(code: u8, name: &str, heading: impl Into<String>) -> Self {
        let problem = Problem {
            heading: heading.into(),
            causes: Vec::new(),
            advice: Vec::new(),
            hints: Vec::new(),
            request_ids: Vec::new(),
        };
        ExitReport {
            code,
            problem,
            name: name.into(),
            status: None,
            request_id: None,
            resume: None,
        }
    }

    /// A file that was not reached, because of what ended the command with `code`.
    pub fn not_tried(shown: &str, code: u8) -> Self {
        ExitReport::new(code, "NotTried", format!("`{shown}` was not tried"))
    }

    /// A file that was under way when a signal came.
    pub fn interrupted(text: String, code: u8, resume: Option<SessionId>) -> Self {
        let report = ExitReport::new(code, "Interrupted", text);
        ExitReport { resume, ..report }
    }

    pub(super) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.problem.causes.push(cause.into());
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.problem.suggest(hint.into());
        self
    }

    pub(super) fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        hints
            .into_iter()
            .for_each(|hint| self.problem.suggest(hint));
        self
    }

    pub(super) fn service(mut self, error: &graph::Error) -> Self {
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
        for (name, id) in ids {
            if let Some(id) = id {
                self.problem.request_ids.push((name, id.clone()));
            }
        }
        self
    }
}
