//! Whether a failure is followed by another try, after which wait, and how often.

use std::time::Duration;

use super::{Clock, NOT_FOUND, ODDITIES, Pending, Then, UploadProtocol};
use crate::{
    Error, ErrorKind,
    protocol::{
        backoff,
        step::{Step, Stop},
    },
};

impl UploadProtocol {
    /// What follows a failure, and after how long: `pending` again, as often as that may be.
    pub(super) fn after_failure(
        &mut self,
        error: &Error,
        pending: Pending,
        clock: Clock,
    ) -> (Then, Duration) {
        let stop = |stop| (Then::End(Step::Stop(stop)), Duration::ZERO);
        match error.kind {
            ErrorKind::Deadline => stop(Stop::Deadline),
            ErrorKind::Contradiction if error.is("UploadUrlRefused") => stop(Stop::Error),
            // An answer that makes no sense: a few are taken.
            ErrorKind::Contradiction | ErrorKind::Intermediary => {
                self.oddities += 1;
                if self.oddities > ODDITIES.min(self.limits.max_retries) {
                    // What is in between is no word of the service: the session may be as good as before.
                    return stop(match error.kind {
                        ErrorKind::Intermediary => Stop::Error,
                        _ => Stop::Contradiction(error.message.clone()),
                    });
                }
                let delay =
                    backoff::delay(error.kind, self.oddities, error.retry_after, clock.roll);
                (Then::Go(pending), delay)
            }
            ErrorKind::NotFound if error.is("ErrorItemNotFound") && self.not_found < NOT_FOUND => {
                if self.not_found >= self.limits.max_retries {
                    return stop(Stop::Error);
                }
                let delay = Duration::from_secs(1 << self.not_found);
                self.not_found += 1;
                (Then::Go(pending), delay)
            }
            kind if kind.temporary() || kind == ErrorKind::Conflict => {
                if self.attempt >= self.limits.max_retries {
                    return stop(Stop::RetriesSpent);
                }
                self.attempt += 1;
                let delay = backoff::delay(kind, self.attempt, error.retry_after, clock.roll);
                (Then::Go(pending), delay)
            }
            _ => stop(Stop::Error),
        }
    }

    /// A request failed that is safe to repeat.
    pub(super) fn failed(&mut self, error: &Error, pending: Pending, clock: Clock) -> Step {
        match self.after_failure(error, pending, clock) {
            (Then::Go(pending), delay) => self.wait(delay, error.kind, pending, clock),
            (then, _) => self.follow(then, clock),
        }
    }

    /// Does what follows the incident, after a wait if there is one.
    pub(super) fn after_wait(&mut self, delay: Duration, why: ErrorKind, clock: Clock) -> Step {
        match self.incident.then.clone() {
            Then::Go(pending) if !delay.is_zero() => self.wait(delay, why, pending, clock),
            then => self.follow(then, clock),
        }
    }

    pub(super) fn wait(
        &mut self,
        delay: Duration,
        why: ErrorKind,
        pending: Pending,
        clock: Clock,
    ) -> Step {
        if self.is_past_deadline(delay, clock) {
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

    /// Whether the command would be over before `delay` is.
    pub(super) fn is_past_deadline(&self, delay: Duration, clock: Clock) -> bool {
        let then = clock.now + delay;
        self.limits
            .deadline
            .is_some_and(|deadline| then >= deadline)
    }
}
