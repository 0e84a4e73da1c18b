//! Signing in as a person by device code (RFC 8628), and renewing that login, by the `oauth2`
//! crate over our HTTP.
//!
//! The app is the user's own registration. What is asked for is `.default`: the permissions that
//! the registration lists, no more.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use jiff::{SignedDuration, Timestamp};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, DeviceAuthorizationUrl, EndpointNotSet, EndpointSet,
    ErrorResponse, HttpRequest, HttpResponse, RefreshToken, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse, StandardErrorResponse, TokenResponse, TokenUrl,
    basic::{BasicClient, BasicTokenResponse},
};
use url::Url;

use super::{
    Claims, Problem, Token,
    entra::Refusal,
    http::{Reach, Unreachable, Web},
    provider::MARGIN,
    reply::Issued,
    saved::{Place, Saved, login_command},
    source::{Answer, Ask, Asking, Context},
};
use crate::settings::credential::Identity;

/// A server that says to poll all the time is not obeyed.
const FASTEST: Duration = Duration::from_millis(200);

/// An app and a tenant to sign in to.
#[derive(Clone, Debug)]
pub struct App {
    /// The app's (client's) id.
    pub client_id: String,
    /// The tenant: an id, a domain, or `organizations`, `consumers`, `common`.
    pub tenant: String,
}

/// A login that waits for its person.
pub struct Pending {
    /// The code to enter.
    pub code: String,
    /// The page to enter it at. From outside: escape before a terminal.
    pub page: String,
    /// How long the code is good for.
    pub lifetime: Duration,
    details: StandardDeviceAuthorizationResponse,
    saved: Saved,
    place: Place,
    web: Web,
}

/// Starts a login. The state directory is made first: a login that cannot be kept is not begun.
///
/// # Errors
/// When the state directory cannot be used, or the login service cannot be reached or refuses.
pub async fn begin(app: &App, context: &Context) -> Result<Pending, Problem> {
    let place = Place::new(context.state_dir.as_deref().ok_or(Problem::NoPlace)?);
    place.prepare()?;
    // `offline_access` is Entra's word for a refresh token.
    let scope = format!("{} offline_access", context.cloud.scope());
    let saved = Saved::new(
        context.login_url.clone(),
        app.tenant.clone(),
        app.client_id.clone(),
        scope,
    );
    let web = Web::new(context.ca_file.as_deref())?;
    let details: StandardDeviceAuthorizationResponse = client(&saved)?
        .exchange_device_code()
        .add_scopes(scopes(&saved))
        .request_async(&Adapter(&web))
        .await
        .map_err(sort)?;
    Ok(Pending {
        code: details.user_code().secret().clone(),
        page: details.verification_uri().to_string(),
        lifetime: details.expires_in(),
        details,
        saved,
        place,
        web,
    })
}

impl Pending {
    /// Waits until the person has entered the code, or will not; keeps the login.
    ///
    /// # Errors
    /// When the sign-in is declined, blocked or too late, or cannot be saved.
    pub async fn finish(self) -> Result<Issued, Problem> {
        let asked = Timestamp::now();
        let adapter = Adapter(&self.web);
        let client = client(&self.saved)?;
        let reply = client
            .exchange_device_access_token(&self.details)
            .request_async(
                &adapter,
                |pause| tokio::time::sleep(pause.max(FASTEST)),
                None,
            )
            .await
            .map_err(sort)?;
        let mut saved = self.saved;
        let issued = take(&mut saved, &reply, asked)?;
        if saved.refresh_token.is_empty() {
            return Err(Problem::Garbled("it has no refresh token"));
        }
        let _lock = self.place.lock().await?;
        self.place.save(&saved)?;
        Ok(issued)
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("page", &self.page)
            .finish_non_exhaustive()
    }
}

/// Whether there is a saved login to use.
pub(super) fn is_saved(context: &Context) -> bool {
    context
        .state_dir
        .as_deref()
        .is_some_and(|directory| Place::new(directory).is_taken())
}

/// Forgets the saved login; says whether there was one.
///
/// # Errors
/// When it is there and cannot be removed.
pub async fn logout(context: &Context) -> Result<bool, Problem> {
    let Some(directory) = &context.state_dir else {
        return Ok(false);
    };
    let place = Place::new(directory);
    if !place.is_taken() {
        return Ok(false);
    }
    // A process that is renewing the login would bring it back.
    let _lock = place.lock().await?;
    place.remove()
}

/// The saved login as a source of tokens.
pub(super) struct SavedLogin {
    place: Place,
    wanted: Identity,
    web: Web,
}

impl SavedLogin {
    /// The login of `wanted`, as far as that says; asks nobody yet.
    pub(super) fn new(wanted: &Identity, context: &Context) -> Result<Self, Problem> {
        Ok(SavedLogin {
            place: Place::new(context.state_dir.as_deref().ok_or(Problem::NoPlace)?),
            wanted: wanted.clone(),
            web: Web::new(context.ca_file.as_deref())?,
        })
    }

    fn load(&self) -> Result<Saved, Problem> {
        let saved = self
            .place
            .load()?
            .ok_or_else(|| Problem::NoLogin(self.command()))?;
        let differs = |wanted: &Option<String>, is: &str| {
            wanted
                .as_ref()
                .is_some_and(|wanted| !wanted.eq_ignore_ascii_case(is))
        };
        if differs(&self.wanted.client_id, &saved.client_id)
            || differs(&self.wanted.tenant, &saved.tenant)
        {
            return Err(Problem::OtherLogin {
                instead: self.command(),
                app: saved.client_id,
                tenant: saved.tenant,
            });
        }
        Ok(saved)
    }

    fn command(&self) -> String {
        login_command(
            self.wanted.client_id.as_deref().unwrap_or("APP_ID"),
            self.wanted.tenant.as_deref().unwrap_or("TENANT_ID"),
        )
    }

    async fn renew(&self, saved: &mut Saved) -> Result<Issued, Problem> {
        let asked = Timestamp::now();
        let refresh_token = RefreshToken::new(saved.refresh_token.clone());
        let client = client(saved)?;
        let reply = client
            .exchange_refresh_token(&refresh_token)
            .add_scopes(scopes(saved))
            .request_async(&Adapter(&self.web))
            .await
            .map_err(|error| match sort(error) {
                Problem::Refused(refusal) if refusal.needs_a_person() => Problem::LoginEnded {
                    refusal,
                    again: saved.command(),
                },
                problem => problem,
            })?;
        take(saved, &reply, asked)
    }
}

impl Ask for SavedLogin {
    fn ask<'a>(&'a self, instead_of: Option<&'a Token>) -> Asking<'a> {
        Box::pin(async move {
            if let Some(issued) = usable(&self.load()?, instead_of, Timestamp::now()) {
                return Ok(issued.into());
            }
            let lock = self.place.lock().await?;
            // Whoever had the lock before has probably done what we came for.
            let mut saved = self.load()?;
            if let Some(issued) = usable(&saved, instead_of, Timestamp::now()) {
                return Ok(issued.into());
            }
            let issued = self.renew(&mut saved).await?;
            let kept = self.place.save(&saved);
            drop(lock);
            // The token is good all the same; the next process renews again.
            let note = kept
                .err()
                .map(|why| format!("the renewed login could not be kept: {why}"));
            Ok(Answer { issued, note })
        })
    }

    fn renewable(&self) -> bool {
        true
    }
}

/// The saved access token, if it is still good for a while and is not the one that was refused.
fn usable(saved: &Saved, instead_of: Option<&Token>, now: Timestamp) -> Option<Issued> {
    let token = Token::new(&saved.access_token).ok()?;
    let lasts = saved
        .expires
        .is_some_and(|end| end.duration_since(now) >= MARGIN);
    (lasts && instead_of != Some(&token)).then_some(Issued {
        token,
        expires: saved.expires,
    })
}

/// Takes what the login service gave into the login.
fn take(
    saved: &mut Saved,
    reply: &BasicTokenResponse,
    asked: Timestamp,
) -> Result<Issued, Problem> {
    let token = Token::new(reply.access_token().secret())?;
    let lifetime = reply
        .expires_in()
        .and_then(|left| SignedDuration::try_from(left).ok());
    let expires = lifetime
        .and_then(|left| asked.checked_add(left).ok())
        .or_else(|| Claims::of(&token).and_then(|claims| claims.expires));
    saved.access_token = token.expose().to_owned();
    saved.expires = expires;
    // Without a new one, the old one goes on being good.
    if let Some(refresh_token) = reply.refresh_token() {
        saved.refresh_token = refresh_token.secret().clone();
    }
    Ok(Issued { token, expires })
}

type Client = BasicClient<EndpointNotSet, EndpointSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

fn client(saved: &Saved) -> Result<Client, Problem> {
    Ok(BasicClient::new(ClientId::new(saved.client_id.clone()))
        .set_auth_type(AuthType::RequestBody)
        .set_device_authorization_url(DeviceAuthorizationUrl::from_url(url(saved, "devicecode")?))
        .set_token_uri(TokenUrl::from_url(url(saved, "token")?)))
}

/// `{login}/{tenant}/oauth2/v2.0/{last}`
fn url(saved: &Saved, last: &str) -> Result<Url, Problem> {
    let tenant = &saved.tenant;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if tenant.is_empty() || tenant.starts_with('.') || !tenant.chars().all(plain) {
        return Err(Problem::Identity("a tenant is an id or a domain".into()));
    }
    let base = saved.login_url.as_str().trim_end_matches('/');
    Url::parse(&format!("{base}/{tenant}/oauth2/v2.0/{last}"))
        .map_err(|_| Problem::Identity("a tenant is an id or a domain".into()))
}

fn scopes(saved: &Saved) -> impl Iterator<Item = Scope> {
    saved
        .scope
        .split(' ')
        .map(|scope| Scope::new(scope.to_owned()))
}

/// What an error of the library comes to. Its own texts may hold what the service sent.
fn sort<T: oauth2::ErrorResponseType + AsRef<str> + fmt::Display + 'static>(
    error: RequestTokenError<Failure, StandardErrorResponse<T>>,
) -> Problem
where
    StandardErrorResponse<T>: ErrorResponse,
{
    match error {
        RequestTokenError::ServerResponse(said) => Problem::Refused(Refusal::new(
            said.error().as_ref(),
            said.error_description()
                .map(String::as_str)
                .unwrap_or_default(),
        )),
        RequestTokenError::Request(Failure::Unreachable(unreachable)) => unreachable.into(),
        RequestTokenError::Request(Failure::Unavailable(status)) => Problem::Unavailable(status),
        RequestTokenError::Request(Failure::Request) => {
            Problem::Identity("the request cannot be written".into())
        }
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            Problem::Garbled("it is no answer of a login service")
        }
    }
}

/// The library's requests over our client.
struct Adapter<'w>(&'w Web);

/// A request without a usable answer. While the library polls, each of these makes it wait longer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("the login service answered {0}")]
    Unavailable(u16),
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
                .send(&Reach::Login, parts.method, &url, parts.headers, body)
                .await?;
            if matches!(reply.status, 408 | 429 | 500..) {
                return Err(Failure::Unavailable(reply.status));
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
    use super::{super::saved::tests::saved, *};

    #[test]
    fn the_saved_token_is_used_while_it_lasts_and_unless_it_was_refused() {
        let now = Timestamp::now();
        let mut saved = saved();
        let used = |saved: &Saved, not: Option<&str>| {
            let not = not.map(|text| Token::new(text).unwrap());
            usable(saved, not.as_ref(), now).is_some()
        };
        assert!(
            !used(&saved, None),
            "an end that nobody knows may have passed"
        );
        saved.expires = Some(now + MARGIN);
        assert!(used(&saved, None));
        assert!(used(&saved, Some("OTHER")));
        assert!(!used(&saved, Some("ACCESS")));
        saved.expires = Some(now + MARGIN - SignedDuration::from_secs(1));
        assert!(!used(&saved, None));
    }

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
            saved.tenant = bad.into();
            assert!(url(&saved, "token").is_err(), "{bad}");
        }
        saved.tenant = "contoso.onmicrosoft.com".into();
        assert_eq!(
            url(&saved, "token").unwrap().as_str(),
            "http://127.0.0.1:1/contoso.onmicrosoft.com/oauth2/v2.0/token"
        );
    }
}
