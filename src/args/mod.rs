//! The command line: the clap tree and nothing else. No I/O, no decisions.

mod attach;
mod auth;
mod batch;
pub mod completions;
mod global;
mod mail;
mod sessions;

use clap::{Parser, Subcommand};
use graph_sandbox::args::SandboxArgs;

pub use attach::{AttachArgs, ItemArgs, RetryArgs};
pub use auth::{AuthArgs, AuthCommand, AuthStatusArgs};
#[cfg(feature = "login")]
pub use auth::{AuthLoginArgs, AuthLogoutArgs};
pub use batch::{BatchArgs, ManifestFormat, RowArgs};
pub use global::GlobalArgs;
pub use mail::{
    ComposeArgs, DetachArgs, DraftArgs, FindArgs, LsArgs, OriginArgs, People, Place, RequestArgs,
    SendArgs,
};
pub use sessions::{CancelArgs, CompletionsArgs, PruneArgs, ResumeArgs, StatusArgs};

/// Attach files of up to 150 MB to Outlook messages and events through Microsoft Graph.
#[derive(Debug, Parser)]
#[command(
    name = "graph-attach",
    version,
    about,
    long_about = LONG_ABOUT,
    max_term_width = 100,
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Options that every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
}

const LONG_ABOUT: &str = "\
Examples:
  graph-attach sandbox -- graph-attach attach README.md     try it, no account needed
  graph-attach attach --message ID report.pdf video.mp4     attach files to a message
  graph-attach resume                                       finish an interrupted upload

Attach files of up to 150 MB to Outlook messages and events through Microsoft Graph.

A file is attached byte for byte, once; or `resume` finishes it; or the message says why not.";

/// The commands.
#[expect(
    missing_docs,
    reason = "the arguments of each command say what it does; a comment here would replace its help"
)]
#[derive(Debug, Subcommand)]
pub enum Command {
    Attach(Box<AttachArgs>),
    Resume(ResumeArgs),
    Cancel(CancelArgs),
    #[command(alias = "sessions")]
    Status(StatusArgs),
    Prune(PruneArgs),
    Draft(Box<DraftArgs>),
    Find(FindArgs),
    Batch(Box<BatchArgs>),
    Send(SendArgs),
    Ls(LsArgs),
    Detach(DetachArgs),
    Auth(AuthArgs),
    /// Run a stand-in for the service on this computer
    #[command(long_about = "\
Examples:
  graph-attach sandbox -- graph-attach attach README.md
  graph-attach sandbox --fault put@2=reset:1000000 -- graph-attach attach video.mp4
  graph-attach sandbox --tls --port 8443

Run a stand-in for the service on this computer: the parts of Microsoft Graph and Outlook that
attaching files needs, on loopback, with no account.

Prints the environment that points a client at it, one NAME=value a line, and serves until it is
ended. With a command, runs that in this environment, says what each item now holds, and exits with
the command's status. A command called `graph-attach` is this program.")]
    Sandbox(Box<SandboxArgs>),
    Completions(CompletionsArgs),
}

impl Command {
    /// `--login-url`, on the command that has it.
    pub fn login_url(&self) -> Option<&str> {
        match self {
            #[cfg(feature = "login")]
            Command::Auth(AuthArgs {
                command: AuthCommand::Login(args),
            }) => args.login_url.as_deref(),
            _ => None,
        }
    }

    /// Whether it may make the profile, and the file, that it is told to use.
    pub fn creates_profile(&self) -> bool {
        match self {
            #[cfg(feature = "login")]
            Command::Auth(AuthArgs {
                command: AuthCommand::Login(args),
            }) => args.save,
            _ => false,
        }
    }

    /// Retries and timeouts, on the commands that send requests.
    pub fn request(&self) -> Option<&RequestArgs> {
        match self {
            Command::Attach(args) => Some(&args.retry.request),
            Command::Resume(args) => Some(&args.retry.request),
            Command::Cancel(args) => Some(&args.request),
            Command::Batch(args) => Some(&args.retry.request),
            Command::Draft(args) => Some(&args.request),
            Command::Find(args) => Some(&args.request),
            Command::Send(args) => Some(&args.request),
            Command::Ls(args) => Some(&args.request),
            Command::Detach(args) => Some(&args.request),
            _ => None,
        }
    }

    /// Whether it may send requests to the service.
    pub fn reaches_service(&self) -> bool {
        !matches!(self, Command::Sandbox(_) | Command::Completions(_))
    }

    /// `--mailbox`, on the commands that have it.
    pub fn mailbox(&self) -> Option<&str> {
        match self {
            Command::Attach(args) => args.item.mailbox.as_deref(),
            Command::Draft(args) => args.mailbox.as_deref(),
            Command::Find(args) => args.mailbox.as_deref(),
            Command::Send(args) => args.mailbox.as_deref(),
            Command::Ls(args) => args.item.mailbox.as_deref(),
            Command::Detach(args) => args.item.mailbox.as_deref(),
            _ => None,
        }
    }

    /// Whether it may send a token or a secret to the hosts of the settings.
    pub fn may_send_secrets(&self) -> bool {
        !matches!(
            self,
            Command::Status(_) | Command::Prune(_) | Command::Sandbox(_) | Command::Completions(_)
        )
    }

    /// Whether the command takes signals itself, or can simply be ended by them.
    pub fn handles_signals(&self) -> bool {
        !matches!(
            self,
            Command::Attach(_) | Command::Resume(_) | Command::Batch(_)
        )
    }
}

/// The clap tree, for what is generated from it: completions and manual pages. `help` has none of its own.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command().disable_help_subcommand(true)
}
