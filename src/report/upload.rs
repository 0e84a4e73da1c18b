//! Why a file is not attached.

use super::{
    CONTRADICTION, CommandLine, ExitReport, FAILURE, NOT_FOUND, STATE, TEMPORARY, WRITABLE, service,
};
use crate::{
    graph::{Item, Kind},
    upload::{Cause, Failure},
};

/// The report of an upload to `item` that failed; `name` is the attachment's.
pub fn not_attached(failure: &Failure, name: &str, item: &Item) -> ExitReport {
    let what = match failure.in_doubt {
        true => format!("`{name}` may be attached"),
        false => format!("`{name}` is not attached"),
    };
    let heading = format!("{what}: {}", failure.cause);
    let last = failure.error.as_ref();
    let detach = |id: &str| CommandLine::own("detach").item(item).operand(id);
    let mut report = match &failure.cause {
        Cause::Source(cause) => cause.into(),
        Cause::State(_) => ExitReport::new(STATE, "State", heading)
            .advise("use another directory with `--state-dir DIR`, or leave `--require-state` out"),
        Cause::Busy { .. } => {
            ExitReport::new(STATE, "Busy", heading).run(CommandLine::own("status"))
        }
        Cause::Stuck(_) => ExitReport::new(STATE, "State", heading).advise(WRITABLE),
        Cause::Contradiction(_) => {
            let mut report = ExitReport::new(CONTRADICTION, "Contradiction", heading);
            if let Some(last) = last {
                report = report.service(last);
                "Contradiction".clone_into(&mut report.name);
            }
            report.advise(format!(
                "see what the {} holds before trying again",
                item.kind
            ))
        }
        Cause::Twice(ids) => {
            let heading = format!("`{name}` is {}", failure.cause);
            let report = ExitReport::new(CONTRADICTION, "AttachedTwice", heading);
            let report = ids.iter().fold(report, |report, id| {
                report.cause(format!("attachment `{id}`"))
            });
            report.hints(ids.last().map(|id| detach(id).into()))
        }
        Cause::Mismatch { id } => ExitReport::new(
            CONTRADICTION,
            "VerificationFailed",
            format!("`{name}` is attached, but what was read back is not the file"),
        )
        .cause(format!("attachment `{id}`"))
        .run(detach(id)),
        Cause::NotKnown => ExitReport::new(TEMPORARY, "NotKnown", heading),
        Cause::Deadline => {
            let mut report = ExitReport::new(TEMPORARY, "Deadline", heading);
            if let Some(last) = last {
                report = report.cause(last.to_string());
                if let Some(wait) = last.retry_after {
                    report = report.cause(format!("it asks to wait {} s", wait.as_secs()));
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
                    report = report.advise(
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
            Some(last) => service(last, Some(item), &what),
            None => ExitReport::new(FAILURE, "Failure", heading),
        },
    };
    if let Some(session) = failure.session {
        // Of a session that died, 404 says nothing about the item.
        let about_item = matches!(failure.cause, Cause::Refused | Cause::RetriesSpent);
        if report.code == NOT_FOUND && about_item {
            let kind = item.kind;
            let cause = format!("the {kind} may have been deleted, moved or sent meanwhile");
            report.causes.insert(0, cause);
        }
        report.resume = Some(session);
        report = report.run(CommandLine::own("resume").operand(session.to_string()));
    }
    if failure.in_doubt {
        // That it may be attached is more than any cause of it says.
        if report.code != CONTRADICTION {
            report.code = TEMPORARY;
        }
        if !report.heading.starts_with(&what) {
            report.heading = format!("{what}: {}", report.heading);
        }
        report = report.run(CommandLine::own("ls").item(item));
    }
    report
}
