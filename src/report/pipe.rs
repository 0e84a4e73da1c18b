//! Why what came through a pipe cannot be attached.

use std::{io, path::PathBuf, process::ExitStatus};

use super::{CommandLine, ExitReport};
use crate::{session::SessionId, upload::plan::LARGEST};

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

impl From<PipeError> for ExitReport {
    fn from(error: PipeError) -> Self {
        let report = |name| ExitReport::file(name, error.to_string());
        match &error {
            PipeError::TooLarge => report("FileTooLarge")
                .advise("share the file (OneDrive, SharePoint) and send a link"),
            PipeError::NotStarted { .. } => report("NotStarted"),
            PipeError::Io { kept, .. } => incomplete(report("FileUnreadable"), *kept),
            PipeError::Failed { came: 0, .. } => report("ProducerFailed").cause("it wrote nothing"),
            PipeError::Failed {
                came, place, kept, ..
            } => {
                let place = place.display();
                let cause = format!("what it wrote ({came} bytes) is kept in `{place}`");
                incomplete(report("ProducerFailed").cause(cause), *kept)
            }
        }
    }
}

fn incomplete(report: ExitReport, kept: Option<SessionId>) -> ExitReport {
    let commands = kept.into_iter().flat_map(|id| {
        ["status", "cancel"].map(|verb| CommandLine::own(verb).operand(id.to_string()).into())
    });
    report.hints(commands)
}
