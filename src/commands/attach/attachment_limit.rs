//! Explains a refusal for which the service has no name of its own: the item is full.

use crate::{
    graph::{GraphClient, Item},
    report::{self, CommandLine, ExitReport},
};

/// Most attachments of one item in Exchange Online. Source: its published limits.
pub(super) const MOST_ATTACHMENTS: usize = 250;

/// `error`, or where it comes from when the item holds as many attachments as it can.
pub(super) async fn explained(
    error: ExitReport,
    name: &str,
    item: &Item,
    graph: &GraphClient,
) -> ExitReport {
    if error.code != report::REFUSED {
        return error;
    }
    match graph.attachments(item).await {
        Ok(all) if all.len() >= MOST_ATTACHMENTS => {
            let zip = CommandLine::program("zip").arg("-r");
            ExitReport::refused(format!(
                "`{name}` is not attached: the {} holds {} attachments, and {MOST_ATTACHMENTS} is \
                 the most it can",
                item.kind,
                all.len()
            ))
            .run(zip.operands(["files.zip", "DIR"]))
            .run(CommandLine::own("ls").item(item))
        }
        // Of no interest here: the first error is what matters.
        Ok(_) | Err(_) => error,
    }
}
