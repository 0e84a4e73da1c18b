//! Bearer tokens: where they come from, when they are asked for again, what they say of themselves.
//!
//! [`select`] decides which one of the configured sources is used; [`Provider`] asks it. A source
//! that fails is an error: the next one is never tried in its place. Nothing here prints, and
//! nothing reads the environment, which has been read by `settings`, with three exceptions: Azure's library
//! looks there for what a platform says of its managed identities, and `login` for a browser and for the
//! session's bus, which lead to the system's store of secrets.

#[cfg(feature = "azure")]
mod azure;
pub mod claims;
mod command;
mod credential_error;
mod entra;
mod error;
pub mod explain;
mod file;
#[cfg(any(feature = "azure", feature = "login"))]
mod http;
#[cfg(feature = "login")]
pub mod login;
mod provider;
mod reply;
mod source;
mod status;
pub mod token;
mod tokens;

pub use claims::Claims;
pub use command::SECRET_VARIABLES;
pub use credential_error::CredentialError;
pub use entra::Refusal;
pub use error::{Error, Kind};
pub use provider::Provider;
pub use reply::AccessToken;
pub use source::{Context, Selection, select};
pub use status::Status;
pub use tokens::Tokens;

pub use graph_upload::client::BearerToken as Token;
