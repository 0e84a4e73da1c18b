//! graph-attach: files of up to 150 MB onto Outlook messages and events, through Microsoft Graph.
//!
//! # The map
//!
//! ```text
//! main → app → commands → upload → graph        settings   auth   session
//!                 └─────→ terminal (renders upload::Event)
//! ```
//!
//! * [`upload`] is what the project exists for: a pure machine that decides every step of an upload,
//!   and the thin shell that executes the steps. To follow one range from disk to `Location`, read
//!   `upload::transfer::range` from `put` on.
//! * [`graph`] speaks HTTP, through two clients: one that owns the token and knows only Graph, and
//!   one for upload URLs, where no token type is in scope.
//! * [`session`] keeps uploads on disk, so that another process can resume them.
//! * [`web`] is what every HTTP client here has in common: where it may go, and what it never does.
//! * [`auth`] gets tokens; [`settings`] decides every option, and remembers where each came from.
//! * `commands` has one verb per file; [`args`] is the command line and nothing else; [`report`]
//!   turns an error into a code, a sentence and the next command to run.
//! * [`terminal`] is the only code that prints.
//! * [`sandbox`] is a stand-in for the service. Nothing else here knows it, and it shares no code
//!   with the uploader, so that the two cannot agree on a mistake.
//!
//! Decisions are pure functions of state, observation and clock; I/O executes them.

mod app;
pub mod args;
pub mod auth;
mod commands;
pub mod digest;
pub mod graph;
pub mod report;
pub mod sandbox;
pub mod session;
pub mod settings;
mod signals;
pub mod terminal;
pub mod upload;
pub mod web;

// The names of these rooms before they moved.
pub use {args as cli, settings as config};

pub use app::run;
