//! An answer, whatever its status, and what its headers and body say of where it came from.

use reqwest::header::HeaderMap;
use url::Url;

use super::retry_after;
use crate::{AnswerOrigin, Error, Host, Page, redact};

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The body's beginning, up to the limit that was asked for; of a download, enough to tell a page by.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What time it is where the answer comes from: a date in it is by that clock, not by ours.
    fn now(&self) -> jiff::Timestamp {
        let date = self.header("date").and_then(retry_after::date);
        date.unwrap_or_else(jiff::Timestamp::now)
    }

    /// Whether a header says that the service itself answered.
    fn is_identified(&self) -> bool {
        ["request-id", "x-ms-ags-diagnostic", "x-ms-diagnostics"]
            .iter()
            .any(|name| self.headers.contains_key(*name))
    }

    /// Whether a page came that is not the service's.
    pub fn is_page(&self) -> bool {
        !self.is_identified() && Page::read(&self.body).is_some()
    }

    /// The error that this answer is, unless it is a success.
    pub fn error(&self, host: Host) -> Error {
        let mut error = Error::answer(host, self.status, &self.body, self.is_identified());
        let to = self.header("location").and_then(|to| Url::parse(to).ok());
        if let Some(to) = to.as_ref().and_then(Url::host_str)
            && error.is_from_in_between()
            && (300..400).contains(&self.status)
        {
            error.message = format!(
                "a redirect to `{}` (status {}), which is never followed",
                redact::clean(to),
                self.status
            );
        }
        self.describe(error)
    }

    /// The error that a success is whose body is not what was asked for: a page of something in between, or
    /// an answer that was cut.
    pub fn unreadable(&self, message: String) -> Error {
        match Page::read(&self.body) {
            Some(page) if !self.is_identified() => self.describe(Error::page(self.status, &page)),
            _ => {
                let mut error = Error::contradiction(message);
                error.status = Some(self.status);
                error.origin = Some(AnswerOrigin::Service);
                self.describe(error)
            }
        }
    }

    /// Puts what the headers say into an error made of this answer.
    pub fn describe(&self, mut error: Error) -> Error {
        let clip = |text: &str| redact::clean(text).chars().take(512).collect::<String>();
        error.retry_after = self
            .header("retry-after")
            .and_then(|value| retry_after::parse(value, self.now()));
        if let Some(id) = self.header("request-id") {
            error.request_id = Some(clip(id));
        }
        error.diagnostics = self.header("x-ms-diagnostics").map(clip);
        error
    }
}
