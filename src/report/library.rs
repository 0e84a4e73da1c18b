//! Reports of the errors of rooms that know no exit codes: state directory, locks, files.

use graph_upload::client::http_client::CaFile;

use super::{CommandLine, ExitReport, STATE, USAGE, WRITABLE};
use crate::{
    session::{DirError, LockError, SessionId},
    upload::SourceError,
};

/// The names of reports about a state directory that cannot be used.
const STATE_DIRECTORY: &str = "StateDirectory";
const LOCK: &str = "Lock";

impl ExitReport {
    /// Whether the state directory is at fault, so that what can be done without it may be done.
    pub fn is_about_state_directory(&self) -> bool {
        [STATE_DIRECTORY, LOCK].contains(&self.name.as_str())
    }

    /// A session that may be alive can neither be cancelled nor forgotten.
    pub fn cannot_cancel(id: SessionId, source: &std::io::Error) -> Self {
        let heading = format!(
            "session {id} could neither be cancelled at the service nor taken out of the state \
             directory ({source}); another beside it could attach the file twice"
        );
        Self::new(STATE, "State", heading).advise(WRITABLE)
    }
}

impl From<DirError> for ExitReport {
    fn from(error: DirError) -> Self {
        let report = ExitReport::new(STATE, STATE_DIRECTORY, error.to_string())
            .advise("use another one with `--state-dir DIR`");
        match &error {
            DirError::Unsafe { path, why } if *why == DirError::WRITABLE => {
                report.run(CommandLine::program("chmod").arg("700").operand(path))
            }
            _ => report,
        }
    }
}

impl From<LockError> for ExitReport {
    fn from(error: LockError) -> Self {
        ExitReport::new(STATE, LOCK, error.to_string())
    }
}

impl From<CaFile> for ExitReport {
    fn from(error: CaFile) -> Self {
        ExitReport::new(USAGE, "CaFile", error.to_string())
    }
}

impl From<&SourceError> for ExitReport {
    fn from(error: &SourceError) -> Self {
        let attach = |name: &str| {
            CommandLine::own("attach")
                .option("--name", name)
                .operand("-")
        };
        let report = |name| ExitReport::file(name, error.to_string());
        match error {
            SourceError::Missing(_) => report("FileMissing"),
            SourceError::NotAFile { path, kind } if *kind == SourceError::DIRECTORY => {
                let tar = CommandLine::program("tar").arg("-czf").arg("-");
                report("NotAFile").run(tar.operand(path).pipe(attach("NAME.tar.gz")))
            }
            SourceError::NotAFile { path, .. } | SourceError::Unsized(path) => {
                let cat = CommandLine::program("cat").operand(path);
                report("NotAFile").run(cat.pipe(attach("NAME")))
            }
            SourceError::Unreadable { .. } => report("FileUnreadable"),
            SourceError::TooLarge { .. } => report("FileTooLarge")
                .advise("share the file (OneDrive, SharePoint) and send a link"),
            SourceError::Changed { .. } => {
                report("FileChanged").advise("attach it again once nothing writes to it")
            }
        }
    }
}

impl From<SourceError> for ExitReport {
    fn from(error: SourceError) -> Self {
        (&error).into()
    }
}
