//! Whether to send, to look, or to stop: the rules by which a message is sent at most once. Pure.
//!
//! An answer may be lost after the message left, and the service sends behind its answer's back. So
//! after an answer that says nothing, the draft is watched for a minute, and is not sent again: that is
//! for the user to decide, who sees Sent Items. Only a refusal to do anything, which the service has two
//! of, is followed by another try, and only after a look.

use std::time::Duration;

use crate::graph::{Error, Kind};

/// How long a draft is watched whose sending was not answered. The gateway gives up after 30 s, and what
/// was sent looks like a draft for some seconds.
pub(super) const WATCH: Duration = Duration::from_secs(60);

/// When it is looked at, after the doubt began: often at first, when it mostly turns out. The last look
/// is at the end.
const LOOKS: [u64; 7] = [1, 2, 4, 8, 15, 30, 45];

/// What was accepted may look like a draft for a moment, also behind an answer that refuses.
const SETTLE: Duration = Duration::from_secs(2);

/// What the service answered to the request to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// 202.
    Accepted,
    /// It never reached the service: no connection.
    Unreached,
    /// It was not begun, and will not be another time: no token, or one that is not taken.
    Forbidden,
    /// Not now, and nothing was done: 429, and 503 with `Retry-After`.
    Later,
    /// A refusal in the service's own form, which a repetition does not change.
    Refused,
    /// 404: there before, and not there now.
    Missing,
    /// Nothing that says what was done.
    Nothing,
}

impl Answer {
    /// What a failed request says.
    pub(super) fn of(error: &Error) -> Self {
        let own_form = !error.code.is_empty();
        match (error.kind, error.status) {
            (Kind::Connect, _) => Answer::Unreached,
            (Kind::Certificate | Kind::Auth, _) | (_, Some(401)) => Answer::Forbidden,
            (_, Some(429)) => Answer::Later,
            (_, Some(503)) if error.retry_after.is_some() => Answer::Later,
            (_, Some(400 | 403 | 413 | 415)) if own_form => Answer::Refused,
            (_, Some(404)) => Answer::Missing,
            _ => Answer::Nothing,
        }
    }
}

/// What a look at the draft showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// It is a draft, or the service does not say.
    Draft,
    /// It is sent.
    Sent,
    /// It is not there any more.
    Gone,
    /// The look failed.
    Failed,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Send.
    Send,
    /// Wait as long as the last answer asks for, or is usual, then send: nothing was done. `look` says
    /// whether to look before.
    Retry { look: bool },
    /// Wait so long, then look. `of` the watch, so long is over by then.
    Look { wait: Duration, over: Duration },
    /// It is over.
    End(End),
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Sent.
    Sent,
    /// The draft is gone after a request to send it.
    ProbablySent,
    /// Not sent: the last answer says why.
    NotSent,
    /// Nobody knows.
    Unknown,
}

/// What a look is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is open.
    Ready,
    /// To send again after a refusal to do anything.
    BeforeRetry,
    /// To make sure that what was refused was not done.
    AfterRefusal,
    /// Watching since this moment. `then_send`: for the doubt of an earlier command, after which the
    /// user asked again. `missing`: the answer was 404.
    Watching {
        since: Duration,
        then_send: bool,
        missing: bool,
    },
}

/// One message on its way. Times are since any fixed point.
#[derive(Debug, Clone)]
pub(super) struct Sending {
    watch: Duration,
    phase: Phase,
}

impl Sending {
    /// A message that was just seen to be a draft. `tried`: how long ago an earlier command tried to send
    /// it and did not learn what came of that.
    pub(super) fn begin(tried: Option<Duration>, watch: Duration, now: Duration) -> (Self, Step) {
        let mut sending = Sending {
            watch,
            phase: Phase::Ready,
        };
        let step = match tried {
            Some(age) if age < watch => {
                // `now` may be younger than the try: the point that times count from is of this process.
                let base = now.checked_sub(age);
                sending.phase = Phase::Watching {
                    since: base.unwrap_or_default(),
                    then_send: true,
                    missing: false,
                };
                match base {
                    Some(_) => sending.next_look(now),
                    None => {
                        sending.watch = watch.saturating_sub(age - now);
                        sending.next_look(now)
                    }
                }
            }
            _ => Step::Send,
        };
        (sending, step)
    }

    /// The request was answered.
    pub(super) fn answered(&mut self, answer: Answer, now: Duration) -> Step {
        match answer {
            Answer::Accepted => Step::End(End::Sent),
            Answer::Unreached => Step::Retry { look: false },
            Answer::Forbidden => Step::End(End::NotSent),
            Answer::Later => {
                self.phase = Phase::BeforeRetry;
                Step::Retry { look: true }
            }
            Answer::Refused => {
                self.phase = Phase::AfterRefusal;
                Step::Look {
                    wait: SETTLE.min(self.watch),
                    over: Duration::ZERO,
                }
            }
            Answer::Missing | Answer::Nothing => {
                self.phase = Phase::Watching {
                    since: now,
                    then_send: false,
                    missing: answer == Answer::Missing,
                };
                self.next_look(now)
            }
        }
    }

    /// The draft was looked at.
    pub(super) fn looked(&mut self, look: Look, now: Duration) -> Step {
        match (look, self.phase) {
            (Look::Sent, _) => Step::End(End::Sent),
            // It was there a moment before: somebody may have deleted it as well.
            (Look::Gone, Phase::Watching { missing: true, .. }) => Step::End(End::Unknown),
            (Look::Gone, _) => Step::End(End::ProbablySent),
            (Look::Draft, Phase::Ready | Phase::BeforeRetry) => Step::Send,
            (Look::Draft, Phase::AfterRefusal) => Step::End(End::NotSent),
            (Look::Failed, Phase::Ready | Phase::BeforeRetry | Phase::AfterRefusal) => {
                Step::End(End::Unknown)
            }
            (
                Look::Draft | Look::Failed,
                Phase::Watching {
                    since, then_send, ..
                },
            ) => {
                if now.saturating_sub(since) < self.watch {
                    return self.next_look(now);
                }
                match (look, then_send) {
                    (Look::Draft, true) => {
                        self.phase = Phase::Ready;
                        Step::Send
                    }
                    _ => Step::End(End::Unknown),
                }
            }
        }
    }

    /// The wait until the next look of the watch.
    fn next_look(&self, now: Duration) -> Step {
        let Phase::Watching { since, .. } = self.phase else {
            return Step::End(End::Unknown);
        };
        let over = now.saturating_sub(since);
        let looks = LOOKS.iter().map(|&seconds| Duration::from_secs(seconds));
        let next = looks
            .filter(|&at| at > over && at < self.watch)
            .min()
            .unwrap_or(self.watch.max(over));
        Step::Look {
            wait: next - over,
            over: next,
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

    fn error(status: Option<u16>, kind: Kind, code: &str, retry_after: Option<u64>) -> Error {
        let mut error = Error::local(kind, "m");
        error.status = status;
        error.code = code.to_owned();
        error.retry_after = retry_after.map(s);
        error
    }

    #[test]
    fn only_two_answers_and_no_connection_are_tried_again() {
        for (status, kind, code, retry_after, expected) in [
            (None, Kind::Connect, "", None, Answer::Unreached),
            (None, Kind::Auth, "", None, Answer::Forbidden),
            (None, Kind::Lost, "", None, Answer::Nothing),
            (None, Kind::Deadline, "", None, Answer::Nothing),
            (Some(401), Kind::Unauthorized, "", None, Answer::Forbidden),
            (Some(429), Kind::Throttled, "", None, Answer::Later),
            (Some(503), Kind::Unavailable, "x", Some(0), Answer::Later),
            (Some(503), Kind::Unavailable, "x", None, Answer::Nothing),
            (Some(504), Kind::Unavailable, "x", Some(1), Answer::Nothing),
            (Some(403), Kind::Forbidden, "x", None, Answer::Refused),
            // A proxy's page: who knows what it did.
            (Some(403), Kind::Forbidden, "", None, Answer::Nothing),
            (Some(400), Kind::Refused, "x", None, Answer::Refused),
            (Some(404), Kind::NotFound, "x", None, Answer::Missing),
            (Some(409), Kind::Conflict, "x", None, Answer::Nothing),
            (Some(412), Kind::Conflict, "x", None, Answer::Nothing),
            (Some(500), Kind::Unavailable, "x", None, Answer::Nothing),
            (Some(501), Kind::Refused, "x", None, Answer::Nothing),
            (Some(200), Kind::Contradiction, "", None, Answer::Nothing),
        ] {
            let error = error(status, kind, code, retry_after);
            assert_eq!(Answer::of(&error), expected, "{status:?} {kind:?}");
        }
    }

    #[test]
    fn a_lost_answer_is_watched_for_a_minute_and_not_repeated() {
        let (mut sending, step) = Sending::begin(None, WATCH, s(0));
        assert_eq!(step, Step::Send);
        let (mut now, mut looks) = (s(3), Vec::new());
        let mut step = sending.answered(Answer::Nothing, now);
        while let Step::Look { wait, over } = step {
            now += wait;
            looks.push(over.as_secs());
            assert_eq!(now - s(3), over);
            step = sending.looked(Look::Draft, now);
        }
        assert_eq!(looks, [1, 2, 4, 8, 15, 30, 45, 60]);
        assert_eq!(step, Step::End(End::Unknown));
    }

    #[test]
    fn the_user_who_asks_again_waits_for_the_minute_to_be_over() {
        let (_, step) = Sending::begin(Some(s(60)), WATCH, s(0));
        assert_eq!(step, Step::Send);
        for started in [s(0), s(100)] {
            let (mut sending, step) = Sending::begin(Some(s(20)), WATCH, started);
            let (mut now, mut step) = (started, step);
            while let Step::Look { wait, .. } = step {
                now += wait;
                step = sending.looked(Look::Draft, now);
            }
            assert_eq!((step, now - started), (Step::Send, s(40)), "{started:?}");
            // And what comes of that is a doubt of its own.
            let step = sending.answered(Answer::Nothing, now);
            assert!(matches!(step, Step::Look { .. }));
        }
    }

    fn answers() -> impl Strategy<Value = Answer> {
        prop::sample::select(vec![
            Answer::Accepted,
            Answer::Unreached,
            Answer::Forbidden,
            Answer::Later,
            Answer::Refused,
            Answer::Missing,
            Answer::Nothing,
        ])
    }

    fn looks() -> impl Strategy<Value = Look> {
        prop::sample::select(vec![Look::Draft, Look::Sent, Look::Gone, Look::Failed])
    }

    proptest! {
        /// Whatever is answered and seen: after an answer that may hide a sending there is no other
        /// request, none follows the end, and it ends.
        #[test]
        fn at_most_one_request_may_have_been_carried_out(
            tried in prop::option::of(0u64..120),
            answers in prop::collection::vec(answers(), 60),
            looks in prop::collection::vec(looks(), 60),
        ) {
            let (mut sending, mut step) = Sending::begin(tried.map(s), WATCH, s(0));
            let (mut now, mut answers, mut looks) = (s(0), answers.into_iter(), looks.into_iter());
            let (mut hidden, mut last) = (0, None);
            for _ in 0..50 {
                step = match step {
                    Step::Send => {
                        prop_assert_eq!(hidden, 0, "sent again after {:?}", last);
                        let answer = answers.next().unwrap_or(Answer::Accepted);
                        last = Some(answer);
                        if matches!(answer, Answer::Missing | Answer::Nothing | Answer::Refused) {
                            hidden += 1;
                        }
                        sending.answered(answer, now)
                    }
                    Step::Retry { look: false } => Step::Send,
                    Step::Retry { look: true } => sending.looked(looks.next().unwrap_or(Look::Sent), now),
                    Step::Look { wait, .. } => {
                        now += wait;
                        sending.looked(looks.next().unwrap_or(Look::Sent), now)
                    }
                    Step::End(end) => {
                        if end == End::NotSent {
                            prop_assert!(matches!(last, Some(Answer::Forbidden | Answer::Refused)));
                        }
                        return Ok(());
                    }
                };
            }
            prop_assert!(matches!(last, Some(Answer::Unreached | Answer::Later)), "it does not end");
        }

        /// A service that sends late, and shows it late, in any order of answers: one mail.
        #[test]
        fn a_service_that_is_late_sends_once(
            commit in 0u64..25, lag in 0u64..30, again in prop::bool::ANY,
        ) {
            // Two commands, one after the other: the second is the user's.
            let mut sends: Vec<Duration> = Vec::new();
            let mut now = s(0);
            let mut first = None;
            for _ in 0..if again { 2 } else { 1 } {
                let shown = |sends: &[Duration], now: Duration| {
                    sends.iter().any(|&at| now >= at + s(commit + lag))
                };
                if shown(&sends, now) {
                    break;
                }
                let age = first.map(|at: Duration| now - at);
                let (mut sending, mut step) = Sending::begin(age, WATCH, now);
                loop {
                    step = match step {
                        Step::Send => {
                            sends.push(now);
                            first.get_or_insert(now);
                            sending.answered(Answer::Nothing, now)
                        }
                        Step::Look { wait, .. } => {
                            now += wait;
                            let look = if shown(&sends, now) { Look::Sent } else { Look::Draft };
                            sending.looked(look, now)
                        }
                        Step::Retry { .. } => Step::End(End::Unknown),
                        Step::End(_) => break,
                    };
                }
                // The user does not wait.
                now += s(1);
            }
            prop_assert_eq!(sends.len(), 1);
        }
    }
}
