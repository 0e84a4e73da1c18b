//! What a command works with: settings, printer, and what is made of them when needed.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::HashSet,
    mem,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::file_results::FileResults;
use crate::{
    auth::{self, Provider, Tokens},
    graph::{GraphClient, Transport, UploadClient},
    report::{self, ExitReport},
    session::{DirError, LoadError, Lock, LockError, SessionId, Store},
    settings::{Settings, endpoint::is_loopback},
    terminal::{Printer, Reporter},
    upload::{self, Account, LAG, MAX_RETRIES, VOLUME_LIMIT, VOLUME_WINDOW},
    values,
};

/// How often a lock that another process has is tried for.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// More than long enough for whoever only looks whether a lock is held.
const GLANCE: Duration = Duration::from_millis(20);

/// One command's surroundings.
pub(crate) struct CommandContext {
    pub(crate) settings: Settings,
    pub(crate) printer: Printer,
    /// When the command started; its deadline counts from here.
    pub(crate) started: Instant,
    /// Who shows the upload under way: asked where it stands when a signal comes.
    pub(crate) reporter: RefCell<Option<Rc<Reporter>>>,
    /// The files that the command is about: asked what is left when a signal comes.
    pub(crate) results: RefCell<Option<Rc<FileResults>>>,
    store: OnceCell<report::Result<Store>>,
    /// The command that continues after a signal, where it is this one again.
    pub(crate) again: RefCell<Option<report::Hint>>,
    /// Whether the user was told that sessions cannot be kept.
    pub(crate) warned: AtomicBool,
    /// Whether the user was told that there can be no locks.
    warned_of_lock: Cell<bool>,
    /// What the user was told of the token's source.
    told: RefCell<HashSet<String>>,
    /// The source of the tokens in use.
    tokens: Rc<RefCell<Option<Arc<Tokens>>>>,
}

impl CommandContext {
    pub(crate) fn new(settings: Settings, printer: Printer) -> Self {
        CommandContext {
            settings,
            printer,
            started: Instant::now(),
            reporter: RefCell::default(),
            results: RefCell::default(),
            again: RefCell::default(),
            store: OnceCell::new(),
            warned: AtomicBool::default(),
            warned_of_lock: Cell::default(),
            told: RefCell::default(),
            tokens: Rc::default(),
        }
    }

    /// The state directory, opened once.
    fn open_store(&self) -> &report::Result<Store> {
        self.store.get_or_init(|| match &self.settings.state_dir {
            Ok(dir) => Ok(Store::open(&dir.value)?),
            Err(_) => Err(DirError::Nowhere.into()),
        })
    }

    /// The state directory, for a command that is about it.
    pub(crate) fn store(&self) -> report::Result<&Store> {
        self.open_store().as_ref().map_err(Clone::clone)
    }

    /// The state directory, for a command that can do without; why it must is said when the item is
    /// locked.
    pub(crate) fn store_if_any(&self, required: bool) -> report::Result<Option<&Store>> {
        match required {
            true => self.store().map(Some),
            false => Ok(self.open_store().as_ref().ok()),
        }
    }

    /// Why there is no state directory.
    pub(super) fn state_error(&self) -> Option<&report::ExitReport> {
        self.open_store().as_ref().err()
    }

    /// What to do without when the state directory failed, unless it is required: says so once.
    /// Another process at work is not a failure of the directory.
    pub(crate) fn or_without<T>(
        &self,
        result: report::Result<T>,
        required: bool,
    ) -> report::Result<Option<T>> {
        match result {
            Err(error) if !required && error.is_about_state_directory() => {
                self.warn_of_state(&error);
                Ok(None)
            }
            result => result.map(Some),
        }
    }

    pub(super) fn warn_of_state(&self, error: &dyn std::fmt::Display) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            self.printer.warn(&format!(
                "{error}; uploads continue, but cannot be resumed if they are interrupted"
            ));
        }
    }

    /// Says once what it means that nothing can be locked anywhere.
    pub(super) fn warn_of_no_lock(&self, error: &dyn std::fmt::Display, uploads: bool) {
        const TWICE: &str = "two commands at once on the same item may attach twice";
        if self.warned_of_lock.replace(true) {
            return;
        }
        if uploads && !self.warned.swap(true, Ordering::Relaxed) {
            self.printer.warn(&format!(
                "{error}; uploads continue, but cannot be resumed if they are interrupted, and {TWICE}"
            ));
        } else {
            self.printer
                .warn(&format!("nothing can be locked ({error}): {TWICE}"));
        }
    }

    /// Tells of state files that cannot be read.
    pub(crate) fn records(&self, store: &Store) -> report::Result<Vec<crate::session::Record>> {
        Ok(self.usable(store.inventory()?))
    }

    fn usable(&self, inventory: crate::session::SessionList) -> Vec<crate::session::Record> {
        for (path, why) in inventory.unreadable {
            self.printer.warn(&format!(
                "the state file `{}` is not used: {why}",
                path.display()
            ));
        }
        inventory.records
    }

    /// The same, unless a newer version of this program keeps records there: what they are about, and whether
    /// it is under way, this one cannot know.
    pub(crate) fn records_to_work_on(
        &self,
        store: &Store,
    ) -> report::Result<Vec<crate::session::Record>> {
        let inventory = store.inventory()?;
        for (path, why) in &inventory.unreadable {
            if let LoadError::Newer(schema) = why {
                return Err(ExitReport::newer_record(path, *schema));
            }
        }
        Ok(self.usable(inventory))
    }

    /// Whose mailbox; none is the token's own.
    pub(crate) fn mailbox(&self) -> report::Result<Option<String>> {
        let mailbox = self.settings.mailbox.as_ref();
        let mailbox = mailbox.map(|mailbox| values::item_id(&mailbox.value));
        mailbox
            .transpose()
            .map_err(|why| ExitReport::usage(format!("that is not a valid mailbox: {why}")))
    }

    /// The two clients, on one transport.
    pub(crate) fn clients(&self) -> report::Result<Clients> {
        let mut options = self.settings.http.clone();
        if let Some(timeout) = &self.settings.timeout {
            options.timeouts.idle = timeout.value;
        }
        let deadline = self.settings.deadline.as_ref();
        options.timeouts.deadline = deadline.map(|deadline| self.started + deadline.value);
        let transport = Arc::new(Transport::new(options)?);
        Ok(Clients {
            transport,
            endpoint: self.settings.endpoint.value.clone(),
            tokens: Rc::clone(&self.tokens),
        })
    }

    /// Where the token comes from. An error here is for the first request that needs one.
    pub(crate) fn provider(&self) -> Result<Provider, auth::Error> {
        let provider = Provider::of(&self.settings)?;
        self.printer
            .detail(1, &format!("token from {}", provider.origin()));
        for ignored in provider.ignored() {
            self.printer
                .detail(1, &format!("{ignored} is set too, and ignored"));
        }
        Ok(provider)
    }

    /// Renews the token, if it would end during an upload of this many bytes.
    pub(crate) async fn prepare_token(&self, bytes: u64) {
        let tokens = self.tokens.borrow().clone();
        if let Some(tokens) = tokens {
            tokens.prepare(bytes).await;
        }
    }

    /// Says what a person should know about where the token came from.
    pub(crate) async fn warn_of_token(&self) {
        let Some(tokens) = self.tokens.borrow().clone() else {
            return;
        };
        for note in tokens.take_notes().await {
            // `resume` asks anew for every session.
            if self.told.borrow_mut().insert(note.clone()) {
                self.printer.warn(&note);
            }
        }
    }

    /// How often, and how long, an upload is tried.
    pub(crate) fn limits(&self, chunk: u64) -> upload::Limits {
        let Settings {
            max_retries,
            deadline,
            ..
        } = &self.settings;
        upload::Limits {
            max_retries: max_retries
                .as_ref()
                .map_or(MAX_RETRIES, |retries| retries.value),
            deadline: deadline.as_ref().map(|deadline| deadline.value),
            chunk,
            lag: self.settings.lag.unwrap_or(LAG),
        }
    }

    /// An account of bytes for one mailbox, as Exchange Online keeps one. A stand-in on this
    /// computer does not, unless the user says so. Shared with other processes through `store`.
    pub(crate) fn account(
        &self,
        store: Option<&Store>,
        endpoint: &str,
        mailbox: Option<&str>,
    ) -> Account {
        let limit = match &self.settings.volume_limit {
            Some(limit) => limit.value.into(),
            None if is_loopback(&self.settings.endpoint.value) => 0,
            None => VOLUME_LIMIT,
        };
        let shared = store.filter(|_| limit > 0);
        let ledger = shared.map(|store| store.ledger(endpoint, mailbox, VOLUME_WINDOW));
        Account::new(limit, ledger)
    }

    /// A reporter for so many files, which a signal can ask.
    pub(crate) fn report_on(&self, files: usize) -> Rc<Reporter> {
        let reporter = Rc::new(Reporter::new(&self.printer, files));
        *self.reporter.borrow_mut() = Some(Rc::clone(&reporter));
        reporter
    }

    /// Locks a session, waiting for whoever has it if `--wait` says so.
    pub(crate) async fn lock_session(
        &self,
        store: &Store,
        id: SessionId,
        wait: Option<Duration>,
    ) -> report::Result<Lock> {
        self.lock(|| store.lock_session(id), &format!("session {id}"), wait)
            .await
    }

    async fn lock(
        &self,
        take: impl Fn() -> Result<Lock, LockError>,
        what: &str,
        wait: Option<Duration>,
    ) -> report::Result<Lock> {
        let until = wait.map(|wait| Instant::now() + wait);
        let (mut glanced, mut told) = (false, false);
        loop {
            match take() {
                // `status` takes a lock for an instant, to see whether somebody has it.
                Err(LockError::Held { .. }) if !mem::replace(&mut glanced, true) => {
                    tokio::time::sleep(GLANCE).await;
                }
                Err(LockError::Held { pid })
                    if until.is_none_or(|until| Instant::now() >= until) =>
                {
                    return Err(ExitReport::busy(what, pid));
                }
                Err(LockError::Held { .. }) => {
                    if !mem::replace(&mut told, true) {
                        self.printer
                            .note(&format!("{what} is in use by another process; waiting"));
                    }
                    tokio::time::sleep(LOCK_POLL).await;
                }
                result => return Ok(result?),
            }
        }
    }
}

/// Makes the clients: the one for upload URLs needs no token, and never sees one.
pub(crate) struct Clients {
    transport: Arc<Transport>,
    endpoint: url::Url,
    tokens: Rc<RefCell<Option<Arc<Tokens>>>>,
}

impl Clients {
    pub(crate) fn uploads(&self) -> UploadClient {
        UploadClient::new(Arc::clone(&self.transport))
    }

    pub(crate) fn graph(&self, tokens: Result<Provider, auth::Error>) -> GraphClient {
        let tokens = Arc::new(Tokens::new(tokens));
        *self.tokens.borrow_mut() = Some(Arc::clone(&tokens));
        GraphClient::new(Arc::clone(&self.transport), self.endpoint.clone(), tokens)
    }
}
