//! What goes into the protocol and what comes out of it: steps to execute, and what was seen.

use std::time::Duration;

use super::plan::Range;
use crate::{Error, ErrorKind, ExpectedOffset};

/// What the protocol may spend.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Failures in a row, without progress, that are followed by another try.
    pub max_retries: u32,
    /// When the command must be over, on the clock of the `now` that is passed in.
    pub deadline: Option<Duration>,
    /// Largest range in bytes.
    pub chunk: u64,
    /// After how long an attachment is taken to be listed if there is one: [`LAG`](super::doubt::LAG).
    /// Only tests have reason to say less.
    pub lag: Duration,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// List the item's attachments, to know them from the new one later.
    List,
    /// Attach in one request.
    Post,
    /// Open a session.
    Create,
    /// Send a range. `last` is the one that attaches: check the content before it goes.
    Put {
        /// The bytes.
        range: Range,
        /// Whether the file is attached with it.
        last: bool,
    },
    /// GET the upload URL.
    QueryStatus,
    /// Look for attachments that are new since [`Step::List`] and have our content.
    FindAttachment(Search),
    /// Wait before the next look.
    WaitToLook {
        /// How long.
        delay: Duration,
        /// How old the doubt is.
        age: Duration,
        /// How long it is looked into.
        of: Duration,
    },
    /// Wait.
    Wait {
        /// How long.
        delay: Duration,
        /// Because of which kind of error.
        why: ErrorKind,
        /// Which retry comes next, from 1.
        attempt: u32,
        /// Of how many.
        most: u32,
    },
    /// DELETE the session, whatever comes of it. `replacing` says that a new one follows.
    CancelSession {
        /// Whether the upload starts over after this.
        replacing: bool,
    },
    /// The file is attached.
    Attached {
        /// Its id, unless the service would not say.
        id: Option<String>,
        /// Whether it had been there before.
        already: bool,
    },
    /// Over, without success.
    Stop(Stop),
}

/// What a look is for, and so what it looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// An answer is in doubt: whatever is new may be the file, under any name and any listed size.
    InDoubt,
    /// Nothing is in doubt, but somebody else may have attached it: under our name, then.
    Meanwhile,
    /// It is attached under this id, after a repetition: is there another?
    Twice(String),
}

/// What a look saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// These are the file. Looking ends with the first, unless it is about [`Search::Twice`].
    Ours(Vec<String>),
    /// Nothing that can be the file.
    Nothing,
    /// Something that may be the file, whose content could not be had.
    Unclear,
}

/// Why the protocol stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The last error will not go away by itself.
    Error,
    /// The last error might, but the retries are spent.
    RetriesSpent,
    /// The time limit would be over before the next try.
    Deadline,
    /// Session after session died.
    SessionsSpent,
    /// It may be attached: something that may be it could not be read back.
    NotKnown,
    /// The service said something impossible.
    Contradiction(String),
    /// The content was attached more than once: these are the attachments.
    Twice(Vec<String>),
    /// The file is no longer what it was; the session is cancelled.
    FileChanged,
}

/// What happened to the last step.
#[derive(Debug)]
pub enum Observation {
    /// Nothing yet: the first call.
    Begin,
    /// The wait is over.
    Waited,
    /// The attachments were listed; one of them may be the file already.
    Listed(Result<Sighting, Error>),
    /// A session is open and wants bytes from there.
    Created(Result<ExpectedOffset, Error>),
    /// A range was answered: more wanted, or attached under an id.
    Put(Result<Answer, Error>),
    /// The POST was answered: attached, under an id if it could be read.
    Posted(Result<Option<String>, Error>),
    /// The upload URL was asked.
    StatusAnswered(Result<ExpectedOffset, Error>),
    /// What a look saw.
    Searched(Result<Sighting, Error>),
    /// Before the request that attaches: it was held back for a while, for the mailbox's sake.
    HeldBack,
    /// Before the request that attaches: it would have to be held back for longer than there is time.
    OutOfTime,
    /// The session was deleted, or could not be.
    Cancelled,
    /// Before the last range: the content is not what it was.
    FileChanged,
}

/// A successful answer to a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200: the service wants more.
    Continues(ExpectedOffset),
    /// 201: attached, under an id if it could be read.
    Attached(Option<String>),
}
