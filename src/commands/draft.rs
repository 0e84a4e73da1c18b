//! `draft`: make a draft and print its id.

use serde_json::json;

use super::{compose, inputs, patience::Patience, work::Context};
use crate::{
    cli::{DraftArgs, RetryArgs},
    exit,
};

pub(super) async fn run(args: &DraftArgs, context: &Context) -> anyhow::Result<u8> {
    inputs::one_reader_of_stdin(inputs::readers(&args.compose), context)?;
    let draft = compose::draft(&args.compose)?;
    let retry = RetryArgs::from(&args.request);
    let graph = context.clients(Some(&retry))?.graph(context.provider());
    let patience = Patience::new(context, &graph, &retry);
    let found = compose::create(&draft, args.immutable_id, &graph, &patience, context).await?;
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
    Ok(exit::SUCCESS)
}
