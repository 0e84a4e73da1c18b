//! Where the browser comes back to (RFC 8252): `http://localhost` on a free port of this computer, for as
//! long as one login takes. What counts is a GET of `/` with an answer in its query; a favicon, another
//! path, another site's page under a name of its own (DNS rebinding) do not.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{HOST, HeaderMap},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

/// Ports to try: browsers take `localhost` for either of two addresses, and both must be ours.
const TRIES: u32 = 20;

/// How long one connection may last: the login service has half a minute to answer us meanwhile.
const CONNECTION: Duration = Duration::from_secs(60);

/// How long the last page may take to reach the browser.
const LAST_PAGE: Duration = Duration::from_secs(2);

/// A page that the browser ends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EndPage {
    pub(super) title: &'static str,
    pub(super) text: String,
}

/// An answer of the login page.
pub(super) struct Arrival {
    /// The query's parameters, decoded, in their order.
    pub(super) query: Vec<(String, String)>,
    page: oneshot::Sender<EndPage>,
    written: oneshot::Receiver<()>,
}

impl Arrival {
    /// Shows the browser how it ended, and waits until it has that, though not for long.
    pub(super) async fn end(self, page: EndPage) {
        if self.page.send(page).is_ok() {
            let _ = tokio::time::timeout(LAST_PAGE, self.written).await;
        }
    }
}

/// Listens for the browser; stops when it is dropped.
pub(super) struct Loopback {
    pub(super) port: u16,
    arrivals: mpsc::Receiver<Arrival>,
    _listening: JoinSet<()>,
}

impl Loopback {
    /// Takes a free port, on both of this computer's addresses as far as it has both.
    pub(super) async fn bind() -> io::Result<Self> {
        let mut failed = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            match Self::on(0).await {
                Ok(loopback) => return Ok(loopback),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// The same on a port; 0 is any.
    async fn on(port: u16) -> io::Result<Self> {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = v4.local_addr()?.port();
        let v6 = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(v6) => Some(v6),
            // Somebody else's answer to `localhost` on this port would be a sign-in lost, or taken.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            // This computer has no such address.
            Err(_) => None,
        };
        let (arrived, arrivals) = mpsc::channel(1);
        let mut listening = JoinSet::new();
        for listener in [Some(v4), v6].into_iter().flatten() {
            listening.spawn(accept(listener, port, arrived.clone()));
        }
        Ok(Loopback {
            port,
            arrivals,
            _listening: listening,
        })
    }

    /// The first answer. Whatever comes after it is told that it is too late.
    pub(super) async fn arrival(&mut self) -> Option<Arrival> {
        let first = self.arrivals.recv().await;
        self.arrivals.close();
        while self.arrivals.try_recv().is_ok() {}
        first
    }
}

async fn accept(listener: TcpListener, port: u16, arrived: mpsc::Sender<Arrival>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let serving = serve(stream, port, arrived.clone());
                    connections.spawn(async move {
                        let _ = tokio::time::timeout(CONNECTION, serving).await;
                    });
                }
                // Out of descriptors, perhaps: not for ever.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, port: u16, arrived: mpsc::Sender<Arrival>) {
    // Dropped with the connection: then the last page has been written.
    let (writing, written) = oneshot::channel::<()>();
    let written = std::sync::Mutex::new(Some(written));
    let service = service_fn(|request: Request<Incoming>| {
        let query = route(request.method(), request.uri(), request.headers(), port);
        let written = written.lock().ok().and_then(|mut slot| slot.take());
        let arrived = &arrived;
        async move {
            let response = match query {
                Err(status) => respond(
                    status,
                    &EndPage {
                        title: "Nothing here",
                        text: "graph-attach waits for a sign-in, and this is not one.".into(),
                    },
                ),
                Ok(query) => {
                    let page = answered(arrived, query, written).await;
                    respond(StatusCode::OK, &page)
                }
            };
            Ok::<_, Infallible>(response)
        }
    });
    let _ = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    drop(writing);
}

/// Hands an answer over, and waits for the page to show; the second answer finds nobody waiting.
async fn answered(
    arrived: &mpsc::Sender<Arrival>,
    query: Vec<(String, String)>,
    written: Option<oneshot::Receiver<()>>,
) -> EndPage {
    let late = || EndPage {
        title: "Already answered",
        text: "Another window has answered this sign-in. This one can be closed.".into(),
    };
    let (page, shown) = oneshot::channel();
    let Some(written) = written else {
        return late();
    };
    let arrival = Arrival {
        query,
        page,
        written,
    };
    if arrived.send(arrival).await.is_err() {
        return late();
    }
    shown.await.unwrap_or_else(|_| late())
}

/// The query of a request that counts; else the status that it gets. Pure.
fn route(
    method: &Method,
    uri: &hyper::Uri,
    headers: &HeaderMap,
    port: u16,
) -> Result<Vec<(String, String)>, StatusCode> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let ours = ["localhost", "127.0.0.1", "[::1]"];
    if !host.is_some_and(|host| {
        ours.iter()
            .any(|name| host.eq_ignore_ascii_case(&format!("{name}:{port}")))
    }) {
        return Err(StatusCode::FORBIDDEN);
    }
    if uri.path() != "/" {
        return Err(StatusCode::NOT_FOUND);
    }
    if method != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let query = uri.query().unwrap_or_default();
    let query: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let counts = |name: &str| matches!(name, "code" | "state" | "error");
    if query.iter().any(|(name, _)| counts(name)) {
        Ok(query)
    } else {
        Err(StatusCode::NOT_FOUND)
    }
}

fn respond(status: StatusCode, page: &EndPage) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(html(page))));
    *response.status_mut() = status;
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, hyper::header::HeaderValue::from_static(value));
    }
    response
}

fn html(page: &EndPage) -> String {
    let escaped: String = page
        .text
        .chars()
        .filter(|c| !c.is_control())
        .map(|c| match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            c => c.to_string(),
        })
        .collect();
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title} - graph-attach</title>\
         <meta name=viewport content=\"width=device-width\"><style>body{{font:1.1em/1.5 \
         sans-serif;max-width:34em;margin:4em auto;padding:0 1em}}</style>\
         <h1>{title}</h1><p>{escaped}</p></html>\n",
        title = page.title
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, uri: &str, host: Option<&str>) -> Result<usize, u16> {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(HOST, host.parse().unwrap());
        }
        route(
            &method.parse().unwrap(),
            &uri.parse().unwrap(),
            &headers,
            8000,
        )
        .map(|query| query.len())
        .map_err(|status| status.as_u16())
    }

    #[test]
    fn only_an_answer_to_the_sign_in_counts() {
        let here = Some("localhost:8000");
        assert_eq!(asked("GET", "/?code=a&state=b", here), Ok(2));
        assert_eq!(asked("GET", "/?error=x", Some("127.0.0.1:8000")), Ok(1));
        assert_eq!(asked("GET", "/?state=b&x=%26", Some("[::1]:8000")), Ok(2));
        for (method, uri, host, status) in [
            ("GET", "/favicon.ico", here, 404),
            ("GET", "/favicon.ico?code=a&state=b", here, 404),
            ("GET", "/", here, 404),
            ("GET", "/?utm=1", here, 404),
            ("POST", "/?code=a&state=b", here, 405),
            ("HEAD", "/?code=a&state=b", here, 405),
            ("GET", "/?code=a&state=b", Some("evil.example:8000"), 403),
            ("GET", "/?code=a&state=b", Some("localhost:8001"), 403),
            ("GET", "/?code=a&state=b", Some("localhost"), 403),
            ("GET", "/?code=a&state=b", None, 403),
        ] {
            assert_eq!(
                asked(method, uri, host),
                Err(status),
                "{method} {uri} {host:?}"
            );
        }
    }

    #[test]
    fn a_page_shows_text_as_text() {
        let page = EndPage {
            title: "Title",
            text: "<script>\"&\u{1b}".into(),
        };
        assert!(html(&page).contains("<p>&lt;script&gt;&quot;&amp;</p>"));
    }

    #[tokio::test]
    async fn a_port_that_is_taken_on_either_address_is_not_used() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(Loopback::on(port).await.is_err());
        if let Ok(taken) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await {
            let port = taken.local_addr().unwrap().port();
            assert!(Loopback::on(port).await.is_err());
        }
        assert_ne!(Loopback::bind().await.unwrap().port, port);
    }
}
