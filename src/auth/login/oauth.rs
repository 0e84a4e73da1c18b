//! The requests of OAuth 2.0 by the `oauth2` crate over our HTTP: code, device code and refresh.

use std::{fmt, future::Future, pin::Pin};

use graph_upload::redact;
use jiff::{SignedDuration, Timestamp};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, ClientId, DeviceAuthorizationUrl, EndpointNotSet,
    EndpointSet, ErrorResponse, ExtraTokenFields, HttpRequest, HttpResponse, RequestTokenError,
    Scope, StandardErrorResponse, StandardRevocableToken, StandardTokenResponse, TokenResponse,
    TokenUrl,
    basic::{
        BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
        BasicTokenType,
    },
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::place::Saved;
use crate::auth::{
    Claims, CredentialError, Token,
    entra::Refusal,
    http::{self, Destination, Unreachable, Web},
    reply::AccessToken,
    token::bearer,
};

/// What Entra gives besides OAuth 2.0's own fields.
#[derive(Deserialize, Serialize)]
pub(super) struct Extra {
    #[serde(default, skip_serializing)]
    id_token: Option<String>,
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extra(…)")
    }
}

impl ExtraTokenFields for Extra {}

/// A successful answer of the token endpoint.
pub(super) type TokenReply = StandardTokenResponse<Extra, BasicTokenType>;

/// A client with all of Entra's endpoints that are used here.
pub(super) type Client = oauth2::Client<
    BasicErrorResponse,
    TokenReply,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// The client for a login's app, tenant and host.
pub(super) fn client(saved: &Saved) -> Result<Client, CredentialError> {
    Ok(
        oauth2::Client::new(ClientId::new(saved.login.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::from_url(url(saved, "authorize")?))
            .set_device_authorization_url(DeviceAuthorizationUrl::from_url(url(
                saved,
                "devicecode",
            )?))
            .set_token_uri(TokenUrl::from_url(url(saved, "token")?)),
    )
}

/// `{login}/{tenant}/oauth2/v2.0/{last}`
fn url(saved: &Saved, last: &str) -> Result<Url, CredentialError> {
    let tenant = &saved.login.tenant;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if tenant.is_empty() || tenant.starts_with('.') || !tenant.chars().all(plain) {
        return Err(CredentialError::Identity(
            "a tenant is an id or a domain".into(),
        ));
    }
    let base = saved.login.login_url.as_str().trim_end_matches('/');
    Url::parse(&format!("{base}/{tenant}/oauth2/v2.0/{last}"))
        .map_err(|_| CredentialError::Identity("a tenant is an id or a domain".into()))
}

/// The login's scopes as the library wants them.
pub(super) fn scopes(saved: &Saved) -> impl Iterator<Item = Scope> {
    saved
        .login
        .scope
        .split(' ')
        .map(|scope| Scope::new(scope.to_owned()))
}

/// Takes what the login service gave into the login; gives the claims of the id token, if one came.
pub(super) fn take(
    saved: &mut Saved,
    reply: &TokenReply,
    asked: Timestamp,
) -> Result<(AccessToken, Option<Claims>), CredentialError> {
    let token = bearer(reply.access_token().secret())?;
    let lifetime = reply
        .expires_in()
        .and_then(|left| SignedDuration::try_from(left).ok());
    // Counted from our own clock, which may be wrong, and not read from the token, which is by theirs.
    let expires = lifetime
        .and_then(|left| asked.checked_add(left).ok())
        .or_else(|| Claims::of(&token).and_then(|claims| claims.expires));
    let id = reply.extra_fields().id_token.as_deref();
    let id = id
        .and_then(|text| Token::new(text).ok())
        .and_then(|token| Claims::of(&token));
    let access = Claims::of(&token).unwrap_or_default();
    let known = id.clone().unwrap_or_default();
    saved.login.account = known.user.or(access.user).or(saved.login.account.take());
    saved.login.tenant_id = known
        .tenant
        .or(access.tenant)
        .or(saved.login.tenant_id.take());
    saved.secrets.access_token = SecretString::from(token.expose());
    saved.login.expires = expires;
    // Without a new one, the old one stays good.
    if let Some(refresh_token) = reply.refresh_token() {
        redact::register(refresh_token.secret());
        saved.secrets.refresh_token = SecretString::from(refresh_token.secret().as_str());
    }
    Ok((AccessToken { token, expires }, id))
}

/// What an error of the library comes to. Its own texts may hold what the service sent.
pub(super) fn sort<T: oauth2::ErrorResponseType + AsRef<str> + fmt::Display + 'static>(
    error: RequestTokenError<Failure, StandardErrorResponse<T>>,
) -> CredentialError
where
    StandardErrorResponse<T>: ErrorResponse,
{
    match error {
        RequestTokenError::ServerResponse(said) => CredentialError::Refused(Refusal::new(
            said.error().as_ref(),
            said.error_description()
                .map(String::as_str)
                .unwrap_or_default(),
        )),
        RequestTokenError::Request(Failure::Unreachable(unreachable)) => unreachable.into(),
        RequestTokenError::Request(Failure::Unavailable(status)) => {
            CredentialError::Unavailable(status)
        }
        RequestTokenError::Request(Failure::Page(title)) => CredentialError::Page(title),
        RequestTokenError::Request(Failure::Request) => {
            CredentialError::Identity("the request cannot be written".into())
        }
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            CredentialError::Garbled("it is not an answer of a login service")
        }
    }
}

/// The library's requests over our client.
pub(super) struct Adapter<'w>(pub(super) &'w Web);

/// A request without a usable answer. While the library polls, each of these makes it wait longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("the login service answered {0}")]
    Unavailable(u16),
    #[error("a web page came instead of an answer")]
    Page(Option<String>),
    #[error("the request cannot be written")]
    Request,
}

impl<'c> AsyncHttpClient<'c> for Adapter<'_> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failure>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let url = Url::parse(&parts.uri.to_string()).map_err(|_| Failure::Request)?;
            let reply = self
                .0
                .send(&Destination::Login, parts.method, &url, parts.headers, body)
                .await?;
            if matches!(reply.status, 408 | 429 | 500..) {
                return Err(Failure::Unavailable(reply.status));
            }
            if let Some(title) = http::page(&reply.body) {
                return Err(Failure::Page(title));
            }
            let mut response = HttpResponse::new(reply.body);
            *response.status_mut() =
                oauth2::http::StatusCode::from_u16(reply.status).map_err(|_| Failure::Request)?;
            *response.headers_mut() = reply.headers;
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::place::tests::saved, *};

    #[test]
    fn a_tenant_cannot_lead_elsewhere() {
        let mut saved = saved();
        for bad in [
            "",
            "..",
            "a/b",
            "a?b",
            "a#b",
            "a b",
            "@evil.example",
            "a%2f",
        ] {
            saved.login.tenant = bad.into();
            assert!(url(&saved, "token").is_err(), "{bad}");
        }
        saved.login.tenant = "contoso.onmicrosoft.com".into();
        assert_eq!(
            url(&saved, "token").unwrap().as_str(),
            "http://127.0.0.1:1/contoso.onmicrosoft.com/oauth2/v2.0/token"
        );
    }
}
