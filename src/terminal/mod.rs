//! The only code that prints.
//!
//! Results go to standard output, everything for people to standard error. [`Printer`] is a
//! command's voice; [`Reporter`] turns the engine's events into a bar, lines or JSON and speaks
//! through it. `shell_quote` writes hints for the user's shell. What to show, when and how wide is decided by pure functions; only `streams` and
//! `screen` touch a stream.
//!
//! With `--progress json` every line on standard error is a JSON object: `progress` (see `progress_json`),
//! and `note`, `warning`, `hint`, `detail`, `status`, `question` with a `message`, and `error` with
//! `message`, `causes`, `hints` and `request_ids`.

mod error_text;
pub mod escape;
mod file_progress;
pub mod human;
mod options;
mod printer;
mod progress_bar;
mod progress_json;
mod progress_log;
mod rate;
mod reporter;
mod request_log;
mod screen;
mod shell_quote;
mod streams;
mod styled_line;
#[cfg(test)]
mod test_terminal;
mod truncate;

pub use file_progress::Position;
pub use options::{Options, Surroundings};
pub use printer::{CommandResult, Printer};
pub use reporter::Reporter;
pub use request_log::{LogFile, RequestLog};
pub use shell_quote::Shell;
pub use streams::Streams;
