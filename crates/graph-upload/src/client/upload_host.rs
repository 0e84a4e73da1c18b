//! The upload host: PUT, GET and DELETE on a pre-authenticated URL. No token type is in scope here.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::{
    Method,
    header::{CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue},
};

use super::{
    body::Meter,
    client_request_id, location,
    reply::Reply,
    transport::{HttpRequest, Transport},
    wire::SessionReply,
};
use crate::{Error, ErrorKind, ExpectedOffset, Host, UploadUrl};

/// Longest answer of the upload host that is read. The real ones are under 2 KiB.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Speaks to upload URLs.
#[derive(Debug, Clone)]
pub struct UploadClient {
    transport: Arc<Transport>,
}

/// What the service said to a range that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutReply {
    /// It holds the bytes and wants more from there.
    Continues {
        /// Where the next byte is expected.
        next: ExpectedOffset,
        /// When the session ends, if it says so.
        expires: Option<jiff::Timestamp>,
    },
    /// 201: the file is attached.
    Attached {
        /// The attachment's id, when `Location` could be read.
        id: Option<String>,
        /// The id of the item that it is in, as `Location` writes it.
        item: Option<String>,
    },
}

impl UploadClient {
    /// A client over `transport`.
    pub fn new(transport: Arc<Transport>) -> Self {
        UploadClient { transport }
    }

    /// PUTs `bytes` as the range that begins at `start` of a file of `total` bytes.
    pub async fn put(
        &self,
        url: &UploadUrl,
        start: u64,
        total: u64,
        bytes: Bytes,
        meter: &Meter,
    ) -> Result<PutReply, Error> {
        let end = start + bytes.len() as u64 - 1;
        let range = HeaderValue::try_from(format!("bytes {start}-{end}/{total}"))
            .map_err(|_| Error::local(ErrorKind::Refused, "the range cannot be written"))?;
        let headers = vec![
            (CONTENT_RANGE, range),
            (
                CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            ),
        ];
        let reply = self
            .exchange(Method::PUT, url, headers, Some(bytes), meter)
            .await?;
        match reply.status {
            201 => Ok(PutReply::Attached {
                id: reply.header("location").and_then(location::attachment_id),
                item: reply.header("location").and_then(location::item_id),
            }),
            // Outlook answers 200; OneDrive's 202 is taken as the same.
            200 | 202 => match SessionReply::read(&reply.body) {
                Some(said) => Ok(PutReply::Continues {
                    next: said.next,
                    expires: said.expires,
                }),
                None => Err(unreadable(&reply)),
            },
            _ => Err(refusal(&reply)),
        }
    }

    /// Asks how far the session is. Whether Outlook supports this is unknown.
    pub async fn ask(&self, url: &UploadUrl) -> Result<SessionReply, Error> {
        let reply = self
            .exchange(Method::GET, url, Vec::new(), None, &Meter::default())
            .await?;
        match reply.status {
            200 => SessionReply::read(&reply.body).ok_or_else(|| unreadable(&reply)),
            _ => Err(refusal(&reply)),
        }
    }

    /// Ends the session at the service. One that is not there any more is ended too.
    pub async fn delete(&self, url: &UploadUrl) -> Result<(), Error> {
        let reply = self
            .exchange(Method::DELETE, url, Vec::new(), None, &Meter::default())
            .await?;
        match reply.status {
            200..=299 if !reply.is_page() => Ok(()),
            _ => match refusal(&reply) {
                error if error.kind == ErrorKind::NotFound => Ok(()),
                error => Err(error),
            },
        }
    }

    async fn exchange(
        &self,
        method: Method,
        url: &UploadUrl,
        mut headers: Vec<(HeaderName, HeaderValue)>,
        body: Option<Bytes>,
        meter: &Meter,
    ) -> Result<Reply, Error> {
        headers.push(client_request_id());
        let outgoing = HttpRequest {
            method,
            url: url.expose(),
            headers,
            body,
            meter,
            secret: true,
            near: false,
        };
        self.transport.exchange(outgoing, LONGEST_ANSWER).await
    }
}

fn refusal(reply: &Reply) -> Error {
    match reply.status {
        200..=299 => unreadable(reply),
        _ => reply.error(Host::Upload),
    }
}

/// A success that says nothing: a proxy's page, a cut body. The outcome is unknown.
fn unreadable(reply: &Reply) -> Error {
    let what = if reply.body.is_empty() {
        "an empty answer"
    } else {
        "an answer that is no JSON"
    };
    reply.unreadable(format!("{what} with status {}", reply.status))
}
