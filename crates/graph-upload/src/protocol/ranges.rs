//! What follows the answer to a range, or the lack of one: on, ask, again, or a new session.

use super::{
    ASKS, Clock, LOOKS, LookupReason, NOT_FOUND, ODDITIES, Pending, QueryReason, REFUSED_REPEATS,
    REPLACEMENTS, StatusQuery, UploadProtocol,
};
use crate::{
    Error, ErrorKind, ExpectedOffset,
    protocol::{
        plan::Range,
        step::{Answer, Step, Stop},
    },
};

impl UploadProtocol {
    pub(super) fn answered(&mut self, answer: Answer, clock: Clock) -> Step {
        let range = self.range;
        self.sent = self.sent.max(range.end);
        match answer {
            Answer::Attached(id) if range.end == self.size => self.attached(id),
            Answer::Attached(_) => self.look(LookupReason::Early),
            Answer::Continues(ExpectedOffset::At(n)) => self.position(n, clock),
            Answer::Continues(ExpectedOffset::Missing) => self.position(range.end, clock),
            Answer::Continues(ExpectedOffset::Invalid) => {
                let error = Error::contradiction("`nextExpectedRanges` cannot be read");
                self.outcome_unknown(&error, clock)
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
            return self.cancel_then(Step::Stop(Stop::Contradiction(what)));
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
                return self.cancel_then(Step::Stop(Stop::Contradiction(what)));
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
            return self.look(LookupReason::Complete);
        }
        if !moved && self.pending == Pending::Put {
            // 200, and not a byte further: not a success, not quite an error.
            let error = Error::contradiction("it took a range and is no further than before");
            return self.protocol_error(&error, Pending::Put, clock);
        }
        self.put()
    }

    pub(super) fn incident_over(&mut self) {
        self.asks = 0;
        self.looks = 0;
        self.reason = QueryReason::Doubt;
    }

    pub(super) fn put_failed(&mut self, error: &Error, clock: Clock) -> Step {
        let repeated = self.range.end <= self.sent;
        if !matches!(
            error.kind,
            ErrorKind::Connect | ErrorKind::Certificate | ErrorKind::Proxy | ErrorKind::Throttled
        ) {
            self.sent = self.sent.max(self.range.end);
        }
        self.item_missing = error.is("ErrorItemNotFound");
        match error.kind {
            // Nothing was done; whatever was in doubt before is still in doubt.
            ErrorKind::Connect | ErrorKind::Throttled => self.retry(error, Pending::Put, clock),
            ErrorKind::Conflict if repeated && self.status_query == StatusQuery::Refused => {
                self.refused_repeats += 1;
                if self.refused_repeats < REFUSED_REPEATS {
                    self.outcome_unknown(error, clock)
                } else {
                    self.replace()
                }
            }
            ErrorKind::Lost
            | ErrorKind::Unavailable
            | ErrorKind::Conflict
            | ErrorKind::Intermediary
            | ErrorKind::Contradiction => self.outcome_unknown(error, clock),
            ErrorKind::Range
            | ErrorKind::NotFound
            | ErrorKind::Unauthorized
            | ErrorKind::Forbidden => {
                self.reason = QueryReason::Refusal;
                if self.status_query == StatusQuery::Possible && self.asks == 0 {
                    self.asks += 1;
                    self.run_now(Pending::QueryStatus)
                } else {
                    self.replace()
                }
            }
            ErrorKind::Deadline => Step::Stop(Stop::Deadline),
            ErrorKind::Certificate | ErrorKind::Proxy => Step::Stop(Stop::Error),
            _ => self.cancel_then(Step::Stop(Stop::Error)),
        }
    }

    /// The fate of the range is unknown: wait, then find out.
    pub(super) fn outcome_unknown(&mut self, error: &Error, clock: Clock) -> Step {
        self.reason = QueryReason::Doubt;
        self.asks = 0;
        self.looks = 0;
        if matches!(
            error.kind,
            ErrorKind::Contradiction | ErrorKind::Intermediary
        ) {
            self.protocol_error(error, Pending::Resolve, clock)
        } else {
            self.retry(error, Pending::Resolve, clock)
        }
    }

    pub(super) fn resolve(&mut self) -> Step {
        if self.sent == self.size && self.looks < LOOKS {
            return self.look(LookupReason::LostLast);
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
        if self.status_query == StatusQuery::Possible && self.asks < ASKS {
            self.asks += 1;
            return self.run_now(Pending::QueryStatus);
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

    pub(super) fn asked(&mut self, result: Result<ExpectedOffset, &Error>, clock: Clock) -> Step {
        match result {
            Ok(ExpectedOffset::At(n)) => {
                if self.reason == QueryReason::Refusal && n == self.range.start {
                    // It wants the very range that it just refused.
                    self.agreed_refusals += 1;
                    if self.agreed_refusals > 1 {
                        return self.replace();
                    }
                }
                self.position(n, clock)
            }
            Ok(ExpectedOffset::Missing | ExpectedOffset::Invalid) => self.status_unsupported(clock),
            Err(error) => match error.kind {
                ErrorKind::Deadline => Step::Stop(Stop::Deadline),
                ErrorKind::Certificate | ErrorKind::Proxy => Step::Stop(Stop::Error),
                ErrorKind::Connect | ErrorKind::Throttled => {
                    self.retry(error, Pending::QueryStatus, clock)
                }
                ErrorKind::Lost | ErrorKind::Unavailable if self.asks < ASKS => {
                    self.asks += 1;
                    self.retry(error, Pending::QueryStatus, clock)
                }
                ErrorKind::Lost | ErrorKind::Unavailable => self.status_unsupported_now(clock),
                _ => self.status_unsupported(clock),
            },
        }
    }

    /// GET is of no use with this service.
    pub(super) fn status_unsupported(&mut self, clock: Clock) -> Step {
        self.status_query = StatusQuery::Refused;
        self.status_unsupported_now(clock)
    }

    pub(super) fn status_unsupported_now(&mut self, clock: Clock) -> Step {
        match self.reason {
            QueryReason::Refusal => self.replace(),
            QueryReason::Doubt | QueryReason::Resume
                if self.last_in_doubt() && self.looks < LOOKS =>
            {
                self.look_again(LookupReason::LostLast, clock)
            }
            QueryReason::Doubt | QueryReason::Resume => self.send_again(),
        }
    }

    /// Whether the session may be over only because its item is not known everywhere yet: no byte was
    /// ever taken.
    pub(super) fn item_not_replicated_yet(&self) -> bool {
        self.item_missing && self.high == 0
    }

    /// How often a session may be replaced. Once is always allowed: it is not a request that failed, and
    /// without it a session that died between two commands would never come to an end.
    pub(super) fn replacements(&self) -> u32 {
        REPLACEMENTS.min(self.limits.max_retries.max(1))
    }

    /// This session is over: a new one, if there may be one.
    pub(super) fn replace(&mut self) -> Step {
        if self.item_not_replicated_yet() && self.not_found < NOT_FOUND.min(self.limits.max_retries)
        {
            self.not_found += 1;
        } else if self.replaced < self.replacements() {
            self.replaced += 1;
        } else {
            return Step::Stop(Stop::SessionsSpent);
        }
        self.cancel_then(Step::FindAttachment { identify: false })
    }
}
