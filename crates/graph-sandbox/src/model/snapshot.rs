//! What every item holds now, for `/sandbox/items`, for tests and for the report at the end.

use serde::Serialize;

use crate::{
    model::content::Content,
    model::ids::Folder,
    model::item::{Form, Kind},
    shared::Shared,
};

/// A file that is attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldFile {
    /// Its id on the Graph host.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its true size in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// The type that was given for it, or guessed.
    pub content_type: Option<String>,
    /// Whether it is shown within the body.
    pub is_inline: bool,
    /// What the body calls it by.
    pub content_id: Option<String>,
    /// Whether it has taken effect: `--late-commit` lets some do so later.
    pub committed: bool,
}

/// A message or an event, and what is attached to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldItem {
    /// `message` or `event`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its id now; another one after it was sent.
    pub id: String,
    /// Its immutable id.
    pub immutable_id: String,
    /// Address of the mailbox that it is in.
    pub mailbox: String,
    /// `inbox`, `drafts`, `sentitems`, `deleteditems`, `outbox`, `junkemail`, `archive` or `calendar`.
    pub folder: &'static str,
    /// Its subject.
    pub subject: String,
    /// Whether it is a draft.
    pub is_draft: bool,
    /// What is attached, oldest first.
    pub attachments: Vec<HeldFile>,
}

/// Every item, oldest first. Hashes what has not been hashed yet.
pub(crate) fn items(shared: &Shared) -> Vec<HeldItem> {
    let store = shared.store();
    let now = store.clock.now();
    let mut contents: Vec<Content> = Vec::new();
    let mut all: Vec<HeldItem> = store
        .items()
        .map(|item| HeldItem {
            kind: match item.kind {
                Kind::Message => "message",
                Kind::Event => "event",
            },
            id: item.id.clone(),
            immutable_id: item.immutable_id.clone(),
            mailbox: store
                .mailboxes
                .get(item.mailbox)
                .map(|m| m.upn.clone())
                .unwrap_or_default(),
            folder: match item.folder {
                Folder::Inbox => "inbox",
                Folder::Drafts => "drafts",
                Folder::SentItems => "sentitems",
                Folder::DeletedItems => "deleteditems",
                Folder::Outbox => "outbox",
                Folder::JunkEmail => "junkemail",
                Folder::Archive => "archive",
                Folder::Calendar => "calendar",
                Folder::Sessions => "sessions",
            },
            subject: item.subject().to_owned(),
            is_draft: item.is_draft(),
            attachments: item
                .attachments
                .iter()
                .map(|attachment| {
                    let file = &attachment.file;
                    contents.push(file.content.clone());
                    HeldFile {
                        id: attachment.id(item, false),
                        name: file.name.clone(),
                        size: match file.form {
                            Form::File => file.content.len(),
                            Form::Other { .. } => 0,
                        },
                        sha256: String::new(),
                        content_type: file.content_type.clone(),
                        is_inline: file.is_inline,
                        content_id: file.content_id.clone(),
                        committed: attachment.since <= now,
                    }
                })
                .collect(),
        })
        .collect();
    drop(store);
    // Without the lock, so that hashing hundreds of megabytes holds nobody up.
    let files = all.iter_mut().flat_map(|item| &mut item.attachments);
    for (file, content) in files.zip(contents) {
        file.sha256 = content.sha256();
    }
    all
}
