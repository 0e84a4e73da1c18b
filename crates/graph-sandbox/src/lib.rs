//! A stand-in for the parts of Graph and Outlook that attaching files needs, on loopback.
//!
//! Two hosts, as in life: Graph, which wants a bearer token, and the upload host, which refuses
//! one. It follows the published behaviour of the service, and where that is unknown it follows an
//! option. It depends on nothing of the uploader, so that the two cannot agree on a mistake, and the
//! library prints nothing.
//!
//! To read it: `server` carries requests, and `server::exchange` takes one from arrival to answer; `graph`,
//! `upload`, `login` and `control` say what requests mean; `model` holds what there is; `throttle` says who may
//! send now. `options` and `faults` are what a user can set.

#[cfg(feature = "clap")]
pub mod args;
mod clock;
mod control;
mod failure;
pub mod faults;
mod graph;
mod log;
mod login;
mod model;
pub mod options;
mod random;
#[cfg(feature = "clap")]
pub mod run;
mod server;
mod shared;
mod throttle;
mod tokens;
mod upload;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

pub use faults::Fault;
pub use log::{Host, Seen};
pub use model::snapshot::{HeldFile, HeldItem};
pub use options::Options;
pub use random::{BadDelay, Delay};

use model::{item::Kind, snapshot};
use server::{connection, exchange, tls::Tls};
use shared::Shared;

/// A running stand-in. Dropping it stops it, and cuts what is connected.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    message: String,
    event: String,
    tls: Option<Tls>,
    hosts: [JoinHandle<()>; 2],
}

impl Sandbox {
    /// Starts both hosts on spawned tasks of the current tokio runtime.
    pub async fn start(options: Options) -> io::Result<Self> {
        let graph = TcpListener::bind((options.host, options.port)).await?;
        let upload = TcpListener::bind((options.host, options.upload_port)).await?;
        let tls = match options.tls {
            true => Some(Tls::new(&options)?),
            false => None,
        };
        let scheme = if options.tls { "https" } else { "http" };
        let origin = |listener: &TcpListener| -> io::Result<String> {
            Ok(format!("{scheme}://{}", reachable(listener.local_addr()?)))
        };
        let (graph_origin, upload_origin) = (origin(&graph)?, origin(&upload)?);
        let shared = Arc::new(Shared::new(options, graph_origin, upload_origin)?);
        let first = |kind| shared.store().first(kind).map(|item| item.id.clone());
        let message = first(Kind::Message).unwrap_or_default();
        let event = first(Kind::Event).unwrap_or_default();
        let acceptor = || tls.as_ref().map(|tls| tls.acceptor.clone());
        let hosts = [
            tokio::spawn(listen(graph, Host::Graph, Arc::clone(&shared), acceptor())),
            tokio::spawn(listen(
                upload,
                Host::Upload,
                Arc::clone(&shared),
                acceptor(),
            )),
        ];
        Ok(Sandbox {
            shared,
            message,
            event,
            tls,
            hosts,
        })
    }

    /// What a client takes as its endpoint: the Graph host with the version.
    pub fn endpoint(&self) -> String {
        format!("{}/v1.0", self.shared.graph)
    }

    /// Scheme, host and port of the Graph host.
    pub fn origin(&self) -> &str {
        &self.shared.graph
    }

    /// Scheme, host and port of the upload host.
    pub fn upload_origin(&self) -> &str {
        &self.shared.upload
    }

    /// The bearer token that the Graph host takes.
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// Id of the draft that is there from the start.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Id of the event that is there from the start.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The certificate to trust, in PEM, when it serves https. Removed when this is dropped.
    pub fn ca_file(&self) -> Option<&Path> {
        self.tls.as_ref().map(Tls::authority)
    }

    /// The environment that points a client here, as names and values.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("GRAPH_ATTACH_ENDPOINT", self.endpoint()),
            ("GRAPH_ATTACH_TOKEN", self.token().to_owned()),
            ("GRAPH_ATTACH_MESSAGE", self.message().to_owned()),
            ("GRAPH_ATTACH_EVENT", self.event().to_owned()),
            ("GRAPH_ATTACH_SANDBOX", self.origin().to_owned()),
        ];
        if let Some(file) = self.ca_file() {
            variables.push(("SSL_CERT_FILE", file.display().to_string()));
        }
        variables
    }

    /// Every item with what it holds, oldest first. Hashes the files, which takes its time.
    pub fn items(&self) -> Vec<HeldItem> {
        snapshot::items(&self.shared)
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.log().all()
    }

    /// How many connections are open, and how many requests are carried out late: none means that nothing
    /// is still being carried out for a client that went away.
    pub fn connections(&self) -> usize {
        self.shared.connections()
    }

    /// Adds faults, which count from the next request on.
    pub fn add_faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults().add(faults);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Puts the stand-in's clock forward: sessions and tokens get old, windows pass, lags end.
    pub fn advance_clock(&self, by: std::time::Duration) {
        self.shared.clock.advance(by);
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.hosts.iter().for_each(JoinHandle::abort);
    }
}

/// An address that a client on this computer can use for a listener.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Accepts connections for ever. Its connections end with it.
async fn listen(listener: TcpListener, host: Host, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    let idle = shared.options.idle_timeout;
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: others will close some.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let _ = socket.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let open = shared::Open::new(&shared);
        let answer = move |request, cut| exchange::answer(Arc::clone(&shared), host, request, cut);
        match tls.clone() {
            None => connections.spawn(async move {
                let _open = open;
                connection::serve(socket, idle, answer).await;
            }),
            Some(tls) => connections.spawn(async move {
                let _open = open;
                // A failed handshake is the client's to report: it does not trust us.
                if let Ok(Ok(socket)) = tokio::time::timeout(idle, tls.accept(socket)).await {
                    connection::serve(socket, idle, answer).await;
                }
            }),
        };
    }
}

/// The examples in the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
