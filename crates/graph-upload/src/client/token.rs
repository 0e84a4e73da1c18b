//! A bearer token as a type that does not print itself, and the trait by which the Graph client gets one.

use std::{fmt, pin::Pin};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{TokenError, redact};

/// A bearer token for the Graph host. Has no `Display`, and a `Debug` that hides the value.
#[derive(Clone)]
pub struct BearerToken(SecretString);

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

impl BearerToken {
    /// Takes a token as a source gave it; surrounding white space is not part of it.
    pub fn new(text: &str) -> Result<Self, Malformed> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Malformed::Empty);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Malformed::Character);
        }
        redact::register(text);
        Ok(BearerToken(text.into()))
    }

    /// The value itself, for the `Authorization` header and for reading claims; nowhere else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// For the comparison with a token that was refused.
impl PartialEq for BearerToken {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for BearerToken {}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

/// What a token is about to be used for.
#[derive(Debug, Clone, Copy)]
pub struct TokenRequest<'a> {
    /// The Graph endpoint, with version.
    pub endpoint: &'a Url,
    /// The request's path below the endpoint, such as `/me/messages`.
    pub path: &'a str,
}

impl TokenRequest<'_> {
    /// Whether the request is about the token's own mailbox (`/me`).
    pub fn is_own_mailbox(&self) -> bool {
        self.path == "/me" || self.path.starts_with("/me/")
    }
}

/// A request that the service refused with 401 or 403.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// What was asked for.
    pub request: TokenRequest<'a>,
    /// Its HTTP method.
    pub method: &'a str,
    /// The answer's status: 401 or 403.
    pub status: u16,
    /// The service's own code, such as `ErrorAccessDenied`, or empty.
    pub code: &'a str,
    /// Whether the whole command only reads.
    pub read_only: bool,
    /// The token that was sent.
    pub token: &'a BearerToken,
}

/// The claims that a 401 asks for (`WWW-Authenticate: Bearer error="insufficient_claims", claims="…"`), as JSON.
/// Pure.
pub(super) fn claims_challenge(headers: &HeaderMap) -> Option<String> {
    const LONGEST: usize = 16 * 1024;
    let values = headers.get_all("www-authenticate").iter();
    let value = values
        .filter_map(|value| value.to_str().ok())
        .find(|value| value.contains("insufficient_claims") && value.len() < LONGEST)?;
    let (_, rest) = value.split_once("claims=\"")?;
    let (encoded, _) = rest.split_once('"')?;
    let bytes = CLAIMS
        .decode(encoded.replace('+', "-").replace('/', "_"))
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    // What is passed on to the login host is at least an object.
    let parsed = serde_json::from_str::<serde_json::Value>(&text).ok()?;
    parsed.is_object().then_some(text)
}

/// Both alphabets of base64 are met, with padding and without.
const CLAIMS: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a [`TokenProvider`]'s methods return.
pub type TokenFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, TokenError>> + Send + 'a>>;

/// Gives bearer tokens for the Graph host. Upload URLs never get one.
pub trait TokenProvider: Send + Sync {
    /// A token for this request. Called before each request: keep what is still good.
    fn token<'a>(&'a self, request: TokenRequest<'a>) -> TokenFuture<'a, BearerToken>;

    /// Another token in place of one that the service refused with 401; `None` if there is no other.
    fn renew<'a>(&'a self, rejected: &'a BearerToken) -> TokenFuture<'a, Option<BearerToken>> {
        let _ = rejected;
        Box::pin(async { Ok(None) })
    }

    /// A token that meets a claims challenge: the service refuses this one until its user has proved more, as
    /// `claims` says in JSON. Asked once for a request; by default the same as [`TokenProvider::renew`].
    fn challenged<'a>(
        &'a self,
        rejected: &'a BearerToken,
        claims: &'a str,
    ) -> TokenFuture<'a, Option<BearerToken>> {
        let _ = claims;
        self.renew(rejected)
    }

    /// Why the service refused, as far as the provider can tell from the token.
    fn explain(&self, refusal: &Refusal<'_>) -> Option<TokenError> {
        let _ = refusal;
        None
    }
}

/// One token that cannot be renewed.
impl TokenProvider for BearerToken {
    fn token<'a>(&'a self, _: TokenRequest<'a>) -> TokenFuture<'a, BearerToken> {
        Box::pin(async { Ok(self.clone()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("www-authenticate", value.parse().unwrap());
        claims_challenge(&headers)
    }

    #[test]
    fn a_claims_challenge_is_read_and_nothing_else() {
        let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
        let encoded = base64::engine::general_purpose::STANDARD.encode(claims);
        let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
        let header = |claims: &str| {
            format!(
                "Bearer realm=\"\", authorization_uri=\"https://login.example/\", \
                 error=\"insufficient_claims\", claims=\"{claims}\""
            )
        };
        assert_eq!(challenge(&header(&encoded)).as_deref(), Some(claims));
        assert_eq!(challenge(&header(&url_safe)).as_deref(), Some(claims));
        for other in [
            "Bearer realm=\"\"".to_owned(),
            header("!"),
            header("W10"),
            header(""),
            format!("Bearer error=\"invalid_token\", claims=\"{encoded}\""),
            format!("Bearer error=\"insufficient_claims\", claims=\"{encoded}"),
        ] {
            assert_eq!(challenge(&other), None, "{other}");
        }
    }
}
