//! Client secret, client certificate, workload identity and managed identity, by Azure's own library
//! over our HTTP.
//!
//! The library decides what is sent; [`Transport`] decides where it may go. A new credential is
//! made each time, so that a rotated secret or federated token is read anew and a token that was
//! refused does not come out of a cache.
//!
//! For a managed identity the library itself reads variables of the environment. `IDENTITY_ENDPOINT`
//! with `IDENTITY_HEADER` is how App Service, Functions and Container Apps tell where theirs is. By
//! `IDENTITY_SERVER_THUMBPRINT`, `IMDS_ENDPOINT`, `MSI_ENDPOINT` and `MSI_SECRET` it knows Service
//! Fabric, Azure Arc, Azure ML and Cloud Shell; one that it does not support it names, and asks nobody.

mod assertion;
mod transport;

use std::{path::Path, sync::Arc, time::Duration};

use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::{Secret, TokenCredential},
    http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport as AzureTransport},
};
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId,
};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{
    CredentialError, Token,
    file::open_to_others,
    http::{self, Destination, Web},
    reply::{AccessToken, LIMIT},
    source::{Context, Fetched, Fetching, TokenSource},
    token,
};
use crate::settings::{
    credential::{Identity, Method},
    endpoint,
};
use assertion::{ClientCertificate, Made};
use transport::{LastResponse, Response, Transport};

/// How long getting a token may take in all, tries included: as long as a token command may.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tries after the first; the library's eight would outlast our patience. It has its own way with the
/// metadata service, whatever it is told: six more tries within 72 s, also after a 404 or a 410.
const RETRIES: u32 = 3;

/// Where the platform says that its identities are. The library takes it from the same place.
const IDENTITY_ENDPOINT: &str = "IDENTITY_ENDPOINT";

/// An app or a workload that signs in by itself.
pub(super) struct Entra {
    method: Method,
    identity: Identity,
    login_url: Url,
    scope: String,
    metadata: Option<Url>,
    web: Arc<Web>,
    patience: Duration,
}

impl Entra {
    /// Checks that the identity is complete; asks nobody yet.
    pub(super) fn new(
        method: Method,
        identity: &Identity,
        context: &Context,
    ) -> Result<Self, CredentialError> {
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
            Method::ClientCertificate if identity.client_certificate_file.is_none() => {
                missing.push("`client_certificate_file`");
            }
            Method::WorkloadIdentity if identity.federated_token_file.is_none() => {
                missing.push("`federated_token_file` (AZURE_FEDERATED_TOKEN_FILE)");
            }
            _ => {}
        }
        if !missing.is_empty() {
            return Err(CredentialError::Incomplete {
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
            web: Arc::new(Web::new(&context.http)?),
            patience: PATIENCE,
        })
    }

    /// The library's credential; made anew for each token.
    fn credential(
        &self,
        last: &LastResponse,
        now: Timestamp,
    ) -> Result<Arc<dyn TokenCredential>, CredentialError> {
        let refused = |error: azure_core::Error| CredentialError::Identity(brief(&error));
        let Identity {
            tenant, client_id, ..
        } = &self.identity;
        let tenant = tenant.clone().unwrap_or_default();
        let client = client_id.clone().unwrap_or_default();
        Ok(match self.method {
            Method::ClientSecret => ClientSecretCredential::new(
                &tenant,
                client,
                Secret::new(self.secret()?.expose_secret().to_owned()),
                Some(ClientSecretCredentialOptions {
                    client_options: self.options(Destination::Login, last),
                }),
            )
            .map_err(refused)?,
            Method::ClientCertificate | Method::WorkloadIdentity => ClientAssertionCredential::new(
                tenant,
                client,
                Made(self.assertion(now)?),
                Some(ClientAssertionCredentialOptions {
                    client_options: self.options(Destination::Login, last),
                }),
            )
            .map_err(refused)?,
            Method::ManagedIdentity => {
                let named = std::env::var(IDENTITY_ENDPOINT);
                let named = named.ok().and_then(|url| Url::parse(&url).ok());
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                    client_options: self.options(Destination::Metadata { named }, last),
                };
                ManagedIdentityCredential::new(Some(options)).map_err(refused)?
            }
        })
    }

    fn secret(&self) -> Result<SecretString, CredentialError> {
        let identity = &self.identity;
        match (&identity.client_secret, &identity.client_secret_file) {
            (Some(secret), _) => token::secret(secret.reveal(), "client secret"),
            (None, Some(path)) => token::secret(&read(path)?, "client secret"),
            (None, None) => Ok(SecretString::default()),
        }
    }

    /// The token that the platform gave, or one that is signed now.
    fn assertion(&self, now: Timestamp) -> Result<SecretString, CredentialError> {
        let identity = &self.identity;
        if self.method == Method::WorkloadIdentity {
            let path = identity.federated_token_file.as_deref();
            return token::secret(&read(path.unwrap_or(Path::new("")))?, "federated token");
        }
        let path = identity.client_certificate_file.as_deref();
        let certificate = ClientCertificate::read(path.unwrap_or(Path::new("")), Timestamp::now())?;
        let base = self.login_url.as_str().trim_end_matches('/');
        let tenant = identity.tenant.as_deref().unwrap_or_default();
        certificate.sign(
            identity.client_id.as_deref().unwrap_or_default(),
            &format!("{base}/{tenant}/oauth2/v2.0/token"),
            now,
        )
    }

    /// What to say of the file that the secret comes from.
    fn note(&self) -> Option<String> {
        let identity = &self.identity;
        let (what, path) = match self.method {
            Method::ClientSecret if identity.client_secret.is_none() => {
                ("client secret file", identity.client_secret_file.as_deref())
            }
            Method::ClientCertificate => (
                "client certificate file",
                identity.client_certificate_file.as_deref(),
            ),
            _ => return None,
        };
        open_to_others(what, path?, &std::fs::metadata(path?).ok()?)
    }

    fn options(&self, destination: Destination, last: &LastResponse) -> ClientOptions {
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
                last: last.clone(),
                web: Arc::clone(&self.web),
                destination,
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

impl TokenSource for Entra {
    fn fetch<'a>(&'a self, _instead_of: Option<&'a Token>) -> Fetching<'a> {
        Box::pin(async move {
            let last = LastResponse::default();
            let now = Timestamp::now();
            let token = match self.token(&last, now).await {
                // What we sign says when: by the login host's clock, if ours is wrong.
                Err(CredentialError::Refused(refusal))
                    if self.method == Method::ClientCertificate && refusal.is_out_of_time() =>
                {
                    let theirs = last.date().ok_or(CredentialError::Refused(refusal))?;
                    self.token(&last, theirs).await?
                }
                token => token?,
            };
            Ok(Fetched {
                issued: token,
                note: self.note(),
            })
        })
    }

    fn renewable(&self) -> bool {
        true
    }
}

impl Entra {
    async fn token(
        &self,
        last: &LastResponse,
        now: Timestamp,
    ) -> Result<AccessToken, CredentialError> {
        let credential = self.credential(last, now)?;
        let scopes = [self.scope.as_str()];
        let asking = credential.get_token(&scopes, None);
        let answer = tokio::time::timeout(self.patience, asking).await;
        let token = match (answer, last.take()) {
            (Ok(Ok(token)), _) => token,
            // Also when time is up: an answer that was tried again in vain says more than that.
            (_, Some(response)) => return Err(self.sort(response)),
            (Ok(Err(error)), None) => return Err(CredentialError::Identity(brief(&error))),
            (Err(_), None) => return Err(self.silence()),
        };
        let expires = Timestamp::from_second(token.expires_on.unix_timestamp()).ok();
        Ok(AccessToken {
            token: token::bearer(token.token.secret())?,
            expires,
        })
    }

    /// What a failure comes to, by the last response. The library's own account of it is kept out:
    /// it cannot read descriptions of several lines, which Entra's are, and leads to pages about the
    /// library.
    fn sort(&self, response: Response) -> CredentialError {
        let managed = self.method == Method::ManagedIdentity;
        match response {
            Response::Unreachable(unreachable) if managed => {
                CredentialError::NoPlatform(unreachable.to_string())
            }
            Response::Unreachable(unreachable) => unreachable.into(),
            // With 410 the metadata service says that it is being updated.
            Response::Answered {
                status: status @ (408 | 410 | 429 | 500..),
                ..
            } => CredentialError::Unavailable(status),
            Response::Answered {
                refusal: Some(refusal),
                ..
            } if managed => CredentialError::NoPlatform(if refusal.text.is_empty() {
                refusal.error
            } else {
                refusal.text
            }),
            Response::Answered {
                refusal: Some(refusal),
                ..
            } => match (self.method, refusal.number) {
                (Method::ClientCertificate, Some(700_027 | 1_000_502)) => {
                    CredentialError::CertificateRefused(refusal)
                }
                _ => CredentialError::Refused(refusal),
            },
            Response::Answered { status, .. } if managed => {
                CredentialError::NoPlatform(format!("it answered {status}"))
            }
            Response::Answered { .. } => CredentialError::Garbled("it is not an answer of Entra's"),
        }
    }

    /// What it comes to when time is up and nobody answered.
    fn silence(&self) -> CredentialError {
        CredentialError::Unreachable {
            host: match self.method {
                Method::ManagedIdentity => "the metadata service".into(),
                _ => self.login_url.host_str().unwrap_or_default().to_owned(),
            },
            why: "no answer in time".into(),
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

fn read(path: &Path) -> Result<Vec<u8>, CredentialError> {
    let bytes = std::fs::read(path).map_err(|source| CredentialError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    if bytes.len() > LIMIT {
        return Err(CredentialError::TooLong);
    }
    Ok(bytes)
}

/// Reads where the metadata service is said to be; it must be on this machine or its platform's own
/// network, because no TLS vouches for it.
fn metadata(text: &str) -> Result<Url, CredentialError> {
    let url = Url::parse(text).map_err(|_| CredentialError::Metadata)?;
    if endpoint::is_loopback(&url) || http::is_link_local(&url) {
        Ok(url)
    } else {
        Err(CredentialError::Metadata)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use graph_upload::client::HttpOptions;

    use super::*;
    use crate::{auth::Kind, settings::cloud::PUBLIC};

    /// What is said of a metadata service when the patience with it has come to its end.
    async fn impatient(service: &TcpListener, seconds: u64) -> CredentialError {
        let identity = Identity {
            metadata_host: Some(format!("http://{}", service.local_addr().unwrap())),
            ..Identity::default()
        };
        let context = Context {
            cloud: PUBLIC,
            login_url: Url::parse("https://login.example").unwrap(),
            http: HttpOptions::default(),
            state_dir: None,
            profile: None,
            keyring: false,
            interactive: false,
        };
        let entra = Entra {
            patience: Duration::from_secs(seconds),
            ..Entra::new(Method::ManagedIdentity, &identity, &context).unwrap()
        };
        entra.fetch(None).await.unwrap_err()
    }

    #[tokio::test]
    async fn an_answer_that_was_tried_again_until_time_was_up_is_told() {
        for (status, sentence, kind) in [
            (
                404,
                "gives no managed identity: it answered 404",
                Kind::Credentials,
            ),
            (410, "answered 410", Kind::Temporary),
        ] {
            let service = TcpListener::bind("127.0.0.1:0").unwrap();
            let listener = service.try_clone().unwrap();
            std::thread::spawn(move || {
                while let Ok((mut stream, _)) = listener.accept() {
                    let _ = stream.read(&mut [0; 4096]);
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    );
                }
            });
            let problem = impatient(&service, 2).await;
            assert!(problem.to_string().contains(sentence), "{problem}");
            assert_eq!(problem.kind(), kind);
        }
    }

    #[tokio::test]
    async fn a_service_that_is_silent_is_called_that() {
        let service = TcpListener::bind("127.0.0.1:0").unwrap();
        let problem = impatient(&service, 1).await;
        assert!(
            problem.to_string().contains("no answer in time"),
            "{problem}"
        );
        assert_eq!(problem.kind(), Kind::Temporary);
    }
}
