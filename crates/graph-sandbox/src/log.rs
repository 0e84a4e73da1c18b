//! Every request that was seen, for `/sandbox/requests` and for tests.

use hyper::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Which of the two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    /// Graph: wants a bearer token.
    Graph,
    /// The upload host: refuses one.
    Upload,
}

/// One request as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The host that it came to.
    pub host: Host,
    /// `GET`, `PUT` and so on.
    pub method: String,
    /// Path and query exactly as they came.
    pub path: String,
    /// The status of the answer; none while there is no answer, or when there never was one.
    pub status: Option<u16>,
    /// `Content-Range`, if there was one.
    pub content_range: Option<String>,
    /// Whether there was an `Authorization` header.
    pub authorization: bool,
    /// Bytes of the body that were read.
    pub bytes: u64,
    /// The fault that struck, in the words of the grammar's WHAT.
    pub fault: Option<String>,
    /// All headers, names in lower case; of `Authorization` only the scheme.
    pub headers: Map<String, Value>,
}

/// The headers as they are logged.
pub(crate) fn headers(headers: &HeaderMap) -> Map<String, Value> {
    headers
        .iter()
        .map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            let text = match name.as_str() {
                "authorization" => text.split(' ').next().unwrap_or_default(),
                _ => &text,
            };
            (name.as_str().to_owned(), json!(text))
        })
        .collect()
}
