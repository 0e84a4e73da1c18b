//! The upload protocol as a pure state machine: what was observed and what time it is, in; the next step,
//! out.
//!
//! It knows no network, no file and no clock of its own. The engine executes each [`Step`] and reports
//! an [`Observation`]. The rules that keep the promise are all in here:
//!
//! * Only what the service says it holds is held.
//! * Only a connection that was never made and a 401 prove that nothing was done. After anything else the
//!   POST, or the range that attaches, is not repeated before it was looked for long enough (`doubt`).
//! * A session is replaced only after such a look, and only a few times.
//! * Just before the request that attaches it is looked once more, if anything could have happened since
//!   the last look.
//!
//! `doubt` says when to look, `lookup` what follows what was seen, `ranges` what follows the answer to a
//! range, `retry_budget` how often anything is tried again.

pub mod backoff;
pub mod doubt;
mod lookup;
pub mod plan;
mod ranges;
mod retry_budget;
pub mod step;

use std::time::Duration;

use self::{
    doubt::{Certainty, Doubt},
    plan::{LARGEST_POST, Range, Route},
    step::{Limits, Observation, Search, Sighting, Step, Stop},
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

/// How often a repeated range may be refused as a conflict where the service does not say where it
/// stands. A conflict with somebody else's change is over by then; a service that has the range and
/// calls its repetition a conflict would say so for ever.
const REFUSED_REPEATS: u32 = 2;

/// Ranges are not made smaller than this, whatever takes no larger ones: what Microsoft's own samples send.
const SMALLEST_CHUNK: u64 = 327_680;

/// How often a GET on the upload URL that itself fails is tried for one incident.
const ASKS: u32 = 2;

/// After how long somebody else may have attached the file since the last look. Under a lock another
/// process of this computer cannot; a person or another computer hardly can in less.
const PAUSE: Duration = Duration::from_secs(1);

/// Why the protocol looks for the attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum LookupReason {
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
enum Pending {
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
enum Then {
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

/// What went wrong and is not settled. It begins with an answer that is an error or makes no sense, and is
/// replaced as a whole when the upload moves.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Incident {
    reason: QueryReason,
    /// GETs on the upload URL that were spent on it.
    status_queries: u32,
    /// Whether it may be attached.
    doubt: Option<Doubt>,
    /// Whether nothing says so but that a session is gone which another process left.
    is_suspicion: bool,
    /// What follows when it turns out that it is not.
    then: Then,
    /// When that may be at the earliest.
    not_before: Duration,
}

impl Incident {
    /// Nothing is wrong.
    fn none() -> Self {
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
    fn refusal() -> Self {
        Incident {
            reason: QueryReason::Refusal,
            ..Incident::none()
        }
    }

    /// It may be attached; `then` follows when it is not.
    fn doubt(doubt: Doubt, then: Then, not_before: Duration) -> Self {
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
struct Session {
    /// Every byte before this one is acknowledged.
    acked: u64,
    /// One past the last byte that ever went to it.
    sent: u64,
    /// The furthest that any acknowledgement reached; only beyond it is progress.
    high: u64,
    /// Whether this comes from disk, where it may be older than the truth.
    from_disk: bool,
    /// Whether a process that could not save may have finished it a moment ago.
    may_be_finished: bool,
    status_query: StatusQuery,
    /// Whether a range was last answered that the item is not there.
    item_missing: bool,
    /// Refusals of a range that the service, asked, then wanted.
    agreed_refusals: u32,
    /// Repeats of one range that were refused as conflicts.
    refused_repeats: u32,
}

impl Session {
    /// One of which the service holds `acked` bytes, and to which `sent` bytes went.
    fn at(acked: u64, sent: u64) -> Self {
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

/// The state of one upload.
#[derive(Debug, Clone)]
pub struct UploadProtocol {
    size: u64,
    limits: Limits,
    route: Route,
    switched: bool,
    session: Session,
    range: Range,
    pending: Pending,
    incident: Incident,
    /// Whether a request that attaches was sent whose fate is not certain to be nothing.
    tried: bool,
    /// When the last look began that could be made.
    looked: Option<Duration>,
    /// When the look under way began.
    looking: Duration,
    /// Whether nobody else of this computer can work on the item.
    locked: bool,
    attempt: u32,
    not_found: u32,
    replaced: u32,
    oddities: u32,
    setbacks: u32,
}

impl UploadProtocol {
    /// An upload that begins.
    pub fn new(size: u64, route: Route, limits: Limits) -> Self {
        UploadProtocol {
            size,
            limits,
            route,
            switched: false,
            session: Session::at(0, 0),
            range: Range { start: 0, end: 0 },
            pending: Pending::List,
            incident: Incident::none(),
            tried: false,
            looked: None,
            looking: Duration::ZERO,
            locked: true,
            attempt: 0,
            not_found: 0,
            replaced: 0,
            oddities: 0,
            setbacks: 0,
        }
    }

    /// An upload that another process left, at `now`.
    pub fn resumed(size: u64, route: Route, left: &Left, limits: Limits, now: Duration) -> Self {
        let acked = left.acked.min(size);
        let sent = left.sent.clamp(acked, size);
        let mut protocol = UploadProtocol::new(size, route, limits);
        let go_on = match (route, left.session) {
            (Route::Post, _) => Pending::Post,
            (Route::Session, false) => Pending::Create,
            (Route::Session, true) => {
                protocol.session = Session {
                    from_disk: true,
                    // One that is over can only have been finished long ago.
                    may_be_finished: !left.expired,
                    ..Session::at(acked, sent)
                };
                protocol.range = Range {
                    start: acked,
                    end: sent,
                };
                Pending::Resolve
            }
        };
        protocol.incident.reason = QueryReason::Resume;
        protocol.pending = match left.doubt {
            Some(age) => {
                protocol.tried = true;
                let doubt = Doubt::new(now, age, limits.lag);
                protocol.incident = Incident {
                    reason: QueryReason::Resume,
                    ..Incident::doubt(doubt, Then::Go(go_on), now)
                };
                Pending::Doubt
            }
            None => {
                protocol.incident.then = Then::Go(go_on);
                Pending::Find(LookupReason::Resuming)
            }
        };
        protocol
    }

    /// Without a lock on the item, so that others may attach the same at any moment.
    pub fn unlocked(self) -> Self {
        UploadProtocol {
            locked: false,
            ..self
        }
    }

    /// Bytes that the service is known to hold.
    pub fn acknowledged(&self) -> u64 {
        self.session.acked
    }

    /// The route as it is now: the service may have asked for the other one.
    pub fn route(&self) -> Route {
        self.route
    }

    /// Whether it may be attached although nobody said so: how long that has been in doubt at `now`.
    pub fn in_doubt(&self, now: Duration) -> Option<Duration> {
        let doubt = self.incident.doubt.as_ref();
        doubt
            .filter(|_| !self.incident.is_suspicion)
            .map(|doubt| doubt.age(now))
    }

    /// Takes what was observed at `now` (since any fixed point) and returns the next step. `roll` in
    /// `0.0..1.0` is the jitter of a wait.
    pub fn step(&mut self, observed: &Observation, now: Duration, roll: f64) -> Step {
        let clock = Clock { now, roll };
        match observed {
            Observation::Begin | Observation::Waited => self.run_pending(clock),
            Observation::HeldBack => {
                self.incident.doubt = None;
                self.run_pending(clock)
            }
            Observation::Listed(result) => self.listed(borrowed(result), clock),
            Observation::Created(result) => self.created(borrowed(result), clock),
            Observation::Posted(result) => self.posted(borrowed(result), clock),
            Observation::Put(Ok(answer)) => self.answered(answer.clone(), clock),
            Observation::Put(Err(error)) => self.put_failed(error, clock),
            Observation::StatusAnswered(result) => self.status_answered(borrowed(result), clock),
            Observation::Searched(result) => self.searched(borrowed(result), clock),
            Observation::Cancelled => self.cancelled(clock),
            Observation::OutOfTime => {
                self.incident.doubt = None;
                Step::Stop(Stop::Deadline)
            }
            Observation::FileChanged => {
                if matches!(self.pending, Pending::Post | Pending::Put) {
                    // It was not sent.
                    self.incident.doubt = None;
                }
                self.abandon(Stop::FileChanged)
            }
        }
    }

    /// Starts what is due.
    fn run_pending(&mut self, clock: Clock) -> Step {
        match self.pending.clone() {
            Pending::List => {
                self.looking = clock.now;
                Step::List
            }
            Pending::Post => self.post(clock),
            Pending::Create => Step::Create,
            Pending::Put => self.put(clock),
            Pending::QueryStatus => Step::QueryStatus,
            Pending::Find(why) => {
                self.looking = clock.now;
                Step::FindAttachment(match why {
                    LookupReason::Doubt => Search::InDoubt,
                    LookupReason::Confirm(id) => Search::Twice(id),
                    LookupReason::Resuming
                    | LookupReason::Replacing
                    | LookupReason::BeforeAttaching => Search::Meanwhile,
                })
            }
            Pending::Doubt => self.look_into_doubt(clock),
            Pending::Resolve => self.resolve(clock),
            Pending::AfterCancel(then) => self.follow(*then, clock),
        }
    }

    fn run_now(&mut self, pending: Pending, clock: Clock) -> Step {
        self.pending = pending;
        self.run_pending(clock)
    }

    /// Does what follows.
    fn follow(&mut self, then: Then, clock: Clock) -> Step {
        match then {
            Then::Go(pending) => self.run_now(pending, clock),
            Then::Replace => self.replace(clock),
            Then::OtherRoute(route) => self.other_route(route, clock),
            Then::Identified => Step::Attached {
                id: None,
                already: false,
            },
            Then::Abandon(stop) => self.abandon(stop),
            Then::End(step) => step,
        }
    }

    /// The end, after which the session is of no use to anybody.
    fn abandon(&mut self, stop: Stop) -> Step {
        self.cancel_then(Then::End(Step::Stop(stop)))
    }

    fn cancel_then(&mut self, then: Then) -> Step {
        let replacing = matches!(then, Then::Go(_));
        self.pending = Pending::AfterCancel(Box::new(then));
        Step::CancelSession { replacing }
    }

    fn cancelled(&mut self, clock: Clock) -> Step {
        self.run_pending(clock)
    }

    fn listed(&mut self, result: Result<Sighting, &Error>, clock: Clock) -> Step {
        let seen = match result {
            Ok(seen) => seen,
            Err(error) => return self.failed(error, Pending::List, clock),
        };
        self.looked = Some(self.looking);
        self.attempt = 0;
        let begin = match self.route {
            Route::Post => Pending::Post,
            Route::Session => Pending::Create,
        };
        match seen {
            Sighting::Ours(ids) => Step::Attached {
                id: ids.into_iter().next(),
                already: true,
            },
            Sighting::Nothing => {
                self.incident = Incident::none();
                self.run_now(begin, clock)
            }
            // One of those that were there before cannot be read: it may be the file.
            Sighting::Unclear => {
                let lag = self.limits.lag;
                let doubt = self.incident.doubt.take();
                let mut doubt =
                    doubt.unwrap_or_else(|| Doubt::new(self.looking, Duration::ZERO, lag));
                doubt.looked(self.looking, true, lag);
                self.incident = Incident::doubt(doubt, Then::Go(Pending::List), clock.now);
                self.look_into_doubt(clock)
            }
        }
    }

    fn created(&mut self, result: Result<ExpectedOffset, &Error>, clock: Clock) -> Step {
        match result {
            Ok(ExpectedOffset::At(0) | ExpectedOffset::Missing) => {
                self.session = Session::at(0, 0);
                self.incident = Incident::none();
                self.put(clock)
            }
            Ok(ExpectedOffset::At(n)) => self.abandon(Stop::Contradiction(format!(
                "a new session asks for the bytes from {n} on"
            ))),
            Ok(ExpectedOffset::Invalid) => self.abandon(Stop::Contradiction(
                "a new session's `nextExpectedRanges` cannot be read".to_owned(),
            )),
            Err(error)
                if matches!(
                    error.kind,
                    ErrorKind::SessionTooSmall | ErrorKind::NoSessions
                ) =>
            {
                self.other_route(Route::Post, clock)
            }
            Err(error) => self.failed(error, Pending::Create, clock),
        }
    }

    fn post(&mut self, clock: Clock) -> Step {
        self.pending = Pending::Post;
        if self.must_look(clock) {
            return self.run_now(Pending::Find(LookupReason::BeforeAttaching), clock);
        }
        self.sent_attaching(clock);
        Step::Post
    }

    fn posted(&mut self, result: Result<Option<String>, &Error>, clock: Clock) -> Step {
        let error = match result {
            Ok(id) => return self.attached(id, clock),
            Err(error) => error,
        };
        let (then, delay) = match error.kind {
            ErrorKind::BodyTooLarge if self.may_switch(Route::Session) => {
                (Then::OtherRoute(Route::Session), Duration::ZERO)
            }
            _ => self.after_failure(error, Pending::Post, clock),
        };
        self.unsettled(error, then, delay, clock)
    }

    /// Whether somebody may have attached the file since the last look.
    fn must_look(&self, clock: Clock) -> bool {
        let since = self.looked.map(|at| clock.now.saturating_sub(at));
        let pause = if self.locked { PAUSE } else { Duration::ZERO };
        since.is_none_or(|since| since > pause)
    }

    /// A request that attaches goes out.
    fn sent_attaching(&mut self, clock: Clock) {
        let doubt = Doubt::new(clock.now, Duration::ZERO, self.limits.lag);
        self.incident.doubt = Some(doubt);
    }

    /// A request that attaches failed; `then` follows after `delay` if it turns out that it attached nothing.
    fn unsettled(&mut self, error: &Error, then: Then, delay: Duration, clock: Clock) -> Step {
        let lag = match Certainty::of(error) {
            Certainty::NothingDone => {
                self.incident.doubt = None;
                self.incident.then = then;
                return self.after_wait(delay, error.kind, clock);
            }
            Certainty::Refused => Duration::ZERO,
            Certainty::Unknown => self.limits.lag,
        };
        self.tried = true;
        let doubt = Doubt::new(clock.now, Duration::ZERO, lag);
        self.incident = Incident {
            reason: self.incident.reason,
            ..Incident::doubt(doubt, then, clock.now + delay)
        };
        if error.kind == ErrorKind::Deadline {
            return Step::Stop(Stop::Deadline);
        }
        if lag.is_zero() && !delay.is_zero() {
            if !self.is_past_deadline(delay, clock) {
                return self.wait(delay, error.kind, Pending::Doubt, clock);
            }
            self.incident.then = Then::End(Step::Stop(Stop::Deadline));
        }
        self.look_into_doubt(clock)
    }

    fn may_switch(&self, route: Route) -> bool {
        let impossible = match route {
            Route::Post => self.size > LARGEST_POST,
            // A session needs a byte to send.
            Route::Session => self.size == 0,
        };
        !self.switched && !impossible
    }

    /// The service wants the other route. Once: two refusals are a refusal.
    fn other_route(&mut self, route: Route, clock: Clock) -> Step {
        if !self.may_switch(route) {
            return Step::Stop(Stop::Error);
        }
        self.switched = true;
        self.route = route;
        self.incident = Incident::none();
        self.run_now(
            match route {
                Route::Post => Pending::Post,
                Route::Session => Pending::Create,
            },
            clock,
        )
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
