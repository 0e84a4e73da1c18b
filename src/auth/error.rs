//! Why there is no token, as the rest of the program sees it: a sentence, a kind, and hints.

use super::{
    Problem,
    explain::{Explanation, Objection},
};
use crate::{
    report::{CREDENTIALS, ExitReport, Hint, STATE, TEMPORARY, USAGE},
    settings::{Origin, credential::HalfAzure},
};

/// What kind of trouble it is, for the choice of an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No credentials, or none that are good enough.
    Credentials,
    /// Something is set to what it cannot be.
    Configuration,
    /// The login service cannot be reached, or is busy: later it may work.
    Temporary,
    /// The state directory, where the login is kept, cannot be used.
    State,
}

/// No token could be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No source is configured.
    #[error("no credentials: there is no token and no way to get one{}", lacking(half.as_ref()))]
    NoSource {
        /// `AZURE_*` variables that are set, if some but not enough are.
        half: Option<HalfAzure>,
    },
    /// The upload belongs to another endpoint than the one that is configured: a token is sent to the
    /// service that it was configured for, and nowhere else.
    #[error("the upload was begun at `{theirs}`, and the credentials are for `{ours}`")]
    Elsewhere {
        /// The endpoint of the upload.
        theirs: String,
        /// The endpoint that is configured.
        ours: String,
    },
    /// The one source that counts did not give a token.
    #[error("no token from {origin}: {problem}")]
    Source {
        /// The source.
        origin: Origin,
        /// What went wrong.
        #[source]
        problem: Problem,
    },
    /// Signing in, or out, went wrong.
    #[error("{0}")]
    Login(#[from] Problem),
    /// There is a token, but it is plainly not good for this.
    #[error(transparent)]
    Objection(#[from] Objection),
    /// There is a token, but it is not good enough, for a reason that can be told.
    #[error("{}", .0.sentence)]
    Explained(Explanation),
}

impl Error {
    /// What kind of trouble it is.
    pub fn kind(&self) -> Kind {
        match self {
            Error::NoSource { .. }
            | Error::Elsewhere { .. }
            | Error::Objection(_)
            | Error::Explained(_) => Kind::Credentials,
            Error::Source { problem, .. } | Error::Login(problem) => problem.kind(),
        }
    }

    /// What to do about it: lines that can be pasted, most useful first.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Error::NoSource { .. } => RECIPES.iter().copied().map(String::from).collect(),
            Error::Elsewhere { theirs, .. } => {
                vec![
                    "it takes a token for that one".to_owned(),
                    format!("graph-attach resume --endpoint {theirs}"),
                ]
            }
            Error::Objection(objection) => objection.hints(),
            Error::Explained(explanation) => explanation.hints.clone(),
            Error::Source { problem, .. } | Error::Login(problem) => problem.hints(),
        }
    }
}

/// The sources to bring a token, for those who have none; one for each kind of user.
const RECIPES: &[&str] = &[
    #[cfg(feature = "login")]
    "graph-attach auth login --client-id APP_ID --tenant TENANT_ID",
    #[cfg(feature = "azure")]
    "export AZURE_TENANT_ID=… AZURE_CLIENT_ID=… AZURE_CLIENT_SECRET=…",
    "export GRAPH_ATTACH_TOKEN_COMMAND='COMMAND THAT PRINTS A TOKEN'",
    "export GRAPH_ATTACH_TOKEN_FILE=PATH",
    "graph-attach sandbox -- graph-attach attach FILE",
];

fn lacking(half: Option<&HalfAzure>) -> String {
    half.map(|HalfAzure { set, missing }| {
        format!(
            " ({} set, but not {})",
            set.join(", "),
            missing.join(" and ")
        )
    })
    .unwrap_or_default()
}

impl From<&Error> for ExitReport {
    fn from(error: &Error) -> Self {
        let code = match error.kind() {
            Kind::Credentials => CREDENTIALS,
            Kind::Configuration => USAGE,
            Kind::Temporary => TEMPORARY,
            Kind::State => STATE,
        };
        let name = match error {
            Error::Objection(_) | Error::Explained(_) => "WrongToken",
            _ => "NoToken",
        };
        let hints = error.hints();
        let mut report = ExitReport::new(code, name, error.to_string())
            .hints(hints.iter().map(|hint| Hint::from_text(hint)));
        let mut next = std::error::Error::source(error).and_then(std::error::Error::source);
        while let Some(cause) = next {
            report = report.cause(cause.to_string());
            next = cause.source();
        }
        report
    }
}

impl From<Error> for ExitReport {
    fn from(error: Error) -> Self {
        (&error).into()
    }
}
