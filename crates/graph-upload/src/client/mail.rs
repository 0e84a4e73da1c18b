//! What surrounds an upload: make a draft, look at an item, list items, send.
//!
//! Every path goes through the mailbox as a whole, never through a folder, except when a folder is
//! what is asked for: the service does not send a message through its folder.

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::Value;

use super::{
    body::Meter,
    graph::{GraphClient, MOST_PAGES, unreadable},
    message::{self, Draft},
    reply::Reply,
};
use crate::{
    Error, Item, ItemKind,
    item::{is_id, owner},
    json::{self, field, text},
};

/// Entries of one page. The service takes up to 1,000, but a page of that many takes its time.
const PAGE: usize = 50;

/// What every look at an item asks for.
const LOOK: &str = "$select=id,subject,isDraft,toRecipients,ccRecipients,bccRecipients";

/// Asks for ids that stay when the item moves, which sending does. It holds for one request.
fn immutable_ids() -> (HeaderName, HeaderValue) {
    (
        HeaderName::from_static("prefer"),
        HeaderValue::from_static("IdType=\"ImmutableId\""),
    )
}

/// Where items are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// Every message of the mailbox.
    Messages,
    /// The messages in Drafts.
    Drafts,
    /// The events of the default calendar.
    Events,
}

impl Collection {
    /// What is listed there.
    pub fn kind(self) -> ItemKind {
        match self {
            Collection::Messages | Collection::Drafts => ItemKind::Message,
            Collection::Events => ItemKind::Event,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Collection::Messages => "/messages",
            Collection::Drafts => "/mailFolders/drafts/messages",
            Collection::Events => "/events",
        }
    }

    /// The property that dates an item, as a path, and what it is selected by.
    fn date(self) -> (&'static str, &'static str) {
        match self {
            Collection::Messages => ("receivedDateTime", "receivedDateTime"),
            Collection::Drafts => ("lastModifiedDateTime", "lastModifiedDateTime"),
            Collection::Events => ("start/dateTime", "start"),
        }
    }

    /// The query for a page of `top` entries whose subject holds `subject`, newest first.
    fn query(self, subject: Option<&str>, top: usize) -> String {
        let (path, selected) = self.date();
        let mut query = format!(
            "$select=id,subject,{selected}&$top={top}&$orderby={}",
            encode(&format!("{path} desc"))
        );
        if let Some(subject) = subject {
            // A quote is doubled in an OData string.
            let mut filter = format!("contains(subject,'{}')", subject.replace('\'', "''"));
            if self.kind() == ItemKind::Message {
                // What messages are sorted by must come first in their filter.
                filter = format!("{path} ge 1900-01-01T00:00:00Z and {filter}");
            }
            query += &format!("&$filter={}", encode(&filter));
        }
        query
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// An item in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemSummary {
    /// Its id.
    pub id: String,
    /// When it was received, last changed, or begins; as the service writes it, in UTC.
    pub date: String,
    /// Its subject.
    pub subject: String,
}

/// What is known of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemInfo {
    /// Its id; the immutable one if that was asked for and the service has them.
    pub id: String,
    /// Its subject.
    pub subject: String,
    /// Whether it is a draft. `None` when the service does not say.
    pub is_draft: Option<bool>,
    /// Everybody that it is addressed to.
    pub recipients: Vec<String>,
}

impl GraphClient {
    /// Makes a draft in Drafts; its id is immutable if that is asked for.
    pub async fn create_draft(
        &self,
        mailbox: Option<&str>,
        draft: &Draft,
        immutable: bool,
    ) -> Result<ItemInfo, Error> {
        let url = self.url(&format!("{}/messages", owner(mailbox)));
        let body = Bytes::from(draft.json().to_string());
        let reply = self
            .asking(Method::POST, &url, Some(body), immutable)
            .await?;
        found(&reply, "the draft")
    }

    /// Looks at a message or an event.
    pub async fn item(&self, item: &Item, immutable: bool) -> Result<ItemInfo, Error> {
        let query = match item.kind {
            ItemKind::Message => LOOK,
            ItemKind::Event => "$select=id,subject",
        };
        let url = self.url(&format!("{}?{query}", item.path()));
        let reply = self.asking(Method::GET, &url, None, immutable).await?;
        found(&reply, "the item")
    }

    /// The newest items, at most `limit`, whose subject holds `subject`.
    pub async fn find(
        &self,
        mailbox: Option<&str>,
        place: Collection,
        subject: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ItemSummary>, Error> {
        let mut url = self.url(&format!(
            "{}{}?{}",
            owner(mailbox),
            place.path(),
            place.query(subject, limit.min(PAGE))
        ));
        let (path, _) = place.date();
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let reply = self.asking(Method::GET, &url, None, false).await?;
            let value = json(&reply, "the list")?;
            let entries = field(&value, "value").and_then(Value::as_array);
            let entries = entries.ok_or_else(|| unreadable(&reply, "the list"))?;
            all.extend(entries.iter().filter_map(|value| entry(value, path)));
            let next = text(&value, "@odata.nextLink");
            match next {
                Some(next) if all.len() < limit => url = self.below_endpoint(next)?,
                _ => {
                    all.truncate(limit);
                    return Ok(all);
                }
            }
        }
        // So many pages without reaching the limit: they are empty, or the list has no end.
        Err(Error::contradiction("the list does not end"))
    }

    /// The ids of the messages of a conversation, newest first.
    pub async fn conversation(
        &self,
        mailbox: Option<&str>,
        id: &str,
    ) -> Result<Vec<ItemSummary>, Error> {
        self.messages_with(mailbox, "conversationId", id, "the conversation")
            .await
    }

    /// The messages that have this `Message-ID` in their header, newest first.
    pub async fn by_internet_message_id(
        &self,
        mailbox: Option<&str>,
        id: &str,
    ) -> Result<Vec<ItemSummary>, Error> {
        self.messages_with(mailbox, "internetMessageId", id, "the messages")
            .await
    }

    async fn messages_with(
        &self,
        mailbox: Option<&str>,
        property: &str,
        id: &str,
        what: &str,
    ) -> Result<Vec<ItemSummary>, Error> {
        let filter = format!("{property} eq '{}'", id.replace('\'', "''"));
        let url = self.url(&format!(
            "{}/messages?$select=id,subject,receivedDateTime&$top={PAGE}&$filter={}",
            owner(mailbox),
            encode(&filter)
        ));
        let reply = self.asking(Method::GET, &url, None, false).await?;
        let value = json(&reply, what)?;
        let entries = field(&value, "value").and_then(Value::as_array);
        let mut all: Vec<ItemSummary> = entries
            .ok_or_else(|| unreadable(&reply, what))?
            .iter()
            .filter_map(|value| entry(value, "receivedDateTime"))
            .collect();
        all.sort_by(|a, b| b.date.cmp(&a.date));
        Ok(all)
    }

    /// Sends a draft. Not to be repeated without looking: an answer may be lost after it was sent.
    pub async fn send(&self, item: &Item) -> Result<(), Error> {
        let url = self.url(&format!("{}/send", item.path()));
        // A body of no bytes, so that `Content-Length: 0` is said.
        let reply = self
            .asking(Method::POST, &url, Some(Bytes::new()), false)
            .await?;
        match reply.status {
            202 => Ok(()),
            // A page of something in between, say: nobody knows what it did.
            _ => Err(unreadable(&reply, "sending")),
        }
    }

    async fn asking(
        &self,
        method: Method,
        url: &str,
        body: Option<Bytes>,
        immutable: bool,
    ) -> Result<Reply, Error> {
        let prefer = immutable.then(immutable_ids);
        let reply = self
            .call_with(method, url, body, &Meter::default(), prefer.as_slice())
            .await?;
        self.ok(reply)
    }
}

fn json(reply: &Reply, what: &str) -> Result<Value, Error> {
    json::parse(&reply.body).ok_or_else(|| unreadable(reply, what))
}

fn found(reply: &Reply, what: &str) -> Result<ItemInfo, Error> {
    let value = json(reply, what)?;
    let id = text(&value, "id").filter(|id| is_id(id));
    Ok(ItemInfo {
        id: id.ok_or_else(|| unreadable(reply, what))?.to_owned(),
        subject: text(&value, "subject").unwrap_or_default().to_owned(),
        is_draft: field(&value, "isDraft").and_then(Value::as_bool),
        recipients: message::addresses(&value).collect(),
    })
}

/// One entry of a list; those without an id, or with one that cannot be one, are skipped.
fn entry(value: &Value, date: &str) -> Option<ItemSummary> {
    let at = date
        .split('/')
        .try_fold(value, |value, name| field(value, name));
    let id = text(value, "id").filter(|id| is_id(id))?;
    Some(ItemSummary {
        id: id.to_owned(),
        date: at.and_then(Value::as_str).map(seconds).unwrap_or_default(),
        subject: text(value, "subject").unwrap_or_default().to_owned(),
    })
}

/// A point in time in UTC to the second: events carry seven digits of fraction and leave the zone
/// out, messages do neither.
fn seconds(text: &str) -> String {
    match text.parse().or_else(|_| format!("{text}Z").parse()) {
        Ok(time) => {
            let time: jiff::Timestamp = time;
            jiff::Timestamp::from_second(time.as_second())
                .map_or(text.to_owned(), |t| t.to_string())
        }
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_hold_what_the_service_wants() {
        assert_eq!(
            Collection::Messages.query(None, 25),
            "$select=id,subject,receivedDateTime&$top=25&$orderby=receivedDateTime%20desc"
        );
        let query = Collection::Drafts.query(Some("it's & 50%"), 1);
        let filter = query.split("$filter=").nth(1).unwrap();
        assert_eq!(
            percent_encoding::percent_decode_str(filter)
                .decode_utf8()
                .unwrap(),
            "lastModifiedDateTime ge 1900-01-01T00:00:00Z and contains(subject,'it''s & 50%')"
        );
        assert!(!filter.contains(['&', '\'', ' ']));
        let events = Collection::Events.query(Some("x"), 1);
        assert!(events.contains("$orderby=start%2FdateTime%20desc"));
        assert!(events.ends_with("$filter=contains%28subject%2C%27x%27%29"));
    }

    #[test]
    fn dates_are_utc_to_the_second() {
        assert_eq!(
            seconds("2030-01-15T09:00:00.0000000"),
            "2030-01-15T09:00:00Z"
        );
        assert_eq!(seconds("2026-11-22T23:18:01Z"), "2026-11-22T23:18:01Z");
        assert_eq!(seconds("soon"), "soon");
    }
}
