//! The protocol against a model of the service: random sizes, answers lost before and after their
//! effect, sessions that die, processes that are killed, records that could not be saved.

mod model;

use std::time::Duration;

use proptest::prelude::*;

use super::UploadProtocol;
use crate::{
    Error, ErrorKind, ExpectedOffset,
    protocol::{
        plan::{LARGEST_POST, Route},
        step::{Answer, Limits, Observation, Step, Stop},
    },
};
use model::{End, Habits, Means, Service, Trouble, World, error};

prop_compose! {
    fn habits()(tells: bool, wrong_is_conflict: bool, repeat_attaches: bool, says_next: bool, names: bool, no_posts: bool) -> Habits {
        Habits { tells, wrong_is_conflict, repeat_attaches, says_next, names, no_posts }
    }
}

fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..10, 1u64..LARGEST_POST, 3_000_000u64..20_000_000]
}

fn world(seed: u64, size: u64, ranges: u64, max_retries: u32, habits: Habits) -> World {
    World {
        random: fastrand::Rng::with_seed(seed),
        trouble: Trouble {
            faults: 0.0,
            kills: 0.0,
            unsaved: 0.0,
        },
        service: Service {
            size,
            habits,
            sessions: Vec::new(),
            attached: 0,
        },
        limits: Limits {
            max_retries,
            deadline: None,
            chunk: size.div_ceil(ranges).max(1),
        },
        saved: None,
        means: Means::Both,
        read_only: false,
        stuck: false,
        session: 0,
        in_doubt: false,
        all_sent: false,
        log: Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whatever goes wrong, however often, it is attached at most once, every process ends, and the
    /// first one that is left in peace finishes the work. Some have no disk; or some have no token, which then must not be
    /// what it takes to know that the file was attached meanwhile.
    #[test]
    fn once_whatever_happens(
        seed: u64, size in sizes(), ranges in 1u64..12, max_retries in 0u32..12, habits in habits(),
        faults in 0.0f64..0.9, kills in 0.0f64..0.3, unsaved in prop_oneof![Just(0.0), 0.0f64..1.0],
        means in prop_oneof![Just(Means::NoDisk), Just(Means::NoToken)],
        processes in prop::collection::vec(prop::bool::weighted(0.3), 0..6),
    ) {
        // Nothing but a POST can attach an empty file.
        let habits = Habits { no_posts: habits.no_posts && size > 0, ..habits };
        let mut world = world(seed, size, ranges, max_retries, habits);
        world.trouble = Trouble { faults, kills, unsaved };
        let mut end = End::Killed;
        for odd in processes {
            end = world.process(if odd { means } else { Means::Both });
            if end == End::Attached {
                break;
            }
        }
        // Also after a success, where the record could not be told of it.
        if end != End::Attached || world.saved.is_some() {
            world.trouble = Trouble { faults: 0.0, kills: 0.0, unsaved: 0.0 };
            // A session that is dead without a word needs a replacement or two.
            world.limits.max_retries = world.limits.max_retries.max(3);
            end = world.process(Means::Both);
        }
        prop_assert_eq!(end, End::Attached, "{:#?}", world.log);
        prop_assert_eq!(world.service.attached, 1);
    }

    /// On a good day nothing is sent twice and nothing is looked up in vain.
    #[test]
    fn a_good_day_costs_no_request(size in sizes(), ranges in 1u64..12, tells: bool) {
        let habits = Habits {
            tells, wrong_is_conflict: false, repeat_attaches: false, says_next: true, names: true,
            no_posts: false,
        };
        let mut world = world(0, size, ranges, 10, habits);
        let mut protocol = UploadProtocol::new(size, Route::for_size(size), world.limits);
        let (mut seen, mut requests) = (Observation::Begin, 0);
        loop {
            match protocol.step(&seen, Duration::ZERO, 0.5) {
                Step::Attached { .. } => break,
                step => seen = world.execute(&step, &protocol),
            }
            requests += 1;
        }
        let puts = size.div_ceil(world.limits.chunk);
        prop_assert_eq!(requests, if protocol.route() == Route::Post { 2 } else { 2 + puts });
    }

    /// A service that calls every range a conflict and does not say where it stands is given up
    /// after a few sessions of a few requests each, not when all patience is spent.
    #[test]
    fn conflicts_without_end_end_soon(
        size in 3_000_000u64..20_000_000, ranges in 1u64..12, taken in 0u64..12, max_retries in 6u32..30,
    ) {
        let limits = Limits { max_retries, deadline: None, chunk: size.div_ceil(ranges) };
        let mut protocol = UploadProtocol::new(size, Route::Session, limits);
        let (mut seen, mut puts) = (Observation::Begin, 0);
        let end = loop {
            seen = match protocol.step(&seen, Duration::ZERO, 0.5) {
                Step::List => Observation::Listed(Ok(None)),
                Step::Create => Observation::Created(Ok(ExpectedOffset::At(0))),
                Step::Put { range, .. } if range.start < limits.chunk * taken.min(ranges - 1) => {
                    Observation::Put(Ok(Answer::Continues(ExpectedOffset::At(range.end))))
                }
                Step::Put { .. } => {
                    puts += 1;
                    Observation::Put(Err(error(ErrorKind::Conflict)))
                }
                Step::QueryStatus => Observation::StatusAnswered(Err(error(ErrorKind::NotFound))),
                Step::FindAttachment { .. } => Observation::Searched(Ok(Vec::new())),
                Step::Wait { .. } => Observation::Waited,
                Step::CancelSession { .. } => Observation::Cancelled,
                Step::Stop(stop) => break stop,
                step => panic!("{step:?}"),
            };
        };
        prop_assert_eq!(end, Stop::SessionsSpent);
        prop_assert_eq!(puts, 3 * 3);
    }

    /// Any answers at all, in any order: it ends.
    #[test]
    fn it_ends_whatever_it_is_told(
        seed: u64, size in sizes(), ranges in 1u64..12, max_retries in 0u32..12, resumed: bool,
    ) {
        let mut random = fastrand::Rng::with_seed(seed);
        let limits = Limits { max_retries, deadline: None, chunk: size.div_ceil(ranges).max(1) };
        let mut protocol = match resumed && size > 0 {
            true => UploadProtocol::resumed(size, random.u64(..=size), random.u64(..=size), limits),
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
                Step::Wait { delay, .. } => {
                    now += delay;
                    Observation::Waited
                }
                Step::CancelSession { .. } => Observation::Cancelled,
                Step::List => Observation::Listed(any_result(&mut random, |_| None)),
                Step::Post => Observation::Posted(any_result(&mut random, |_| "id".to_owned())),
                Step::Create => Observation::Created(any_result(&mut random, |random| any_next(random, size))),
                Step::QueryStatus => Observation::StatusAnswered(any_result(&mut random, |random| any_next(random, size))),
                Step::FindAttachment { .. } => Observation::Searched(any_result(&mut random, |random| {
                    (0..random.usize(..3)).map(|n| n.to_string()).collect()
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

#[test]
fn an_item_that_is_not_known_everywhere_yet_is_waited_for() {
    let limits = Limits {
        max_retries: 10,
        deadline: None,
        chunk: 3_000_000,
    };
    let mut protocol = UploadProtocol::new(3_000_000, Route::Session, limits);
    let (mut seen, mut waits, mut sessions) = (Observation::Begin, Vec::new(), 0);
    let end = loop {
        seen = match protocol.step(&seen, Duration::ZERO, 0.5) {
            Step::List => Observation::Listed(Ok(None)),
            Step::Create => {
                sessions += 1;
                Observation::Created(Ok(ExpectedOffset::At(0)))
            }
            Step::Put { .. } if sessions == 4 => {
                Observation::Put(Ok(Answer::Attached(Some("id".into()))))
            }
            Step::Put { .. } => Observation::Put(Err(error(ErrorKind::NotFound))),
            Step::QueryStatus => Observation::StatusAnswered(Err(error(ErrorKind::NotFound))),
            Step::FindAttachment { .. } => Observation::Searched(Ok(Vec::new())),
            Step::CancelSession { .. } => Observation::Cancelled,
            Step::Wait { delay, .. } => {
                waits.push(delay.as_secs());
                Observation::Waited
            }
            step => break step,
        };
    };
    assert!(matches!(end, Step::Attached { .. }), "{end:?}");
    assert_eq!(waits, [1, 2, 4]);
}

#[test]
fn a_success_without_an_attachment_is_a_contradiction() {
    let limits = Limits {
        max_retries: 10,
        deadline: None,
        chunk: 3_000_000,
    };
    let mut protocol = UploadProtocol::new(3_000_000, Route::Session, limits);
    let (mut seen, mut looks) = (Observation::Begin, 0);
    let end = loop {
        seen = match protocol.step(&seen, Duration::ZERO, 0.5) {
            Step::List => Observation::Listed(Ok(None)),
            Step::Create => Observation::Created(Ok(ExpectedOffset::At(0))),
            Step::Put { .. } => Observation::Put(Ok(Answer::Attached(None))),
            Step::FindAttachment { identify: true } => {
                looks += 1;
                Observation::Searched(Ok(Vec::new()))
            }
            Step::Wait { .. } => Observation::Waited,
            step => break step,
        };
    };
    assert!(matches!(end, Step::Stop(Stop::Contradiction(_))), "{end:?}");
    assert_eq!(looks, 2);
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
