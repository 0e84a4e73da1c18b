//! A model of the service, and of the processes that use it: no network, no disk, no clock.
//!
//! It does its worst within what the promise rests on: answers are lost or wrong after the work was done,
//! work is done late, lists are read from two places that lag by different times, what is listed has
//! another name or cannot be read yet, and processes are killed and started again at once.

use std::time::Duration;

use crate::{
    Error, ErrorKind, ExpectedOffset, Host,
    protocol::{
        Left, UploadProtocol,
        doubt::Certainty,
        plan::{Range, Route},
        step::{Answer, Limits, Observation, Search, Sighting, Step, Stop},
    },
};

/// How the service behaves where nobody knows for sure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// GET on an upload URL says where the session stands.
    pub(super) tells: bool,
    /// A range elsewhere than expected is a conflict, not a wrong range.
    pub(super) wrong_is_conflict: bool,
    /// The last range of a finished session, sent again, attaches again.
    pub(super) repeat_attaches: bool,
    /// DELETE does not stop what is under way.
    pub(super) delete_is_late: bool,
    /// Answers to ranges say where the next one begins.
    pub(super) says_next: bool,
    /// `Location` names the attachment.
    pub(super) names: bool,
    /// What is attached gets another name, which only its content betrays.
    pub(super) renames: bool,
    /// POSTs are too large for it.
    pub(super) no_posts: bool,
}

#[derive(Debug, Default)]
pub(super) struct Session {
    received: u64,
    over: bool,
    finished: bool,
}

/// One attachment: when it is there, when each of two readers lists it, when it can be read.
#[derive(Debug, Clone, Copy)]
struct Commit {
    at: Duration,
    listed: [Duration; 2],
    readable: Duration,
    session: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Service {
    pub(super) size: u64,
    pub(super) habits: Habits,
    sessions: Vec<Session>,
    commits: Vec<Commit>,
}

impl Service {
    pub(super) fn new(size: u64, habits: Habits) -> Self {
        Service {
            size,
            habits,
            sessions: Vec::new(),
            commits: Vec::new(),
        }
    }

    pub(super) fn attached(&self) -> usize {
        self.commits.len()
    }

    fn put(&mut self, session: usize, range: Range, commit: Commit) -> Result<Answer, Error> {
        let (size, habits) = (self.size, self.habits);
        let last = range.end == size;
        let state = &mut self.sessions[session];
        if state.over || (state.finished && !(habits.repeat_attaches && last)) {
            return Err(error(ErrorKind::NotFound));
        }
        if !state.finished && range.start != state.received {
            return Err(match habits.wrong_is_conflict {
                true => error(ErrorKind::Conflict),
                false => error(ErrorKind::Range),
            });
        }
        state.received = range.end;
        if last {
            state.finished = true;
            let session = Some(session);
            self.commits.push(Commit { session, ..commit });
            let id = habits.names.then(|| format!("id{}", self.commits.len()));
            return Ok(Answer::Attached(id));
        }
        Ok(Answer::Continues(match habits.says_next {
            true => ExpectedOffset::At(range.end),
            false => ExpectedOffset::Missing,
        }))
    }

    fn status(&self, session: usize) -> Result<ExpectedOffset, Error> {
        let session = &self.sessions[session];
        if !self.habits.tells || session.over || session.finished {
            return Err(error(ErrorKind::NotFound));
        }
        Ok(ExpectedOffset::At(session.received))
    }
}

pub(super) fn error(kind: ErrorKind) -> Error {
    let mut error = Error::local(kind, "no");
    if kind == ErrorKind::NotFound {
        error.code = "ErrorItemNotFound".to_owned();
    }
    error
}

/// What a request that attaches is answered when its answer is not the right one.
fn wrong_answer(host: Host, random: &mut fastrand::Rng) -> Error {
    const STATUSES: [u16; 19] = [
        400, 401, 403, 404, 408, 409, 412, 413, 415, 416, 423, 425, 429, 500, 501, 502, 503, 503,
        504,
    ];
    match random.u8(..8) {
        0 => error(ErrorKind::Connect),
        1 | 2 => error(ErrorKind::Lost),
        3 => error(ErrorKind::Contradiction),
        4 => {
            let status = STATUSES[random.usize(..STATUSES.len())];
            Error::answer(
                host,
                status,
                b"<html>a page of somebody else's</html>",
                false,
            )
        }
        _ => {
            let status = STATUSES[random.usize(..STATUSES.len())];
            let code = if status == 404 {
                "ErrorItemNotFound"
            } else {
                "c"
            };
            let body = format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
            let mut error = Error::answer(host, status, body.as_bytes(), false);
            if status == 503 && random.bool() {
                error.retry_after = Some(Duration::from_secs(random.u64(..5)));
            }
            error
        }
    }
}

/// What a record on disk says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saved {
    route: Route,
    /// None when one was given up, or there was none yet.
    session: Option<usize>,
    acked: u64,
    sent: u64,
    /// Since when a request that attaches may have been carried out.
    doubt: Option<Duration>,
}

/// How often things go wrong, from 0 to 1, and how late the service is at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trouble {
    pub(super) faults: f64,
    pub(super) kills: f64,
    pub(super) unsaved: f64,
    /// Between a request and its effect.
    pub(super) late: Duration,
    /// Between the effect and the list, at either reader.
    pub(super) lag: [Duration; 2],
    /// Between the list and the content.
    pub(super) unreadable: Duration,
}

impl Trouble {
    /// A good day.
    pub(super) const NONE: Trouble = Trouble {
        faults: 0.0,
        kills: 0.0,
        unsaved: 0.0,
        late: Duration::ZERO,
        lag: [Duration::ZERO; 2],
        unreadable: Duration::ZERO,
    };
}

/// What a process works with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Means {
    /// The state directory, and a token.
    Both,
    /// It finds nothing that earlier ones left, and can leave nothing: another computer, or a
    /// directory that fails.
    NoDisk,
    /// A live session can be gone on with.
    NoToken,
}

/// How one process ended.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    Attached,
    Stopped(Stop),
    /// A session that may be alive could not be taken off the disk.
    Stuck,
    Killed,
}

pub(super) struct World {
    pub(super) random: fastrand::Rng,
    pub(super) trouble: Trouble,
    pub(super) service: Service,
    pub(super) limits: Limits,
    pub(super) saved: Option<Saved>,
    pub(super) now: Duration,
    means: Means,
    /// Whether the disk takes no more changes from this process.
    read_only: bool,
    /// Whether the record could not be taken away.
    stuck: bool,
    /// Whether the disk says less than what happened: no process can know what is not written down.
    forgotten: bool,
    /// Whether it ever did. Then what is on disk may be an older session, which only a look tells apart.
    stale: bool,
    /// The session that the running process knows of.
    session: usize,
    /// What happened, for whoever has to find out why.
    pub(super) log: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64, service: Service, limits: Limits, trouble: Trouble) -> Self {
        World {
            random: fastrand::Rng::with_seed(seed),
            trouble,
            service,
            limits,
            saved: None,
            now: Duration::from_secs(1_000),
            means: Means::Both,
            read_only: false,
            stuck: false,
            forgotten: false,
            stale: false,
            session: 0,
            log: Vec::new(),
        }
    }

    fn happens(&mut self, chance: f64) -> bool {
        self.random.f64() < chance
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.random.f64())
    }

    /// A request takes its time.
    fn takes_time(&mut self) {
        let time = self.up_to(Duration::from_millis(1_500));
        self.now += time;
    }

    /// An effect that comes now, or late, and is seen later still.
    fn commit(&mut self, is_late: bool) -> Commit {
        let Trouble {
            late,
            lag,
            unreadable,
            ..
        } = self.trouble;
        let at = match is_late {
            true => self.now + self.up_to(late),
            false => self.now,
        };
        let listed = lag.map(|lag| at + self.up_to(lag));
        let readable = listed[0].min(listed[1]) + self.up_to(unreadable);
        Commit {
            at,
            listed,
            readable,
            session: None,
        }
    }

    /// A request that attaches nothing: `act` is its effect, if it has one.
    fn request<T>(
        &mut self,
        kinds: &[ErrorKind],
        act: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.takes_time();
        if !self.happens(self.trouble.faults) {
            return act(self);
        }
        let kind = kinds[self.random.usize(..kinds.len())];
        let may_be_done = matches!(
            kind,
            ErrorKind::Lost | ErrorKind::Unavailable | ErrorKind::Contradiction
        );
        if may_be_done && self.random.bool() {
            let _ = act(self);
        }
        Err(error(kind))
    }

    /// A request that attaches, which may be answered anything at all after it was carried out.
    fn attach<T>(
        &mut self,
        host: Host,
        act: impl FnOnce(&mut Self, Commit) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.takes_time();
        if !self.happens(self.trouble.faults) {
            let commit = self.commit(false);
            return act(self, commit);
        }
        let error = wrong_answer(host, &mut self.random);
        let commit = match Certainty::of(&error) {
            Certainty::NothingDone => return Err(error),
            // The service itself says no. If it did it all the same, it is there to be seen.
            Certainty::Refused => Commit {
                at: self.now,
                listed: [self.now; 2],
                readable: self.now,
                session: None,
            },
            Certainty::Unknown => self.commit(true),
        };
        if self.random.bool() {
            let _ = act(self, commit);
        }
        Err(error)
    }

    /// Whether the disk has it now.
    fn save(&mut self, saved: Option<Saved>) -> bool {
        self.read_only |= self.happens(self.trouble.unsaved / 4.0);
        let fails = self.read_only || self.happens(self.trouble.unsaved);
        let done = self.means != Means::NoDisk && !fails;
        if done {
            self.saved = saved;
        }
        done
    }

    fn record(&self, protocol: &UploadProtocol, session: Option<usize>) -> Saved {
        Saved {
            route: protocol.route(),
            session,
            acked: 0,
            sent: 0,
            doubt: None,
        }
    }

    /// What is not written down can be known only by whoever waits until it can be seen.
    fn settle(&mut self) {
        if std::mem::take(&mut self.forgotten) {
            self.stale = true;
            self.now += self.limits.lag;
        }
    }

    /// One process, from its start to its end.
    pub(super) fn process(&mut self, means: Means) -> End {
        let end = self.live(means);
        self.log.push(format!("{end:?}"));
        self.settle();
        end
    }

    fn live(&mut self, means: Means) -> End {
        let means = match means {
            Means::NoToken if self.stale => Means::Both,
            means => means,
        };
        let size = self.service.size;
        (self.means, self.stuck, self.read_only) = (means, false, false);
        // Whoever cannot see what earlier processes left does not come within the same half minute.
        self.forgotten |= means == Means::NoDisk;
        self.settle();
        let mut protocol = match self.saved.filter(|_| means != Means::NoDisk) {
            Some(saved) => {
                self.session = saved.session.unwrap_or_default();
                let left = Left {
                    acked: saved.acked,
                    sent: saved.sent,
                    session: saved.session.is_some(),
                    expired: false,
                    doubt: saved.doubt.map(|since| self.now - since),
                };
                UploadProtocol::resumed(size, saved.route, &left, self.limits, self.now)
            }
            None => UploadProtocol::new(size, Route::for_size(size), self.limits),
        };
        let ranges = size / self.limits.chunk + 1;
        let most = (ranges + 20) * 20 * u64::from(self.limits.max_retries + 1);
        let mut seen = Observation::Begin;
        self.log
            .push(format!("a process begins with {:?}", self.saved));
        for _ in 0..most {
            let roll = self.random.f64();
            let step = protocol.step(&seen, self.now, roll);
            self.log.push(format!(
                "{:.1} {seen:?} -> {step:?}",
                self.now.as_secs_f64()
            ));
            if self.happens(self.trouble.kills / 2.0) {
                return End::Killed;
            }
            seen = match step {
                Step::Attached { id, .. } => {
                    assert_eq!(self.service.attached(), 1, "{:#?}", self.log);
                    assert!(id.is_none_or(|id| id == "id1"));
                    // Else the record says that it goes on.
                    self.forgotten = !self.save(None);
                    return End::Attached;
                }
                Step::Stop(stop) => {
                    assert!(!matches!(stop, Stop::Twice(_)), "{:#?}", self.log);
                    let doubt = protocol.in_doubt(self.now).map(|age| self.now - age);
                    let is_known = match self.saved {
                        Some(saved) => self.save(Some(Saved { doubt, ..saved })),
                        None => false,
                    };
                    self.forgotten |= doubt.is_some() && !is_known;
                    return End::Stopped(stop);
                }
                Step::Wait { delay, .. } | Step::WaitToLook { delay, .. } => {
                    assert!(delay <= Duration::from_secs(600));
                    self.now += delay;
                    Observation::Waited
                }
                step => self.execute(&step, &protocol),
            };
            if self.stuck {
                return End::Stuck;
            }
            assert!(self.service.attached() <= 1, "twice: {:#?}", self.log);
            if self.happens(self.trouble.kills / 2.0) {
                return End::Killed;
            }
        }
        panic!("it does not end: {:#?}", &self.log[self.log.len() - 40..]);
    }

    /// What one of the two readers lists.
    fn look(&mut self, search: &Search) -> Sighting {
        let reader = self.random.usize(..2);
        let now = self.now;
        let listed: Vec<(usize, Commit)> =
            self.service.commits.iter().copied().enumerate().collect();
        let mut ours = Vec::new();
        let mut unclear = false;
        for (number, commit) in listed {
            let id = format!("id{}", number + 1);
            let is_known = matches!(search, Search::Twice(known) if *known == id);
            if commit.listed[reader] > now
                || (*search == Search::Meanwhile && self.service.habits.renames)
            {
                continue;
            }
            match is_known || commit.readable <= now {
                true => ours.push(id),
                false => unclear = true,
            }
        }
        match ours.is_empty() {
            false => Sighting::Ours(ours),
            true if unclear => Sighting::Unclear,
            true => Sighting::Nothing,
        }
    }

    pub(super) fn execute(&mut self, step: &Step, protocol: &UploadProtocol) -> Observation {
        use ErrorKind::{
            Conflict, Connect, Contradiction, Forbidden, Lost, NotFound, Throttled, Unauthorized,
            Unavailable,
        };
        const READS: &[ErrorKind] = &[
            Connect,
            Throttled,
            Lost,
            Unavailable,
            Contradiction,
            NotFound,
        ];
        const CHANGES: &[ErrorKind] = &[
            Connect,
            Throttled,
            Lost,
            Unavailable,
            Contradiction,
            Conflict,
        ];
        const RANGES: &[ErrorKind] = &[
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
        let no_token = || error(ErrorKind::Auth);
        match step {
            Step::List if self.means == Means::NoToken => Observation::Listed(Err(no_token())),
            Step::FindAttachment(_) if self.means == Means::NoToken => {
                Observation::Searched(Err(no_token()))
            }
            Step::Post if self.means == Means::NoToken => Observation::Posted(Err(no_token())),
            Step::Create if self.means == Means::NoToken => Observation::Created(Err(no_token())),
            Step::List => {
                Observation::Listed(self.request(READS, |world| Ok(world.look(&Search::Meanwhile))))
            }
            Step::FindAttachment(search) => {
                let search = search.clone();
                Observation::Searched(self.request(READS, move |world| Ok(world.look(&search))))
            }
            Step::Post => {
                let record = self.record(protocol, None);
                let doubt = Some(self.now);
                self.forgotten = !self.save(Some(Saved { doubt, ..record }));
                let result = self.attach(Host::Graph, |world, commit| {
                    if world.service.habits.no_posts {
                        return Err(Error::answer(Host::Graph, 413, b"", false));
                    }
                    world.service.commits.push(commit);
                    Ok(Some(format!("id{}", world.service.commits.len())))
                });
                Observation::Posted(result)
            }
            Step::Create => {
                let result = self.request(CHANGES, |world| {
                    world.service.sessions.push(Session::default());
                    Ok(world.service.sessions.len() - 1)
                });
                if let Ok(session) = result {
                    self.session = session;
                    let record = self.record(protocol, Some(session));
                    if !self.save(Some(record)) {
                        self.save(None);
                    }
                }
                Observation::Created(result.map(|_| ExpectedOffset::At(0)))
            }
            &Step::Put { range, last } => {
                assert_eq!(range.start, protocol.acknowledged());
                assert_eq!(last, range.end == self.service.size);
                assert!(!range.is_empty() && range.len() <= self.limits.chunk);
                let session = self.session;
                let saved = self.save(Some(Saved {
                    acked: range.start,
                    sent: range.end,
                    doubt: last.then_some(self.now),
                    ..self.record(protocol, Some(session))
                }));
                if self.happens(self.trouble.faults / 20.0) {
                    self.service.sessions[session].over = true;
                }
                let result = if last {
                    self.forgotten = !saved;
                    self.attach(Host::Upload, |world, commit| {
                        world.service.put(session, range, commit)
                    })
                } else {
                    let commit = self.commit(false);
                    self.request(RANGES, |world| world.service.put(session, range, commit))
                };
                Observation::Put(result)
            }
            Step::QueryStatus => {
                let session = self.session;
                Observation::StatusAnswered(
                    self.request(READS, |world| world.service.status(session)),
                )
            }
            &Step::CancelSession { replacing } => {
                let over = !self.happens(self.trouble.faults);
                if over && let Some(session) = self.service.sessions.get_mut(self.session) {
                    session.over = true;
                    // What is under way may be stopped by it.
                    let (number, now) = (self.session, self.now);
                    if !self.service.habits.delete_is_late {
                        let stopped =
                            |commit: &Commit| commit.session == Some(number) && commit.at > now;
                        self.service.commits.retain(|commit| !stopped(commit));
                    }
                }
                let retired = self.record(protocol, None);
                if !replacing {
                    self.save(Some(retired));
                } else if !over && self.means != Means::NoDisk && self.saved.is_some() {
                    self.stuck = !self.save(Some(retired)) && !self.save(None);
                }
                Observation::Cancelled
            }
            Step::Wait { .. } | Step::WaitToLook { .. } | Step::Attached { .. } | Step::Stop(_) => {
                unreachable!()
            }
        }
    }
}
