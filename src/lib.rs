//! graph-attach: files of up to 150 MB onto Outlook messages and events, through Microsoft Graph.
//!
//! This is the command line; what attaches is the library [`graph_upload`]. ARCHITECTURE.md has the map of
//! all packages, five walks through the code, and the glossary.
//!
//! * `app` is the process: signals, runtime, exit code.
//! * [`args`] is what can be typed, and nothing else. [`settings`] decides every option, and remembers where
//!   each came from. [`auth`] gets tokens.
//! * `commands` has one verb per file. [`batch`] reads and checks the manifest of one of them.
//! * [`report`] turns an error into a code, a sentence and the next command to run.
//! * [`terminal`] is the only code that writes to streams.
//! * [`values`], [`links`] and [`pasted`] read what people type and paste. They are pure.
//!
//! `graph_sandbox` stands in for the service. Only its verb knows it, and it shares no code with the
//! uploader, so that the two cannot agree on a mistake.

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

pub use app::run;
