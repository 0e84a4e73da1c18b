//! A model of the service, and of the processes that use it: no network, no disk, no clock.

use std::time::Duration;

use crate::{
    Error, ErrorKind, ExpectedOffset,
    protocol::{
        UploadProtocol,
        plan::{Range, Route},
        step::{Answer, Limits, Observation, Step, Stop},
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
    /// Answers to ranges say where the next one begins.
    pub(super) says_next: bool,
    /// `Location` names the attachment.
    pub(super) names: bool,
    /// POSTs are too large for it.
    pub(super) no_posts: bool,
}

#[derive(Debug, Default)]
pub(super) struct Session {
    received: u64,
    over: bool,
    finished: bool,
}

#[derive(Debug)]
pub(super) struct Service {
    pub(super) size: u64,
    pub(super) habits: Habits,
    pub(super) sessions: Vec<Session>,
    pub(super) attached: usize,
}

impl Service {
    fn put(&mut self, session: usize, range: Range) -> Result<Answer, Error> {
        let (size, habits) = (self.size, self.habits);
        let last = range.end == size;
        let session = &mut self.sessions[session];
        if session.over || (session.finished && !(habits.repeat_attaches && last)) {
            return Err(error(ErrorKind::NotFound));
        }
        if !session.finished && range.start != session.received {
            return Err(error(if habits.wrong_is_conflict {
                ErrorKind::Conflict
            } else {
                ErrorKind::Range
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
            ExpectedOffset::At(range.end)
        } else {
            ExpectedOffset::Missing
        }))
    }

    fn ask(&self, session: usize) -> Result<ExpectedOffset, Error> {
        let session = &self.sessions[session];
        if !self.habits.tells || session.over || session.finished {
            return Err(error(ErrorKind::NotFound));
        }
        Ok(ExpectedOffset::At(session.received))
    }

    fn ids(&self) -> Vec<String> {
        (1..=self.attached).map(|n| format!("id{n}")).collect()
    }
}

pub(super) fn error(kind: ErrorKind) -> Error {
    let mut error = Error::local(kind, "no");
    if kind == ErrorKind::NotFound {
        error.code = "ErrorItemNotFound".to_owned();
    }
    error
}

/// What a record on disk says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saved {
    /// None when one was given up and the next was not there yet.
    session: Option<usize>,
    acked: u64,
    sent: u64,
}

/// How often things go wrong, from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trouble {
    pub(super) faults: f64,
    pub(super) kills: f64,
    pub(super) unsaved: f64,
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
    pub(super) means: Means,
    /// Whether the disk takes no more changes from this process.
    pub(super) read_only: bool,
    /// Whether the record could not be taken away.
    pub(super) stuck: bool,
    /// The session that the running process knows of.
    pub(super) session: usize,
    /// The last range or the POST may have been carried out, and nobody looked since.
    pub(super) in_doubt: bool,
    /// Every byte went to the session at hand, and nobody looked since.
    pub(super) all_sent: bool,
    /// What happened, for whoever has to find out why.
    pub(super) log: Vec<String>,
}

impl World {
    fn happens(&mut self, chance: f64) -> bool {
        self.random.f64() < chance
    }

    /// What goes wrong with the next request, and whether it is carried out all the same.
    fn fault(&mut self, kinds: &[ErrorKind]) -> Option<(ErrorKind, bool)> {
        if !self.happens(self.trouble.faults) {
            return None;
        }
        let kind = kinds[self.random.usize(..kinds.len())];
        let may_be_done = matches!(
            kind,
            ErrorKind::Lost | ErrorKind::Unavailable | ErrorKind::Contradiction
        );
        Some((kind, may_be_done && self.random.bool()))
    }

    /// One request: `act` is its effect, if it has one.
    fn request<T>(
        &mut self,
        kinds: &[ErrorKind],
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

    /// One process, from its start to its end.
    pub(super) fn process(&mut self, means: Means) -> End {
        let size = self.service.size;
        (self.means, self.stuck, self.read_only) = (means, false, false);
        let mut protocol = match self.saved.filter(|_| means != Means::NoDisk) {
            Some(saved) => match saved.session {
                Some(session) => {
                    self.session = session;
                    UploadProtocol::resumed(size, saved.acked, saved.sent, self.limits)
                }
                None => UploadProtocol::between_sessions(size, self.limits),
            },
            None => UploadProtocol::new(size, Route::for_size(size), self.limits),
        };
        let ranges = size / self.limits.chunk + 1;
        let most = (ranges + 10) * 20 * u64::from(self.limits.max_retries + 1);
        let (mut now, mut seen) = (Duration::ZERO, Observation::Begin);
        self.log
            .push(format!("a process begins with {:?}", self.saved));
        for _ in 0..most {
            let roll = self.random.f64();
            let step = protocol.step(&seen, now, roll);
            self.log.push(format!("{seen:?} -> {step:?}"));
            if self.happens(self.trouble.kills / 2.0) {
                return End::Killed;
            }
            seen = match step {
                Step::Attached { id, .. } => {
                    assert_eq!(self.service.attached, 1, "attached, it says");
                    assert!(id.is_none_or(|id| id == "id1"));
                    // Else the record says that it goes on.
                    self.save(None);
                    return End::Attached;
                }
                Step::Stop(stop) => {
                    if matches!(stop, Stop::Contradiction(_)) {
                        self.save(None);
                    }
                    return End::Stopped(stop);
                }
                Step::Wait { delay, .. } => {
                    assert!(delay <= Duration::from_secs(600));
                    now += delay;
                    Observation::Waited
                }
                step => self.execute(&step, &protocol),
            };
            if self.stuck {
                return End::Stuck;
            }
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
        match *step {
            Step::List if self.means == Means::NoToken => {
                Observation::Listed(Err(error(ErrorKind::Auth)))
            }
            Step::FindAttachment { .. } if self.means == Means::NoToken => {
                Observation::Searched(Err(error(ErrorKind::Auth)))
            }
            Step::Post if self.means == Means::NoToken => {
                Observation::Posted(Err(error(ErrorKind::Auth)))
            }
            Step::Create if self.means == Means::NoToken => {
                Observation::Created(Err(error(ErrorKind::Auth)))
            }
            Step::List => {
                let result = self.request(READS, |world| Ok(world.service.ids().pop()));
                if result.is_ok() {
                    (self.in_doubt, self.all_sent) = (false, false);
                }
                Observation::Listed(result)
            }
            Step::FindAttachment { .. } => {
                let result = self.request(READS, |world| Ok(world.service.ids()));
                if result.is_ok() {
                    (self.in_doubt, self.all_sent) = (false, false);
                }
                Observation::Searched(result)
            }
            Step::Post => {
                assert!(!self.in_doubt, "a POST goes again unlooked-for");
                self.in_doubt = true;
                let result = self.request(CHANGES, |world| {
                    if world.service.habits.no_posts {
                        return Err(error(ErrorKind::BodyTooLarge));
                    }
                    world.service.attached += 1;
                    Ok(format!("id{}", world.service.attached))
                });
                if let Err(error) = &result {
                    self.in_doubt = error.kind.in_doubt();
                }
                Observation::Posted(result)
            }
            Step::Create => {
                assert!(!self.all_sent, "a new session before anybody looked");
                let result = self.request(CHANGES, |world| {
                    world.service.sessions.push(Session::default());
                    Ok(world.service.sessions.len() - 1)
                });
                if let Ok(session) = result {
                    self.session = session;
                    let saved = self.save(Some(Saved {
                        session: Some(session),
                        acked: 0,
                        sent: 0,
                    }));
                    if !saved {
                        self.save(None);
                    }
                }
                Observation::Created(result.map(|_| ExpectedOffset::At(0)))
            }
            Step::Put { range, last } => {
                assert_eq!(range.start, protocol.acknowledged());
                assert_eq!(last, range.end == self.service.size);
                assert!(!range.is_empty() && range.len() <= self.limits.chunk);
                assert!(
                    !last || !self.in_doubt,
                    "the last range goes again unlooked-for"
                );
                let session = self.session;
                self.save(Some(Saved {
                    session: Some(session),
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
                Observation::Put(result)
            }
            Step::QueryStatus => {
                let session = self.session;
                let result = self.request(READS, |world| world.service.ask(session));
                if result.is_ok() {
                    self.in_doubt = false;
                }
                Observation::StatusAnswered(result)
            }
            Step::CancelSession { replacing } => {
                let over = !self.happens(self.trouble.faults);
                if over {
                    self.service.sessions[self.session].over = true;
                }
                if !replacing {
                    self.save(None);
                } else if !over && self.means != Means::NoDisk && self.saved.is_some() {
                    let retired = Saved {
                        session: None,
                        acked: 0,
                        sent: 0,
                    };
                    self.stuck = !self.save(Some(retired)) && !self.save(None);
                }
                Observation::Cancelled
            }
            Step::Wait { .. } | Step::Attached { .. } | Step::Stop(_) => unreachable!(),
        }
    }
}
