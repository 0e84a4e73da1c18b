//! Refusals, with the codes and texts that each host is known to send.
//!
//! A [`Failure`] says what is wrong; each host puts it into words its own way: Graph with an
//! `innerError`, the upload host mostly without.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    clock,
    options::{Audience, StatusAnswer},
    server::reply::Reply,
};

/// The code of the upload host's 401.
const AUDIENCE: &str = "InvalidAudienceForResource";

/// A refusal that has not been put into words yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    /// Empty when the answer has no body.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) retry_after: Option<String>,
    /// `Allow` of a 405.
    pub(crate) allow: Option<&'static str>,
}

/// The two ids by which the service's people find a request.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) request_id: String,
    pub(crate) client_request_id: String,
}

impl Trace {
    /// `client` is what the caller sent as `client-request-id`; the service takes its own if none.
    pub(crate) fn new(request_id: Uuid, client: Option<&str>) -> Self {
        let request_id = request_id.to_string();
        let client_request_id = client.unwrap_or(&request_id).to_owned();
        Trace {
            request_id,
            client_request_id,
        }
    }
}

impl Failure {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Failure {
            status,
            code: code.to_owned(),
            message: message.into(),
            retry_after: None,
            allow: None,
        }
    }

    /// A status with no body.
    pub(crate) fn empty(status: u16) -> Self {
        Failure::new(status, "", "")
    }

    pub(crate) fn after(mut self, retry_after: Option<String>) -> Self {
        self.retry_after = retry_after;
        self
    }

    pub(crate) fn not_found() -> Self {
        Failure::new(
            404,
            "ErrorItemNotFound",
            "The specified object was not found in the store.",
        )
    }

    pub(crate) fn malformed_id() -> Self {
        Failure::new(400, "ErrorInvalidIdMalformed", "Id is malformed.")
    }

    pub(crate) fn no_segment(segment: &str) -> Self {
        let message = format!("Resource not found for the segment '{segment}'.");
        Failure::new(400, "RequestBroker--ParseUri", message)
    }

    /// `allow` lists the methods that there are.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let mut failure = Failure::new(
            405,
            "ErrorInvalidRequest",
            "The OData request is not supported: this method cannot be used with this resource.",
        );
        failure.allow = Some(allow);
        failure
    }

    /// The service may well do this; the stand-in cannot, and says so rather than pretend.
    pub(crate) fn not_in_sandbox(what: &str) -> Self {
        Failure::new(
            501,
            "NotInSandbox",
            format!("The sandbox cannot do this: {what}."),
        )
    }

    /// Content of which only the hash was kept.
    pub(crate) fn not_kept() -> Self {
        Failure::not_in_sandbox(
            "reading back content of which only the hash is kept (`--content hash`)",
        )
    }

    pub(crate) fn access_denied() -> Self {
        Failure::new(
            403,
            "ErrorAccessDenied",
            "Access is denied. Check credentials and try again.",
        )
    }

    pub(crate) fn conflict(status: u16) -> Self {
        Failure::new(
            status,
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because the change key passed in \
             the request does not match the current change key for the item.",
        )
    }

    pub(crate) fn message_too_large() -> Self {
        Failure::new(
            400,
            "ErrorMessageSizeExceeded",
            "The message exceeds the maximum supported size.",
        )
    }

    pub(crate) fn throttled(limit: &str, retry_after: Option<u64>) -> Self {
        let message = format!("Application is over its {limit} limit.");
        let after = retry_after.map(|seconds| seconds.to_string());
        Failure::new(429, "ApplicationThrottled", message).after(after)
    }

    /// A property or parameter that the service does not take.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Failure::new(400, "ErrorInvalidParameter", message)
    }

    /// The answer for a status that a fault asked for, in the words that status usually has.
    pub(crate) fn for_status(status: u16, upload_host: bool, retry_after: Option<String>) -> Self {
        let failure = match status {
            400 => Failure::new(400, "ErrorInvalidRequest", "The request is invalid."),
            401 => Failure::new(
                401,
                "InvalidAuthenticationToken",
                "Access token has expired or is not yet valid.",
            ),
            403 => Failure::access_denied(),
            404 => Failure::not_found(),
            405 => Failure::method_not_allowed("GET"),
            409 | 412 => Failure::conflict(status),
            416 => Failure::range_mismatch(416, 0),
            422 => Failure::abstract_type(),
            429 if upload_host => Failure::throttled("IncomingBytes", None),
            429 => Failure::throttled("MailboxConcurrency", None),
            507 => Failure::new(
                507,
                "ErrorQuotaExceeded",
                "Mailbox has exceeded maximum mailbox size.",
            ),
            500 => Failure::new(
                500,
                "ErrorInternalServerError",
                "An internal server error occurred. The operation failed.",
            ),
            408 | 410 | 411 | 413 => Failure::empty(status),
            502..=599 => Failure::new(status, "UnknownError", ""),
            other => Failure::empty(other),
        };
        failure.after(retry_after)
    }

    pub(crate) fn abstract_type() -> Self {
        Failure::new(
            422,
            "UnprocessableType",
            "Cannot process input of abstract type 'Microsoft.OutlookServices.Attachment'",
        )
    }

    /// Assumed throughout: nobody has published what Outlook says to a wrong range.
    pub(crate) fn range_mismatch(status: u16, expected: u64) -> Self {
        match status {
            416 => Failure::new(
                416,
                "invalidRange",
                format!("The range does not begin at the next expected byte, {expected}."),
            ),
            409 => Failure::conflict(409),
            other => Failure::new(
                other,
                "ErrorInvalidParameter",
                format!("The range does not begin at the next expected byte, {expected}."),
            ),
        }
    }

    /// The JSON that the Graph host sends.
    pub(crate) fn graph_body(&self, trace: &Trace, now: Timestamp) -> Value {
        json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": clock::zoneless(now),
                "request-id": trace.request_id,
                "client-request-id": trace.client_request_id,
            },
        }})
    }

    /// As the Graph host answers.
    pub(crate) fn graph(&self, trace: &Trace, now: Timestamp) -> Reply {
        let mut reply = match self.code.is_empty() {
            true => Reply::empty(self.status),
            false => Reply::json(self.status, &self.graph_body(trace, now)),
        };
        if self.status == 401 {
            reply = reply.header(
                "www-authenticate",
                "Bearer realm=\"\", \
                 authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                 client_id=\"00000003-0000-0000-c000-000000000000\"",
            );
        }
        self.with_own_headers(reply)
    }

    /// The upload host's 401; `claim` is the audience of the token that it was given.
    pub(crate) fn audience(claim: &str) -> Self {
        Failure::new(401, AUDIENCE, claim)
    }

    /// As the upload host answers: no `innerError`, but for its own 401.
    pub(crate) fn outlook(&self, form: Audience, trace: &Trace, now: Timestamp) -> Reply {
        if self.code == AUDIENCE {
            return wrong_audience(form, &self.message, trace, now);
        }
        let body = json!({"error": {"code": self.code, "message": self.message}});
        let reply = match self.code.is_empty() {
            true => Reply::empty(self.status),
            false => Reply::json(self.status, &body),
        };
        self.with_own_headers(reply)
    }

    fn with_own_headers(&self, mut reply: Reply) -> Reply {
        if let Some(value) = &self.retry_after {
            reply = reply.header("retry-after", value);
        }
        match self.allow {
            Some(methods) => reply.header("allow", methods),
            None => reply,
        }
    }
}

/// The three known forms of that 401.
fn wrong_audience(form: Audience, claim: &str, trace: &Trace, now: Timestamp) -> Reply {
    const HOST: &str = "https://outlook.office.com";
    let error = |code: &str, message: String| {
        let inner = inner(trace, now);
        json!({"error": {"code": code, "message": message, "innerError": inner}})
    };
    let reply = match form {
        Audience::Empty => Reply::empty(401),
        Audience::Claim => {
            let message = "The audience claim value is invalid 'aud'.".to_owned();
            Reply::json(401, &error("InvalidAudience", message))
        }
        Audience::Resource => {
            let message = format!(
                "The audience claim value is invalid for current resource. Audience claim is \
                 '{claim}', request url is '{HOST}' and resource type is 'Exchange'."
            );
            Reply::json(401, &error(AUDIENCE, message))
        }
    };
    reply
        .header(
            "x-ms-diagnostics",
            "2000003;reason=\"The audience claim value is invalid 'aud'.\";\
             error_category=\"invalid_resource\"",
        )
        .header(
            "www-authenticate",
            "Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\", error=\"invalid_token\"",
        )
}

/// This host's keys differ from Graph's: `requestId`, not `request-id`.
fn inner(trace: &Trace, now: Timestamp) -> Value {
    json!({
        "oAuthEventOperationId": trace.client_request_id,
        "oAuthEventcV": "JN0dmiR5klAj9qnbU8jaVw.1.1",
        "errorUrl": "https://aka.ms/autherrors#error-InvalidResource",
        "requestId": trace.request_id,
        "date": clock::zoneless(now),
    })
}

/// The refusal of GET on an upload URL that the option asks for, if it asks for one.
pub(crate) fn status_refusal(answer: StatusAnswer) -> Option<Failure> {
    match answer {
        StatusAnswer::Known | StatusAnswer::Unauthorized => None,
        StatusAnswer::NotFound => Some(Failure::not_found()),
        StatusAnswer::NotAllowed => Some(Failure::method_not_allowed("PUT, DELETE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> Trace {
        Trace {
            request_id: "r".to_owned(),
            client_request_id: "c".to_owned(),
        }
    }

    #[test]
    fn graph_errors_carry_an_inner_error_without_a_zone() {
        let now: Timestamp = "2023-02-20T05:06:48Z".parse().expect("a time");
        let body = Failure::not_found().graph_body(&trace(), now);
        assert_eq!(
            body.to_string(),
            r#"{"error":{"code":"ErrorItemNotFound","innerError":{"client-request-id":"c","date":"2023-02-20T05:06:48","request-id":"r"},"message":"The specified object was not found in the store."}}"#
        );
    }

    #[test]
    fn every_status_that_a_fault_can_ask_for_is_answered_with_it() {
        for status in 200..=599 {
            let failure = Failure::for_status(status, false, Some("3".to_owned()));
            assert_eq!(failure.status, status);
            assert_eq!(failure.retry_after.as_deref(), Some("3"));
        }
        assert_eq!(Failure::for_status(413, false, None).code, "");
        assert_eq!(
            Failure::for_status(429, true, None).message,
            "Application is over its IncomingBytes limit."
        );
    }

    #[test]
    fn the_caller_s_request_id_is_kept() {
        assert_eq!(
            Trace::new(Uuid::from_u128(1), Some("mine")).client_request_id,
            "mine"
        );
        let own = Trace::new(Uuid::from_u128(1), None);
        assert_eq!(own.client_request_id, own.request_id);
    }
}
