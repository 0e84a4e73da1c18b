//! A bearer token as a type that does not print itself.

use std::fmt;

/// A bearer token for the Graph host. Has no `Display`, and a `Debug` that hides the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Why a text cannot be a bearer token. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Nothing but white space.
    #[error("the token is empty")]
    Empty,
    /// A header cannot carry it: line breaks, blanks, or bytes outside printable ASCII.
    #[error("the token holds a blank, a line break or another character that no token has")]
    Character,
}

impl Token {
    /// Takes a token as a source gave it; surrounding white space is not part of it.
    pub fn new(text: &str) -> Result<Self, Malformed> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Malformed::Empty);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Malformed::Character);
        }
        Ok(Token(text.to_owned()))
    }

    /// The value itself, for the `Authorization` header and for reading claims; nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
