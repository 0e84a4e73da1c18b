//! What follows the answer to a range, or the lack of one: on, ask, again, or a new session.

use super::{
    ASKS, Asking, Cause, Clock, Doing, LOOKS, Look, Machine, NOT_FOUND, ODDITIES, REFUSED_REPEATS,
    REPLACEMENTS,
};
use crate::{
    graph::{Error, Kind, ranges::Next},
    upload::{
        plan::Range,
        step::{Answer, Step, Stop},
    },
};

impl Machine {
    pub(super) fn answered(&mut self, answer: Answer, clock: Clock) -> Step {
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
    pub(super) fn position(&mut self, n: u64, clock: Clock) -> Step {
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
            self.refused_repeats = 0;
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

    pub(super) fn incident_over(&mut self) {
        self.asks = 0;
        self.looks = 0;
        self.cause = Cause::Doubt;
    }

    pub(super) fn put_failed(&mut self, error: &Error, clock: Clock) -> Step {
        let repeated = self.range.end <= self.sent;
        if !matches!(
            error.kind,
            Kind::Connect | Kind::Certificate | Kind::Throttled
        ) {
            self.sent = self.sent.max(self.range.end);
        }
        self.gone = error.is("ErrorItemNotFound");
        match error.kind {
            // Nothing was done; whatever was in doubt before is still in doubt.
            Kind::Connect | Kind::Throttled => self.retry(error, Doing::Put, clock),
            Kind::Conflict if repeated && self.asking == Asking::Refused => {
                self.refused_repeats += 1;
                if self.refused_repeats < REFUSED_REPEATS {
                    self.doubt(error, clock)
                } else {
                    self.replace()
                }
            }
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
    pub(super) fn doubt(&mut self, error: &Error, clock: Clock) -> Step {
        self.cause = Cause::Doubt;
        self.asks = 0;
        self.looks = 0;
        if error.kind == Kind::Contradiction {
            self.odd(error, Doing::Resolve, clock)
        } else {
            self.retry(error, Doing::Resolve, clock)
        }
    }

    pub(super) fn resolve(&mut self) -> Step {
        if self.sent == self.size && self.looks < LOOKS {
            return self.look(Look::LostLast);
        }
        self.ask_or_send()
    }

    /// Whether what would go next may have attached the file already. A record on disk may be older
    /// than the truth: the process that wrote it could not save, and sent the last range all the same.
    fn last_in_doubt(&self) -> bool {
        let next = Range::next(self.acked, self.size, self.limits.chunk);
        self.sent == self.size || (self.from_disk && next.end == self.size)
    }

    pub(super) fn ask_or_send(&mut self) -> Step {
        if self.asking == Asking::Possible && self.asks < ASKS {
            self.asks += 1;
            return self.due(Doing::Ask);
        }
        self.send_again()
    }

    pub(super) fn send_again(&mut self) -> Step {
        if self.acked == self.size {
            // A finished upload whose attachment is gone: there is nothing left to send here.
            return self.replace();
        }
        self.repeated |= self.last_in_doubt();
        self.put()
    }

    pub(super) fn asked(&mut self, result: Result<Next, &Error>, clock: Clock) -> Step {
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
    pub(super) fn no_word(&mut self, clock: Clock) -> Step {
        self.asking = Asking::Refused;
        self.no_word_now(clock)
    }

    pub(super) fn no_word_now(&mut self, clock: Clock) -> Step {
        match self.cause {
            Cause::Refusal => self.replace(),
            Cause::Doubt | Cause::Resume if self.last_in_doubt() && self.looks < LOOKS => {
                self.look_again(Look::LostLast, clock)
            }
            Cause::Doubt | Cause::Resume => self.send_again(),
        }
    }

    /// Whether the session may be over only because its item is not known everywhere yet: no byte was
    /// ever taken.
    pub(super) fn too_young(&self) -> bool {
        self.gone && self.high == 0
    }

    /// How often a session may be replaced. Once is always allowed: it is not a request that failed, and
    /// without it a session that died between two commands would never come to an end.
    pub(super) fn replacements(&self) -> u32 {
        REPLACEMENTS.min(self.limits.max_retries.max(1))
    }

    /// This session is over: a new one, if there may be one.
    pub(super) fn replace(&mut self) -> Step {
        if self.too_young() && self.not_found < NOT_FOUND.min(self.limits.max_retries) {
            self.not_found += 1;
        } else if self.replaced < self.replacements() {
            self.replaced += 1;
        } else {
            return Step::Stop(Stop::SessionsSpent);
        }
        self.discard_then(Step::Look { identify: false })
    }
}
