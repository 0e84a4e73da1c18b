//! The mail protocol: what was observed and what time it is, in; the next step, out. Pure.
//!
//! * The draft carries a key. After a lost answer to its creation it is looked for by that key, and made
//!   again only when the service had time to list it.
//! * Nothing is sent while a file of the job is not known to be attached.
//! * Sending is at most once: a send whose answer was lost is watched, never repeated by the same command.
//! * Of two drafts with one key the one with the smaller id is used, by whoever looks.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    Error, ErrorKind,
    client::MailInfo,
    protocol::backoff,
    store::{FileProgress, MailProgress, MailState},
};

/// How long a send whose answer was lost is watched. The service gives a request up after some 30 s.
pub const SEND_WATCH: Duration = Duration::from_secs(60);

/// A draft is listed after a moment, rarely after many: half of the watch is waited for it.
const LISTED_WITHIN: u32 = 2;

/// Waits between looks; the last one repeats.
const LOOKS: [u64; 5] = [1, 2, 4, 8, 15];

/// How often the draft is exchanged for one with a smaller id: each comes from another process that did
/// not see ours, and they do not go on for ever.
const SWITCHES: u32 = 3;

/// What is to be done, as far as the order of steps depends on it.
#[derive(Debug, Clone)]
pub struct MailPlan {
    /// Files to attach.
    pub files: usize,
    /// Whether it is sent in the end.
    pub send: bool,
    /// How the draft comes to be.
    pub draft: DraftOrigin,
    /// Whether others may use the same key: it is looked for before anything else.
    pub shared_key: bool,
    /// The digest of what the message is to hold.
    pub content: String,
}

/// How the draft comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftOrigin {
    /// Made with its key on it.
    Keyed,
    /// Made from another message; the key is put on it right after.
    Answer,
    /// It was there before. It has no key.
    Existing,
}

/// What may be repeated by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resend {
    /// Nothing that may have been sent: `resume`.
    Never,
    /// What an earlier process began to send and did not live to watch: `batch`.
    AfterDeath,
    /// Also what was watched in vain: the user gave the command again.
    Asked,
}

/// How long to go on.
#[derive(Debug, Clone, Copy)]
pub struct MailPolicy {
    /// How long a send whose answer was lost is watched.
    pub watch: Duration,
    /// Who may send again.
    pub resend: Resend,
    /// Failures in a row that are followed by another try.
    pub max_retries: u32,
    /// When the command must be over.
    pub deadline: Option<Timestamp>,
}

/// Why a message is looked for.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub enum FindReason {
    /// Before anything: somebody may have made it.
    First,
    /// The answer to its creation was lost.
    Creation,
    /// Its creation was refused, which does not prove that nothing was made.
    Refusal(Box<Error>),
    /// It is about to be sent.
    BeforeSend,
    /// The answer to the send was lost.
    AfterSend,
    /// The send was refused, which does not prove that nothing went out.
    SendRefused(Box<Error>),
}

/// What to do next.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub enum MailStep {
    /// List the messages with the key.
    Find(FindReason),
    /// List Sent Items by `internetMessageId`.
    FindSent(String),
    /// GET a message.
    Look(String),
    /// Make the draft. The progress must be on disk before.
    Create,
    /// Put the key, and what the answer's creation did not take, on the draft.
    Mark,
    /// Attach a file.
    Attach(usize),
    /// Wait until it is the mailbox's turn to send.
    AwaitTurn,
    /// Send. The progress must be on disk before.
    Send,
    /// Wait.
    Wait {
        /// How long.
        delay: Duration,
        /// For what, as a phrase.
        reason: &'static str,
    },
    /// Over.
    Finished(MailEnd),
    /// Over, without success.
    Stop(MailStop),
}

/// How a job ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailEnd {
    /// Whether it had been done before.
    pub already: bool,
    /// Whether it is known that it was sent, where it was to be sent: the draft may only be gone.
    pub certain: bool,
}

/// Why a job stopped.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub enum MailStop {
    /// A request failed, and would again or too often.
    Failed(Box<Error>),
    /// A file could not be attached: the shell knows why.
    Files,
    /// Whether it was sent cannot be found out now.
    Unknown,
    /// A message with the key holds something else.
    Differs(String),
    /// The message was sent before, or received.
    NotADraft,
    /// The draft is not there any more.
    DraftGone,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum MailObservation {
    /// Nothing yet: the first call.
    Begin,
    /// The wait is over.
    Waited,
    /// These messages have the key, or were found in Sent Items.
    Found(Result<Vec<MailInfo>, Error>),
    /// The message.
    Looked(Result<MailInfo, Error>),
    /// The draft was made.
    Created(Result<MailInfo, Error>),
    /// The key is on it.
    Marked(Result<(), Error>),
    /// The file is attached.
    Attached {
        /// Under this id, if the service told.
        id: Option<String>,
        /// Whether it had been attached before.
        already: bool,
    },
    /// It is not; or it must not be sent now.
    NotAttached,
    /// It is the mailbox's turn.
    TurnCame,
    /// The answer to the send.
    Sent(Result<(), Error>),
}

/// What a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailNote {
    /// Another draft with the same key is there; it is not used.
    AnotherDraft(String),
    /// The answer to a creation was lost, and what it made, if anything, was not found.
    DraftMayBeLeft,
}

/// What a step was for.
#[derive(Debug, Clone)]
enum Pending {
    Begin,
    Find(FindReason),
    /// A draft with our key is looked at before it is taken.
    Adopt(String),
    Create,
    Mark,
    Attach(usize),
    Turn,
    /// The draft is changed without a change, so that a look at it tells when it was last worked on.
    Touch,
    /// An existing message is looked at before it is sent.
    CheckDraft,
    Send,
    /// The draft is not listed: is it there?
    WatchDraft,
    WatchSent,
}

/// The state of one mail job.
#[derive(Debug, Clone)]
pub struct MailProtocol {
    plan: MailPlan,
    policy: MailPolicy,
    progress: MailProgress,
    pending: Pending,
    attempt: u32,
    looks: u32,
    switches: u32,
    /// This process sent, and must not again.
    tried_to_send: bool,
    /// This process found a draft that another made, which last changed then: whoever made it may have
    /// tried to send it, unless this one still had something to attach.
    adopted: Option<Timestamp>,
    /// This process made the draft, in one request that was answered, with its key on it.
    is_fresh: bool,
    /// When this process last changed the draft, if it did.
    changed: Option<Timestamp>,
    /// Something between the creation and here was in doubt, so the key is looked for before sending.
    doubted: bool,
    notes: Vec<MailNote>,
}

impl MailProtocol {
    /// A job that stands at `progress`.
    pub fn new(plan: MailPlan, policy: MailPolicy, mut progress: MailProgress) -> Self {
        progress
            .files
            .resize_with(plan.files, FileProgress::default);
        // Whatever an earlier process did is not known to this one.
        let doubted = plan.shared_key || progress.state != MailState::Wanted;
        MailProtocol {
            plan,
            policy,
            progress,
            pending: Pending::Begin,
            attempt: 0,
            looks: 0,
            switches: 0,
            tried_to_send: false,
            adopted: None,
            is_fresh: false,
            changed: None,
            doubted,
            notes: Vec::new(),
        }
    }

    /// Where the job stands: what belongs on disk.
    pub fn progress(&self) -> &MailProgress {
        &self.progress
    }

    /// Whether the draft holds nothing yet: it was made just now, and nobody else knows it.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh && self.progress.files.iter().all(|file| !file.attached)
    }

    /// What a person should know since the last call.
    pub fn take_notes(&mut self) -> Vec<MailNote> {
        std::mem::take(&mut self.notes)
    }

    /// The next step, at `now`; `roll` in `0.0..1.0` is the jitter of waits.
    pub fn step(&mut self, seen: MailObservation, now: Timestamp, roll: f64) -> MailStep {
        use MailObservation as Seen;
        let pending = self.pending.clone();
        match (seen, pending) {
            (Seen::Begin, _) => self.begin(now),
            (Seen::Waited, pending) => self.again(pending, now),
            (Seen::Found(Ok(found)), Pending::Find(reason)) => {
                self.attempt = 0;
                self.found(found, reason, now)
            }
            (Seen::Found(Ok(found)), Pending::WatchSent) => match found.first() {
                Some(sent) => self.sent(sent.id.clone(), false, true),
                None => self.gone(now),
            },
            (Seen::Found(Err(error)), Pending::Find(FindReason::AfterSend))
            | (Seen::Found(Err(error)), Pending::WatchSent)
            | (Seen::Looked(Err(error)), Pending::WatchDraft)
                if error.kind != ErrorKind::NotFound =>
            {
                self.watch(now, false)
            }
            (Seen::Found(Err(_)), Pending::Find(FindReason::SendRefused(refusal)))
            | (Seen::Found(Err(_)), Pending::Find(FindReason::Refusal(refusal))) => {
                self.refused(*refusal)
            }
            (Seen::Found(Err(error)), _) => self.retry(error, now, roll),
            (Seen::Looked(Ok(mail)), Pending::Adopt(_)) => self.adopt(mail),
            (Seen::Looked(Ok(mail)), Pending::CheckDraft) => self.check_draft(mail, now),
            (Seen::Looked(Ok(mail)), Pending::WatchDraft) => match mail.is_draft {
                Some(false) => self.sent(mail.id, false, true),
                _ => self.watch(now, true),
            },
            (Seen::Looked(Err(_)), Pending::WatchDraft) => self.not_there(now),
            (Seen::Looked(Err(error)), Pending::Adopt(_)) if error.kind == ErrorKind::NotFound => {
                // It was listed a moment ago: listed again, it is there or it is gone.
                self.count_look();
                match self.looks > SWITCHES {
                    true => self.stop(MailStop::Failed(Box::new(error))),
                    false => {
                        self.wait_for(Pending::Find(FindReason::First), 1, "the draft to appear")
                    }
                }
            }
            (Seen::Looked(Err(error)), Pending::CheckDraft)
                if error.kind == ErrorKind::NotFound =>
            {
                self.stop(MailStop::DraftGone)
            }
            (Seen::Looked(Err(error)), _) => self.retry(error, now, roll),
            (Seen::Created(Ok(mail)), _) => self.created(mail, now),
            (Seen::Created(Err(error)), _) => self.not_created(error, now, roll),
            (Seen::Marked(Ok(())), pending) => {
                self.attempt = 0;
                self.progress.keyed = true;
                self.changed = Some(now);
                match pending {
                    Pending::Touch => self.check_and_send(now),
                    _ => self.next_file(),
                }
            }
            (Seen::Marked(Err(error)), _) => self.retry(error, now, roll),
            (Seen::Attached { id, already }, Pending::Attach(index)) => {
                if !already {
                    // Nobody sends a draft that is not complete.
                    self.adopted = None;
                    self.changed = Some(now);
                }
                if let Some(file) = self.progress.files.get_mut(index) {
                    *file = FileProgress { attached: true, id };
                }
                self.next_file()
            }
            (Seen::NotAttached, _) => self.stop(MailStop::Files),
            (Seen::TurnCame, _) => self.turn_came(now),
            (Seen::Sent(Ok(())), _) => {
                let id = self.progress.draft.clone().unwrap_or_default();
                self.sent(id, false, true)
            }
            (Seen::Sent(Err(error)), _) => self.not_sent(error, now, roll),
            // An observation that belongs to no pending step: a driver's mistake, told as one.
            (Seen::Found(Ok(_)) | Seen::Looked(Ok(_)) | Seen::Attached { .. }, _) => {
                let error = Error::contradiction("an observation came out of turn");
                self.stop(MailStop::Failed(Box::new(error)))
            }
        }
    }

    fn begin(&mut self, now: Timestamp) -> MailStep {
        match self.progress.state {
            MailState::Sent | MailState::Finished => self.finished(true, true),
            MailState::Sending | MailState::InDoubt if self.plan.draft == DraftOrigin::Existing => {
                self.watch_draft()
            }
            MailState::Sending | MailState::InDoubt => self.find(FindReason::AfterSend),
            MailState::Drafted => self.after_draft(),
            MailState::Creating if self.plan.draft == DraftOrigin::Answer => {
                // It had no key yet, so there is nothing to look for.
                self.notes.push(MailNote::DraftMayBeLeft);
                self.create(now)
            }
            MailState::Creating => self.find(FindReason::Creation),
            MailState::Wanted if self.plan.draft == DraftOrigin::Existing => {
                self.progress.state = MailState::Drafted;
                self.next_file()
            }
            MailState::Wanted if self.plan.shared_key => self.find(FindReason::First),
            MailState::Wanted => self.create(now),
        }
    }

    /// The step that a wait came before.
    fn again(&mut self, pending: Pending, now: Timestamp) -> MailStep {
        let draft = self.progress.draft.clone().unwrap_or_default();
        match &pending {
            Pending::Begin | Pending::Create => self.create(now),
            Pending::Find(reason) => MailStep::Find(reason.clone()),
            Pending::Adopt(id) => MailStep::Look(id.clone()),
            Pending::Mark | Pending::Touch => MailStep::Mark,
            Pending::Turn => MailStep::AwaitTurn,
            Pending::Attach(index) => MailStep::Attach(*index),
            Pending::CheckDraft | Pending::WatchDraft => MailStep::Look(draft),
            Pending::WatchSent => MailStep::FindSent(
                self.progress
                    .internet_message_id
                    .clone()
                    .unwrap_or_default(),
            ),
            Pending::Send => self.send(now),
        }
    }

    fn find(&mut self, reason: FindReason) -> MailStep {
        self.pending = Pending::Find(reason.clone());
        MailStep::Find(reason)
    }

    fn create(&mut self, now: Timestamp) -> MailStep {
        self.progress.state = MailState::Creating;
        self.progress.tried = Some(now);
        self.pending = Pending::Create;
        MailStep::Create
    }

    fn created(&mut self, mail: MailInfo, now: Timestamp) -> MailStep {
        self.attempt = 0;
        self.changed = Some(now);
        self.take(&mail);
        match self.plan.draft {
            DraftOrigin::Answer => {
                self.pending = Pending::Mark;
                MailStep::Mark
            }
            _ => {
                self.progress.keyed = true;
                self.is_fresh = true;
                self.next_file()
            }
        }
    }

    /// This message is the job's draft.
    fn take(&mut self, mail: &MailInfo) {
        if self.progress.draft.as_ref() != Some(&mail.id) {
            self.progress.files.fill(FileProgress::default());
        }
        self.progress.state = MailState::Drafted;
        self.progress.tried = None;
        self.progress.draft = Some(mail.id.clone());
        self.progress
            .internet_message_id
            .clone_from(&mail.internet_message_id);
        self.progress.web_link.clone_from(&mail.web_link);
    }

    fn not_created(&mut self, error: Error, now: Timestamp, roll: f64) -> MailStep {
        if certainly_nothing(&error) {
            self.progress.state = MailState::Wanted;
            return self.retry(error, now, roll);
        }
        self.doubted = true;
        match self.plan.draft {
            DraftOrigin::Answer if error.kind.in_doubt() => {
                self.note_lost_draft();
                self.retry(error, now, roll)
            }
            DraftOrigin::Answer => self.refused(error),
            _ if error.kind.in_doubt() => {
                self.looks = 0;
                self.find(FindReason::Creation)
            }
            _ => self.find(FindReason::Refusal(Box::new(error))),
        }
    }

    fn note_lost_draft(&mut self) {
        if !self.notes.contains(&MailNote::DraftMayBeLeft) {
            self.notes.push(MailNote::DraftMayBeLeft);
        }
    }

    fn found(&mut self, found: Vec<MailInfo>, reason: FindReason, now: Timestamp) -> MailStep {
        if let Some(sent) = found.iter().find(|mail| mail.is_draft == Some(false)) {
            // What this process or an earlier one of the job sent is no surprise; anything else is.
            let ours = matches!(reason, FindReason::AfterSend | FindReason::SendRefused(_));
            return self.sent(sent.id.clone(), !ours, true);
        }
        let smallest = found.iter().map(|mail| &mail.id).min().cloned();
        match (reason, smallest) {
            (FindReason::First, None) => self.create(now),
            (FindReason::Refusal(error), None) => self.refused(*error),
            (FindReason::Creation, None) => {
                let tried = self.progress.tried.unwrap_or(now);
                if passed(tried, now) >= self.policy.watch / LISTED_WITHIN {
                    self.note_lost_draft();
                    return self.create(now);
                }
                self.count_look();
                let reason = FindReason::Creation;
                self.wait_for(Pending::Find(reason), self.pause(), "the draft to appear")
            }
            (FindReason::First | FindReason::Creation | FindReason::Refusal(_), Some(id)) => {
                self.leave_others(&found, &id);
                self.pending = Pending::Adopt(id.clone());
                MailStep::Look(id)
            }
            (FindReason::BeforeSend, smallest) => self.choose(&found, smallest, now),
            (FindReason::AfterSend, Some(_)) => self.watch(now, true),
            (FindReason::AfterSend, None) => self.watch_draft(),
            (FindReason::SendRefused(error), _) => self.refused(*error),
        }
    }

    fn leave_others(&mut self, found: &[MailInfo], used: &str) {
        for other in found.iter().filter(|mail| mail.id != used) {
            let note = MailNote::AnotherDraft(other.id.clone());
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }

    /// A draft with our key that this process did not make.
    fn adopt(&mut self, mail: MailInfo) -> MailStep {
        self.attempt = 0;
        if mail.is_draft == Some(false) {
            return self.sent(mail.id, true, true);
        }
        let other = mail
            .content
            .as_ref()
            .filter(|content| **content != self.plan.content);
        if other.is_some() {
            return self.stop(MailStop::Differs(mail.id));
        }
        self.take(&mail);
        self.progress.keyed = true;
        self.adopted = mail.modified;
        self.is_fresh = false;
        self.doubted = true;
        self.next_file()
    }

    fn after_draft(&mut self) -> MailStep {
        if self.plan.draft == DraftOrigin::Answer && !self.progress.keyed {
            self.pending = Pending::Mark;
            return MailStep::Mark;
        }
        self.next_file()
    }

    fn next_file(&mut self) -> MailStep {
        if let Some(index) = self.progress.files.iter().position(|file| !file.attached) {
            self.pending = Pending::Attach(index);
            return MailStep::Attach(index);
        }
        if !self.plan.send {
            self.progress.state = MailState::Finished;
            return self.finished(false, true);
        }
        self.await_turn()
    }

    fn await_turn(&mut self) -> MailStep {
        self.pending = Pending::Turn;
        MailStep::AwaitTurn
    }

    fn turn_came(&mut self, now: Timestamp) -> MailStep {
        let keyed = self.plan.draft != DraftOrigin::Existing;
        // Should this process die while it sends, whoever finds the draft knows when that was by its
        // last change: so that must not be long ago.
        let stale = self
            .changed
            .is_some_and(|at| passed(at, now) > self.policy.watch / 4);
        if keyed && self.plan.shared_key && stale {
            self.pending = Pending::Touch;
            return MailStep::Mark;
        }
        self.check_and_send(now)
    }

    fn check_and_send(&mut self, now: Timestamp) -> MailStep {
        if self.plan.draft == DraftOrigin::Existing {
            self.pending = Pending::CheckDraft;
            return MailStep::Look(self.progress.draft.clone().unwrap_or_default());
        }
        match self.adopted.take() {
            // Whoever made it may have sent it just before it died: that shows within the watch.
            Some(modified) if passed(modified, now) < self.policy.watch => {
                self.pending = Pending::Find(FindReason::BeforeSend);
                MailStep::Wait {
                    delay: self.policy.watch - passed(modified, now),
                    reason: "to see whether it was sent already",
                }
            }
            _ if self.doubted => self.find(FindReason::BeforeSend),
            _ => self.send(now),
        }
    }

    /// The draft that is sent, of all that have the key.
    fn choose(&mut self, found: &[MailInfo], smallest: Option<String>, now: Timestamp) -> MailStep {
        let ours = self.progress.draft.clone().unwrap_or_default();
        match smallest {
            Some(other) if other < ours && self.switches < SWITCHES => {
                self.switches += 1;
                self.leave_others(found, &other);
                self.pending = Pending::Adopt(other.clone());
                MailStep::Look(other)
            }
            _ => {
                self.leave_others(found, &ours);
                self.send(now)
            }
        }
    }

    fn check_draft(&mut self, mail: MailInfo, now: Timestamp) -> MailStep {
        self.attempt = 0;
        if mail.is_draft == Some(false) {
            return self.stop(MailStop::NotADraft);
        }
        // The id that stays when the message moves: by it the sent copy is found.
        self.progress.draft = Some(mail.id);
        self.progress.internet_message_id = mail.internet_message_id;
        self.progress.web_link = mail.web_link;
        self.send(now)
    }

    fn send(&mut self, now: Timestamp) -> MailStep {
        self.progress.state = MailState::Sending;
        self.progress.tried = Some(now);
        self.pending = Pending::Send;
        self.looks = 0;
        MailStep::Send
    }

    fn not_sent(&mut self, error: Error, now: Timestamp, roll: f64) -> MailStep {
        if certainly_nothing(&error) {
            self.progress.state = MailState::Drafted;
            self.progress.tried = None;
            return self.retry(error, now, roll);
        }
        self.tried_to_send = true;
        // Not from when the step was named: it may have waited for its turn since.
        self.progress.tried = Some(now);
        let watched = match (error.kind.in_doubt(), self.plan.draft) {
            (true, DraftOrigin::Existing) => Pending::WatchDraft,
            (true, _) => Pending::Find(FindReason::AfterSend),
            (false, DraftOrigin::Existing) => {
                self.progress.state = MailState::Drafted;
                return self.stop(MailStop::Failed(Box::new(error)));
            }
            (false, _) => return self.find(FindReason::SendRefused(Box::new(error))),
        };
        self.count_look();
        // The service sends behind its answer's back: for a moment it looks like a draft all the same.
        self.wait_for(watched, self.pause(), "to see whether it was sent")
    }

    fn watch_draft(&mut self) -> MailStep {
        self.pending = Pending::WatchDraft;
        MailStep::Look(self.progress.draft.clone().unwrap_or_default())
    }

    /// The draft is not there under its id.
    fn not_there(&mut self, now: Timestamp) -> MailStep {
        match self.progress.internet_message_id.clone() {
            Some(id) => {
                self.pending = Pending::WatchSent;
                MailStep::FindSent(id)
            }
            None => self.gone(now),
        }
    }

    /// The draft is gone, and no sent copy is listed yet.
    fn gone(&mut self, now: Timestamp) -> MailStep {
        if self.watched(now) {
            let id = self.progress.draft.clone().unwrap_or_default();
            return self.sent(id, false, false);
        }
        self.watch(now, false)
    }

    fn watched(&self, now: Timestamp) -> bool {
        let tried = self.progress.tried.unwrap_or(now);
        passed(tried, now) >= self.policy.watch
    }

    /// Another look later, or an end: `is_draft` says whether this one found the draft.
    fn watch(&mut self, now: Timestamp, is_draft: bool) -> MailStep {
        if !self.watched(now) {
            self.count_look();
            let next = match self.plan.draft {
                DraftOrigin::Existing => Pending::WatchDraft,
                _ => Pending::Find(FindReason::AfterSend),
            };
            return self.wait_for(next, self.pause(), "to see whether it was sent");
        }
        let allowed = match self.policy.resend {
            Resend::Never => false,
            Resend::AfterDeath => self.progress.state == MailState::Sending,
            Resend::Asked => true,
        };
        if is_draft && allowed && !self.tried_to_send {
            self.doubted = true;
            self.adopted = None;
            return self.await_turn();
        }
        self.progress.state = MailState::InDoubt;
        self.stop(MailStop::Unknown)
    }

    /// A refusal after which nothing was found: where the job stood before.
    fn refused(&mut self, error: Error) -> MailStep {
        self.progress.state = match self.progress.draft {
            Some(_) => MailState::Drafted,
            None => MailState::Wanted,
        };
        self.progress.tried = None;
        self.stop(MailStop::Failed(Box::new(error)))
    }

    fn sent(&mut self, id: String, already: bool, certain: bool) -> MailStep {
        self.progress.draft = Some(id).filter(|id| !id.is_empty());
        // A message with the key that is sent ends a job that only wanted a draft, too.
        self.progress.state = MailState::Sent;
        self.finished(already, certain)
    }

    fn finished(&mut self, already: bool, certain: bool) -> MailStep {
        MailStep::Finished(MailEnd { already, certain })
    }

    fn stop(&mut self, stop: MailStop) -> MailStep {
        MailStep::Stop(stop)
    }

    fn count_look(&mut self) {
        self.looks += 1;
    }

    /// Seconds until the next look; scaled where a test's watch is short.
    fn pause(&self) -> u64 {
        let index = (self.looks.saturating_sub(1) as usize).min(LOOKS.len() - 1);
        LOOKS[index]
    }

    fn wait_for(&mut self, pending: Pending, seconds: u64, reason: &'static str) -> MailStep {
        self.pending = pending;
        // Never longer than a tenth of the watch and a moment: a short watch has short looks.
        let most = self.policy.watch / 4;
        MailStep::Wait {
            delay: Duration::from_secs(seconds).min(most),
            reason,
        }
    }

    /// The pending step once more after a wait, unless `error` stays or it was one too many.
    fn retry(&mut self, error: Error, now: Timestamp, roll: f64) -> MailStep {
        // The item of a moment ago may not have reached every server.
        let young = error.kind == ErrorKind::NotFound && matches!(self.pending, Pending::Mark);
        self.attempt += 1;
        let over = self.attempt > self.policy.max_retries || (young && self.attempt > 3);
        if over || !(error.kind.temporary() || young) {
            return self.stop(MailStop::Failed(Box::new(error)));
        }
        let delay = backoff::delay(error.kind, self.attempt, error.retry_after, roll);
        let end = now.checked_add(jiff::SignedDuration::try_from(delay).unwrap_or_default());
        if let (Some(deadline), Ok(end)) = (self.policy.deadline, end)
            && end >= deadline
        {
            return self.stop(MailStop::Failed(Box::new(error)));
        }
        MailStep::Wait {
            delay,
            reason: reason(error.kind),
        }
    }
}

/// Why a request is tried again.
fn reason(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Connect => "no connection",
        ErrorKind::Throttled => "the service is throttling",
        ErrorKind::Unavailable => "the service is not available",
        ErrorKind::NotFound => "the draft is not there yet",
        _ => "the connection broke",
    }
}

/// Whether an error proves that nothing was done: no connection, a refusal before anything was read, or
/// an answer that says so.
fn certainly_nothing(error: &Error) -> bool {
    error.kind.never_connected()
        || error.kind == ErrorKind::Throttled
        || error.status == Some(401)
        || (error.status == Some(503) && error.retry_after.is_some())
}

/// From `then` to `now`; nought when the clock went back.
fn passed(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
