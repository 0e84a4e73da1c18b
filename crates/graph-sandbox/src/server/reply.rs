//! An answer before it becomes HTTP: status, headers, parts of a body; and what faults make of it.

use std::io::Write;

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{HeaderName, HeaderValue},
};
use serde_json::Value;

use super::outgoing::{Outgoing, Part};
use crate::{faults::What, model::content::Content};

/// Content up to this size stands in a JSON answer right away.
const SMALL: u64 = 256 * 1024;

/// What a host answers.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<Part>,
    /// The connection ends after so many bytes of the body.
    breaks_off: Option<u64>,
}

/// Contents that an answer's JSON has in base64, each in the place of a mark.
#[derive(Debug, Default)]
pub(crate) struct Contents(Vec<Content>);

/// No text that a client can write into JSON has a raw NUL in it.
const MARK: &str = "\\u0000content\\u0000";

impl Contents {
    /// The value that stands for `content`.
    pub(crate) fn put(&mut self, content: &Content) -> Result<Value, crate::failure::Failure> {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let not_kept = |_| crate::failure::Failure::not_kept();
        if content.len() <= SMALL {
            let bytes = content.to_vec().map_err(not_kept)?;
            return Ok(Value::String(STANDARD.encode(bytes)));
        }
        content.pieces().map_err(not_kept)?;
        self.0.push(content.clone());
        Ok(Value::String(format!("\0content\0{}\0", self.0.len() - 1)))
    }
}

impl Reply {
    /// No body and no content type.
    pub(crate) fn empty(status: u16) -> Self {
        Reply {
            // Every caller's status is between 200 and 599.
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers: HeaderMap::new(),
            body: Vec::new(),
            breaks_off: None,
        }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let body = Bytes::from(body.to_string());
        Reply::bytes(status, "application/json", vec![body.into()])
    }

    /// JSON in which marks stand for contents.
    pub(crate) fn json_with(status: u16, body: &Value, contents: &Contents) -> Self {
        let text = body.to_string();
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(MARK) {
            parts.push(Bytes::copy_from_slice(before.as_bytes()).into());
            let (number, after) = after.split_once("\\u0000").unwrap_or((after, ""));
            let content = number.parse().ok().and_then(|at: usize| contents.0.get(at));
            if let Some(Ok(pieces)) = content.map(Content::pieces) {
                parts.push(Part::base64(pieces));
            }
            rest = after;
        }
        parts.push(Bytes::copy_from_slice(rest.as_bytes()).into());
        Reply::bytes(status, "application/json", parts)
    }

    pub(crate) fn bytes(status: u16, content_type: &str, body: Vec<Part>) -> Self {
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
        Reply::bytes(
            502,
            "text/html",
            vec![Bytes::from_static(page.as_bytes()).into()],
        )
    }

    /// The page that a proxy sends to those whom it blocks.
    pub(crate) fn block_page() -> Self {
        let page = "<!DOCTYPE html>\r\n<html><head><title>Access blocked</title></head>\r\n\
                    <body><h1>This site is blocked by your organization.</h1></body></html>\r\n";
        Reply::bytes(
            200,
            "text/html",
            vec![Bytes::from_static(page.as_bytes()).into()],
        )
    }

    pub(crate) fn len(&self) -> u64 {
        self.body.iter().map(Part::len).sum()
    }

    /// What a fault leaves of an answer to a request that was carried out.
    pub(crate) fn damaged(mut self, what: &What) -> Self {
        let len = self.len();
        match what {
            What::Cut(bytes) => self.breaks_off = Some(bytes.unwrap_or(len / 2).min(len)),
            What::Short(bytes) => self.shorten(bytes.unwrap_or(len / 2)),
            What::Empty => self.body.clear(),
            What::Other => {
                let bytes = Part::collect(std::mem::take(&mut self.body)).unwrap_or_default();
                let other: Vec<u8> = bytes.iter().map(|byte| byte ^ 0x01).collect();
                self.body = vec![Bytes::from(other).into()];
            }
            _ => {}
        }
        self
    }

    /// Leaves the first `most` bytes.
    pub(crate) fn shorten(&mut self, mut most: u64) {
        let mut kept = Vec::new();
        for part in std::mem::take(&mut self.body) {
            let len = part.len().min(most);
            most -= len;
            match part {
                _ if len == 0 => {}
                Part::Plain(mut piece) => {
                    piece.truncate(len);
                    kept.push(Part::Plain(piece));
                }
                Part::Base64(_) => {
                    let mut all = Part::collect(vec![part]).unwrap_or_default();
                    all.truncate(usize::try_from(len).unwrap_or(usize::MAX));
                    kept.push(all.into());
                }
            }
        }
        self.body = kept;
    }

    /// Compresses JSON.
    pub(crate) fn gzipped(mut self) -> Self {
        let json = self
            .headers
            .get("content-type")
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        if !json || self.body.is_empty() {
            return self;
        }
        let bytes = Part::collect(std::mem::take(&mut self.body)).unwrap_or_default();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        // Writing into a vector does not fail.
        let _ = encoder.write_all(&bytes);
        self.body = vec![Bytes::from(encoder.finish().unwrap_or_default()).into()];
        self.header("content-encoding", "gzip")
            .header("vary", "Accept-Encoding")
    }

    pub(crate) fn into_response(self, bandwidth: Option<u64>) -> Response<Outgoing> {
        let mut response = Response::new(Outgoing::new(self.body, bandwidth, self.breaks_off));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::content::Piece;

    fn text(reply: Reply) -> String {
        let body = Part::collect(reply.body).expect("memory");
        String::from_utf8(body.to_vec()).expect("UTF-8")
    }

    #[test]
    fn contents_stand_where_their_marks_were() {
        let large = Content::new(vec![Piece::Memory(vec![0; 300_000].into())]);
        let small = Content::new(vec![Piece::Memory("abc".into())]);
        let mut contents = Contents::default();
        let body = json!({"a": contents.put(&small).expect("kept"), "b": contents.put(&large).expect("kept"), "c": 1});
        let reply = Reply::json_with(200, &body, &contents);
        assert_eq!(
            reply.len(),
            400_000 + r#"{"a":"YWJj","b":"","c":1}"#.len() as u64
        );
        let text = text(reply);
        assert!(text.starts_with(r#"{"a":"YWJj","b":"AAAA"#) && text.ends_with(r#"AAAA","c":1}"#));
    }

    #[test]
    fn answers_are_damaged_as_faults_say() {
        let whole = || {
            Reply::bytes(
                200,
                "text/plain",
                vec![Bytes::from_static(b"abcdef").into()],
            )
        };
        assert_eq!(text(whole().damaged(&What::Short(None))), "abc");
        assert_eq!(text(whole().damaged(&What::Short(Some(9)))), "abcdef");
        assert_eq!(text(whole().damaged(&What::Empty)), "");
        let other = text(whole().damaged(&What::Other));
        assert_eq!(other.len(), 6);
        assert_ne!(other, "abcdef");
        assert_eq!(whole().damaged(&What::Cut(None)).breaks_off, Some(3));
        assert_eq!(text(whole().damaged(&What::Drop)), "abcdef");
    }

    #[test]
    fn only_json_is_compressed() {
        let plain =
            Reply::bytes(200, "text/plain", vec![Bytes::from_static(b"a").into()]).gzipped();
        assert!(!plain.headers.contains_key("content-encoding"));
        let json = Reply::json(200, &json!({"a": "b"})).gzipped();
        assert_eq!(json.headers["content-encoding"], "gzip");
        let bytes = Part::collect(json.body).expect("memory");
        assert_eq!(&bytes[..2], &[0x1f, 0x8b]);
    }
}
