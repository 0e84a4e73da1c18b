//! Options that every command takes.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};

use crate::settings::{Color, Progress};

/// Options that every command takes. The values are decided in `config`: a flag wins over the
/// environment, that over the configuration file.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]
    #[arg(long, global = true, value_name = "NAME")]
    pub cloud: Option<String>,

    /// Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub endpoint: Option<String>,

    /// Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,

    /// Configuration file [env: GRAPH_ATTACH_CONFIG]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Read the token from a file, anew every time; `-` is standard input
    #[arg(long, global = true, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,

    /// Run a command that prints a token
    #[arg(long, global = true, value_name = "CMD", conflicts_with = "token_file")]
    pub token_command: Option<String>,

    /// Trust the certificates in this PEM file too
    #[arg(long, global = true, value_name = "PEM", value_hint = ValueHint::FilePath)]
    pub ca_file: Option<PathBuf>,

    /// Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state_dir: Option<PathBuf>,

    /// Print results as JSON Lines
    #[arg(long, global = true)]
    pub json: bool,

    /// Print results and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say what was decided and why; twice: every request too
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,

    /// Append every request to a file, as JSON Lines
    #[arg(long, global = true, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub log_file: Option<PathBuf>,

    /// Colors in messages [default: auto]
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<Color>,

    /// How progress is shown [env: GRAPH_ATTACH_PROGRESS]
    #[arg(long, global = true, value_name = "HOW")]
    pub progress: Option<Progress>,
}
