//! The Outlook item that files are attached to, and its place under the Graph endpoint. Pure.

use std::{borrow::Cow, fmt};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::redact;

/// What may stand in a path segment as it is: RFC 3986 unreserved, and `=`, which ends most ids and
/// which Graph takes either way. `@` keeps user principal names readable in a proxy's log.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'=')
    .remove(b'@');

/// Message or event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemKind {
    /// A mail, usually a draft.
    Message,
    /// A calendar event.
    Event,
}

impl ItemKind {
    /// The collection's name in a Graph path.
    pub fn collection(self) -> &'static str {
        match self {
            ItemKind::Message => "messages",
            ItemKind::Event => "events",
        }
    }

    /// The permission that attaching needs, least privileged. Source: the `createUploadSession` page.
    pub fn permission(self) -> &'static str {
        match self {
            ItemKind::Message => "Mail.ReadWrite",
            ItemKind::Event => "Calendars.ReadWrite",
        }
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ItemKind::Message => "message",
            ItemKind::Event => "event",
        })
    }
}

/// A message or an event in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Item {
    /// Message or event.
    pub kind: ItemKind,
    /// The service's id of it.
    pub id: String,
    /// User principal name or object id of the mailbox; `None` is the token's own (`/me`).
    pub mailbox: Option<String>,
}

impl Item {
    /// A message of the token's own mailbox.
    pub fn message(id: impl Into<String>) -> Self {
        Item::own(ItemKind::Message, id.into())
    }

    /// An event of the token's own calendar.
    pub fn event(id: impl Into<String>) -> Self {
        Item::own(ItemKind::Event, id.into())
    }

    fn own(kind: ItemKind, id: String) -> Self {
        Item {
            kind,
            id,
            mailbox: None,
        }
    }

    /// The same in somebody else's mailbox, by its user principal name or id.
    #[must_use]
    pub fn in_mailbox(self, mailbox: impl Into<String>) -> Self {
        Item {
            mailbox: Some(mailbox.into()),
            ..self
        }
    }

    /// The item's path below the endpoint, percent-encoded, with a leading slash.
    pub fn path(&self) -> String {
        format!(
            "{}/{}/{}",
            self.owner(),
            self.kind.collection(),
            segment(&self.id)
        )
    }

    /// The mailbox's path below the endpoint: `/me` or `/users/…`.
    pub fn owner(&self) -> String {
        owner(self.mailbox.as_deref())
    }
}

/// Whether a text can be an id of the service. One with control characters or blanks would not come through a
/// command line as it is, and `..` leads elsewhere in a path: such are refused where they are read.
pub fn is_id(text: &str) -> bool {
    /// Real ids have under 200 characters.
    const LONGEST: usize = 1_024;
    !text.is_empty()
        && text.len() <= LONGEST
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        && !text.bytes().all(|byte| byte == b'.')
        // A service that calls something by our token wants to see it printed.
        && matches!(redact::clean(text), Cow::Borrowed(_))
}

/// The path of a mailbox below the endpoint: `/me` or `/users/…`.
pub(crate) fn owner(mailbox: Option<&str>) -> String {
    match mailbox {
        None => "/me".to_owned(),
        Some(mailbox) => format!("/users/{}", segment(mailbox)),
    }
}

/// `text` as one path segment. `.` and `..` cannot be one, however they are encoded: no request is made with
/// them.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths() {
        let mut item = Item {
            kind: ItemKind::Message,
            id: "AAMk-_=".into(),
            mailbox: None,
        };
        assert_eq!(item.path(), "/me/messages/AAMk-_=");
        item.kind = ItemKind::Event;
        item.mailbox = Some("ann@contoso.com".into());
        assert_eq!(item.path(), "/users/ann@contoso.com/events/AAMk-_=");
        item.id = "a/b+c".into();
        assert_eq!(item.path(), "/users/ann@contoso.com/events/a%2Fb%2Bc");
    }

    proptest! {
        #[test]
        fn an_id_is_always_one_segment(id in ".+") {
            let encoded = segment(&id);
            prop_assert!(!encoded.contains(['/', '?', '#']));
            let decoded = percent_encoding::percent_decode_str(&encoded).decode_utf8().unwrap();
            prop_assert_eq!(decoded, id);
        }
    }
}
