//! The source of a command's tokens, as the Graph client asks it: a provider, or why there is none.

use jiff::SignedDuration;

use graph_upload::{
    TokenError,
    client::{BearerToken, Refusal, TokenFuture, TokenProvider, TokenRequest},
};

use crate::report::ExitReport;

use super::{
    Claims, Error, Problem, Provider,
    explain::{self, Action, Attempt},
};

/// A command's tokens. A live session resumes without any, so that having none is an error only of the
/// first request that needs one.
#[derive(Debug)]
pub struct Tokens(Result<Provider, TokenError>);

impl Tokens {
    /// The tokens of this provider, or the reason for having none.
    pub fn new(provider: Result<Provider, Error>) -> Self {
        Tokens(provider.map_err(token_error))
    }

    /// What a person should know about the source; each thing is told once.
    pub async fn take_notes(&self) -> Vec<String> {
        match &self.0 {
            Ok(provider) => provider.take_notes().await,
            Err(_) => Vec::new(),
        }
    }

    /// Sees to it that the token outlasts an upload of this many bytes, as far as its source can.
    pub async fn prepare(&self, bytes: u64) {
        if let Ok(provider) = &self.0 {
            provider.prepare(upload_time(bytes)).await;
        }
    }

    fn provider(&self) -> Result<&Provider, TokenError> {
        self.0.as_ref().map_err(Clone::clone)
    }
}

/// An error as the Graph client passes it on: with its report, which is all that the rest of the program needs.
fn token_error(error: Error) -> TokenError {
    TokenError::new(ExitReport::from(error))
}

/// How long an upload may take on a slow line, and what a token must have left before it. Not more than the
/// freshest token has: Entra's last an hour and more. Pure.
fn upload_time(bytes: u64) -> SignedDuration {
    const SLOW: u64 = 64 * 1024;
    const MOST: SignedDuration = SignedDuration::from_mins(45);
    let seconds = i64::try_from(bytes / SLOW).unwrap_or(i64::MAX);
    SignedDuration::from_secs(seconds).min(MOST)
}

impl TokenProvider for Tokens {
    /// A token, unless it is plainly not for this request.
    fn token<'a>(&'a self, request: TokenRequest<'a>) -> TokenFuture<'a, BearerToken> {
        Box::pin(async move {
            let provider = self.provider()?;
            let token = provider.token().await.map_err(token_error)?;
            if let (Some(cloud), Some(claims)) = (provider.cloud(), Claims::of(&token)) {
                let mailbox = !request.is_own_mailbox();
                if let Some(objection) =
                    explain::objection(&claims, cloud, request.endpoint, mailbox)
                {
                    return Err(token_error(Error::from(objection)));
                }
            }
            Ok(token)
        })
    }

    fn renew<'a>(&'a self, rejected: &'a BearerToken) -> TokenFuture<'a, Option<BearerToken>> {
        Box::pin(async {
            let provider = self.provider()?;
            provider.renew(rejected).await.map_err(token_error)
        })
    }

    fn challenged<'a>(
        &'a self,
        rejected: &'a BearerToken,
        claims: &'a str,
    ) -> TokenFuture<'a, Option<BearerToken>> {
        Box::pin(async move {
            let provider = self.provider()?;
            let another = provider.challenged(rejected, claims).await;
            another.map_err(token_error)
        })
    }

    fn explain(&self, refusal: &Refusal<'_>) -> Option<TokenError> {
        if let (401, Ok(provider)) = (refusal.status, &self.0)
            && provider.was_challenged()
        {
            return Some(token_error(Error::from(Problem::Challenged(None))));
        }
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
            .map(|explanation| token_error(Error::Explained(explanation)))
    }
}
