//! Messages that carry a key of ours, by which they are found again: as a draft, and in Sent Items.
//!
//! The key is a single-value extended property. It stays on the sent copy and does not reach recipients.
//! Documented: the names of such properties are case-sensitive, their values are not; so a value here is
//! always a digest in lower case.

use bytes::Bytes;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Map, Value, json};

use super::{
    body::Meter,
    graph::{GraphClient, unreadable},
    reply::Reply,
};
use crate::{
    Digest, Error, Item,
    item::{owner, segment},
    json::{self, field, text},
};

/// The property set is our own: another program's properties cannot be ours by chance.
const KEY: &str = "String {1d9d8ee4-efc8-4880-a46d-af39afab01a3} Name graph-attach-key";

/// What the message was to hold, so that a draft of other content is not gone on with.
const CONTENT: &str = "String {1d9d8ee4-efc8-4880-a46d-af39afab01a3} Name graph-attach-content";

/// What is asked of a message.
const SELECT: &str = "$select=id,subject,isDraft,lastModifiedDateTime,internetMessageId,webLink";

/// A key that at most one message of a mailbox has, unless an answer was lost.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MailKey(String);

impl MailKey {
    /// The key of these words. `space` keeps keys of different origin apart.
    pub fn new(space: &str, words: &[&str]) -> Self {
        let all = json!([space, words]).to_string();
        MailKey(Digest::of(all.as_bytes()).to_string())
    }

    /// A key that was kept.
    pub fn kept(text: &str) -> Self {
        MailKey(text.to_owned())
    }

    /// As it stands on the message.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a draft comes to be from a message that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// To its sender.
    Reply,
    /// To everybody.
    ReplyAll,
    /// To somebody else.
    Forward,
}

impl Answer {
    fn action(self) -> &'static str {
        match self {
            Answer::Reply => "createReply",
            Answer::ReplyAll => "createReplyAll",
            Answer::Forward => "createForward",
        }
    }
}

/// A message, as far as a mail job is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailInfo {
    /// Its id; the immutable one if that was asked for.
    pub id: String,
    /// Its subject.
    pub subject: String,
    /// Whether it is a draft. `None` when the service does not say.
    pub is_draft: Option<bool>,
    /// When it last changed.
    pub modified: Option<Timestamp>,
    /// Of its headers.
    pub internet_message_id: Option<String>,
    /// Where a person can look at it.
    pub web_link: Option<String>,
    /// The digest of what it was to hold, if that was asked for and is on it.
    pub content: Option<String>,
}

/// The extended properties of a message with this key and content.
fn properties(key: &MailKey, content: &str) -> Value {
    json!([{"id": KEY, "value": key.as_str()}, {"id": CONTENT, "value": content}])
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl GraphClient {
    /// The messages that carry `key`: drafts and sent ones alike.
    pub async fn with_key(
        &self,
        mailbox: Option<&str>,
        key: &MailKey,
    ) -> Result<Vec<MailInfo>, Error> {
        let filter = format!(
            "singleValueExtendedProperties/Any(ep: ep/id eq '{KEY}' and ep/value eq '{}')",
            key.as_str()
        );
        self.filtered(&format!("{}/messages", owner(mailbox)), &filter)
            .await
    }

    /// The messages in Sent Items with this `internetMessageId`.
    pub async fn sent_as(&self, mailbox: Option<&str>, id: &str) -> Result<Vec<MailInfo>, Error> {
        let filter = format!("internetMessageId eq '{}'", id.replace('\'', "''"));
        let folder = format!("{}/mailFolders/sentitems/messages", owner(mailbox));
        self.filtered(&folder, &filter).await
    }

    async fn filtered(&self, path: &str, filter: &str) -> Result<Vec<MailInfo>, Error> {
        // More than a few messages of one key are as telling as a few.
        let url = self.url(&format!(
            "{path}?{SELECT}&$top=25&$filter={}",
            encode(filter)
        ));
        let reply = self.mail_request(Method::GET, &url, None, false).await?;
        let value = json::parse(&reply.body).ok_or_else(|| unreadable(&reply, "the list"))?;
        let entries = field(&value, "value").and_then(Value::as_array);
        let entries = entries.ok_or_else(|| unreadable(&reply, "the list"))?;
        Ok(entries.iter().filter_map(info).collect())
    }

    /// A message with the digest of what it was to hold; under its immutable id if that is asked for.
    pub async fn mail(&self, item: &Item, immutable: bool) -> Result<MailInfo, Error> {
        let expand = encode(&format!(
            "singleValueExtendedProperties($filter=id eq '{CONTENT}')"
        ));
        let url = self.url(&format!("{}?{SELECT}&$expand={expand}", item.path()));
        let reply = self
            .mail_request(Method::GET, &url, None, immutable)
            .await?;
        read(&reply)
    }

    /// Makes a draft of `message`, as Graph takes one, with a key on it.
    pub async fn create_keyed(
        &self,
        mailbox: Option<&str>,
        message: &Map<String, Value>,
        key: &MailKey,
        content: &str,
    ) -> Result<MailInfo, Error> {
        let mut message = message.clone();
        add_properties(&mut message, key, content);
        let url = self.url(&format!("{}/messages", owner(mailbox)));
        let body = Bytes::from(Value::Object(message).to_string());
        let reply = self
            .mail_request(Method::POST, &url, Some(body), false)
            .await?;
        read(&reply)
    }

    /// Makes a draft that answers or forwards a message. It has no key yet: whether this request takes
    /// one is not known.
    pub async fn create_answer(
        &self,
        mailbox: Option<&str>,
        answer: Answer,
        id: &str,
        body: &Value,
    ) -> Result<MailInfo, Error> {
        let (owner, id, action) = (owner(mailbox), segment(id), answer.action());
        let url = self.url(&format!("{owner}/messages/{id}/{action}"));
        let body = Bytes::from(body.to_string());
        let reply = self
            .mail_request(Method::POST, &url, Some(body), false)
            .await?;
        read(&reply)
    }

    /// Changes a draft, and puts a key on it.
    pub async fn mark(
        &self,
        item: &Item,
        changes: &Map<String, Value>,
        key: &MailKey,
        content: &str,
    ) -> Result<(), Error> {
        let mut changes = changes.clone();
        add_properties(&mut changes, key, content);
        let url = self.url(&item.path());
        let body = Bytes::from(Value::Object(changes).to_string());
        self.mail_request(Method::PATCH, &url, Some(body), false)
            .await?;
        Ok(())
    }

    async fn mail_request(
        &self,
        method: Method,
        url: &str,
        body: Option<Bytes>,
        immutable: bool,
    ) -> Result<Reply, Error> {
        let prefer = (
            HeaderName::from_static("prefer"),
            HeaderValue::from_static("IdType=\"ImmutableId\""),
        );
        let headers = immutable.then_some(prefer);
        let reply = self
            .call_with(method, url, body, &Meter::default(), headers.as_slice())
            .await?;
        self.ok(reply)
    }
}

/// Adds to what a user's own JSON may have of them.
fn add_properties(message: &mut Map<String, Value>, key: &MailKey, content: &str) {
    const NAME: &str = "singleValueExtendedProperties";
    let theirs = message
        .keys()
        .find(|name| name.eq_ignore_ascii_case(NAME))
        .cloned();
    let theirs = theirs.and_then(|name| message.remove(&name));
    let mut all = match theirs {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    if let Value::Array(ours) = properties(key, content) {
        all.extend(ours);
    }
    message.insert(NAME.to_owned(), Value::Array(all));
}

fn read(reply: &Reply) -> Result<MailInfo, Error> {
    json::parse(&reply.body)
        .and_then(|value| info(&value))
        .ok_or_else(|| unreadable(reply, "the message"))
}

fn info(value: &Value) -> Option<MailInfo> {
    let kept = |name| {
        text(value, name)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let content = field(value, "singleValueExtendedProperties").and_then(Value::as_array);
    let content = content.into_iter().flatten().find_map(|property| {
        let ours = text(property, "id")?.ends_with("graph-attach-content");
        ours.then(|| text(property, "value").map(str::to_owned))
            .flatten()
    });
    Some(MailInfo {
        id: kept("id")?,
        subject: kept("subject").unwrap_or_default(),
        is_draft: field(value, "isDraft").and_then(Value::as_bool),
        modified: text(value, "lastModifiedDateTime").and_then(|time| time.parse().ok()),
        internet_message_id: kept("internetMessageId"),
        web_link: kept("webLink"),
        content,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_words_differ() {
        let key = |words: &[&str]| MailKey::new("batch", words);
        assert_ne!(key(&["a", "b"]), key(&["ab"]));
        assert_ne!(key(&["a", "b"]), key(&["a", "B"]));
        assert_ne!(MailKey::new("once", &["a"]), key(&["a"]));
        let digits = key(&["a"]);
        assert!(
            digits
                .as_str()
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
        );
    }

    #[test]
    fn a_key_goes_beside_what_a_message_has() {
        let message = json!({"subject": "x", "SingleValueExtendedProperties": [{"id": "theirs", "value": "v"}]});
        let mut message = message.as_object().unwrap().clone();
        add_properties(&mut message, &MailKey::kept("k"), "c");
        let all = message["singleValueExtendedProperties"].as_array().unwrap();
        let ids: Vec<_> = all.iter().map(|one| one["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["theirs", KEY, CONTENT]);
        assert_eq!(message.len(), 2);
    }

    #[test]
    fn a_message_is_read() {
        let value = json!({
            "id": "AAMk=", "isDraft": true, "lastModifiedDateTime": "2026-11-22T23:18:01Z",
            "webLink": "https://outlook.office365.com/owa/?ItemID=AAMk",
            "singleValueExtendedProperties": [{"id": CONTENT.to_lowercase(), "value": "c"}],
        });
        let info = info(&value).unwrap();
        assert_eq!(
            (info.is_draft, info.content.as_deref()),
            (Some(true), Some("c"))
        );
        assert!(info.modified.is_some());
        assert_eq!(super::info(&json!({"id": ""})), None);
    }
}
