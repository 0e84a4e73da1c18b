//! What can go wrong between this process and the service, sorted once, at the transport's edge.
//!
//! Every later decision (try again, ask, look, give up, which exit code) looks at [`Error::kind`],
//! never at a message.

use std::{fmt, sync::Arc, time::Duration};

use crate::{json, page::Page, redact};

/// Longest text of the service that is kept, in bytes.
const LONGEST_TEXT: usize = 2_048;

/// What an error means for the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No connection: nothing was sent, so nothing was done.
    Connect,
    /// The server's certificate was not accepted. Nothing was sent.
    Certificate,
    /// The proxy refuses to connect, wants a password, or cannot be used. Nothing was sent to the service.
    Proxy,
    /// Something between here and the service answered in its place: a proxy's page, a network that wants a
    /// sign-in, a redirect. Whether the service saw the request is unknown.
    Intermediary,
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
    /// 413 to a range: a gateway takes smaller requests only. The session is as it was.
    RangeTooLarge,
    /// The service does not open sessions for so small a file.
    SessionTooSmall,
    /// The service has no upload sessions for this kind of item, as in some national clouds.
    NoSessions,
    /// The file or the message with it exceeds a limit of the mailbox or the tenant.
    TooLarge,
    /// The mailbox is full.
    Quota,
    /// The mailbox cannot be reached through Graph at all: on premises, unlicensed, or a guest's.
    NoMailbox,
    /// A limit on sending, which is counted over a day: not one on requests or bytes.
    SendLimit,
    /// The service will not send this: its protection against spam or a rule of the organisation.
    Blocked,
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

impl ErrorKind {
    /// Whether the request may have taken effect although no success was reported.
    pub fn in_doubt(self) -> bool {
        matches!(
            self,
            ErrorKind::Lost
                | ErrorKind::Unavailable
                | ErrorKind::Intermediary
                | ErrorKind::Contradiction
                | ErrorKind::Deadline
                | ErrorKind::Conflict
        )
    }

    /// Whether no connection to the service was made: certainly nothing of the request reached it.
    pub fn never_connected(self) -> bool {
        matches!(
            self,
            ErrorKind::Connect | ErrorKind::Certificate | ErrorKind::Proxy | ErrorKind::Auth
        )
    }

    /// Whether the same request may succeed later, all else being equal.
    pub fn temporary(self) -> bool {
        matches!(
            self,
            ErrorKind::Connect | ErrorKind::Lost | ErrorKind::Throttled | ErrorKind::Unavailable
        )
    }
}

/// Which of the service's two faces an answer came from: the same status means different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// The Graph host.
    Graph,
    /// An upload URL.
    Upload,
}

/// No token could be had, or it is not good for the request; in the words of the token provider.
///
/// The provider's own error is inside, for callers that know its type.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct TokenError(Arc<dyn std::error::Error + Send + Sync>);

impl TokenError {
    /// Wraps a provider's own error.
    pub fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        TokenError(Arc::new(error))
    }

    /// The provider's own error, if it is an `E`.
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

/// Who gave an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerOrigin {
    /// The service: JSON as Graph or Outlook writes it, the empty bodies that they are known for, or any
    /// body under one of their request ids.
    Service,
    /// Something in between: a page, a redirect, or JSON of another kind.
    Intermediary,
}

/// An error of one request.
#[derive(Debug, Clone)]
pub struct Error {
    /// What it means.
    pub kind: ErrorKind,
    /// Who answered; `None` when there was no answer.
    pub origin: Option<AnswerOrigin>,
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
    /// Why there is no token, for [`ErrorKind::Auth`]; or what the token's provider says of a refusal,
    /// for a 401 or 403.
    pub token: Option<TokenError>,
}

impl Error {
    /// An error without an answer.
    pub fn local(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error {
            kind,
            origin: None,
            status: None,
            code: String::new(),
            message: message.into(),
            retry_after: None,
            request_id: None,
            client_request_id: None,
            diagnostics: None,
            token: None,
        }
    }

    /// There is no token.
    pub fn no_token(error: TokenError) -> Self {
        let mut outer = Error::local(ErrorKind::Auth, error.to_string());
        outer.token = Some(error);
        outer
    }

    /// A contradiction, in words.
    pub fn contradiction(message: impl Into<String>) -> Self {
        Error::local(ErrorKind::Contradiction, message)
    }

    /// The error that an answer other than success is. `identified` says that it has a header which only
    /// the service sends.
    pub fn answer(side: Host, status: u16, body: &[u8], identified: bool) -> Self {
        let mut error = Error::local(ErrorKind::Refused, String::new());
        error.status = Some(status);
        let page = Page::read(body);
        let value = json::parse(body);
        if let Some(value) = &value {
            let inner = json::field(value, "error").filter(|inner| inner.is_object());
            let inner = inner.unwrap_or(value);
            error.code = clip(json::text(inner, "code").unwrap_or_default());
            error.message = clip(json::text(inner, "message").unwrap_or_default());
            let details = json::field(inner, "innerError");
            let id = |key| details.and_then(|d| json::text(d, key)).map(clip);
            error.request_id = id("request-id").or_else(|| id("requestId"));
        }
        // Some gateways speak JSON too, but not the service's.
        let foreign = value.as_ref().is_some_and(|value| {
            let known = json::field(value, "error").is_some_and(serde_json::Value::is_object);
            let empty = value.as_object().is_some_and(serde_json::Map::is_empty);
            !known && error.code.is_empty() && !empty
        });
        let redirect = (300..400).contains(&status);
        if identified || !(page.is_some() || foreign || redirect) {
            error.origin = Some(AnswerOrigin::Service);
            error.kind = kind_of(side, status, &error.code, &error.message);
            return error;
        }
        error.origin = Some(AnswerOrigin::Intermediary);
        error.kind = kind_in_between(side, status);
        error.message = match page {
            _ if redirect => format!("a redirect (status {status}), which is never followed"),
            Some(page) => format!("{} with status {status}", page.describe()),
            None if error.message.is_empty() => format!("an answer with status {status}"),
            None => clip(&format!("status {status} ({})", error.message)),
        };
        error.code.clear();
        error
    }

    /// A page where an answer with content was due.
    pub(crate) fn page(status: u16, page: &Page) -> Self {
        let message = format!("{} with status {status}", page.describe());
        let mut error = Error::local(ErrorKind::Intermediary, message);
        error.status = Some(status);
        error.origin = Some(AnswerOrigin::Intermediary);
        error
    }

    /// Whether something between here and the service gave the answer.
    pub fn is_from_in_between(&self) -> bool {
        self.origin == Some(AnswerOrigin::Intermediary)
    }

    /// Whether the service names `code`.
    pub fn is(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code)
    }
}

/// Status first; the code only where one status has several meanings. Messages are read in one place
/// only: the service has no code for an oversized POST.
fn kind_of(side: Host, status: u16, code: &str, message: &str) -> ErrorKind {
    let is = |name: &str| code.eq_ignore_ascii_case(name);
    if is("ErrorMessageSizeExceeded") || is("ErrorAttachmentSizeLimitExceeded") {
        return ErrorKind::TooLarge;
    }
    if is("ErrorQuotaExceeded") {
        return ErrorKind::Quota;
    }
    if is("ErrorAttachmentSizeShouldNotBeLessThanMinimumSize") {
        return ErrorKind::SessionTooSmall;
    }
    if is("ErrorIrresolvableConflict") {
        return ErrorKind::Conflict;
    }
    if is("MailboxNotEnabledForRESTAPI") || is("MailboxNotSupportedForRESTAPI") {
        return ErrorKind::NoMailbox;
    }
    // Both are over by themselves, whatever their status.
    if is("ErrorMailboxMoveInProgress") || is("ErrorMailboxStoreUnavailable") {
        return ErrorKind::Unavailable;
    }
    if is("ErrorExceededMessageLimit") || is("ErrorMessageSubmissionBlocked") {
        return ErrorKind::SendLimit;
    }
    if status < 500 && message.contains("WASCL") {
        return ErrorKind::Blocked;
    }
    match status {
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        404 | 410 => ErrorKind::NotFound,
        408 | 425 => ErrorKind::Unavailable,
        409 if side == Host::Upload => ErrorKind::Range,
        409 | 412 => ErrorKind::Conflict,
        416 => ErrorKind::Range,
        413 if side == Host::Upload => ErrorKind::RangeTooLarge,
        413 => ErrorKind::BodyTooLarge,
        429 => ErrorKind::Throttled,
        400 if is("ErrorInvalidIdMalformed") || is("RequestBroker--ParseUri") => {
            ErrorKind::MalformedId
        }
        400 if message.contains("request length") => ErrorKind::BodyTooLarge,
        400 if side == Host::Upload => ErrorKind::Range,
        // Not implemented, version not supported, loop: another try changes nothing.
        501 | 505 | 508 => ErrorKind::Refused,
        500..=599 => ErrorKind::Unavailable,
        300..=399 => ErrorKind::Contradiction,
        _ => ErrorKind::Refused,
    }
}

/// The same for an answer of something in between: its 401, 403 or 404 says nothing about the token or the
/// item.
fn kind_in_between(side: Host, status: u16) -> ErrorKind {
    match status {
        407 => ErrorKind::Proxy,
        413 if side == Host::Upload => ErrorKind::RangeTooLarge,
        413 => ErrorKind::BodyTooLarge,
        429 => ErrorKind::Throttled,
        // 511: the network wants a sign-in.
        501 | 505 | 508 | 511 => ErrorKind::Intermediary,
        408 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Intermediary,
    }
}

fn clip(text: &str) -> String {
    let text = &*redact::clean(text);
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_from_in_between() {
            return write!(
                f,
                "something in between answered for the service: {}",
                self.message
            );
        }
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

    fn kind(side: Host, status: u16, code: &str) -> ErrorKind {
        let body = serde_json::json!({"error": {"code": code, "message": "m"}}).to_string();
        Error::answer(side, status, body.as_bytes(), false).kind
    }

    #[test]
    fn the_service_s_errors_are_sorted() {
        use Host::{Graph, Upload};
        for (side, status, code, expected) in [
            (
                Graph,
                400,
                "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize",
                ErrorKind::SessionTooSmall,
            ),
            (Upload, 400, "ErrorMessageSizeExceeded", ErrorKind::TooLarge),
            (
                Graph,
                400,
                "ErrorInvalidIdMalformed",
                ErrorKind::MalformedId,
            ),
            (
                Graph,
                401,
                "InvalidAuthenticationToken",
                ErrorKind::Unauthorized,
            ),
            (
                Upload,
                401,
                "InvalidAudienceForResource",
                ErrorKind::Unauthorized,
            ),
            (Graph, 403, "ErrorAccessDenied", ErrorKind::Forbidden),
            (Graph, 403, "ErrorQuotaExceeded", ErrorKind::Quota),
            (Graph, 404, "ErrorItemNotFound", ErrorKind::NotFound),
            (Graph, 412, "ErrorIrresolvableConflict", ErrorKind::Conflict),
            (
                Upload,
                409,
                "ErrorIrresolvableConflict",
                ErrorKind::Conflict,
            ),
            (Upload, 409, "invalidRange", ErrorKind::Range),
            (Upload, 416, "invalidRange", ErrorKind::Range),
            (Upload, 400, "invalidRequest", ErrorKind::Range),
            (Graph, 400, "BadRequest", ErrorKind::Refused),
            (Graph, 413, "", ErrorKind::BodyTooLarge),
            (Graph, 429, "ApplicationThrottled", ErrorKind::Throttled),
            (Graph, 503, "UnknownError", ErrorKind::Unavailable),
            (Graph, 507, "ErrorQuotaExceeded", ErrorKind::Quota),
            (Graph, 302, "", ErrorKind::Intermediary),
            (Upload, 413, "", ErrorKind::RangeTooLarge),
            (
                Graph,
                404,
                "MailboxNotEnabledForRESTAPI",
                ErrorKind::NoMailbox,
            ),
            (
                Graph,
                400,
                "ErrorMailboxMoveInProgress",
                ErrorKind::Unavailable,
            ),
            (
                Graph,
                429,
                "ErrorExceededMessageLimit",
                ErrorKind::SendLimit,
            ),
            (
                Graph,
                403,
                "ErrorMessageSubmissionBlocked",
                ErrorKind::SendLimit,
            ),
        ] {
            assert_eq!(kind(side, status, code), expected, "{status} {code}");
        }
        let body = br#"{"error":{"code":"BadRequest","message":"The maximum request length supported is 4MB."}}"#;
        assert_eq!(
            Error::answer(Graph, 400, body, false).kind,
            ErrorKind::BodyTooLarge
        );
    }

    #[test]
    fn pages_of_something_in_between_are_no_word_of_the_service() {
        use Host::{Graph, Upload};
        let page = b"<html><title>Blocked by Contoso</title></html>";
        for (side, status, kind) in [
            (Graph, 400, ErrorKind::Intermediary),
            (Graph, 401, ErrorKind::Intermediary),
            (Upload, 403, ErrorKind::Intermediary),
            (Graph, 404, ErrorKind::Intermediary),
            (Graph, 407, ErrorKind::Proxy),
            (Upload, 413, ErrorKind::RangeTooLarge),
            (Graph, 429, ErrorKind::Throttled),
            (Upload, 502, ErrorKind::Unavailable),
            (Graph, 511, ErrorKind::Intermediary),
        ] {
            let error = Error::answer(side, status, page, false);
            assert_eq!(error.kind, kind, "{status}");
            assert_eq!(error.origin, Some(AnswerOrigin::Intermediary));
            let shown = error.to_string();
            assert!(shown.contains("`Blocked by Contoso`"), "{shown}");
        }
        let gateway = br#"{"message":"Forbidden"}"#;
        let error = Error::answer(Graph, 403, gateway, false);
        assert_eq!(error.kind, ErrorKind::Intermediary);
        assert!(error.to_string().contains("(Forbidden)"));
        // Under the service's own request id it is the service's, whatever the body is.
        for body in [&page[..], gateway] {
            let error = Error::answer(Graph, 403, body, true);
            assert_eq!(error.kind, ErrorKind::Forbidden);
            assert_eq!(error.origin, Some(AnswerOrigin::Service));
        }
        for body in [&b""[..], b"{}", br#"{"error":{"code":"ErrorAccessDenied"#] {
            assert_eq!(
                Error::answer(Graph, 403, body, false).kind,
                ErrorKind::Forbidden
            );
        }
        assert_eq!(Error::local(ErrorKind::Lost, "x").origin, None);
    }

    #[test]
    fn what_the_service_echoes_is_cleaned() {
        redact::register("Sekret-that-the-process-knows-1234");
        let body = br#"{"error":{"code":"Sekret-that-the-process-knows-1234","message":"no Sekret-that-the-process-knows","innerError":{"request-id":"Sekret-that-the-process-knows-1234"}}}"#;
        let error = Error::answer(Host::Graph, 400, body, false);
        assert!(
            !format!("{error} {error:?}").contains("Sekret"),
            "{error:?}"
        );
        let page = b"<title>Sekret-that-the-process-knows-1234</title>";
        let error = Error::answer(Host::Graph, 403, page, false);
        assert!(
            !format!("{error} {error:?}").contains("Sekret"),
            "{error:?}"
        );
    }

    #[test]
    fn request_ids_of_both_hosts_are_found() {
        let graph = br#"{"error":{"code":"c","message":"m","innerError":{"request-id":"r1"}}}"#;
        let outlook = br#"{"error":{"code":"c","message":"m","innererror":{"requestId":"r2"}}}"#;
        assert_eq!(
            Error::answer(Host::Graph, 400, graph, false)
                .request_id
                .as_deref(),
            Some("r1")
        );
        assert_eq!(
            Error::answer(Host::Upload, 400, outlook, false)
                .request_id
                .as_deref(),
            Some("r2")
        );
    }

    proptest! {
        #[test]
        fn any_answer_is_sorted_without_a_panic(status in 100u16..700, body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Error::answer(Host::Graph, status, &body, false).to_string();
            let _ = Error::answer(Host::Upload, status, &body, true).to_string();
        }

        #[test]
        fn long_texts_are_clipped(message in ".{0,4000}") {
            let body = serde_json::json!({"error": {"code": "c", "message": message}}).to_string();
            prop_assert!(Error::answer(Host::Graph, 400, body.as_bytes(), false).message.len() <= LONGEST_TEXT);
        }
    }
}
