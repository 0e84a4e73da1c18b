//! The library's front door: an [`Uploader`] attaches files, each with a future and a handle.
//!
//! It puts together what the rooms offer: two clients, the store, the locks and the pace of each mailbox.
//! Whoever needs more (prompts, many files of one command, pipes) uses [`engine`](crate::engine) directly,
//! as the command line does.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, watch};
use url::Url;

use crate::{
    Attachment, Error, Item, Route,
    client::{CaFile, GraphClient, HttpOptions, TokenProvider, Transport, UploadClient},
    digest::Digest,
    endpoint::is_loopback,
    engine::{
        self, Cause, Earlier, Event, Failure, Http, Job, MailboxPacer, Observe, Owned, Services,
        Source, SourceError, VOLUME_LIMIT, VOLUME_WINDOW,
    },
    protocol::{
        backoff::MAX_RETRIES,
        doubt::LAG,
        plan::{CHUNK, LARGEST_CHUNK},
        step::Limits,
    },
    store::{
        DirError, ItemKey, ItemLock, Lock, LockError, LockPlaces, Record, Sameness, SessionId,
        State, Store,
    },
};

/// Microsoft Graph for everybody: the public cloud, version 1.0.
pub const PUBLIC_ENDPOINT: &str = "https://graph.microsoft.com/v1.0";

/// Attaches files to Outlook messages and events. Cheap to clone.
#[derive(Clone)]
pub struct Uploader(Arc<Parts>);

struct Parts {
    transport: Arc<Transport>,
    tokens: Arc<dyn TokenProvider>,
    endpoint: Url,
    store: Option<Store>,
    max_retries: u32,
    chunk: u64,
    /// What went to each mailbox lately.
    pacers: Mutex<HashMap<Option<String>, Arc<MailboxPacer>>>,
}

impl fmt::Debug for Uploader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploader")
            .field("endpoint", &self.0.endpoint.as_str())
            .finish_non_exhaustive()
    }
}

/// Makes an [`Uploader`].
pub struct UploaderBuilder {
    tokens: Arc<dyn TokenProvider>,
    endpoint: String,
    state_dir: Option<PathBuf>,
    http: HttpOptions,
    max_retries: u32,
    chunk: u64,
}

/// An [`Uploader`] could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The endpoint is not a URL.
    #[error("the endpoint is not a valid URL: {0}")]
    Endpoint(url::ParseError),
    /// Plain http is for this computer only.
    #[error("the endpoint must begin with `https://`")]
    PlainHttp,
    /// The CA file cannot be used.
    #[error(transparent)]
    CaFile(#[from] CaFile),
    /// The state directory cannot be used.
    #[error(transparent)]
    StateDirectory(#[from] DirError),
}

impl UploaderBuilder {
    /// Base URL of Graph, with version [default: [`PUBLIC_ENDPOINT`]].
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into();
        self
    }

    /// Where unfinished uploads are kept, so that they resume when the process has died; made if it is
    /// missing, for this user alone. Without one nothing is kept and nothing is locked.
    #[must_use]
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(path.into());
        self
    }

    /// Certificates to trust beside the platform's, as a PEM file.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.http.trust.ca_file = Some(path.into());
        self
    }

    /// How requests are sent: proxies, certificates, times, and who is told of each.
    #[must_use]
    pub fn http(mut self, options: HttpOptions) -> Self {
        self.http = options;
        self
    }

    /// After how long without a byte moving a request is given up [default: 60 s].
    #[must_use]
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.http.timeouts.idle = limit;
        self
    }

    /// Failures in a row, without progress, that are followed by another try [default: 10].
    #[must_use]
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// Largest range in bytes, up to 4 MiB [default: 3,932,160].
    #[must_use]
    pub fn chunk_size(mut self, bytes: u64) -> Self {
        self.chunk = bytes.clamp(1, LARGEST_CHUNK);
        self
    }

    /// Makes it. Sends nothing.
    ///
    /// # Errors
    /// When the endpoint, the CA file or the state directory cannot be used.
    pub fn build(self) -> Result<Uploader, BuildError> {
        let endpoint = Url::parse(&self.endpoint).map_err(BuildError::Endpoint)?;
        if endpoint.scheme() != "https" && !(endpoint.scheme() == "http" && is_loopback(&endpoint))
        {
            return Err(BuildError::PlainHttp);
        }
        let transport = Transport::new(self.http)?;
        let store = self.state_dir.map(|path| Store::open(&path)).transpose()?;
        Ok(Uploader(Arc::new(Parts {
            transport: Arc::new(transport),
            tokens: self.tokens,
            endpoint,
            store,
            max_retries: self.max_retries,
            chunk: self.chunk,
            pacers: Mutex::default(),
        })))
    }
}

impl Uploader {
    /// A builder; `tokens` gives bearer tokens for Graph.
    pub fn builder(tokens: impl TokenProvider + 'static) -> UploaderBuilder {
        UploaderBuilder {
            tokens: Arc::new(tokens),
            endpoint: PUBLIC_ENDPOINT.to_owned(),
            state_dir: None,
            http: HttpOptions::default(),
            max_retries: MAX_RETRIES,
            chunk: CHUNK,
        }
    }

    /// Prepares to attach the file at `path` to `item`; nothing happens before [`Attach::start`].
    pub fn attach(&self, item: Item, path: impl Into<PathBuf>) -> Attach {
        Attach {
            uploader: self.clone(),
            item,
            path: path.into(),
            name: None,
            content_type: "application/octet-stream".to_owned(),
            content_id: None,
            verify: false,
            again: false,
        }
    }

    fn pacer(&self, mailbox: Option<&str>) -> Arc<MailboxPacer> {
        let parts = &self.0;
        let mut pacers = parts.pacers.lock().unwrap_or_else(PoisonError::into_inner);
        let mailbox = mailbox.map(str::to_lowercase);
        let pacer = pacers.entry(mailbox.clone()).or_insert_with(|| {
            // A stand-in on this computer keeps no account.
            let limit = if is_loopback(&parts.endpoint) {
                0
            } else {
                VOLUME_LIMIT
            };
            let store = parts.store.as_ref().filter(|_| limit > 0);
            let log = store.map(|store| {
                store.ledger(parts.endpoint.as_str(), mailbox.as_deref(), VOLUME_WINDOW)
            });
            Arc::new(MailboxPacer::new(limit, log))
        });
        Arc::clone(pacer)
    }
}

/// One file to attach to one item.
#[derive(Debug, Clone)]
#[must_use = "nothing is attached before `start`, and its future runs"]
pub struct Attach {
    uploader: Uploader,
    item: Item,
    path: PathBuf,
    name: Option<String>,
    content_type: String,
    content_id: Option<String>,
    verify: bool,
    again: bool,
}

impl Attach {
    /// The name that recipients see [default: the file's].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// MIME type [default: `application/octet-stream`].
    pub fn content_type(mut self, mime: impl Into<String>) -> Self {
        self.content_type = mime.into();
        self
    }

    /// Shows it inside an HTML body that refers to `cid:CONTENT_ID`.
    pub fn inline(mut self, content_id: impl Into<String>) -> Self {
        self.content_id = Some(content_id.into());
        self
    }

    /// Reads the attachment back and compares its SHA-256.
    pub fn verify(mut self) -> Self {
        self.verify = true;
        self
    }

    /// Attaches a second copy although the same content is there already.
    pub fn again(mut self) -> Self {
        self.again = true;
        self
    }

    /// The upload as a future that does all the work, and a handle to watch and to stop it.
    ///
    /// An upload of the same file to the same item that an earlier process left in the state directory is
    /// resumed. Dropping the future is as safe as killing the process.
    pub fn start(
        self,
    ) -> (
        impl Future<Output = Result<Attached, UploadError>> + Send + 'static,
        UploadHandle,
    ) {
        let (sender, progress) = watch::channel(Progress::default());
        let cancel = Arc::new(Notify::new());
        let handle = UploadHandle {
            progress,
            cancel: Arc::clone(&cancel),
        };
        let upload = async move {
            tokio::select! {
                biased;
                () = cancel.notified() => Err(UploadError::cancelled()),
                result = self.run(sender) => result,
            }
        };
        (upload, handle)
    }

    async fn run(self, sender: watch::Sender<Progress>) -> Result<Attached, UploadError> {
        let parts = &*self.uploader.0;
        let source = Source::open(&self.path)?;
        let attachment = Attachment {
            name: self.name.clone().unwrap_or_else(|| file_name(&self.path)),
            content_type: self.content_type.clone(),
            is_inline: self.content_id.is_some(),
            content_id: self.content_id.clone(),
        };
        let endpoint = parts.endpoint.as_str();
        let item_lock = match &parts.store {
            Some(store) => {
                let places = LockPlaces::new([store.dir().to_owned()]);
                let key = ItemKey::new(endpoint, &self.item);
                Some(places.lock_item(&key, &self.item)?)
            }
            None => None,
        };
        let earlier = match &parts.store {
            Some(store) if !self.again => {
                earlier(store, endpoint, &self.item, &attachment, &source).await?
            }
            _ => Found::nothing(),
        };
        let graph = GraphClient::new(
            Arc::clone(&parts.transport),
            parts.endpoint.clone(),
            Arc::clone(&parts.tokens),
        );
        let uploads = UploadClient::new(Arc::clone(&parts.transport));
        let pacer = self.uploader.pacer(self.item.mailbox.as_deref());
        self.transfer(
            Clients {
                graph: &graph,
                uploads: &uploads,
                pacer: &pacer,
                item_lock: item_lock.as_ref(),
            },
            Job {
                item: self.item.clone(),
                attachment,
                source,
                again: self.again,
                is_empty: false,
                verify: self.verify,
                spool: None,
                earlier: earlier.earlier,
            },
            &Watched(sender),
        )
        .await
    }

    async fn transfer(
        &self,
        clients: Clients<'_>,
        job: Job,
        observer: &Watched,
    ) -> Result<Attached, UploadError> {
        let parts = &*self.uploader.0;
        let (warned, owned) = (AtomicBool::new(false), Owned::default());
        let services = Services {
            service: Http {
                graph: clients.graph,
                uploads: clients.uploads,
            },
            store: parts.store.as_ref(),
            require_state: false,
            warned: &warned,
            observer,
            endpoint: parts.endpoint.as_str(),
            limits: Limits {
                max_retries: parts.max_retries,
                deadline: None,
                chunk: parts.chunk,
                lag: LAG,
            },
            started: Instant::now(),
            volume: clients.pacer,
            owned: &owned,
            item_lock: clients.item_lock,
        };
        let outcome = engine::attach(&job, &services).await?;
        Ok(Attached {
            id: outcome.id,
            size: outcome.size,
            sha256: outcome.sha256,
            route: outcome.route,
            resumed: outcome.resumed,
            already: outcome.already,
            verified: outcome.verified,
            unsaved: warned.load(Ordering::Relaxed),
        })
    }
}

/// What one upload borrows.
struct Clients<'a> {
    graph: &'a GraphClient,
    uploads: &'a UploadClient,
    pacer: &'a MailboxPacer,
    item_lock: Option<&'a ItemLock>,
}

/// What an earlier process left, with the lock of the session that is resumed.
struct Found {
    earlier: Earlier,
    _lock: Option<Lock>,
}

impl Found {
    fn nothing() -> Self {
        Found {
            earlier: Earlier::Nothing,
            _lock: None,
        }
    }
}

/// What an earlier process left of this file on this item.
async fn earlier(
    store: &Store,
    endpoint: &str,
    item: &Item,
    attachment: &Attachment,
    source: &Source,
) -> Result<Found, UploadError> {
    let ours = ItemKey::new(endpoint, item);
    for record in store.inventory()?.records.into_iter().rev() {
        let theirs = ItemKey::new(&record.endpoint, &record.item);
        if ours.compare(&theirs) != Sameness::Same
            || record.attachment != *attachment
            || record.pipe.is_some()
            || !has_content_of(source, &record).await
        {
            continue;
        }
        if record.state == State::Finished {
            if let (Some(attachment), Some(sha256)) = (record.attachment_id, record.sha256) {
                let earlier = Earlier::Finished {
                    attachment,
                    session: record.id,
                    sha256,
                };
                return Ok(Found {
                    earlier,
                    _lock: None,
                });
            }
            continue;
        }
        let lock = store.lock_session(record.id)?;
        // Read anew under the lock: another process may have finished it meanwhile.
        if let Some(now) = store.load(record.id)?
            && now.state == State::Unfinished
        {
            return Ok(Found {
                earlier: Earlier::Unfinished(Box::new(now)),
                _lock: Some(lock),
            });
        }
    }
    Ok(Found::nothing())
}

async fn has_content_of(source: &Source, record: &Record) -> bool {
    if record.size != source.size() {
        return false;
    }
    if record.stamp == source.stamp() {
        return true;
    }
    match (record.sha256, source.hash().await) {
        (Some(theirs), Ok(Ok(ours))) => ours.sha256 == theirs,
        _ => false,
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Watches and stops an upload.
#[derive(Debug, Clone)]
pub struct UploadHandle {
    progress: watch::Receiver<Progress>,
    cancel: Arc<Notify>,
}

impl UploadHandle {
    /// Where it stands now.
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Changes of [`progress`](Self::progress), for whoever wants to be woken.
    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Stops the upload: its future ends with [`UploadErrorKind::Cancelled`]. What was sent stays with the
    /// service, and the record in the state directory: the same upload started again resumes it.
    pub fn cancel(&self) {
        self.cancel.notify_one();
    }
}

/// Where an upload stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Size of the file in bytes; 0 until it is open.
    pub size: u64,
    /// Bytes that the service has acknowledged. It can go back, when a session has to be replaced.
    pub acknowledged: u64,
    /// Why the upload waits, while it does.
    pub waiting: Option<String>,
}

/// Turns the engine's events into the latest [`Progress`].
struct Watched(watch::Sender<Progress>);

impl Observe for Watched {
    fn observe(&self, event: &Event) {
        self.0.send_modify(|progress| match event {
            Event::Started { size, .. } => progress.size = *size,
            Event::Opened { offset, .. } | Event::Acknowledged { offset } => {
                (progress.acknowledged, progress.waiting) = (*offset, None);
            }
            Event::Waiting { reason, .. } => progress.waiting = Some(reason.clone()),
            Event::Restarting { .. } => progress.acknowledged = 0,
            _ => {}
        });
    }
}

/// The file is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attached {
    /// The attachment's id; `None` when the service would not say it, although the file is attached.
    pub id: Option<String>,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file, and so of the attachment.
    pub sha256: Digest,
    /// How it travelled.
    pub route: Route,
    /// Whether an earlier process had begun it.
    pub resumed: bool,
    /// Whether it had been attached before.
    pub already: bool,
    /// Whether it was read back and compared.
    pub verified: bool,
    /// Whether the state directory failed meanwhile, so that it could not have been resumed.
    pub unsaved: bool,
}

/// The file is not attached, or not certainly.
#[derive(Debug)]
#[non_exhaustive]
pub struct UploadError {
    /// What kind of failure it is.
    pub kind: UploadErrorKind,
    /// Whether the file may be attached all the same; starting the upload again looks first.
    pub in_doubt: bool,
    /// The last error of the service or the network, where there was one.
    pub service: Option<Box<Error>>,
    /// The session in the state directory that the same upload, started again, resumes.
    pub session: Option<SessionId>,
    /// In words.
    message: String,
}

/// What kind of failure it is, and so what may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadErrorKind {
    /// Network, throttling, an unavailable service: later it may work.
    Temporary,
    /// No token could be had, or the service does not take it.
    Credentials,
    /// The item is not there.
    NotFound,
    /// The service or a limit refuses, and will again.
    Refused,
    /// The file is missing, unreadable, too large, or changed while it was uploaded.
    File,
    /// The state directory cannot be used, or another process works on the same item.
    State,
    /// The service contradicted itself, or what was read back is not the file.
    Contradiction,
    /// It was stopped by its handle.
    Cancelled,
}

impl UploadError {
    fn new(kind: UploadErrorKind, message: impl fmt::Display) -> Self {
        UploadError {
            kind,
            in_doubt: false,
            service: None,
            session: None,
            message: message.to_string(),
        }
    }

    fn cancelled() -> Self {
        UploadError {
            // The request under way may have been carried out.
            in_doubt: true,
            ..UploadError::new(UploadErrorKind::Cancelled, "the upload was stopped")
        }
    }
}

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UploadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.service.as_ref().map(|error| &**error as _)
    }
}

impl From<Failure> for UploadError {
    fn from(failure: Failure) -> Self {
        use crate::ErrorKind;
        let service = failure.error.as_ref().map(|error| error.kind);
        let kind = match (&failure.cause, service) {
            (Cause::Source(_), _) => UploadErrorKind::File,
            (Cause::State(_) | Cause::Stuck(_) | Cause::Busy { .. }, _) => UploadErrorKind::State,
            (Cause::Contradiction(_) | Cause::Twice(_) | Cause::Mismatch { .. }, _) => {
                UploadErrorKind::Contradiction
            }
            (Cause::Refused, Some(kind)) => match kind {
                ErrorKind::Auth | ErrorKind::Unauthorized | ErrorKind::Forbidden => {
                    UploadErrorKind::Credentials
                }
                ErrorKind::NotFound | ErrorKind::MalformedId => UploadErrorKind::NotFound,
                ErrorKind::Contradiction => UploadErrorKind::Contradiction,
                kind if kind.temporary() => UploadErrorKind::Temporary,
                _ => UploadErrorKind::Refused,
            },
            (Cause::Refused, None) => UploadErrorKind::Refused,
            _ => UploadErrorKind::Temporary,
        };
        UploadError {
            in_doubt: failure.in_doubt,
            session: failure.session,
            service: failure.error.map(Box::new),
            ..UploadError::new(kind, failure.cause)
        }
    }
}

impl From<SourceError> for UploadError {
    fn from(error: SourceError) -> Self {
        UploadError::new(UploadErrorKind::File, error)
    }
}

impl From<LockError> for UploadError {
    fn from(error: LockError) -> Self {
        UploadError::new(UploadErrorKind::State, error)
    }
}

impl From<DirError> for UploadError {
    fn from(error: DirError) -> Self {
        UploadError::new(UploadErrorKind::State, error)
    }
}
