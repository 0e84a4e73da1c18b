//! `attach`, and the options that it shares with `resume`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueHint};

use super::{
    RequestArgs,
    mail::{ComposeArgs, OriginArgs},
};
use crate::{settings::time, values};

/// Attach files to a message or an event.
///
/// Prints the id of each attachment. Run again, it continues where it was interrupted, and attaches
/// nothing twice.
#[derive(Debug, Args)]
#[command(long_about = LONG_ABOUT)]
pub struct AttachArgs {
    /// Files to attach; `-` is standard input
    #[arg(required_unless_present = "files_from", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,

    /// Read more paths from this file, one a line; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files_from: Option<PathBuf>,

    /// The paths of --files-from end with NUL instead of a line break
    #[arg(short = '0', long, requires = "files_from")]
    pub null: bool,

    /// Run the command behind `--` and attach what it writes, if it exits with 0
    #[arg(long, conflicts_with = "files_from", requires = "name")]
    pub stdin_from_command: bool,

    /// Name of the attachment [default: the file's name]
    #[arg(long, value_name = "NAME", value_parser = values::name)]
    pub name: Option<String>,

    /// MIME type of the attachment [default: guessed from the name]
    #[arg(long, value_name = "TYPE", value_parser = values::content_type)]
    pub content_type: Option<String>,

    /// Show it inside the HTML body, where that refers to `cid:CID`
    #[arg(long)]
    pub inline: bool,

    /// The CID of an inline attachment [default: its name]
    #[arg(long, value_name = "CID", requires = "inline", value_parser = values::content_id)]
    pub content_id: Option<String>,

    /// Bytes per request of an upload session, at most 4MiB
    #[arg(long, value_name = "SIZE", default_value = "3840KiB", value_parser = values::chunk_size)]
    pub chunk_size: u64,

    /// Read the attachment back and compare it
    #[arg(long)]
    pub verify: bool,

    /// Attach a second copy although the same content is already attached
    #[arg(long)]
    pub again: bool,

    /// Ignore a saved session for this file and start over
    #[arg(long)]
    pub fresh: bool,

    /// Stop at the first file that fails
    #[arg(long)]
    pub fail_fast: bool,

    /// Send the message once every file is attached (and verified, with --verify)
    #[arg(long, conflicts_with = "event")]
    pub send: bool,

    /// Say what would be done with each file, and why not; uses no network
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Make a draft first, instead of --message
    #[arg(long, conflicts_with_all = ["message", "event"])]
    pub new: bool,

    /// To what.
    #[command(flatten)]
    pub item: ItemArgs,

    /// From what the draft is made.
    #[command(flatten)]
    pub origin: OriginArgs,

    /// What the draft is to be.
    #[command(flatten)]
    pub compose: ComposeArgs,

    /// Retries and timeouts.
    #[command(flatten)]
    pub retry: RetryArgs,
}

const LONG_ABOUT: &str = "\
Examples:
  graph-attach attach --message AAMk… report.pdf
  graph-attach attach --new --to ann@contoso.com --subject Report --send report.pdf data.zip
  graph-attach attach --message AAMk… --name db.sql --stdin-from-command -- pg_dump db

Attach files to a message or an event.

Prints the id of each attachment. Run again, it continues where it was interrupted, and attaches
nothing twice.";

/// A message or an event.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Item")]
pub struct ItemArgs {
    /// Id of the message [env: GRAPH_ATTACH_MESSAGE]
    #[arg(long, value_name = "ID", value_parser = values::item_id, conflicts_with = "event")]
    pub message: Option<String>,

    /// Id of the event [env: GRAPH_ATTACH_EVENT]
    #[arg(long, value_name = "ID", value_parser = values::item_id)]
    pub event: Option<String>,

    /// Whose mailbox: user principal name or id [default: the token's own] [env: GRAPH_ATTACH_MAILBOX]
    #[arg(long, alias = "user", value_name = "UPN|ID", value_parser = values::item_id)]
    pub mailbox: Option<String>,
}

/// How long to keep trying, for a command that uploads.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Retries and timeouts")]
pub struct RetryArgs {
    /// Those of every command that sends requests.
    #[command(flatten)]
    pub request: RequestArgs,

    /// Wait for another process that works on the same item, up to TIME
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "24h", value_parser = time::parse)]
    pub wait: Option<Duration>,

    /// Fail when the session cannot be saved, rather than upload without being able to resume
    #[arg(long)]
    pub require_state: bool,
}
