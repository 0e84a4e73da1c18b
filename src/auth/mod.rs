//! Bearer tokens: where they come from, and what they say about themselves.
pub mod provider;
pub mod token;
pub use provider::{Error, Provider};
pub use token::Token;
