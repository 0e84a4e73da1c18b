//! Sources of tokens: what one is, which of those in the configuration is used, and what it comes to.
//!
//! The first one that is set is used, and no other: a source that fails is an error.

use std::{
    future::Future,
    io::{self, IsTerminal},
    path::PathBuf,
    pin::Pin,
};

use graph_upload::client::HttpOptions;
use jiff::Timestamp;
use url::Url;

#[cfg(feature = "login")]
use super::login;
use super::{
    CredentialError, Error, Token,
    command::TokenCommand,
    file::{Stdin, TokenFile},
    reply::AccessToken,
};
use crate::settings::{
    Cloud, Credential, Credentials, Origin, Settings, Sourced,
    credential::{Identity, Method},
};

/// What a source answers.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) issued: AccessToken,
    /// Something a person should know about the source.
    pub(super) note: Option<String>,
}

impl From<AccessToken> for Fetched {
    fn from(issued: AccessToken) -> Self {
        Fetched { issued, note: None }
    }
}

/// An answer to come.
pub(super) type Fetching<'a> =
    Pin<Box<dyn Future<Output = Result<Fetched, CredentialError>> + Send + 'a>>;

/// A source that can be asked for a token.
pub(super) trait TokenSource: Send + Sync {
    /// A token, as fresh as the source has one; not `instead_of`, if there is a choice.
    fn fetch<'a>(&'a self, instead_of: Option<&'a Token>) -> Fetching<'a>;
    /// A token that proves what the service asks for in `claims`. One that is new may do.
    fn challenge<'a>(&'a self, rejected: &'a Token, claims: &'a str) -> Fetching<'a> {
        let _ = claims;
        Box::pin(async move {
            if self.renewable() {
                let fetched = self.fetch(Some(rejected)).await?;
                if fetched.issued.token != *rejected {
                    return Ok(fetched);
                }
            }
            Err(CredentialError::Challenged(None))
        })
    }
    /// Whether asking again can give another token.
    fn renewable(&self) -> bool;
}

/// A token that is simply there.
pub(super) struct Fixed(pub(super) AccessToken);

impl TokenSource for Fixed {
    fn fetch<'a>(&'a self, _instead_of: Option<&'a Token>) -> Fetching<'a> {
        Box::pin(async { Ok(self.0.clone().into()) })
    }

    fn renewable(&self) -> bool {
        false
    }
}

/// The source that won, and those that are set but have no say.
#[derive(Debug, PartialEq, Eq)]
pub struct Selection {
    /// The winner.
    pub credential: Sourced<Credential>,
    /// The others, in their order.
    pub ignored: Vec<Origin>,
}

/// Picks the source to use; a saved login, if there is one, comes after all that is configured.
///
/// # Errors
/// [`Error::NoSource`], when nothing is set.
pub fn select(credentials: Credentials, saved: Option<Identity>) -> Result<Selection, Error> {
    let saved =
        saved.map(|identity| Sourced::new(Credential::SavedLogin(identity), Origin::SavedLogin));
    let mut sources = credentials.sources.into_iter().chain(saved);
    // Half a set of variables may be there for other tools: it is no source, and stands in no
    // other's way, but is worth a word when there is no other.
    let Some(credential) = sources.next() else {
        return Err(Error::NoSource {
            half: credentials.half_azure,
        });
    };
    Ok(Selection {
        credential,
        ignored: sources.map(|way| way.origin).collect(),
    })
}

/// What sources need to know of the settings.
#[derive(Clone, Debug)]
pub struct Context {
    /// The cloud, for the scope of its tokens.
    pub cloud: &'static Cloud,
    /// The login host.
    pub login_url: Url,
    /// How requests are sent.
    pub http: HttpOptions,
    /// Where the saved logins are; `None` where there is no such place.
    pub state_dir: Option<PathBuf>,
    /// The profile whose login it is.
    pub profile: Option<String>,
    /// Whether the system's store of secrets may keep a login.
    pub keyring: bool,
    /// Whether somebody is there to sign in again, if the service wants that.
    pub interactive: bool,
}

impl Context {
    /// Takes what sources need from the settings.
    pub fn of(settings: &Settings) -> Self {
        Context {
            cloud: settings.cloud.value,
            login_url: settings.login_url.value.clone(),
            http: settings.http.clone(),
            state_dir: settings
                .state_dir
                .as_ref()
                .ok()
                .map(|directory| directory.value.clone()),
            profile: settings
                .profile
                .as_ref()
                .map(|profile| profile.value.clone()),
            keyring: true,
            interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }
}

#[cfg(feature = "login")]
pub(super) use login::is_saved;

#[cfg(not(feature = "login"))]
pub(super) fn is_saved(_: &Identity, _: &Context) -> bool {
    false
}

pub(super) fn source(
    credential: &Credential,
    context: &Context,
) -> Result<Box<dyn TokenSource>, CredentialError> {
    Ok(match credential {
        Credential::Literal(secret) => {
            Box::new(Fixed(AccessToken::read(secret.reveal(), Timestamp::now())?))
        }
        Credential::Stdin => Box::new(Stdin),
        Credential::File(path) => Box::new(TokenFile::new(path.clone())),
        Credential::Command(line) => Box::new(TokenCommand::new(line)?),
        Credential::Entra(method, identity) => entra(*method, identity, context)?,
        Credential::SavedLogin(identity) => saved_login(identity, context)?,
    })
}

#[cfg(feature = "azure")]
fn entra(
    method: Method,
    identity: &Identity,
    context: &Context,
) -> Result<Box<dyn TokenSource>, CredentialError> {
    Ok(Box::new(super::azure::Entra::new(
        method, identity, context,
    )?))
}

#[cfg(not(feature = "azure"))]
fn entra(
    method: Method,
    _: &Identity,
    _: &Context,
) -> Result<Box<dyn TokenSource>, CredentialError> {
    Err(CredentialError::NotBuilt(method.as_str()))
}

#[cfg(feature = "login")]
fn saved_login(
    identity: &Identity,
    context: &Context,
) -> Result<Box<dyn TokenSource>, CredentialError> {
    Ok(Box::new(login::SavedLogin::new(identity, context)?))
}

#[cfg(not(feature = "login"))]
fn saved_login(_: &Identity, _: &Context) -> Result<Box<dyn TokenSource>, CredentialError> {
    Err(CredentialError::NotBuilt("browser or device code"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Secret, credential::HalfAzure};

    fn literal(name: &'static str) -> Sourced<Credential> {
        Sourced::new(Credential::Literal(Secret::new(name)), Origin::Env(name))
    }

    fn half() -> Option<HalfAzure> {
        Some(HalfAzure {
            set: vec!["A"],
            missing: vec!["B", "C or D"],
        })
    }

    #[test]
    fn the_first_wins_and_the_rest_are_named() {
        let sources = vec![literal("X"), literal("Y")];
        let selection = select(
            Credentials {
                sources,
                half_azure: half(),
            },
            Some(Identity::default()),
        )
        .unwrap();
        assert_eq!(selection.credential, literal("X"));
        assert_eq!(selection.ignored, [Origin::Env("Y"), Origin::SavedLogin]);
    }

    #[test]
    fn a_saved_login_comes_last_and_half_a_set_does_not_hide_it() {
        let credentials = Credentials {
            sources: Vec::new(),
            half_azure: half(),
        };
        let selection = select(credentials, Some(Identity::default())).unwrap();
        assert_eq!(selection.credential.origin, Origin::SavedLogin);
    }

    #[test]
    fn nothing_at_all_says_what_half_a_set_lacks() {
        let credentials = Credentials {
            sources: Vec::new(),
            half_azure: half(),
        };
        assert_eq!(
            select(credentials, None).unwrap_err().to_string(),
            "no credentials: there is no token and no way to get one (A set, but not B and C or D)"
        );
        let error = select(Credentials::default(), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no credentials: there is no token and no way to get one"
        );
        assert!(error.hints().len() >= 3);
    }
}
