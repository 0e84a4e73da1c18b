//! Speaks to login hosts and to the platform's metadata service; with neither does Graph's token
//! travel. As in every client here, no error has a URL in it. Plain http is for this computer only, and
//! for where its platform gives out identities.

use std::time::Duration;

use bytes::Bytes;
use graph_upload::{
    ErrorKind, Page,
    client::{CaFile, HttpOptions, HttpRequest, HttpTimeouts, Meter, Reply, Transport},
};
use reqwest::{Method, header::HeaderMap};
use url::{Host, Url};

use super::CredentialError;
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

/// A client for a handful of requests.
pub(super) struct Web {
    transport: Transport,
    /// The same with less patience.
    metadata: Transport,
}

/// A request that got no answer, without its URL.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot reach `{host}`: {why}")]
pub(super) struct Unreachable {
    pub(super) host: String,
    pub(super) why: String,
    /// Whether another try would end the same way: the certificate or the proxy is in the way.
    pub(super) is_final: bool,
}

impl From<Unreachable> for CredentialError {
    fn from(unreachable: Unreachable) -> Self {
        let Unreachable {
            host,
            why,
            is_final,
        } = unreachable;
        match is_final {
            true => CredentialError::Blocked { host, why },
            false => CredentialError::Unreachable { host, why },
        }
    }
}

impl Web {
    /// Sends as `options` say, but for the times, which are those of a sign-in.
    pub(super) fn new(options: &HttpOptions) -> Result<Self, CaFile> {
        let within = |connect| HttpOptions {
            timeouts: HttpTimeouts {
                connect,
                idle: EXCHANGE,
                deadline: options.timeouts.deadline,
            },
            ..options.clone()
        };
        Ok(Web {
            transport: Transport::new(within(CONNECT))?,
            metadata: Transport::new(within(CONNECT_METADATA))?,
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
        let host = url.host_str().unwrap_or_default();
        let failed = |why: String| Unreachable {
            host: host.to_owned(),
            why,
            is_final: false,
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
        let meter = Meter::default();
        let request = HttpRequest {
            body: (method == Method::POST || !body.is_empty()).then(|| Bytes::from(body)),
            method,
            url: url.as_str(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            meter: &meter,
            secret: false,
            near: metadata,
        };
        let transport = if metadata {
            &self.metadata
        } else {
            &self.transport
        };
        let reply = transport.exchange(request, LONGEST).await;
        let reply = reply.map_err(|error| {
            let prefix = format!("cannot connect to `{host}`: ");
            let why = error
                .message
                .strip_prefix(&prefix)
                .unwrap_or(&error.message);
            Unreachable {
                is_final: matches!(error.kind, ErrorKind::Certificate | ErrorKind::Proxy),
                ..failed(why.to_owned())
            }
        })?;
        if reply.body.len() == LONGEST {
            return Err(failed("its answer is too long".into()));
        }
        Ok(reply)
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

#[cfg(test)]
mod tests {
    use graph_upload::client::Trust;

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
        let web = Web::new(&HttpOptions::default()).unwrap();
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
        let options = HttpOptions {
            trust: Trust {
                ca_file: Some(path.clone()),
                ..Trust::default()
            },
            ..HttpOptions::default()
        };
        assert!(Web::new(&options).is_err());
        std::fs::write(&path, "nothing").unwrap();
        assert!(Web::new(&options).is_err());
    }
}
