//! The upload protocol as a pure machine: what was seen and what time it is, in; the next step, out.
//!
//! It knows no network, no file and no clock of its own. The driver in `upload` executes each
//! [`Step`] and reports what it [`Seen`]. The rules that keep the promise are all in here:
//!
//! * Only what the service says it holds is held.
//! * After any error but a refused connection or a 429, the outcome is unknown. For a range in the
//!   middle the machine asks (GET), else sends the same range again. For the *last* range and for a
//!   POST it first looks for the finished attachment, because sending those twice attaches twice.
//! * A session is replaced only after that look, and only a few times.

use std::time::Duration;

use super::{
    plan::{LARGEST_POST, Range, Route},
    retry,
    step::{Answer, Limits, Seen, Step, Stop},
};
use crate::graph::{Error, Kind, ranges::Next};

/// How often a session is replaced by a new one in one run. A service incident that kills every
/// session (they happened in 2023 and 2025, for days) must end in a message, not in a loop.
const REPLACEMENTS: u32 = 2;

/// How many answers that make no sense are taken before the upload is given up.
const ODDITIES: u32 = 3;

/// How often an item may be "not found" at first: a draft takes a moment to reach every server. The
/// waits are 1, 2 and 4 s.
const NOT_FOUND: u32 = 3;

/// How often the attachments are looked at before a last range or a POST is sent again: the first
/// look may come before the service has finished what it was doing when the answer was lost.
const LOOKS: u32 = 2;

/// How often a GET on the upload URL that itself fails is tried for one incident.
const ASKS: u32 = 2;

/// Why the machine looks for the attachment, and so what follows when there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Look {
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
enum Doing {
    List,
    Post,
    Create,
    Put,
    Ask,
    Look(Look),
    /// Find out what became of the range or POST whose answer was lost.
    Resolve,
    DiscardThen(Box<Step>),
}

/// Whether GET on an upload URL helps here. Nobody knows for Outlook, so it is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    Possible,
    Refused,
}

/// Why the service was asked, which decides what follows when it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// An earlier process left the session.
    Resume,
    /// The answer to a range was lost.
    Doubt,
    /// The service did not take the range, or said that the session is gone.
    Refusal,
}

/// The state of one upload.
#[derive(Debug, Clone)]
pub struct Machine {
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
    doing: Doing,
    asking: Asking,
    cause: Cause,
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
}

impl Machine {
    /// An upload that begins.
    pub fn new(size: u64, route: Route, limits: Limits) -> Self {
        Machine {
            size,
            limits,
            route,
            switched: false,
            acked: 0,
            sent: 0,
            high: 0,
            from_disk: false,
            range: Range { start: 0, end: 0 },
            doing: Doing::List,
            asking: Asking::Possible,
            cause: Cause::Doubt,
            repeated: false,
            attempt: 0,
            asks: 0,
            looks: 0,
            not_found: 0,
            replaced: 0,
            oddities: 0,
            setbacks: 0,
            agreed_refusals: 0,
        }
    }

    /// An upload that another process left: `acked` bytes acknowledged, `sent` bytes handed over.
    pub fn resumed(size: u64, acked: u64, sent: u64, limits: Limits) -> Self {
        let acked = acked.min(size);
        let sent = sent.clamp(acked, size);
        let mut machine = Machine::new(size, Route::Session, limits);
        machine.acked = acked;
        machine.sent = sent;
        machine.high = acked;
        machine.from_disk = true;
        machine.range = Range {
            start: acked,
            end: sent,
        };
        machine.cause = Cause::Resume;
        machine.doing = Doing::Resolve;
        machine
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
    pub fn step(&mut self, seen: &Seen, now: Duration, roll: f64) -> Step {
        let clock = Clock { now, roll };
        match seen {
            Seen::Begin | Seen::Waited => self.go(),
            Seen::Listed(result) => self.listed(borrowed(result), clock),
            Seen::Created(result) => self.created(borrowed(result), clock),
            Seen::Posted(result) => self.posted(borrowed(result), clock),
            Seen::Put(Ok(answer)) => self.answered(answer.clone(), clock),
            Seen::Put(Err(error)) => self.put_failed(error, clock),
            Seen::Asked(result) => self.asked(borrowed(result), clock),
            Seen::Looked(result) => self.looked(borrowed(result), clock),
            Seen::Discarded => self.discarded(),
            Seen::FileChanged => self.discard_then(Step::Stop(Stop::FileChanged)),
        }
    }

    /// Starts what is due.
    fn go(&mut self) -> Step {
        match self.doing.clone() {
            Doing::List => Step::List,
            Doing::Post => Step::Post,
            Doing::Create => Step::Create,
            Doing::Put => self.put(),
            Doing::Ask => Step::Ask,
            Doing::Look(why) => Step::Look {
                identify: why == Look::Identify,
            },
            Doing::Resolve => self.resolve(),
            Doing::DiscardThen(step) => *step,
        }
    }

    fn due(&mut self, doing: Doing) -> Step {
        self.doing = doing;
        self.go()
    }

    fn put(&mut self) -> Step {
        self.doing = Doing::Put;
        self.range = Range::next(self.acked, self.size, self.limits.chunk);
        Step::Put {
            range: self.range,
            last: self.range.end == self.size,
        }
    }

    fn look(&mut self, why: Look) -> Step {
        self.looks += 1;
        self.due(Doing::Look(why))
    }

    fn discard_then(&mut self, step: Step) -> Step {
        let replacing = matches!(step, Step::Look { .. });
        self.doing = Doing::DiscardThen(Box::new(step));
        Step::Discard { replacing }
    }

    fn discarded(&mut self) -> Step {
        match std::mem::replace(&mut self.doing, Doing::Create) {
            Doing::DiscardThen(step) if matches!(*step, Step::Look { .. }) => {
                self.look(Look::Replacing)
            }
            Doing::DiscardThen(step) => *step,
            other => self.due(other),
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
                self.due(match self.route {
                    Route::Post => Doing::Post,
                    Route::Session => Doing::Create,
                })
            }
            Err(error) => self.failed(error, Doing::List, clock),
        }
    }

    fn created(&mut self, result: Result<Next, &Error>, clock: Clock) -> Step {
        match result {
            Ok(Next::At(0) | Next::Unsaid) => {
                (self.acked, self.sent, self.high) = (0, 0, 0);
                self.asking = Asking::Possible;
                self.from_disk = false;
                self.incident_over();
                self.put()
            }
            Ok(Next::At(n)) => {
                let what = format!("a new session asks for the bytes from {n} on");
                self.discard_then(Step::Stop(Stop::Contradiction(what)))
            }
            Ok(Next::Nonsense) => {
                let what = "a new session's `nextExpectedRanges` cannot be read".to_owned();
                self.discard_then(Step::Stop(Stop::Contradiction(what)))
            }
            Err(error) if error.kind == Kind::SessionTooSmall => self.other_route(Route::Post),
            Err(error) => self.failed(error, Doing::Create, clock),
        }
    }

    fn posted(&mut self, result: Result<String, &Error>, clock: Clock) -> Step {
        match result {
            Ok(id) => self.attached(Some(id)),
            Err(error) if error.kind == Kind::BodyTooLarge => self.other_route(Route::Session),
            Err(error) if error.kind.in_doubt() => {
                self.looks = 0;
                self.retry(error, Doing::Look(Look::LostPost), clock)
            }
            Err(error) => self.failed(error, Doing::Post, clock),
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
        self.due(match route {
            Route::Post => Doing::Post,
            Route::Session => Doing::Create,
        })
    }

    fn answered(&mut self, answer: Answer, clock: Clock) -> Step {
        let range = self.range;
        self.sent = self.sent.max(range.end);
        match answer {
            Answer::Attached(id) if range.end == self.size => self.attached(id),
            Answer::Attached(_) => self.look(Look::Early),
            Answer::Continues(Next::At(n)) => self.position(n, clock),
            Answer::Continues(Next::Unsaid) => self.position(range.end, clock),
            Answer::Continues(Next::Nonsense) => {
                let error = Error::contradiction("`nextExpectedRanges` cannot be read");
                self.doubt(&error, clock)
            }
        }
    }

    /// The service holds `n` bytes.
    fn position(&mut self, n: u64, clock: Clock) -> Step {
        if n > self.size || (n > self.sent && !self.from_disk) {
            let what = format!(
                "it says that it holds {n} bytes, but only {} of {} were sent",
                self.sent, self.size
            );
            return self.discard_then(Step::Stop(Stop::Contradiction(what)));
        }
        if n > self.sent {
            // The record is older than the truth: what lies between was sent by a process that
            // could not save, so nobody can vouch for it.
            return self.replace();
        }
        if n < self.acked {
            self.setbacks += 1;
            if self.setbacks > ODDITIES {
                let what = "it keeps forgetting bytes that it had acknowledged".to_owned();
                return self.discard_then(Step::Stop(Stop::Contradiction(what)));
            }
        }
        let moved = n > self.high;
        self.acked = n;
        if moved {
            self.high = n;
            self.attempt = 0;
            self.oddities = 0;
            self.agreed_refusals = 0;
        }
        self.from_disk = false;
        self.incident_over();
        if n == self.size {
            return self.look(Look::Complete);
        }
        if !moved && self.doing == Doing::Put {
            // 200, and not a byte further: not a success, not quite an error.
            let error = Error::contradiction("it took a range and is no further than before");
            return self.odd(&error, Doing::Put, clock);
        }
        self.put()
    }

    fn incident_over(&mut self) {
        self.asks = 0;
        self.looks = 0;
        self.cause = Cause::Doubt;
    }

    fn put_failed(&mut self, error: &Error, clock: Clock) -> Step {
        if !matches!(
            error.kind,
            Kind::Connect | Kind::Certificate | Kind::Throttled
        ) {
            self.sent = self.sent.max(self.range.end);
        }
        match error.kind {
            // Nothing was done; whatever was in doubt before is still in doubt.
            Kind::Connect | Kind::Throttled => self.retry(error, Doing::Put, clock),
            Kind::Lost | Kind::Unavailable | Kind::Conflict | Kind::Contradiction => {
                self.doubt(error, clock)
            }
            Kind::Range | Kind::NotFound | Kind::Unauthorized | Kind::Forbidden => {
                self.cause = Cause::Refusal;
                if self.asking == Asking::Possible && self.asks == 0 {
                    self.asks += 1;
                    self.due(Doing::Ask)
                } else {
                    self.replace()
                }
            }
            Kind::Deadline => Step::Stop(Stop::Deadline),
            Kind::Certificate => Step::Stop(Stop::Error),
            _ => self.discard_then(Step::Stop(Stop::Error)),
        }
    }

    /// The fate of the range is unknown: wait, then find out.
    fn doubt(&mut self, error: &Error, clock: Clock) -> Step {
        self.cause = Cause::Doubt;
        self.asks = 0;
        self.looks = 0;
        if error.kind == Kind::Contradiction {
            self.odd(error, Doing::Resolve, clock)
        } else {
            self.retry(error, Doing::Resolve, clock)
        }
    }

    fn resolve(&mut self) -> Step {
        if self.sent == self.size && self.looks < LOOKS {
            return self.look(Look::LostLast);
        }
        self.ask_or_send()
    }

    fn ask_or_send(&mut self) -> Step {
        if self.asking == Asking::Possible && self.asks < ASKS {
            self.asks += 1;
            return self.due(Doing::Ask);
        }
        self.send_again()
    }

    fn send_again(&mut self) -> Step {
        self.repeated |= self.sent == self.size;
        self.put()
    }

    fn asked(&mut self, result: Result<Next, &Error>, clock: Clock) -> Step {
        match result {
            Ok(Next::At(n)) => {
                if self.cause == Cause::Refusal && n == self.range.start {
                    // It wants the very range that it just refused.
                    self.agreed_refusals += 1;
                    if self.agreed_refusals > 1 {
                        return self.replace();
                    }
                }
                self.position(n, clock)
            }
            Ok(Next::Unsaid | Next::Nonsense) => self.no_word(clock),
            Err(error) => match error.kind {
                Kind::Deadline => Step::Stop(Stop::Deadline),
                Kind::Certificate => Step::Stop(Stop::Error),
                Kind::Connect | Kind::Throttled => self.retry(error, Doing::Ask, clock),
                Kind::Lost | Kind::Unavailable if self.asks < ASKS => {
                    self.asks += 1;
                    self.retry(error, Doing::Ask, clock)
                }
                Kind::Lost | Kind::Unavailable => self.no_word_now(clock),
                _ => self.no_word(clock),
            },
        }
    }

    /// GET is of no use with this service.
    fn no_word(&mut self, clock: Clock) -> Step {
        self.asking = Asking::Refused;
        self.no_word_now(clock)
    }

    fn no_word_now(&mut self, clock: Clock) -> Step {
        match self.cause {
            Cause::Refusal => self.replace(),
            Cause::Doubt | Cause::Resume if self.sent == self.size && self.looks < LOOKS => {
                // Give the service a moment to finish what it may be doing, then look again.
                let error = Error::local(Kind::Unavailable, String::new());
                let delay = retry::delay(error.kind, 1, None, clock.roll);
                self.wait(delay, error.kind, Doing::Look(Look::LostLast), clock)
            }
            Cause::Doubt | Cause::Resume => self.send_again(),
        }
    }

    /// This session is over: a new one, if there may be one.
    fn replace(&mut self) -> Step {
        self.replaced += 1;
        if self.replaced > REPLACEMENTS.min(self.limits.max_retries) {
            return Step::Stop(Stop::SessionsSpent);
        }
        self.discard_then(Step::Look { identify: false })
    }

    fn looked(&mut self, result: Result<Vec<String>, &Error>, clock: Clock) -> Step {
        let Doing::Look(why) = self.doing.clone() else {
            return self.go();
        };
        match result {
            Ok(found) if found.len() > 1 => Step::Stop(Stop::Twice(found)),
            Ok(found) => match (found.into_iter().next(), why) {
                (_, Look::Confirm(id)) => Step::Attached {
                    id: Some(id),
                    already: false,
                },
                (Some(id), _) => Step::Attached {
                    id: Some(id),
                    already: false,
                },
                (None, Look::Identify) => Step::Attached {
                    id: None,
                    already: false,
                },
                (None, Look::LostLast) => self.ask_or_again(clock),
                (None, Look::LostPost) if self.looks < LOOKS => {
                    self.looks += 1;
                    let delay = retry::delay(Kind::Unavailable, 1, None, clock.roll);
                    self.wait(delay, Kind::Unavailable, Doing::Look(Look::LostPost), clock)
                }
                (None, Look::LostPost) => {
                    self.repeated = true;
                    self.due(Doing::Post)
                }
                (None, Look::Replacing) => {
                    let delay = retry::delay(Kind::NotFound, self.replaced, None, clock.roll);
                    self.wait(delay, Kind::NotFound, Doing::Create, clock)
                }
                (None, Look::Complete) => self.replace(),
                (None, Look::Early) => {
                    let what = "it answered 201 before the last byte was sent, and what it attached \
                                is not the file";
                    Step::Stop(Stop::Contradiction(what.to_owned()))
                }
            },
            // The upload itself has succeeded; not being able to look does not undo that.
            Err(error) if !error.kind.temporary() || self.attempt >= self.limits.max_retries => {
                match why {
                    Look::Identify => Step::Attached {
                        id: None,
                        already: false,
                    },
                    Look::Confirm(id) => Step::Attached {
                        id: Some(id),
                        already: false,
                    },
                    why => self.failed(error, Doing::Look(why), clock),
                }
            }
            Err(error) => self.failed(error, Doing::Look(why), clock),
        }
    }

    /// The last range is not attached as far as can be seen.
    fn ask_or_again(&mut self, clock: Clock) -> Step {
        if self.asking == Asking::Possible && self.asks < ASKS {
            self.asks += 1;
            return self.due(Doing::Ask);
        }
        self.no_word_now(clock)
    }

    fn attached(&mut self, id: Option<String>) -> Step {
        match id {
            None => self.look(Look::Identify),
            Some(id) if self.repeated => self.look(Look::Confirm(id)),
            Some(id) => Step::Attached {
                id: Some(id),
                already: false,
            },
        }
    }

    /// A request failed that is safe to repeat.
    fn failed(&mut self, error: &Error, doing: Doing, clock: Clock) -> Step {
        match error.kind {
            Kind::Deadline => Step::Stop(Stop::Deadline),
            Kind::Contradiction if error.is("UploadUrlRefused") => Step::Stop(Stop::Error),
            Kind::Contradiction => self.odd(error, doing, clock),
            Kind::Conflict => self.retry(error, doing, clock),
            Kind::NotFound if error.is("ErrorItemNotFound") && self.not_found < NOT_FOUND => {
                if self.not_found >= self.limits.max_retries {
                    return Step::Stop(Stop::Error);
                }
                let delay = Duration::from_secs(1 << self.not_found);
                self.not_found += 1;
                self.wait(delay, error.kind, doing, clock)
            }
            kind if kind.temporary() => self.retry(error, doing, clock),
            _ => Step::Stop(Stop::Error),
        }
    }

    /// An answer that makes no sense: a few are taken.
    fn odd(&mut self, error: &Error, doing: Doing, clock: Clock) -> Step {
        self.oddities += 1;
        if self.oddities > ODDITIES.min(self.limits.max_retries) {
            return Step::Stop(Stop::Contradiction(error.message.clone()));
        }
        let delay = retry::delay(error.kind, self.oddities, error.retry_after, clock.roll);
        self.wait(delay, error.kind, doing, clock)
    }

    fn retry(&mut self, error: &Error, doing: Doing, clock: Clock) -> Step {
        if error.kind == Kind::Deadline {
            return Step::Stop(Stop::Deadline);
        }
        if self.attempt >= self.limits.max_retries {
            return Step::Stop(Stop::RetriesSpent);
        }
        self.attempt += 1;
        let delay = retry::delay(error.kind, self.attempt, error.retry_after, clock.roll);
        self.wait(delay, error.kind, doing, clock)
    }

    fn wait(&mut self, delay: Duration, why: Kind, doing: Doing, clock: Clock) -> Step {
        if self
            .limits
            .deadline
            .is_some_and(|deadline| clock.now + delay >= deadline)
        {
            return Step::Stop(Stop::Deadline);
        }
        self.doing = doing;
        Step::Wait {
            delay,
            why,
            attempt: self.attempt.max(1),
        }
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
