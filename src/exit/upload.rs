//! Why a file is not attached.

use super::{
    CONTRADICTION, FAILURE, FILE, NOT_FOUND, NotAttached, STATE, TEMPORARY, Verdict, WRITABLE,
    flags, service::service, shell,
};
use crate::{
    graph::{Item, Kind},
    upload::{Cause, SourceError},
};

pub(super) fn source(error: &SourceError, heading: String) -> Verdict {
    match error {
        SourceError::Missing(_) => Verdict::new(FILE, "FileMissing", heading),
        SourceError::NotAFile { path, kind } if *kind == SourceError::DIRECTORY => {
            let path = shell(&path.to_string_lossy());
            Verdict::new(FILE, "NotAFile", heading).hint(format!(
                "tar -czf - {path} | graph-attach attach --name NAME.tar.gz -"
            ))
        }
        SourceError::NotAFile { path, .. } | SourceError::Unsized(path) => {
            let path = shell(&path.to_string_lossy());
            Verdict::new(FILE, "NotAFile", heading)
                .hint(format!("cat {path} | graph-attach attach --name NAME -"))
        }
        SourceError::Unreadable { .. } => Verdict::new(FILE, "FileUnreadable", heading),
        SourceError::TooLarge { .. } => Verdict::new(FILE, "FileTooLarge", heading)
            .hint("share the file (OneDrive, SharePoint) and send a link"),
        SourceError::Changed { .. } => Verdict::new(FILE, "FileChanged", heading)
            .hint("attach it again once nobody writes to it"),
    }
}

pub(super) fn not_attached(error: &NotAttached) -> Verdict {
    let NotAttached {
        failure,
        name,
        item,
    } = error;
    let heading = error.to_string();
    let last = failure.error.as_ref();
    let mut verdict = match &failure.cause {
        Cause::Source(cause) => source(cause, cause.to_string()),
        Cause::State(_) => Verdict::new(STATE, "State", heading)
            .hint("use another directory with `--state-dir DIR`, or leave `--require-state` out"),
        Cause::Stuck(_) => Verdict::new(STATE, "State", heading).hint(WRITABLE),
        Cause::Contradiction(_) => {
            let mut verdict = Verdict::new(CONTRADICTION, "Contradiction", heading);
            if let Some(last) = last {
                verdict = verdict.service(last);
                "Contradiction".clone_into(&mut verdict.name);
            }
            verdict.hint(format!(
                "see what the {} holds before trying again",
                item.kind
            ))
        }
        Cause::Twice(ids) => {
            let verdict = Verdict::new(CONTRADICTION, "AttachedTwice", heading);
            ids.iter()
                .fold(verdict, |verdict, id| {
                    verdict.cause(format!("attachment `{id}`"))
                })
                .hints(ids.last().map(|id| detach(item, id)))
        }
        Cause::Mismatch { id } => Verdict::new(
            CONTRADICTION,
            "VerificationFailed",
            format!("`{name}` is attached, but what was read back is not the file"),
        )
        .cause(format!("attachment `{id}`"))
        .hint(detach(item, id)),
        Cause::Deadline => {
            let mut verdict = Verdict::new(TEMPORARY, "Deadline", heading);
            if let Some(last) = last {
                verdict = verdict.cause(last.to_string());
                if let Some(wait) = last.retry_after {
                    verdict =
                        verdict.cause(format!("it asks to be left alone for {} s", wait.as_secs()));
                }
            }
            verdict
        }
        Cause::SessionsSpent => {
            let mut verdict = Verdict::new(TEMPORARY, "SessionsSpent", heading);
            if let Some(last) = last {
                if last.kind == Kind::NotFound {
                    verdict.code = NOT_FOUND;
                }
                verdict = verdict.cause(last.to_string()).service(last);
                if matches!(last.kind, Kind::Unauthorized | Kind::Forbidden) {
                    verdict = verdict.hint(
                        "the upload host refuses sessions that it opened itself: this is the \
                         service's fault, and has lasted for hours before; try again later",
                    );
                }
            }
            verdict
        }
        Cause::Unverified { id } => {
            let what = format!("`{name}` is attached, but could not be read back");
            let verdict = match last {
                Some(last) => service(last, Some(item), &what),
                None => Verdict::new(FAILURE, "Failure", what),
            };
            verdict.cause(format!("attachment `{id}`"))
        }
        Cause::RetriesSpent | Cause::Refused => match last {
            Some(last) => service(last, Some(item), &format!("`{name}` is not attached")),
            None => Verdict::new(FAILURE, "Failure", heading),
        },
    };
    if let Some(session) = failure.session {
        // Of a session that died, 404 says nothing about the item.
        let about_item = matches!(failure.cause, Cause::Refused | Cause::RetriesSpent);
        if verdict.code == NOT_FOUND && about_item {
            let kind = item.kind;
            let cause = format!("the {kind} may have been deleted, moved or sent meanwhile");
            verdict.problem.causes.insert(0, cause);
        }
        verdict.resume = Some(session);
        verdict = verdict.hint(format!("graph-attach resume {session}"));
    }
    verdict
}

/// The command that removes an attachment.
fn detach(item: &Item, id: &str) -> String {
    format!("graph-attach detach {} {}", flags(item), shell(id))
}
