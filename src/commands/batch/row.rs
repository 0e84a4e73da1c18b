//! One row, from its key to its sending.

use std::{cell::Cell, collections::HashMap, io, path::PathBuf, time::Duration};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{
    prepare::{BatchRow, Prepared, State, is_over},
    schedule::PER_MAILBOX,
};
use crate::{
    args::BatchArgs,
    batch::{
        check::CheckedRow,
        render::{RowFile, RowPlan, RowTarget},
        report::Status,
    },
    commands::{CommandContext, mail_end, send},
    digest::Digest,
    graph::{Attachment, GraphClient, Item, ItemKind, MailKey, UploadClient},
    mail::{
        DraftOrigin, GraphMail, MailNote, MailPlan, MailPolicy, MailShell, MailStop, Resend,
        SendPacer, Wish, run as run_mail,
    },
    report::{self, ExitReport, not_attached},
    session::{
        Durability, ItemKey, ItemLock, Lock, LockError, LockPlaces, MailOrigin, MailProgress,
        MailState, RunEntry, RunLog, SentFile, Store,
    },
    upload::{self, Account, Earlier, Event, Job, Observe, Services, Source, SourceError},
};

/// How often a place that another process has is tried for.
const PLACE_POLL: Duration = Duration::from_millis(100);

/// What all rows share.
pub(super) struct Room<'a> {
    pub(super) args: &'a BatchArgs,
    pub(super) context: &'a CommandContext,
    pub(super) graph: &'a GraphClient,
    pub(super) uploads: &'a UploadClient,
    pub(super) store: Option<&'a Store>,
    pub(super) log: Option<&'a RunLog>,
    pub(super) known: &'a HashMap<String, RunEntry>,
    pub(super) prepared: &'a Prepared,
    /// Rows that do nothing but wait.
    pub(super) waiting: Cell<usize>,
    /// Told when that grows.
    pub(super) changed: Notify,
}

/// What all rows of a mailbox share.
pub(super) struct Mailbox {
    pub(super) volume: Account,
    pub(super) sends: SendPacer,
}

/// How a row ended.
pub(super) struct RowEnd {
    pub(super) status: Status,
    pub(super) message: Option<String>,
    pub(super) web_link: Option<String>,
    pub(super) attachments: Vec<Option<String>>,
    pub(super) exit_code: u8,
    pub(super) error: Option<ExitReport>,
    pub(super) bytes: u64,
}

impl RowEnd {
    pub(super) fn of(status: Status, error: ExitReport) -> Self {
        RowEnd {
            status,
            message: None,
            web_link: None,
            attachments: Vec::new(),
            exit_code: error.code,
            error: Some(error),
            bytes: 0,
        }
    }

    fn failed(error: ExitReport) -> Self {
        RowEnd::of(Status::Failed, error)
    }

    /// With what is known of the message.
    fn with(mut self, progress: &MailProgress) -> Self {
        self.message.clone_from(&progress.draft);
        self.web_link.clone_from(&progress.web_link);
        let files = progress.files.iter().filter(|file| file.attached);
        self.attachments = files.map(|file| file.id.clone()).collect();
        self
    }
}

/// A row whose turn it is to wait is not at work.
struct Waiting<'a, 'b>(&'a Room<'b>);

impl<'a, 'b> Waiting<'a, 'b> {
    fn begin(room: &'a Room<'b>) -> Self {
        room.waiting.set(room.waiting.get() + 1);
        room.changed.notify_one();
        Waiting(room)
    }
}

impl Drop for Waiting<'_, '_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get().saturating_sub(1));
    }
}

pub(super) async fn run(room: &Room<'_>, row: &BatchRow, mailbox: &Mailbox) -> RowEnd {
    let known = room.known.get(&row.checked.key);
    if row.state != State::New {
        let progress = known
            .map(|entry| entry.progress.clone())
            .unwrap_or_default();
        return match row.state {
            State::Differs => differs().with(&progress),
            _ => RowEnd {
                status: Status::Already,
                exit_code: report::SUCCESS,
                error: None,
                ..RowEnd::of(Status::Already, ExitReport::usage(""))
            }
            .with(&progress),
        };
    }
    match work(room, &row.checked, mailbox).await {
        Ok(end) => end,
        Err(error) => RowEnd::failed(error),
    }
}

fn differs() -> RowEnd {
    let error = ExitReport::refused(
        "it was done before with another text or other files: it is not done again",
    );
    RowEnd::of(Status::Differs, error)
}

async fn work(room: &Room<'_>, row: &CheckedRow, mailbox: &Mailbox) -> report::Result<RowEnd> {
    let plan = room
        .prepared
        .plan(row)
        .map_err(|problems| ExitReport::usage(problems.join("; ")))?;
    let _place = place(room, row).await?;
    let _row = lock_row(room, row)?;
    let sources = sources(&plan, row).await?;
    let files: Vec<SentFile> = sources
        .iter()
        .zip(&row.files)
        .map(|((_, sha256), stamp)| SentFile {
            stamp: *stamp,
            sha256: *sha256,
        })
        .collect();
    let key = MailKey::new("batch", &[&room.prepared.run, &row.key]);
    let content = content(&plan, row, &files);
    let (origin, message) = match &plan.target {
        RowTarget::Mail(draft) => (MailOrigin::New, draft.json()),
        RowTarget::Item(_, id) => (MailOrigin::Message(id.clone()), serde_json::Value::Null),
    };
    let message = message.as_object().cloned().unwrap_or_default();
    let is_new = matches!(plan.target, RowTarget::Mail(_));
    let entry = RunEntry {
        key: row.key.clone(),
        progress: MailProgress::default(),
        text: row.text,
        files,
    };
    let progress = progress(room, row, &plan, &entry);
    let send = room.args.send && !matches!(plan.target, RowTarget::Item(ItemKind::Event, _));
    let wish = Wish {
        plan: MailPlan {
            files: sources.len(),
            send,
            draft: if is_new {
                DraftOrigin::Keyed
            } else {
                DraftOrigin::Existing
            },
            shared_key: is_new,
            content: content.clone(),
        },
        policy: policy(room, Resend::AfterDeath),
        progress,
    };
    let service = GraphMail {
        graph: room.graph,
        mailbox: row.mailbox.as_deref(),
        origin: &origin,
        message: &message,
        key: &key,
        content: &content,
    };
    let mut shell = Shell {
        room,
        row,
        plan: &plan,
        mailbox,
        sources,
        entry,
        item_lock: None,
        error: None,
        bytes: 0,
        anything: false,
    };
    let (progress, end) = run_mail(wish, &service, &mut shell).await;
    let bytes = shell.bytes;
    Ok(match end {
        Ok(end) => {
            if !end.certain {
                room.context.printer.warn(&format!(
                    "{}: the answer was lost, and the draft is gone: it was probably sent; see Sent Items",
                    row.place
                ));
            }
            let already = end.already || (!shell.anything && !send);
            RowEnd {
                status: if already {
                    Status::Already
                } else {
                    Status::Done
                },
                exit_code: report::SUCCESS,
                error: None,
                bytes,
                ..RowEnd::of(Status::Done, ExitReport::usage(""))
            }
            .with(&progress)
        }
        Err(failure) => {
            let status = match failure.stop {
                MailStop::Unknown => Status::Unknown,
                MailStop::Differs(_) => Status::Differs,
                _ => Status::Failed,
            };
            let error = match (failure.state, shell.error) {
                (Some(error), _) => ExitReport::new(
                    report::STATE,
                    "State",
                    format!("the log of the run cannot be kept: {error}"),
                ),
                (None, Some(error)) => error,
                (None, None) => {
                    let item = Item {
                        kind: ItemKind::Message,
                        id: progress.draft.clone().unwrap_or_default(),
                        mailbox: row.mailbox.clone(),
                    };
                    mail_end::stopped(&failure.stop, &item, plan.subject())
                }
            };
            RowEnd {
                bytes,
                ..RowEnd::of(status, error).with(&progress)
            }
        }
    })
}

/// How long to go on.
fn policy(room: &Room<'_>, resend: Resend) -> MailPolicy {
    let limits = room.context.limits(upload::plan::CHUNK);
    let left = limits
        .deadline
        .map(|deadline| deadline.saturating_sub(room.context.started.elapsed()));
    let deadline = left.and_then(|left| {
        let left = jiff::SignedDuration::try_from(left).ok()?;
        Timestamp::now().checked_add(left).ok()
    });
    MailPolicy {
        watch: send::watch(),
        resend,
        max_retries: limits.max_retries,
        deadline,
    }
}

/// Where the row stands, as far as the run's log knows and still holds.
fn progress(room: &Room<'_>, row: &CheckedRow, plan: &RowPlan, entry: &RunEntry) -> MailProgress {
    let known = room.known.get(&row.key);
    // What was begun with another text or other content is found by its key, and told.
    let sha256 = |files: &[SentFile]| files.iter().map(|file| file.sha256).collect::<Vec<_>>();
    let known = known
        .filter(|known| known.text == entry.text && sha256(&known.files) == sha256(&entry.files));
    let mut progress = known
        .map(|known| known.progress.clone())
        .unwrap_or_default();
    if progress.state.is_over() && !is_over(progress.state, room.args.send) {
        // It was made without being sent, and is to be sent now.
        progress.state = MailState::Drafted;
    }
    if let RowTarget::Item(_, id) = &plan.target
        && progress.draft.is_none()
    {
        progress.draft = Some(id.clone());
    }
    progress
}

/// The digest of what the message is to hold.
fn content(plan: &RowPlan, row: &CheckedRow, files: &[SentFile]) -> String {
    let files = plan
        .files
        .iter()
        .zip(files)
        .map(|(file, sent)| (&file.name, sent.sha256));
    let all = serde_json::json!([row.text, files.collect::<Vec<_>>()]);
    Digest::of(all.to_string().as_bytes()).to_string()
}

/// The files, as they were when they were checked, with their content's hash.
async fn sources(plan: &RowPlan, row: &CheckedRow) -> report::Result<Vec<(Source, Digest)>> {
    let mut sources = Vec::with_capacity(plan.files.len());
    for (file, stamp) in plan.files.iter().zip(&row.files) {
        let source = Source::open(&file.path)?;
        let changed = |how| SourceError::Changed {
            path: file.path.clone(),
            how,
        };
        if source.stamp() != *stamp {
            return Err(changed("it is not the file any more that was checked").into());
        }
        let whole = source.hash().await??;
        if !whole.steady {
            return Err(changed("it was written to while it was read").into());
        }
        sources.push((source, whole.sha256));
    }
    Ok(sources)
}

/// One of the places that a mailbox has for the processes of this computer, so that they make no more
/// requests at a time than it takes.
async fn place(room: &Room<'_>, row: &CheckedRow) -> report::Result<Option<Lock>> {
    let Some(store) = room.store else {
        return Ok(None);
    };
    let endpoint = room.context.settings.endpoint.value.as_str();
    let mailbox = row.mailbox.as_ref().map(|mailbox| mailbox.to_lowercase());
    let name = serde_json::json!([endpoint, mailbox]).to_string();
    let digest = Digest::of(name.as_bytes()).to_string();
    let mut waiting = None;
    loop {
        for place in 0..PER_MAILBOX {
            let path = store
                .dir()
                .join(format!("place-{}-{place}.lock", &digest[..32]));
            match Lock::take(&path) {
                Ok(lock) => return Ok(Some(lock)),
                Err(LockError::Held { .. }) => {}
                Err(error) => {
                    return room
                        .context
                        .or_without(Err(error.into()), room.args.retry.require_state);
                }
            }
        }
        waiting.get_or_insert_with(|| Waiting::begin(room));
        tokio::time::sleep(PLACE_POLL).await;
    }
}

/// Keeps other processes of this computer from the same row.
fn lock_row(room: &Room<'_>, row: &CheckedRow) -> report::Result<Option<Lock>> {
    let Some(store) = room.store else {
        return Ok(None);
    };
    let name = serde_json::json!([
        room.context.settings.endpoint.value.as_str(),
        room.prepared.run,
        row.key
    ]);
    let digest = Digest::of(name.to_string().as_bytes()).to_string();
    let path: PathBuf = store.dir().join(format!("row-{}.lock", &digest[..32]));
    match Lock::take(&path) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Held { pid }) => Err(ExitReport::busy("the row", pid)),
        Err(error) => room
            .context
            .or_without(Err(error.into()), room.args.retry.require_state),
    }
}

struct Shell<'a, 'b> {
    room: &'a Room<'b>,
    row: &'a CheckedRow,
    plan: &'a RowPlan,
    mailbox: &'a Mailbox,
    sources: Vec<(Source, Digest)>,
    entry: RunEntry,
    item_lock: Option<(String, ItemLock)>,
    error: Option<ExitReport>,
    bytes: u64,
    /// Whether the row had anything to attach or to make.
    anything: bool,
}

impl Shell<'_, '_> {
    fn item(&self, id: &str) -> Item {
        let kind = match &self.plan.target {
            RowTarget::Mail(_) => ItemKind::Message,
            RowTarget::Item(kind, _) => *kind,
        };
        Item {
            kind,
            id: id.to_owned(),
            mailbox: self.row.mailbox.clone(),
        }
    }

    /// The lock of the item, once for all files of the row.
    fn lock_item(&mut self, item: &Item) -> report::Result<()> {
        let Some(store) = self.room.store else {
            return Ok(());
        };
        if self
            .item_lock
            .as_ref()
            .is_some_and(|(id, _)| *id == item.id)
        {
            return Ok(());
        }
        let endpoint = self.room.context.settings.endpoint.value.as_str();
        let places = LockPlaces::new([store.dir().to_owned()]);
        match places.lock_item(&ItemKey::new(endpoint, item), item) {
            Ok(lock) => self.item_lock = Some((item.id.clone(), lock)),
            Err(LockError::Held { pid }) => {
                return Err(ExitReport::busy(&format!("the {}", item.kind), pid));
            }
            Err(error) => {
                let required = self.room.args.retry.require_state;
                self.room
                    .context
                    .or_without::<()>(Err(error.into()), required)?;
            }
        }
        Ok(())
    }

    async fn upload(
        &mut self,
        index: usize,
        item: &Item,
        is_fresh: bool,
    ) -> report::Result<(Option<String>, bool)> {
        self.lock_item(item)?;
        let file: &RowFile = &self.plan.files[index];
        let room = self.room;
        let inline = room.args.row.inline;
        let attachment = Attachment {
            name: file.name.clone(),
            content_type: mime_guess::from_path(&file.name)
                .first_raw()
                .unwrap_or("application/octet-stream")
                .to_owned(),
            is_inline: inline,
            content_id: inline.then(|| file.name.clone()),
        };
        let source = Source::open(&file.path)?;
        let (first, sha256) = &self.sources[index];
        if source.stamp() != first.stamp() {
            let how = "it is not the file any more that was checked";
            return Err(SourceError::Changed {
                path: file.path.clone(),
                how,
            }
            .into());
        }
        let watcher = Watcher {
            room,
            waiting: Cell::new(None),
        };
        let earlier = earlier(room, item, &attachment, *sha256);
        let services = Services {
            graph: room.graph,
            uploads: room.uploads,
            store: room.store,
            require_state: room.args.retry.require_state,
            warned: &room.context.warned,
            observer: &watcher,
            endpoint: room.context.settings.endpoint.value.as_str(),
            limits: room.context.limits(upload::plan::CHUNK),
            started: room.context.started,
            volume: &self.mailbox.volume,
            item_lock: self.item_lock.as_ref().map(|(_, lock)| lock),
        };
        let job = Job {
            item: item.clone(),
            attachment,
            source,
            again: false,
            verify: room.args.verify,
            spool: None,
            earlier,
            is_empty: is_fresh,
        };
        match upload::attach(&job, &services).await {
            Ok(outcome) if room.args.verify && !outcome.verified && room.args.send => Err(
                ExitReport::refused("not sent: an attachment could not be read back"),
            ),
            Ok(outcome) => {
                if !outcome.already {
                    self.bytes += outcome.size;
                    self.anything = true;
                }
                Ok((outcome.id, outcome.already))
            }
            Err(failure) => Err(not_attached(&failure, &job.attachment.name, item)),
        }
    }
}

/// A session of an earlier process for the same content on the same item.
fn earlier(room: &Room<'_>, item: &Item, attachment: &Attachment, sha256: Digest) -> Earlier {
    // A mail that was made just now has none, and most have: reading all records for each would make a
    // batch of many quadratic.
    let Some(store) = room.store.filter(|_| !room.known.is_empty()) else {
        return Earlier::Nothing;
    };
    let Ok(list) = store.inventory() else {
        return Earlier::Nothing;
    };
    let endpoint = room.context.settings.endpoint.value.as_str();
    let records = list.records.into_iter().rev();
    let mut records = records.filter(|record| {
        record.endpoint == endpoint
            && record.item == *item
            && record.attachment == *attachment
            && record.sha256 == Some(sha256)
            && record.state == crate::session::State::Unfinished
            && record.url.is_some()
    });
    match records.next() {
        Some(record) => Earlier::Unfinished(Box::new(record)),
        None => Earlier::Nothing,
    }
}

/// Tells when the upload of a row only waits.
struct Watcher<'a, 'b> {
    room: &'a Room<'b>,
    waiting: Cell<Option<Waiting<'a, 'b>>>,
}

impl Observe for Watcher<'_, '_> {
    fn observe(&self, event: &Event) {
        match event {
            Event::Waiting { reason, delay, .. } => {
                self.waiting.set(Some(Waiting::begin(self.room)));
                let text = format!("{reason}; waiting {} s", delay.as_secs());
                self.room.context.printer.detail(1, &text);
            }
            Event::Warning(text) => self.room.context.printer.warn(text),
            Event::Detail(text) => self.room.context.printer.detail(1, text),
            _ => self.waiting.set(None),
        }
    }
}

impl MailShell for Shell<'_, '_> {
    async fn attach(
        &mut self,
        file: usize,
        message: &str,
        is_fresh: bool,
    ) -> Result<(Option<String>, bool), ()> {
        let item = self.item(message);
        self.upload(file, &item, is_fresh)
            .await
            .map_err(|error| self.error = Some(error))
    }

    async fn before_send(&mut self, message: &str) -> Result<(), ()> {
        let item = self.item(message);
        if let Err(error) = self.lock_item(&item) {
            self.error = Some(error);
            return Err(());
        }
        let mut waiting = None;
        while let Err(delay) = self.mailbox.sends.take() {
            waiting.get_or_insert_with(|| Waiting::begin(self.room));
            tokio::time::sleep(delay.max(Duration::from_millis(20))).await;
        }
        Ok(())
    }

    fn save(&mut self, progress: &MailProgress, durability: Durability) -> io::Result<()> {
        self.anything |= progress.state == MailState::Creating;
        self.entry.progress.clone_from(progress);
        let Some(log) = self.room.log else {
            return Ok(());
        };
        // A power cut costs the knowledge of what was tried, not of what is there: the keys on the
        // messages tell that. Only that a send was tried is on no message.
        let durability = match progress.state {
            MailState::Sending => durability,
            _ => Durability::Process,
        };
        match log.add(&self.entry, durability) {
            Err(error) if !self.room.args.retry.require_state => {
                if !self.room.context.warned.replace(true) {
                    let text = format!("the log of the run cannot be kept: {error}");
                    self.room.context.printer.warn(&text);
                }
                Ok(())
            }
            result => result,
        }
    }

    async fn wait(&mut self, delay: Duration, reason: &'static str) {
        let _waiting = Waiting::begin(self.room);
        let text = format!("{}: waiting {} s {reason}", self.row.place, delay.as_secs());
        self.room.context.printer.detail(1, &text);
        tokio::time::sleep(delay).await;
    }

    fn note(&mut self, note: &MailNote) {
        let text = mail_end::note(note);
        self.room
            .context
            .printer
            .warn(&format!("{}: {text}", self.row.place));
    }
}
