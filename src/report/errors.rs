//! What commands fail with, where no other module has an error for it.

use std::{io, path::PathBuf, process::ExitStatus};

use crate::{
    graph::{self, Item},
    session::SessionId,
    upload::{Failure, plan::LARGEST},
};

/// What a person types was wrong in a way that clap cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Usage {
    /// What and why.
    pub message: String,
    /// The next command to run.
    pub hints: Vec<String>,
}

impl Usage {
    /// A usage error with hints.
    pub fn new(message: impl Into<String>, hints: &[&str]) -> Self {
        Usage {
            message: message.into(),
            hints: hints.iter().map(|&hint| hint.into()).collect(),
        }
    }
}

/// Something that was named is not there.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct NotFound {
    /// What.
    pub message: String,
    /// The next command to run.
    pub hints: Vec<String>,
}

/// Another process works on the same thing.
#[derive(Debug, thiserror::Error)]
#[error("{what} is in use by another graph-attach process{}", pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
pub struct Busy {
    /// `the message` or `session 7Q2KM4XA`.
    pub what: String,
    /// The process.
    pub pid: Option<u32>,
}
/// A session that may be alive can neither be cancelled nor forgotten.
#[derive(Debug, thiserror::Error)]
#[error(
    "session {id} could neither be cancelled at the service nor taken out of the state directory ({source}); another beside it could attach the file twice"
)]
pub struct Stuck {
    /// The session.
    pub id: SessionId,
    /// Why it stays on disk.
    pub source: std::io::Error,
}

/// The upload of one file failed.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` is not attached: {}", failure.cause)]
pub struct NotAttached {
    /// How it ended.
    pub failure: Failure,
    /// The attachment's name.
    pub name: String,
    /// Onto what.
    pub item: Item,
}

/// A request about an item failed, outside an upload.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub struct Request {
    /// What was tried: "cannot cancel session 7Q2KM4XA".
    pub what: String,
    /// The error.
    pub error: graph::Error,
    /// About which item.
    pub item: Option<Item>,
}

/// A request about mail, other than an upload, failed.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub struct MailRequest {
    /// What was tried: "cannot send the message".
    pub what: String,
    /// The error.
    pub error: graph::Error,
    /// About which item; none for a whole mailbox.
    pub item: Option<Item>,
    /// What it takes, least privileged.
    pub permission: &'static str,
}

/// This program refuses, because it would do harm or could not work.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What and why.
    pub message: String,
    /// The next command to run.
    pub hints: Vec<String>,
}

/// A local file that is kept cannot become an attachment by itself.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Unfinishable {
    /// What and why.
    pub message: String,
    /// Where it is.
    pub cause: String,
    /// The next command to run.
    pub hints: Vec<String>,
}

/// Whether something was done cannot be told.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct NotKnown {
    /// What is not known.
    pub message: String,
    /// The last error, if there was one.
    pub error: Option<graph::Error>,
    /// The command that looks, first.
    pub hints: Vec<String>,
}

/// The content could not be kept, or is not all of it.
#[derive(Debug, thiserror::Error)]
pub enum PipeError {
    /// More than an attachment can be. Only the limit was read.
    #[error("standard input has more than 150 MB ({LARGEST} bytes)")]
    TooLarge,
    /// Reading or writing failed.
    #[error("standard input could not be kept on disk: {source}")]
    Io {
        /// Why.
        source: io::Error,
        /// The session that keeps what came before.
        kept: Option<SessionId>,
    },
    /// The command could not be started.
    #[error("cannot run `{command}`: {source}")]
    NotStarted {
        /// Its name.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// The command failed: what it wrote may be a part.
    #[error("`{command}` failed ({status}): nothing is attached")]
    Failed {
        /// Its name.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// Bytes that came.
        came: u64,
        /// Where they are kept.
        place: PathBuf,
        /// The session that keeps them.
        kept: Option<SessionId>,
    },
}
