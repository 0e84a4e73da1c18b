//! What a token says of itself: read, never trusted.
//!
//! No signature is checked, because nothing is granted on the strength of these: they only help to
//! ask for a token in time and to explain a refusal. A token that says nothing (Graph's are opaque
//! by contract) is as good as any.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Token;

/// The claims that are of use here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// When it ends (`exp`).
    pub expires: Option<Timestamp>,
}

impl Claims {
    /// Reads a token's claims; `None` if it is opaque.
    pub fn of(token: &Token) -> Option<Claims> {
        let mut parts = token.expose().split('.');
        let (_header, payload) = (parts.next()?, parts.next()?);
        // A signed token has three parts; an encrypted one five, and nothing to read.
        parts.next()?;
        if parts.next().is_some() {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let Ok(Value::Object(claims)) = serde_json::from_slice(&bytes) else {
            return None;
        };
        Some(Claims {
            expires: time(&claims, "exp"),
        })
    }
}

fn time(claims: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    Timestamp::from_second(claims.get(name)?.as_i64()?).ok()
}
