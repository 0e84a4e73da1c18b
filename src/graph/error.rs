//! What can go wrong between this process and the service, sorted once, at the transport's edge.
//!
//! Every later decision (try again, ask, look, give up, which exit code) looks at [`Error::kind`],
//! never at a message.

use std::{fmt, sync::Arc, time::Duration};

use super::wire;
use crate::auth;

/// Longest text of the service that is kept, in bytes.
const LONGEST_TEXT: usize = 2_048;

/// What an error means for the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No connection: nothing was sent, so nothing was done.
    Connect,
    /// The server's certificate was not accepted. Nothing was sent.
    Certificate,
    /// The connection broke, stalled, or the answer was unreadable: the outcome is unknown.
    Lost,
    /// 429: refused for now, nothing was done.
    Throttled,
    /// 408 or 5xx: temporary, the outcome is unknown.
    Unavailable,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404 or 410: the item, the attachment or the session is not there.
    NotFound,
    /// 412, or 409 with `ErrorIrresolvableConflict`: somebody else changed the item meanwhile.
    Conflict,
    /// 416, other 409, and on an upload URL 400: the range is not the one that is expected.
    Range,
    /// The POST's body is too large for the service (413, or its 400 texts).
    BodyTooLarge,
    /// The service does not open sessions for so small a file.
    SessionTooSmall,
    /// The service has no upload sessions for this kind of item, as in some national clouds.
    NoSessions,
    /// The file or the message with it exceeds a limit of the mailbox or the tenant.
    TooLarge,
    /// The mailbox is full.
    Quota,
    /// The id cannot be one.
    MalformedId,
    /// Any other refusal that a repetition will not change.
    Refused,
    /// The service answered with something that contradicts the protocol.
    Contradiction,
    /// No token could be had.
    Auth,
    /// The time limit for the whole command ran out.
    Deadline,
}

impl Kind {
    /// Whether the request may have taken effect although no success was reported.
    pub fn in_doubt(self) -> bool {
        matches!(
            self,
            Kind::Lost | Kind::Unavailable | Kind::Contradiction | Kind::Deadline | Kind::Conflict
        )
    }

    /// Whether the same request may succeed later, all else being equal.
    pub fn temporary(self) -> bool {
        matches!(
            self,
            Kind::Connect | Kind::Lost | Kind::Throttled | Kind::Unavailable
        )
    }
}

/// Which of the service's two faces an answer came from: the same status means different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The Graph host.
    Graph,
    /// An upload URL.
    Upload,
}

/// An error of one request.
#[derive(Debug, Clone)]
pub struct Error {
    /// What it means.
    pub kind: Kind,
    /// HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The service's own code, such as `ErrorItemNotFound`, or empty.
    pub code: String,
    /// The service's message, or what went wrong locally. Unescaped: escape before a terminal.
    pub message: String,
    /// `Retry-After`, already clamped.
    pub retry_after: Option<Duration>,
    /// `request-id` of the answer.
    pub request_id: Option<String>,
    /// `client-request-id` of the request, once it left.
    pub client_request_id: Option<String>,
    /// `x-ms-diagnostics` or `x-ms-ags-diagnostic`, where an Outlook 401 keeps its only reason.
    pub diagnostics: Option<String>,
    /// Why there is no token, for [`Kind::Auth`].
    pub auth: Option<Arc<auth::Error>>,
    /// What the token's own claims say about a 401 or 403.
    pub explanation: Option<Box<auth::explain::Explanation>>,
}

impl Error {
    /// An error without an answer.
    pub fn local(kind: Kind, message: impl Into<String>) -> Self {
        Error {
            kind,
            status: None,
            code: String::new(),
            message: message.into(),
            retry_after: None,
            request_id: None,
            client_request_id: None,
            diagnostics: None,
            auth: None,
            explanation: None,
        }
    }

    /// There is no token.
    pub fn auth(error: Arc<auth::Error>) -> Self {
        let mut outer = Error::local(Kind::Auth, error.to_string());
        outer.auth = Some(error);
        outer
    }

    /// A contradiction, in words.
    pub fn contradiction(message: impl Into<String>) -> Self {
        Error::local(Kind::Contradiction, message)
    }

    /// The error that an answer other than success is.
    pub fn answer(side: Side, status: u16, body: &[u8]) -> Self {
        let mut error = Error::local(Kind::Refused, String::new());
        error.status = Some(status);
        if let Some(value) = wire::parse(body) {
            let inner = wire::field(&value, "error").unwrap_or(&value);
            error.code = clip(wire::text(inner, "code").unwrap_or_default());
            error.message = clip(wire::text(inner, "message").unwrap_or_default());
            let details = wire::field(inner, "innerError");
            let id = |key| details.and_then(|d| wire::text(d, key)).map(clip);
            error.request_id = id("request-id").or_else(|| id("requestId"));
        }
        error.kind = kind_of(side, status, &error.code, &error.message);
        if (300..400).contains(&status) && error.message.is_empty() {
            "a redirect, which is never followed".clone_into(&mut error.message);
        }
        error
    }

    /// Whether the service names `code`.
    pub fn is(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code)
    }
}

impl From<auth::Error> for Error {
    fn from(error: auth::Error) -> Self {
        Error::auth(Arc::new(error))
    }
}

/// Status first; the code only where one status has several meanings. Messages are read in one place
/// only: the service has no code for an oversized POST.
fn kind_of(side: Side, status: u16, code: &str, message: &str) -> Kind {
    let is = |name: &str| code.eq_ignore_ascii_case(name);
    if is("ErrorMessageSizeExceeded") || is("ErrorAttachmentSizeLimitExceeded") {
        return Kind::TooLarge;
    }
    if is("ErrorQuotaExceeded") {
        return Kind::Quota;
    }
    if is("ErrorAttachmentSizeShouldNotBeLessThanMinimumSize") {
        return Kind::SessionTooSmall;
    }
    if is("ErrorIrresolvableConflict") {
        return Kind::Conflict;
    }
    match status {
        401 => Kind::Unauthorized,
        403 => Kind::Forbidden,
        404 | 410 => Kind::NotFound,
        408 => Kind::Unavailable,
        409 if side == Side::Upload => Kind::Range,
        409 | 412 => Kind::Conflict,
        416 => Kind::Range,
        413 => Kind::BodyTooLarge,
        429 => Kind::Throttled,
        400 if is("ErrorInvalidIdMalformed") || is("RequestBroker--ParseUri") => Kind::MalformedId,
        400 if message.contains("request length") => Kind::BodyTooLarge,
        400 if side == Side::Upload => Kind::Range,
        // Not implemented, version not supported, loop: another try changes nothing.
        501 | 505 | 508 => Kind::Refused,
        500..=599 => Kind::Unavailable,
        300..=399 => Kind::Contradiction,
        _ => Kind::Refused,
    }
}

fn clip(text: &str) -> String {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, self.code.as_str(), self.message.as_str()) {
            (None, _, message) => f.write_str(message),
            (Some(status), "", "") => write!(f, "the service answered {status}"),
            (Some(status), code, "") => write!(f, "the service answered {status} {code}"),
            (Some(status), "", message) => write!(f, "the service answered {status}: {message}"),
            (Some(status), code, message) => {
                write!(f, "the service answered {status} {code}: {message}")
            }
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(side: Side, status: u16, code: &str) -> Kind {
        let body = serde_json::json!({"error": {"code": code, "message": "m"}}).to_string();
        Error::answer(side, status, body.as_bytes()).kind
    }

    #[test]
    fn the_service_s_errors_are_sorted() {
        use Side::{Graph, Upload};
        for (side, status, code, expected) in [
            (
                Graph,
                400,
                "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize",
                Kind::SessionTooSmall,
            ),
            (Upload, 400, "ErrorMessageSizeExceeded", Kind::TooLarge),
            (Graph, 400, "ErrorInvalidIdMalformed", Kind::MalformedId),
            (Graph, 401, "InvalidAuthenticationToken", Kind::Unauthorized),
            (
                Upload,
                401,
                "InvalidAudienceForResource",
                Kind::Unauthorized,
            ),
            (Graph, 403, "ErrorAccessDenied", Kind::Forbidden),
            (Graph, 403, "ErrorQuotaExceeded", Kind::Quota),
            (Graph, 404, "ErrorItemNotFound", Kind::NotFound),
            (Graph, 412, "ErrorIrresolvableConflict", Kind::Conflict),
            (Upload, 409, "ErrorIrresolvableConflict", Kind::Conflict),
            (Upload, 409, "invalidRange", Kind::Range),
            (Upload, 416, "invalidRange", Kind::Range),
            (Upload, 400, "invalidRequest", Kind::Range),
            (Graph, 400, "BadRequest", Kind::Refused),
            (Graph, 413, "", Kind::BodyTooLarge),
            (Graph, 429, "ApplicationThrottled", Kind::Throttled),
            (Graph, 503, "UnknownError", Kind::Unavailable),
            (Graph, 507, "ErrorQuotaExceeded", Kind::Quota),
            (Graph, 302, "", Kind::Contradiction),
        ] {
            assert_eq!(kind(side, status, code), expected, "{status} {code}");
        }
        let body = br#"{"error":{"code":"BadRequest","message":"The maximum request length supported is 4MB."}}"#;
        assert_eq!(Error::answer(Graph, 400, body).kind, Kind::BodyTooLarge);
    }

    #[test]
    fn request_ids_of_both_hosts_are_found() {
        let graph = br#"{"error":{"code":"c","message":"m","innerError":{"request-id":"r1"}}}"#;
        let outlook = br#"{"error":{"code":"c","message":"m","innererror":{"requestId":"r2"}}}"#;
        assert_eq!(
            Error::answer(Side::Graph, 400, graph).request_id.as_deref(),
            Some("r1")
        );
        assert_eq!(
            Error::answer(Side::Upload, 400, outlook)
                .request_id
                .as_deref(),
            Some("r2")
        );
    }

    proptest! {
        #[test]
        fn any_answer_is_sorted_without_a_panic(status in 100u16..700, body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Error::answer(Side::Graph, status, &body).to_string();
            let _ = Error::answer(Side::Upload, status, &body).to_string();
        }

        #[test]
        fn long_texts_are_clipped(message in ".{0,4000}") {
            let body = serde_json::json!({"error": {"code": "c", "message": message}}).to_string();
            prop_assert!(Error::answer(Side::Graph, 400, body.as_bytes()).message.len() <= LONGEST_TEXT);
        }
    }
}
