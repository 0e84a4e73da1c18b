//! The upload protocol as a pure protocol: what was seen and what time it is, in; the next step, out.
//!
//! It knows no network, no file and no clock of its own. The driver in `upload` executes each
//! [`Step`] and reports what it [`Observation`]. The rules that keep the promise are all in here:
//!
//! * Only what the service says it holds is held.
//! * After any error but a refused connection or a 429, the outcome is unknown. For a range in the
//!   middle the protocol asks (GET), else sends the same range again. For the *last* range and for a
//!   POST it first looks for the finished attachment, because sending those twice attaches twice.
//! * A session is replaced only after that look, and only a few times.
//! * A session of an earlier process is gone on with only after a look too, where there is a token to
//!   look with: meanwhile the file may have been attached without it.

pub mod backoff;
mod lookup;
pub mod plan;
mod ranges;
mod retry_budget;
pub mod step;

use std::time::Duration;

use self::{
    plan::{LARGEST_POST, Range, Route},
    step::{Limits, Observation, Step, Stop},
};
use crate::{Error, ErrorKind, ExpectedOffset};

/// How often a session is replaced by a new one in one run. A service incident that kills every
/// session (they happened in 2023 and 2025, for days) must end in a message, not in a loop.
const REPLACEMENTS: u32 = 2;

/// How many answers that make no sense are taken before the upload is given up.
const ODDITIES: u32 = 3;

/// How often an item may be "not found" at first: a draft takes a moment to reach every server. The
/// waits are 1, 2 and 4 s.
const NOT_FOUND: u32 = 3;

/// How often the attachments are looked at before a last range or a POST is sent again: the first
/// look may come before the service has finished what it was pending when the answer was lost.
const LOOKS: u32 = 2;

/// How often a repeated range may be refused as a conflict where the service does not say where it
/// stands. A conflict with somebody else's change is over by then; a service that has the range and
/// calls its repetition a conflict would say so for ever.
const REFUSED_REPEATS: u32 = 2;

/// How often a GET on the upload URL that itself fails is tried for one incident.
const ASKS: u32 = 2;

/// Why the protocol looks for the attachment, and so what follows when there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
enum LookupReason {
    /// An earlier process left the session, short of its last range.
    Resuming,
    /// The answer to the last range was lost.
    LostLast,
    /// The answer to the POST was lost.
    LostPost,
    /// The session is about to be replaced.
    Replacing,
    /// Every byte is acknowledged and no 201 came.
    Complete,
    /// 201 came before the last byte.
    Early,
    /// Attached, but under which id?
    Identify,
    /// Attached under this id, after a repetition: was it attached twice?
    Confirm(String),
}

/// What is under way, or due after a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pending {
    List,
    Post,
    Create,
    Put,
    QueryStatus,
    Find(LookupReason),
    /// Find out what became of the range or POST whose answer was lost.
    Resolve,
    CancelThen(Box<Step>),
}

/// Whether GET on an upload URL helps here. Nobody knows for Outlook, so it is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatusQuery {
    Possible,
    Refused,
}

/// Why the service was asked, which decides what follows when it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QueryReason {
    /// An earlier process left the session.
    Resume,
    /// The answer to a range was lost.
    Doubt,
    /// The service did not take the range, or said that the session is gone.
    Refusal,
}

/// The state of one upload.
#[derive(Debug, Clone)]
pub struct UploadProtocol {
    size: u64,
    limits: Limits,
    route: Route,
    switched: bool,
    /// Every byte before this one is acknowledged.
    acked: u64,
    /// One past the last byte that ever went to this session.
    sent: u64,
    /// The furthest that any acknowledgement reached; only beyond it is progress.
    high: u64,
    /// Whether `sent` came from disk, where it may be older than the truth.
    from_disk: bool,
    range: Range,
    pending: Pending,
    status_query: StatusQuery,
    reason: QueryReason,
    /// Whether the last range or the POST was sent again while its fate was unknown.
    repeated: bool,
    attempt: u32,
    asks: u32,
    looks: u32,
    not_found: u32,
    replaced: u32,
    oddities: u32,
    setbacks: u32,
    agreed_refusals: u32,
    /// Whether the session's last range was answered that the item is not there.
    item_missing: bool,
    /// Repeats of one range that were refused as conflicts.
    refused_repeats: u32,
}

impl UploadProtocol {
    /// An upload that begins.
    pub fn new(size: u64, route: Route, limits: Limits) -> Self {
        UploadProtocol {
            size,
            limits,
            route,
            switched: false,
            acked: 0,
            sent: 0,
            high: 0,
            from_disk: false,
            range: Range { start: 0, end: 0 },
            pending: Pending::List,
            status_query: StatusQuery::Possible,
            reason: QueryReason::Doubt,
            repeated: false,
            attempt: 0,
            asks: 0,
            looks: 0,
            not_found: 0,
            replaced: 0,
            oddities: 0,
            setbacks: 0,
            agreed_refusals: 0,
            item_missing: false,
            refused_repeats: 0,
        }
    }

    /// An upload that another process left: `acked` bytes acknowledged, `sent` bytes handed over.
    pub fn resumed(size: u64, acked: u64, sent: u64, limits: Limits) -> Self {
        let acked = acked.min(size);
        let sent = sent.clamp(acked, size);
        let mut protocol = UploadProtocol::new(size, Route::Session, limits);
        protocol.acked = acked;
        protocol.sent = sent;
        protocol.high = acked;
        protocol.from_disk = true;
        protocol.range = Range {
            start: acked,
            end: sent,
        };
        protocol.reason = QueryReason::Resume;
        protocol.pending = if sent == size {
            Pending::Resolve
        } else {
            Pending::Find(LookupReason::Resuming)
        };
        protocol
    }

    /// An upload that another process left when it had given up one session and had no other yet.
    pub fn between_sessions(size: u64, limits: Limits) -> Self {
        let mut protocol = UploadProtocol::new(size, Route::Session, limits);
        protocol.pending = Pending::Find(LookupReason::Replacing);
        protocol
    }

    /// Bytes that the service is known to hold.
    pub fn acknowledged(&self) -> u64 {
        self.acked
    }

    /// The route as it is now: the service may have asked for the other one.
    pub fn route(&self) -> Route {
        self.route
    }

    /// Takes what was seen at `now` (since any fixed point) and returns the next step. `roll` in
    /// `0.0..1.0` is the jitter of a wait.
    pub fn step(&mut self, seen: &Observation, now: Duration, roll: f64) -> Step {
        let clock = Clock { now, roll };
        match seen {
            Observation::Begin | Observation::Waited => self.run_pending(),
            Observation::Listed(result) => self.listed(borrowed(result), clock),
            Observation::Created(result) => self.created(borrowed(result), clock),
            Observation::Posted(result) => self.posted(borrowed(result), clock),
            Observation::Put(Ok(answer)) => self.answered(answer.clone(), clock),
            Observation::Put(Err(error)) => self.put_failed(error, clock),
            Observation::StatusAnswered(result) => self.asked(borrowed(result), clock),
            Observation::Searched(result) => self.looked(borrowed(result), clock),
            Observation::Cancelled => self.discarded(),
            Observation::FileChanged => self.cancel_then(Step::Stop(Stop::FileChanged)),
        }
    }

    /// Starts what is due.
    fn run_pending(&mut self) -> Step {
        match self.pending.clone() {
            Pending::List => Step::List,
            Pending::Post => Step::Post,
            Pending::Create => Step::Create,
            Pending::Put => self.put(),
            Pending::QueryStatus => Step::QueryStatus,
            Pending::Find(why) => Step::FindAttachment {
                identify: why == LookupReason::Identify,
            },
            Pending::Resolve => self.resolve(),
            Pending::CancelThen(step) => *step,
        }
    }

    fn run_now(&mut self, pending: Pending) -> Step {
        self.pending = pending;
        self.run_pending()
    }

    fn put(&mut self) -> Step {
        self.pending = Pending::Put;
        self.range = Range::next(self.acked, self.size, self.limits.chunk);
        Step::Put {
            range: self.range,
            last: self.range.end == self.size,
        }
    }

    fn cancel_then(&mut self, step: Step) -> Step {
        let replacing = matches!(step, Step::FindAttachment { .. });
        self.pending = Pending::CancelThen(Box::new(step));
        Step::CancelSession { replacing }
    }

    fn discarded(&mut self) -> Step {
        match std::mem::replace(&mut self.pending, Pending::Create) {
            Pending::CancelThen(step) if matches!(*step, Step::FindAttachment { .. }) => {
                self.look(LookupReason::Replacing)
            }
            Pending::CancelThen(step) => *step,
            other => self.run_now(other),
        }
    }

    fn listed(&mut self, result: Result<Option<String>, &Error>, clock: Clock) -> Step {
        match result {
            Ok(Some(id)) => Step::Attached {
                id: Some(id),
                already: true,
            },
            Ok(None) => {
                self.attempt = 0;
                self.run_now(match self.route {
                    Route::Post => Pending::Post,
                    Route::Session => Pending::Create,
                })
            }
            Err(error) => self.failed(error, Pending::List, clock),
        }
    }

    fn created(&mut self, result: Result<ExpectedOffset, &Error>, clock: Clock) -> Step {
        match result {
            Ok(ExpectedOffset::At(0) | ExpectedOffset::Missing) => {
                (self.acked, self.sent, self.high) = (0, 0, 0);
                (self.refused_repeats, self.item_missing) = (0, false);
                self.status_query = StatusQuery::Possible;
                self.from_disk = false;
                self.incident_over();
                self.put()
            }
            Ok(ExpectedOffset::At(n)) => {
                let what = format!("a new session asks for the bytes from {n} on");
                self.cancel_then(Step::Stop(Stop::Contradiction(what)))
            }
            Ok(ExpectedOffset::Invalid) => {
                let what = "a new session's `nextExpectedRanges` cannot be read".to_owned();
                self.cancel_then(Step::Stop(Stop::Contradiction(what)))
            }
            Err(error)
                if matches!(
                    error.kind,
                    ErrorKind::SessionTooSmall | ErrorKind::NoSessions
                ) =>
            {
                self.other_route(Route::Post)
            }
            Err(error) => self.failed(error, Pending::Create, clock),
        }
    }

    fn posted(&mut self, result: Result<String, &Error>, clock: Clock) -> Step {
        match result {
            Ok(id) => self.attached(Some(id)),
            Err(error) if error.kind == ErrorKind::BodyTooLarge => self.other_route(Route::Session),
            Err(error) if error.kind.in_doubt() => {
                self.looks = 0;
                let look = Pending::Find(LookupReason::LostPost);
                match error.kind {
                    ErrorKind::Contradiction | ErrorKind::Intermediary => {
                        self.protocol_error(error, look, clock)
                    }
                    _ => self.retry(error, look, clock),
                }
            }
            Err(error) => self.failed(error, Pending::Post, clock),
        }
    }

    /// The service wants the other route. Once: two refusals are a refusal.
    fn other_route(&mut self, route: Route) -> Step {
        let impossible = match route {
            Route::Post => self.size > LARGEST_POST,
            // A session needs a byte to send.
            Route::Session => self.size == 0,
        };
        if self.switched || impossible {
            return Step::Stop(Stop::Error);
        }
        self.switched = true;
        self.route = route;
        self.run_now(match route {
            Route::Post => Pending::Post,
            Route::Session => Pending::Create,
        })
    }
}

/// The value by value, the error by reference.
fn borrowed<T: Clone>(result: &Result<T, Error>) -> Result<T, &Error> {
    match result {
        Ok(value) => Ok(value.clone()),
        Err(error) => Err(error),
    }
}

/// The two inputs that are not state.
#[derive(Debug, Clone, Copy)]
struct Clock {
    now: Duration,
    roll: f64,
}

#[cfg(test)]
mod tests;
