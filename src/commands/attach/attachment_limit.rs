//! Explains a refusal for which the service has no name of its own: the item is full.

use crate::{
    graph::{GraphClient, Item},
    report::{self, Refusal},
};

/// Most attachments of one item in Exchange Online. Source: its published limits.
pub(super) const MOST_ATTACHMENTS: usize = 250;

/// `error`, or what it comes from when the item holds as many attachments as it can.
pub(super) async fn explained(
    error: anyhow::Error,
    name: &str,
    item: &Item,
    graph: &GraphClient,
) -> anyhow::Error {
    if report::exit_report(&error).code != report::REFUSED {
        return error;
    }
    match graph.attachments(item).await {
        Ok(all) if all.len() >= MOST_ATTACHMENTS => Refusal {
            message: format!(
                "`{name}` is not attached: the {} holds {} attachments, and {MOST_ATTACHMENTS} is \
                 the most it can",
                item.kind,
                all.len()
            ),
            hints: vec![
                "zip -r files.zip DIR".to_owned(),
                format!("graph-attach ls {}", report::flags(item)),
            ],
        }
        .into(),
        // Of no interest here: the first error is what matters.
        Ok(_) | Err(_) => error,
    }
}
