//! Bearer tokens: where they come from, when they are asked for again, what they say of themselves.
//!
//! [`select`] decides which one of the configured sources is used; [`Provider`] asks it. A source
//! that fails is an error: the next one is never tried in its place. Nothing here prints, and
//! nothing reads the environment, which has been read by `config`.

pub mod claims;
mod command;
mod error;
pub mod explain;
mod file;
mod provider;
mod reply;
mod select;
pub mod token;

pub use command::SECRET_VARIABLES;
pub use error::{Error, Kind, Problem};
pub use provider::Provider;
pub use reply::Issued;
pub use select::{Selection, select};
pub use token::Token;
