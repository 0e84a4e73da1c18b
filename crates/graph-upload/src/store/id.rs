//! The eight characters by which a user names a session.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Crockford's base 32: no I, L, O or U, so that an id survives being read aloud.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LEN: usize = 8;

/// The name of an upload session on this computer, such as `7Q2KM4XA`.
///
/// It is ours, not the service's, and no secret: knowing it gives no access to anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; LEN]);

impl SessionId {
    /// Draws an id from `draw`, which yields uniform values below 32.
    pub fn draw(mut draw: impl FnMut() -> u8) -> Self {
        SessionId(std::array::from_fn(|_| ALPHABET[usize::from(draw() % 32)]))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // The bytes come from ALPHABET only, so this never takes the other branch.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was given is not a session id.
#[derive(Debug, thiserror::Error)]
#[error("a session id has eight letters and digits")]
pub struct NotAnId;

impl FromStr for SessionId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let upper = text.to_ascii_uppercase();
        let bytes: [u8; LEN] = upper.as_bytes().try_into().map_err(|_| NotAnId)?;
        if bytes.iter().all(|b| ALPHABET.contains(b)) {
            Ok(SessionId(bytes))
        } else {
            Err(NotAnId)
        }
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
