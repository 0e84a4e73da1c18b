//! Looking for the attachment itself: the only way to know what became of a last range or a POST
//! whose answer was lost.

use std::time::Duration;

use super::{ASKS, Clock, LOOKS, LookupReason, Pending, StatusQuery, UploadProtocol};
use crate::{
    Error, ErrorKind,
    protocol::{
        backoff,
        step::{Step, Stop},
    },
};

impl UploadProtocol {
    pub(super) fn look(&mut self, why: LookupReason) -> Step {
        self.run_now(Pending::Find(why))
    }

    pub(super) fn looked(&mut self, result: Result<Vec<String>, &Error>, clock: Clock) -> Step {
        let Pending::Find(why) = self.pending.clone() else {
            return self.run_pending();
        };
        if result.is_ok() {
            self.looks += 1;
        }
        match result {
            Ok(found) if found.len() > 1 => Step::Stop(Stop::Twice(found)),
            Ok(found) => match (found.into_iter().next(), why) {
                (_, LookupReason::Confirm(id)) => Step::Attached {
                    id: Some(id),
                    already: false,
                },
                (Some(id), LookupReason::Resuming) => {
                    // Not by this session, then; whoever did it, it is done.
                    self.cancel_then(Step::Attached {
                        id: Some(id),
                        already: true,
                    })
                }
                (None, LookupReason::Resuming) => self.go_on(),
                (Some(id), _) => Step::Attached {
                    id: Some(id),
                    already: false,
                },
                (None, LookupReason::Identify) if self.looks < LOOKS => {
                    self.look_again(LookupReason::Identify, clock)
                }
                (None, LookupReason::Identify) => {
                    let what = "it answered 201 to the last byte, and the file is not among the \
                                attachments";
                    Step::Stop(Stop::Contradiction(what.to_owned()))
                }
                (None, LookupReason::LostLast) => self.ask_or_again(clock),
                (None, LookupReason::LostPost) if self.looks < LOOKS => {
                    self.look_again(LookupReason::LostPost, clock)
                }
                (None, LookupReason::LostPost) => {
                    self.repeated = true;
                    self.run_now(Pending::Post)
                }
                (None, LookupReason::Replacing) => {
                    let delay = match self.not_found.checked_sub(1) {
                        Some(before) if self.item_not_replicated_yet() => {
                            Duration::from_secs(1 << before)
                        }
                        _ => backoff::delay(ErrorKind::NotFound, self.replaced, None, clock.roll),
                    };
                    let why = if self.item_not_replicated_yet() {
                        ErrorKind::NotFound
                    } else {
                        ErrorKind::Range
                    };
                    self.wait(delay, why, Pending::Create, clock)
                }
                (None, LookupReason::Complete) => self.replace(),
                (None, LookupReason::Early) => {
                    let what = "it answered 201 before the last byte was sent, and what it attached \
                                is not the file";
                    Step::Stop(Stop::Contradiction(what.to_owned()))
                }
            },
            // A live session goes on without a token: then nobody can look.
            Err(error)
                if why == LookupReason::Resuming
                    && matches!(
                        error.kind,
                        ErrorKind::Auth | ErrorKind::Unauthorized | ErrorKind::Forbidden
                    ) =>
            {
                self.go_on()
            }
            // Without a token the session itself may still say that it has not got the last range.
            Err(error)
                if why == LookupReason::LostLast
                    && error.kind == ErrorKind::Auth
                    && self.status_query == StatusQuery::Possible
                    && self.asks == 0 =>
            {
                self.asks += 1;
                self.run_now(Pending::QueryStatus)
            }
            // The upload itself has succeeded; not being able to look does not undo that.
            Err(error) if !error.kind.temporary() || self.attempt >= self.limits.max_retries => {
                match why {
                    LookupReason::Identify => Step::Attached {
                        id: None,
                        already: false,
                    },
                    LookupReason::Confirm(id) => Step::Attached {
                        id: Some(id),
                        already: false,
                    },
                    why => self.failed(error, Pending::Find(why), clock),
                }
            }
            Err(error) => self.failed(error, Pending::Find(why), clock),
        }
    }

    /// With the session that an earlier process left.
    fn go_on(&mut self) -> Step {
        self.looks = 0;
        self.run_now(Pending::Resolve)
    }

    /// Gives the service a moment to finish what it may be pending, then looks again.
    pub(super) fn look_again(&mut self, why: LookupReason, clock: Clock) -> Step {
        let delay = backoff::delay(ErrorKind::Unavailable, 1, None, clock.roll);
        self.wait(delay, ErrorKind::Unavailable, Pending::Find(why), clock)
    }

    /// The last range is not attached as far as can be seen.
    pub(super) fn ask_or_again(&mut self, clock: Clock) -> Step {
        if self.status_query == StatusQuery::Possible && self.asks < ASKS {
            self.asks += 1;
            return self.run_now(Pending::QueryStatus);
        }
        self.status_unsupported_now(clock)
    }

    pub(super) fn attached(&mut self, id: Option<String>) -> Step {
        self.looks = 0;
        match id {
            None => self.look(LookupReason::Identify),
            Some(id) if self.repeated => self.look(LookupReason::Confirm(id)),
            Some(id) => Step::Attached {
                id: Some(id),
                already: false,
            },
        }
    }
}
