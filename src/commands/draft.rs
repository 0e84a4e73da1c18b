//! `draft`: make a draft and print its id.

use serde::Serialize;

use super::{
    compose,
    context::CommandContext,
    mail_job::{Drafted, Intent, MailJob},
    retrier::Retrier,
    stdin_readers,
};
use crate::{
    args::DraftArgs,
    graph::ItemKind,
    mail::Resend,
    report::{self, ExitReport},
    terminal::{CommandResult, Printer},
};

pub(super) async fn run(args: &DraftArgs, context: &CommandContext) -> report::Result<u8> {
    stdin_readers::one_reader_of_stdin(stdin_readers::readers(&args.compose), context)?;
    let composed = compose::mail(&args.compose, &args.origin)?;
    let graph = context.clients()?.graph(context.provider());
    let retrier = Retrier::new(context, &graph);
    // Nothing is left to do once there is a draft: it is not kept as a job.
    let intent = Intent {
        verify: false,
        send: false,
        resend: Resend::Never,
        required: false,
        wait: None,
    };
    let mut job = MailJob::open(composed.mail, Vec::new(), intent, None, context).await?;
    let item = match job.draft(&graph).await? {
        Drafted::Item(item) => item,
        Drafted::Sent => {
            return Err(ExitReport::refused(
                "the mail with this key was sent already",
            ));
        }
    };
    let mut id = item.id.clone();
    if args.immutable_id {
        let looked = retrier.repeat(async || graph.item(&item, true).await);
        let permission = ItemKind::Message.permission();
        let found = looked.await.map_err(|error| {
            report::mail(&error, Some(&item), "cannot look at the draft", permission)
        })?;
        id = found.id;
    }
    let web_link = job.record().progress.web_link.clone();
    context.printer.result(&MadeDraft {
        id: &id,
        subject: job.subject(),
        immutable: args.immutable_id,
        web_link: web_link.as_deref(),
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
    /// Where a person can look at it.
    #[serde(rename = "webLink")]
    pub(super) web_link: Option<&'a str>,
}

impl CommandResult for MadeDraft<'_> {
    fn show(&self, printer: &Printer) {
        printer.line(self.id);
        if let (Some(link), true) = (self.web_link, printer.is_interactive()) {
            printer.note(&format!("to look at it: {link}"));
        }
    }
}
