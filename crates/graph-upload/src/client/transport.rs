//! One exchange with a server, its time limits, and its errors with every URL taken out. The only place that
//! sends requests: to Graph, to upload URLs, and for whoever signs in.
//!
//! What no client here ever does is in [`super::http_client`]; which proxy and which certificates count, in
//! [`super::proxy`] and [`super::trust`]. Plain http only goes to this computer and what is linked to it.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body::Body as _;
use reqwest::{
    Client, Method, Request, Response, Url,
    header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue},
};
use rustls::ClientConfig;

use super::{
    body::{Meter, MeteredBody},
    decode::Decoder,
    failure::{self, Tunnel, from_reqwest},
    http_client::{self, Way},
    proxy::{Proxies, Proxy},
    reply::Reply,
    request_log::{Attempts, RequestObserver, RequestRecord},
    trust::{CaFile, Roots, Trust},
};
use crate::{Error, ErrorKind, endpoint::is_loopback, redact};

/// How often the clock of an idle connection looks.
const TICK: Duration = Duration::from_millis(250);

/// Bytes a second below which a transfer counts as idle. A request body is handed over 64 KiB at a time, which
/// with the default of 60 s is the same rate; a modem of 1995 is faster.
pub const SLOWEST: u64 = 1_024;

/// How long requests may take.
#[derive(Debug, Clone)]
pub struct HttpTimeouts {
    /// For a connection, its TLS handshake included.
    pub connect: Duration,
    /// A request is given up when fewer than [`SLOWEST`] bytes a second moved for this long. An answer that is
    /// not content (a list, an item) must have come as a whole within it.
    pub idle: Duration,
    /// When the whole command ends.
    pub deadline: Option<Instant>,
}

impl Default for HttpTimeouts {
    fn default() -> Self {
        HttpTimeouts {
            connect: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            deadline: None,
        }
    }
}

/// How requests are sent, whoever they go to.
#[derive(Debug, Clone, Default)]
pub struct HttpOptions {
    /// How long they may take.
    pub timeouts: HttpTimeouts,
    /// Which certificates are trusted.
    pub trust: Trust,
    /// Through which proxy.
    pub proxies: Proxies,
    /// Who is told of each of them.
    pub observer: Option<Arc<dyn RequestObserver>>,
}

/// Sends requests. Holds no credential, so that several clients can share one.
#[derive(Debug)]
pub struct Transport {
    options: HttpOptions,
    roots: Roots,
    /// Made at first use: reading the platform's certificates takes 3 ms that `--help` need not pay.
    tls: Mutex<Option<ClientConfig>>,
    /// One for each way: none, this computer, or a proxy by its name. Each keeps its connections.
    clients: Mutex<HashMap<String, Client>>,
    /// The proxy to each host that was asked for.
    routes: Mutex<HashMap<String, Option<Proxy>>>,
    attempts: Mutex<Attempts>,
}

/// A request before it is sent. The URL is kept out of every error and every `Debug`.
pub struct HttpRequest<'a> {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: &'a str,
    /// Headers besides those of every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Option<Bytes>,
    /// Counts what moves.
    pub meter: &'a Meter,
    /// Whether the URL is a secret, and not even its path is told.
    pub secret: bool,
    /// Whether plain http is allowed although the host is not this computer: the platform that it runs on.
    pub near: bool,
}

/// What moved, for the record.
#[derive(Default)]
struct Traffic {
    sent: u64,
    received: u64,
}

/// A request that has begun.
struct Begun {
    record: RequestRecord,
    /// Of its body.
    length: u64,
    /// Under which its tries are counted.
    key: u64,
    at: Instant,
}

impl Transport {
    /// A transport with these options; reads the CA files now, so that a wrong one is told at once.
    pub fn new(options: HttpOptions) -> Result<Self, CaFile> {
        let roots = Roots::read(&options.trust)?;
        Ok(Transport {
            options,
            roots,
            tls: Mutex::default(),
            clients: Mutex::default(),
            routes: Mutex::default(),
            attempts: Mutex::default(),
        })
    }

    /// Forgets open connections: Microsoft asks for a new one after a 503, and after one that broke the others
    /// are no better.
    pub fn reconnect(&self) {
        locked(&self.clients).clear();
    }

    /// Sends a request and reads the answer, of its body at most `cap` bytes.
    pub async fn exchange(&self, request: HttpRequest<'_>, cap: usize) -> Result<Reply, Error> {
        let (begun, meter) = (self.begin(&request), request.meter.clone());
        let mut traffic = Traffic::default();
        let work = async {
            let response = self.send(request, &mut traffic).await?;
            // An answer that drips for ever moves bytes for ever: it has the limit in all.
            let finish = read(response, &meter, cap, &mut traffic);
            match tokio::time::timeout(self.options.timeouts.idle, finish).await {
                Ok(reply) => reply,
                Err(_) => Err(Error::local(
                    ErrorKind::Lost,
                    "the answer did not end in time",
                )),
            }
        };
        let result = self.guarded(work, &meter).await;
        self.end(begun, result, traffic, &meter)
    }

    /// Sends a request and hands the answer's body to `sink` as it comes, until it has had enough,
    /// if the status is 200. Returns the reply with the first bytes of the body when it is another.
    pub async fn download(
        &self,
        request: HttpRequest<'_>,
        sink: impl FnMut(&[u8]) -> ControlFlow<()> + Send,
    ) -> Result<Reply, Error> {
        let (begun, meter) = (self.begin(&request), request.meter.clone());
        let mut traffic = Traffic::default();
        let work = async {
            let response = self.send(request, &mut traffic).await?;
            match response.status().as_u16() {
                200 => pour(response, &meter, sink, &mut traffic).await,
                _ => read(response, &meter, 64 * 1024, &mut traffic).await,
            }
        };
        let result = self.guarded(work, &meter).await;
        self.end(begun, result, traffic, &meter)
    }

    /// Begins the record of a request.
    fn begin(&self, request: &HttpRequest<'_>) -> Begun {
        let header = |wanted: &str| {
            let found = request.headers.iter().find(|(name, _)| name == wanted);
            found.and_then(|(_, value)| Some(value.to_str().ok()?.to_owned()))
        };
        let range = header(CONTENT_RANGE.as_str());
        let key = (request.method.as_str(), request.url, range);
        let (key, attempt) = locked(&self.attempts).begin(&key);
        request.meter.reset();
        Begun {
            record: record(request, attempt, header("client-request-id")),
            length: request.body.as_ref().map_or(0, Bytes::len) as u64,
            key,
            at: Instant::now(),
        }
    }

    /// Ends it, and tells the observer.
    fn end(
        &self,
        begun: Begun,
        result: Result<Reply, Error>,
        mut traffic: Traffic,
        meter: &Meter,
    ) -> Result<Reply, Error> {
        let Begun {
            mut record, key, ..
        } = begun;
        let result = result.map_err(|mut error| {
            let id = &record.client_request_id;
            error.client_request_id = error.client_request_id.or_else(|| id.clone());
            error
        });
        match &result {
            Ok(reply) => {
                record.status = Some(reply.status);
                let id = reply.header("request-id");
                record.request_id = id.map(|id| redact::clean(id).into_owned());
                if reply.status < 400 {
                    locked(&self.attempts).over(key);
                }
            }
            Err(error) => {
                record.error = Some(error.message.clone());
                if traffic.sent == 0 {
                    traffic.sent = meter.read().min(begun.length);
                }
                if error.kind == ErrorKind::Lost {
                    // The next try goes out on a new connection: this one may have been kept for too long.
                    self.reconnect();
                }
            }
        }
        if let Some(observer) = &self.options.observer {
            record.elapsed = begun.at.elapsed();
            (record.sent, record.received) = (traffic.sent, traffic.received);
            observer.request(&record);
        }
        result
    }

    async fn send(
        &self,
        outgoing: HttpRequest<'_>,
        traffic: &mut Traffic,
    ) -> Result<Response, Error> {
        let url = Url::parse(outgoing.url)
            .map_err(|_| Error::local(ErrorKind::Refused, "the address is not a URL"))?;
        let (client, proxy) = self.client(&url, outgoing.near)?;
        let mut request = Request::new(outgoing.method, url.clone());
        request
            .headers_mut()
            .extend(outgoing.headers.into_iter().map(|(k, v)| (Some(k), v)));
        let mut length = 0;
        match outgoing.body {
            Some(bytes) if !bytes.is_empty() => {
                let body = MeteredBody::new(bytes, outgoing.meter.clone());
                length = body.size_hint().exact().unwrap_or_default();
                request
                    .headers_mut()
                    .insert(CONTENT_LENGTH, HeaderValue::from(length));
                *request.body_mut() = Some(reqwest::Body::wrap(body));
            }
            Some(_) => {
                // IIS answers 411 to a POST that does not say that it is empty.
                request
                    .headers_mut()
                    .insert(CONTENT_LENGTH, HeaderValue::from(0));
            }
            None => {}
        }
        match client.execute(request).await {
            Ok(response) => {
                outgoing.meter.turn();
                traffic.sent = length;
                Ok(response)
            }
            Err(error) => Err(unsent(&error, &url, proxy.as_ref()).await),
        }
    }

    /// The client for a URL, and the proxy that it goes through.
    fn client(&self, url: &Url, near: bool) -> Result<(Client, Option<Proxy>), Error> {
        let near = near || is_loopback(url);
        let proxy = if near { None } else { self.proxy(url)? };
        let name = match &proxy {
            Some(proxy) => proxy.name(),
            None if near => "near".to_owned(),
            None => "direct".to_owned(),
        };
        let mut clients = locked(&self.clients);
        if let Some(client) = clients.get(&name) {
            return Ok((client.clone(), proxy));
        }
        let failed =
            |why: String| Error::local(ErrorKind::Certificate, format!("no TLS client: {why}"));
        let tls = self.tls().map_err(|error| failed(error.to_string()))?;
        let way = match &proxy {
            Some(proxy) => Way::Through(proxy),
            None if near => Way::Near,
            None => Way::Direct,
        };
        let limits = &self.options.timeouts;
        let client = http_client::client(&way, tls)
            .and_then(|builder| {
                builder
                    .connect_timeout(limits.connect.min(limits.idle))
                    .build()
            })
            .map_err(|error| failed(failure::innermost(&error)))?;
        clients.insert(name, client.clone());
        Ok((client, proxy))
    }

    fn proxy(&self, url: &Url) -> Result<Option<Proxy>, Error> {
        let host = url.host_str().unwrap_or_default();
        let mut routes = locked(&self.routes);
        if let Some(route) = routes.get(host) {
            return Ok(route.clone());
        }
        let route = self.options.proxies.to(url);
        let route = route.map_err(|why| Error::local(ErrorKind::Proxy, why.to_string()))?;
        routes.insert(host.to_owned(), route.clone());
        Ok(route)
    }

    /// The same for every client, so that sessions of TLS are resumed by the next one.
    fn tls(&self) -> Result<ClientConfig, rustls::Error> {
        let mut tls = locked(&self.tls);
        match &*tls {
            Some(config) => Ok(config.clone()),
            None => Ok(tls.insert(self.roots.config()?).clone()),
        }
    }

    /// Runs `work` under the idle limit and the command's deadline.
    async fn guarded<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
        meter: &Meter,
    ) -> Result<T, Error> {
        let limits = &self.options.timeouts;
        let enough = SLOWEST.saturating_mul(limits.idle.as_secs().max(1));
        let mut work = std::pin::pin!(work);
        let (mut moved, mut since) = (meter.position(), Instant::now());
        loop {
            tokio::select! {
                biased;
                result = &mut work => return result,
                () = tokio::time::sleep(TICK.min(limits.idle)) => {}
            }
            let now = Instant::now();
            if limits.deadline.is_some_and(|deadline| now >= deadline) {
                return Err(Error::local(
                    ErrorKind::Deadline,
                    "the time limit for the command is over",
                ));
            }
            let position = meter.position();
            if position.turns != moved.turns || position.bytes >= moved.bytes + enough {
                (moved, since) = (position, now);
            } else if now.duration_since(since) >= limits.idle {
                let seconds = limits.idle.as_secs();
                let what = match position.bytes == moved.bytes {
                    true => format!("no byte moved for {seconds} s"),
                    false => format!("fewer than 1 KiB a second moved for {seconds} s"),
                };
                return Err(Error::local(ErrorKind::Lost, what));
            }
        }
    }
}

/// How much of a download is kept, to tell a page by.
const LONGEST_BEGINNING: usize = 4 * 1024;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves what is in here as good as before.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(
    mut response: Response,
    meter: &Meter,
    cap: usize,
    traffic: &mut Traffic,
) -> Result<Reply, Error> {
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut decoder = Decoder::of(&headers)?;
    let mut body = Vec::new();
    let mut sink = |bytes: &[u8]| {
        let room = cap - body.len();
        body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        match body.len() == cap {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let mut ended = false;
    while let Some(chunk) = response.chunk().await.map_err(|e| from_reqwest(&e))? {
        meter.add(chunk.len());
        traffic.received += chunk.len() as u64;
        if decoder.feed(&chunk, &mut sink)?.is_break() {
            // Dropping the response closes the connection; the rest is never read.
            ended = true;
            break;
        }
    }
    if !ended {
        decoder.finish(&mut sink)?;
    }
    Ok(Reply {
        status,
        headers,
        body,
    })
}

/// Hands a body on as it comes, and keeps its beginning.
async fn pour(
    mut response: Response,
    meter: &Meter,
    mut sink: impl FnMut(&[u8]) -> ControlFlow<()>,
    traffic: &mut Traffic,
) -> Result<Reply, Error> {
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut decoder = Decoder::of(&headers)?;
    let (mut ended, mut body) = (false, Vec::new());
    let mut sink = |bytes: &[u8]| {
        let room = LONGEST_BEGINNING - body.len();
        body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        sink(bytes)
    };
    while let Some(chunk) = response.chunk().await.map_err(|e| from_reqwest(&e))? {
        meter.add(chunk.len());
        traffic.received += chunk.len() as u64;
        if decoder.feed(&chunk, &mut sink)?.is_break() {
            // Dropping the response closes the connection; the rest is never read.
            ended = true;
            break;
        }
    }
    if !ended {
        decoder.finish(&mut sink)?;
    }
    Ok(Reply {
        status,
        headers,
        body,
    })
}

/// The error of a request that got no answer.
async fn unsent(error: &reqwest::Error, url: &Url, proxy: Option<&Proxy>) -> Error {
    let host = url.host_str().unwrap_or_default();
    if let (Some(proxy), Some(tunnel)) = (proxy, failure::tunnel(error)) {
        return refused_by(proxy, tunnel, host, url.port_or_known_default()).await;
    }
    let mut error = from_reqwest(error);
    if matches!(error.kind, ErrorKind::Connect | ErrorKind::Certificate) {
        let through = proxy.map(|proxy| format!(" through the proxy `{}`", proxy.name()));
        error.message = format!(
            "cannot connect to `{host}`{}: {}",
            through.unwrap_or_default(),
            error.message
        );
    }
    error
}

/// The error of a request for which the proxy would not connect.
async fn refused_by(proxy: &Proxy, tunnel: Tunnel, host: &str, port: Option<u16>) -> Error {
    let name = proxy.name();
    if tunnel == Tunnel::WantsPassword {
        let what = match proxy.has_password() {
            true => "does not take the user name and password that it is given",
            false => "wants a user name and password",
        };
        return Error::local(ErrorKind::Proxy, format!("the proxy `{name}` {what}"));
    }
    let refusal = proxy.refusal(host, port.unwrap_or(443)).await;
    let temporary = refusal
        .as_ref()
        .is_some_and(|refused| refused.is_temporary());
    let details = match refusal {
        Some(refused) => match refused.title {
            Some(title) => format!(" (status {}, `{title}`)", refused.status),
            None => format!(" (status {})", refused.status),
        },
        None => String::new(),
    };
    match temporary {
        true => Error::local(
            ErrorKind::Connect,
            format!("the proxy `{name}` cannot reach `{host}`{details}"),
        ),
        false => Error::local(
            ErrorKind::Proxy,
            format!("the proxy `{name}` refuses to connect to `{host}`{details}"),
        ),
    }
}

/// The record of a request that begins.
fn record(request: &HttpRequest<'_>, attempt: u32, id: Option<String>) -> RequestRecord {
    let url = Url::parse(request.url).ok();
    let host = url.as_ref().map(|url| match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    });
    let path = match (&url, request.secret) {
        (Some(url), false) => redact::clean(url.path()).into_owned(),
        _ => "/…".to_owned(),
    };
    RequestRecord {
        time: jiff::Timestamp::now(),
        method: request.method.to_string(),
        host: host.unwrap_or_default(),
        path,
        status: None,
        elapsed: Duration::ZERO,
        sent: 0,
        received: 0,
        request_id: None,
        client_request_id: id,
        attempt,
        error: None,
    }
}

/// The content type of JSON requests.
pub(crate) fn json() -> (HeaderName, HeaderValue) {
    (CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

#[cfg(test)]
mod tests;
