//! Sources of tokens: what one is, and which one a credential in the configuration comes to.

use std::{future::Future, path::PathBuf, pin::Pin};

use url::Url;

#[cfg(feature = "login")]
use super::device;
use super::{
    Problem, Token,
    command::TokenCommand,
    file::{Stdin, TokenFile},
    reply::Issued,
};
use crate::settings::{
    Cloud, Credential, Settings,
    credential::{Identity, Method},
};

/// What a source answers.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) issued: Issued,
    /// Something a person should know about the source.
    pub(super) note: Option<String>,
}

impl From<Issued> for Answer {
    fn from(issued: Issued) -> Self {
        Answer { issued, note: None }
    }
}

/// An answer to come.
pub(super) type Asking<'a> = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send + 'a>>;

/// A source that can be asked for a token.
pub(super) trait Ask: Send + Sync {
    /// A token, as fresh as the source has one; not `instead_of`, if there is a choice.
    fn ask<'a>(&'a self, instead_of: Option<&'a Token>) -> Asking<'a>;
    /// Whether asking again can give another token.
    fn renewable(&self) -> bool;
}

/// A token that is simply there.
pub(super) struct Fixed(pub(super) Token);

impl Ask for Fixed {
    fn ask<'a>(&'a self, _instead_of: Option<&'a Token>) -> Asking<'a> {
        Box::pin(async { Ok(Issued::bare(self.0.clone()).into()) })
    }

    fn renewable(&self) -> bool {
        false
    }
}

/// What sources need to know of the settings.
#[derive(Clone, Debug)]
pub struct Context {
    /// The cloud, for the scope of its tokens.
    pub cloud: &'static Cloud,
    /// The login host.
    pub login_url: Url,
    /// Certificates to trust besides the platform's.
    pub ca_file: Option<PathBuf>,
    /// Where the saved login is; `None` where there is no such place.
    pub state_dir: Option<PathBuf>,
}

impl Context {
    /// Takes what sources need from the settings.
    pub fn of(settings: &Settings) -> Self {
        Context {
            cloud: settings.cloud.value,
            login_url: settings.login_url.value.clone(),
            ca_file: settings.ca_file.as_ref().map(|file| file.value.clone()),
            state_dir: settings
                .state_dir
                .as_ref()
                .ok()
                .map(|directory| directory.value.clone()),
        }
    }
}

#[cfg(feature = "login")]
pub(super) fn is_saved(context: &Context) -> bool {
    device::is_saved(context)
}

#[cfg(not(feature = "login"))]
pub(super) fn is_saved(_context: &Context) -> bool {
    false
}

pub(super) fn source(credential: &Credential, context: &Context) -> Result<Box<dyn Ask>, Problem> {
    Ok(match credential {
        Credential::Literal(secret) => {
            Box::new(Fixed(Token::new(secret.reveal().ok_or(Problem::NotText)?)?))
        }
        Credential::Stdin => Box::new(Stdin),
        Credential::File(path) => Box::new(TokenFile::new(path.clone())),
        Credential::Command(line) => Box::new(TokenCommand::new(line)?),
        Credential::Entra(method, identity) => entra(*method, identity, context)?,
        Credential::DeviceCode(identity) => device_code(identity, context)?,
    })
}

#[cfg(feature = "azure")]
fn entra(method: Method, identity: &Identity, context: &Context) -> Result<Box<dyn Ask>, Problem> {
    Ok(Box::new(super::azure::Entra::new(
        method, identity, context,
    )?))
}

#[cfg(not(feature = "azure"))]
fn entra(method: Method, _: &Identity, _: &Context) -> Result<Box<dyn Ask>, Problem> {
    Err(Problem::NotBuilt(method.as_str()))
}

#[cfg(feature = "login")]
fn device_code(identity: &Identity, context: &Context) -> Result<Box<dyn Ask>, Problem> {
    Ok(Box::new(device::SavedLogin::new(identity, context)?))
}

#[cfg(not(feature = "login"))]
fn device_code(_: &Identity, _: &Context) -> Result<Box<dyn Ask>, Problem> {
    Err(Problem::NotBuilt("device-code"))
}
