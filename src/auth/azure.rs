//! Client secret, workload identity and managed identity, by Azure's own library over our HTTP.
//!
//! The library decides what is sent; [`Transport`] decides where it may go. A new credential is
//! made each time, so that a rotated secret or federated token is read anew and a token that was
//! refused does not come out of a cache.
//!
//! Of the environment, the library itself reads `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`, with
//! which App Service, Functions and Container Apps tell where their managed identity is.

use std::{fmt, future::Future, path::Path, pin::Pin, sync::Arc, time::Duration};

use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::{Secret, TokenCredential},
    error::ErrorKind,
    http::{
        AsyncRawResponse, Body, ClientOptions, ExponentialRetryOptions, HttpClient, Request,
        RetryOptions, Transport as AzureTransport, headers::Headers,
    },
};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use url::Url;

use super::{
    Problem, Token,
    entra::Refusal,
    http::{self, Reach, Unreachable, Web},
    provider::{Ask, Asking, Context},
    reply::{Issued, LIMIT},
};
use crate::config::{
    credential::{Identity, Method},
    endpoint,
};

/// How long getting a token may take in all, tries included: as long as a token command may.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tries after the first. The library's eight would outlast our patience.
const RETRIES: u32 = 3;

/// An app or a workload that signs in by itself.
pub(super) struct Entra {
    method: Method,
    identity: Identity,
    login_url: Url,
    scope: String,
    metadata: Option<Url>,
    web: Arc<Web>,
}

impl Entra {
    /// Checks that the identity is complete; asks nobody yet.
    pub(super) fn new(
        method: Method,
        identity: &Identity,
        context: &Context,
    ) -> Result<Self, Problem> {
        let mut missing = Vec::new();
        if method != Method::ManagedIdentity {
            if identity.tenant.is_none() {
                missing.push("`tenant` (AZURE_TENANT_ID)");
            }
            if identity.client_id.is_none() {
                missing.push("`client_id` (AZURE_CLIENT_ID)");
            }
        }
        match method {
            Method::ClientSecret
                if identity.client_secret.is_none() && identity.client_secret_file.is_none() =>
            {
                missing.push("`client_secret_file` (or AZURE_CLIENT_SECRET)");
            }
            Method::WorkloadIdentity if identity.federated_token_file.is_none() => {
                missing.push("`federated_token_file` (AZURE_FEDERATED_TOKEN_FILE)");
            }
            _ => {}
        }
        if !missing.is_empty() {
            return Err(Problem::Incomplete {
                method: method.as_str(),
                missing,
            });
        }
        Ok(Entra {
            method,
            identity: identity.clone(),
            login_url: context.login_url.clone(),
            scope: context.cloud.scope(),
            metadata: identity
                .metadata_host
                .as_deref()
                .map(metadata)
                .transpose()?,
            web: Arc::new(Web::new(context.ca_file.as_deref())?),
        })
    }

    /// The library's credential; made anew for each token.
    fn credential(&self) -> Result<Arc<dyn TokenCredential>, Problem> {
        let refused = |error: azure_core::Error| Problem::Identity(brief(&error));
        let Identity {
            tenant, client_id, ..
        } = &self.identity;
        let tenant = tenant.clone().unwrap_or_default();
        let client = client_id.clone().unwrap_or_default();
        Ok(match self.method {
            Method::ClientSecret => ClientSecretCredential::new(
                &tenant,
                client,
                Secret::new(self.secret()?),
                Some(ClientSecretCredentialOptions {
                    client_options: self.options(Reach::Login),
                }),
            )
            .map_err(refused)?,
            Method::WorkloadIdentity => {
                let path = self
                    .identity
                    .federated_token_file
                    .clone()
                    .unwrap_or_default();
                // The library would say less about a file that is not there.
                read(&path)?;
                let options = WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions {
                        client_options: self.options(Reach::Login),
                    },
                    client_id: Some(client),
                    tenant_id: Some(tenant),
                    token_file_path: Some(path),
                };
                WorkloadIdentityCredential::new(Some(options)).map_err(refused)?
            }
            Method::ManagedIdentity => {
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                    client_options: self.options(Reach::Metadata),
                };
                ManagedIdentityCredential::new(Some(options)).map_err(refused)?
            }
        })
    }

    fn secret(&self) -> Result<String, Problem> {
        match (
            &self.identity.client_secret,
            &self.identity.client_secret_file,
        ) {
            (Some(secret), _) => Ok(secret.reveal().ok_or(Problem::NotText)?.to_owned()),
            (None, Some(path)) => Ok(read(path)?.trim().to_owned()),
            (None, None) => Ok(String::new()),
        }
    }

    fn options(&self, reach: Reach) -> ClientOptions {
        // The library insists on https for its authority; where ours is http (which only this
        // computer can be), the transport puts the scheme back.
        let mut authority = self.login_url.clone();
        let plain = authority.scheme() == "http";
        if plain {
            // From one scheme with a host to another this cannot fail.
            let port = authority.port_or_known_default();
            let _ = authority.set_scheme("https");
            let _ = authority.set_port(port);
        }
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = authority.to_string();
        ClientOptions {
            transport: Some(AzureTransport::new(Arc::new(Transport {
                web: Arc::clone(&self.web),
                reach,
                plain: plain.then_some(authority),
                metadata: self.metadata.clone(),
            }))),
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                max_retries: RETRIES,
                ..Default::default()
            }),
            cloud: Some(Arc::new(CloudConfiguration::from(cloud))),
            ..ClientOptions::default()
        }
    }
}

impl Ask for Entra {
    fn ask<'a>(&'a self, _instead_of: Option<&'a Token>) -> Asking<'a> {
        Box::pin(async move {
            let credential = self.credential()?;
            let scopes = [self.scope.as_str()];
            let asked = tokio::time::timeout(PATIENCE, credential.get_token(&scopes, None)).await;
            let Ok(answer) = asked else {
                let host = match self.method {
                    Method::ManagedIdentity => "the metadata service".into(),
                    _ => self.login_url.host_str().unwrap_or_default().to_owned(),
                };
                return Err(Problem::Unreachable {
                    host,
                    why: "no answer in time".into(),
                });
            };
            let token = answer.map_err(|error| self.sort(&error))?;
            let expires = Timestamp::from_second(token.expires_on.unix_timestamp()).ok();
            Ok(Issued {
                token: Token::new(token.token.secret())?,
                expires,
            }
            .into())
        })
    }

    fn renewable(&self) -> bool {
        true
    }
}

impl Entra {
    /// What one of the library's errors comes to. Its own texts are kept out: they lead to pages
    /// about the library.
    fn sort(&self, error: &azure_core::Error) -> Problem {
        let managed = self.method == Method::ManagedIdentity;
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(current) = next {
            if let Some(unreachable) = current.downcast_ref::<Unreachable>() {
                return if managed {
                    Problem::NoPlatform(unreachable.to_string())
                } else {
                    unreachable.clone().into()
                };
            }
            if let Some(inner) = current.downcast_ref::<azure_core::Error>()
                && let ErrorKind::HttpResponse {
                    status,
                    raw_response,
                    ..
                } = inner.kind()
            {
                let status = u16::from(*status);
                let body = raw_response.as_ref().map(|raw| raw.body().as_ref());
                return match body.and_then(Refusal::read) {
                    _ if matches!(status, 408 | 429 | 500..) => Problem::Unavailable(status),
                    Some(refusal) if managed => Problem::NoPlatform(match refusal.text {
                        text if text.is_empty() => refusal.error,
                        text => text,
                    }),
                    Some(refusal) => Problem::Refused(refusal),
                    None if managed => Problem::NoPlatform(format!("it answered {status}")),
                    None => Problem::Garbled("it is no answer of Entra's"),
                };
            }
            next = current.source();
        }
        match error.kind() {
            ErrorKind::Credential | ErrorKind::DataConversion => {
                Problem::Garbled("it is no answer of Entra's")
            }
            _ => Problem::Identity(brief(error)),
        }
    }
}

/// The innermost sentence of one of the library's errors about what it was configured with.
fn brief(error: &azure_core::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(next) = innermost.source() {
        innermost = next;
    }
    innermost
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect()
}

fn read(path: &Path) -> Result<String, Problem> {
    let text = std::fs::read_to_string(path).map_err(|source| Problem::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    if text.len() > LIMIT {
        return Err(Problem::TooLong);
    }
    Ok(text)
}

/// Reads where the metadata service is said to be; it must be on this machine or its platform's own
/// network, because no TLS vouches for it.
fn metadata(text: &str) -> Result<Url, Problem> {
    let url = Url::parse(text).map_err(|_| Problem::Metadata)?;
    if endpoint::is_loopback(&url) || http::is_link_local(&url) {
        Ok(url)
    } else {
        Err(Problem::Metadata)
    }
}

/// Azure's requests over our client.
struct Transport {
    web: Arc<Web>,
    reach: Reach,
    /// The https spelling of an authority that really speaks http.
    plain: Option<Url>,
    /// Where the metadata service is instead of 169.254.169.254.
    metadata: Option<Url>,
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
            (_, Some(metadata)) if http::is_link_local(asked) => metadata,
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
            .filter_map(|(name, value)| http::header(name.as_str(), value.as_str()))
            .collect();
        let method = request.method().as_ref().parse().unwrap_or_default();
        let url = self.route(request.url());
        let sent = self.web.send(self.reach, method, &url, headers, body).await;
        let reply = sent.map_err(|unreachable| {
            // A machine without a metadata service will not grow one: only login hosts are worth
            // another try.
            let kind = match self.reach {
                Reach::Login => ErrorKind::Io,
                Reach::Metadata => ErrorKind::Other,
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
