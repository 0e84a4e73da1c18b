//! What every request of one stand-in shares, and the head of a request.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use hyper::{HeaderMap, Method, header};

use crate::{
    failure::Trace,
    faults::FaultPlan,
    log::{Host, Seen},
    model::store::Store,
    options::Options,
    throttle::Throttle,
};

/// The stand-in itself.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) token: String,
    /// Scheme, host and port of the Graph host.
    pub(crate) graph: String,
    /// The same for the upload host.
    pub(crate) upload: String,
    pub(crate) throttle: Throttle,
    store: Mutex<Store>,
    faults: Mutex<FaultPlan>,
    log: Mutex<Vec<Seen>>,
    open: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(options: Options, token: String, graph: String, upload: String) -> Self {
        let mut faults = FaultPlan::default();
        faults.add(options.faults.iter().cloned());
        Shared {
            options,
            token,
            graph,
            upload,
            throttle: Throttle::default(),
            store: Mutex::new(Store::new()),
            faults: Mutex::new(faults),
            log: Mutex::default(),
            open: AtomicUsize::new(0),
        }
    }

    /// Never held across a wait.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultPlan> {
        lock(&self.faults)
    }

    pub(crate) fn connections(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Vec<Seen>> {
        lock(&self.log)
    }
}

/// A connection, counted as long as this exists.
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

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) host: Host,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) trace: Trace,
    /// The session of this request is, or is born, over: a fault says so.
    pub(crate) expire: bool,
}

impl Head {
    pub(crate) fn new(host: Host, parts: &hyper::http::request::Parts) -> Self {
        let client = parts
            .headers
            .get("client-request-id")
            .and_then(|id| id.to_str().ok());
        Head {
            host,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.clone(),
            trace: Trace::new(client),
            expire: false,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Prefer: IdType="ImmutableId"`, quoted or not, beside other preferences or alone.
    pub(crate) fn wants_immutable_ids(&self) -> bool {
        self.headers
            .get_all("prefer")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| {
                value.split([',', ';']).any(|preference| {
                    preference.split_once('=').is_some_and(|(name, value)| {
                        name.trim().eq_ignore_ascii_case("IdType")
                            && value
                                .trim()
                                .trim_matches('"')
                                .eq_ignore_ascii_case("ImmutableId")
                    })
                })
            })
    }

    /// Whether the request says how long its body is, in the way that IIS insists on.
    pub(crate) fn has_length(&self) -> bool {
        self.headers.contains_key(header::CONTENT_LENGTH)
            || self.headers.contains_key(header::TRANSFER_ENCODING)
    }
}
