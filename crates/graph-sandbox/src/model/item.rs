//! Messages, events and what is attached to them: their state, and their JSON.

use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    clock,
    model::content::Content,
    model::extended,
    model::ids::{self, Folder},
    options::ReportedSize,
};

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Message,
    Event,
}

impl Kind {
    /// `messages` or `events`, as in paths.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Kind::Message => "messages",
            Kind::Event => "events",
        }
    }
}

/// A number that stays with an item for its life, whatever ids it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ItemKey(pub(crate) u64);

/// A message or an event.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) key: ItemKey,
    /// Index of its mailbox.
    pub(crate) mailbox: usize,
    pub(crate) kind: Kind,
    pub(crate) folder: Folder,
    /// Changes when the item moves.
    pub(crate) id: String,
    pub(crate) immutable_id: String,
    /// The properties that clients may write, over the service's defaults.
    pub(crate) fields: Map<String, Value>,
    /// When the item appeared to the part of the service that handles attachments.
    pub(crate) settled: Instant,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) sent: Option<Timestamp>,
    pub(crate) changes: u32,
    /// From when on lists of items have it where it is now.
    pub(crate) listed_from: Instant,
    /// Single-value extended properties.
    pub(crate) extended: Vec<extended::Property>,
    /// Also those that take effect only later.
    pub(crate) attachments: Vec<Attachment>,
    /// Removed ones, and until when lists still have them.
    pub(crate) removed: Vec<(Attachment, Instant)>,
}

impl Item {
    pub(crate) fn is_draft(&self) -> bool {
        self.kind == Kind::Message && self.folder == Folder::Drafts && self.sent.is_none()
    }

    pub(crate) fn id(&self, immutable: bool) -> &str {
        if immutable {
            &self.immutable_id
        } else {
            &self.id
        }
    }

    pub(crate) fn touch(&mut self, now: Timestamp) {
        self.modified = now;
        self.changes += 1;
    }

    /// What is attached by now.
    pub(crate) fn attached(&self, now: Instant) -> impl Iterator<Item = &Attachment> {
        self.attachments
            .iter()
            .filter(move |attachment| attachment.since <= now)
    }

    /// What lists show now.
    pub(crate) fn listed(&self, now: Instant) -> impl Iterator<Item = &Attachment> {
        let gone = self.removed.iter().filter(move |(_, until)| now < *until);
        self.attachments
            .iter()
            .chain(gone.map(|(attachment, _)| attachment))
            .filter(move |attachment| attachment.listed_from <= now)
    }

    /// Sum of the files' sizes.
    pub(crate) fn attached_bytes(&self) -> u64 {
        self.attachments
            .iter()
            .map(|attachment| attachment.file.content.len())
            .sum()
    }

    pub(crate) fn subject(&self) -> &str {
        self.fields
            .get("subject")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn change_key(&self) -> String {
        use base64::{Engine, engine::general_purpose::STANDARD};
        STANDARD.encode(format!("CQAAABYA{:08}{:08}", self.key.0, self.changes))
    }

    pub(crate) fn etag(&self) -> String {
        format!("W/\"{}\"", self.change_key())
    }

    /// Every property, as in an answer without `$select`. `parent` is the folder's id.
    pub(crate) fn json(&self, immutable: bool, parent: &str, now: Instant) -> Map<String, Value> {
        let mut all = self.fields.clone();
        let mut set = |name: &str, value: Value| {
            all.insert(name.to_owned(), value);
        };
        // Inline attachments do not count, as the message resource documents.
        let visible = self
            .listed(now)
            .any(|attachment| !attachment.file.is_inline);
        let body = self.fields.get("body").and_then(|body| body.get("content"));
        let preview: String = body
            .and_then(Value::as_str)
            .unwrap_or_default()
            .chars()
            .take(255)
            .collect();
        set("@odata.etag", json!(self.etag()));
        set("changeKey", json!(self.change_key()));
        set("id", json!(self.id(immutable)));
        set("createdDateTime", json!(clock::seconds(self.created)));
        set("lastModifiedDateTime", json!(clock::seconds(self.modified)));
        set("hasAttachments", json!(visible));
        set("bodyPreview", json!(preview));
        let web_link = format!(
            "https://outlook.office365.com/owa/?ItemID={}&exvsurl=1",
            self.id
        );
        set(
            "webLink",
            json!(
                web_link
                    .replace('=', "%3D")
                    .replacen("ItemID%3D", "ItemID=", 1)
            ),
        );
        match self.kind {
            Kind::Message => {
                let time = clock::seconds(self.sent.unwrap_or(self.created));
                set("isDraft", json!(self.is_draft()));
                set("parentFolderId", json!(parent));
                set("receivedDateTime", json!(time));
                set("sentDateTime", json!(time));
            }
            Kind::Event => set("isDraft", json!(false)),
        }
        all
    }
}

/// What kind of thing is attached.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    File,
    /// An Outlook item or a link: kept as it came, since nothing here looks inside.
    Other {
        odata_type: String,
        rest: Map<String, Value>,
    },
}

/// A file, or another thing, that is to be attached.
#[derive(Debug, Clone)]
pub(crate) struct NewFile {
    pub(crate) form: Form,
    pub(crate) name: String,
    pub(crate) content_type: Option<String>,
    pub(crate) is_inline: bool,
    pub(crate) content_id: Option<String>,
    pub(crate) content: Content,
}

/// Something attached to an item.
#[derive(Debug, Clone)]
pub(crate) struct Attachment {
    pub(crate) key: Uuid,
    pub(crate) file: NewFile,
    pub(crate) modified: Timestamp,
    /// When it takes effect: before, there is no such attachment.
    pub(crate) since: Instant,
    /// From when on lists have it.
    pub(crate) listed_from: Instant,
    /// From when on it can be read back.
    pub(crate) readable_from: Instant,
}

impl Attachment {
    pub(crate) fn id(&self, item: &Item, immutable: bool) -> String {
        ids::attachment(item.id(immutable), self.key)
    }

    /// The service counts more than the file: 816 bytes became 1,053, and 3,483,322 became
    /// 3,640,066 in published traces.
    pub(crate) fn reported_size(&self, how: ReportedSize) -> u64 {
        let len = self.file.content.len();
        match how {
            ReportedSize::Exact => len,
            ReportedSize::Inflated => len + 237 + len * 45 / 1000,
            ReportedSize::Zero => 0,
            ReportedSize::Smaller => len / 10 * 9,
            ReportedSize::Rounded => (len + 512) / 1024 * 1024,
        }
    }

    /// Every property but `contentBytes`, which is large.
    pub(crate) fn json(
        &self,
        item: &Item,
        immutable: bool,
        size: ReportedSize,
    ) -> Map<String, Value> {
        let file = &self.file;
        let mut all = Map::new();
        let mut set = |name: &str, value: Value| {
            all.insert(name.to_owned(), value);
        };
        set("id", json!(self.id(item, immutable)));
        set("lastModifiedDateTime", json!(clock::seconds(self.modified)));
        set("name", json!(file.name));
        set("contentType", json!(file.content_type));
        set("size", json!(self.reported_size(size)));
        set("isInline", json!(file.is_inline));
        match &file.form {
            Form::File => {
                set("@odata.type", json!("#microsoft.graph.fileAttachment"));
                set("@odata.mediaContentType", json!(file.content_type));
                set("contentId", json!(file.content_id));
                set("contentLocation", Value::Null);
            }
            Form::Other { odata_type, rest } => {
                set("@odata.type", json!(odata_type));
                rest.iter()
                    .for_each(|(name, value)| set(name, value.clone()));
            }
        }
        all
    }
}
