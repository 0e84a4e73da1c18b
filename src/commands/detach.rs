//! `detach`: remove attachments.

use serde_json::json;

use super::{ids, patience::Patience, target, work::Context};
use crate::{
    cli::{DetachArgs, RetryArgs},
    exit::{self, MailRequest},
    graph::{Item, Kind},
};

pub(super) async fn run(args: &DetachArgs, context: &Context) -> anyhow::Result<u8> {
    let item = target::item(&args.item, context)?;
    let retry = RetryArgs::from(&args.request);
    let graph = context.clients(Some(&retry))?.graph(context.provider());
    let patience = Patience::new(context, &graph, &retry);
    let item = ids::resolve(item, &graph, &patience, context).await?;
    let _lock = context.lock_if_possible(&item).await?;
    let (mut done, mut first) = (0, None);
    for id in &args.attachments {
        let tries = std::cell::Cell::new(0);
        let removed = patience.repeat(async || {
            tries.set(tries.get() + 1);
            match graph.delete_attachment(&item, id).await {
                // The answer to an earlier try was lost.
                Err(error) if error.kind == Kind::NotFound && tries.get() > 1 => Ok(()),
                result => result,
            }
        });
        match removed.await {
            Ok(()) => {
                done += 1;
                tell(id, &item, context);
            }
            Err(error) => {
                let absent = matches!(error.kind, Kind::NotFound | Kind::MalformedId);
                let error = anyhow::Error::from(MailRequest {
                    what: format!("cannot remove attachment `{id}`"),
                    error,
                    permission: item.kind.permission(),
                    item: Some(item.clone()),
                });
                let mut verdict = exit::verdict(&error);
                if absent {
                    verdict.problem.heading =
                        format!("cannot remove attachment `{id}`: it is not there");
                    verdict.problem.advice.clear();
                    verdict.problem.hints = vec![format!("graph-attach ls {}", exit::flags(&item))];
                }
                context.printer.error(&verdict.problem);
                first.get_or_insert(verdict.code);
            }
        }
    }
    context.warn_of_token().await;
    Ok(match first {
        None => exit::SUCCESS,
        Some(_) if done > 0 => exit::PARTIAL,
        Some(code) => code,
    })
}

fn tell(id: &str, item: &Item, context: &Context) {
    if context.printer.options().json {
        context.printer.json(&json!({"type": "detached", "id": id}));
    } else {
        context.printer.note(&format!(
            "attachment `{id}` is removed from the {}",
            item.kind
        ));
    }
}
