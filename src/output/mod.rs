//! The only code that prints.
//!
//! Results go to standard output, everything for people to standard error. [`Printer`] is a
//! command's voice; [`Reporter`] turns the engine's events into a bar, lines or JSON and speaks
//! through it. What to show, when and how wide is decided by pure functions; only `streams` and
//! `screen` touch a stream.
//!
//! With `--progress json` every line on standard error is a JSON object: `progress` (see `object`),
//! and `note`, `warning`, `hint`, `detail`, `status`, `question` with a `message`, and `error` with
//! `message`, `causes`, `hints` and `request_ids`.

mod bar;
pub mod escape;
mod fit;
pub mod human;
mod line;
mod object;
mod plain;
mod printer;
mod problem;
mod rate;
mod reporter;
mod screen;
mod settings;
#[cfg(test)]
mod stage;
mod streams;
mod upload;

pub use printer::{Flag, Printer};
pub use problem::Problem;
pub use reporter::Reporter;
pub use settings::{Color, Options, Progress, Surroundings};
pub use streams::Streams;
pub use upload::Position;
