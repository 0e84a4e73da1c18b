//! What an upload knows of itself between two steps: what is under way, what went wrong, and where the session
//! stands. Plain data; what follows from it is decided elsewhere.

use std::time::Duration;

use super::{
    doubt::Doubt,
    plan::Route,
    step::{Step, Stop},
};

/// Why the protocol looks for the attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LookupReason {
    /// A request that attaches may have been carried out.
    Doubt,
    /// An earlier process left the upload, with nothing in doubt.
    Resuming,
    /// The session is about to be replaced.
    Replacing,
    /// A while has passed since the last look, and what comes next attaches.
    BeforeAttaching,
    /// Attached under this id, after a repetition: was it attached twice?
    Confirm(String),
}

/// What is under way, or due after a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pending {
    List,
    Post,
    Create,
    Put,
    QueryStatus,
    Find(LookupReason),
    /// Look into the doubt, or go on if it is over.
    Doubt,
    /// Find out where the session stands, then go on with it.
    Resolve,
    /// Once the session is cancelled.
    AfterCancel(Box<Then>),
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    Go(Pending),
    /// Replace the session, if that may be done once more.
    Replace,
    /// The service wants the other route.
    OtherRoute(Route),
    /// The upload has succeeded; it is the id that is looked for.
    Identified,
    /// Cancel the session, which is of no use any more, and stop.
    Abandon(Stop),
    End(Step),
}

/// Whether GET on an upload URL helps here. Nobody knows for Outlook, so it is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatusQuery {
    Possible,
    Refused,
}

/// Why the service was asked, which decides what follows when it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueryReason {
    /// An earlier process left the session.
    Resume,
    /// The answer to a range was lost.
    Doubt,
    /// The service did not take the range, or said that the session is gone.
    Refusal,
}

/// What went wrong and is not settled. It begins with an answer that is an error or makes no sense, and is
/// replaced as a whole when the upload moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Incident {
    pub(super) reason: QueryReason,
    /// GETs on the upload URL that were spent on it.
    pub(super) status_queries: u32,
    /// Whether it may be attached.
    pub(super) doubt: Option<Doubt>,
    /// Whether nothing says so but that a session is gone which another process left.
    pub(super) is_suspicion: bool,
    /// What follows when it turns out that it is not.
    pub(super) then: Then,
    /// When that may be at the earliest.
    pub(super) not_before: Duration,
}

impl Incident {
    /// Nothing is wrong.
    pub(super) fn none() -> Self {
        Incident {
            reason: QueryReason::Doubt,
            status_queries: 0,
            doubt: None,
            is_suspicion: false,
            then: Then::Go(Pending::Resolve),
            not_before: Duration::ZERO,
        }
    }

    /// The service refused a range, or has no such session.
    pub(super) fn refusal() -> Self {
        Incident {
            reason: QueryReason::Refusal,
            ..Incident::none()
        }
    }

    /// It may be attached; `then` follows when it is not.
    pub(super) fn doubt(doubt: Doubt, then: Then, not_before: Duration) -> Self {
        Incident {
            doubt: Some(doubt),
            then,
            not_before,
            ..Incident::none()
        }
    }
}

/// What is known of the session at hand.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Every byte before this one is acknowledged.
    pub(super) acked: u64,
    /// One past the last byte that ever went to it.
    pub(super) sent: u64,
    /// The furthest that any acknowledgement reached; only beyond it is progress.
    pub(super) high: u64,
    /// Whether this comes from disk, where it may be older than the truth.
    pub(super) from_disk: bool,
    /// Whether a process that could not save may have finished it a moment ago.
    pub(super) may_be_finished: bool,
    pub(super) status_query: StatusQuery,
    /// Whether a range was last answered that the item is not there.
    pub(super) item_missing: bool,
    /// Refusals of a range that the service, asked, then wanted.
    pub(super) agreed_refusals: u32,
    /// Repeats of one range that were refused as conflicts.
    pub(super) refused_repeats: u32,
}

impl Session {
    /// One of which the service holds `acked` bytes, and to which `sent` bytes went.
    pub(super) fn at(acked: u64, sent: u64) -> Self {
        Session {
            acked,
            sent,
            high: acked,
            from_disk: false,
            may_be_finished: false,
            status_query: StatusQuery::Possible,
            item_missing: false,
            agreed_refusals: 0,
            refused_repeats: 0,
        }
    }
}

/// What an earlier process left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Bytes that were acknowledged.
    pub acked: u64,
    /// Bytes that were handed over.
    pub sent: u64,
    /// Whether there is a session; without one it was given up, or never opened.
    pub session: bool,
    /// Whether the session is over by now, by the clock, and has been for a while.
    pub expired: bool,
    /// How long ago a request that attaches may have been carried out, if one may.
    pub doubt: Option<Duration>,
}
