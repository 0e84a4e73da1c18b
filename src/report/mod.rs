//! From an error to an exit code, a sentence and what can be done next.
//!
//! Every error ends as an [`ExitReport`], made where the error is defined, or here for those of other
//! rooms: `upload` has the failed uploads, `service` what the service said, `library` the rest. A
//! [`Hint`] is data; the terminal writes it. Nothing here prints.

mod exit_report;
mod hint;
mod library;
mod pipe;
mod service;
mod upload;

pub use exit_report::{ErrorJson, ExitReport, FailedLine};
pub use hint::{Command, CommandLine, Hint, Operator, PROGRAM};
pub use pipe::PipeError;
pub use service::{mail, service};
pub use upload::not_attached;

/// What a command, or a part of one, ends with.
pub type Result<T> = std::result::Result<T, ExitReport>;

/// Everything attached, or already was.
pub const SUCCESS: u8 = 0;
/// Unclassified.
pub const FAILURE: u8 = 1;
/// Usage or configuration.
pub const USAGE: u8 = 2;
/// Some files attached, some not.
pub const PARTIAL: u8 = 3;
/// No, expired or insufficient credentials.
pub const CREDENTIALS: u8 = 4;
/// Temporary: network, throttling, 5xx, retries spent.
pub const TEMPORARY: u8 = 5;
/// Item or session not found, or expired.
pub const NOT_FOUND: u8 = 6;
/// Refused by the service or by a limit.
pub const REFUSED: u8 = 7;
/// Local file missing, unreadable, changed, or too large.
pub const FILE: u8 = 8;
/// State directory unusable, or session locked by another process.
pub const STATE: u8 = 9;
/// Verification failed, or the service contradicted itself.
pub const CONTRADICTION: u8 = 10;

/// The name of a report about what another process is working on.
const BUSY: &str = "Busy";

/// What to do about a record that cannot be taken away.
const WRITABLE: &str = "make the state directory writable again, then retry";

/// The exit code of a command that did some of several things: the first failure's if it did none.
pub fn partial(first_failure: Option<u8>, done: usize) -> u8 {
    match first_failure {
        None => SUCCESS,
        Some(_) if done > 0 => PARTIAL,
        Some(code) => code,
    }
}
