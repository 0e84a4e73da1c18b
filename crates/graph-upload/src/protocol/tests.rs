//! The protocol against a model of the service: random sizes, answers lost and wrong before and after their
//! effect, effects that come late, lists that lag, sessions that die, processes that are killed and start
//! again at once, records that could not be saved.
//!
//! `PROPTEST_CASES=1000000 cargo test --release -p graph-upload --lib once_whatever` runs a million lives.

mod model;

use std::time::Duration;

use proptest::prelude::*;

use super::{Left, UploadProtocol};
use crate::{
    Error, ErrorKind, ExpectedOffset,
    protocol::{
        doubt::LAG,
        plan::{LARGEST_POST, Route},
        step::{Answer, Limits, Observation, Search, Sighting, Step, Stop},
    },
};
use model::{End, Habits, Means, Service, Trouble, World, error};

prop_compose! {
    fn habits()(
        tells: bool, wrong_is_conflict: bool, repeat_attaches: bool, delete_is_late: bool, says_next: bool,
        names: bool, renames: bool, no_posts: bool,
    ) -> Habits {
        Habits {
            tells, wrong_is_conflict, repeat_attaches, delete_is_late, says_next, names, renames, no_posts,
        }
    }
}

const PLAIN: Habits = Habits {
    tells: true,
    wrong_is_conflict: false,
    repeat_attaches: false,
    delete_is_late: false,
    says_next: true,
    names: true,
    renames: false,
    no_posts: false,
};

fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..10, 1u64..LARGEST_POST, 3_000_000u64..20_000_000]
}

fn limits(size: u64, ranges: u64, max_retries: u32) -> Limits {
    Limits {
        max_retries,
        deadline: None,
        chunk: size.div_ceil(ranges).max(1),
        lag: LAG,
    }
}

prop_compose! {
    /// How late the service is. All of it together, and the time that a request takes, is within [`LAG`].
    fn lateness()(
        late in 0u64..10_000, first in 0u64..10_000, second in 0u64..10_000, unreadable in 0u64..8_000,
        none in prop::bool::weighted(0.2),
    ) -> (Duration, [Duration; 2], Duration) {
        let time = |milliseconds| match none {
            true => Duration::ZERO,
            false => Duration::from_millis(milliseconds),
        };
        (time(late), [time(first), time(second)], time(unreadable))
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        // `with_cases` would win over `PROPTEST_CASES`.
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(4_000),
        ..ProptestConfig::default()
    })]

    /// Whatever goes wrong, however often, it is attached at most once, every process ends, and the
    /// first one that is left in peace finishes the work. Some have no disk; or some have no token, which
    /// then must not be what it takes to know that the file was attached meanwhile.
    #[test]
    fn once_whatever_happens(
        seed: u64, size in sizes(), ranges in 1u64..12, max_retries in 0u32..12, habits in habits(),
        faults in 0.0f64..0.9, kills in 0.0f64..0.3, unsaved in prop_oneof![3 => Just(0.0), 1 => 0.0f64..1.0],
        lateness in lateness(),
        means in prop_oneof![Just(Means::NoDisk), Just(Means::NoToken)],
        processes in prop::collection::vec(prop::bool::weighted(0.3), 0..6),
    ) {
        let habits = Habits {
            // Nothing but a POST can attach an empty file.
            no_posts: habits.no_posts && size > 0,
            // What has a name of its own is known only to whoever knows that it may be there.
            renames: habits.renames && means == Means::NoToken && unsaved == 0.0,
            ..habits
        };
        let (late, lag, unreadable) = lateness;
        let trouble = Trouble { faults, kills, unsaved, late, lag, unreadable };
        let service = Service::new(size, habits);
        let mut world = World::new(seed, service, limits(size, ranges, max_retries), trouble);
        let mut end = End::Killed;
        for odd in processes {
            end = world.process(if odd { means } else { Means::Both });
            if end == End::Attached {
                break;
            }
        }
        // Also after a success, where the record could not be told of it.
        if end != End::Attached || world.saved.is_some() {
            world.trouble = Trouble { faults: 0.0, kills: 0.0, unsaved: 0.0, ..trouble };
            // A session that is dead without a word needs a replacement or two.
            world.limits.max_retries = world.limits.max_retries.max(3);
            end = world.process(Means::Both);
        }
        prop_assert_eq!(end, End::Attached, "{:#?}", world.log);
        prop_assert_eq!(world.service.attached(), 1);
    }

    /// On a good day nothing is sent twice, and it is looked twice at most: before the first request, and,
    /// when that is a while ago, before the one that attaches.
    #[test]
    fn a_good_day_costs_two_looks_at_most(
        seed: u64, size in sizes(), ranges in 1u64..12, tells: bool, each in 0u64..3_000,
    ) {
        let limits = limits(size, ranges, 10);
        let mut world = World::new(seed, Service::new(size, Habits { tells, ..PLAIN }), limits, Trouble::NONE);
        let mut protocol = UploadProtocol::new(size, Route::for_size(size), limits);
        let (mut seen, mut requests, mut looks, mut now) = (Observation::Begin, 0, 0, Duration::ZERO);
        loop {
            let step = protocol.step(&seen, now, 0.5);
            match step {
                Step::Attached { .. } => break,
                Step::List | Step::FindAttachment(_) => looks += 1,
                _ => requests += 1,
            }
            seen = world.execute(&step, &protocol);
            now += Duration::from_millis(each);
        }
        let puts = size.div_ceil(limits.chunk);
        prop_assert_eq!(requests, if protocol.route() == Route::Post { 1 } else { 1 + puts });
        prop_assert_eq!(looks, if each * requests > 1_000 { 2 } else { 1 });
    }

    /// A service that calls every range a conflict and does not say where it stands is given up
    /// after a few sessions of a few requests each, not when all patience is spent.
    #[test]
    fn conflicts_without_end_end_soon(
        size in 3_000_000u64..20_000_000, ranges in 1u64..12, taken in 0u64..12, max_retries in 6u32..30,
    ) {
        let limits = limits(size, ranges, max_retries);
        let mut puts = 0;
        let end = drive(UploadProtocol::new(size, Route::Session, limits), |step| match step {
            Step::Put { range, .. } if range.start < limits.chunk * taken.min(ranges - 1) => {
                Observation::Put(Ok(Answer::Continues(ExpectedOffset::At(range.end))))
            }
            Step::Put { .. } => {
                puts += 1;
                Observation::Put(Err(error(ErrorKind::Conflict)))
            }
            _ => Observation::Waited,
        });
        prop_assert_eq!(end, Step::Stop(Stop::SessionsSpent));
        prop_assert_eq!(puts, 3 * 3);
    }

    /// Any answers at all, in any order: it ends.
    #[test]
    fn it_ends_whatever_it_is_told(
        seed: u64, size in sizes(), ranges in 1u64..12, max_retries in 0u32..12, resumed: bool,
    ) {
        let mut random = fastrand::Rng::with_seed(seed);
        let limits = limits(size, ranges, max_retries);
        let mut protocol = match resumed && size > 0 {
            true => {
                let left = Left {
                    acked: random.u64(..=size),
                    sent: random.u64(..=size),
                    session: random.bool(),
                    expired: random.bool(),
                    doubt: random.bool().then(|| Duration::from_secs(random.u64(..60))),
                };
                let route = if random.bool() { Route::Session } else { Route::for_size(size) };
                UploadProtocol::resumed(size, route, &left, limits, Duration::ZERO)
            }
            false => UploadProtocol::new(size, Route::for_size(size), limits),
        };
        let (mut now, mut seen, mut steps, mut log) = (Duration::ZERO, Observation::Begin, 0, Vec::new());
        loop {
            let step = protocol.step(&seen, now, random.f64());
            steps += 1;
            log.push(format!("{seen:?} -> {step:?}"));
            prop_assert!(steps < 5_000, "{:#?}", &log[4_900..]);
            seen = match step {
                Step::Attached { .. } | Step::Stop(_) => break,
                Step::Wait { delay, .. } | Step::WaitToLook { delay, .. } => {
                    now += delay;
                    Observation::Waited
                }
                Step::CancelSession { .. } => Observation::Cancelled,
                Step::List => Observation::Listed(any_result(&mut random, |random| match random.u8(..9) {
                    0 => Sighting::Unclear,
                    _ => Sighting::Nothing,
                })),
                Step::Post => Observation::Posted(any_result(&mut random, |_| Some("id".to_owned()))),
                Step::Create => Observation::Created(any_result(&mut random, |random| any_next(random, size))),
                Step::QueryStatus => Observation::StatusAnswered(any_result(&mut random, |random| any_next(random, size))),
                Step::FindAttachment(_) => Observation::Searched(any_result(&mut random, |random| {
                    match random.u8(..9) {
                        0 => Sighting::Ours(vec!["1".to_owned()]),
                        1 | 2 => Sighting::Unclear,
                        _ => Sighting::Nothing,
                    }
                })),
                Step::Put { range, .. } => {
                    prop_assert!(!range.is_empty() && range.end <= size);
                    Observation::Put(any_result(&mut random, |random| match random.u8(..8) {
                        0 => Answer::Attached(random.bool().then(|| "id".to_owned())),
                        _ => Answer::Continues(any_next(random, size)),
                    }))
                }
            };
        }
    }
}

/// Runs a protocol to its end against a service that opens sessions, lists nothing, tells no status and
/// answers ranges and POSTs as `answer` says. Time passes only in waits.
fn drive(mut protocol: UploadProtocol, mut answer: impl FnMut(&Step) -> Observation) -> Step {
    let (mut now, mut seen) = (Duration::from_secs(9), Observation::Begin);
    loop {
        let step = protocol.step(&seen, now, 0.5);
        seen = match &step {
            Step::List => Observation::Listed(Ok(Sighting::Nothing)),
            Step::Create => Observation::Created(Ok(ExpectedOffset::At(0))),
            Step::QueryStatus => Observation::StatusAnswered(Err(error(ErrorKind::NotFound))),
            Step::FindAttachment(_) => Observation::Searched(Ok(Sighting::Nothing)),
            Step::CancelSession { .. } => Observation::Cancelled,
            Step::Put { .. } | Step::Post => answer(&step),
            Step::Wait { delay, .. } | Step::WaitToLook { delay, .. } => {
                answer(&step);
                now += *delay;
                Observation::Waited
            }
            Step::Attached { .. } | Step::Stop(_) => return step,
        };
    }
}

#[test]
fn an_item_that_is_not_known_everywhere_yet_is_waited_for() {
    let (mut waits, mut puts) = (Vec::new(), 0);
    let end = drive(
        UploadProtocol::new(6_000_000, Route::Session, limits(6_000_000, 2, 10)),
        |step| match step {
            Step::Wait { delay, .. } => {
                waits.push(delay.as_secs());
                Observation::Waited
            }
            Step::Put { last: true, .. } => {
                Observation::Put(Ok(Answer::Attached(Some("id".into()))))
            }
            _ if puts == 3 => Observation::Put(Ok(Answer::Continues(ExpectedOffset::Missing))),
            _ => {
                puts += 1;
                Observation::Put(Err(error(ErrorKind::NotFound)))
            }
        },
    );
    assert!(matches!(end, Step::Attached { .. }), "{end:?}");
    assert_eq!(waits, [1, 2, 4]);
}

/// The ages at which it was looked into a doubt.
fn ages(route: Route, answer: &dyn Fn() -> Observation) -> (Vec<u64>, Step) {
    let mut protocol = UploadProtocol::new(3_000_000, route, limits(3_000_000, 1, 0));
    let (mut now, mut seen) = (Duration::from_secs(9), Observation::Begin);
    let (mut ages, mut began) = (Vec::new(), Duration::ZERO);
    loop {
        let step = protocol.step(&seen, now, 0.5);
        seen = match step {
            Step::List => Observation::Listed(Ok(Sighting::Nothing)),
            Step::Create => Observation::Created(Ok(ExpectedOffset::At(0))),
            Step::Put { .. } | Step::Post => {
                began = now;
                answer()
            }
            Step::FindAttachment(_) => {
                ages.push((now - began).as_secs());
                Observation::Searched(Ok(Sighting::Nothing))
            }
            Step::Wait { delay, .. } | Step::WaitToLook { delay, .. } => {
                now += delay;
                Observation::Waited
            }
            step => return (ages, step),
        };
    }
}

#[test]
fn a_success_without_an_attachment_is_a_contradiction() {
    let answer = || Observation::Put(Ok(Answer::Attached(None)));
    let (ages, end) = ages(Route::Session, &answer);
    assert!(matches!(end, Step::Stop(Stop::Contradiction(_))), "{end:?}");
    assert_eq!(ages, [0, 1, 2, 4, 8, 15, 30]);
}

#[test]
fn how_long_it_is_looked_depends_on_the_answer() {
    let post = |status, code: &str| {
        let body = format!(r#"{{"error":{{"code":"{code}"}}}}"#);
        let error = Error::answer(crate::Host::Graph, status, body.as_bytes(), false);
        ages(Route::Post, &|| Observation::Posted(Err(error.clone())))
    };
    // No try is left: it is looked all the same, so that the message can say what is so.
    let long = vec![0, 1, 2, 4, 8, 15, 30];
    assert_eq!(
        post(504, "GatewayTimeout"),
        (long.clone(), Step::Stop(Stop::RetriesSpent))
    );
    assert_eq!(
        post(404, "ErrorItemNotFound"),
        (long.clone(), Step::Stop(Stop::Error))
    );
    assert_eq!(post(400, ""), (long, Step::Stop(Stop::Error)));
    assert_eq!(
        post(400, "ErrorInvalidRequest"),
        (vec![0], Step::Stop(Stop::Error))
    );
    assert_eq!(
        post(429, "ApplicationThrottled"),
        (vec![0], Step::Stop(Stop::RetriesSpent))
    );
    assert_eq!(
        post(401, "InvalidAuthenticationToken"),
        (vec![], Step::Stop(Stop::Error))
    );
}

#[test]
fn what_is_seen_and_cannot_be_read_is_not_known() {
    let mut protocol = UploadProtocol::new(10, Route::Post, limits(10, 1, 10));
    let (mut now, mut seen) = (Duration::ZERO, Observation::Begin);
    let end = loop {
        let step = protocol.step(&seen, now, 0.5);
        seen = match step {
            Step::List => Observation::Listed(Ok(Sighting::Nothing)),
            Step::Post => Observation::Posted(Err(error(ErrorKind::Lost))),
            Step::FindAttachment(_) => Observation::Searched(Ok(Sighting::Unclear)),
            Step::WaitToLook { delay, .. } => {
                now += delay;
                Observation::Waited
            }
            step => break step,
        };
    };
    assert_eq!(end, Step::Stop(Stop::NotKnown));
    assert!(protocol.in_doubt(now).is_some());
}

#[test]
fn two_copies_after_a_repetition_are_told() {
    let mut protocol = UploadProtocol::new(10, Route::Post, limits(10, 1, 10));
    let (mut now, mut seen, mut posts) = (Duration::ZERO, Observation::Begin, 0);
    let end = loop {
        let step = protocol.step(&seen, now, 0.5);
        seen = match step {
            Step::List => Observation::Listed(Ok(Sighting::Nothing)),
            Step::Post if posts == 0 => {
                posts += 1;
                Observation::Posted(Err(error(ErrorKind::Lost)))
            }
            Step::Post => Observation::Posted(Ok(Some("b".to_owned()))),
            Step::FindAttachment(Search::Twice(id)) => {
                Observation::Searched(Ok(Sighting::Ours(vec!["a".to_owned(), id])))
            }
            Step::FindAttachment(_) => Observation::Searched(Ok(Sighting::Nothing)),
            Step::WaitToLook { delay, .. } | Step::Wait { delay, .. } => {
                now += delay;
                Observation::Waited
            }
            step => break step,
        };
    };
    let both = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(end, Step::Stop(Stop::Twice(both)));
}

fn any_next(random: &mut fastrand::Rng, size: u64) -> ExpectedOffset {
    match random.u8(..6) {
        0 => ExpectedOffset::Missing,
        1 => ExpectedOffset::Invalid,
        2 => ExpectedOffset::At(0),
        _ => ExpectedOffset::At(random.u64(..=size + 1)),
    }
}

fn any_result<T>(
    random: &mut fastrand::Rng,
    value: impl FnOnce(&mut fastrand::Rng) -> T,
) -> Result<T, Error> {
    const KINDS: [ErrorKind; 19] = [
        ErrorKind::Connect,
        ErrorKind::Certificate,
        ErrorKind::Lost,
        ErrorKind::Throttled,
        ErrorKind::Unavailable,
        ErrorKind::Unauthorized,
        ErrorKind::Forbidden,
        ErrorKind::NotFound,
        ErrorKind::Conflict,
        ErrorKind::Range,
        ErrorKind::BodyTooLarge,
        ErrorKind::SessionTooSmall,
        ErrorKind::NoSessions,
        ErrorKind::TooLarge,
        ErrorKind::Quota,
        ErrorKind::MalformedId,
        ErrorKind::Refused,
        ErrorKind::Contradiction,
        ErrorKind::Auth,
    ];
    if random.bool() {
        return Ok(value(random));
    }
    // Mostly what may go away by itself: the rest ends the upload at once.
    let kind = match random.u8(..10) {
        0 => KINDS[random.usize(..KINDS.len())],
        1..4 => ErrorKind::Lost,
        4..6 => ErrorKind::Conflict,
        6 => ErrorKind::NotFound,
        7 => ErrorKind::Range,
        8 => ErrorKind::Throttled,
        _ => ErrorKind::Unavailable,
    };
    Err(error(kind))
}
