//! Every request that was seen, for `/sandbox/requests` and for tests.

use std::{collections::VecDeque, time::Instant};

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
    /// When its head had arrived, by the stand-in's clock: RFC 3339, in UTC.
    pub time: String,
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
    /// Bytes of the answer's body, if there was an answer.
    pub sent: Option<u64>,
    /// From the head's arrival to the answer, in milliseconds.
    pub ms: Option<u64>,
    /// Whether it came inside a `$batch`.
    pub batched: bool,
    /// The fault that struck, in the words of the grammar's WHAT.
    pub fault: Option<String>,
    /// All headers, names in lower case; of `Authorization` only the scheme.
    pub headers: Map<String, Value>,
}

/// So many requests are kept, the latest ones.
const MOST: usize = 50_000;

/// The requests so far. Their numbers go on when the log is cleared, so that one that is still running
/// cannot write into another's line.
#[derive(Debug, Default)]
pub(crate) struct Log {
    first: usize,
    seen: VecDeque<(Seen, Instant)>,
}

impl Log {
    /// Writes one down; its number.
    pub(crate) fn begin(&mut self, seen: Seen) -> usize {
        if self.seen.len() >= MOST {
            self.seen.pop_front();
            self.first += 1;
        }
        self.seen.push_back((seen, Instant::now()));
        self.first + self.seen.len() - 1
    }

    /// Changes what is known about one, unless it was cleared away.
    pub(crate) fn note(&mut self, number: usize, change: impl FnOnce(&mut Seen, Instant)) {
        let at = number.checked_sub(self.first);
        if let Some((seen, start)) = at.and_then(|at| self.seen.get_mut(at)) {
            change(seen, *start);
        }
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.seen.iter().map(|(seen, _)| seen.clone()).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.first += self.seen.len();
        self.seen.clear();
    }
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
