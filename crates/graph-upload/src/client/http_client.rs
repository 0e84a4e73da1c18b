//! What every HTTP client here has in common, whoever it speaks to.
//!
//! No redirects, no `Referer`, no cookies, no retries of the library's own, nothing compressed; https only, but
//! for this computer and its platform, to which no proxy leads; `localhost` is this computer whatever a resolver
//! says.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::{
    Client, ClientBuilder,
    header::{ACCEPT_ENCODING, HeaderMap, HeaderValue},
};
use rustls::ClientConfig;

use super::proxy::Proxy;

/// On which way a client reaches its hosts.
#[derive(Debug)]
pub(super) enum Way<'a> {
    /// This computer and what is linked to it: plain http is allowed, no proxy.
    Near,
    /// Elsewhere, without a proxy.
    Direct,
    /// Elsewhere, through this proxy.
    Through(&'a Proxy),
}

/// A client with these TLS settings.
pub(super) fn client(way: &Way<'_>, tls: ClientConfig) -> Result<ClientBuilder, reqwest::Error> {
    // The port of the URL counts, not these.
    let localhost: [SocketAddr; 2] = [
        (Ipv4Addr::LOCALHOST, 0).into(),
        (Ipv6Addr::LOCALHOST, 0).into(),
    ];
    let plain = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    let builder = Client::builder()
        .user_agent(concat!("graph-attach/", env!("CARGO_PKG_VERSION")))
        .default_headers(plain)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .http1_only()
        .tls_backend_preconfigured(tls)
        .resolve_to_addrs("localhost", &localhost)
        .tcp_nodelay(true)
        .https_only(!matches!(way, Way::Near))
        .no_proxy();
    Ok(match way {
        Way::Near | Way::Direct => builder,
        Way::Through(proxy) => builder.proxy(proxy.for_client()?),
    })
}
