//! Speaks to login hosts and to the platform's metadata service; with neither does Graph's token
//! travel. Like Graph's own transport: no redirects, no `Referer`, no cookies, no retries, no URL in
//! an error, https or this computer only, TLS 1.2 or later with the platform's roots.

use std::{net::Ipv4Addr, path::Path, sync::OnceLock, time::Duration};

use reqwest::{Client, ClientBuilder, Method, header::HeaderMap};
use url::{Host, Url};

use super::Problem;
use crate::config::endpoint;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(15);

/// A metadata service is one hop away: no answer in this time means that there is none.
const CONNECT_METADATA: Duration = Duration::from_secs(3);

/// How long one exchange may take. Entra answers in well under a second.
const EXCHANGE: Duration = Duration::from_secs(30);

/// Longest answer that is read: tokens are limited to 64 KiB, and two or three may come at once.
const LONGEST: usize = 512 * 1024;

/// Where a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// A login host: https, or http to this computer.
    Login,
    /// The metadata service of this machine, which speaks http on a link-local address; no proxy.
    Metadata,
}

/// A client for a handful of requests, made when the first one is sent.
pub(super) struct Web {
    roots: Vec<reqwest::Certificate>,
    proxied: OnceLock<Client>,
    direct: OnceLock<Client>,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// A request that got no answer, without its URL.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot reach `{host}`: {why}")]
pub(super) struct Unreachable {
    pub(super) host: String,
    pub(super) why: String,
}

impl From<Unreachable> for Problem {
    fn from(Unreachable { host, why }: Unreachable) -> Self {
        Problem::Unreachable { host, why }
    }
}

impl Web {
    /// Trusts the certificates of `ca_file` besides the platform's.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, Problem> {
        let roots = match ca_file {
            None => Vec::new(),
            Some(path) => {
                let wrong = |why: String| Problem::CaFile {
                    path: path.to_owned(),
                    why,
                };
                let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
                let roots = reqwest::Certificate::from_pem_bundle(&pem)
                    .map_err(|_| wrong("it is not PEM".into()))?;
                if roots.is_empty() {
                    return Err(wrong("it holds no certificate".into()));
                }
                roots
            }
        };
        Ok(Web {
            roots,
            proxied: OnceLock::new(),
            direct: OnceLock::new(),
        })
    }

    /// One exchange.
    pub(super) async fn send(
        &self,
        reach: Reach,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Reply, Unreachable> {
        let failed = |why: String| Unreachable {
            host: url.host_str().unwrap_or_default().into(),
            why,
        };
        if !may_go(reach, url) {
            return Err(failed("plain http is for this computer only".into()));
        }
        let near = reach == Reach::Metadata || endpoint::is_loopback(url);
        let client = self
            .client(reach, near)
            .map_err(|error| failed(reason(&error)))?;
        let mut response = client
            .request(method, url.clone())
            .headers(headers)
            .body(body)
            .send()
            .await
            .map_err(|error| failed(reason(&error)))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| failed(reason(&error)))?
        {
            if body.len() + chunk.len() > LONGEST {
                return Err(failed("its answer is too long".into()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            status,
            headers,
            body,
        })
    }

    fn client(&self, reach: Reach, near: bool) -> Result<Client, reqwest::Error> {
        let slot = if near { &self.direct } else { &self.proxied };
        if let Some(client) = slot.get() {
            return Ok(client.clone());
        }
        let mut builder = builder().https_only(!near);
        if !self.roots.is_empty() {
            builder = builder.tls_certs_merge(self.roots.iter().cloned());
        }
        if near {
            builder = builder.no_proxy();
        }
        if reach == Reach::Metadata {
            builder = builder.connect_timeout(CONNECT_METADATA);
        }
        let client = builder.build()?;
        Ok(slot.get_or_init(|| client).clone())
    }
}

/// What every client here has in common.
fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("graph-attach/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .http1_only()
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .connect_timeout(CONNECT)
        .timeout(EXCHANGE)
}

fn may_go(reach: Reach, url: &Url) -> bool {
    endpoint::check(url).is_ok() || (reach == Reach::Metadata && is_link_local(url))
}

/// Whether the address is one of the platform under this machine: `169.254.0.0/16`.
pub(super) fn is_link_local(url: &Url) -> bool {
    url.scheme() == "http"
        && matches!(url.host(), Some(Host::Ipv4(address)) if Ipv4Addr::is_link_local(&address))
}

/// The innermost reason, which names no URL.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(next) = innermost.source() {
        innermost = next;
    }
    if std::ptr::addr_eq(innermost, error) {
        "the request failed".into()
    } else {
        innermost.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_machine_and_its_platform_only() {
        let may = |reach, url: &str| may_go(reach, &Url::parse(url).unwrap());
        for reach in [Reach::Login, Reach::Metadata] {
            assert!(may(reach, "https://login.example/"));
            assert!(may(reach, "http://127.0.0.1:1/"));
            assert!(!may(reach, "http://login.example/"));
            assert!(!may(reach, "http://10.0.0.1/"));
        }
        assert!(may(Reach::Metadata, "http://169.254.169.254/metadata"));
        assert!(!may(Reach::Login, "http://169.254.169.254/metadata"));
    }

    #[tokio::test]
    async fn errors_have_the_host_and_no_more_of_the_url() {
        let web = Web::new(None).unwrap();
        let url = Url::parse("http://127.0.0.1:1/path?secret=CANARY").unwrap();
        let error = web
            .send(
                Reach::Login,
                Method::GET,
                &url,
                HeaderMap::new(),
                Vec::new(),
            )
            .await
            .unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains("127.0.0.1") && !shown.contains("CANARY"),
            "{shown}"
        );
    }

    #[test]
    fn a_ca_file_must_hold_certificates() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        assert!(matches!(Web::new(Some(&path)), Err(Problem::CaFile { .. })));
        std::fs::write(&path, "nothing").unwrap();
        assert!(matches!(Web::new(Some(&path)), Err(Problem::CaFile { .. })));
    }
}
