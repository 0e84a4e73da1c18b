//! Signing in with a browser on this computer: authorization code with PKCE (RFC 7636) and a redirect to
//! the loopback interface (RFC 8252).

use std::{fmt, io, time::Duration};

use jiff::Timestamp;
use oauth2::{AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl};

use super::{
    App, Beginning, SignedIn,
    loopback::{EndPage, Loopback},
    oauth::{Adapter, client, scopes, sort},
};
use crate::auth::{CredentialError, entra::Refusal, source::Context};

/// How long the login page may take: a new password and another factor are minutes.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// How long a browser may take to start; one for the terminal runs until its person leaves it.
const START: Duration = Duration::from_secs(5);

/// A login whose page waits for its person.
pub struct BrowserLogin {
    /// The page to open. From outside in part: escape before a terminal.
    pub url: String,
    /// The port of this computer that the page comes back to.
    pub port: u16,
    loopback: Loopback,
    redirect: RedirectUrl,
    state: CsrfToken,
    nonce: CsrfToken,
    verifier: PkceCodeVerifier,
    beginning: Beginning,
}

/// Starts a login: from now on the browser may come back.
///
/// # Errors
/// When the state directory cannot be used, or no port of this computer is free.
pub async fn begin(app: &App, context: &Context) -> Result<BrowserLogin, CredentialError> {
    let beginning = Beginning {
        browser: true,
        ..Beginning::new(app, context)?
    };
    let loopback = Loopback::bind().await.map_err(CredentialError::Loopback)?;
    // Of an app's `http://localhost` Entra leaves the port open, and of no other name. The library keeps
    // the text as it is: with a slash at its end it would be another URI.
    let redirect = RedirectUrl::new(format!("http://localhost:{}", loopback.port))
        .map_err(|error| CredentialError::Loopback(io::Error::other(error)))?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let nonce = CsrfToken::new_random();
    let client = client(&beginning.saved)?;
    let mut request = client
        .authorize_url(CsrfToken::new_random)
        .add_scopes(scopes(&beginning.saved))
        .set_pkce_challenge(challenge)
        .set_redirect_uri(std::borrow::Cow::Borrowed(&redirect))
        .add_extra_param("response_mode", "query")
        .add_extra_param("nonce", nonce.secret().clone());
    let earlier = beginning.earlier.as_ref();
    // Whoever is signed in in the browser may be somebody else than is meant.
    request = match earlier.and_then(|login| login.account.clone()) {
        Some(account) => request.add_extra_param("login_hint", account),
        None => request.add_extra_param("prompt", "select_account"),
    };
    if let Some(claims) = beginning.challenge() {
        request = request.add_extra_param("claims", claims);
    }
    let (url, state) = request.url();
    Ok(BrowserLogin {
        url: url.into(),
        port: loopback.port,
        loopback,
        redirect,
        state,
        nonce,
        verifier,
        beginning,
    })
}

impl BrowserLogin {
    /// Waits until the browser comes back; keeps the login.
    ///
    /// # Errors
    /// When the sign-in is refused, is not the one that was begun, takes longer than `patience`, or
    /// cannot be saved.
    pub async fn finish(mut self, patience: Duration) -> Result<SignedIn, CredentialError> {
        let arrival = tokio::time::timeout(patience, self.loopback.arrival()).await;
        let Some(arrival) = arrival.ok().flatten() else {
            let login = &self.beginning.saved.login;
            let again = super::login_command(&login.client_id, &login.tenant);
            return Err(CredentialError::NoAnswer {
                seconds: patience.as_secs(),
                other: super::with_flag(&again, "--device-code"),
            });
        };
        let code = judge(&arrival.query, self.state.secret());
        let result = match code {
            Err(Rejected::OtherSignIn) => Err(CredentialError::OtherSignIn("the state")),
            Err(Rejected::Garbled) => Err(CredentialError::Garbled("the browser brought no code")),
            Err(Rejected::Refused(refusal)) => Err(self.beginning.refused(refusal)),
            Ok(code) => {
                exchange(
                    self.beginning,
                    code,
                    self.verifier,
                    &self.redirect,
                    self.nonce.secret(),
                )
                .await
            }
        };
        let page = match &result {
            Ok(signed_in) => EndPage {
                title: "Signed in",
                text: match &signed_in.login.account {
                    Some(account) => {
                        format!(
                            "graph-attach is signed in as {account}. This window can be closed."
                        )
                    }
                    None => "graph-attach is signed in. This window can be closed.".into(),
                },
            },
            Err(problem) => EndPage {
                title: "Not signed in",
                text: format!(
                    "graph-attach is not signed in: {problem}. The terminal says what to do. This \
                     window can be closed."
                ),
            },
        };
        arrival.end(page).await;
        result
    }
}

async fn exchange(
    beginning: Beginning,
    code: String,
    verifier: PkceCodeVerifier,
    redirect: &RedirectUrl,
    nonce: &str,
) -> Result<SignedIn, CredentialError> {
    let asked = Timestamp::now();
    let client = client(&beginning.saved)?;
    let reply = client
        .exchange_code(AuthorizationCode::new(code))
        .set_pkce_verifier(verifier)
        .set_redirect_uri(std::borrow::Cow::Borrowed(redirect))
        .request_async(&Adapter(&beginning.web))
        .await
        .map_err(|error| beginning.explain(sort(error)))?;
    beginning.keep(&reply, asked, Some(nonce)).await
}

/// Why an answer is not the one that was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Rejected {
    /// It belongs to a sign-in that was not begun here.
    OtherSignIn,
    /// It has neither a code nor an error, or something twice.
    Garbled,
    /// The login service says no.
    Refused(Refusal),
}

/// The code that an answer brings, if it answers our question. Pure.
fn judge(query: &[(String, String)], state: &str) -> Result<String, Rejected> {
    let value = |name: &str| {
        let mut values = query.iter().filter(|(key, _)| key == name);
        let first = values.next().map(|(_, value)| value.as_str());
        // What stands there twice could be read either way (RFC 6749, section 3.1).
        if values.next().is_some() {
            Err(Rejected::Garbled)
        } else {
            Ok(first)
        }
    };
    // An error too: anybody's page can send the browser here.
    if value("state")? != Some(state) {
        return Err(Rejected::OtherSignIn);
    }
    match (value("error")?, value("code")?) {
        (Some(error), _) => {
            let description = value("error_description")?.unwrap_or_default();
            Err(Rejected::Refused(Refusal::new(error, description)))
        }
        (None, Some(code)) if !code.is_empty() => Ok(code.to_owned()),
        (None, _) => Err(Rejected::Garbled),
    }
}

impl fmt::Debug for BrowserLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserLogin")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// Whether a browser can be opened, as far as the surroundings say. Where nobody sits at this computer's
/// own screen, none would be seen.
pub fn can_open() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("BROWSER") {
        return true;
    }
    let elsewhere = set("SSH_CONNECTION") || set("SSH_TTY");
    if cfg!(any(target_os = "macos", windows)) {
        return !elsewhere;
    }
    let screen = set("DISPLAY") || set("WAYLAND_DISPLAY");
    let windows = set("WSL_DISTRO_NAME") && !elsewhere;
    (screen || windows)
        && webbrowser::open_browser_with_options(
            webbrowser::Browser::Default,
            "http://localhost/",
            webbrowser::BrowserOptions::new().with_dry_run(true),
        )
        .is_ok()
}

/// Opens a page in `$BROWSER` or the platform's browser; says whether one was there to open it.
pub async fn open(url: String) -> bool {
    let (done, opened) = tokio::sync::oneshot::channel();
    let started = std::thread::Builder::new()
        .name("browser".into())
        .spawn(move || {
            let _ = done.send(webbrowser::open(&url).is_ok());
        });
    match (started, tokio::time::timeout(START, opened).await) {
        (Ok(_), Ok(opened)) => opened.unwrap_or(false),
        // It runs still: it is there.
        (Ok(_), Err(_)) => true,
        (Err(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(query: &str) -> Result<String, Rejected> {
        let query: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        judge(&query, "STATE")
    }

    #[test]
    fn only_the_answer_to_our_question_has_a_code() {
        assert_eq!(answer("code=C&state=STATE&session_state=x").unwrap(), "C");
        for (query, rejected) in [
            ("code=C", Rejected::OtherSignIn),
            ("code=C&state=OTHER", Rejected::OtherSignIn),
            ("code=C&state=", Rejected::OtherSignIn),
            ("code=C&state=state", Rejected::OtherSignIn),
            ("error=access_denied", Rejected::OtherSignIn),
            ("state=STATE", Rejected::Garbled),
            ("code=&state=STATE", Rejected::Garbled),
            ("code=C&code=D&state=STATE", Rejected::Garbled),
            ("code=C&state=STATE&state=STATE", Rejected::Garbled),
        ] {
            assert_eq!(answer(query), Err(rejected), "{query}");
        }
        let refused =
            answer("error=consent_required&error_description=AADSTS65001:+No.&state=STATE");
        let Err(Rejected::Refused(refusal)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refusal.number, Some(65001));
    }
}
