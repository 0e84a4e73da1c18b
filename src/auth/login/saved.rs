//! The saved login as a source of tokens: used while it lasts, renewed under a lock when it does not.

use graph_upload::redact;
use jiff::Timestamp;
use oauth2::RefreshToken;
use secrecy::ExposeSecret;

use super::{
    App, browser, forget_key,
    keyring::Keyring,
    login_command,
    oauth::{Adapter, client, scopes, sort, take},
    place,
    place::{Loaded, LoginStore, Place, Saved},
    settle,
};
use crate::{
    auth::{
        CredentialError, Token,
        http::Web,
        provider::MARGIN,
        reply::AccessToken,
        source::{Context, Fetched, Fetching, TokenSource},
    },
    settings::credential::Identity,
};

/// Whether there is a saved login to use for this profile.
pub(in crate::auth) fn is_saved(wanted: &Identity, context: &Context) -> bool {
    place(context).is_ok_and(|place| {
        place.adopt(wanted.client_id.as_deref(), wanted.tenant.as_deref());
        place.is_taken()
    })
}

/// The saved login as a source of tokens.
pub(in crate::auth) struct SavedLogin {
    place: Place,
    context: Context,
    wanted: Identity,
    web: Web,
    /// Where an older login goes; `None` where it stays.
    keyring: Option<Keyring>,
}

impl SavedLogin {
    /// The login of `wanted`, as far as that says; asks nobody yet.
    pub(in crate::auth) fn new(
        wanted: &Identity,
        context: &Context,
    ) -> Result<Self, CredentialError> {
        let place = super::place(context)?;
        place.adopt(wanted.client_id.as_deref(), wanted.tenant.as_deref());
        Ok(SavedLogin {
            place,
            context: context.clone(),
            wanted: wanted.clone(),
            web: Web::new(&context.http)?,
            keyring: Keyring::of_system().filter(|_| context.keyring),
        })
    }

    /// Reads the login, and says whether an earlier version wrote it.
    async fn load(&self) -> Result<(Saved, bool), CredentialError> {
        let loaded = self.place.load()?.ok_or_else(|| CredentialError::NoLogin {
            profile: self.context.profile.clone(),
            line: self.command(),
        })?;
        let login = loaded.login();
        let differs = |wanted: &Option<String>, is: &str| {
            wanted
                .as_ref()
                .is_some_and(|wanted| !wanted.eq_ignore_ascii_case(is))
        };
        if differs(&self.wanted.client_id, &login.client_id)
            || differs(&self.wanted.tenant, &login.tenant)
        {
            return Err(CredentialError::OtherLogin {
                instead: self.command(),
                app: login.client_id.clone(),
                tenant: login.tenant.clone(),
            });
        }
        match loaded {
            Loaded::Whole(saved) => Ok((saved, false)),
            Loaded::Old(saved) => Ok((saved, true)),
            Loaded::Sealed(login, sealed) => {
                let again = login_command(&login.client_id, &login.tenant);
                let why = |error| CredentialError::Keyring {
                    error,
                    again: super::with_flag(&again, "--no-keyring"),
                };
                let absent =
                    || super::KeyringError::Unusable("there is none in this session".into());
                let keyring = Keyring::of_system().ok_or_else(|| why(absent()))?;
                let name = login.key.clone().unwrap_or_default();
                let key = keyring.key(&name).await.map_err(why)?;
                let key = key.ok_or(CredentialError::KeyForgotten(again.clone()))?;
                Ok((self.place.open(login, &sealed, key)?, false))
            }
        }
    }

    fn command(&self) -> String {
        login_command(
            self.wanted.client_id.as_deref().unwrap_or("APP_ID"),
            self.wanted.tenant.as_deref().unwrap_or("TENANT_ID"),
        )
    }

    async fn renew(
        &self,
        saved: &mut Saved,
        claims: Option<&str>,
    ) -> Result<AccessToken, CredentialError> {
        let asked = Timestamp::now();
        redact::register(saved.secrets.refresh_token.expose_secret());
        let refresh_token = RefreshToken::new(saved.secrets.refresh_token.expose_secret().into());
        let client = client(saved)?;
        let mut request = client
            .exchange_refresh_token(&refresh_token)
            .add_scopes(scopes(saved));
        if let Some(claims) = claims {
            request = request.add_extra_param("claims", claims);
        }
        let reply =
            request
                .request_async(&Adapter(&self.web))
                .await
                .map_err(|error| match sort(error) {
                    CredentialError::Refused(refusal) if refusal.needs_a_person() => {
                        CredentialError::LoginEnded {
                            refusal,
                            again: login_command(&saved.login.client_id, &saved.login.tenant),
                        }
                    }
                    problem => problem,
                })?;
        Ok(take(saved, &reply, asked)?.0)
    }

    /// Signs in again in a browser, as the challenge that the login keeps asks for.
    async fn sign_in_again(&self, saved: &Saved) -> Result<AccessToken, CredentialError> {
        let login = &saved.login;
        let line = login_command(&login.client_id, &login.tenant);
        if !(self.context.interactive && browser::can_open()) {
            return Err(CredentialError::Challenged(Some(line)));
        }
        let app = App::new(login.client_id.as_str(), login.tenant.as_str());
        let context = Context {
            login_url: login.login_url.clone(),
            keyring: login.store == LoginStore::Keyring,
            ..self.context.clone()
        };
        let pending = browser::begin(&app, &context).await?;
        if !browser::open(pending.url.clone()).await {
            return Err(CredentialError::Challenged(Some(line)));
        }
        Ok(Box::pin(pending.finish(browser::PATIENCE)).await?.token)
    }

    /// Puts a login of an earlier version where a new one would go, once.
    async fn move_in(&self, saved: &mut Saved) -> Option<String> {
        let moved = settle(saved, self.keyring.as_ref()).await;
        if let Err(why) = self.place.save(saved) {
            forget_key(&saved.login).await;
            return Some(format!("the saved login could not be moved: {why}"));
        }
        match moved {
            Err(why) => Some(format!("the saved login stays in its file: {why}")),
            Ok(()) if saved.login.store == LoginStore::Keyring => {
                Some("the saved login is sealed with a key in the system's keyring now".into())
            }
            Ok(()) => None,
        }
    }
}

impl TokenSource for SavedLogin {
    fn fetch<'a>(&'a self, instead_of: Option<&'a Token>) -> Fetching<'a> {
        Box::pin(async move {
            let (saved, old) = self.load().await?;
            let token = usable(&saved, instead_of, Timestamp::now());
            let moves = old && self.keyring.is_some();
            if let (Some(token), false) = (token, moves) {
                return Ok(token.into());
            }
            let lock = self.place.lock().await?;
            // Whoever had the lock before has probably done what we came for.
            let (mut saved, old) = self.load().await?;
            let mut note = None;
            if old && moves {
                note = self.move_in(&mut saved).await;
            }
            if let Some(token) = usable(&saved, instead_of, Timestamp::now()) {
                return Ok(Fetched {
                    issued: token,
                    note,
                });
            }
            let issued = self.renew(&mut saved, None).await?;
            let kept = self.place.save(&saved);
            drop(lock);
            // The token is good all the same; the next process renews again.
            let note = kept
                .err()
                .map(|why| format!("the renewed login could not be kept: {why}"))
                .or(note);
            Ok(Fetched { issued, note })
        })
    }

    /// By the refresh token, if that is enough; else by a person, if there is one; else the next login knows
    /// what is wanted.
    fn challenge<'a>(&'a self, rejected: &'a Token, claims: &'a str) -> Fetching<'a> {
        Box::pin(async move {
            let lock = self.place.lock().await?;
            let (mut saved, _) = self.load().await?;
            if let Some(token) = usable(&saved, Some(rejected), Timestamp::now()) {
                return Ok(token.into());
            }
            match self.renew(&mut saved, Some(claims)).await {
                Ok(token) => {
                    let kept = self.place.save(&saved).err();
                    let note =
                        kept.map(|why| format!("the renewed login could not be kept: {why}"));
                    Ok(Fetched {
                        issued: token,
                        note,
                    })
                }
                Err(CredentialError::LoginEnded { .. } | CredentialError::Refused(_)) => {
                    saved.login.challenge = Some(claims.to_owned());
                    // Without it the next login may have to be made twice.
                    let _ = self.place.save(&saved);
                    drop(lock);
                    Ok(self.sign_in_again(&saved).await?.into())
                }
                Err(problem) => Err(problem),
            }
        })
    }

    fn renewable(&self) -> bool {
        true
    }
}

/// The saved access token, if it is still good for a while and is not the one that was refused.
fn usable(saved: &Saved, instead_of: Option<&Token>, now: Timestamp) -> Option<AccessToken> {
    let token = Token::new(saved.secrets.access_token.expose_secret()).ok()?;
    let expires = saved.login.expires;
    let lasts = expires.is_some_and(|end| end.duration_since(now) >= MARGIN);
    (lasts && instead_of != Some(&token)).then_some(AccessToken { token, expires })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::{super::place::tests::saved, *};

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
        saved.login.expires = Some(now + MARGIN);
        assert!(used(&saved, None));
        assert!(used(&saved, Some("OTHER")));
        assert!(!used(&saved, Some("ACCESS")));
        saved.login.expires = Some(now + MARGIN - SignedDuration::from_secs(1));
        assert!(!used(&saved, None));
    }
}
