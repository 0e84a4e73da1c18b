//! What follows the answer to a range, or the lack of one: on, ask, again, or a new session.

use std::time::Duration;

use super::{
    ASKS, Clock, Incident, LookupReason, NOT_FOUND, ODDITIES, Pending, QueryReason,
    REFUSED_REPEATS, REPLACEMENTS, SMALLEST_CHUNK, StatusQuery, Then, UploadProtocol,
};
use crate::{
    Error, ErrorKind, ExpectedOffset,
    protocol::{
        plan::{Range, Route},
        step::{Answer, Step, Stop},
    },
};

impl UploadProtocol {
    /// The next range goes out; the one that attaches only after a look, if the last one is too long ago.
    pub(super) fn put(&mut self, clock: Clock) -> Step {
        self.pending = Pending::Put;
        self.range = Range::next(self.session.acked, self.size, self.limits.chunk);
        if self.range.end < self.size {
            return Step::Put {
                range: self.range,
                last: false,
            };
        }
        if self.must_look(clock) {
            return self.run_now(Pending::Find(LookupReason::BeforeAttaching), clock);
        }
        self.attach_now(clock)
    }

    /// Sends what attaches: it was looked just now.
    pub(super) fn attach_now(&mut self, clock: Clock) -> Step {
        self.sent_attaching(clock);
        match self.route {
            Route::Post => {
                self.pending = Pending::Post;
                Step::Post
            }
            Route::Session => {
                self.pending = Pending::Put;
                Step::Put {
                    range: self.range,
                    last: true,
                }
            }
        }
    }

    pub(super) fn answered(&mut self, answer: Answer, clock: Clock) -> Step {
        let range = self.range;
        self.session.sent = self.session.sent.max(range.end);
        match answer {
            Answer::Attached(id) if range.end == self.size => self.attached(id, clock),
            Answer::Attached(_) => {
                let what = "it answered 201 before the last byte was sent, and what it attached \
                            is not the file";
                let stop = Stop::Contradiction(what.to_owned());
                self.doubt(Then::End(Step::Stop(stop)), clock)
            }
            Answer::Continues(ExpectedOffset::At(n)) => self.position(n, clock),
            Answer::Continues(ExpectedOffset::Missing) => self.position(range.end, clock),
            Answer::Continues(ExpectedOffset::Invalid) => {
                let error = Error::contradiction("`nextExpectedRanges` cannot be read");
                self.put_failed(&error, clock)
            }
        }
    }

    /// The service says that it holds `n` bytes.
    pub(super) fn position(&mut self, n: u64, clock: Clock) -> Step {
        if n > self.size || (n > self.session.sent && !self.session.from_disk) {
            let what = format!(
                "it says that it holds {n} bytes, but only {} of {} were sent",
                self.session.sent, self.size
            );
            return self.abandon(Stop::Contradiction(what));
        }
        if n > self.session.sent {
            // The record is older than the truth: what lies between was sent by a process that
            // could not save, so nobody can vouch for it.
            return self.replace(clock);
        }
        if n < self.session.acked {
            self.setbacks += 1;
            if self.setbacks > ODDITIES {
                let what = "it keeps forgetting bytes that it had acknowledged".to_owned();
                return self.abandon(Stop::Contradiction(what));
            }
        }
        let moved = n > self.session.high;
        let after_range = self.pending == Pending::Put;
        self.session.acked = n;
        if moved {
            self.session.high = n;
            self.session.agreed_refusals = 0;
            self.session.refused_repeats = 0;
            (self.attempt, self.oddities) = (0, 0);
        }
        (self.session.from_disk, self.session.may_be_finished) = (false, false);
        if n == self.size {
            // All of it, and no 201: perhaps that came first, and was lost.
            self.tried = true;
            return self.doubt(Then::Replace, clock);
        }
        if !moved && after_range {
            // 200, and not a byte further: not a success, not quite an error.
            let error = Error::contradiction("it took a range and is no further than before");
            return self.stalled(&error, clock);
        }
        if after_range && self.range.end == self.size {
            // It took part of the last range. So it says.
            self.tried = true;
            return self.doubt(Then::Go(Pending::Put), clock);
        }
        self.incident = Incident::none();
        self.put(clock)
    }

    /// The service took a range and is no further.
    fn stalled(&mut self, error: &Error, clock: Clock) -> Step {
        let (then, delay) = self.after_failure(error, Pending::Put, clock);
        if self.range.end == self.size {
            return self.unsettled(error, then, delay, clock);
        }
        self.incident = Incident {
            then,
            ..Incident::none()
        };
        self.after_wait(delay, error.kind, clock)
    }

    pub(super) fn put_failed(&mut self, error: &Error, clock: Clock) -> Step {
        use ErrorKind::{
            Conflict, Connect, Contradiction, Deadline, Forbidden, Intermediary, Lost, NotFound,
            Range, RangeTooLarge, Throttled, Unauthorized, Unavailable,
        };
        let repeated = self.range.end <= self.session.sent;
        let last = self.range.end == self.size;
        if !(error.kind.never_connected() || error.kind == Throttled) {
            self.session.sent = self.session.sent.max(self.range.end);
        }
        self.session.item_missing = error.is("ErrorItemNotFound");
        let mut incident = Incident {
            doubt: self.incident.doubt.take(),
            ..Incident::none()
        };
        let (then, delay) = match error.kind {
            // Nothing was done.
            Connect | Throttled => self.after_failure(error, Pending::Put, clock),
            Conflict if repeated && self.session.status_query == StatusQuery::Refused => {
                self.session.refused_repeats += 1;
                match self.session.refused_repeats < REFUSED_REPEATS {
                    true => self.after_failure(error, Pending::Resolve, clock),
                    false => (Then::Replace, Duration::ZERO),
                }
            }
            Lost | Unavailable | Conflict | Contradiction | Intermediary => {
                self.after_failure(error, Pending::Resolve, clock)
            }
            Range | NotFound | Unauthorized | Forbidden => {
                incident = Incident {
                    doubt: incident.doubt,
                    ..Incident::refusal()
                };
                (Then::Go(Pending::Resolve), Duration::ZERO)
            }
            Deadline => (Then::End(Step::Stop(Stop::Deadline)), Duration::ZERO),
            // Something in between takes smaller requests only, and the session is as it was.
            RangeTooLarge if self.limits.chunk > SMALLEST_CHUNK => {
                self.limits.chunk = (self.limits.chunk / 2).max(SMALLEST_CHUNK);
                (Then::Go(Pending::Put), Duration::ZERO)
            }
            kind if kind.never_connected() => (Then::End(Step::Stop(Stop::Error)), Duration::ZERO),
            _ => (Then::Abandon(Stop::Error), Duration::ZERO),
        };
        self.incident = incident;
        if last {
            return self.unsettled(error, then, delay, clock);
        }
        self.incident.then = then;
        self.after_wait(delay, error.kind, clock)
    }

    /// Where does the session stand? What may have attached was looked for by now.
    pub(super) fn resolve(&mut self, clock: Clock) -> Step {
        let asked = self.incident.status_queries;
        let most = match self.incident.reason {
            QueryReason::Refusal => 1,
            QueryReason::Doubt | QueryReason::Resume => ASKS,
        };
        if self.session.status_query == StatusQuery::Possible && asked < most {
            self.incident.status_queries += 1;
            return self.run_now(Pending::QueryStatus, clock);
        }
        self.without_status(clock)
    }

    pub(super) fn status_answered(
        &mut self,
        result: Result<ExpectedOffset, &Error>,
        clock: Clock,
    ) -> Step {
        use ErrorKind::{Connect, Deadline, Lost, Throttled, Unavailable};
        let error = match result {
            Ok(ExpectedOffset::At(n)) => {
                if self.incident.reason == QueryReason::Refusal && n == self.range.start {
                    // It wants the very range that it just refused.
                    self.session.agreed_refusals += 1;
                    if self.session.agreed_refusals > 1 {
                        return self.replace(clock);
                    }
                }
                return self.position(n, clock);
            }
            Ok(ExpectedOffset::Missing | ExpectedOffset::Invalid) => {
                self.session.status_query = StatusQuery::Refused;
                return self.without_status(clock);
            }
            Err(error) => error,
        };
        match error.kind {
            Deadline => Step::Stop(Stop::Deadline),
            Connect | Throttled => self.failed(error, Pending::QueryStatus, clock),
            Lost | Unavailable if self.incident.status_queries < ASKS => {
                self.incident.status_queries += 1;
                self.failed(error, Pending::QueryStatus, clock)
            }
            Lost | Unavailable => self.without_status(clock),
            kind if kind.never_connected() => Step::Stop(Stop::Error),
            // GET is of no use with this service, or this session.
            _ => {
                self.session.status_query = StatusQuery::Refused;
                self.without_status(clock)
            }
        }
    }

    /// The session does not say where it stands.
    fn without_status(&mut self, clock: Clock) -> Step {
        if self.incident.doubt.is_some() {
            // Nobody could look either: what attaches must not be repeated.
            return Step::Stop(Stop::NotKnown);
        }
        match self.incident.reason {
            QueryReason::Refusal => self.replace(clock),
            // A finished upload whose attachment is gone: there is nothing left to send here.
            _ if self.session.acked == self.size => self.replace(clock),
            QueryReason::Doubt | QueryReason::Resume => self.put(clock),
        }
    }

    /// Whether the session may be over only because its item is not known everywhere yet: no byte was
    /// ever taken.
    pub(super) fn item_not_replicated_yet(&self) -> bool {
        self.session.item_missing && self.session.high == 0
    }

    /// How often a session may be replaced. Once is always allowed: it is not a request that failed, and
    /// without it a session that died between two commands would never come to an end.
    pub(super) fn replacements(&self) -> u32 {
        REPLACEMENTS.min(self.limits.max_retries.max(1))
    }

    /// This session is over: a new one, if there may be one.
    pub(super) fn replace(&mut self, clock: Clock) -> Step {
        if std::mem::take(&mut self.session.may_be_finished) {
            self.tried = true;
            let step = self.doubt(Then::Replace, clock);
            self.incident.is_suspicion = true;
            return step;
        }
        if self.item_not_replicated_yet() && self.not_found < NOT_FOUND.min(self.limits.max_retries)
        {
            self.not_found += 1;
        } else if self.replaced < self.replacements() {
            self.replaced += 1;
        } else {
            return Step::Stop(Stop::SessionsSpent);
        }
        self.incident = Incident::none();
        self.cancel_then(Then::Go(Pending::Find(LookupReason::Replacing)))
    }
}
