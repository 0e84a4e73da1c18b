//! The machine against a model of the service: random sizes, answers lost before and after their
//! effect, sessions that die, processes that are killed, records that could not be saved.

use std::time::Duration;

use proptest::prelude::*;

use super::Machine;
use crate::{
    graph::{Error, Kind, ranges::Next},
    upload::{
        plan::{LARGEST_POST, Range, Route},
        step::{Answer, Limits, Seen, Step, Stop},
    },
};

/// How the service behaves where nobody knows for sure.
#[derive(Debug, Clone, Copy)]
struct Habits {
    /// GET on an upload URL says where the session stands.
    tells: bool,
    /// A range elsewhere than expected is a conflict, not a wrong range.
    wrong_is_conflict: bool,
    /// The last range of a finished session, sent again, attaches again.
    repeat_attaches: bool,
    /// Answers to ranges say where the next one begins.
    says_next: bool,
    /// `Location` names the attachment.
    names: bool,
    /// POSTs are too large for it.
    no_posts: bool,
}

#[derive(Debug, Default)]
struct Session {
    received: u64,
    over: bool,
    finished: bool,
}

#[derive(Debug)]
struct Service {
    size: u64,
    habits: Habits,
    sessions: Vec<Session>,
    attached: usize,
}

impl Service {
    fn put(&mut self, session: usize, range: Range) -> Result<Answer, Error> {
        let (size, habits) = (self.size, self.habits);
        let last = range.end == size;
        let session = &mut self.sessions[session];
        if session.over || (session.finished && !(habits.repeat_attaches && last)) {
            return Err(error(Kind::NotFound));
        }
        if !session.finished && range.start != session.received {
            return Err(error(if habits.wrong_is_conflict {
                Kind::Conflict
            } else {
                Kind::Range
            }));
        }
        session.received = range.end;
        if last {
            session.finished = true;
            self.attached += 1;
            let id = habits.names.then(|| format!("id{}", self.attached));
            return Ok(Answer::Attached(id));
        }
        Ok(Answer::Continues(if habits.says_next {
            Next::At(range.end)
        } else {
            Next::Unsaid
        }))
    }

    fn ask(&self, session: usize) -> Result<Next, Error> {
        let session = &self.sessions[session];
        if !self.habits.tells || session.over || session.finished {
            return Err(error(Kind::NotFound));
        }
        Ok(Next::At(session.received))
    }

    fn ids(&self) -> Vec<String> {
        (1..=self.attached).map(|n| format!("id{n}")).collect()
    }
}

fn error(kind: Kind) -> Error {
    let mut error = Error::local(kind, "no");
    if kind == Kind::NotFound {
        error.code = "ErrorItemNotFound".to_owned();
    }
    error
}

/// What a record on disk says.
#[derive(Debug, Clone, Copy)]
struct Saved {
    session: usize,
    acked: u64,
    sent: u64,
}

/// How often things go wrong, from 0 to 1.
#[derive(Debug, Clone, Copy)]
struct Trouble {
    faults: f64,
    kills: f64,
    unsaved: f64,
}

/// How one process ended.
#[derive(Debug, PartialEq)]
enum End {
    Attached,
    Stopped(Stop),
    Killed,
}

struct World {
    random: fastrand::Rng,
    trouble: Trouble,
    service: Service,
    limits: Limits,
    saved: Option<Saved>,
    /// The session that the running process knows of.
    session: usize,
    /// The last range or the POST may have been carried out, and nobody looked since.
    in_doubt: bool,
    /// Every byte went to the session at hand, and nobody looked since.
    all_sent: bool,
    /// What happened, for whoever has to find out why.
    log: Vec<String>,
}

impl World {
    fn happens(&mut self, chance: f64) -> bool {
        self.random.f64() < chance
    }

    /// What goes wrong with the next request, and whether it is carried out all the same.
    fn fault(&mut self, kinds: &[Kind]) -> Option<(Kind, bool)> {
        if !self.happens(self.trouble.faults) {
            return None;
        }
        let kind = kinds[self.random.usize(..kinds.len())];
        let may_be_done = matches!(kind, Kind::Lost | Kind::Unavailable | Kind::Contradiction);
        Some((kind, may_be_done && self.random.bool()))
    }

    /// One request: `act` is its effect, if it has one.
    fn request<T>(
        &mut self,
        kinds: &[Kind],
        act: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self.fault(kinds) {
            None => act(self),
            Some((kind, done)) => {
                if done {
                    let _ = act(self);
                }
                Err(error(kind))
            }
        }
    }

    fn save(&mut self, saved: Option<Saved>) {
        if !self.happens(self.trouble.unsaved) {
            self.saved = saved;
        }
    }

    /// One process, from its start to its end.
    fn process(&mut self) -> End {
        let size = self.service.size;
        let mut machine = match self.saved {
            Some(saved) => {
                self.session = saved.session;
                Machine::resumed(size, saved.acked, saved.sent, self.limits)
            }
            None => Machine::new(size, Route::for_size(size), self.limits),
        };
        let ranges = size / self.limits.chunk + 1;
        let most = (ranges + 10) * 20 * u64::from(self.limits.max_retries + 1);
        let (mut now, mut seen) = (Duration::ZERO, Seen::Begin);
        self.log
            .push(format!("a process begins with {:?}", self.saved));
        for _ in 0..most {
            let roll = self.random.f64();
            let step = machine.step(&seen, now, roll);
            self.log.push(format!("{seen:?} -> {step:?}"));
            if self.happens(self.trouble.kills / 2.0) {
                return End::Killed;
            }
            seen = match step {
                Step::Attached { id, already } => {
                    assert_eq!(self.service.attached, 1, "attached, it says");
                    assert!(id.is_none_or(|id| id == "id1"));
                    assert!(!already || self.saved.is_none());
                    return End::Attached;
                }
                Step::Stop(stop) => {
                    if matches!(stop, Stop::Contradiction(_)) {
                        self.saved = None;
                    }
                    return End::Stopped(stop);
                }
                Step::Wait { delay, .. } => {
                    assert!(delay <= Duration::from_secs(600));
                    now += delay;
                    Seen::Waited
                }
                step => self.execute(&step, &machine),
            };
            assert!(
                self.service.attached <= 1,
                "attached twice: {:#?}",
                self.log
            );
            if self.happens(self.trouble.kills / 2.0) {
                return End::Killed;
            }
        }
        panic!("it does not end: {:#?}", &self.log[self.log.len() - 40..]);
    }

    fn execute(&mut self, step: &Step, machine: &Machine) -> Seen {
        use Kind::{
            Conflict, Connect, Contradiction, Forbidden, Lost, NotFound, Throttled, Unauthorized,
            Unavailable,
        };
        const READS: &[Kind] = &[
            Connect,
            Throttled,
            Lost,
            Unavailable,
            Contradiction,
            NotFound,
        ];
        const CHANGES: &[Kind] = &[
            Connect,
            Throttled,
            Lost,
            Unavailable,
            Contradiction,
            Conflict,
        ];
        const RANGES: &[Kind] = &[
            Connect,
            Throttled,
            Lost,
            Lost,
            Unavailable,
            Contradiction,
            Conflict,
            Unauthorized,
            Forbidden,
            NotFound,
        ];
        match *step {
            Step::List => {
                let result = self.request(READS, |world| Ok(world.service.ids().pop()));
                if result.is_ok() {
                    (self.in_doubt, self.all_sent) = (false, false);
                }
                Seen::Listed(result)
            }
            Step::Look { .. } => {
                let result = self.request(READS, |world| Ok(world.service.ids()));
                if result.is_ok() {
                    (self.in_doubt, self.all_sent) = (false, false);
                }
                Seen::Looked(result)
            }
            Step::Post => {
                assert!(!self.in_doubt, "a POST goes again unlooked-for");
                self.in_doubt = true;
                let result = self.request(CHANGES, |world| {
                    if world.service.habits.no_posts {
                        return Err(error(Kind::BodyTooLarge));
                    }
                    world.service.attached += 1;
                    Ok(format!("id{}", world.service.attached))
                });
                if let Err(error) = &result {
                    self.in_doubt = error.kind.in_doubt();
                }
                Seen::Posted(result)
            }
            Step::Create => {
                assert!(!self.all_sent, "a new session before anybody looked");
                let result = self.request(CHANGES, |world| {
                    world.service.sessions.push(Session::default());
                    Ok(world.service.sessions.len() - 1)
                });
                if let Ok(session) = result {
                    self.session = session;
                    // A record that cannot be replaced by one of the new session is removed.
                    self.saved = None;
                    self.save(Some(Saved {
                        session,
                        acked: 0,
                        sent: 0,
                    }));
                }
                Seen::Created(result.map(|_| Next::At(0)))
            }
            Step::Put { range, last } => {
                assert_eq!(range.start, machine.acknowledged());
                assert_eq!(last, range.end == self.service.size);
                assert!(!range.is_empty() && range.len() <= self.limits.chunk);
                assert!(
                    !last || !self.in_doubt,
                    "the last range goes again unlooked-for"
                );
                let session = self.session;
                self.save(Some(Saved {
                    session,
                    acked: range.start,
                    sent: range.end,
                }));
                let was_in_doubt = self.in_doubt;
                (self.in_doubt, self.all_sent) = (last, last);
                if self.happens(self.trouble.faults / 20.0) {
                    self.service.sessions[session].over = true;
                }
                let result = self.request(RANGES, |world| world.service.put(session, range));
                match &result {
                    Err(error) if matches!(error.kind, Connect | Throttled) => {
                        (self.in_doubt, self.all_sent) = (was_in_doubt, false);
                    }
                    Err(error) => self.in_doubt &= error.kind.in_doubt(),
                    Ok(_) => {}
                }
                Seen::Put(result)
            }
            Step::Ask => {
                let session = self.session;
                let result = self.request(READS, |world| world.service.ask(session));
                if result.is_ok() {
                    self.in_doubt = false;
                }
                Seen::Asked(result)
            }
            Step::Discard { replacing } => {
                // DELETE may fail, and nobody cares.
                if !self.happens(self.trouble.faults) {
                    self.service.sessions[self.session].over = true;
                }
                if !replacing {
                    self.saved = None;
                }
                Seen::Discarded
            }
            Step::Wait { .. } | Step::Attached { .. } | Step::Stop(_) => unreachable!(),
        }
    }
}

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
        session: 0,
        in_doubt: false,
        all_sent: false,
        log: Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whatever goes wrong, however often, it is attached at most once, every process ends, and the
    /// first one that is left in peace finishes the work.
    #[test]
    fn once_whatever_happens(
        seed: u64, size in sizes(), ranges in 1u64..12, max_retries in 0u32..12, habits in habits(),
        faults in 0.0f64..0.9, kills in 0.0f64..0.3, unsaved in prop_oneof![Just(0.0), 0.0f64..1.0],
        processes in 0usize..6,
    ) {
        // Nothing but a POST can attach an empty file.
        let habits = Habits { no_posts: habits.no_posts && size > 0, ..habits };
        let mut world = world(seed, size, ranges, max_retries, habits);
        world.trouble = Trouble { faults, kills, unsaved };
        let mut end = End::Killed;
        for _ in 0..processes {
            end = world.process();
            if end == End::Attached {
                break;
            }
        }
        if end != End::Attached {
            world.trouble = Trouble { faults: 0.0, kills: 0.0, unsaved: 0.0 };
            // A session that is dead without a word needs a replacement or two.
            world.limits.max_retries = world.limits.max_retries.max(3);
            end = world.process();
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
        let mut machine = Machine::new(size, Route::for_size(size), world.limits);
        let (mut seen, mut requests) = (Seen::Begin, 0);
        loop {
            match machine.step(&seen, Duration::ZERO, 0.5) {
                Step::Attached { .. } => break,
                step => seen = world.execute(&step, &machine),
            }
            requests += 1;
        }
        let puts = size.div_ceil(world.limits.chunk);
        prop_assert_eq!(requests, if machine.route() == Route::Post { 2 } else { 2 + puts });
    }

    /// A service that calls every range a conflict and does not say where it stands is given up
    /// after a few sessions of a few requests each, not when all patience is spent.
    #[test]
    fn conflicts_without_end_end_soon(
        size in 3_000_000u64..20_000_000, ranges in 1u64..12, taken in 0u64..12, max_retries in 6u32..30,
    ) {
        let limits = Limits { max_retries, deadline: None, chunk: size.div_ceil(ranges) };
        let mut machine = Machine::new(size, Route::Session, limits);
        let (mut seen, mut puts) = (Seen::Begin, 0);
        let end = loop {
            seen = match machine.step(&seen, Duration::ZERO, 0.5) {
                Step::List => Seen::Listed(Ok(None)),
                Step::Create => Seen::Created(Ok(Next::At(0))),
                Step::Put { range, .. } if range.start < limits.chunk * taken.min(ranges - 1) => {
                    Seen::Put(Ok(Answer::Continues(Next::At(range.end))))
                }
                Step::Put { .. } => {
                    puts += 1;
                    Seen::Put(Err(error(Kind::Conflict)))
                }
                Step::Ask => Seen::Asked(Err(error(Kind::NotFound))),
                Step::Look { .. } => Seen::Looked(Ok(Vec::new())),
                Step::Wait { .. } => Seen::Waited,
                Step::Discard { .. } => Seen::Discarded,
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
        let mut machine = match resumed && size > 0 {
            true => Machine::resumed(size, random.u64(..=size), random.u64(..=size), limits),
            false => Machine::new(size, Route::for_size(size), limits),
        };
        let (mut now, mut seen, mut steps, mut log) = (Duration::ZERO, Seen::Begin, 0, Vec::new());
        loop {
            let step = machine.step(&seen, now, random.f64());
            steps += 1;
            log.push(format!("{seen:?} -> {step:?}"));
            prop_assert!(steps < 5_000, "{:#?}", &log[4_900..]);
            seen = match step {
                Step::Attached { .. } | Step::Stop(_) => break,
                Step::Wait { delay, .. } => {
                    now += delay;
                    Seen::Waited
                }
                Step::Discard { .. } => Seen::Discarded,
                Step::List => Seen::Listed(any_result(&mut random, |_| None)),
                Step::Post => Seen::Posted(any_result(&mut random, |_| "id".to_owned())),
                Step::Create => Seen::Created(any_result(&mut random, |random| any_next(random, size))),
                Step::Ask => Seen::Asked(any_result(&mut random, |random| any_next(random, size))),
                Step::Look { .. } => Seen::Looked(any_result(&mut random, |random| {
                    (0..random.usize(..3)).map(|n| n.to_string()).collect()
                })),
                Step::Put { range, .. } => {
                    prop_assert!(!range.is_empty() && range.end <= size);
                    Seen::Put(any_result(&mut random, |random| match random.u8(..8) {
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
    let mut machine = Machine::new(3_000_000, Route::Session, limits);
    let (mut seen, mut waits, mut sessions) = (Seen::Begin, Vec::new(), 0);
    let end = loop {
        seen = match machine.step(&seen, Duration::ZERO, 0.5) {
            Step::List => Seen::Listed(Ok(None)),
            Step::Create => {
                sessions += 1;
                Seen::Created(Ok(Next::At(0)))
            }
            Step::Put { .. } if sessions == 4 => Seen::Put(Ok(Answer::Attached(Some("id".into())))),
            Step::Put { .. } => Seen::Put(Err(error(Kind::NotFound))),
            Step::Ask => Seen::Asked(Err(error(Kind::NotFound))),
            Step::Look { .. } => Seen::Looked(Ok(Vec::new())),
            Step::Discard { .. } => Seen::Discarded,
            Step::Wait { delay, .. } => {
                waits.push(delay.as_secs());
                Seen::Waited
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
    let mut machine = Machine::new(3_000_000, Route::Session, limits);
    let (mut seen, mut looks) = (Seen::Begin, 0);
    let end = loop {
        seen = match machine.step(&seen, Duration::ZERO, 0.5) {
            Step::List => Seen::Listed(Ok(None)),
            Step::Create => Seen::Created(Ok(Next::At(0))),
            Step::Put { .. } => Seen::Put(Ok(Answer::Attached(None))),
            Step::Look { identify: true } => {
                looks += 1;
                Seen::Looked(Ok(Vec::new()))
            }
            Step::Wait { .. } => Seen::Waited,
            step => break step,
        };
    };
    assert!(matches!(end, Step::Stop(Stop::Contradiction(_))), "{end:?}");
    assert_eq!(looks, 2);
}

fn any_next(random: &mut fastrand::Rng, size: u64) -> Next {
    match random.u8(..6) {
        0 => Next::Unsaid,
        1 => Next::Nonsense,
        2 => Next::At(0),
        _ => Next::At(random.u64(..=size + 1)),
    }
}

fn any_result<T>(
    random: &mut fastrand::Rng,
    value: impl FnOnce(&mut fastrand::Rng) -> T,
) -> Result<T, Error> {
    const KINDS: [Kind; 18] = [
        Kind::Connect,
        Kind::Certificate,
        Kind::Lost,
        Kind::Throttled,
        Kind::Unavailable,
        Kind::Unauthorized,
        Kind::Forbidden,
        Kind::NotFound,
        Kind::Conflict,
        Kind::Range,
        Kind::BodyTooLarge,
        Kind::SessionTooSmall,
        Kind::TooLarge,
        Kind::Quota,
        Kind::MalformedId,
        Kind::Refused,
        Kind::Contradiction,
        Kind::Auth,
    ];
    if random.bool() {
        return Ok(value(random));
    }
    // Mostly what may go away by itself: the rest ends the upload at once.
    let kind = match random.u8(..10) {
        0 => KINDS[random.usize(..KINDS.len())],
        1..4 => Kind::Lost,
        4..6 => Kind::Conflict,
        6 => Kind::NotFound,
        7 => Kind::Range,
        8 => Kind::Throttled,
        _ => Kind::Unavailable,
    };
    Err(error(kind))
}
