//! `detach`: remove attachments.

use serde::Serialize;

use super::{context::CommandContext, item_option, locking::Wanted, resolve_id, retrier::Retrier};
use crate::{
    args::DetachArgs,
    graph::{ItemKind, Kind},
    report::{self, CommandLine},
    terminal::{CommandResult, Printer},
};

pub(super) async fn run(args: &DetachArgs, context: &CommandContext) -> report::Result<u8> {
    let item = item_option::item(&args.item, context)?;
    let graph = context.clients()?.graph(context.provider());
    let retrier = Retrier::new(context, &graph);
    let item = resolve_id::resolve(item, &graph, &retrier, context).await?;
    let wanted = Wanted {
        endpoint: context.settings.endpoint.value.as_str(),
        item: &item,
        graph: &graph,
        wait: None,
        required: false,
        uploads: false,
    };
    let _lock = context.lock_item(&wanted).await?;
    let (mut done, mut first_failure) = (0, None);
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
                let kind = item.kind;
                context.printer.result(&Detached { id, kind });
            }
            Err(error) => {
                let what = format!("cannot remove attachment `{id}`");
                let permission = item.kind.permission();
                let mut report = report::mail(&error, Some(&item), &what, permission);
                if matches!(error.kind, Kind::NotFound | Kind::MalformedId) {
                    report.heading = format!("{what}: it is not there");
                    report.hints = vec![CommandLine::own("ls").item(&item).into()];
                }
                context.printer.failed(&report);
                first_failure.get_or_insert(report.code);
            }
        }
    }
    context.warn_of_token().await;
    Ok(report::partial(first_failure, done))
}

/// An attachment that is removed.
#[derive(Serialize)]
#[serde(tag = "type", rename = "detached")]
struct Detached<'a> {
    id: &'a str,
    #[serde(skip)]
    kind: ItemKind,
}

impl CommandResult for Detached<'_> {
    fn show(&self, printer: &Printer) {
        let Detached { id, kind } = self;
        printer.note(&format!("attachment `{id}` is removed from the {kind}"));
    }
}
