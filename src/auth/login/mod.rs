//! Signing in as a person, in a browser here or by device code, and using that login until it is
//! forgotten. The requests are the `oauth2` crate's over our HTTP.
//!
//! [`browser`] and [`device`] are the two ways in; [`place`] keeps what came of it, one login for each
//! profile; [`saved`] is that login as a source of tokens.

pub mod browser;
pub mod device;
mod keyring;
mod loopback;
mod oauth;
mod place;
mod saved;
mod scopes;
mod seal;

use jiff::Timestamp;
use secrecy::ExposeSecret;

pub use keyring::KeyringError;
pub use place::{Login, LoginStore};
pub(super) use saved::{SavedLogin, is_saved};
pub use scopes::Scopes;
pub(super) use scopes::{names as scope_names, short as short_scope};

use self::{
    keyring::Keyring,
    oauth::TokenReply,
    place::{Place, Saved},
    seal::SealKey,
};
use super::{CredentialError, entra::Refusal, http::Web, reply::AccessToken, source::Context};

/// An app and a tenant to sign in to.
#[derive(Clone, Debug)]
pub struct App {
    /// The app's (client's) id.
    pub client_id: String,
    /// The tenant: an id, a domain, or `organizations`, `consumers`, `common`.
    pub tenant: String,
    /// What to ask for.
    pub scopes: Scopes,
}

impl App {
    /// An app of which the least is asked.
    pub fn new(client_id: impl Into<String>, tenant: impl Into<String>) -> Self {
        App {
            client_id: client_id.into(),
            tenant: tenant.into(),
            scopes: Scopes::default(),
        }
    }
}

/// The place of the profile's saved login.
fn place(context: &Context) -> Result<Place, CredentialError> {
    let directory = context
        .state_dir
        .as_deref()
        .ok_or(CredentialError::NoPlace)?;
    Ok(Place::new(directory, context.profile.as_deref()))
}

/// A login that came about.
#[derive(Debug)]
pub struct SignedIn {
    /// Its first token.
    pub token: AccessToken,
    /// What is known of it.
    pub login: Login,
    /// What a person should know about where it is kept.
    pub note: Option<String>,
}

/// A login that has begun: what is known before anybody signs in.
struct Beginning {
    saved: Saved,
    /// The profile's login so far.
    earlier: Option<Login>,
    place: Place,
    web: Web,
    /// The system's store, if it is to be used.
    keyring: Option<Keyring>,
    /// Whether it is in a browser here.
    browser: bool,
}

impl Beginning {
    /// Makes the state directory first: a login that cannot be kept is not begun.
    fn new(app: &App, context: &Context) -> Result<Self, CredentialError> {
        let place = self::place(context)?;
        place.prepare()?;
        // A damaged one is replaced by the new one.
        let loaded = place.load().ok().flatten();
        let earlier = loaded.map(|loaded| loaded.login().clone());
        let same = earlier.as_ref().filter(|login| {
            login.client_id.eq_ignore_ascii_case(&app.client_id)
                && login.tenant.eq_ignore_ascii_case(&app.tenant)
        });
        let scopes = same.map_or_else(
            || app.scopes.clone(),
            |login| app.scopes.clone().and(&login.scope),
        );
        let login = Login {
            profile: context.profile.clone(),
            client_id: app.client_id.clone(),
            tenant: app.tenant.clone(),
            tenant_id: None,
            account: None,
            login_url: context.login_url.clone(),
            scope: scopes.request(context.cloud),
            expires: None,
            store: LoginStore::File,
            key: None,
            challenge: None,
        };
        Ok(Beginning {
            saved: Saved::new(login),
            earlier,
            place,
            web: Web::new(&context.http)?,
            keyring: Keyring::of_system().filter(|_| context.keyring),
            browser: false,
        })
    }

    /// What the service wants proved at this sign-in.
    fn challenge(&self) -> Option<String> {
        self.earlier.as_ref()?.challenge.clone()
    }

    /// A refusal with the line that tries again, and the other way in where a policy blocks this one.
    fn explain(&self, problem: CredentialError) -> CredentialError {
        match problem {
            CredentialError::Refused(refusal) => self.refused(refusal),
            problem => problem,
        }
    }

    fn refused(&self, refusal: Refusal) -> CredentialError {
        let again = login_command(&self.saved.login.client_id, &self.saved.login.tenant);
        let other = if self.browser {
            "--device-code"
        } else {
            "--browser"
        };
        CredentialError::SignInRefused {
            other: refusal.is_policy().then(|| with_flag(&again, other)),
            refusal,
            again,
        }
    }

    /// Takes what the login service gave, checks whose it is, and keeps it.
    async fn keep(
        mut self,
        reply: &TokenReply,
        asked: Timestamp,
        nonce: Option<&str>,
    ) -> Result<SignedIn, CredentialError> {
        let (token, id) = oauth::take(&mut self.saved, reply, asked)?;
        let login = &self.saved.login;
        // Entra gives the nonce back; without it, PKCE still ties the answer to the question.
        if let (Some(sent), Some(came)) = (nonce, id.and_then(|id| id.nonce))
            && sent != came
        {
            return Err(CredentialError::OtherSignIn("the nonce"));
        }
        if self.saved.secrets.refresh_token.expose_secret().is_empty() {
            return Err(CredentialError::Garbled("it has no refresh token"));
        }
        let wanted = uuid::Uuid::parse_str(&login.tenant).ok();
        let is = login.tenant_id.as_deref();
        let is = is.and_then(|tenant| uuid::Uuid::parse_str(tenant).ok());
        if let (Some(wanted), Some(is)) = (wanted, is)
            && wanted != is
        {
            return Err(CredentialError::OtherTenant {
                wanted: wanted.to_string(),
                is: is.to_string(),
            });
        }
        let _lock = self.place.lock().await?;
        let note = settle(&mut self.saved, self.keyring.as_ref())
            .await
            .err()
            .map(|why| {
                let path = self.place.path();
                format!(
                    "the login is kept in `{}` (for you only): {why}",
                    path.display()
                )
            });
        self.place.save(&self.saved)?;
        if let Some(earlier) = self.earlier {
            forget_key(&earlier).await;
        }
        Ok(SignedIn {
            token,
            login: self.saved.login,
            note,
        })
    }
}

/// Puts a login where it shall be kept: with the system's store if that takes the key, else in the file.
async fn settle(saved: &mut Saved, keyring: Option<&Keyring>) -> Result<(), KeyringError> {
    (saved.login.store, saved.login.key, saved.key) = (LoginStore::File, None, None);
    let (Some(keyring), Some(key)) = (keyring, SealKey::new()) else {
        return Ok(());
    };
    let name = format!("login {}", uuid::Uuid::new_v4());
    keyring.keep(&name, &key).await?;
    (saved.login.store, saved.login.key, saved.key) = (LoginStore::Keyring, Some(name), Some(key));
    Ok(())
}

/// Takes a login's key out of the system's store. Without its file the key opens nothing, so that it is
/// no failure if the store does not answer.
async fn forget_key(login: &Login) {
    if let (Some(name), Some(keyring)) = (&login.key, Keyring::of_system()) {
        let _ = keyring.forget(name).await;
    }
}

/// Every saved login, the one without a profile first; those that cannot be read are left out.
///
/// # Errors
/// When the state directory cannot be read.
pub fn all(context: &Context) -> Result<Vec<Login>, CredentialError> {
    let Some(directory) = &context.state_dir else {
        return Ok(Vec::new());
    };
    let places = Place::all(directory)?;
    Ok(places
        .into_iter()
        .filter_map(|place| Some(place.load().ok()??.login().clone()))
        .collect())
}

/// The profile's saved login, if there is one that can be read.
pub fn current(context: &Context) -> Option<Login> {
    let place = place(context).ok()?;
    Some(place.load().ok()??.login().clone())
}

/// Forgets the profile's saved login, or every one; says how many there were.
///
/// # Errors
/// When one is there and cannot be removed.
pub async fn logout(context: &Context, everyone: bool) -> Result<usize, CredentialError> {
    let Some(directory) = &context.state_dir else {
        return Ok(0);
    };
    let places = if everyone {
        Place::all(directory)?
    } else {
        vec![place(context)?]
    };
    let mut removed = 0;
    for place in places.into_iter().filter(Place::is_taken) {
        // A process that is renewing the login would bring it back.
        let _lock = place.lock().await?;
        let login = place.load().ok().flatten();
        removed += usize::from(place.remove()?);
        if let Some(loaded) = login {
            forget_key(loaded.login()).await;
        }
    }
    Ok(removed)
}

/// The line that makes a login.
fn login_command(client_id: &str, tenant: &str) -> String {
    let quoted = |word: &str| {
        shlex::try_quote(word).map_or_else(|_| "''".to_owned(), std::borrow::Cow::into_owned)
    };
    format!(
        "graph-attach auth login --client-id {} --tenant {}",
        quoted(client_id),
        quoted(tenant)
    )
}

/// The same line with one more flag.
fn with_flag(command: &str, flag: &str) -> String {
    command.replacen("auth login", &format!("auth login {flag}"), 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        keyring::tests::{Locked, Memory},
        place::tests::saved,
        *,
    };

    #[tokio::test]
    async fn a_login_goes_to_the_system_s_store_or_stays_in_its_file() {
        let memory = Memory::default();
        let mut login = saved();
        let keyring = Keyring::with(memory.clone(), Duration::from_secs(9));
        settle(&mut login, Some(&keyring)).await.unwrap();
        assert_eq!(login.login.store, LoginStore::Keyring);
        let name = login.login.key.clone().unwrap();
        assert_eq!(memory.0.lock().unwrap()[&name], login.key.unwrap().bytes());

        let mut login = saved();
        let locked = Keyring::with(Locked, Duration::from_millis(50));
        let why = settle(&mut login, Some(&locked)).await.unwrap_err();
        assert!(why.to_string().contains("locked"), "{why}");
        assert_eq!(login.login.store, LoginStore::File);
        assert!(login.key.is_none() && login.login.key.is_none());

        settle(&mut login, None).await.unwrap();
        assert_eq!(login.login.store, LoginStore::File);
    }

    #[test]
    fn a_line_that_can_be_pasted_quotes_what_it_must() {
        let line = login_command("a b", "t;id");
        assert_eq!(
            line,
            "graph-attach auth login --client-id 'a b' --tenant 't;id'"
        );
        assert!(with_flag(&line, "--browser").starts_with("graph-attach auth login --browser "));
    }
}
