//! What an upload tells its surroundings while it runs.
//!
//! The upload engine never prints: it hands these to an [`Observe`], and `output` renders them.

use std::time::Duration;

use crate::protocol::plan::Route;
use crate::store::SessionId;

/// One thing that happened to the upload of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The file is open and its route is known; nothing has been sent by this process yet.
    Started {
        /// The attachment's name, unescaped.
        name: String,
        /// Size of the file in bytes.
        size: u64,
        /// How it will travel.
        route: Route,
    },
    /// A session is open: new, or an earlier one that goes on at `offset`.
    Opened {
        /// The session as the user names it.
        session: SessionId,
        /// Bytes that the service already holds.
        offset: u64,
        /// Whether an earlier session goes on.
        resumed: bool,
    },
    /// The upload is on disk under this name: `resume` knows it from now on.
    Kept {
        /// The upload as the user names it.
        session: SessionId,
    },
    /// The service acknowledged every byte before `offset`. Only this is progress; it can go back.
    Acknowledged {
        /// Bytes that the service holds.
        offset: u64,
    },
    /// Bytes of the request under way that were handed to the network: not progress, but a sign of
    /// life. Starts over with each request.
    Sending {
        /// Bytes handed over so far.
        sent: u64,
        /// Bytes of file content in this request.
        of: u64,
    },
    /// The engine waits before it tries again.
    Waiting {
        /// How long.
        delay: Duration,
        /// Why, as a phrase: "the service is throttling".
        reason: String,
        /// Which retry this will be, from 1; 0 when nothing failed and it only paces itself.
        attempt: u32,
        /// How many there may be.
        max: u32,
    },
    /// The session was given up and a new one will be made; progress starts over.
    Restarting {
        /// Why, as a phrase.
        reason: String,
    },
    /// The attachment is being read back and compared.
    Verifying {
        /// Bytes compared so far.
        read: u64,
        /// Bytes in all.
        total: u64,
    },
    /// Something that a person should know and that stops nothing.
    Warning(String),
    /// Something about the protocol that only `-v` shows.
    Detail(String),
    /// The file is attached.
    Finished {
        /// Whether it had been attached before this command ran.
        already: bool,
    },
    /// The upload ended without the file being attached. The error itself travels as a value.
    Stopped,
}

/// Takes the events of one command. Called from the engine's thread, in order; must not block.
pub trait Observe: Send + Sync {
    /// Takes one event.
    fn observe(&self, event: &Event);
}

/// For callers that do not want to know.
impl Observe for () {
    fn observe(&self, _: &Event) {}
}
