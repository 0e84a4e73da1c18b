//! `detach`: remove attachments.

use serde_json::json;

use super::{context::CommandContext, item_option, locking::Wanted, resolve_id, retrier::Retrier};
use crate::{
    args::{DetachArgs, RetryArgs},
    graph::{Item, Kind},
    report::{self, MailRequest},
};

pub(super) async fn run(args: &DetachArgs, context: &CommandContext) -> anyhow::Result<u8> {
    let item = item_option::item(&args.item, context)?;
    let retry = RetryArgs::from(&args.request);
    let graph = context.clients(Some(&retry))?.graph(context.provider());
    let retrier = Retrier::new(context, &graph, &retry);
    let item = resolve_id::resolve(item, &graph, &retrier, context).await?;
    let wanted = Wanted {
        endpoint: context.settings.endpoint.value.as_str(),
        item: &item,
        graph: &graph,
        wait: None,
        required: false,
    };
    let _lock = context.lock_item(&wanted).await?;
    let (mut done, mut first) = (0, None);
    for id in &args.attachments {
        let tries = std::cell::Cell::new(0);
        let removed = retrier.repeat(async || {
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
                let mut report = report::exit_report(&error);
                if absent {
                    report.problem.heading =
                        format!("cannot remove attachment `{id}`: it is not there");
                    report.problem.advice.clear();
                    report.problem.hints =
                        vec![format!("graph-attach ls {}", report::flags(&item))];
                }
                context.printer.error(&report.problem);
                first.get_or_insert(report.code);
            }
        }
    }
    context.warn_of_token().await;
    Ok(match first {
        None => report::SUCCESS,
        Some(_) if done > 0 => report::PARTIAL,
        Some(code) => code,
    })
}

fn tell(id: &str, item: &Item, context: &CommandContext) {
    if context.printer.options().json {
        context.printer.json(&json!({"type": "detached", "id": id}));
    } else {
        context.printer.note(&format!(
            "attachment `{id}` is removed from the {}",
            item.kind
        ));
    }
}
