//! Upload sessions: what one stands for, what it has, and when it is over.

use std::time::Instant;

use jiff::Timestamp;

use crate::model::{
    content::{Content, Piece},
    item::{Form, ItemKey, NewFile},
};

/// What the session's creator said about the file.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) content_type: Option<String>,
    pub(crate) is_inline: bool,
    pub(crate) content_id: Option<String>,
}

/// Where a session is reached.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The upload URL up to the item: what `Location` begins with.
    pub(crate) base: String,
    /// `@odata.context` of its answers: the same with encoded ids.
    pub(crate) context: String,
    /// Whether the session was made by a request for immutable ids.
    pub(crate) immutable: bool,
}

/// One upload session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    /// The token in the upload URL.
    pub(crate) token: String,
    pub(crate) item: ItemKey,
    pub(crate) place: Place,
    pub(crate) file: Announced,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) received: u64,
    pub(crate) expires: Instant,
    pub(crate) expires_at: Timestamp,
    /// What it became, kept only where a repeated last range is to be taken again.
    pub(crate) finished: Option<Content>,
}

impl Session {
    /// Takes the next range; `Some` when the file is whole.
    pub(crate) fn append(&mut self, pieces: Vec<Piece>) -> Option<Content> {
        self.received += pieces.iter().map(Piece::len).sum::<u64>();
        self.pieces.extend(pieces);
        (self.received == self.file.size).then(|| Content::new(std::mem::take(&mut self.pieces)))
    }

    /// The file that this session makes of `content`.
    pub(crate) fn file(&self, content: Content) -> NewFile {
        NewFile {
            form: Form::File,
            name: self.file.name.clone(),
            content_type: self.file.content_type.clone(),
            is_inline: self.file.is_inline,
            content_id: self.file.content_id.clone(),
            content,
        }
    }
}
