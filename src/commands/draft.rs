//! `draft`: make a draft and print its id.

use serde_json::json;

use super::{compose, context::CommandContext, retrier::Retrier, stdin_readers};
use crate::{
    args::{DraftArgs, RetryArgs},
    report,
};

pub(super) async fn run(args: &DraftArgs, context: &CommandContext) -> anyhow::Result<u8> {
    stdin_readers::one_reader_of_stdin(stdin_readers::readers(&args.compose), context)?;
    let draft = compose::draft(&args.compose)?;
    let retry = RetryArgs::from(&args.request);
    let graph = context.clients(Some(&retry))?.graph(context.provider());
    let retrier = Retrier::new(context, &graph, &retry);
    let found = compose::create(&draft, args.immutable_id, &graph, &retrier, context).await?;
    if context.printer.options().json {
        context.printer.json(&json!({
            "type": "draft",
            "id": found.id,
            "subject": found.subject,
            "immutable": args.immutable_id,
        }));
    } else {
        context.printer.line(&found.id);
    }
    context.warn_of_token().await;
    Ok(report::SUCCESS)
}
