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
//! * `graph_sandbox`, a crate of its own, is a stand-in for the service. Only its verb knows it, and it
//!   shares no code with the uploader, so that the two cannot agree on a mistake.
//!
//! Decisions are pure functions of state, observation and clock; I/O executes them.

mod app;
pub mod args;
pub mod auth;
pub mod batch;
mod commands;
pub mod links;
pub mod pasted;
pub mod report;
pub mod settings;
mod signals;
pub mod terminal;
pub mod values;

pub use graph_upload::{digest, mail, store as session};

/// The client of the service.
pub mod graph {
    pub use graph_upload::{
        Attachment, Error, ErrorKind as Kind, Item, ItemKind, UploadUrl,
        client::{
            Address, AttachmentInfo as Listed, Body, Collection as Where, Created, Draft,
            GraphClient, ItemInfo as Found, ItemSummary as Entry, MailInfo, MailKey, Meter,
            PutReply, Transport, UploadClient, location, retry_after, wire,
        },
        item,
    };
    /// Errors of one request.
    pub mod error {
        pub use graph_upload::{Error, ErrorKind as Kind, Host as Side};
    }
    /// Where the next byte is expected.
    pub mod ranges {
        pub use graph_upload::{ExpectedOffset as Next, next_expected};
    }
}

/// The upload engine.
pub mod upload {
    pub use graph_upload::{
        engine::{
            Cause, Earlier, Event, Failure, Http, Job, MailboxPacer as Account, Observe, Outcome,
            Owned, Services, Source, SourceError, VOLUME_LIMIT, VOLUME_WINDOW, attach,
        },
        protocol::{
            backoff::{self as retry, MAX_RETRIES},
            doubt::LAG,
            plan::{self, Route},
            step::{self, Limits},
        },
    };
}

// The names of these rooms before they moved.
pub use {args as cli, settings as config};

pub use app::run;
