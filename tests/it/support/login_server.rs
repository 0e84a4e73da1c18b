//! A stand-in for Entra's login host and for the platform's metadata service: answers from a
//! script, remembers what it was asked.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Method, path and query.
    pub(crate) line: String,
    /// Header names in lower case, with values.
    pub(crate) headers: Vec<(String, String)>,
    /// The form, or the query of a GET.
    pub(crate) form: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.form
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Answer {
            status,
            headers: vec![("content-type", "application/json; charset=utf-8".into())],
            body: body.to_string(),
        }
    }

    pub(crate) fn html(status: u16) -> Self {
        Answer {
            status,
            headers: vec![("content-type", "text/html".into())],
            body: "<html><body>CANARY page</body></html>".into(),
        }
    }

    /// A page of the login host.
    pub(crate) fn page(title: &str, body: &str) -> Self {
        Answer {
            body: format!("<!doctype html><title>{title}</title>{body}"),
            ..Answer::html(200)
        }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::redirect_with(307, to)
    }

    pub(crate) fn redirect_with(status: u16, to: &str) -> Self {
        Answer {
            status,
            headers: vec![("location", to.into())],
            body: String::new(),
        }
    }

    /// An error as Entra writes it.
    pub(crate) fn error(error: &str, description: &str) -> Self {
        let body = json!({
            "error": error,
            "error_description": format!("{description}\r\nTrace ID: 0\r\nTimestamp: now"),
            "error_codes": [0], "timestamp": "2026-11-22 23:00:00Z", "trace_id": "0",
            "correlation_id": "0", "error_uri": "https://login.example/error",
        });
        Answer::json(400, &body)
    }

    /// The same answer, given at another time than ours.
    pub(crate) fn at(mut self, second: i64) -> Self {
        let time = jiff::Timestamp::from_second(second).unwrap();
        let date = time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        self.headers.push(("date", date));
        self
    }

    /// The 401 of a Graph host that wants more proved.
    pub(crate) fn challenge(claims: &str) -> Self {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let body = json!({"error": {
            "code": "InvalidAuthenticationToken", "message": "Continuous access evaluation",
        }});
        let mut answer = Answer::json(401, &body);
        let header = format!(
            "Bearer realm=\"\", authorization_uri=\"https://login.example/\", \
             error=\"insufficient_claims\", claims=\"{}\"",
            STANDARD.encode(claims)
        );
        answer.headers.push(("www-authenticate", header));
        answer
    }

    /// An access token, as the token endpoint gives it.
    pub(crate) fn token(access: &str, expires_in: i64) -> Self {
        Answer::json(
            200,
            &json!({
                "token_type": "Bearer", "expires_in": expires_in, "ext_expires_in": expires_in,
                "access_token": access,
            }),
        )
    }

    /// The same with a refresh token.
    pub(crate) fn login(access: &str, expires_in: i64, refresh: &str) -> Self {
        Answer::json(
            200,
            &json!({
                "token_type": "Bearer", "scope": "Mail.ReadWrite", "expires_in": expires_in,
                "access_token": access, "refresh_token": refresh,
            }),
        )
    }

    /// A device code, to be polled every `interval` seconds.
    pub(crate) fn device_code(interval: u64, expires_in: u64) -> Self {
        Answer::json(
            200,
            &json!({
                "user_code": "ABCD1234", "device_code": "DEVICE-CODE",
                "verification_uri": "https://login.example/device",
                "expires_in": expires_in, "interval": interval, "message": "To sign in, …",
            }),
        )
    }
}

/// A running stand-in. It ends with the test's process.
pub(crate) struct LoginServer {
    /// Its origin, without a slash at the end.
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Script = dyn Fn(usize, &Seen) -> Answer + Send + Sync;

/// A certificate with its key, for TLS.
pub(crate) struct Identity {
    /// The certificate of the authority that signed it, as PEM, in a file.
    pub(crate) ca_file: PathBuf,
    /// The certificate itself, and its key, likewise.
    pub(crate) files: [PathBuf; 2],
    config: ServerConfig,
    _directory: tempfile::TempDir,
}

impl Identity {
    /// A certificate for `name`, signed by an authority of its own.
    pub(crate) fn new(name: &str) -> Self {
        Self::valid(name, 2020, 4096)
    }

    /// The same, but only until 2021.
    pub(crate) fn expired(name: &str) -> Self {
        Self::valid(name, 2020, 2021)
    }

    /// A certificate for `name` that nobody signed but itself.
    pub(crate) fn self_signed(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let leaf = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let leaf = leaf.self_signed(&key).unwrap();
        let pem = leaf.pem();
        Self::made(&leaf, &key, &pem)
    }

    fn valid(name: &str, from: i32, until: i32) -> Self {
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let mut leaf = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        leaf.not_before = rcgen::date_time_ymd(from, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(until, 1, 1);
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        Self::made(&leaf, &key, &ca_certificate.pem())
    }

    fn made(leaf: &rcgen::Certificate, key: &rcgen::KeyPair, authority: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, pem: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, pem).unwrap();
            path
        };
        let ca_file = file("ca.pem", authority);
        let files = [
            file("leaf.pem", &leaf.pem()),
            file("key.pem", &key.serialize_pem()),
        ];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        Identity {
            ca_file,
            files,
            config,
            _directory: directory,
        }
    }
}

impl LoginServer {
    /// Answers each request by `script`, which is told how many came before it.
    pub(crate) fn start(
        script: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
    ) -> LoginServer {
        Self::run(None, Arc::new(script))
    }

    /// The same over TLS.
    pub(crate) fn start_tls(
        identity: &Identity,
        script: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
    ) -> LoginServer {
        Self::run(Some(identity.config.clone()), Arc::new(script))
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn run(tls: Option<ServerConfig>, script: Arc<Script>) -> LoginServer {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (told, address) = std::sync::mpsc::channel::<SocketAddr>();
        let remember = Arc::clone(&seen);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (seen, script) = (Arc::clone(&remember), Arc::clone(&script));
                    let acceptor = acceptor.clone();
                    tokio::spawn(async move {
                        match acceptor {
                            None => serve(stream, seen, script).await,
                            // A handshake that fails is the client's business.
                            Some(acceptor) => {
                                if let Ok(stream) = acceptor.accept(stream).await {
                                    serve(stream, seen, script).await;
                                }
                            }
                        }
                    });
                }
            });
        });
        let address = address.recv().unwrap();
        LoginServer {
            url: format!("{scheme}://{address}"),
            seen,
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Script>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
        async move {
            let request = read(request).await;
            let before = {
                let mut seen = seen.lock().unwrap();
                seen.push(request.clone());
                seen.len() - 1
            };
            let answer = script(before, &request);
            let mut response = Response::builder().status(answer.status);
            for (name, value) in &answer.headers {
                response = response.header(*name, value);
            }
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from(answer.body))).unwrap())
        }
    });
    // A client that leaves early is no failure of the stand-in.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn read(request: Request<Incoming>) -> Seen {
    let line = format!("{} {}", request.method(), request.uri());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let form = if body.is_empty() {
        query.into_bytes()
    } else {
        body.to_vec()
    };
    let form = url::form_urlencoded::parse(&form).into_owned().collect();
    Seen {
        line,
        headers,
        form,
    }
}
