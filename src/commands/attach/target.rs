//! Onto what files are attached: an item that the options or the environment name, or a draft that is
//! made for them.

use super::inputs::{self, Input};
use crate::{
    args::AttachArgs,
    commands::{
        CommandContext,
        compose::{self, Composed},
        draft::MadeDraft,
        item_option::item,
        mail_job::MailJob,
        stdin_readers::one_reader_of_stdin,
    },
    graph::{Item, ItemKind},
    report::{self, CommandLine, ExitReport},
    session::{MailFile, MailRecord},
    upload::Source,
};

/// Onto what.
pub(super) enum Target {
    /// A message or an event that is there.
    Item(Item),
    /// A draft that is to be made.
    Draft(Box<Composed>),
    /// A mail that an earlier command began.
    Job(Box<MailRecord>),
}

impl Target {
    pub(super) fn item(&self) -> Option<&Item> {
        match self {
            Target::Item(item) => Some(item),
            Target::Draft(_) | Target::Job(_) => None,
        }
    }
}

/// What the options name.
pub(super) fn target(args: &AttachArgs, context: &CommandContext) -> report::Result<Target> {
    let answers = args.origin.is_answer();
    if answers && (args.new || args.item.message.is_some() || args.item.event.is_some()) {
        return Err(ExitReport::usage(
            "a reply and a forwarded message are made here: leave out `--new`, `--message` and `--event`",
        ));
    }
    if !args.new && !answers {
        if args.origin.once.is_some() {
            return Err(ExitReport::usage(
                "`--once` is for a mail that is made: `--new`, `--reply`",
            ));
        }
        if compose::is_given(&args.compose) {
            let attach = CommandLine::own("attach").arg("--new");
            let attach = attach.option("--to", "ADDRESS").option("--subject", "TEXT");
            return Err(
                ExitReport::usage("a draft is made with `--new` only").run(attach.operand("FILE"))
            );
        }
        if args.item.message.is_none() && args.item.event.is_none() {
            inputs::id_among_files(&args.files)?;
        }
        let item = item(&args.item, context)?;
        if args.send && item.kind == ItemKind::Event {
            return Err(ExitReport::usage(
                "an event is not sent: `--send` is for messages",
            ));
        }
        return Ok(Target::Item(item));
    }
    one_reader_of_stdin(inputs::stdin_readers(args), context)?;
    let composed = compose::mail(&args.compose, &args.origin)?;
    // A reply has those of what it answers.
    let needed = args.origin.reply.is_none() && args.origin.reply_all.is_none();
    if args.send && needed && composed.draft.recipients().is_empty() {
        return Err(ExitReport::usage("there are no recipients to send it to")
            .advise("name them with `--to ADDRESS`, or leave `--send` out"));
    }
    Ok(Target::Draft(Box::new(composed)))
}

/// Tells the id of the draft: whatever happens next, the user can continue with it.
pub(super) fn told(job: &MailJob<'_>, item: &Item, context: &CommandContext) {
    let (subject, link) = (job.subject(), job.record().progress.web_link.as_deref());
    if context.printer.is_json() {
        context.printer.json(&MadeDraft {
            id: &item.id,
            subject,
            immutable: false,
            web_link: link,
        });
        return;
    }
    context
        .printer
        .note(&format!("the draft `{subject}` is {}", item.id));
    if let (Some(link), true) = (link, context.printer.is_interactive()) {
        context.printer.note(&format!("to look at it: {link}"));
    }
}

/// The files of a job, with the hash of what they hold now.
pub(super) async fn files(inputs: &[Input], args: &AttachArgs) -> report::Result<Vec<MailFile>> {
    let mut files = Vec::with_capacity(inputs.len());
    for input in inputs {
        let attachment = inputs::attachment(input, args)?;
        let (path, sha256) = match input {
            Input::Stdin => ("-".into(), None),
            // One that cannot be read is told when it is its turn; the others go.
            Input::Path(path) => {
                let sha256 = match Source::open(path) {
                    Ok(source) => source.hash().await?.ok().map(|whole| whole.sha256),
                    Err(_) => None,
                };
                (std::path::absolute(path)?, sha256)
            }
        };
        files.push(MailFile {
            path,
            name: attachment.name,
            content_type: attachment.content_type,
            content_id: attachment.content_id,
            sha256,
        });
    }
    Ok(files)
}
