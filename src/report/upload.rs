//! Why a file is not attached.

use super::{
    CONTRADICTION, ExitReport, FAILURE, FILE, NOT_FOUND, NotAttached, PipeError, STATE, TEMPORARY,
    WRITABLE, flags, service::service, shell,
};
use crate::{
    graph::{Item, Kind},
    session::SessionId,
    upload::{Cause, SourceError},
};

pub(super) fn source(error: &SourceError, heading: String) -> ExitReport {
    match error {
        SourceError::Missing(_) => ExitReport::new(FILE, "FileMissing", heading),
        SourceError::NotAFile { path, kind } if *kind == SourceError::DIRECTORY => {
            let path = shell(&path.to_string_lossy());
            ExitReport::new(FILE, "NotAFile", heading).hint(format!(
                "tar -czf - {path} | graph-attach attach --name NAME.tar.gz -"
            ))
        }
        SourceError::NotAFile { path, .. } | SourceError::Unsized(path) => {
            let path = shell(&path.to_string_lossy());
            ExitReport::new(FILE, "NotAFile", heading)
                .hint(format!("cat {path} | graph-attach attach --name NAME -"))
        }
        SourceError::Unreadable { .. } => ExitReport::new(FILE, "FileUnreadable", heading),
        SourceError::TooLarge { .. } => ExitReport::new(FILE, "FileTooLarge", heading)
            .hint("share the file (OneDrive, SharePoint) and send a link"),
        SourceError::Changed { .. } => ExitReport::new(FILE, "FileChanged", heading)
            .hint("attach it again once nobody writes to it"),
    }
}

/// What came through a pipe could not be kept, or is not all of it.
pub(super) fn pipe(error: &PipeError) -> ExitReport {
    let heading = error.to_string();
    match error {
        PipeError::TooLarge => ExitReport::new(FILE, "FileTooLarge", heading)
            .hint("share the file (OneDrive, SharePoint) and send a link"),
        PipeError::NotStarted { .. } => ExitReport::new(FILE, "NotStarted", heading),
        PipeError::Io { kept, .. } => {
            incomplete(ExitReport::new(FILE, "FileUnreadable", heading), *kept)
        }
        PipeError::Failed {
            came, place, kept, ..
        } => {
            let report = ExitReport::new(FILE, "ProducerFailed", heading);
            if *came == 0 {
                return report.cause("it wrote nothing");
            }
            let place = place.display();
            let report = report.cause(format!("what it wrote ({came} bytes) is kept in `{place}`"));
            incomplete(report, *kept)
        }
    }
}

fn incomplete(report: ExitReport, kept: Option<SessionId>) -> ExitReport {
    match kept {
        Some(id) => report
            .hint(format!("graph-attach status {id}"))
            .hint(format!("graph-attach cancel {id}")),
        None => report,
    }
}

pub(super) fn not_attached(error: &NotAttached) -> ExitReport {
    let NotAttached {
        failure,
        name,
        item,
    } = error;
    let heading = error.to_string();
    let last = failure.error.as_ref();
    let mut report = match &failure.cause {
        Cause::Source(cause) => source(cause, cause.to_string()),
        Cause::State(_) => ExitReport::new(STATE, "State", heading)
            .hint("use another directory with `--state-dir DIR`, or leave `--require-state` out"),
        Cause::Busy { .. } => ExitReport::new(STATE, "Busy", heading).hint("graph-attach status"),
        Cause::Stuck(_) => ExitReport::new(STATE, "State", heading).hint(WRITABLE),
        Cause::Contradiction(_) => {
            let mut report = ExitReport::new(CONTRADICTION, "Contradiction", heading);
            if let Some(last) = last {
                report = report.service(last);
                "Contradiction".clone_into(&mut report.name);
            }
            report.hint(format!(
                "see what the {} holds before trying again",
                item.kind
            ))
        }
        Cause::Twice(ids) => {
            let report = ExitReport::new(CONTRADICTION, "AttachedTwice", heading);
            ids.iter()
                .fold(report, |report, id| {
                    report.cause(format!("attachment `{id}`"))
                })
                .hints(ids.last().map(|id| detach(item, id)))
        }
        Cause::Mismatch { id } => ExitReport::new(
            CONTRADICTION,
            "VerificationFailed",
            format!("`{name}` is attached, but what was read back is not the file"),
        )
        .cause(format!("attachment `{id}`"))
        .hint(detach(item, id)),
        Cause::Deadline => {
            let mut report = ExitReport::new(TEMPORARY, "Deadline", heading);
            if let Some(last) = last {
                report = report.cause(last.to_string());
                if let Some(wait) = last.retry_after {
                    report =
                        report.cause(format!("it asks to be left alone for {} s", wait.as_secs()));
                }
            }
            report
        }
        Cause::SessionsSpent => {
            let mut report = ExitReport::new(TEMPORARY, "SessionsSpent", heading);
            if let Some(last) = last {
                if last.kind == Kind::NotFound {
                    report.code = NOT_FOUND;
                }
                report = report.cause(last.to_string()).service(last);
                if matches!(last.kind, Kind::Unauthorized | Kind::Forbidden) {
                    report = report.hint(
                        "the upload host refuses sessions that it opened itself: this is the \
                         service's fault, and has lasted for hours before; try again later",
                    );
                }
            }
            report
        }
        Cause::Unverified { id } => {
            let what = format!("`{name}` is attached, but could not be read back");
            let report = match last {
                Some(last) => service(last, Some(item), &what),
                None => ExitReport::new(FAILURE, "Failure", what),
            };
            report.cause(format!("attachment `{id}`"))
        }
        Cause::RetriesSpent | Cause::Refused => match last {
            Some(last) => service(last, Some(item), &format!("`{name}` is not attached")),
            None => ExitReport::new(FAILURE, "Failure", heading),
        },
    };
    if let Some(session) = failure.session {
        // Of a session that died, 404 says nothing about the item.
        let about_item = matches!(failure.cause, Cause::Refused | Cause::RetriesSpent);
        if report.code == NOT_FOUND && about_item {
            let kind = item.kind;
            let cause = format!("the {kind} may have been deleted, moved or sent meanwhile");
            report.problem.causes.insert(0, cause);
        }
        report.resume = Some(session);
        report = report.hint(format!("graph-attach resume {session}"));
    }
    report
}

/// The command that removes an attachment.
fn detach(item: &Item, id: &str) -> String {
    format!("graph-attach detach {} {}", flags(item), shell(id))
}
