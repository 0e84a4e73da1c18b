//! Executes the protocol's steps: the thin shell around the pure core.
//!
//! `range` is the content on its way, `guard` the lock that it needs, `session` what is around it, `end` how it ends.

mod end;
mod guard;
mod range;
mod session;

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::{
    checkpoint::CheckpointWriter,
    event::{Event, Observe},
    existing::ExistingAttachments,
    file::{Source, SourceError, Whole, joined},
    outcome::{Failure, Outcome},
    pacer::MailboxPacer,
};
use crate::{
    Attachment, Error, ErrorKind, Item,
    client::{GraphClient, Meter, UploadClient},
    digest::{Digest, Hasher},
    protocol::{
        UploadProtocol,
        plan::Route,
        step::{Limits, Observation, Step},
    },
    store::{HashedOffset, ItemLock, Record, SessionId, Store},
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
    pub volume: &'a MailboxPacer,
    /// The lock of the item, if there is one.
    pub item_lock: Option<&'a ItemLock>,
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
    /// Whether the item is known to hold nothing: it was made just now, and nobody else knows it yet. The
    /// request that lists its attachments is saved.
    pub is_empty: bool,
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
    keeper: CheckpointWriter<'a>,
    protocol: UploadProtocol,
    content: Content,
    /// Ids of the attachments that were there before.
    before: Vec<String>,
    /// A hasher that has taken what is acknowledged.
    acked: (u64, Hasher),
    /// What was sent, and a hasher that has taken it unless an earlier process sent it.
    sent: (HashedOffset, Option<Hasher>),
    buffer: BytesMut,
    /// The body of the POST, and the digest of the content in it.
    post_body: Option<(Bytes, Digest)>,
    meter: Meter,
    error: Option<Error>,
    /// How the file changed, once it did.
    change: Option<SourceError>,
    unreadable: u32,
    resumed: bool,
    /// Whether the item's lock was lost, and what that means was done.
    lock_lost: bool,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(services: &'a Services<'a>, job: &'a Job) -> Self {
        let record = match &job.earlier {
            Earlier::Unfinished(record) => Some((**record).clone()),
            _ => None,
        };
        let size = job.source.size();
        let protocol = match &record {
            Some(record) if record.url.is_none() => {
                UploadProtocol::between_sessions(size, services.limits)
            }
            Some(record) => UploadProtocol::resumed(
                size,
                record.acked.offset,
                record.sent.offset,
                services.limits,
            ),
            None => UploadProtocol::new(size, Route::for_size(size), services.limits),
        };
        let before = record
            .as_ref()
            .map(|record| record.before.clone())
            .unwrap_or_default();
        let resumed = record.is_some();
        Transfer {
            services,
            job,
            keeper: CheckpointWriter::new(
                services.store,
                services.require_state,
                record,
                services.observer,
                services.warned,
            ),
            protocol,
            content: Content::Failed,
            before,
            acked: (0, Hasher::default()),
            sent: (HashedOffset::start(), None),
            buffer: BytesMut::new(),
            post_body: None,
            meter: Meter::default(),
            error: None,
            change: None,
            unreadable: 0,
            resumed,
            lock_lost: false,
        }
    }

    /// Runs the upload to its end.
    pub(super) async fn run(mut self) -> Result<Outcome, Failure> {
        self.tell(Event::Started {
            name: self.job.attachment.name.clone(),
            size: self.job.source.size(),
            route: self.protocol.route(),
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
        let mut step = self.step(&Observation::Begin);
        loop {
            step = match step {
                Step::List => {
                    let listed = self.list().await?;
                    self.observe(listed, Observation::Listed)
                }
                Step::Create => {
                    let created = self.create().await?;
                    self.observe(created, Observation::Created)
                }
                Step::Post => match self.post().await? {
                    Some(posted) => self.observe(posted, Observation::Posted),
                    None => self.step(&Observation::FileChanged),
                },
                Step::Put { range, last } => match self.put(range, last).await? {
                    Some(put) => self.observe(put, Observation::Put),
                    None => self.step(&Observation::FileChanged),
                },
                Step::QueryStatus => {
                    let asked = self.ask().await;
                    self.observe(asked, Observation::StatusAnswered)
                }
                Step::FindAttachment { identify } => match self.look(identify).await? {
                    Some(looked) => self.observe(looked, Observation::Searched),
                    None => self.step(&Observation::FileChanged),
                },
                Step::Wait {
                    delay,
                    why,
                    attempt,
                    most,
                } => {
                    self.wait(delay, why, (attempt, most)).await;
                    self.step(&Observation::Waited)
                }
                Step::CancelSession { replacing } => {
                    self.discard(replacing).await?;
                    self.step(&Observation::Cancelled)
                }
                Step::Attached { id, already } => return self.attached(id, already).await,
                Step::Stop(stop) => {
                    self.keep_content(&stop).await;
                    return Err(self.stopped(stop));
                }
            }
        }
    }

    fn step(&mut self, seen: &Observation) -> Step {
        self.protocol
            .step(seen, self.services.started.elapsed(), fastrand::f64())
    }

    /// Reports a result to the protocol, and keeps its error for the message at the end.
    fn observe<T>(
        &mut self,
        result: Result<T, Error>,
        seen: impl FnOnce(Result<T, Error>) -> Observation,
    ) -> Step {
        let before = self.protocol.acknowledged();
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
        let offset = self.protocol.acknowledged();
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

    fn twins(&self) -> ExistingAttachments<'a> {
        ExistingAttachments {
            graph: self.services.graph,
            item: &self.job.item,
            name: &self.job.attachment.name,
            size: self.job.source.size(),
            inline: self.job.attachment.is_inline,
            observer: self.services.observer,
        }
    }

    async fn wait(&self, delay: Duration, why: ErrorKind, (attempt, max): (u32, u32)) {
        let reason = match why {
            ErrorKind::Connect => "no connection",
            ErrorKind::Lost => "the connection broke",
            ErrorKind::Throttled => "the service is throttling",
            ErrorKind::Unavailable => "the service is not available",
            ErrorKind::Conflict => "the item is being changed by somebody else",
            ErrorKind::NotFound => "the item is not there yet",
            ErrorKind::Range => "the session has to be replaced",
            ErrorKind::Intermediary => "a page came instead of the service's answer",
            _ => "the service's answer made no sense",
        };
        self.tell(Event::Waiting {
            delay,
            reason: reason.to_owned(),
            attempt,
            max,
        });
        tokio::time::sleep(delay).await;
    }
}
