//! One exchange with a server of the service, its time limits, and its errors with every URL taken out.
//!
//! No decompression; all else that is never done is in [`super::http_client`]. Plain http only ever goes to this
//! computer.

use std::{
    ops::ControlFlow,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body::Body as _;
use reqwest::{
    Method, Request, Response, Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};

use super::{
    body::{Meter, MeteredBody},
    http_client::{self, CaFile, Roots, innermost},
    retry_after,
};
use crate::{AnswerOrigin, Error, ErrorKind, Host, Page, endpoint::is_loopback, redact};

/// How long a TCP and TLS handshake may take.
const CONNECT: Duration = Duration::from_secs(30);

/// How often the stall clock looks.
const TICK: Duration = Duration::from_millis(250);

/// How requests behave, the same for both clients.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A request is given up when no byte moved for this long.
    pub stall: Duration,
    /// When the whole command ends.
    pub deadline: Option<Instant>,
    /// Certificates to trust beside the platform's, as PEM.
    pub ca_file: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            stall: Duration::from_secs(60),
            deadline: None,
            ca_file: None,
        }
    }
}

/// Sends requests. Holds no credential, so that both clients can share one.
#[derive(Debug)]
pub struct Transport {
    limits: Limits,
    /// Trusted beside the platform's.
    roots: Roots,
    /// Through the proxy that the environment names, if any.
    proxied: Mutex<Option<reqwest::Client>>,
    /// For this computer.
    direct: Mutex<Option<reqwest::Client>>,
}

/// A request before it is sent. The URL is kept out of every error and every `Debug`.
pub struct HttpRequest<'a> {
    pub method: Method,
    pub url: &'a str,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Option<Bytes>,
    pub meter: &'a Meter,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    pub headers: HeaderMap,
    /// The body's beginning, up to the limit that was asked for.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What time it is where the answer comes from: a date in it is by that clock, not by ours.
    fn now(&self) -> jiff::Timestamp {
        let date = self.header("date").and_then(retry_after::date);
        date.unwrap_or_else(jiff::Timestamp::now)
    }

    /// Whether a header says that the service itself answered.
    fn is_identified(&self) -> bool {
        ["request-id", "x-ms-ags-diagnostic", "x-ms-diagnostics"]
            .iter()
            .any(|name| self.headers.contains_key(*name))
    }

    /// Whether a page came that is not the service's.
    pub fn is_page(&self) -> bool {
        !self.is_identified() && Page::read(&self.body).is_some()
    }

    /// The error that this answer is, unless it is a success.
    pub fn error(&self, host: Host) -> Error {
        let error = Error::answer(host, self.status, &self.body, self.is_identified());
        self.describe(error)
    }

    /// The error that a success is whose body is not what was asked for: a page of something in between, or
    /// an answer that was cut.
    pub fn unreadable(&self, message: String) -> Error {
        match Page::read(&self.body) {
            Some(page) if !self.is_identified() => self.describe(Error::page(self.status, &page)),
            _ => {
                let mut error = Error::contradiction(message);
                error.status = Some(self.status);
                error.origin = Some(AnswerOrigin::Service);
                self.describe(error)
            }
        }
    }

    /// Puts what the headers say into an error made of this answer.
    pub fn describe(&self, mut error: Error) -> Error {
        let clip = |text: &str| redact::clean(text).chars().take(512).collect::<String>();
        error.retry_after = self
            .header("retry-after")
            .and_then(|value| retry_after::parse(value, self.now()));
        if let Some(id) = self.header("request-id") {
            error.request_id = Some(clip(id));
        }
        error.diagnostics = self.header("x-ms-diagnostics").map(clip);
        error
    }
}

impl Transport {
    /// A transport with these limits; reads the CA file now, so that a wrong one is told at once.
    pub fn new(limits: Limits) -> Result<Self, CaFile> {
        let roots = Roots::read(limits.ca_file.as_deref())?;
        Ok(Transport {
            limits,
            roots,
            proxied: Mutex::default(),
            direct: Mutex::default(),
        })
    }

    /// Forgets open connections: Microsoft asks for a new one after a 503.
    pub fn reconnect(&self) {
        for client in [&self.proxied, &self.direct] {
            client.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// Made at first use: reading the platform's certificates takes 3 ms that `--help` need not pay.
    fn client(&self, url: &Url) -> Result<reqwest::Client, Error> {
        let local = is_loopback(url);
        let slot = if local { &self.direct } else { &self.proxied };
        // A panic elsewhere leaves a client that is as good as before.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let connect = CONNECT.min(self.limits.stall);
        let client = http_client::client(local, &self.roots, |builder| {
            builder.tcp_nodelay(true).connect_timeout(connect)
        });
        let client = client.map_err(|error| {
            Error::local(
                ErrorKind::Certificate,
                format!("no TLS client: {}", innermost(&error)),
            )
        })?;
        *slot = Some(client.clone());
        Ok(client)
    }

    /// Sends a request and reads the answer, of its body at most `cap` bytes.
    pub async fn exchange(&self, outgoing: HttpRequest<'_>, cap: usize) -> Result<Reply, Error> {
        let meter = outgoing.meter.clone();
        let id = outgoing
            .headers
            .iter()
            .find(|(name, _)| name == "client-request-id");
        let id = id
            .and_then(|(_, value)| value.to_str().ok())
            .map(str::to_owned);
        let whole = async {
            let response = self.send(outgoing).await?;
            let finish = self.read(response, &meter, cap);
            // A reply that drips for ever moves bytes for ever: it has the stall limit in all.
            match tokio::time::timeout(self.limits.stall, finish).await {
                Ok(reply) => reply,
                Err(_) => Err(Error::local(
                    ErrorKind::Lost,
                    "the answer did not end in time",
                )),
            }
        };
        self.guarded(whole, &meter).await.map_err(|mut error| {
            error.client_request_id = error.client_request_id.or(id);
            error
        })
    }

    /// Sends a request and hands the answer's body to `sink` as it comes, until it has had enough,
    /// if the status is 200. Returns the reply with the first bytes of the body when it is another.
    pub async fn download(
        &self,
        outgoing: HttpRequest<'_>,
        mut sink: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Reply, Error> {
        let meter = outgoing.meter.clone();
        let whole = async {
            let mut response = self.send(outgoing).await?;
            if response.status() != 200 {
                return self.read(response, &meter, 64 * 1024).await;
            }
            if response.headers().contains_key("content-encoding") {
                return Err(Error::contradiction("the content came compressed, unasked"));
            }
            let status = response.status().as_u16();
            let headers = std::mem::take(response.headers_mut());
            while let Some(chunk) = response.chunk().await.map_err(|e| from_reqwest(&e))? {
                meter.add(chunk.len());
                if sink(&chunk).is_break() {
                    // Dropping the response closes the connection; the rest is never read.
                    break;
                }
            }
            Ok(Reply {
                status,
                headers,
                body: Vec::new(),
            })
        };
        self.guarded(whole, &meter).await
    }

    async fn send(&self, outgoing: HttpRequest<'_>) -> Result<Response, Error> {
        let url = Url::parse(outgoing.url)
            .map_err(|_| Error::local(ErrorKind::Refused, "the address is not a URL"))?;
        let client = self.client(&url)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut request = Request::new(outgoing.method, url);
        outgoing.meter.reset();
        request
            .headers_mut()
            .extend(outgoing.headers.into_iter().map(|(k, v)| (Some(k), v)));
        match outgoing.body {
            Some(bytes) if !bytes.is_empty() => {
                let body = MeteredBody::new(bytes, outgoing.meter.clone());
                let length = body.size_hint().exact().unwrap_or_default();
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
        client.execute(request).await.map_err(|error| {
            let mut error = from_reqwest(&error);
            if matches!(error.kind, ErrorKind::Connect | ErrorKind::Certificate) {
                error.message = format!("cannot connect to `{host}`: {}", error.message);
            }
            error
        })
    }

    async fn read(
        &self,
        mut response: Response,
        meter: &Meter,
        cap: usize,
    ) -> Result<Reply, Error> {
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| from_reqwest(&e))? {
            meter.add(chunk.len());
            let room = cap - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == cap {
                // Dropping the response closes the connection; the rest is never read.
                break;
            }
        }
        Ok(Reply {
            status,
            headers,
            body,
        })
    }

    /// Runs `work` under the stall limit and the command's deadline.
    async fn guarded<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
        meter: &Meter,
    ) -> Result<T, Error> {
        let mut work = std::pin::pin!(work);
        let (mut moved, mut since) = (meter.read(), Instant::now());
        loop {
            tokio::select! {
                biased;
                result = &mut work => return result,
                () = tokio::time::sleep(TICK.min(self.limits.stall)) => {}
            }
            let now = Instant::now();
            if self.limits.deadline.is_some_and(|deadline| now >= deadline) {
                return Err(Error::local(
                    ErrorKind::Deadline,
                    "the time limit for the command is over",
                ));
            }
            let count = meter.read();
            if count != moved {
                (moved, since) = (count, now);
            } else if now.duration_since(since) >= self.limits.stall {
                let seconds = self.limits.stall.as_secs();
                return Err(Error::local(
                    ErrorKind::Lost,
                    format!("no byte moved for {seconds} s"),
                ));
            }
        }
    }
}

/// The content type of JSON requests.
pub(crate) fn json() -> (HeaderName, HeaderValue) {
    (CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

/// Sorts an error of reqwest. What it was about to connect to, or did, is in its text only as a
/// host name: `without_url` does not reach the errors below it, but those never hold a URL.
fn from_reqwest(error: &reqwest::Error) -> Error {
    let text = innermost(error);
    if error.is_builder() {
        return Error::local(ErrorKind::Refused, text);
    }
    if is_gibberish(error) {
        return Error::contradiction(format!("the answer is not HTTP: {text}"));
    }
    if !error.is_connect() {
        return Error::local(ErrorKind::Lost, format!("the connection broke: {text}"));
    }
    if is_certificate(error) {
        return Error::local(ErrorKind::Certificate, text);
    }
    let text = if error.is_timeout() {
        "it took too long".to_owned()
    } else {
        text
    };
    Error::local(ErrorKind::Connect, text)
}

/// Whether an answer came that cannot be read, such as headers without an end: unlike a connection
/// that breaks, that does not get better by itself.
fn is_gibberish(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return error.is_parse();
        }
        next = error.source();
    }
    false
}

/// Whether a certificate was what ended the handshake: trying again would not help.
fn is_certificate(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(|io| io.get_ref());
        let tls = error
            .downcast_ref::<rustls::Error>()
            .or_else(|| inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()));
        if let Some(tls) = tls {
            return matches!(tls, rustls::Error::InvalidCertificate(_));
        }
        next = error.source();
    }
    false
}
