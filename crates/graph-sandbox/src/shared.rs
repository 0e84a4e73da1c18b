//! What every request of one stand-in shares.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    clock::Clock,
    faults::FaultPlan,
    log::Log,
    model::store::{self, Store},
    options::Options,
    random::Random,
    throttle::Throttle,
    tokens,
};

/// What a bearer token is good for.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) expires: Instant,
    /// Permissions, separated by blanks.
    pub(crate) scopes: String,
    /// Whether someone signed in; an application has no `/me`.
    pub(crate) user: bool,
}

/// The stand-in itself.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    /// The bearer token that is printed.
    pub(crate) token: String,
    /// Scheme, host and port of the Graph host.
    pub(crate) graph: String,
    /// The same for the upload host.
    pub(crate) upload: String,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) throttle: Throttle,
    seed: u64,
    store: Mutex<Store>,
    tokens: Mutex<HashMap<String, Grant>>,
    faults: Mutex<FaultPlan>,
    log: Mutex<Log>,
    open: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(options: Options, graph: String, upload: String) -> Self {
        let mut faults = FaultPlan::default();
        faults.add(options.faults.iter().cloned());
        let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
        let clock = Clock::default();
        let arena = store::arena(&options);
        let mut store = Store::new(seed, clock.clone(), arena, options.seed.is_some());
        let scopes = options
            .scopes
            .as_deref()
            .unwrap_or(tokens::ALL_SCOPES)
            .to_owned();
        let token = match &options.token {
            Some(token) => token.clone(),
            None => store.issue(options.token_ttl, &scopes, true),
        };
        let grant = Grant {
            expires: clock.now() + options.token_ttl,
            scopes,
            user: true,
        };
        Shared {
            tokens: Mutex::new(HashMap::from([(token.clone(), grant)])),
            token,
            graph,
            upload,
            random: Random::new(seed.wrapping_add(2)),
            throttle: Throttle::new(clock.clone()),
            clock,
            seed,
            store: Mutex::new(store),
            faults: Mutex::new(faults),
            log: Mutex::default(),
            open: AtomicUsize::new(0),
            options,
        }
    }

    /// Everything as at the start, ids too; the token stays good.
    pub(crate) fn reset(&self) {
        self.clock.reset();
        let mut store = self.store();
        let arena = store.arena.clone();
        *store = Store::new(
            self.seed,
            self.clock.clone(),
            arena,
            self.options.seed.is_some(),
        );
        // Its number among the tokens that are issued.
        if self.options.token.is_none() {
            let scopes = self
                .options
                .scopes
                .as_deref()
                .unwrap_or(tokens::ALL_SCOPES)
                .to_owned();
            store.issue(self.options.token_ttl, &scopes, true);
        }
        drop(store);
        let mut tokens = self.tokens();
        tokens.retain(|token, _| *token == self.token);
        for grant in tokens.values_mut() {
            grant.expires = self.clock.now() + self.options.token_ttl;
        }
        drop(tokens);
        let mut faults = self.faults();
        faults.clear();
        faults.add(self.options.faults.iter().cloned());
        drop(faults);
        self.throttle.reset();
        self.log().clear();
    }

    /// A token that was asked for while it runs.
    pub(crate) fn issue(&self, life: Duration, scopes: &str, user: bool) -> String {
        let token = self.store().issue(life, scopes, user);
        let grant = Grant {
            expires: self.clock.now() + life,
            scopes: scopes.to_owned(),
            user,
        };
        self.tokens().insert(token.clone(), grant);
        token
    }

    /// Never held across a wait.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, HashMap<String, Grant>> {
        lock(&self.tokens)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultPlan> {
        lock(&self.faults)
    }

    pub(crate) fn connections(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }
}

/// A connection, or work that outlives one, counted as long as this exists.
#[derive(Debug)]
pub(crate) struct Open(Arc<Shared>);

impl Open {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Open(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}
