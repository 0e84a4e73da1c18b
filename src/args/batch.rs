//! `batch`: one mail or item a row.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::{RetryArgs, mail::People};
use crate::{
    batch::{
        manifest::Format,
        select::{Rows, Shard},
    },
    graph::Address,
};

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ManifestFormat {
    /// A table with a header
    Csv,
    /// One JSON object on each line
    Jsonl,
}

impl From<ManifestFormat> for Format {
    fn from(format: ManifestFormat) -> Self {
        match format {
            ManifestFormat::Csv => Format::Csv,
            ManifestFormat::Jsonl => Format::JsonLines,
        }
    }
}

fn people(text: &str) -> Result<People, String> {
    Address::list(text).map(People)
}

/// Make, fill and send one mail for each row of a table.
#[derive(Debug, Args)]
#[command(long_about = "\
Examples:
  graph-attach batch --dry-run people.csv
  graph-attach batch people.csv --to '{{ email }}' --subject Payslip --file 'slips/{{ id }}.pdf'
  graph-attach batch people.csv --test-to me@contoso.com --send
  graph-attach batch people.csv --send --report report.csv

Make, fill and send one mail for each row of a table, or attach files to the item that a row names. The \
table is CSV with a header, or JSON Lines: `to`, `cc`, `bcc`, `subject`, `body` or `body_file`, `files`; \
or `message` or `event`, and `files`; and `mailbox` and `key`. An option wins over the column of its name, \
and takes columns in double braces.

Every row is checked before anything is done. Run again, it does what is missing: no mail is made or sent \
twice, whatever ended the run before, and on whichever computer it continues.")]
pub struct BatchArgs {
    /// The table; `-` is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,

    /// How the table is written [default: JSON Lines if it begins with a brace, else CSV]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<ManifestFormat>,

    /// Send each mail once its files are attached (and verified, with --verify)
    #[arg(long)]
    pub send: bool,

    /// Read each attachment back and compare it
    #[arg(long)]
    pub verify: bool,

    /// Show every row as it would be done, and every problem; uses no network
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Show the mail of this row; uses no network
    #[arg(long, value_name = "ROW")]
    pub show: Option<usize>,

    /// Only these rows, such as `3,7-9`
    #[arg(long, value_name = "ROWS")]
    pub only: Option<Rows>,

    /// Only the rows that this report of an earlier run says are not done
    #[arg(long, value_name = "REPORT.csv", value_hint = ValueHint::FilePath)]
    pub retry_failed: Option<PathBuf>,

    /// The first three mails to this address instead, under a run of their own
    #[arg(long, value_name = "ADDRESS", value_parser = people)]
    pub test_to: Option<People>,

    /// Only the mailboxes of this part of all, counted from 0, such as `0/16`
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// Write what became of each row to this table
    #[arg(long, value_name = "FILE.csv", value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,

    /// Continue without the rows that have a problem
    #[arg(long)]
    pub skip_bad: bool,

    /// Stop at the first row that fails
    #[arg(long)]
    pub fail_fast: bool,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Rows side by side
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,

    /// Mails a minute and mailbox; 0 is no limit
    #[arg(long, value_name = "N", default_value = "30", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub send_rate: u32,

    /// Name of the run: a row is done once in each [default: the table's file name]
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,

    /// By what a row is known in its run [default: the column `key`, else mailbox, people, subject and file names]
    #[arg(long, value_name = "TEMPLATE")]
    pub key: Option<String>,

    /// One file for several rows is meant
    #[arg(long)]
    pub same_file: bool,

    /// What each row is.
    #[command(flatten)]
    pub row: RowArgs,

    /// Retries and timeouts.
    #[command(flatten)]
    pub retry: RetryArgs,
}

/// Options with columns put in.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Row")]
pub struct RowArgs {
    /// To whom
    #[arg(long, value_name = "TEMPLATE")]
    pub to: Option<String>,

    /// Who gets a copy
    #[arg(long, value_name = "TEMPLATE")]
    pub cc: Option<String>,

    /// Who gets a copy that the others do not see
    #[arg(long, value_name = "TEMPLATE")]
    pub bcc: Option<String>,

    /// The subject
    #[arg(long, value_name = "TEMPLATE")]
    pub subject: Option<String>,

    /// The text
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "body_file")]
    pub body: Option<String>,

    /// Read the text from this file, and put columns into it too
    #[arg(long, value_name = "TEMPLATE")]
    pub body_file: Option<String>,

    /// The text is HTML: what columns bring is escaped
    #[arg(long)]
    pub html: bool,

    /// A file to attach; repeat it for more
    #[arg(long, value_name = "TEMPLATE")]
    pub file: Vec<String>,

    /// Show the files inside the HTML body, where that refers to `cid:NAME`
    #[arg(long)]
    pub inline: bool,

    /// Attach to this message instead of a new mail
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "event")]
    pub message: Option<String>,

    /// Attach to this event instead of a new mail
    #[arg(long, value_name = "TEMPLATE")]
    pub event: Option<String>,

    /// Whose mailbox: user principal name or id [default: the token's own] [env: GRAPH_ATTACH_MAILBOX]
    #[arg(long, alias = "user", value_name = "TEMPLATE")]
    pub mailbox: Option<String>,
}
