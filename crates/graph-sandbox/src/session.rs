//! Upload sessions: what one stands for, what it has, and when it is over.

use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    content::Content,
    item::{Attachment, Form, ItemKey},
};

/// What the session's creator said about the file.
#[derive(Debug, Clone)]
pub(super) struct Announced {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) content_type: Option<String>,
    pub(super) is_inline: bool,
    pub(super) content_id: Option<String>,
}

/// Where a session is reached.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The upload URL up to the item: what `Location` begins with.
    pub(super) base: String,
    /// `@odata.context` of its answers: the same with encoded ids.
    pub(super) context: String,
    /// Whether the session was made by a request for immutable ids.
    pub(super) immutable: bool,
}

/// One upload session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    /// The token in the upload URL.
    pub(super) token: String,
    pub(super) item: ItemKey,
    pub(super) place: Place,
    pub(super) file: Announced,
    pub(super) pieces: Vec<Bytes>,
    pub(super) received: u64,
    pub(super) expires: Instant,
    pub(super) expires_at: Timestamp,
    /// What it became, kept only where a repeated last range is to be taken again.
    pub(super) finished: Option<Content>,
}

impl Session {
    /// Takes the next range; `Some` when the file is whole.
    pub(super) fn append(&mut self, pieces: Vec<Bytes>) -> Option<Content> {
        self.received += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        self.pieces.extend(pieces);
        (self.received == self.file.size).then(|| Content::new(std::mem::take(&mut self.pieces)))
    }

    /// The attachment that this session makes of `content`.
    pub(super) fn attachment(&self, content: Content, now: Timestamp) -> Attachment {
        Attachment {
            key: Uuid::new_v4(),
            form: Form::File,
            name: self.file.name.clone(),
            content_type: self.file.content_type.clone(),
            is_inline: self.file.is_inline,
            content_id: self.file.content_id.clone(),
            content,
            modified: now,
        }
    }
}
