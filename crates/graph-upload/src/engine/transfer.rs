//! Executes the protocol's steps: the thin shell around the pure core.
//!
//! `range` is the content on its way, `guard` the lock that it needs, `session` what is around it, `look` what
//! the item holds, `end` how it ends.

mod end;
mod guard;
mod look;
mod range;
mod session;

use std::{
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};

use super::{
    checkpoint::CheckpointWriter,
    event::{Event, Observe},
    existing::{ExistingAttachments, Others, Owned},
    file::{Source, SourceError, Whole, joined},
    outcome::{Failure, Outcome},
    pacer::MailboxPacer,
    service::{Http, Service},
};
use crate::{
    Attachment, Error, ErrorKind, Item,
    client::Meter,
    digest::{Digest, Hasher},
    protocol::{
        Left, UploadProtocol,
        plan::Route,
        step::{Limits, Observation, Step},
    },
    store::{HashedOffset, ItemLock, Moment, Record, SessionId, Store},
};

/// How often the bytes in flight are told.
const SIGN_OF_LIFE: Duration = Duration::from_millis(100);

/// Why nothing is sent for a while, although nothing failed.
const SPARED: &str = "the mailbox takes 150 MB in 5 minutes";

/// How often the record says again that what attaches is under way. Whoever resumes a killed upload counts
/// from then; the request may have been on its way for long.
const STILL_IN_DOUBT: Duration = Duration::from_secs(2);

/// What an upload works with.
pub struct Services<'a, S = Http<'a>> {
    /// Both hosts.
    pub service: S,
    /// Where sessions are kept, if they can be.
    pub store: Option<&'a Store>,
    /// Whether not being able to keep them ends the upload.
    pub require_state: bool,
    /// Whether the user was told that they cannot: once is enough.
    pub warned: &'a AtomicBool,
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
    /// What other files of the command are attached as.
    pub owned: &'a Owned,
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

/// What came of a request.
enum Done<T> {
    /// It was answered, or failed.
    Answered(Result<T, Error>),
    /// It was not sent: the file is not what it was.
    FileChanged,
    /// It was not sent: the mailbox had to be spared for a while, in which anything may have happened.
    HeldBack,
    /// It was not sent: the mailbox would have to be spared for longer than there is time.
    OutOfTime,
}

pub(super) struct Transfer<'a, S> {
    services: &'a Services<'a, S>,
    job: &'a Job,
    checkpoint: CheckpointWriter<'a>,
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
    /// New attachments that are known to be other files.
    others: Others,
    /// Whether the user was told that nobody could look.
    unseen: bool,
    resumed: bool,
    /// Whether the item's lock was lost, and what that means was done.
    lock_lost: bool,
    /// Whether the request that attaches is only being prepared: what fails until it goes out leaves nothing
    /// in doubt.
    preparing: bool,
}

impl<'a, S: Service> Transfer<'a, S> {
    pub(super) fn new(services: &'a Services<'a, S>, job: &'a Job) -> Self {
        let record = match &job.earlier {
            Earlier::Unfinished(record) => Some((**record).clone()),
            _ => None,
        };
        let (size, limits) = (job.source.size(), services.limits);
        let protocol = match &record {
            // Nothing was done yet that could matter.
            Some(record) if !record.listed => UploadProtocol::new(size, record.route, limits),
            Some(record) => {
                let now = services.started.elapsed();
                UploadProtocol::resumed(size, record.route, &left(record, limits), limits, now)
            }
            None => UploadProtocol::new(size, Route::for_size(size), limits),
        };
        let protocol = match services.item_lock {
            Some(_) => protocol,
            None => protocol.unlocked(),
        };
        let before = record
            .as_ref()
            .map(|record| record.before.clone())
            .unwrap_or_default();
        let resumed = record.is_some();
        Transfer {
            services,
            job,
            checkpoint: CheckpointWriter::new(
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
            others: Others::new(),
            unseen: false,
            resumed,
            lock_lost: false,
            preparing: false,
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
                Step::Post => {
                    let posted = self.post().await?;
                    self.observe(posted, Observation::Posted)
                }
                Step::Put { range, last } => {
                    let put = self.put(range, last).await?;
                    self.observe(put, Observation::Put)
                }
                Step::QueryStatus => {
                    let status = Done::Answered(self.query_status().await);
                    self.observe(status, Observation::StatusAnswered)
                }
                Step::FindAttachment(search) => {
                    let seen = self.search(&search).await?;
                    let step = self.observe(seen, Observation::Searched);
                    self.tell_if_nobody_looked(&step);
                    step
                }
                Step::Wait {
                    delay,
                    why,
                    attempt,
                    most,
                } => {
                    self.wait(delay, why, (attempt, most)).await;
                    self.step(&Observation::Waited)
                }
                Step::WaitToLook { delay, age, of } => {
                    self.wait_to_look(delay, age, of).await;
                    self.step(&Observation::Waited)
                }
                Step::CancelSession { replacing } => {
                    self.cancel(replacing).await?;
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

    /// Reports what came of a request to the protocol, and keeps its error for the message at the end.
    fn observe<T>(
        &mut self,
        done: Done<T>,
        observation: impl FnOnce(Result<T, Error>) -> Observation,
    ) -> Step {
        let before = self.protocol.acknowledged();
        let step = match done {
            Done::Answered(Ok(value)) => self.step(&observation(Ok(value))),
            Done::Answered(Err(error)) => {
                let ids = error.request_id.as_deref().unwrap_or("none");
                self.tell(Event::Detail(format!("{error} (request id: {ids})")));
                if error.status == Some(503) {
                    self.services.service.reconnect();
                }
                let step = self.step(&observation(Err(error.clone())));
                self.error = Some(error);
                step
            }
            Done::FileChanged => self.step(&Observation::FileChanged),
            Done::HeldBack => self.step(&Observation::HeldBack),
            Done::OutOfTime => {
                let why = Error::local(ErrorKind::Deadline, SPARED);
                self.error = Some(why);
                self.step(&Observation::OutOfTime)
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

    /// The same, as far as it is known by now.
    fn content_digest(&self) -> Option<Digest> {
        match self.content {
            Content::Known(whole) => Some(whole.sha256),
            _ => None,
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

    async fn wait_to_look(&self, delay: Duration, age: Duration, of: Duration) {
        let (age, of) = (age.as_secs(), of.as_secs());
        self.tell(Event::Waiting {
            delay,
            reason: format!("answer lost; looking whether it was attached ({age} of {of} s)"),
            attempt: 0,
            max: 0,
        });
        tokio::time::sleep(delay).await;
    }
}

/// What a record says of the upload that it is of.
fn left(record: &Record, limits: Limits) -> Left {
    let lag = jiff::SignedDuration::try_from(limits.lag).unwrap_or_default();
    let over = jiff::Timestamp::now()
        .checked_sub(lag)
        .is_ok_and(|long_ago| record.expires.is_some_and(|expires| expires <= long_ago));
    Left {
        acked: record.acked.offset,
        sent: record.sent.offset,
        session: record.url.is_some(),
        expired: over,
        // The request may have been written down as under way a little before it ended.
        doubt: record
            .doubt
            .as_ref()
            .map(|since: &Moment| since.age().saturating_sub(STILL_IN_DOUBT)),
    }
}
