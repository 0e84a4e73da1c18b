//! A mail as `attach`, `draft` and `resume` know it: what is wanted is written down before the first
//! request, so that whatever ends the command, another can finish it.

use std::{io, path::Path, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{context::CommandContext, mail_end, send};
use crate::{
    auth,
    graph::{GraphClient, Item, ItemKind, MailKey},
    mail::{
        DraftOrigin, GraphMail, MailEnd, MailFailure, MailNote, MailPlan, MailPolicy, MailShell,
        Resend, Wish, run as run_mail,
    },
    report::{self, ExitReport},
    session::{
        Durability, FileProgress, Lock, MailFile, MailOrigin, MailProgress, MailRecord, MailState,
        SessionId, Store, same_service,
    },
    upload::{self, Outcome},
};

/// A mail that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewMail {
    pub(super) origin: MailOrigin,
    /// As Graph takes it.
    pub(super) message: Map<String, Value>,
    pub(super) once: Option<String>,
}

/// What a command does with the mail besides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Intent {
    pub(super) verify: bool,
    pub(super) send: bool,
    /// Who may send again what may have been sent.
    pub(super) resend: Resend,
    /// Whether it must be kept on disk.
    pub(super) required: bool,
    /// How long another process that has the job is waited for.
    pub(super) wait: Option<Duration>,
}

/// A mail job that this command works on.
pub(super) struct MailJob<'a> {
    record: MailRecord,
    intent: Intent,
    store: Option<&'a Store>,
    context: &'a CommandContext,
    _lock: Option<Lock>,
}

/// What became of the draft.
pub(super) enum Drafted {
    /// It is there.
    Item(Item),
    /// The mail was sent before.
    Sent,
}

impl<'a> MailJob<'a> {
    /// The job of this mail: an unfinished one of the same command, or a new one.
    pub(super) async fn open(
        mail: NewMail,
        files: Vec<MailFile>,
        intent: Intent,
        store: Option<&'a Store>,
        context: &'a CommandContext,
    ) -> report::Result<Self> {
        let id = store.map_or_else(|| SessionId::draw(|| fastrand::u8(..)), Store::new_id);
        let key = match &mail.once {
            Some(once) => MailKey::new("once", &[once]),
            // Drawn: nobody else has it.
            None => MailKey::new(
                "job",
                &[&format!("{:032x}", fastrand::u128(..)), id.as_str()],
            ),
        };
        let record = MailRecord {
            id,
            endpoint: context.settings.endpoint.value.as_str().to_owned(),
            mailbox: context.mailbox()?,
            origin: mail.origin,
            message: mail.message,
            files,
            verify: intent.verify,
            send: intent.send,
            key: key.as_str().to_owned(),
            once: mail.once,
            progress: MailProgress::default(),
            created: Timestamp::now(),
        };
        if let Some(store) = store {
            let wanted = record.wanted();
            let known = records(store, context)?.into_iter().rev();
            let mut same =
                known.filter(|known| !known.progress.state.is_over() && known.wanted() == wanted);
            if let Some(known) = same.next() {
                context
                    .printer
                    .note(&format!("mail {} continues", known.id));
                return Self::resume(&known, intent, store, context).await;
            }
        }
        let lock = match store {
            Some(store) => {
                let lock = context.lock_session(store, record.id, intent.wait).await;
                context.or_without(lock, intent.required)?
            }
            None => None,
        };
        let mut job = MailJob {
            record,
            intent,
            store: store.filter(|_| lock.is_some()),
            context,
            _lock: lock,
        };
        job.keep(Durability::Power)?;
        Ok(job)
    }

    /// An unfinished job.
    pub(super) async fn resume(
        record: &MailRecord,
        intent: Intent,
        store: &'a Store,
        context: &'a CommandContext,
    ) -> report::Result<Self> {
        let ours = context.settings.endpoint.value.as_str();
        if !same_service(ours, &record.endpoint) {
            let (theirs, ours) = (record.endpoint.clone(), ours.to_owned());
            return Err((&auth::Error::Elsewhere { theirs, ours }).into());
        }
        let lock = context.lock_session(store, record.id, intent.wait).await;
        let lock = context.or_without(lock, intent.required)?;
        // Read anew under the lock: another process may have finished it meanwhile.
        let Some(record) = store.load_mail(record.id)? else {
            return Err(ExitReport::not_found(format!("mail {} is gone", record.id)));
        };
        Ok(MailJob {
            record,
            intent,
            store: Some(store).filter(|_| lock.is_some()),
            context,
            _lock: lock,
        })
    }

    pub(super) fn id(&self) -> SessionId {
        self.record.id
    }

    /// What the mail is about, if that is said. Graph takes its property names in any case.
    pub(super) fn subject(&self) -> &str {
        let mut all = self.record.message.iter();
        let subject = all.find(|(name, _)| name.eq_ignore_ascii_case("subject"));
        subject
            .and_then(|(_, subject)| subject.as_str())
            .unwrap_or_default()
    }

    /// Whether it is on disk, for `resume`.
    pub(super) fn is_kept(&self) -> bool {
        self.store.is_some()
    }

    pub(super) fn record(&self) -> &MailRecord {
        &self.record
    }

    fn item(&self) -> Item {
        Item {
            kind: ItemKind::Message,
            id: self.record.progress.draft.clone().unwrap_or_default(),
            mailbox: self.record.mailbox.clone(),
        }
    }

    fn keep(&mut self, durability: Durability) -> report::Result<()> {
        let Some(store) = self.store else {
            return Ok(());
        };
        match store.save_mail(&self.record, durability) {
            Ok(()) => Ok(()),
            Err(source) => {
                let path = store.dir().to_owned();
                let error = crate::session::DirError::Io { path, source };
                self.context
                    .or_without::<()>(Err(error.into()), self.intent.required)?;
                self.store = None;
                Ok(())
            }
        }
    }

    /// Makes sure that there is a draft, and one only.
    pub(super) async fn draft(&mut self, graph: &GraphClient) -> report::Result<Drafted> {
        match self.record.progress.state {
            MailState::Sent => return Ok(Drafted::Sent),
            // What was tried is found out before anything else.
            MailState::Sending | MailState::InDoubt => return Ok(Drafted::Item(self.item())),
            _ => {}
        }
        let kept = std::mem::take(&mut self.record.progress.files);
        let before = self.record.progress.draft.clone();
        self.run(graph, 0, false).await?;
        if self.record.progress.state == MailState::Sent {
            self.keep(Durability::Power)?;
            return Ok(Drafted::Sent);
        }
        self.record.progress.state = MailState::Drafted;
        self.record.progress.files = match before == self.record.progress.draft {
            true => kept,
            false => Vec::new(),
        };
        let files = self.record.files.len();
        self.record
            .progress
            .files
            .resize_with(files, FileProgress::default);
        self.keep(Durability::Power)?;
        Ok(Drafted::Item(self.item()))
    }

    /// A file is attached.
    pub(super) fn attached(&mut self, outcome: &Outcome) -> report::Result<()> {
        mark(&mut self.record, &outcome.name, outcome.id.as_deref());
        self.keep(Durability::Process)
    }

    /// Everything is attached, and it is not to be sent.
    pub(super) fn finish(&mut self) -> report::Result<()> {
        self.record.progress.state = MailState::Finished;
        self.keep(Durability::Power)
    }

    /// Sends the mail. `false` when all that is known is that the draft is gone.
    pub(super) async fn send(&mut self, graph: &GraphClient) -> report::Result<MailEnd> {
        let files = self.record.files.len();
        self.run(graph, files, true).await
    }

    /// Runs the protocol so far.
    async fn run(
        &mut self,
        graph: &GraphClient,
        files: usize,
        send: bool,
    ) -> report::Result<MailEnd> {
        let record = self.record.clone();
        let key = MailKey::kept(&record.key);
        let content = record.content().to_string();
        let limits = self.context.limits(upload::plan::CHUNK);
        let left = limits
            .deadline
            .map(|deadline| deadline.saturating_sub(self.context.started.elapsed()));
        let deadline = left.and_then(|left| {
            let left = jiff::SignedDuration::try_from(left).ok()?;
            Timestamp::now().checked_add(left).ok()
        });
        let wish = Wish {
            plan: MailPlan {
                files,
                send,
                draft: match record.origin {
                    MailOrigin::New => DraftOrigin::Keyed,
                    MailOrigin::Message(_) => DraftOrigin::Existing,
                    _ => DraftOrigin::Answer,
                },
                shared_key: record.once.is_some(),
                content: content.clone(),
            },
            policy: MailPolicy {
                watch: send::watch(),
                resend: self.intent.resend,
                max_retries: limits.max_retries,
                deadline,
            },
            progress: record.progress.clone(),
        };
        let service = GraphMail {
            graph,
            mailbox: record.mailbox.as_deref(),
            origin: &record.origin,
            message: &record.message,
            key: &key,
            content: &content,
        };
        let mut shell = Shell { job: self };
        let (progress, end) = run_mail(wish, &service, &mut shell).await;
        self.record.progress = progress;
        end.map_err(|failure| self.failed(&failure))
    }

    fn failed(&self, failure: &MailFailure) -> ExitReport {
        if let Some(error) = &failure.state {
            return ExitReport::new(
                report::STATE,
                "State",
                format!("the mail cannot be kept: {error}"),
            );
        }
        let subject = self.record.message.get("subject").and_then(Value::as_str);
        let mut report =
            mail_end::stopped(&failure.stop, &self.item(), subject.unwrap_or_default());
        if self.store.is_some() {
            report.resume = Some(self.record.id);
            if matches!(
                failure.stop,
                crate::mail::MailStop::Failed(_) | crate::mail::MailStop::Files
            ) {
                let resume = report::CommandLine::own("resume").operand(self.record.id.to_string());
                report = report.run(resume);
            }
        }
        report
    }
}

struct Shell<'a, 'b> {
    job: &'a mut MailJob<'b>,
}

impl MailShell for Shell<'_, '_> {
    /// Files are attached by the command, one after another, before it sends.
    async fn attach(&mut self, _: usize, _: &str, _: bool) -> Result<(Option<String>, bool), ()> {
        Err(())
    }

    async fn before_send(&mut self, _: &str) -> Result<(), ()> {
        Ok(())
    }

    fn save(&mut self, progress: &MailProgress, durability: Durability) -> io::Result<()> {
        let job = &mut *self.job;
        let mut record = job.record.clone();
        record.progress.clone_from(progress);
        let Some(store) = job.store else {
            return Ok(());
        };
        match store.save_mail(&record, durability) {
            Err(error) if !job.intent.required => {
                let text = format!("the mail cannot be kept: {error}");
                job.context.printer.warn(&text);
                Ok(())
            }
            result => result,
        }
    }

    async fn wait(&mut self, delay: Duration, reason: &'static str) {
        let text = format!("waiting {} s {reason}", delay.as_secs_f64().ceil());
        self.job.context.printer.status(&text);
        tokio::time::sleep(delay).await;
    }

    fn note(&mut self, note: &MailNote) {
        self.job.context.printer.warn(&mail_end::note(note));
    }
}

/// The mail jobs on this computer; those that cannot be read are told.
pub(super) fn records(store: &Store, context: &CommandContext) -> report::Result<Vec<MailRecord>> {
    let list = store.mails()?;
    for (path, why) in list.unreadable {
        let path = path.display();
        context
            .printer
            .warn(&format!("the state file `{path}` is not used: {why}"));
    }
    Ok(list.records)
}

/// The jobs whose id begins so.
pub(super) fn by_prefix<'a>(text: &str, records: &'a [MailRecord]) -> Vec<&'a MailRecord> {
    let upper = text.to_ascii_uppercase();
    let records = records.iter();
    records
        .filter(|record| !upper.is_empty() && record.id.as_str().starts_with(&upper))
        .collect()
}

/// A file of this name is attached: the first that is not yet.
fn mark(record: &mut MailRecord, name: &str, id: Option<&str>) {
    record
        .progress
        .files
        .resize_with(record.files.len(), FileProgress::default);
    let files = record.files.iter().zip(&mut record.progress.files);
    let mut open = files.filter(|(file, progress)| file.name == name && !progress.attached);
    if let Some((_, progress)) = open.next() {
        *progress = FileProgress {
            attached: true,
            id: id.map(str::to_owned),
        };
    }
}

/// Another command did something to a job's draft: the job knows.
pub(super) enum TakenOver<'a> {
    /// A file is attached.
    Attached(&'a Outcome),
    /// It is sent.
    Sent,
}

/// Tells the job of a draft, if it is one's, what another command did to it.
pub(super) fn take_over(item: &Item, what: &TakenOver<'_>, context: &CommandContext) {
    let Ok(store) = context.store() else { return };
    let Ok(list) = store.mails() else { return };
    let endpoint = context.settings.endpoint.value.as_str();
    for mut record in list.records {
        let ours = same_service(endpoint, &record.endpoint)
            && record.progress.draft.as_ref() == Some(&item.id)
            && !record.progress.state.is_over();
        if !ours {
            continue;
        }
        match what {
            TakenOver::Attached(outcome) => {
                mark(&mut record, &outcome.name, outcome.id.as_deref());
                let complete = record.progress.files.iter().all(|file| file.attached);
                if complete && !record.send {
                    record.progress.state = MailState::Finished;
                }
            }
            TakenOver::Sent => record.progress.state = MailState::Sent,
        }
        if let Err(error) = store.save_mail(&record, Durability::Process) {
            context
                .printer
                .detail(1, &format!("mail {} cannot be kept: {error}", record.id));
        }
    }
}

/// The unfinished job whose draft this is, with files that are not known to be attached.
pub(super) fn incomplete(
    item: &Item,
    ids: [&str; 2],
    store: &Store,
    endpoint: &str,
) -> Option<(SessionId, Vec<String>)> {
    let list = store.mails().ok()?;
    list.records.into_iter().find_map(|record| {
        let draft = record.progress.draft.as_deref()?;
        let ours = same_service(endpoint, &record.endpoint)
            && record.mailbox == item.mailbox
            && ids.contains(&draft)
            && !record.progress.state.is_over();
        let files = record.files.iter().enumerate();
        let missing: Vec<String> = files
            .filter(|(index, _)| {
                record
                    .progress
                    .files
                    .get(*index)
                    .is_none_or(|file| !file.attached)
            })
            .map(|(_, file)| format!("`{}`", file.name))
            .collect();
        (ours && !missing.is_empty()).then_some((record.id, missing))
    })
}

/// Why a job cannot be finished whose file came through a pipe that was never kept.
pub(super) fn lost_pipe(mail: &MailRecord) -> Option<ExitReport> {
    let files = mail.files.iter().enumerate();
    let mut lost = files.filter(|(index, file)| {
        let attached = mail
            .progress
            .files
            .get(*index)
            .is_some_and(|file| file.attached);
        is_stdin(file) && !attached
    });
    let (_, file) = lost.next()?;
    let mut report = ExitReport::new(
        report::FILE,
        "PipeLost",
        format!(
            "mail {} cannot be resumed: what came through the pipe for `{}` is not kept",
            mail.id, file.name
        ),
    );
    if let Some(draft) = &mail.progress.draft {
        let item = Item {
            kind: ItemKind::Message,
            id: draft.clone(),
            mailbox: mail.mailbox.clone(),
        };
        let attach = report::CommandLine::own("attach").item(&item);
        report = report.run(attach.option("--name", &file.name).operand("-"));
    }
    Some(report)
}

/// Whether a job's file came through standard input.
pub(super) fn is_stdin(file: &MailFile) -> bool {
    file.path == Path::new("-")
}
