//! What `attach` says before it begins, and instead of beginning (`--dry-run`): no network here.

use std::fs;

use serde::Serialize;

use super::{
    attachment_limit::MOST_ATTACHMENTS,
    inputs::{self, Input},
    target::Target,
};
use crate::{
    args::AttachArgs,
    auth::Provider,
    commands::CommandContext,
    graph::ItemKind,
    report::{self, ExitReport},
    terminal::{CommandResult, Printer, human},
    upload::{
        Route, Source,
        plan::{DEFAULT_MESSAGE_LIMIT, LARGEST, SESSION_FROM},
    },
};

/// One line of `--dry-run --json`.
#[derive(Serialize)]
struct Plan<'a> {
    r#type: &'static str,
    file: &'a str,
    name: Option<&'a str>,
    content_type: Option<&'a str>,
    size: Option<u64>,
    route: Option<Route>,
    ranges: Option<u64>,
    exit_code: u8,
    refused: Option<&'a str>,
}

/// Says what a person may not know before the files go out.
pub(super) fn notes(kind: ItemKind, inputs: &[Input], context: &CommandContext) {
    let total = total(inputs);
    if total > DEFAULT_MESSAGE_LIMIT {
        context.printer.note(&format!(
            "that is {} in all; a {} takes {} with everything in it, unless an administrator \
             allowed more (up to 150 MB)",
            human::size(total),
            kind,
            human::size(DEFAULT_MESSAGE_LIMIT),
        ));
    }
    let cloud = context.settings.cloud.value;
    let large = |input: &Input| size(input).is_none_or(|size| size >= SESSION_FROM);
    if !cloud.upload_sessions && inputs.iter().any(large) {
        context.printer.warn(&format!(
            "upload sessions are not documented for the cloud `{}`: files of 3 MB and more may be \
             refused there",
            cloud.name
        ));
    }
    if inputs.len() > MOST_ATTACHMENTS {
        context.printer.warn(&format!(
            "that is {} files; a {} holds at most {MOST_ATTACHMENTS} attachments",
            inputs.len(),
            kind,
        ));
    }
    if kind == ItemKind::Event {
        context.printer.note(
            "attendees do not see what is attached after they were invited, until an update of \
             the event is sent to them",
        );
    }
}

/// Bytes of all files whose size can be told.
fn total(inputs: &[Input]) -> u64 {
    inputs.iter().filter_map(size).sum()
}

/// Bytes of a file, if it is one.
fn size(input: &Input) -> Option<u64> {
    match input {
        Input::Path(path) => fs::metadata(path).ok().filter(fs::Metadata::is_file),
        Input::Stdin => None,
    }
    .map(|metadata| metadata.len())
}

/// Says which way each file would go, and what would keep it from going.
pub(super) fn dry_run(
    args: &AttachArgs,
    target: &Target,
    inputs: &[Input],
    context: &CommandContext,
) -> report::Result<u8> {
    let printer = &context.printer;
    let mailbox = context.mailbox()?;
    let mailbox = mailbox.as_deref().unwrap_or("the token's own mailbox");
    let kind = match target {
        Target::Item(item) => {
            printer.note(&format!(
                "onto the {} `{}` in {mailbox}",
                item.kind, item.id
            ));
            item.kind
        }
        Target::Job(_) => ItemKind::Message,
        Target::Draft(composed) => {
            let draft = &composed.draft;
            let people = draft.recipients();
            let people = match people.is_empty() {
                true => "nobody yet".to_owned(),
                false => people.join(", "),
            };
            printer.note(&format!("onto a new draft to {people} in {mailbox}"));
            ItemKind::Message
        }
    };
    notes(kind, inputs, context);
    let (mut good, mut first) = (0, None);
    let mut refused = |code: u8| {
        first.get_or_insert(code);
    };
    match Provider::of(&context.settings) {
        Ok(provider) => printer.note(&format!("token from {}", provider.origin())),
        Err(error) => {
            let report = ExitReport::from(error);
            printer.error(&report);
            refused(report.code);
        }
    }
    for input in inputs {
        match one(input, args, context) {
            0 => good += 1,
            code => refused(code),
        }
    }
    Ok(match first {
        Some(report::CREDENTIALS) => report::CREDENTIALS,
        first => report::partial(first, good),
    })
}

/// One file; returns its exit code.
fn one(input: &Input, args: &AttachArgs, context: &CommandContext) -> u8 {
    let file = input.shown();
    let checked = inputs::attachment(input, args).and_then(|attachment| match input {
        Input::Stdin => Ok((attachment, None)),
        Input::Path(path) => Ok((attachment, Some(Source::open(path)?.size()))),
    });
    let mut plan = Plan {
        r#type: "plan",
        file: &file,
        name: None,
        content_type: None,
        size: None,
        route: None,
        ranges: None,
        exit_code: report::SUCCESS,
        refused: None,
    };
    match checked {
        Ok((attachment, size)) => {
            plan.name = Some(&attachment.name);
            plan.content_type = Some(&attachment.content_type);
            plan.size = size;
            plan.route = size.map(Route::for_size);
            plan.ranges = size
                .filter(|_| plan.route == Some(Route::Session))
                .map(|size| size.div_ceil(args.chunk_size));
            context.printer.result(&plan);
            report::SUCCESS
        }
        Err(report) => {
            plan.exit_code = report.code;
            plan.refused = Some(&report.heading);
            context.printer.result(&plan);
            context.printer.error(&report);
            report.code
        }
    }
}

impl CommandResult for Plan<'_> {
    fn show(&self, printer: &Printer) {
        // Why a file is refused is said as an error.
        if self.refused.is_some() {
            return;
        }
        let (route, how) = match (self.route, self.ranges) {
            (Some(Route::Post), _) => ("post", "1 request".to_owned()),
            (Some(Route::Session), Some(1)) => ("session", "1 range".to_owned()),
            (Some(Route::Session), ranges) => {
                ("session", format!("{} ranges", ranges.unwrap_or_default()))
            }
            (None, _) => ("unknown", format!("at most {LARGEST} bytes")),
        };
        let size = self.size.map(|size| size.to_string()).unwrap_or_default();
        let name = self.name.unwrap_or_default();
        printer.row(&[self.file, route, &size, how.as_str(), name]);
    }
}
