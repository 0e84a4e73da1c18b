//! The two ways in which a file travels. Plain data.

use serde::{Deserialize, Serialize};

/// From this size on a file goes through an upload session; below it, in one POST.
/// Source: Microsoft's page for `createUploadSession` ("between 3 MB and 150 MB").
pub const SESSION_FROM: u64 = 3_000_000;

/// How a file travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// One POST of a `fileAttachment`, content in base64.
    Post,
    /// An upload session: PUTs of byte ranges.
    Session,
}

impl Route {
    /// The route for a file of `size` bytes, before the service has said anything.
    pub fn for_size(size: u64) -> Self {
        if size < SESSION_FROM {
            Route::Post
        } else {
            Route::Session
        }
    }
}
