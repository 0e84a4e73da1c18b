//! What is told of each request, for `-vv` and log files: enough for a ticket with Microsoft, and nothing that is
//! a secret. No query, no upload URL, no content, and every text from outside cleaned.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use jiff::Timestamp;

/// Most requests whose failures are remembered.
const MOST: usize = 1_024;

/// One request, when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// When it was sent.
    pub time: Timestamp,
    /// HTTP method.
    pub method: String,
    /// The host, with a port other than the scheme's own.
    pub host: String,
    /// The path without its query; `/…` of an upload URL.
    pub path: String,
    /// The answer's status, if there was an answer.
    pub status: Option<u16>,
    /// From the first byte sent to the last one received.
    pub elapsed: Duration,
    /// Bytes of its body that were handed to the network.
    pub sent: u64,
    /// Bytes of the answer's body that were read.
    pub received: u64,
    /// `request-id` of the answer.
    pub request_id: Option<String>,
    /// `client-request-id` of the request.
    pub client_request_id: Option<String>,
    /// Which try of the same request in a row this was, from 1.
    pub attempt: u32,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// Is told of every request. Called on the thread that made it; must not block for long.
pub trait RequestObserver: std::fmt::Debug + Send + Sync {
    /// Takes one request.
    fn request(&self, record: &RequestRecord);
}

/// Counts tries of the same request in a row: the same method, URL and range, as long as they fail.
#[derive(Debug, Default)]
pub(crate) struct Attempts(HashMap<u64, u32>);

impl Attempts {
    /// The number of the try that begins now.
    pub(crate) fn begin(&mut self, request: &impl Hash) -> (u64, u32) {
        let mut hasher = DefaultHasher::new();
        request.hash(&mut hasher);
        let key = hasher.finish();
        if self.0.len() >= MOST {
            self.0.clear();
        }
        let count = self.0.entry(key).or_default();
        *count = count.saturating_add(1);
        (key, *count)
    }

    /// It succeeded: the same request would be another one.
    pub(crate) fn over(&mut self, key: u64) {
        self.0.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_until_one_succeeds() {
        let mut attempts = Attempts::default();
        let put = ("PUT", "https://h/x", Some("bytes 0-9/20"));
        let other = ("PUT", "https://h/x", Some("bytes 10-19/20"));
        assert_eq!(attempts.begin(&put).1, 1);
        assert_eq!(attempts.begin(&put).1, 2);
        assert_eq!(attempts.begin(&other).1, 1);
        let (key, attempt) = attempts.begin(&put);
        assert_eq!(attempt, 3);
        attempts.over(key);
        assert_eq!(attempts.begin(&put).1, 1);
    }

    #[test]
    fn nothing_grows_without_end() {
        let mut attempts = Attempts::default();
        for n in 0..10 * MOST {
            attempts.begin(&n);
        }
        assert!(attempts.0.len() <= MOST);
    }
}
