//! Bearer tokens: where they come from, and what they say about themselves.
pub mod token;
pub use token::Token;
