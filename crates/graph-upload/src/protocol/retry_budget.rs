//! Whether a failure is followed by another try, after which wait, and how often.

use std::time::Duration;

use super::{Clock, NOT_FOUND, ODDITIES, Pending, UploadProtocol};
use crate::{
    Error, ErrorKind,
    protocol::{
        backoff,
        step::{Step, Stop},
    },
};

impl UploadProtocol {
    /// A request failed that is safe to repeat.
    pub(super) fn failed(&mut self, error: &Error, pending: Pending, clock: Clock) -> Step {
        match error.kind {
            ErrorKind::Deadline => Step::Stop(Stop::Deadline),
            ErrorKind::Contradiction if error.is("UploadUrlRefused") => Step::Stop(Stop::Error),
            ErrorKind::Contradiction | ErrorKind::Intermediary => {
                self.protocol_error(error, pending, clock)
            }
            ErrorKind::Conflict => self.retry(error, pending, clock),
            ErrorKind::NotFound if error.is("ErrorItemNotFound") && self.not_found < NOT_FOUND => {
                if self.not_found >= self.limits.max_retries {
                    return Step::Stop(Stop::Error);
                }
                let delay = Duration::from_secs(1 << self.not_found);
                self.not_found += 1;
                self.wait(delay, error.kind, pending, clock)
            }
            kind if kind.temporary() => self.retry(error, pending, clock),
            _ => Step::Stop(Stop::Error),
        }
    }

    /// An answer that makes no sense: a few are taken.
    pub(super) fn protocol_error(&mut self, error: &Error, pending: Pending, clock: Clock) -> Step {
        self.oddities += 1;
        if self.oddities > ODDITIES.min(self.limits.max_retries) {
            // Whatever is in between is no word of the service: the session may be as good as before.
            return Step::Stop(match error.kind {
                ErrorKind::Intermediary => Stop::Error,
                _ => Stop::Contradiction(error.message.clone()),
            });
        }
        let delay = backoff::delay(error.kind, self.oddities, error.retry_after, clock.roll);
        self.wait(delay, error.kind, pending, clock)
    }

    pub(super) fn retry(&mut self, error: &Error, pending: Pending, clock: Clock) -> Step {
        if error.kind == ErrorKind::Deadline {
            return Step::Stop(Stop::Deadline);
        }
        if self.attempt >= self.limits.max_retries {
            return Step::Stop(Stop::RetriesSpent);
        }
        self.attempt += 1;
        let delay = backoff::delay(error.kind, self.attempt, error.retry_after, clock.roll);
        self.wait(delay, error.kind, pending, clock)
    }

    pub(super) fn wait(
        &mut self,
        delay: Duration,
        why: ErrorKind,
        pending: Pending,
        clock: Clock,
    ) -> Step {
        if self
            .limits
            .deadline
            .is_some_and(|deadline| clock.now + delay >= deadline)
        {
            return Step::Stop(Stop::Deadline);
        }
        self.pending = pending;
        // An item that is not there yet has a patience of its own.
        let (attempt, most) = match why {
            ErrorKind::NotFound => (self.not_found, NOT_FOUND.min(self.limits.max_retries)),
            ErrorKind::Range => (self.replaced, self.replacements()),
            _ => (self.attempt, self.limits.max_retries),
        };
        Step::Wait {
            delay,
            why,
            attempt: attempt.max(1),
            most,
        }
    }
}
