//! Azure's requests over our client: where they may go, and what came back.

use std::{
    fmt,
    future::Future,
    net::Ipv4Addr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use azure_core::{
    error::ErrorKind,
    http::{AsyncRawResponse, Body, HttpClient, Request, headers::Headers},
};
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::{Host, Url};

use crate::auth::{
    entra::Refusal,
    http::{Destination, Unreachable, Web},
};

/// Where a machine of Azure's finds its metadata service.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// What the last request led to.
pub(super) enum Response {
    Unreachable(Unreachable),
    Answered {
        status: u16,
        refusal: Option<Refusal>,
    },
}

/// The last response, kept for whoever has to explain a failure.
#[derive(Clone, Default)]
pub(super) struct LastResponse {
    response: Arc<Mutex<Option<Response>>>,
    date: Arc<Mutex<Option<Timestamp>>>,
}

impl LastResponse {
    /// The last response, if anything was asked.
    pub(super) fn take(&self) -> Option<Response> {
        let mut response = self.response.lock().unwrap_or_else(PoisonError::into_inner);
        response.take()
    }

    /// What time it was where the last answer came from.
    pub(super) fn date(&self) -> Option<Timestamp> {
        *self.date.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, response: Response) {
        *self.response.lock().unwrap_or_else(PoisonError::into_inner) = Some(response);
    }
}

/// Azure's requests over our client.
pub(super) struct Transport {
    pub(super) last: LastResponse,
    pub(super) web: Arc<Web>,
    pub(super) destination: Destination,
    /// The https spelling of an authority that really speaks http.
    pub(super) plain: Option<Url>,
    /// Where the metadata service is instead of [`METADATA`].
    pub(super) metadata: Option<Url>,
}

impl Transport {
    /// Where a request of the library really goes.
    fn route(&self, asked: &Url) -> Url {
        let mut url = asked.clone();
        let to = match (&self.plain, &self.metadata) {
            (Some(plain), _) if plain.origin() == asked.origin() => {
                let port = url.port_or_known_default();
                let _ = url.set_scheme("http");
                let _ = url.set_port(port);
                return url;
            }
            // Only that address: App Service has its identity endpoint on another link-local one.
            (_, Some(metadata)) if asked.host() == Some(Host::Ipv4(METADATA)) => metadata,
            _ => return url,
        };
        // Both are http URLs with hosts, so none of these can fail.
        let _ = url.set_scheme(to.scheme());
        let _ = url.set_host(to.host_str());
        let _ = url.set_port(to.port());
        url
    }

    async fn exchange(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let body = match request.body() {
            Body::Bytes(bytes) => bytes.to_vec(),
            _ => {
                let what = "a stream has no place in a request for a token";
                return Err(azure_core::Error::with_message(ErrorKind::Other, what));
            }
        };
        let headers: HeaderMap = request
            .headers()
            .iter()
            .filter_map(|(name, value)| header(name.as_str(), value.as_str()))
            .collect();
        let method = request.method().as_ref().parse().unwrap_or_default();
        let url = self.route(request.url());
        let sent = self
            .web
            .send(&self.destination, method, &url, headers, body)
            .await;
        let response = match &sent {
            Err(unreachable) => Response::Unreachable(unreachable.clone()),
            Ok(reply) => Response::Answered {
                status: reply.status,
                refusal: Refusal::read(&reply.body),
            },
        };
        self.last.set(response);
        if let Ok(reply) = &sent {
            let date = reply.headers.get("date").and_then(|date| {
                let date = date.to_str().ok()?;
                jiff::fmt::rfc2822::DateTimeParser::new()
                    .parse_timestamp(date)
                    .ok()
            });
            *self
                .last
                .date
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = date;
        }
        let reply = sent.map_err(|unreachable| {
            // A machine without a metadata service will not grow one: only login hosts are worth
            // another try.
            let kind = match self.destination {
                Destination::Login if !unreachable.is_final => ErrorKind::Io,
                Destination::Login => ErrorKind::Other,
                Destination::Metadata { .. } => ErrorKind::Other,
            };
            azure_core::Error::new(kind, unreachable)
        })?;
        let mut headers = Headers::new();
        for (name, value) in &reply.headers {
            if let Ok(value) = value.to_str() {
                headers.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        Ok(AsyncRawResponse::from_bytes(
            reply.status.into(),
            headers,
            reply.body,
        ))
    }
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, value.parse().ok()?))
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl HttpClient for Transport {
    fn execute_request<'s, 'r, 'f>(
        &'s self,
        request: &'r Request,
    ) -> Pin<Box<dyn Future<Output = azure_core::Result<AsyncRawResponse>> + Send + 'f>>
    where
        's: 'f,
        'r: 'f,
        Self: 'f,
    {
        Box::pin(self.exchange(request))
    }
}

#[cfg(test)]
mod tests {
    use graph_upload::client::HttpOptions;

    use super::*;

    fn route(plain: Option<&str>, metadata: Option<&str>, asked: &str) -> String {
        let url = |text: &str| Url::parse(text).unwrap();
        let transport = Transport {
            last: LastResponse::default(),
            web: Arc::new(Web::new(&HttpOptions::default()).unwrap()),
            destination: Destination::Login,
            plain: plain.map(url),
            metadata: metadata.map(url),
        };
        transport.route(&url(asked)).into()
    }

    #[test]
    fn requests_go_where_the_library_sends_them_unless_told_otherwise() {
        let login = "https://login.microsoftonline.com/t/oauth2/v2.0/token";
        let metadata = "http://169.254.169.254/metadata/identity?x=1";
        assert_eq!(route(None, None, login), login);
        assert_eq!(route(None, None, metadata), metadata);
        assert_eq!(route(None, Some("http://127.0.0.1:2579"), login), login);
        assert_eq!(
            route(None, Some("http://127.0.0.1:2579"), metadata),
            "http://127.0.0.1:2579/metadata/identity?x=1"
        );
        let app_service = "http://169.254.130.2:8081/msi/token?x=1";
        assert_eq!(
            route(None, Some("http://127.0.0.1:2579"), app_service),
            app_service
        );
    }

    #[test]
    fn an_authority_on_this_computer_gets_its_scheme_back() {
        for (plain, asked, really) in [
            (
                "https://127.0.0.1:5000",
                "https://127.0.0.1:5000/t",
                "http://127.0.0.1:5000/t",
            ),
            (
                "https://localhost:80",
                "https://localhost:80/t",
                "http://localhost/t",
            ),
            (
                "https://127.0.0.1:5000",
                "https://127.0.0.1:5001/t",
                "https://127.0.0.1:5001/t",
            ),
        ] {
            assert_eq!(route(Some(plain), None, asked), really);
        }
    }
}
