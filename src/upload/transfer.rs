//! Executes the machine's steps: the thin shell around the pure core.
//!
//! One range, from disk to `Location`: [`Transfer::put`] reads it, hashes it, saves where it stands
//! and hands it to the upload host; for the last one it first makes sure that what is about to be
//! attached is what the file was when the command started.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::{
    event::{Event, Observe},
    keep::Keeper,
    machine::Machine,
    outcome::{Cause, Failure, Outcome},
    plan::{Range, Route},
    source::{Source, SourceError, Whole, joined},
    step::{Answer, Limits, Seen, Step, Stop},
    twin::{Twins, agrees},
    volume::Volume,
};
use crate::{
    digest::{Digest, Hasher},
    graph::{
        Attachment, Error, GraphClient, Item, Kind, Meter, PutReply, UploadClient, ranges::Next,
        wire,
    },
    session::{Durability, Lock, Mark, Record, SessionId, State, Store},
};

/// How often the bytes in flight are told.
const SIGN_OF_LIFE: Duration = Duration::from_millis(100);

/// What an upload works with.
pub struct Services<'a> {
    /// The Graph host.
    pub graph: &'a GraphClient,
    /// Upload URLs.
    pub uploads: &'a UploadClient,
    /// Where sessions are kept, if they can be.
    pub store: Option<&'a Store>,
    /// Whether not being able to keep them ends the upload.
    pub require_state: bool,
    /// Whether the user was told that they cannot: once is enough.
    pub warned: &'a std::cell::Cell<bool>,
    /// Who is told.
    pub observer: &'a dyn Observe,
    /// The Graph endpoint, for the record.
    pub endpoint: &'a str,
    /// Retries and limits; its deadline counts from `started`.
    pub limits: Limits,
    /// When the command started.
    pub started: Instant,
    /// What went to the mailbox lately.
    pub volume: &'a std::cell::RefCell<Volume>,
}

/// One file to attach.
pub struct Job {
    /// To what.
    pub item: Item,
    /// As what.
    pub attachment: Attachment,
    /// The file.
    pub source: Source,
    /// Whether to attach even though the same content is there already.
    pub again: bool,
    /// Whether to read it back and compare.
    pub verify: bool,
    /// A spool of standard input, under the id that its session will have.
    pub spool: Option<SessionId>,
    /// What an earlier command left.
    pub earlier: Earlier,
}

/// What is known of the same file on the same item from before.
pub enum Earlier {
    /// Nothing.
    Nothing,
    /// An upload that goes on.
    Unfinished(Box<Record>),
    /// An upload that was finished under this id.
    Finished {
        /// The attachment.
        attachment: String,
        /// The session.
        session: SessionId,
        /// Its content.
        sha256: Digest,
    },
}

enum Content {
    Hashing(tokio::task::JoinHandle<Result<Whole, SourceError>>),
    Known(Whole),
    Failed,
}

pub(super) struct Transfer<'a> {
    services: &'a Services<'a>,
    job: &'a Job,
    keeper: Keeper<'a>,
    machine: Machine,
    content: Content,
    /// Ids of the attachments that were there before.
    before: Vec<String>,
    /// A hasher that has taken what is acknowledged.
    acked: (u64, Hasher),
    /// What was sent, and a hasher that has taken it unless an earlier process sent it.
    sent: (Mark, Option<Hasher>),
    buffer: BytesMut,
    /// The body of the POST, and the digest of the content in it.
    post_body: Option<(Bytes, Digest)>,
    meter: Meter,
    error: Option<Error>,
    /// How the file changed, once it did.
    change: Option<SourceError>,
    unreadable: u32,
    resumed: bool,
    /// Held as long as this process works on a session that it opened; that of a session which goes
    /// on is held by whoever found it.
    lock: Option<Lock>,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(services: &'a Services<'a>, job: &'a Job) -> Self {
        let record = match &job.earlier {
            Earlier::Unfinished(record) => Some((**record).clone()),
            _ => None,
        };
        let size = job.source.size();
        let machine = match &record {
            Some(record) => Machine::resumed(
                size,
                record.acked.offset,
                record.sent.offset,
                services.limits,
            ),
            None => Machine::new(size, Route::for_size(size), services.limits),
        };
        let before = record
            .as_ref()
            .map(|record| record.before.clone())
            .unwrap_or_default();
        let resumed = record.is_some();
        Transfer {
            services,
            job,
            keeper: Keeper::new(
                services.store,
                services.require_state,
                record,
                services.observer,
                services.warned,
            ),
            machine,
            content: Content::Failed,
            before,
            acked: (0, Hasher::default()),
            sent: (Mark::start(), None),
            buffer: BytesMut::new(),
            post_body: None,
            meter: Meter::default(),
            error: None,
            change: None,
            unreadable: 0,
            resumed,
            lock: None,
        }
    }

    /// Runs the upload to its end.
    pub(super) async fn run(mut self) -> Result<Outcome, Failure> {
        self.tell(Event::Started {
            name: self.job.attachment.name.clone(),
            size: self.job.source.size(),
            route: self.machine.route(),
        });
        let result = self.drive().await;
        if result.is_err() {
            self.tell(Event::Stopped);
        }
        result
    }

    async fn drive(&mut self) -> Result<Outcome, Failure> {
        self.content = Content::Hashing(self.job.source.hash());
        if self.resumed {
            self.check_resumed().await?;
        }
        let mut step = self.step(&Seen::Begin);
        loop {
            step = match step {
                Step::List => {
                    let listed = self.list().await?;
                    self.observe(listed, Seen::Listed)
                }
                Step::Create => {
                    let created = self.create().await?;
                    self.observe(created, Seen::Created)
                }
                Step::Post => match self.post().await? {
                    Some(posted) => self.observe(posted, Seen::Posted),
                    None => self.step(&Seen::FileChanged),
                },
                Step::Put { range, last } => match self.put(range, last).await? {
                    Some(put) => self.observe(put, Seen::Put),
                    None => self.step(&Seen::FileChanged),
                },
                Step::Ask => {
                    let asked = self.ask().await;
                    self.observe(asked, Seen::Asked)
                }
                Step::Look { identify } => match self.look(identify).await? {
                    Some(looked) => self.observe(looked, Seen::Looked),
                    None => self.step(&Seen::FileChanged),
                },
                Step::Wait {
                    delay,
                    why,
                    attempt,
                } => {
                    self.wait(delay, why, attempt).await;
                    self.step(&Seen::Waited)
                }
                Step::Discard { replacing } => {
                    self.discard(replacing).await;
                    self.step(&Seen::Discarded)
                }
                Step::Attached { id, already } => return self.attached(id, already).await,
                Step::Stop(stop) => {
                    self.keep_content(&stop).await;
                    return Err(self.stopped(stop));
                }
            }
        }
    }

    fn step(&mut self, seen: &Seen) -> Step {
        self.machine
            .step(seen, self.services.started.elapsed(), fastrand::f64())
    }

    /// Reports a result to the machine, and keeps its error for the message at the end.
    fn observe<T>(
        &mut self,
        result: Result<T, Error>,
        seen: impl FnOnce(Result<T, Error>) -> Seen,
    ) -> Step {
        let before = self.machine.acknowledged();
        let step = match result {
            Ok(value) => self.step(&seen(Ok(value))),
            Err(error) => {
                let ids = error.request_id.as_deref().unwrap_or("none");
                self.tell(Event::Detail(format!("{error} (request id: {ids})")));
                if error.status == Some(503) {
                    self.services.graph.reconnect();
                }
                let step = self.step(&seen(Err(error.clone())));
                self.error = Some(error);
                step
            }
        };
        let offset = self.machine.acknowledged();
        if offset != before {
            self.tell(Event::Acknowledged { offset });
        }
        step
    }

    fn tell(&self, event: Event) {
        self.services.observer.observe(&event);
    }

    /// The content's digest, waiting for it if need be.
    async fn whole(&mut self) -> Result<Whole, SourceError> {
        if let Content::Hashing(task) = &mut self.content {
            let result = joined(task.await, self.job.source.path());
            self.content = Content::Failed;
            self.content = Content::Known(result?);
        }
        match self.content {
            Content::Known(whole) => Ok(whole),
            _ => Err(SourceError::Unreadable {
                path: self.job.source.path().to_owned(),
                source: std::io::Error::other("its content could not be read before"),
            }),
        }
    }

    /// A session of an earlier process: the file must still be the one that it was begun with.
    async fn check_resumed(&mut self) -> Result<(), Failure> {
        let Some(record) = self.keeper.record.clone() else {
            return Ok(());
        };
        let source = &self.job.source;
        let changed = |how| SourceError::Changed {
            path: source.path().to_owned(),
            how,
        };
        let checked = if source.size() != record.size {
            Err(changed("its size is different now"))
        } else if source.stamp() == record.stamp {
            Ok(())
        } else {
            match (self.whole().await, record.sha256) {
                (Err(error), _) => Err(error),
                (Ok(whole), Some(earlier)) if whole.sha256 == earlier => Ok(()),
                (Ok(_), Some(_)) => Err(changed("its content is different now")),
                (Ok(_), None) => Err(changed("it was touched before its content was known")),
            }
        };
        let hasher = match checked {
            Ok(()) => {
                self.job
                    .source
                    .hasher_at(record.acked.offset, &[record.acked])
                    .await
            }
            Err(error) => Err(error),
        };
        match hasher {
            Ok(hasher) => {
                self.acked = (record.acked.offset, hasher);
                self.sent = (record.sent, None);
                self.tell(Event::Opened {
                    session: record.id,
                    offset: record.acked.offset,
                    resumed: true,
                });
                Ok(())
            }
            Err(error) => {
                // What changed stays changed: the session is of no use to anybody.
                if matches!(error, SourceError::Changed { .. }) {
                    self.discard(false).await;
                }
                Err(self.failure(Cause::Source(error)))
            }
        }
    }

    async fn list(&mut self) -> Result<Result<Option<String>, Error>, Failure> {
        let all = match self.services.graph.attachments(&self.job.item).await {
            Ok(all) => all,
            Err(error) => return Ok(Err(error)),
        };
        self.before = all.iter().map(|listed| listed.id.clone()).collect();
        if self.job.again {
            return Ok(Ok(None));
        }
        if let Earlier::Finished {
            attachment, sha256, ..
        } = &self.job.earlier
            && self.before.contains(attachment)
            && self.whole().await?.sha256 == *sha256
        {
            return Ok(Ok(Some(attachment.clone())));
        }
        if all
            .iter()
            .all(|listed| listed.name != self.job.attachment.name)
        {
            return Ok(Ok(None));
        }
        let whole = self.whole().await?;
        Ok(self.twins().before(&all, whole.sha256).await)
    }

    fn twins(&self) -> Twins<'a> {
        Twins {
            graph: self.services.graph,
            item: &self.job.item,
            name: &self.job.attachment.name,
            size: self.job.source.size(),
            observer: self.services.observer,
        }
    }

    async fn create(&mut self) -> Result<Result<Next, Error>, Failure> {
        let (job, size) = (self.job, self.job.source.size());
        let created = match self
            .services
            .graph
            .create_session(&job.item, &job.attachment, size)
            .await
        {
            Ok(created) => created,
            Err(error) => return Ok(Err(error)),
        };
        self.acked = (0, Hasher::default());
        self.sent = (Mark::start(), None);
        let earlier = self.keeper.record.take();
        let id = earlier.as_ref().map(|record| record.id).or(job.spool);
        let id = id.or_else(|| self.services.store.map(Store::new_id));
        let id = id.unwrap_or_else(|| SessionId::draw(|| fastrand::u8(..)));
        if earlier.is_none() {
            self.keeper.claim(id);
        }
        let record = Record {
            id,
            state: State::Unfinished,
            endpoint: self.services.endpoint.to_owned(),
            item: job.item.clone(),
            file: std::path::absolute(job.source.path())
                .unwrap_or_else(|_| job.source.path().to_owned()),
            spooled: job.spool.is_some() || earlier.as_ref().is_some_and(|record| record.spooled),
            attachment: job.attachment.clone(),
            size,
            chunk: self.services.limits.chunk,
            sha256: earlier.as_ref().and_then(|record| record.sha256),
            stamp: earlier
                .as_ref()
                .map_or(job.source.stamp(), |record| record.stamp),
            before: self.before.clone(),
            acked: Mark::start(),
            sent: Mark::start(),
            url: Some(created.url),
            expires: created.expires,
            created: earlier.map_or_else(jiff::Timestamp::now, |record| record.created),
            attachment_id: None,
        };
        if let (Some(store), false, None) = (self.services.store, self.resumed, &self.lock) {
            // The id is new, so nobody else has it; a directory that fails is told by `save`.
            self.lock = store.lock_session(id).ok();
        }
        self.keeper
            .replace(record)
            .map_err(|error| self.failure(Cause::State(error)))?;
        self.tell(Event::Opened {
            session: id,
            offset: 0,
            resumed: false,
        });
        Ok(Ok(created.next))
    }

    /// Sends one range. `None`: the file is not what it was, and nothing was sent.
    async fn put(
        &mut self,
        range: Range,
        last: bool,
    ) -> Result<Option<Result<Answer, Error>>, Failure> {
        let mut hasher = match self.hasher_at(range.start).await {
            Ok(hasher) => hasher,
            Err(error) => return self.changed(error),
        };
        self.acked = (range.start, hasher.clone());
        let buffer = std::mem::take(&mut self.buffer);
        let bytes = match self.job.source.read(range, buffer).await {
            Ok(bytes) => bytes,
            Err(error) => return self.changed(error),
        };
        hasher.update(&bytes);
        if last && let Err(error) = self.check_content(hasher.finish()).await {
            return self.changed(error);
        }
        if let Err(error) = self.pace(range.len()).await {
            return Ok(Some(Err(error)));
        }
        let Some(record) = &mut self.keeper.record else {
            return Ok(Some(Err(Error::contradiction("there is no session"))));
        };
        record.acked = Mark {
            offset: range.start,
            sha256: self.acked.1.finish(),
        };
        let sent = Mark {
            offset: range.end,
            sha256: hasher.finish(),
        };
        record.sent = sent;
        self.note_content().await;
        self.save(if last {
            Durability::Power
        } else {
            Durability::Process
        })?;
        self.sent = (sent, Some(hasher));

        let Some(url) = self
            .keeper
            .record
            .as_ref()
            .and_then(|record| record.url.clone())
        else {
            return Ok(Some(Err(Error::contradiction("there is no session"))));
        };
        let size = self.job.source.size();
        let meter = self.meter.clone();
        let request = self
            .services
            .uploads
            .put(&url, range.start, size, bytes.clone(), &meter);
        let reply = self.while_keeping_content(request, range.len()).await?;
        if reply.is_ok() || matches!(&reply, Err(error) if error.kind != Kind::Connect) {
            self.services
                .volume
                .borrow_mut()
                .note(range.len(), self.services.started.elapsed());
        }
        self.buffer = bytes.try_into_mut().unwrap_or_default();
        Ok(Some(reply.map(|reply| match reply {
            PutReply::Attached { id } => Answer::Attached(id),
            PutReply::Continues { next, expires } => {
                if let (Some(record), Some(expires)) = (&mut self.keeper.record, expires) {
                    record.expires = Some(expires);
                }
                Answer::Continues(next)
            }
        })))
    }

    /// A source error in mid-upload: a change is the machine's business, anything else ends it here.
    fn changed<T>(&mut self, error: SourceError) -> Result<Option<T>, Failure> {
        if matches!(error, SourceError::Changed { .. }) {
            self.change = Some(error);
            return Ok(None);
        }
        Err(self.failure(Cause::Source(error)))
    }

    /// A hasher that has taken exactly the bytes before `at`, as they were sent.
    async fn hasher_at(&self, at: u64) -> Result<Hasher, SourceError> {
        if self.acked.0 == at {
            return Ok(self.acked.1.clone());
        }
        if let (mark, Some(hasher)) = &self.sent
            && mark.offset == at
        {
            return Ok(hasher.clone());
        }
        // The service holds less than it had acknowledged, or part of a range, or what an earlier
        // process sent: read it again, and make sure that it is what was sent.
        let acked = Mark {
            offset: self.acked.0,
            sha256: self.acked.1.finish(),
        };
        let marks = [acked, self.sent.0];
        self.job.source.hasher_at(at, &marks).await
    }

    /// Just before the file is attached: are the bytes that were sent those that the file had when
    /// the command started, and does it still have them?
    async fn check_content(&mut self, sent: Digest) -> Result<(), SourceError> {
        let whole = self.whole().await?;
        let earlier = self.keeper.record.as_ref().and_then(|record| record.sha256);
        if !agrees(whole, sent, earlier) {
            let how = "what was sent is not what it held at the start";
            return Err(SourceError::Changed {
                path: self.job.source.path().to_owned(),
                how,
            });
        }
        self.job.source.unchanged(sent).await
    }

    async fn post(&mut self) -> Result<Option<Result<String, Error>>, Failure> {
        let body = match &self.post_body {
            Some((body, sent)) => {
                let (body, sent) = (body.clone(), *sent);
                if let Err(error) = self.job.source.unchanged(sent).await {
                    return self.changed(error);
                }
                body
            }
            None => {
                let range = Range {
                    start: 0,
                    end: self.job.source.size(),
                };
                let content = match self.job.source.read(range, BytesMut::new()).await {
                    Ok(content) => content,
                    Err(error) => return self.changed(error),
                };
                let sent = Digest::of(&content);
                if let Err(error) = self.check_content(sent).await {
                    return self.changed(error);
                }
                let body = Bytes::from(wire::file_attachment_body(&self.job.attachment, &content));
                self.post_body = Some((body.clone(), sent));
                body
            }
        };
        let length = body.len() as u64;
        if let Err(error) = self.pace(length).await {
            return Ok(Some(Err(error)));
        }
        let request = self
            .services
            .graph
            .post_attachment(&self.job.item, body, &self.meter);
        let reply = self.with_signs_of_life(request, length).await;
        self.services
            .volume
            .borrow_mut()
            .note(length, self.services.started.elapsed());
        Ok(Some(reply.map(|listed| listed.id)))
    }

    /// Waits until the mailbox may take `bytes` more.
    async fn pace(&self, bytes: u64) -> Result<(), Error> {
        let now = self.services.started.elapsed();
        let delay = self.services.volume.borrow_mut().wait(bytes, now);
        if delay.is_zero() {
            return Ok(());
        }
        if self
            .services
            .limits
            .deadline
            .is_some_and(|deadline| now + delay >= deadline)
        {
            return Err(Error::local(
                Kind::Deadline,
                "the mailbox takes 150 MB in 5 minutes",
            ));
        }
        self.tell(Event::Waiting {
            delay,
            reason: "the mailbox takes 150 MB in 5 minutes".to_owned(),
            attempt: 0,
            max: 0,
        });
        tokio::time::sleep(delay).await;
        Ok(())
    }

    async fn with_signs_of_life<T>(&self, request: impl Future<Output = T>, of: u64) -> T {
        let mut request = std::pin::pin!(request);
        loop {
            tokio::select! {
                biased;
                result = &mut request => return result,
                () = tokio::time::sleep(SIGN_OF_LIFE) => {
                    self.tell(Event::Sending { sent: self.meter.read().min(of), of });
                }
            }
        }
    }

    /// The same for a range, while which the content may become known: to whoever resumes it, it is
    /// what tells a file that was merely touched from one that was changed.
    async fn while_keeping_content<T>(
        &mut self,
        request: impl Future<Output = T>,
        of: u64,
    ) -> Result<T, Failure> {
        let mut request = std::pin::pin!(request);
        loop {
            if self.is_content_kept() {
                return Ok(self.with_signs_of_life(request, of).await);
            }
            tokio::select! {
                biased;
                result = &mut request => return Ok(result),
                () = tokio::time::sleep(SIGN_OF_LIFE) => {
                    self.tell(Event::Sending { sent: self.meter.read().min(of), of });
                    if self.note_content().await {
                        self.save(Durability::Process)?;
                    }
                }
            }
        }
    }

    /// Whether the record needs no more word about the content, or will never have any.
    fn is_content_kept(&self) -> bool {
        let known = |record: &Record| record.sha256.is_some();
        self.keeper.record.as_ref().is_none_or(known)
            || !matches!(self.content, Content::Hashing(_))
    }

    /// Puts the content's digest into the record, if it is known by now and was not before.
    async fn note_content(&mut self) -> bool {
        if matches!(&self.content, Content::Hashing(task) if task.is_finished()) {
            // An error is told when the content is needed.
            let _ = self.whole().await;
        }
        match (&mut self.keeper.record, &self.content) {
            (Some(record), Content::Known(whole)) if whole.steady && record.sha256.is_none() => {
                record.sha256 = Some(whole.sha256);
                true
            }
            _ => false,
        }
    }

    async fn ask(&self) -> Result<Next, Error> {
        match self
            .keeper
            .record
            .as_ref()
            .and_then(|record| record.url.as_ref())
        {
            Some(url) => self.services.uploads.ask(url).await.map(|said| said.next),
            None => Err(Error::local(Kind::NotFound, "there is no session")),
        }
    }

    async fn look(
        &mut self,
        identify: bool,
    ) -> Result<Option<Result<Vec<String>, Error>>, Failure> {
        let whole = match self.whole().await {
            Ok(whole) => whole,
            Err(error) => return self.changed(error),
        };
        let mut unreadable = self.unreadable;
        let found = self
            .twins()
            .after(&self.before, whole.sha256, identify, &mut unreadable)
            .await;
        self.unreadable = unreadable;
        Ok(Some(found))
    }

    async fn wait(&self, delay: Duration, why: Kind, attempt: u32) {
        let reason = match why {
            Kind::Connect => "no connection",
            Kind::Lost => "the connection broke",
            Kind::Throttled => "the service is throttling",
            Kind::Unavailable => "the service is not available",
            Kind::Conflict => "the item is being changed by somebody else",
            Kind::NotFound => "the item is not there yet",
            _ => "the service's answer made no sense",
        };
        let max = self.services.limits.max_retries;
        self.tell(Event::Waiting {
            delay,
            reason: reason.to_owned(),
            attempt,
            max,
        });
        tokio::time::sleep(delay).await;
    }

    /// Ends the session at the service, as well as can be: it expires anyway.
    async fn discard(&mut self, replacing: bool) {
        if let Some(url) = self
            .keeper
            .record
            .as_ref()
            .and_then(|record| record.url.clone())
            && let Err(error) = self.services.uploads.delete(&url).await
        {
            self.tell(Event::Detail(format!(
                "the session could not be cancelled: {error}"
            )));
        }
        if !replacing {
            self.keeper.forget();
        } else {
            let reason = "the session is not usable any more".to_owned();
            self.tell(Event::Restarting { reason });
        }
    }

    async fn attached(&mut self, id: Option<String>, already: bool) -> Result<Outcome, Failure> {
        let whole = self
            .whole()
            .await
            .map_err(|error| self.failure(Cause::Source(error)))?;
        let earlier = match &self.job.earlier {
            Earlier::Finished { session, .. } if already => Some(*session),
            _ => None,
        };
        let session = self
            .keeper
            .record
            .as_ref()
            .map(|record| record.id)
            .or(earlier);
        if let Some(record) = &mut self.keeper.record {
            record.state = State::Finished;
            record.url = None;
            record.sha256 = Some(whole.sha256);
            let end = Mark {
                offset: record.size,
                sha256: whole.sha256,
            };
            (record.acked, record.sent) = (end, end);
            record.attachment_id.clone_from(&id);
            self.keeper.save_finished();
        }
        self.tell(Event::Acknowledged {
            offset: self.job.source.size(),
        });
        let verified = match &id {
            Some(id) if self.job.verify => self.verify(id, whole.sha256).await?,
            _ => false,
        };
        self.tell(Event::Finished { already });
        Ok(Outcome {
            id,
            name: self.job.attachment.name.clone(),
            size: self.job.source.size(),
            sha256: whole.sha256,
            route: self.machine.route(),
            session,
            resumed: self.resumed,
            already,
            verified,
        })
    }

    /// Reads the attachment back and compares.
    async fn verify(&mut self, id: &str, expected: Digest) -> Result<bool, Failure> {
        let total = self.job.source.size();
        let mut attempt = 0;
        loop {
            let observer = self.services.observer;
            let progress = |read| observer.observe(&Event::Verifying { read, total });
            match self.twins().read_back(id, progress).await {
                Ok((length, digest)) if length == total && digest == expected => return Ok(true),
                Ok(_) => return Err(self.failure(Cause::Mismatch { id: id.to_owned() })),
                Err(error)
                    if error.kind.temporary() && attempt < self.services.limits.max_retries =>
                {
                    attempt += 1;
                    let roll = fastrand::f64();
                    let delay = super::retry::delay(error.kind, attempt, error.retry_after, roll);
                    self.wait(delay, error.kind, attempt).await;
                }
                Err(error) => {
                    self.error = Some(error);
                    return Err(self.failure(Cause::Unverified { id: id.to_owned() }));
                }
            }
        }
    }

    /// A session that may be resumed is left with all that is known of its file.
    async fn keep_content(&mut self, stop: &Stop) {
        let over = matches!(
            stop,
            Stop::Contradiction(_) | Stop::Twice(_) | Stop::FileChanged
        );
        if over || !self.keeper.resumable() || self.is_content_kept() {
            return;
        }
        if self.whole().await.is_ok() && self.note_content().await {
            // As good as before without it.
            let _ = self.save(Durability::Process);
        }
    }

    fn stopped(&mut self, stop: Stop) -> Failure {
        let cause = match stop {
            Stop::Error => Cause::Refused,
            Stop::RetriesSpent => Cause::RetriesSpent,
            Stop::Deadline => Cause::Deadline,
            Stop::SessionsSpent => Cause::SessionsSpent,
            Stop::Contradiction(what) => Cause::Contradiction(what),
            Stop::Twice(ids) => Cause::Twice(ids),
            Stop::FileChanged => match self.change.take() {
                Some(change) => Cause::Source(change),
                None => Cause::Refused,
            },
        };
        // Nothing that a later command could go on with.
        if matches!(
            cause,
            Cause::Contradiction(_) | Cause::Twice(_) | Cause::Source(_)
        ) {
            self.keeper.forget();
        }
        self.failure(cause)
    }

    /// The failure with what is known at this moment.
    fn failure(&mut self, cause: Cause) -> Failure {
        let session = self.keeper.record.as_ref().map(|record| record.id);
        Failure {
            cause,
            error: self.error.clone(),
            session: session.filter(|_| self.keeper.resumable()),
            offset: self.machine.acknowledged(),
        }
    }

    fn save(&mut self, durability: Durability) -> Result<(), Failure> {
        self.keeper
            .save(durability)
            .map_err(|error| self.failure(Cause::State(error)))
    }
}
