//! `draft`: make a draft and print its id.

use serde::Serialize;

use super::{compose, context::CommandContext, retrier::Retrier, stdin_readers};
use crate::{
    args::DraftArgs,
    report,
    terminal::{CommandResult, Printer},
};

pub(super) async fn run(args: &DraftArgs, context: &CommandContext) -> report::Result<u8> {
    stdin_readers::one_reader_of_stdin(stdin_readers::readers(&args.compose), context)?;
    let draft = compose::draft(&args.compose)?;
    let graph = context.clients()?.graph(context.provider());
    let retrier = Retrier::new(context, &graph);
    let found = compose::create(&draft, args.immutable_id, &graph, &retrier, context).await?;
    context.printer.result(&MadeDraft {
        id: &found.id,
        subject: &found.subject,
        immutable: args.immutable_id,
    });
    context.warn_of_token().await;
    Ok(report::SUCCESS)
}

/// A draft that was made.
#[derive(Serialize)]
#[serde(tag = "type", rename = "draft")]
pub(super) struct MadeDraft<'a> {
    pub(super) id: &'a str,
    pub(super) subject: &'a str,
    pub(super) immutable: bool,
}

impl CommandResult for MadeDraft<'_> {
    fn show(&self, printer: &Printer) {
        printer.line(self.id);
    }
}
