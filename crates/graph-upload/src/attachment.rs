//! What a file becomes on the item. Plain data.

/// What a file is to be as an attachment; the same on both routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The file name that recipients see.
    pub name: String,
    /// MIME type.
    pub content_type: String,
    /// Whether it is shown inside an HTML body.
    pub is_inline: bool,
    /// What `cid:` in that body refers to, without angle brackets.
    pub content_id: Option<String>,
}
