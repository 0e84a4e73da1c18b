//! What is known of a mail job, as it lies on disk, beside the sessions of its files.
//!
//! A file is `ID.mail.json`: `{"schema": 1, "check": "…", "mail": {…}}`, as a session's is. A version of
//! this program that knows no mail jobs does not look at it.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    id::SessionId,
    record::{LoadError, check, path},
};
use crate::Digest;

/// The schema of mail jobs that this version writes.
pub const MAIL_SCHEMA: u64 = 1;

/// Where a mail job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// Nothing was asked of the service yet.
    #[default]
    Wanted,
    /// The draft's creation was tried, and its answer is not known.
    Creating,
    /// There is a draft.
    Drafted,
    /// The sending was tried, and its answer is not known.
    Sending,
    /// The sending was tried and watched in vain.
    InDoubt,
    /// Every file is attached, and it was not to be sent.
    Finished,
    /// It is sent.
    Sent,
}

impl MailState {
    /// Whether there is nothing left to do.
    pub fn is_over(self) -> bool {
        matches!(self, MailState::Finished | MailState::Sent)
    }
}

/// How far a job is with one of its files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileProgress {
    /// Whether it is attached to the draft.
    pub attached: bool,
    /// Under this id, if the service told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MailProgress {
    /// Where it stands.
    pub state: MailState,
    /// The message, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<String>,
    /// Whether the key is on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keyed: bool,
    /// Of its headers: another way to find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internet_message_id: Option<String>,
    /// Where a person can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_link: Option<String>,
    /// One for each file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileProgress>,
    /// When the creation or the sending whose answer is not known was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Timestamp>,
}

/// How the message of a job comes to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailOrigin {
    /// A new draft.
    New,
    /// A reply to this message.
    Reply(String),
    /// A reply to everybody.
    ReplyAll(String),
    /// This message, forwarded.
    Forward(String),
    /// A message that was there before.
    Message(String),
}

/// A file of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailFile {
    /// Its absolute path; `-` is standard input.
    #[serde(with = "path")]
    pub path: PathBuf,
    /// What it is called as an attachment.
    pub name: String,
    /// Its MIME type.
    pub content_type: String,
    /// The CID of an inline attachment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
    /// SHA-256 of its content when the job was given; none of standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
}

/// One mail job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MailRecord {
    /// Its name on this computer, like a session's.
    pub id: SessionId,
    /// The Graph endpoint, with version.
    pub endpoint: String,
    /// Whose mailbox; none is the token's own.
    pub mailbox: Option<String>,
    /// How its message comes to be.
    pub origin: MailOrigin,
    /// What the message is to be, as Graph takes it.
    pub message: Map<String, Value>,
    /// What is attached, in this order.
    pub files: Vec<MailFile>,
    /// Whether each is read back.
    pub verify: bool,
    /// Whether it is sent in the end.
    pub send: bool,
    /// The key on the message.
    pub key: String,
    /// The `--once` key, where the user gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
    /// How far it is.
    pub progress: MailProgress,
    /// When it was given.
    pub created: Timestamp,
}

impl MailRecord {
    /// The digest of all that is wanted: the same command has the same.
    pub fn wanted(&self) -> Digest {
        let files = self
            .files
            .iter()
            .map(|file| serde_json::json!([file.name, file.content_id, file.sha256]));
        let all = serde_json::json!([
            self.endpoint,
            self.mailbox,
            self.origin,
            self.message,
            files.collect::<Vec<_>>(),
            self.verify,
            self.send,
            self.once,
        ]);
        Digest::of(all.to_string().as_bytes())
    }

    /// The digest of what the message is to hold.
    pub fn content(&self) -> Digest {
        let files = self.files.iter().map(|file| (&file.name, file.sha256));
        let all = serde_json::json!([self.message, files.collect::<Vec<_>>()]);
        Digest::of(all.to_string().as_bytes())
    }

    /// The file's content as a state file.
    pub fn to_json(&self) -> Vec<u8> {
        // A record is plain data with text keys: serialising it cannot fail.
        let record = serde_json::to_value(self).unwrap_or_default();
        let file = serde_json::json!({
            "schema": MAIL_SCHEMA,
            "check": check(&record),
            "mail": record,
        });
        let mut text = serde_json::to_vec_pretty(&file).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Reads a state file.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut file: Value = serde_json::from_slice(bytes).map_err(|_| LoadError::Damaged)?;
        match file.get("schema").and_then(Value::as_u64) {
            Some(MAIL_SCHEMA) => {}
            Some(newer) if newer > MAIL_SCHEMA => return Err(LoadError::Newer(newer)),
            _ => return Err(LoadError::Damaged),
        }
        let record = file
            .get_mut("mail")
            .map(Value::take)
            .ok_or(LoadError::Damaged)?;
        if file.get("check").and_then(Value::as_str) != Some(check(&record).as_str()) {
            return Err(LoadError::Damaged);
        }
        let record: MailRecord = serde_json::from_value(record).map_err(|_| LoadError::Damaged)?;
        let counted = record.progress.files.len() <= record.files.len();
        if counted {
            Ok(record)
        } else {
            Err(LoadError::Damaged)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn example() -> MailRecord {
        let message = serde_json::json!({
            "subject": "Report",
            "toRecipients": [{"emailAddress": {"address": "ann@contoso.com"}}],
        });
        MailRecord {
            id: "7Q2KM4XB".parse().unwrap(),
            endpoint: "https://graph.microsoft.com/v1.0".to_owned(),
            mailbox: Some("reports@contoso.com".to_owned()),
            origin: MailOrigin::New,
            message: message.as_object().unwrap().clone(),
            files: vec![MailFile {
                path: "/home/ann/report.pdf".into(),
                name: "report.pdf".to_owned(),
                content_type: "application/pdf".to_owned(),
                content_id: None,
                sha256: Some(Digest::of(b"x")),
            }],
            verify: false,
            send: true,
            key: "0123".to_owned(),
            once: Some("report-2026-11".to_owned()),
            progress: MailProgress {
                state: MailState::Sending,
                draft: Some("AAMk=".to_owned()),
                keyed: true,
                internet_message_id: Some("<a@b>".to_owned()),
                web_link: None,
                files: vec![FileProgress {
                    attached: true,
                    id: Some("AAMkBEg=".to_owned()),
                }],
                tried: Some("2026-11-27T10:00:00Z".parse().unwrap()),
            },
            created: "2026-11-27T09:59:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn it_comes_back_as_it_was() {
        let record = example();
        assert_eq!(MailRecord::from_json(&record.to_json()), Ok(record));
    }

    #[test]
    fn damage_and_newer_schemas_are_told_apart() {
        let json = example().to_json();
        for length in 0..json.len() - 1 {
            assert!(MailRecord::from_json(&json[..length]).is_err(), "{length}");
        }
        let text = String::from_utf8(json).unwrap();
        let newer = text.replace("\"schema\": 1", "\"schema\": 9");
        assert_eq!(
            MailRecord::from_json(newer.as_bytes()),
            Err(LoadError::Newer(9))
        );
        let flipped = text.replace("report.pdf", "report.pdg");
        assert_eq!(
            MailRecord::from_json(flipped.as_bytes()),
            Err(LoadError::Damaged)
        );
    }

    #[test]
    fn the_first_record_still_loads() {
        let bytes = include_bytes!("examples/v1-mail.json");
        assert_eq!(MailRecord::from_json(bytes), Ok(example()));
    }

    #[test]
    fn wanted_is_of_everything_that_is_asked_for() {
        let first = example();
        let mut same = example();
        same.id = "00000000".parse().unwrap();
        same.progress = MailProgress::default();
        same.files[0].path = "/elsewhere/report.pdf".into();
        assert_eq!(first.wanted(), same.wanted());
        let mut other = example();
        other.files[0].sha256 = Some(Digest::of(b"y"));
        assert_ne!(first.wanted(), other.wanted());
        assert_ne!(first.content(), other.content());
        let mut unsent = example();
        unsent.send = false;
        assert_ne!(first.wanted(), unsent.wanted());
        assert_eq!(first.content(), unsent.content());
    }
}
