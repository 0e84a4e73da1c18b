//! The mail protocol against a service that lags, commits late and loses answers, and a machine that kills.

use std::collections::HashMap;

use super::*;
use crate::Error;

const WATCH: i64 = 60;

/// Enough to tell the errors of these tests apart.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, self.status, &self.message) == (other.kind, other.status, &other.message)
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn policy(resend: Resend) -> MailPolicy {
    MailPolicy {
        watch: Duration::from_secs(WATCH as u64),
        resend,
        max_retries: 5,
        deadline: None,
    }
}

fn plan(files: usize, send: bool, shared_key: bool) -> MailPlan {
    MailPlan {
        files,
        send,
        draft: DraftOrigin::Keyed,
        shared_key,
        content: "c".to_owned(),
    }
}

fn mail(id: &str, is_draft: bool) -> MailInfo {
    MailInfo {
        id: id.to_owned(),
        subject: String::new(),
        is_draft: Some(is_draft),
        modified: None,
        internet_message_id: None,
        web_link: None,
        content: Some("c".to_owned()),
    }
}

fn lost() -> Error {
    Error::contradiction("the answer was lost")
}

fn refused() -> Error {
    Error::answer(
        crate::Host::Graph,
        400,
        b"{\"error\":{\"code\":\"BadRequest\",\"message\":\"no\"}}",
        true,
    )
}

fn protocol(plan: MailPlan, resend: Resend) -> MailProtocol {
    MailProtocol::new(plan, policy(resend), MailProgress::default())
}

#[test]
fn a_fresh_mail_takes_the_straight_way() {
    let mut job = protocol(plan(1, true, false), Resend::Never);
    let now = at(0);
    let mut step = |seen| job.step(seen, now, 0.5);
    assert_eq!(step(MailObservation::Begin), MailStep::Create);
    assert_eq!(
        step(MailObservation::Created(Ok(mail("D", true)))),
        MailStep::Attach(0)
    );
    let attached = MailObservation::Attached {
        id: None,
        already: false,
    };
    assert_eq!(step(attached), MailStep::AwaitTurn);
    assert_eq!(step(MailObservation::TurnCame), MailStep::Send);
    assert_eq!(
        step(MailObservation::Sent(Ok(()))),
        MailStep::Finished(MailEnd {
            already: false,
            certain: true
        })
    );
}

#[test]
fn a_shared_key_is_looked_for_first_and_before_sending() {
    let mut job = protocol(plan(0, true, true), Resend::Never);
    assert_eq!(
        job.step(MailObservation::Begin, at(0), 0.5),
        MailStep::Find(FindReason::First)
    );
    assert_eq!(
        job.step(MailObservation::Found(Ok(vec![])), at(0), 0.5),
        MailStep::Create
    );
    let created = MailObservation::Created(Ok(mail("D", true)));
    assert_eq!(job.step(created, at(1), 0.5), MailStep::AwaitTurn);
    let find = MailStep::Find(FindReason::BeforeSend);
    assert_eq!(job.step(MailObservation::TurnCame, at(1), 0.5), find);
    // Somebody else made one with a smaller id meanwhile: that one is used.
    let both = MailObservation::Found(Ok(vec![mail("D", true), mail("B", true)]));
    assert_eq!(job.step(both, at(2), 0.5), MailStep::Look("B".to_owned()));
    assert_eq!(job.take_notes(), [MailNote::AnotherDraft("D".to_owned())]);
}

#[test]
fn a_message_that_was_sent_is_not_made_again() {
    let mut job = protocol(plan(1, true, true), Resend::Never);
    job.step(MailObservation::Begin, at(0), 0.5);
    let sent = MailObservation::Found(Ok(vec![mail("S", false)]));
    assert_eq!(
        job.step(sent, at(0), 0.5),
        MailStep::Finished(MailEnd {
            already: true,
            certain: true
        })
    );
    assert_eq!(job.progress().draft.as_deref(), Some("S"));
}

#[test]
fn a_draft_of_other_content_is_left_alone() {
    let mut job = protocol(plan(1, true, true), Resend::Never);
    job.step(MailObservation::Begin, at(0), 0.5);
    job.step(
        MailObservation::Found(Ok(vec![mail("D", true)])),
        at(0),
        0.5,
    );
    let mut other = mail("D", true);
    other.content = Some("other".to_owned());
    assert_eq!(
        job.step(MailObservation::Looked(Ok(other)), at(0), 0.5),
        MailStep::Stop(MailStop::Differs("D".to_owned()))
    );
}

#[test]
fn a_send_whose_answer_was_lost_is_watched_and_not_repeated() {
    for resend in [Resend::Never, Resend::AfterDeath, Resend::Asked] {
        let mut job = protocol(plan(0, true, false), resend);
        job.step(MailObservation::Begin, at(0), 0.5);
        job.step(MailObservation::Created(Ok(mail("D", true))), at(0), 0.5);
        job.step(MailObservation::TurnCame, at(0), 0.5);
        let mut now = 0;
        let mut step = job.step(MailObservation::Sent(Err(lost())), at(now), 0.5);
        let mut looks = 0;
        loop {
            step = match step {
                MailStep::Wait { delay, .. } => {
                    now += delay.as_secs().max(1) as i64;
                    job.step(MailObservation::Waited, at(now), 0.5)
                }
                MailStep::Find(FindReason::AfterSend) => {
                    looks += 1;
                    job.step(
                        MailObservation::Found(Ok(vec![mail("D", true)])),
                        at(now),
                        0.5,
                    )
                }
                MailStep::Stop(stop) => {
                    assert_eq!(stop, MailStop::Unknown);
                    break;
                }
                other => panic!("{other:?}"),
            };
        }
        assert!(
            looks >= 4 && (WATCH..WATCH + 20).contains(&now),
            "{looks} looks, {now} s"
        );
        assert_eq!(job.progress().state, MailState::InDoubt);
    }
}

#[test]
fn who_may_send_again_after_the_watch() {
    for (state, resend, sends) in [
        (MailState::Sending, Resend::Never, false),
        (MailState::InDoubt, Resend::Never, false),
        (MailState::Sending, Resend::AfterDeath, true),
        (MailState::InDoubt, Resend::AfterDeath, false),
        (MailState::Sending, Resend::Asked, true),
        (MailState::InDoubt, Resend::Asked, true),
    ] {
        let progress = MailProgress {
            state,
            draft: Some("D".to_owned()),
            keyed: true,
            tried: Some(at(0)),
            ..MailProgress::default()
        };
        let draft = || MailObservation::Found(Ok(vec![mail("D", true)]));
        let mut early = MailProtocol::new(plan(0, true, false), policy(resend), progress.clone());
        assert_eq!(
            early.step(MailObservation::Begin, at(10), 0.5),
            MailStep::Find(FindReason::AfterSend)
        );
        let waits = matches!(early.step(draft(), at(10), 0.5), MailStep::Wait { .. });
        assert!(
            waits,
            "{state:?} {resend:?}: a minute after the first try, not before"
        );
        let mut late = MailProtocol::new(plan(0, true, false), policy(resend), progress);
        late.step(MailObservation::Begin, at(WATCH + 1), 0.5);
        let step = late.step(draft(), at(WATCH + 1), 0.5);
        match sends {
            true => assert_eq!(step, MailStep::AwaitTurn, "{state:?} {resend:?}"),
            false => assert_eq!(
                step,
                MailStep::Stop(MailStop::Unknown),
                "{state:?} {resend:?}"
            ),
        }
    }
}

#[test]
fn a_refused_send_is_looked_at_once_and_told() {
    let mut job = protocol(plan(0, true, false), Resend::Never);
    job.step(MailObservation::Begin, at(0), 0.5);
    job.step(MailObservation::Created(Ok(mail("D", true))), at(0), 0.5);
    job.step(MailObservation::TurnCame, at(0), 0.5);
    let step = job.step(MailObservation::Sent(Err(refused())), at(0), 0.5);
    assert!(matches!(step, MailStep::Find(FindReason::SendRefused(_))));
    let mut sent = job.clone();
    let found = MailObservation::Found(Ok(vec![mail("S", false)]));
    assert!(matches!(
        sent.step(found, at(0), 0.5),
        MailStep::Finished(_)
    ));
    let step = job.step(
        MailObservation::Found(Ok(vec![mail("D", true)])),
        at(0),
        0.5,
    );
    assert!(matches!(step, MailStep::Stop(MailStop::Failed(_))));
    assert_eq!(job.progress().state, MailState::Drafted);
}

#[test]
fn a_throttled_send_is_tried_again() {
    let mut job = protocol(plan(0, true, false), Resend::Never);
    job.step(MailObservation::Begin, at(0), 0.5);
    job.step(MailObservation::Created(Ok(mail("D", true))), at(0), 0.5);
    job.step(MailObservation::TurnCame, at(0), 0.5);
    let throttled = Error::answer(crate::Host::Graph, 429, b"", true);
    let step = job.step(MailObservation::Sent(Err(throttled)), at(0), 0.5);
    assert!(matches!(step, MailStep::Wait { .. }));
    assert_eq!(job.progress().state, MailState::Drafted);
    assert_eq!(
        job.step(MailObservation::Waited, at(5), 0.5),
        MailStep::Send
    );
    assert_eq!(job.progress().state, MailState::Sending);
}

/// A message of the model's service.
#[derive(Debug, Clone)]
struct Message {
    id: String,
    /// When it is listed and found.
    visible: i64,
    modified: i64,
    files: Vec<bool>,
    /// When it counts as sent.
    sent: Option<i64>,
    sends: u32,
}

/// The service: what is asked of it takes effect, or not, or later; the answer comes, or not.
struct Service {
    random: fastrand::Rng,
    messages: Vec<Message>,
    /// Seconds by which a list is behind.
    lag: i64,
    /// Seconds by which a lost request may take effect late.
    late: i64,
    faults: u32,
    next: u32,
}

impl Service {
    fn fault(&mut self) -> bool {
        self.faults > 0 && self.random.u8(..3) == 0 && {
            self.faults -= 1;
            true
        }
    }

    fn info(&self, message: &Message, now: i64) -> MailInfo {
        MailInfo {
            modified: Some(at(message.modified)),
            ..mail(&message.id, message.sent.is_none_or(|sent| sent > now))
        }
    }

    fn find(&mut self, now: i64) -> Result<Vec<MailInfo>, Error> {
        if self.fault() {
            return Err(lost());
        }
        let listed = self
            .messages
            .iter()
            .filter(|message| message.visible + self.lag <= now);
        Ok(listed.map(|message| self.info(message, now)).collect())
    }

    fn look(&mut self, id: &str, now: i64) -> Result<MailInfo, Error> {
        let found = self
            .messages
            .iter()
            .find(|message| message.id == id && message.visible <= now);
        let found = found.map(|message| self.info(message, now));
        found.ok_or_else(|| Error::answer(crate::Host::Graph, 404, b"", true))
    }

    fn create(&mut self, now: i64, files: usize) -> Result<MailInfo, Error> {
        let lost_answer = self.fault();
        if lost_answer && self.random.bool() {
            return Err(lost());
        }
        let delay = if lost_answer {
            self.random.i64(0..=self.late)
        } else {
            0
        };
        // Ids are in no order.
        self.next += 1;
        let id = format!("{}{}", self.random.char('A'..='Z'), self.next);
        let message = Message {
            id,
            visible: now + delay,
            modified: now + delay,
            files: vec![false; files],
            sent: None,
            sends: 0,
        };
        self.messages.push(message.clone());
        match lost_answer {
            true => Err(lost()),
            false => Ok(self.info(&message, now)),
        }
    }

    fn message(&mut self, id: &str) -> &mut Message {
        self.messages
            .iter_mut()
            .find(|message| message.id == id)
            .unwrap()
    }

    fn send(&mut self, id: &str, now: i64, dying: bool) -> Result<(), Error> {
        let lost_answer = self.fault() || dying;
        if lost_answer && self.random.bool() {
            return Err(lost());
        }
        let delay = if lost_answer {
            self.random.i64(0..=self.late)
        } else {
            0
        };
        let message = self.message(id);
        if message.sent.is_some_and(|sent| sent <= now) {
            return Err(refused());
        }
        assert!(
            message.files.iter().all(|there| *there),
            "sent without a file"
        );
        message.sends += 1;
        message.sent = Some(now + delay);
        if lost_answer { Err(lost()) } else { Ok(()) }
    }
}

/// One process: to its end, or to its death before or in step number `life`. The progress on disk.
fn live(
    service: &mut Service,
    now: &mut i64,
    disk: MailProgress,
    plan: &MailPlan,
    resend: Resend,
    life: u32,
) -> (MailProgress, Option<MailStep>) {
    let mut job = MailProtocol::new(plan.clone(), policy(resend), disk);
    let mut seen = MailObservation::Begin;
    for count in 0.. {
        assert!(count < 2_000, "it does not end");
        let roll = service.random.f64();
        let step = job.step(seen, at(*now), roll);
        let kept = job.progress().clone();
        let draft = kept.draft.clone().unwrap_or_default();
        let dying = count == life;
        if dying && service.random.bool() {
            return (kept, None);
        }
        *now += service.random.i64(0..2);
        seen = match step {
            MailStep::Find(_) | MailStep::FindSent(_) => MailObservation::Found(service.find(*now)),
            MailStep::Look(id) => MailObservation::Looked(service.look(&id, *now)),
            MailStep::Create => MailObservation::Created(service.create(*now, plan.files)),
            MailStep::Mark => {
                service.message(&draft).modified = *now;
                MailObservation::Marked(Ok(()))
            }
            MailStep::Attach(index) => {
                let at = *now;
                let message = service.message(&draft);
                let already = std::mem::replace(&mut message.files[index], true);
                if !already {
                    message.modified = at;
                }
                MailObservation::Attached { id: None, already }
            }
            MailStep::AwaitTurn => {
                // Many others are before it at times.
                *now += [0, 0, 0, 300][service.random.usize(..4)];
                MailObservation::TurnCame
            }
            MailStep::Send => MailObservation::Sent(service.send(&draft, *now, dying)),
            MailStep::Wait { delay, .. } => {
                *now += delay.as_secs() as i64 + 1;
                MailObservation::Waited
            }
            step @ (MailStep::Finished(_) | MailStep::Stop(_)) => return (kept, Some(step)),
        };
        if dying {
            return (kept, None);
        }
    }
    unreachable!()
}

#[test]
fn every_mail_is_sent_once_whatever_dies() {
    let mut ends: HashMap<&str, u32> = HashMap::new();
    for seed in 0..20_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let plan = plan(random.usize(..3), true, random.bool());
        let (lag, late) = (random.i64(0..10), random.i64(0..15));
        let mut service = Service {
            faults: random.u32(..4),
            lag,
            late,
            random: random.fork(),
            messages: Vec::new(),
            next: 0,
        };
        let (mut now, mut disk, mut last) = (0, MailProgress::default(), None);
        for process in 0..8 {
            let life = if process < 5 {
                random.u32(..14)
            } else {
                10_000
            };
            (disk, last) = live(&mut service, &mut now, disk, &plan, Resend::Asked, life);
            let over = matches!(last, Some(MailStep::Finished(_)));
            if over {
                break;
            }
            // The next process comes soon, or on another computer, which needs a key that it knows.
            now += random.i64(0..40);
            if plan.shared_key && random.u8(..3) == 0 {
                disk = MailProgress::default();
                // Elsewhere is later: the service has listed by then what it will list.
                now += lag + late;
            }
        }
        let sends: u32 = service.messages.iter().map(|message| message.sends).sum();
        assert!(
            sends <= 1,
            "seed {seed}: sent {sends} times: {:?}",
            service.messages
        );
        match last {
            Some(MailStep::Finished(end)) => {
                assert_eq!(sends, 1, "seed {seed}: {end:?} {:?}", service.messages);
                *ends.entry("sent").or_default() += 1;
            }
            Some(MailStep::Stop(_)) | None => *ends.entry("stopped").or_default() += 1,
            other => panic!("seed {seed}: {other:?}"),
        }
    }
    // A test in which hardly anything ends well would prove nothing.
    assert!(ends["sent"] > 19_000, "{ends:?}");
}

#[test]
fn a_lost_creation_does_not_make_two_drafts() {
    for seed in 0..5_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let plan = plan(1, false, false);
        let mut service = Service {
            faults: 1,
            lag: random.i64(0..10),
            late: random.i64(0..15),
            random: random.fork(),
            messages: Vec::new(),
            next: 0,
        };
        let (mut now, mut disk) = (0, MailProgress::default());
        for _ in 0..6 {
            let life = random.u32(..10);
            let (kept, last) = live(&mut service, &mut now, disk, &plan, Resend::Never, life);
            disk = kept;
            if last.is_some() {
                break;
            }
        }
        assert!(
            service.messages.len() <= 1,
            "seed {seed}: {:?}",
            service.messages
        );
    }
}
