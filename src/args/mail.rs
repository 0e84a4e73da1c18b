//! `draft`, `find`, `send`, `ls` and `detach`: what surrounds an upload.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, ValueHint};

use super::ItemArgs;
use crate::values;
use crate::{graph::Address, settings::time};

/// One value of `--to`: an address, or several.
#[derive(Debug, Clone)]
pub struct People(pub Vec<Address>);

fn people(text: &str) -> Result<People, String> {
    Address::list(text).map(People)
}

/// What a message is to be.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Draft")]
pub struct ComposeArgs {
    /// To whom; repeat it, or separate addresses by commas
    #[arg(long, value_name = "ADDRESS", value_parser = people)]
    pub to: Vec<People>,

    /// Who gets a copy
    #[arg(long, value_name = "ADDRESS", value_parser = people)]
    pub cc: Vec<People>,

    /// Who gets a copy that the others do not see
    #[arg(long, value_name = "ADDRESS", value_parser = people)]
    pub bcc: Vec<People>,

    /// The subject
    #[arg(long, value_name = "TEXT")]
    pub subject: Option<String>,

    /// The text
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file")]
    pub body: Option<String>,

    /// Read the text from this file; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub body_file: Option<PathBuf>,

    /// The text is HTML
    #[arg(long)]
    pub html: bool,

    /// Start from a message in Graph's own JSON; the other options win over it. `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub json_file: Option<PathBuf>,
}

/// From what a draft is made, and how often.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Draft")]
pub struct OriginArgs {
    /// Reply to the sender of this message
    #[arg(long, value_name = "ID", value_parser = values::item_id, conflicts_with_all = ["reply_all", "forward"])]
    pub reply: Option<String>,

    /// Reply to everybody of this message
    #[arg(long, value_name = "ID", value_parser = values::item_id, conflicts_with = "forward")]
    pub reply_all: Option<String>,

    /// Forward this message
    #[arg(long, value_name = "ID", value_parser = values::item_id)]
    pub forward: Option<String>,

    /// At most one mail with this key in the mailbox, whichever computer makes it
    #[arg(long, value_name = "KEY", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub once: Option<String>,
}

impl OriginArgs {
    /// Whether it is made from another message.
    pub fn is_answer(&self) -> bool {
        self.reply.is_some() || self.reply_all.is_some() || self.forward.is_some()
    }
}

/// Make a draft and print its id.
#[derive(Debug, Args)]
#[command(long_about = "\
Examples:
  graph-attach draft --to ann@contoso.com --subject Report --body-file letter.txt
  graph-attach draft --to ann@contoso.com,bob@contoso.com --subject Plan --html --body-file p.html
  graph-attach draft --reply AAMk… --body 'See the attached files.'

Make a draft and print its id, which `attach --message` and `send` take.")]
pub struct DraftArgs {
    /// Print an id that stays the same when the draft is moved or sent
    #[arg(long)]
    pub immutable_id: bool,

    /// Whose mailbox: user principal name or id [default: the token's own] [env: GRAPH_ATTACH_MAILBOX]
    #[arg(long, alias = "user", value_name = "UPN|ID", value_parser = values::item_id)]
    pub mailbox: Option<String>,

    /// From what it is made.
    #[command(flatten)]
    pub origin: OriginArgs,

    /// What it is to be.
    #[command(flatten)]
    pub compose: ComposeArgs,

    /// Retries and timeouts.
    #[command(flatten)]
    pub request: RequestArgs,
}

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Place {
    /// Every message of the mailbox
    Messages,
    /// Messages in Drafts
    Drafts,
    /// Events of the calendar
    Events,
}

/// List messages, drafts or events, newest first.
#[derive(Debug, Args)]
#[command(long_about = "\
Examples:
  graph-attach find drafts
  graph-attach find --subject 'quarterly report' --limit 5
  graph-attach attach --message \"$(graph-attach find drafts --limit 1 | cut -f1)\" report.pdf

List messages, drafts or events, newest first: id, date and subject, separated by tabs. The date is \
that of arrival, of the last change to a draft, or of an event's beginning, in UTC.")]
pub struct FindArgs {
    /// What to list
    #[arg(value_enum, default_value = "messages")]
    pub place: Place,

    /// Only those whose subject holds this text
    #[arg(long, value_name = "TEXT")]
    pub subject: Option<String>,

    /// How many at most
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub limit: u32,

    /// Whose mailbox: user principal name or id [default: the token's own] [env: GRAPH_ATTACH_MAILBOX]
    #[arg(long, alias = "user", value_name = "UPN|ID", value_parser = values::item_id)]
    pub mailbox: Option<String>,

    /// Retries and timeouts.
    #[command(flatten)]
    pub request: RequestArgs,
}

/// Send a draft.
#[derive(Debug, Args)]
#[command(long_about = "\
Examples:
  graph-attach send AAMk…
  graph-attach send --yes AAMk…
  graph-attach send --mailbox reports@contoso.com AAMk…

Send a draft. It is not sent while an upload to it is unfinished, and never twice: when the answer is \
lost, it is looked at first. On a terminal you are asked before it goes out.")]
pub struct SendArgs {
    /// Id of the draft, or a link to it
    #[arg(value_name = "ID", value_parser = values::item_id)]
    pub id: String,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Send although an upload to it is unfinished, or may be
    #[arg(long)]
    pub even_if_unfinished: bool,

    /// Whose mailbox: user principal name or id [default: the token's own] [env: GRAPH_ATTACH_MAILBOX]
    #[arg(long, alias = "user", value_name = "UPN|ID", value_parser = values::item_id)]
    pub mailbox: Option<String>,

    /// Retries and timeouts.
    #[command(flatten)]
    pub request: RequestArgs,
}

/// List the attachments of a message or an event.
#[derive(Debug, Args)]
#[command(long_about = "\
Examples:
  graph-attach ls --message AAMk…
  graph-attach ls --event AAMk… --mailbox room1@contoso.com
  graph-attach ls --message AAMk… --json | jq -r 'select(.inline | not) | .name'

List the attachments of a message or an event: id, size, type and name, separated by tabs; an inline \
one has `inline` behind that. The size is the service's, which is larger than the file's.")]
pub struct LsArgs {
    /// Of what.
    #[command(flatten)]
    pub item: ItemArgs,

    /// Retries and timeouts.
    #[command(flatten)]
    pub request: RequestArgs,
}

/// Remove attachments from a message or an event.
#[derive(Debug, Args)]
#[command(long_about = "\
Examples:
  graph-attach detach --message AAMk… AAMkBEg…
  graph-attach detach --event AAMk… AAMkBEg… AAMkBEh…
  graph-attach ls --message AAMk… | cut -f1 | xargs graph-attach detach --message AAMk…

Remove attachments from a message or an event. `ls` lists their ids.")]
pub struct DetachArgs {
    /// Ids of the attachments
    #[arg(required = true, value_name = "ATTACHMENT-ID", value_parser = values::item_id)]
    pub attachments: Vec<String>,

    /// From what.
    #[command(flatten)]
    pub item: ItemArgs,

    /// Retries and timeouts.
    #[command(flatten)]
    pub request: RequestArgs,
}

/// How long to keep trying. The values are decided in `settings`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Retries and timeouts")]
pub struct RequestArgs {
    /// Failures in a row that are followed by another try [default: 10]
    #[arg(long, value_name = "N")]
    pub max_retries: Option<u32>,

    /// Give a request up when no byte moved for this long: seconds, or 90s, 5m, 1h [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub timeout: Option<Duration>,

    /// Give the command up after this long
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub deadline: Option<Duration>,
}
