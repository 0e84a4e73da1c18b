//! Whether a failure is followed by another try, after which wait, and how often.

use std::time::Duration;

use super::{Clock, Doing, Machine, NOT_FOUND, ODDITIES};
use crate::{
    graph::{Error, Kind},
    upload::{
        retry,
        step::{Step, Stop},
    },
};

impl Machine {
    /// A request failed that is safe to repeat.
    pub(super) fn failed(&mut self, error: &Error, doing: Doing, clock: Clock) -> Step {
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
    pub(super) fn odd(&mut self, error: &Error, doing: Doing, clock: Clock) -> Step {
        self.oddities += 1;
        if self.oddities > ODDITIES.min(self.limits.max_retries) {
            return Step::Stop(Stop::Contradiction(error.message.clone()));
        }
        let delay = retry::delay(error.kind, self.oddities, error.retry_after, clock.roll);
        self.wait(delay, error.kind, doing, clock)
    }

    pub(super) fn retry(&mut self, error: &Error, doing: Doing, clock: Clock) -> Step {
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

    pub(super) fn wait(&mut self, delay: Duration, why: Kind, doing: Doing, clock: Clock) -> Step {
        if self
            .limits
            .deadline
            .is_some_and(|deadline| clock.now + delay >= deadline)
        {
            return Step::Stop(Stop::Deadline);
        }
        self.doing = doing;
        // An item that is not there yet has a patience of its own.
        let (attempt, most) = match why {
            Kind::NotFound => (self.not_found, NOT_FOUND.min(self.limits.max_retries)),
            Kind::Range => (self.replaced, self.replacements()),
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
