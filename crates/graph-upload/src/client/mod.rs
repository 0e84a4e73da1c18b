//! Microsoft Graph and the Outlook upload host, as typed requests and replies.
//!
//! Two clients by type: [`GraphClient`] owns the token and knows only the Graph host;
//! [`UploadClient`] speaks to upload URLs and has no token type in scope. Nothing here prints, reads
//! the environment, or decides what to do next: an error is sorted once ([`ErrorKind`](crate::ErrorKind)) and
//! handed up.

mod body;
mod decode;
mod failure;
mod graph;
mod http_client;
mod keyed;
pub mod location;
mod mail;
mod message;
mod proxy;
mod reply;
mod request_log;
pub mod retry_after;
mod token;
mod transport;
mod trust;
mod upload_host;
mod verifier;
pub mod wire;

pub use body::Meter;
pub use graph::{Created, GraphClient};
pub use keyed::{Answer, MailInfo, MailKey};
pub use mail::{Collection, ItemInfo, ItemSummary};
pub use message::{Address, Body, Draft};
pub use proxy::Proxies;
pub use reply::Reply;
pub use request_log::{RequestObserver, RequestRecord};
pub use token::{BearerToken, Malformed, Refusal, TokenFuture, TokenProvider, TokenRequest};
pub use transport::{HttpOptions, HttpRequest, HttpTimeouts, SLOWEST, Transport};
pub use trust::{CaFile, Trust};
pub use upload_host::{PutReply, UploadClient};
pub use wire::AttachmentInfo;

use reqwest::header::{HeaderName, HeaderValue};

/// A fresh id for one request, which Microsoft's support asks for.
fn client_request_id() -> (HeaderName, HeaderValue) {
    let id = uuid::Uuid::new_v4().to_string();
    let value = HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("0"));
    (HeaderName::from_static("client-request-id"), value)
}
