//! Speaks to login hosts and to the platform's metadata service; with neither does Graph's token
//! travel. As in every client here, no error has a URL in it. Plain http is for this computer only, and
//! for where its platform gives out identities.

use std::{path::Path, sync::OnceLock, time::Duration};

use graph_upload::{
    Page,
    client::http_client::{self, Roots, innermost},
};
use reqwest::{Client, Method, header::HeaderMap};
use url::{Host, Url};

use super::Problem;
use crate::settings::endpoint;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(15);

/// A metadata service is one hop away: no answer in this time means that there is none.
const CONNECT_METADATA: Duration = Duration::from_secs(3);

/// How long one exchange may take. Entra answers in well under a second.
const EXCHANGE: Duration = Duration::from_secs(30);

/// Longest answer that is read: tokens are limited to 64 KiB, and two or three may come at once.
const LONGEST: usize = 512 * 1024;

/// Where a request may go.
#[derive(Debug)]
pub(super) enum Destination {
    /// A login host: https, or http to this computer.
    Login,
    /// The metadata service of this machine, which speaks http on a link-local address; no proxy.
    Metadata {
        /// Where the platform says to ask instead, which may be http in its private network.
        named: Option<Url>,
    },
}

/// A client for a handful of requests, made when the first one is sent.
pub(super) struct Web {
    roots: Roots,
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
        let roots = Roots::read(ca_file)?;
        Ok(Web {
            roots,
            proxied: OnceLock::new(),
            direct: OnceLock::new(),
        })
    }

    /// One exchange.
    pub(super) async fn send(
        &self,
        destination: &Destination,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Reply, Unreachable> {
        let failed = |why: String| Unreachable {
            host: url.host_str().unwrap_or_default().into(),
            why,
        };
        let metadata = matches!(destination, Destination::Metadata { .. });
        if !may_go(destination, url) {
            let near = if metadata {
                " and its private network"
            } else {
                ""
            };
            return Err(failed(format!(
                "plain http is for this computer{near} only"
            )));
        }
        let near = metadata || endpoint::is_loopback(url);
        let client = self
            .client(metadata, near)
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

    fn client(&self, metadata: bool, near: bool) -> Result<Client, reqwest::Error> {
        let slot = if near { &self.direct } else { &self.proxied };
        if let Some(client) = slot.get() {
            return Ok(client.clone());
        }
        let connect = if metadata { CONNECT_METADATA } else { CONNECT };
        let client = http_client::client(near, &self.roots, |builder| {
            builder.connect_timeout(connect).timeout(EXCHANGE)
        })?;
        Ok(slot.get_or_init(|| client).clone())
    }
}

/// The title of a web page, if an answer is one, and if it has one.
pub(super) fn page(body: &[u8]) -> Option<Option<String>> {
    let page = Page::is_markup(body).then(|| Page::read(body))?;
    Some(page.and_then(|page| page.title))
}

fn may_go(destination: &Destination, url: &Url) -> bool {
    let platform = match destination {
        Destination::Login => false,
        Destination::Metadata { named } => {
            let is_named = named
                .as_ref()
                .is_some_and(|named| named.origin() == url.origin());
            is_link_local(url) || (is_named && is_private(url))
        }
    };
    platform || endpoint::check(url).is_ok()
}

/// Whether the address is one of a private network (RFC 1918), as App Service names to containers of
/// one's own. To a public one no secret of the platform goes without TLS, whatever a variable says.
fn is_private(url: &Url) -> bool {
    url.scheme() == "http"
        && matches!(url.host(), Some(Host::Ipv4(address)) if address.is_private())
}

/// Whether the address is one of the platform under this machine: `169.254.0.0/16`.
pub(super) fn is_link_local(url: &Url) -> bool {
    url.scheme() == "http"
        && matches!(url.host(), Some(Host::Ipv4(address)) if address.is_link_local())
}

/// The innermost reason, which names no URL.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    innermost(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(destination: &Destination, url: &str) -> bool {
        may_go(destination, &Url::parse(url).unwrap())
    }

    #[test]
    fn plain_http_goes_to_this_machine_and_its_platform_only() {
        let metadata = Destination::Metadata { named: None };
        for destination in [&Destination::Login, &metadata] {
            assert!(may(destination, "https://login.example/"));
            assert!(may(destination, "http://127.0.0.1:1/"));
            assert!(!may(destination, "http://login.example/"));
            assert!(!may(destination, "http://10.0.0.1/"));
        }
        assert!(may(&metadata, "http://169.254.169.254/metadata"));
        assert!(!may(&Destination::Login, "http://169.254.169.254/metadata"));
    }

    #[test]
    fn plain_http_goes_to_the_private_address_that_the_platform_names_and_to_no_other() {
        let named = |url: &str| Destination::Metadata {
            named: Some(Url::parse(url).unwrap()),
        };
        for private in [
            "http://172.16.5.3:8081/msi/token",
            "http://10.0.0.1/token",
            "http://192.168.1.1:1/",
            "http://169.254.130.2:8081/msi/token",
            "http://localhost:42356/msi/token",
            "http://127.0.0.1:41741/msi/token",
        ] {
            assert!(may(&named(private), private), "{private}");
            assert!(!may(&named(private), "http://172.16.5.4:8081/msi/token"));
            assert!(!may(&named(private), "http://172.16.5.3:8082/msi/token"));
        }
        for public in [
            "http://172.32.0.1:8081/msi/token",
            "http://192.0.2.1/token",
            "http://168.63.129.16/token",
            "http://platform.example/token",
            "http://10.0.0.1.example/token",
            "http://[fd00::1]/token",
        ] {
            assert!(!may(&named(public), public), "{public}");
        }
    }

    #[tokio::test]
    async fn errors_have_the_host_and_no_more_of_the_url() {
        let web = Web::new(None).unwrap();
        let url = Url::parse("http://127.0.0.1:1/path?secret=CANARY").unwrap();
        let error = web
            .send(
                &Destination::Login,
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
        assert!(matches!(Web::new(Some(&path)), Err(Problem::CaFile(_))));
        std::fs::write(&path, "nothing").unwrap();
        assert!(matches!(Web::new(Some(&path)), Err(Problem::CaFile(_))));
    }
}
