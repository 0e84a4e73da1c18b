//! What is known of an upload, as it lies on disk.
//!
//! A state file is `{"schema": 2, "check": "…", "record": {…}}`. `check` is the SHA-256 of the
//! record, so that a flipped bit is noticed rather than followed.
//!
//! Schema 1 knew no POSTs, no uploads that had not begun, and no doubt. It is read for ever.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{id::SessionId, moment::Moment};
use crate::{Attachment, Digest, Item, Route, UploadUrl, item::is_id};

/// The schema that this version writes.
pub const SCHEMA: u64 = 2;

/// The schema before that.
const WITHOUT_DOUBT: u64 = 1;

/// After which an upload that never began is of no use to anybody, in hours.
const NEVER_BEGUN: i64 = 24;

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not attached yet.
    Unfinished,
    /// Attached. The upload URL is erased.
    Finished,
}

/// A pipe whose content was kept on disk, before any upload of it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pipe {
    /// Its end was not seen: what is kept may be a part, and is never attached by itself.
    Incomplete,
    /// All of it is kept, and nothing was sent to the service yet.
    Waiting,
}

/// A position in the file together with the digest of every byte before it, as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashedOffset {
    /// Bytes.
    pub offset: u64,
    /// SHA-256 of the bytes before `offset`.
    pub sha256: Digest,
}

impl HashedOffset {
    /// The beginning of a file.
    pub fn start() -> Self {
        HashedOffset {
            offset: 0,
            sha256: Digest::of(b""),
        }
    }
}

/// What the file system says of a file. Equal stamps mean an untouched file; unequal ones mean that
/// the content must be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFingerprint {
    /// Device.
    pub dev: u64,
    /// Inode.
    pub ino: u64,
    /// Size in bytes.
    pub size: u64,
    /// Last change of the content, in nanoseconds since 1970. Anybody can set it.
    pub mtime: i64,
    /// Last change of the content or the inode, in nanoseconds since 1970. Nobody can set it.
    pub ctime: i64,
}

/// One upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its name on this computer.
    pub id: SessionId,
    /// Where it stands.
    pub state: State,
    /// How the file travels.
    #[serde(default = "session")]
    pub route: Route,
    /// Since when it may be attached although nobody said so: a request that attaches went out. Written
    /// before it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Moment>,
    /// The Graph endpoint, with version.
    pub endpoint: String,
    /// What the file is attached to.
    pub item: Item,
    /// The file's absolute path.
    #[serde(with = "path")]
    pub file: PathBuf,
    /// Whether `file` is a spool of ours, to be removed with the session.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spooled: bool,
    /// How far a pipe came before its upload began; `None` once it has, and for every file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipe: Option<Pipe>,
    /// What the file becomes.
    #[serde(with = "AttachmentShape")]
    pub attachment: Attachment,
    /// Its size in bytes.
    pub size: u64,
    /// Largest range in bytes.
    pub chunk: u64,
    /// SHA-256 of the whole content, once known.
    pub sha256: Option<Digest>,
    /// The file as the upload's first command found it.
    pub stamp: FileFingerprint,
    /// Whether it is a copy beside others of the same content.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// Whether it is to be read back in the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
    /// Ids of the attachments that the item had before.
    pub before: Vec<String>,
    /// Whether `before` is known: whether the attachments were listed.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub listed: bool,
    /// What the service acknowledged.
    pub acked: HashedOffset,
    /// What was handed to the network.
    pub sent: HashedOffset,
    /// Where the ranges go: a credential. None while there is no session, and when the upload is over.
    pub url: Option<UploadUrl>,
    /// When the service will end the session, if it said so.
    pub expires: Option<Timestamp>,
    /// When the upload began.
    pub created: Timestamp,
    /// The attachment's id, once attached and if the service told.
    pub attachment_id: Option<String>,
}

impl Record {
    /// Whether the service will certainly not go on with it. A hint for display and pruning: the
    /// service's answer counts, because either clock may be wrong.
    pub fn expired(&self, now: Timestamp) -> bool {
        if self.state != State::Unfinished {
            return false;
        }
        match self.expires {
            Some(expires) => expires <= now,
            None => {
                let age = now.duration_since(self.created);
                self.url.is_none() && self.doubt.is_none() && age.as_hours() >= NEVER_BEGUN
            }
        }
    }

    /// Whether it may be attached although nobody said so.
    pub fn in_doubt(&self) -> bool {
        self.state == State::Unfinished && self.doubt.is_some()
    }

    /// Whether it is what a pipe brought, and not attached: the only copy there is.
    pub fn is_unattached_pipe(&self) -> bool {
        self.spooled && self.state != State::Finished
    }

    /// The same upload without a session, to begin anew: what may have been attached meanwhile is looked
    /// for first.
    pub fn without_session(&self) -> Self {
        Record {
            url: None,
            expires: None,
            acked: HashedOffset::start(),
            sent: HashedOffset::start(),
            ..self.clone()
        }
    }

    /// The file's content as a state file.
    pub fn to_json(&self) -> Vec<u8> {
        // A record is plain data with text keys: serialising it cannot fail.
        let record = serde_json::to_value(self).unwrap_or_default();
        let file = serde_json::json!({
            "schema": SCHEMA,
            "check": check(&record),
            "record": record,
        });
        let mut text = serde_json::to_vec_pretty(&file).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Reads a state file.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut file: Value = serde_json::from_slice(bytes).map_err(|_| LoadError::Damaged)?;
        let schema = file.get("schema").and_then(Value::as_u64);
        match schema {
            Some(WITHOUT_DOUBT | SCHEMA) => {}
            Some(newer) if newer > SCHEMA => return Err(LoadError::Newer(newer)),
            _ => return Err(LoadError::Damaged),
        }
        let record = file
            .get_mut("record")
            .map(Value::take)
            .ok_or(LoadError::Damaged)?;
        if file.get("check").and_then(Value::as_str) != Some(check(&record).as_str()) {
            return Err(LoadError::Damaged);
        }
        let mut record: Record = serde_json::from_value(record).map_err(|_| LoadError::Damaged)?;
        let all_sent = record.sent.offset == record.size && record.url.is_some();
        if schema == Some(WITHOUT_DOUBT) && record.state == State::Unfinished && all_sent {
            // It went out, and nobody wrote down when.
            record.doubt = Some(Moment::now());
        }
        let ordered =
            record.acked.offset <= record.sent.offset && record.sent.offset <= record.size;
        if ordered && is_id(&record.item.id) {
            Ok(record)
        } else {
            Err(LoadError::Damaged)
        }
    }
}

/// The route of every record of schema 1.
fn session() -> Route {
    Route::Session
}

/// Every record of schema 1 was written after the attachments were listed.
fn yes() -> bool {
    true
}

/// The digest of a record: of its JSON with sorted keys and no blanks, which is how `serde_json`
/// writes a [`Value`].
pub(super) fn check(record: &Value) -> String {
    Digest::of(record.to_string().as_bytes()).to_string()
}

/// Why a state file is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Cut short, flipped, or something else altogether.
    #[error("it is damaged")]
    Damaged,
    /// Written by a later version of this program; not damaged, and left alone.
    #[error("a newer version of graph-attach wrote it (schema {0})")]
    Newer(u64),
    /// The system would not read it.
    #[error("it cannot be read: {0}")]
    Io(std::io::ErrorKind),
}

/// The fields of an attachment on disk.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Attachment")]
struct AttachmentShape {
    name: String,
    content_type: String,
    is_inline: bool,
    content_id: Option<String>,
}

/// A path as text, or as bytes when it is none: file names on Unix need not be UTF-8.
pub(super) mod path {
    use std::{
        ffi::OsString,
        os::unix::ffi::{OsStrExt, OsStringExt},
        path::{Path, PathBuf},
    };

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(in crate::store) fn serialize<S: Serializer>(path: &Path, s: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => text.serialize(s),
            None => path.as_os_str().as_bytes().serialize(s),
        }
    }

    pub(in crate::store) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<PathBuf, D::Error> {
        Ok(match Form::deserialize(d)? {
            Form::Text(text) => PathBuf::from(text),
            Form::Bytes(bytes) => PathBuf::from(OsString::from_vec(bytes)),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::ffi::OsStringExt;

    use proptest::prelude::*;

    use super::*;
    use crate::ItemKind;

    pub(crate) fn example() -> Record {
        Record {
            id: "7Q2KM4XA".parse().unwrap(),
            state: State::Unfinished,
            route: Route::Session,
            doubt: None,
            listed: true,
            endpoint: "https://graph.microsoft.com/v1.0".into(),
            item: Item {
                kind: ItemKind::Message,
                id: "AAMk=".into(),
                mailbox: None,
            },
            file: "/home/ann/report.pdf".into(),
            spooled: false,
            pipe: None,
            again: false,
            verify: false,
            attachment: Attachment {
                name: "report.pdf".into(),
                content_type: "application/pdf".into(),
                is_inline: false,
                content_id: None,
            },
            size: 12_345_678,
            chunk: 3_932_160,
            sha256: Some(Digest::of(b"x")),
            stamp: FileFingerprint {
                dev: 1,
                ino: 2,
                size: 12_345_678,
                mtime: -3,
                ctime: 4,
            },
            before: vec!["AAMkOld=".into()],
            acked: HashedOffset {
                offset: 3_932_160,
                sha256: Digest::of(b"a"),
            },
            sent: HashedOffset {
                offset: 7_864_320,
                sha256: Digest::of(b"b"),
            },
            url: Some(UploadUrl::new("https://h/up('x')?authtoken=s".into()).unwrap()),
            expires: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            created: "2025-12-31T23:00:00Z".parse().unwrap(),
            attachment_id: None,
        }
    }

    #[test]
    fn it_comes_back_as_it_was() {
        let mut record = example();
        assert_eq!(Record::from_json(&record.to_json()), Ok(record.clone()));
        record.file = PathBuf::from(std::ffi::OsString::from_vec(vec![b'/', 0xff, 0xfe]));
        record.state = State::Finished;
        record.url = None;
        record.sha256 = None;
        assert_eq!(Record::from_json(&record.to_json()), Ok(record));
    }

    #[test]
    fn every_truncation_is_noticed() {
        let json = example().to_json();
        // The last byte is a line break, which no JSON misses.
        for length in 0..json.len() - 1 {
            assert!(Record::from_json(&json[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed_or_harmless() {
        let record = example();
        let json = record.to_json();
        for at in 0..json.len() {
            for bit in 0..8 {
                let mut damaged = json.clone();
                damaged[at] ^= 1 << bit;
                // A blank may become another blank; nothing else may pass.
                if let Ok(read) = Record::from_json(&damaged) {
                    assert_eq!(read, record, "byte {at} bit {bit}");
                }
            }
        }
    }

    #[test]
    fn a_newer_schema_is_told_apart_from_damage() {
        let json = String::from_utf8(example().to_json()).unwrap();
        let newer = json.replace("\"schema\": 2", "\"schema\": 7");
        assert_eq!(
            Record::from_json(newer.as_bytes()),
            Err(LoadError::Newer(7))
        );
    }

    #[test]
    fn debug_hides_the_url() {
        assert!(!format!("{:?}", example()).contains("authtoken"));
    }

    proptest! {
        #[test]
        fn a_record_of_any_shape_is_read_as_it_is_or_not_at_all(
            key in prop::sample::select(vec![
                "id", "state", "endpoint", "item", "file", "spooled", "attachment", "size", "chunk",
                "sha256", "stamp", "before", "acked", "sent", "url", "expires", "created",
                "attachment_id", "route", "doubt", "listed", "other",
            ]),
            value in prop_oneof![
                Just(Value::Null), any::<u64>().prop_map(Value::from), any::<i64>().prop_map(Value::from),
                ".{0,20}".prop_map(Value::from), any::<bool>().prop_map(Value::from),
                prop::collection::vec(any::<u8>(), 0..5).prop_map(Value::from),
                Just(serde_json::json!({})),
            ],
        ) {
            let mut record = serde_json::to_value(example()).unwrap();
            record[key] = value;
            let file = serde_json::json!({"schema": SCHEMA, "check": check(&record), "record": record});
            if let Ok(read) = Record::from_json(file.to_string().as_bytes()) {
                prop_assert!(read.sent.offset <= read.size);
                prop_assert_eq!(Record::from_json(&read.to_json()), Ok(read));
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in any::<Vec<u8>>()) {
            let _ = Record::from_json(&bytes);
        }
    }
}
