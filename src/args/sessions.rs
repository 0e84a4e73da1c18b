//! `resume`, `cancel`, `status` and `completions`.

use clap::{Args, ValueHint};
use clap_complete::Shell;

use super::{RequestArgs, RetryArgs};

/// Finish interrupted uploads and mails.
#[derive(Debug, Clone, Args)]
#[command(long_about = "\
Examples:
  graph-attach resume               the only interrupted upload
  graph-attach resume 7Q2K          the session whose id begins so
  graph-attach resume report.pdf    the uploads of this file

Finish interrupted uploads. A session that is still alive needs no token.")]
pub struct ResumeArgs {
    /// Ids of sessions and mails (or their beginnings), or files
    #[arg(value_name = "SESSION|FILE", value_hint = ValueHint::AnyPath)]
    pub targets: Vec<std::ffi::OsString>,

    /// Every interrupted upload
    #[arg(long, conflicts_with = "targets")]
    pub all: bool,

    /// Read the attachments back and compare them
    #[arg(long)]
    pub verify: bool,

    /// Retries and timeouts.
    #[command(flatten)]
    pub retry: RetryArgs,
}

/// End upload sessions, here and at the service.
#[derive(Debug, Args)]
#[command(long_about = "\
Examples:
  graph-attach cancel 7Q2KM4XA
  graph-attach cancel 7Q2K 9BC1
  graph-attach cancel --all

End upload sessions: the service drops what it had received, and this computer forgets them. A \
session that is already gone counts as cancelled.")]
pub struct CancelArgs {
    /// Session ids, or their beginnings
    #[arg(value_name = "SESSION", required_unless_present = "all")]
    pub sessions: Vec<String>,

    /// Every unfinished session
    #[arg(long, conflicts_with = "sessions")]
    pub all: bool,

    /// Retries and timeouts.
    #[command(flatten)]
    pub request: RequestArgs,
}

/// List the upload sessions known on this computer.
#[derive(Debug, Args)]
#[command(long_about = "\
Examples:
  graph-attach status
  graph-attach status --all
  graph-attach status 7Q2KM4XA
  graph-attach status --json | jq -r 'select(.state == \"resumable\") | .id'

List the upload sessions known on this computer: id, state, bytes acknowledged and in all, item, \
file, separated by tabs.")]
pub struct StatusArgs {
    /// Only this session or mail
    #[arg(value_name = "SESSION")]
    pub session: Option<String>,

    /// Also what is finished
    #[arg(long, conflicts_with = "session")]
    pub all: bool,
}

/// Forget sessions that are finished or expired.
#[derive(Debug, Args)]
#[command(long_about = "\
Examples:
  graph-attach prune
  graph-attach prune --json
  graph-attach prune --discard-unfinished

Forget sessions that are finished or expired, and remove what killed processes left behind. What is \
attached stays attached. Before a session is forgotten because it should have expired by now, the \
service is asked: clocks are wrong at times. What came through a pipe and is not attached is kept, \
unless you say otherwise: it cannot come again.")]
pub struct PruneArgs {
    /// Throw away what came through pipes and is not attached, too; asks first
    #[arg(long)]
    pub discard_unfinished: bool,

    /// Do not ask
    #[arg(short, long, requires = "discard_unfinished")]
    pub yes: bool,
}

/// Print a completion script.
#[derive(Debug, Args)]
#[command(long_about = "\
Examples:
  graph-attach completions bash > ~/.local/share/bash-completion/completions/graph-attach
  graph-attach completions zsh > \"${fpath[1]}/_graph-attach\"
  graph-attach completions fish > ~/.config/fish/completions/graph-attach.fish

Print a completion script for a shell.")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}
