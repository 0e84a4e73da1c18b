//! Looking for the attachment itself: the only way to know what became of a request that attaches, and
//! whether somebody else attached the file meanwhile.

use std::time::Duration;

use super::{
    Clock, Incident, LookupReason, Pending, StatusQuery, Then, UploadProtocol,
    doubt::{Doubt, Next},
};
use crate::{
    Error, ErrorKind,
    protocol::{
        backoff,
        plan::Route,
        step::{Sighting, Step, Stop},
    },
};

impl UploadProtocol {
    /// Looks, or waits for when it is time to, as long as it may be attached; then does what follows.
    pub(super) fn look_into_doubt(&mut self, clock: Clock) -> Step {
        let then = self.incident.then.clone();
        let Some(doubt) = &self.incident.doubt else {
            return self.follow(then, clock);
        };
        match (doubt.next(clock.now), then) {
            (Next::Look(delay), then) if delay.is_zero() => self.run_now(
                match then {
                    Then::Go(Pending::List) => Pending::List,
                    _ => Pending::Find(LookupReason::Doubt),
                },
                clock,
            ),
            (Next::Look(delay), _) => {
                let (age, of) = (doubt.age(clock.now), doubt.lag());
                if self.is_past_deadline(delay, clock) {
                    return Step::Stop(Stop::Deadline);
                }
                self.pending = Pending::Doubt;
                Step::WaitToLook { delay, age, of }
            }
            (Next::Nothing, Then::Identified) => {
                let what = "it answered 201 to the last byte, and the file is not among the \
                            attachments";
                Step::Stop(Stop::Contradiction(what.to_owned()))
            }
            (Next::Unknown, Then::Identified) => self.follow(Then::Identified, clock),
            (Next::Nothing, _) => {
                self.incident.doubt = None;
                self.session.may_be_finished = false;
                let rest = self.incident.not_before.saturating_sub(clock.now);
                self.after_wait(rest, ErrorKind::Unavailable, clock)
            }
            (Next::Unknown, _) => Step::Stop(Stop::NotKnown),
        }
    }

    /// It may be attached from now on: looks, and does what follows when it is not.
    pub(super) fn doubt(&mut self, then: Then, clock: Clock) -> Step {
        let doubt = Doubt::new(clock.now, Duration::ZERO, self.limits.lag);
        self.incident = Incident {
            reason: self.incident.reason,
            status_queries: self.incident.status_queries,
            ..Incident::doubt(doubt, then, clock.now)
        };
        self.look_into_doubt(clock)
    }

    pub(super) fn searched(&mut self, result: Result<Sighting, &Error>, clock: Clock) -> Step {
        let Pending::Find(why) = self.pending.clone() else {
            return self.run_pending(clock);
        };
        match result {
            Ok(sighting) => {
                self.looked = Some(self.looking);
                self.seen(sighting, why, clock)
            }
            Err(error) => self.search_failed(error, why, clock),
        }
    }

    fn seen(&mut self, sighting: Sighting, why: LookupReason, clock: Clock) -> Step {
        use LookupReason::{BeforeAttaching, Confirm, Doubt, Replacing, Resuming};
        match (sighting, why) {
            (sighting, Confirm(id)) => self.confirmed(sighting, id, clock),
            (Sighting::Ours(ids), _) if ids.len() > 1 => Step::Stop(Stop::Twice(ids)),
            (Sighting::Ours(ids), Doubt) => Step::Attached {
                id: ids.into_iter().next(),
                already: false,
            },
            // Not by this session, then; whoever did it, it is done.
            (Sighting::Ours(ids), Resuming | Replacing | BeforeAttaching) => {
                let attached = Step::Attached {
                    id: ids.into_iter().next(),
                    already: true,
                };
                match self.route {
                    Route::Post => attached,
                    Route::Session => self.cancel_then(Then::End(attached)),
                }
            }
            (seen, Doubt) => {
                let unclear = seen == Sighting::Unclear;
                let (began, lag) = (self.looking, self.limits.lag);
                if let Some(doubt) = &mut self.incident.doubt {
                    doubt.looked(began, unclear, lag);
                }
                self.look_into_doubt(clock)
            }
            (Sighting::Nothing, Resuming) => self.follow(self.incident.then.clone(), clock),
            (Sighting::Nothing, BeforeAttaching) => self.attach_now(clock),
            (Sighting::Nothing, Replacing) => self.open_another(clock),
            // Something of our name cannot be read: it may be the file.
            (Sighting::Unclear, why) => {
                let then = match why {
                    Resuming => self.incident.then.clone(),
                    BeforeAttaching if self.route == Route::Post => Then::Go(Pending::Post),
                    BeforeAttaching => Then::Go(Pending::Put),
                    _ => Then::Go(Pending::Create),
                };
                self.doubt(then, clock)
            }
        }
    }

    /// After a repetition: was it attached twice? As long as the list lacks what is known to be there, it
    /// would lack another one too.
    fn confirmed(&mut self, sighting: Sighting, id: String, clock: Clock) -> Step {
        let attached = |id| Step::Attached {
            id: Some(id),
            already: false,
        };
        let listed = match sighting {
            Sighting::Ours(ids) if ids.len() > 1 => return Step::Stop(Stop::Twice(ids)),
            Sighting::Ours(_) => return attached(id),
            Sighting::Nothing => false,
            Sighting::Unclear => true,
        };
        let (began, lag) = (self.looking, self.limits.lag);
        let doubt = self.incident.doubt.take();
        let mut doubt = doubt.unwrap_or_else(|| Doubt::new(began, Duration::ZERO, lag));
        doubt.looked(began, listed, lag);
        let next = doubt.next(clock.now);
        let (age, of) = (doubt.age(clock.now), doubt.lag());
        self.incident.doubt = Some(doubt);
        match next {
            Next::Look(delay) if !self.is_past_deadline(delay, clock) => {
                self.pending = Pending::Find(LookupReason::Confirm(id));
                Step::WaitToLook { delay, age, of }
            }
            _ => attached(id),
        }
    }

    fn search_failed(&mut self, error: &Error, why: LookupReason, clock: Clock) -> Step {
        let no_token = error.kind == ErrorKind::Auth;
        let over = !error.kind.temporary() || self.attempt >= self.limits.max_retries;
        match why {
            // A live session goes on without a token: then nobody can look.
            LookupReason::Resuming if no_token => self.follow(self.incident.then.clone(), clock),
            LookupReason::BeforeAttaching if no_token && self.route == Route::Session => {
                self.attach_now(clock)
            }
            LookupReason::Doubt if no_token && self.may_ask_the_session() => {
                self.ask_when_old_enough(clock)
            }
            // The upload itself has succeeded; not being able to look does not undo that.
            LookupReason::Confirm(id) if over => Step::Attached {
                id: Some(id),
                already: false,
            },
            LookupReason::Doubt if over && self.incident.then == Then::Identified => {
                self.follow(Then::Identified, clock)
            }
            why => self.failed(error, Pending::Find(why), clock),
        }
    }

    fn may_ask_the_session(&self) -> bool {
        self.route == Route::Session
            && self.session.status_query == StatusQuery::Possible
            && self.incident.status_queries == 0
    }

    /// Without a token the session itself may still say that it has not got the last range: once whatever
    /// is under way must have come to its end.
    fn ask_when_old_enough(&mut self, clock: Clock) -> Step {
        let Some(doubt) = &self.incident.doubt else {
            return self.run_now(Pending::Resolve, clock);
        };
        let (age, of) = (doubt.age(clock.now), doubt.lag());
        let delay = of.saturating_sub(age);
        if self.is_past_deadline(delay, clock) {
            return Step::Stop(Stop::Deadline);
        }
        if delay.is_zero() {
            self.incident.status_queries += 1;
            return self.run_now(Pending::QueryStatus, clock);
        }
        self.pending = Pending::Find(LookupReason::Doubt);
        Step::WaitToLook { delay, age, of }
    }

    /// The old session is over and nothing was attached: a new one, after a moment.
    fn open_another(&mut self, clock: Clock) -> Step {
        let young = self.item_not_replicated_yet();
        let (delay, why) = match self.not_found.checked_sub(1) {
            Some(before) if young => (Duration::from_secs(1 << before), ErrorKind::NotFound),
            _ => (
                backoff::delay(ErrorKind::NotFound, self.replaced, None, clock.roll),
                ErrorKind::Range,
            ),
        };
        self.wait(delay, why, Pending::Create, clock)
    }

    /// The service says that it is attached.
    pub(super) fn attached(&mut self, id: Option<String>, clock: Clock) -> Step {
        self.incident.doubt = None;
        match id {
            None => self.doubt(Then::Identified, clock),
            Some(id) if self.tried || self.replaced > 0 => {
                self.run_now(Pending::Find(LookupReason::Confirm(id)), clock)
            }
            Some(id) => Step::Attached {
                id: Some(id),
                already: false,
            },
        }
    }
}
