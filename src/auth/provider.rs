//! Gives the bearer token, and another one when the service does not take it.
use super::Token;

/// Why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// None.
    #[error("no token")]
    Missing,
}

/// Gives tokens.
pub struct Provider {
    token: Option<Token>,
}

impl Provider {
    /// A fixed one.
    pub fn fixed(token: Option<Token>) -> Self {
        Provider { token }
    }
    /// The token.
    pub async fn token(&self) -> Result<Token, Error> {
        self.token.clone().ok_or(Error::Missing)
    }
    /// Another token.
    pub async fn renew(&self, _rejected: &Token) -> Result<Option<Token>, Error> {
        Ok(None)
    }
}
