//! Why there is no token. No message here can hold one, or a part of one.

use std::{io, path::PathBuf};

use super::token::Malformed;
use crate::config::{Origin, credential::HalfAzure};

/// What kind of trouble it is, for the choice of an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No credentials, or none that are good enough.
    Credentials,
    /// Something is set to what it cannot be.
    Configuration,
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
}

/// What went wrong at a source.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Standard input cannot be read.
    #[error("cannot read standard input")]
    Stdin(#[source] io::Error),
    /// The path is a directory.
    #[error("{} is a directory", .0.display())]
    Directory(PathBuf),
    /// Nobody wrote into the pipe.
    #[error("nothing came from {} within {seconds} s", path.display())]
    Silent {
        /// The pipe.
        path: PathBuf,
        /// The time that was waited.
        seconds: u64,
    },
    /// More than any token is long.
    #[error("it is longer than 64 KiB, which no token is")]
    TooLong,
    /// Bytes that are no text.
    #[error("it is not text")]
    NotText,
    /// A web page.
    #[error("it is a page of HTML, not a token")]
    Html,
    /// JSON that does not parse, or is no object.
    #[error("it looks like JSON, but is not a JSON object or string")]
    NotJson,
    /// JSON without a token in it.
    #[error("the JSON has none of `accessToken`, `access_token` and `token`")]
    NoTokenInJson,
    /// JSON that reports an error.
    #[error("the JSON is an error report: {0}")]
    ErrorInJson(String),
    /// Text that is no token.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The command line cannot be split into words.
    #[error("the command has an unbalanced quote, or no word at all")]
    CommandLine,
    /// The sign-in that is configured is not part of this build.
    #[error("this build of graph-attach has no {0} sign-in")]
    NotBuilt(&'static str),
    /// The command did not start.
    #[error("cannot run `{program}`")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The command's output could not be read.
    #[error("cannot read the output of `{program}`")]
    Output {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The command failed.
    #[error("`{program}` failed ({status})")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The command took too long.
    #[error("`{program}` was ended after {seconds} s without a token")]
    TimedOut {
        /// The program.
        program: String,
        /// The limit.
        seconds: u64,
    },
}

impl Error {
    /// What kind of trouble it is.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Source {
                problem: Problem::CommandLine | Problem::NotBuilt(_),
                ..
            } => Kind::Configuration,
            _ => Kind::Credentials,
        }
    }

    /// What to do about it: lines that can be pasted, most useful first.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Error::NoSource { .. } => [
                "graph-attach auth login --client-id APP_ID --tenant TENANT_ID",
                "export AZURE_TENANT_ID=… AZURE_CLIENT_ID=… AZURE_CLIENT_SECRET=…",
                "export GRAPH_ATTACH_TOKEN_COMMAND='COMMAND THAT PRINTS A TOKEN'",
                "export GRAPH_ATTACH_TOKEN_FILE=PATH",
                "graph-attach sandbox -- graph-attach attach FILE    (no account needed)",
            ]
            .map(String::from)
            .into(),
            Error::Elsewhere { theirs, .. } => {
                vec![format!(
                    "graph-attach resume --endpoint {theirs}    (with a token for it)"
                )]
            }
            Error::Source { problem, .. } => match problem {
                Problem::Failed { .. } | Problem::TimedOut { .. } => {
                    vec!["run the token command by itself to see what it prints".into()]
                }
                _ => Vec::new(),
            },
        }
    }
}

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
