//! How the upload of one file ended.

use super::file::SourceError;
use crate::{Digest, Error, protocol::plan::Route, store::SessionId};

/// The file is attached.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The attachment's id; `None` when the service would not say it, although the file is attached.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file, and so of the attachment.
    pub sha256: Digest,
    /// How it travelled.
    pub route: Route,
    /// The session, on that route.
    pub session: Option<SessionId>,
    /// Whether an earlier command had begun it.
    pub resumed: bool,
    /// Whether it had been attached before this command ran.
    pub already: bool,
    /// Whether it was read back and compared.
    pub verified: bool,
}

/// The file is not attached by this command, or not certainly: [`Failure::in_doubt`] says which.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// The last error of the service or the network, where there was one.
    pub error: Option<Error>,
    /// The session that `resume` goes on with, where there is one.
    pub session: Option<SessionId>,
    /// Bytes that the service had acknowledged.
    pub offset: u64,
    /// Whether it may be attached all the same.
    pub in_doubt: bool,
}

/// Why a file is not attached.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The service refused, and will again.
    #[error("the service refused")]
    Refused,
    /// The retries are spent; later it may work.
    #[error("gave up after too many failures")]
    RetriesSpent,
    /// The time limit of the command is over.
    #[error("the time limit is over")]
    Deadline,
    /// Session after session died.
    #[error("every upload session was ended by the service")]
    SessionsSpent,
    /// An attachment that may be it could not be read back.
    #[error("an attachment that may be it could not be read back")]
    NotKnown,
    /// The service contradicted itself or the protocol.
    #[error("the service contradicted itself: {0}")]
    Contradiction(String),
    /// The same content is on the item more than once.
    #[error("attached {}: another program attached it too, or the service did so when an answer was lost", times(.0.len()))]
    Twice(Vec<String>),
    /// What was read back is not the file.
    #[error("what was read back is not the file")]
    Mismatch {
        /// The attachment.
        id: String,
    },
    /// It is attached, and could not be read back.
    #[error("it could not be read back")]
    Unverified {
        /// The attachment.
        id: String,
    },
    /// The file cannot be read, or is not what it was.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The state directory is required and cannot be written.
    #[error("the session cannot be saved: {0}")]
    State(std::io::Error),
    /// Another process took the item's lock, after its file had been removed.
    #[error("another graph-attach process works on the same item")]
    Busy {
        /// That process, if it could be read.
        pid: Option<u32>,
    },
    /// A session that may be alive cannot be ended, and its record cannot be taken away.
    #[error(
        "its session has to be replaced, but could neither be cancelled at the service nor taken out of the state directory ({0}); two of them could attach it twice"
    )]
    Stuck(std::io::Error),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Failure {
            cause: Cause::Source(error),
            error: None,
            session: None,
            offset: 0,
            in_doubt: false,
        }
    }
}

fn times(count: usize) -> String {
    match count {
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}
