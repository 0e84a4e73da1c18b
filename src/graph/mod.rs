//! Microsoft Graph and the Outlook upload host, as typed requests and replies.
//!
//! Two clients by type: [`GraphClient`] owns the token and knows only the Graph host;
//! [`UploadClient`] speaks to upload URLs and has no token type in scope. Nothing here prints, reads
//! the environment, or decides what to do next: an error is sorted once ([`error::Kind`]) and
//! handed up.

mod body;
mod client;
pub mod error;
mod http;
mod item;
pub mod location;
mod mail;
mod message;
pub mod ranges;
pub mod retry_after;
mod upload_client;
mod upload_url;
pub mod wire;

pub use body::Meter;
pub use client::{Created, GraphClient};
pub use error::{Error, Kind};
pub use http::{Limits, Transport};
pub use item::{Item, ItemKind};
pub use mail::{Entry, Found, Where};
pub use message::{Address, Body, Draft};
pub use upload_client::{PutReply, UploadClient};
pub use upload_url::UploadUrl;
pub use wire::{Attachment, Listed};

use reqwest::header::{HeaderName, HeaderValue};

/// A fresh id for one request, which Microsoft's support asks for.
fn client_request_id() -> (HeaderName, HeaderValue) {
    let id = uuid::Uuid::new_v4().to_string();
    let value = HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("0"));
    (HeaderName::from_static("client-request-id"), value)
}
