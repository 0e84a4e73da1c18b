//! Doubt: a request that attaches may have been carried out, and nobody said so. When to look, and when
//! looking was enough. Pure.
//!
//! No status of an answer proves that nothing was done: a POST was seen to be carried out and answered
//! 404 (msgraph-sdk-dotnet#2362), and a gateway answers 504 while the service still works. So what attaches
//! is repeated only after looking for as long as the service may take to finish and to show its work.

use std::time::Duration;

use crate::{AnswerOrigin, Error, ErrorKind};

/// After how long an attachment is taken to be listed if there is one: what the promise rests on. A
/// gateway gives up after about 30 s, and what it gave up on is finished by then or never.
pub const LAG: Duration = Duration::from_secs(30);

/// When to look, counted from when the doubt began. Most answers that are lost were carried out at once,
/// so the first looks come early; the last one is at [`LAG`], and it alone ends a doubt.
const LOOKS: [Duration; 7] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
    LAG,
];

/// The age of a doubt at which to look next, when the last look that could be made began at the age
/// `looked`. `None`: it was looked long enough. `lag` stands in for [`LAG`], and stretches or shrinks all of
/// it alike; zero asks for one look.
pub fn next_look(looked: Option<Duration>, lag: Duration) -> Option<Duration> {
    let scale = lag.as_secs_f64() / LAG.as_secs_f64();
    match looked {
        None => Some(Duration::ZERO),
        Some(looked) if looked >= lag => None,
        // Rounding must not make a look that is just before the end the last one.
        Some(looked) => LOOKS
            .iter()
            .map(|offset| offset.mul_f64(scale))
            .find(|offset| *offset > looked && *offset < lag)
            .or(Some(lag)),
    }
}

/// What a failed request that attaches leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Nothing was done: the connection was never made, or the sender was not recognised.
    NothingDone,
    /// The service itself refused it: one look is enough.
    Refused,
    /// Anything may have happened, or be happening still.
    Unknown,
}

impl Certainty {
    /// How sure `error` makes that nothing was done.
    pub fn of(error: &Error) -> Self {
        if error.kind.never_connected() || error.kind == ErrorKind::Unauthorized {
            return Certainty::NothingDone;
        }
        // Its own form has a code; but its 413 has no body.
        let own = error.origin == Some(AnswerOrigin::Service) && !error.code.is_empty();
        match error.status {
            Some(400 | 403 | 415 | 429) if own => Certainty::Refused,
            Some(413) if error.origin == Some(AnswerOrigin::Service) => Certainty::Refused,
            Some(503) if own && error.retry_after.is_some() => Certainty::Refused,
            _ => Certainty::Unknown,
        }
    }
}

/// One doubt. Times are on the clock that the protocol is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doubt {
    /// When this process began to doubt.
    since: Duration,
    /// How old the doubt was then: it may come from an earlier process.
    age: Duration,
    /// How long to look; zero where one look is enough.
    lag: Duration,
    /// How old the doubt was when the last look began that could be made.
    looked: Option<Duration>,
    /// Whether that look saw something that may be ours and could not be read.
    unclear: bool,
}

/// What a doubt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Look after so long.
    Look(Duration),
    /// Nothing: nothing was attached.
    Nothing,
    /// It was looked long enough, and cannot be known.
    Unknown,
}

impl Doubt {
    /// A doubt that is `age` old at `now`.
    pub(super) fn new(now: Duration, age: Duration, lag: Duration) -> Self {
        Doubt {
            since: now,
            age,
            lag,
            looked: None,
            unclear: false,
        }
    }

    /// How old it is at `now`.
    pub(super) fn age(&self, now: Duration) -> Duration {
        self.age + now.saturating_sub(self.since)
    }

    /// How long it is looked into.
    pub(super) fn lag(&self) -> Duration {
        self.lag
    }

    /// A look that began at `began` found nothing, or something that could not be read (`unclear`): that
    /// may be so for a while, and is waited for up to `lag`, also where one look was to be enough.
    pub(super) fn looked(&mut self, began: Duration, unclear: bool, lag: Duration) {
        if unclear && self.lag < lag {
            *self = Doubt::new(began, Duration::ZERO, lag);
        }
        self.looked = Some(self.age(began));
        self.unclear = unclear;
    }

    /// What comes next at `now`.
    pub(super) fn next(&self, now: Duration) -> Next {
        match next_look(self.looked, self.lag) {
            Some(at) => Next::Look(at.saturating_sub(self.age(now))),
            None if self.unclear => Next::Unknown,
            None => Next::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn looks_come_early_and_end_at_thirty_seconds() {
        let (mut looked, mut ages) = (None, Vec::new());
        while let Some(at) = next_look(looked, LAG) {
            ages.push(at.as_secs());
            looked = Some(at);
        }
        assert_eq!(ages, [0, 1, 2, 4, 8, 15, 30]);
    }

    #[test]
    fn a_doubt_that_is_old_takes_one_look() {
        let mut doubt = Doubt::new(s(5), s(100), LAG);
        assert_eq!(doubt.next(s(5)), Next::Look(Duration::ZERO));
        doubt.looked(s(5), false, LAG);
        assert_eq!(doubt.next(s(6)), Next::Nothing);
    }

    #[test]
    fn a_refusal_takes_one_look_unless_something_cannot_be_read() {
        let mut doubt = Doubt::new(s(0), s(0), Duration::ZERO);
        doubt.looked(s(0), false, LAG);
        assert_eq!(doubt.next(s(0)), Next::Nothing);
        let mut doubt = Doubt::new(s(0), s(0), Duration::ZERO);
        doubt.looked(s(7), true, LAG);
        assert_eq!(doubt.next(s(7)), Next::Look(s(1)));
        doubt.looked(s(37), true, LAG);
        assert_eq!(doubt.next(s(37)), Next::Unknown);
        doubt.looked(s(38), false, LAG);
        assert_eq!(doubt.next(s(38)), Next::Nothing);
    }

    #[test]
    fn only_the_service_s_own_refusals_are_believed() {
        let answer = |status, code: &str| {
            let body = serde_json::json!({"error": {"code": code, "message": "m"}}).to_string();
            Error::answer(crate::Host::Graph, status, body.as_bytes(), false)
        };
        for status in [400, 403, 415, 429] {
            assert_eq!(Certainty::of(&answer(status, "c")), Certainty::Refused);
            let page = Error::answer(crate::Host::Graph, status, b"<html>blocked</html>", false);
            assert_eq!(Certainty::of(&page), Certainty::Unknown);
        }
        for status in [404, 408, 409, 412, 423, 425, 500, 501, 502, 503, 504] {
            assert_eq!(
                Certainty::of(&answer(status, "c")),
                Certainty::Unknown,
                "{status}"
            );
        }
        let mut later = answer(503, "c");
        later.retry_after = Some(s(1));
        assert_eq!(Certainty::of(&later), Certainty::Refused);
        assert_eq!(Certainty::of(&answer(401, "c")), Certainty::NothingDone);
        let never = Error::local(ErrorKind::Connect, "refused");
        assert_eq!(Certainty::of(&never), Certainty::NothingDone);
    }

    proptest! {
        /// However long looks take, there are few, and the last one begins late enough.
        #[test]
        fn a_doubt_ends_with_a_look_that_is_late_enough(
            age in 0u64..40_000, lag in 1u64..60_000, takes in prop::collection::vec(0u64..9_000, 20),
        ) {
            let lag = Duration::from_millis(lag);
            let mut now = s(3);
            let mut doubt = Doubt::new(now, Duration::from_millis(age), lag);
            let mut last = None;
            for take in takes {
                match doubt.next(now) {
                    Next::Look(delay) => now += delay,
                    next => {
                        prop_assert_eq!(next, Next::Nothing);
                        prop_assert!(last.is_some_and(|last| last >= lag));
                        return Ok(());
                    }
                }
                last = Some(doubt.age(now));
                doubt.looked(now, false, lag);
                now += Duration::from_millis(take);
            }
            prop_assert!(false, "it does not end");
        }
    }
}
