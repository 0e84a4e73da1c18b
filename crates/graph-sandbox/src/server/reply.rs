//! An answer before it becomes HTTP: status, headers, pieces of body.

use bytes::Bytes;
use hyper::{
    HeaderMap, StatusCode,
    header::{HeaderName, HeaderValue},
};
use serde_json::Value;

/// What a host answers.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<Bytes>,
}

impl Reply {
    /// No body and no content type.
    pub(crate) fn empty(status: u16) -> Self {
        Reply {
            // Every caller's status is between 200 and 599.
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Reply::bytes(
            status,
            "application/json",
            vec![Bytes::from(body.to_string())],
        )
    }

    pub(crate) fn bytes(status: u16, content_type: &str, body: Vec<Bytes>) -> Self {
        let mut reply = Reply::empty(status).header("content-type", content_type);
        reply.body = body;
        reply
    }

    /// Adds a header, unless its value cannot stand in one.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// The page that a gateway sends when it is the one in trouble.
    pub(crate) fn bad_gateway() -> Self {
        let page = "<!DOCTYPE html>\r\n<html><head><title>502 Bad Gateway</title></head>\r\n\
                    <body><h1>502 - Web server received an invalid response while acting as a \
                    gateway or proxy server.</h1></body></html>\r\n";
        Reply::bytes(502, "text/html", vec![Bytes::from_static(page.as_bytes())])
    }
}
