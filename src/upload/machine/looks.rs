//! Looking for the attachment itself: the only way to know what became of a last range or a POST
//! whose answer was lost.

use std::time::Duration;

use super::{ASKS, Asking, Clock, Doing, LOOKS, Look, Machine};
use crate::{
    graph::{Error, Kind},
    upload::{
        retry,
        step::{Step, Stop},
    },
};

impl Machine {
    pub(super) fn look(&mut self, why: Look) -> Step {
        self.due(Doing::Look(why))
    }

    pub(super) fn looked(&mut self, result: Result<Vec<String>, &Error>, clock: Clock) -> Step {
        let Doing::Look(why) = self.doing.clone() else {
            return self.go();
        };
        if result.is_ok() {
            self.looks += 1;
        }
        match result {
            Ok(found) if found.len() > 1 => Step::Stop(Stop::Twice(found)),
            Ok(found) => match (found.into_iter().next(), why) {
                (_, Look::Confirm(id)) => Step::Attached {
                    id: Some(id),
                    already: false,
                },
                (Some(id), Look::Resuming) => {
                    // Not by this session, then; whoever did it, it is done.
                    self.discard_then(Step::Attached {
                        id: Some(id),
                        already: true,
                    })
                }
                (None, Look::Resuming) => self.go_on(),
                (Some(id), _) => Step::Attached {
                    id: Some(id),
                    already: false,
                },
                (None, Look::Identify) if self.looks < LOOKS => {
                    self.look_again(Look::Identify, clock)
                }
                (None, Look::Identify) => {
                    let what = "it answered 201 to the last byte, and the file is not among the \
                                attachments";
                    Step::Stop(Stop::Contradiction(what.to_owned()))
                }
                (None, Look::LostLast) => self.ask_or_again(clock),
                (None, Look::LostPost) if self.looks < LOOKS => {
                    self.look_again(Look::LostPost, clock)
                }
                (None, Look::LostPost) => {
                    self.repeated = true;
                    self.due(Doing::Post)
                }
                (None, Look::Replacing) => {
                    let delay = match self.not_found.checked_sub(1) {
                        Some(before) if self.too_young() => Duration::from_secs(1 << before),
                        _ => retry::delay(Kind::NotFound, self.replaced, None, clock.roll),
                    };
                    let why = if self.too_young() {
                        Kind::NotFound
                    } else {
                        Kind::Range
                    };
                    self.wait(delay, why, Doing::Create, clock)
                }
                (None, Look::Complete) => self.replace(),
                (None, Look::Early) => {
                    let what = "it answered 201 before the last byte was sent, and what it attached \
                                is not the file";
                    Step::Stop(Stop::Contradiction(what.to_owned()))
                }
            },
            // A live session goes on without a token: then nobody can look.
            Err(error)
                if why == Look::Resuming
                    && matches!(
                        error.kind,
                        Kind::Auth | Kind::Unauthorized | Kind::Forbidden
                    ) =>
            {
                self.go_on()
            }
            // Without a token the session itself may still say that it has not got the last range.
            Err(error)
                if why == Look::LostLast
                    && error.kind == Kind::Auth
                    && self.asking == Asking::Possible
                    && self.asks == 0 =>
            {
                self.asks += 1;
                self.due(Doing::Ask)
            }
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

    /// With the session that an earlier process left.
    fn go_on(&mut self) -> Step {
        self.looks = 0;
        self.due(Doing::Resolve)
    }

    /// Gives the service a moment to finish what it may be doing, then looks again.
    pub(super) fn look_again(&mut self, why: Look, clock: Clock) -> Step {
        let delay = retry::delay(Kind::Unavailable, 1, None, clock.roll);
        self.wait(delay, Kind::Unavailable, Doing::Look(why), clock)
    }

    /// The last range is not attached as far as can be seen.
    pub(super) fn ask_or_again(&mut self, clock: Clock) -> Step {
        if self.asking == Asking::Possible && self.asks < ASKS {
            self.asks += 1;
            return self.due(Doing::Ask);
        }
        self.no_word_now(clock)
    }

    pub(super) fn attached(&mut self, id: Option<String>) -> Step {
        self.looks = 0;
        match id {
            None => self.look(Look::Identify),
            Some(id) if self.repeated => self.look(Look::Confirm(id)),
            Some(id) => Step::Attached {
                id: Some(id),
                already: false,
            },
        }
    }
}
