//! The source of a command's tokens, as the Graph client asks it: a provider, or why there is none.

use graph_upload::{
    TokenError,
    client::{BearerToken, Refusal, TokenFuture, TokenProvider, TokenRequest},
};

use super::{
    Claims, Error, Provider,
    explain::{self, Action, Attempt},
};

/// A command's tokens. A live session resumes without any, so that having none is an error only of the
/// first request that needs one.
#[derive(Debug)]
pub struct Tokens(Result<Provider, TokenError>);

impl Tokens {
    /// The tokens of this provider, or the reason for having none.
    pub fn new(provider: Result<Provider, Error>) -> Self {
        Tokens(provider.map_err(TokenError::new))
    }

    /// What a person should know about the source; each thing is told once.
    pub async fn take_notes(&self) -> Vec<String> {
        match &self.0 {
            Ok(provider) => provider.take_notes().await,
            Err(_) => Vec::new(),
        }
    }

    fn provider(&self) -> Result<&Provider, TokenError> {
        self.0.as_ref().map_err(Clone::clone)
    }
}

impl TokenProvider for Tokens {
    /// A token, unless it is plainly not for this request.
    fn token<'a>(&'a self, request: TokenRequest<'a>) -> TokenFuture<'a, BearerToken> {
        Box::pin(async move {
            let provider = self.provider()?;
            let token = provider.token().await.map_err(TokenError::new)?;
            if let (Some(cloud), Some(claims)) = (provider.cloud(), Claims::of(&token)) {
                let mailbox = !request.is_own_mailbox();
                if let Some(objection) =
                    explain::objection(&claims, cloud, request.endpoint, mailbox)
                {
                    return Err(TokenError::new(Error::from(objection)));
                }
            }
            Ok(token)
        })
    }

    fn renew<'a>(&'a self, rejected: &'a BearerToken) -> TokenFuture<'a, Option<BearerToken>> {
        Box::pin(async {
            let provider = self.provider()?;
            provider.renew(rejected).await.map_err(TokenError::new)
        })
    }

    fn explain(&self, refusal: &Refusal<'_>) -> Option<TokenError> {
        let action = Action::of(refusal.method, refusal.request.path);
        let attempt = Attempt {
            // Who attaches also looks at what is there: that is not what the permission is for.
            action: if refusal.read_only {
                action
            } else {
                action.to_write()
            },
            mailbox: !refusal.request.is_own_mailbox(),
        };
        let claims = Claims::of(refusal.token);
        let now = jiff::Timestamp::now();
        explain::refusal(claims.as_ref(), refusal.status, refusal.code, attempt, now)
            .map(|explanation| TokenError::new(Error::Explained(explanation)))
    }
}
