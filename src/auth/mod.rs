//! Bearer tokens: where they come from, when they are asked for again, what they say of themselves.
//!
//! [`select`] decides which one of the configured sources is used; [`Provider`] asks it. A source
//! that fails is an error: the next one is never tried in its place. Nothing here prints, and
//! nothing reads the environment, which has been read by `config`; only Azure's library looks there
//! by itself, for what a platform says of its managed identities.

#[cfg(feature = "azure")]
mod azure;
pub mod claims;
mod command;
#[cfg(feature = "login")]
pub mod device;
mod entra;
mod error;
pub mod explain;
mod file;
#[cfg(any(feature = "azure", feature = "login"))]
mod http;
mod problem;
mod provider;
mod reply;
#[cfg(feature = "login")]
mod saved;
mod select;
mod source;
mod status;
mod tokens;

pub use claims::Claims;
pub use command::SECRET_VARIABLES;
pub use entra::Refusal;
pub use error::{Error, Kind};
pub use problem::Problem;
pub use provider::Provider;
pub use reply::Issued;
pub use select::{Selection, select};
pub use source::Context;
pub use status::Status;
pub use tokens::Tokens;

pub use graph_upload::client::{BearerToken as Token, Malformed};
