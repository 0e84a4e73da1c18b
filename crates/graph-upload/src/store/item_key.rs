//! What an item is called, whoever names it: the identity that locks and records are compared by. Pure.
//!
//! One message has many spellings. What can be told without asking is canonicalised here: the host of
//! the endpoint, the mailbox (an id names its mailbox too), the alphabet and padding of ids. Only the
//! service knows that an immutable and an ordinary id are one message; that is [`Sameness::Perhaps`].

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{Digest, Item, ItemKind, endpoint::is_loopback};

/// How ids begin that stay when the item moves. Observation: every immutable id that was ever shown.
const IMMUTABLE: &str = "AAkALg";

/// Characters at the beginning of an ordinary id that tell its form: `AAMk`, `AQMk`.
const FORM: usize = 4;

/// The forms of ordinary ids. Two ids of the same form are the same item only if they are equal.
const ORDINARY: [&str; 2] = ["AAMk", "AQMk"];

/// An item of a service, however it was spelled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ItemKey {
    /// The host, canonical. The path is left out: `v1.0` and `beta` are one service.
    service: String,
    kind: ItemKind,
    id: String,
}

/// Whether two names are of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// They are.
    Same,
    /// They are not.
    Different,
    /// Only the service knows.
    Perhaps,
}

impl ItemKey {
    /// The key of an item that is reached through `endpoint`.
    pub fn new(endpoint: &str, item: &Item) -> Self {
        ItemKey {
            service: service(endpoint),
            kind: item.kind,
            id: canonical_id(&item.id),
        }
    }

    /// The same item under the id that `other` names it by.
    pub fn with_id(&self, id: &str) -> Self {
        ItemKey {
            id: canonical_id(id),
            ..self.clone()
        }
    }

    /// Whether the id is of the form that stays when the item moves.
    pub fn is_immutable(&self) -> bool {
        self.id.starts_with(IMMUTABLE)
    }

    /// Whether `other` is the same item, as far as names tell.
    pub fn compare(&self, other: &ItemKey) -> Sameness {
        if self.service != other.service || self.kind != other.kind {
            return Sameness::Different;
        }
        if self.id == other.id {
            return Sameness::Same;
        }
        match (form(&self.id), form(&other.id)) {
            (Some(ours), Some(theirs)) if ours == theirs => Sameness::Different,
            _ => Sameness::Perhaps,
        }
    }

    /// A file name for what is kept about the item.
    pub(super) fn file_name(&self, prefix: &str, suffix: &str) -> String {
        let name = serde_json::json!([self.service, self.kind, self.id]).to_string();
        let digest = Digest::of(name.as_bytes()).to_string();
        format!("{prefix}-{}.{suffix}", &digest[..32])
    }
}

/// Whether two endpoints are the same service.
pub fn same_service(one: &str, other: &str) -> bool {
    service(one) == service(other)
}

/// The host of an endpoint, as everybody spells it.
fn service(endpoint: &str) -> String {
    let Ok(url) = Url::parse(endpoint) else {
        return endpoint.trim_end_matches('/').to_ascii_lowercase();
    };
    let host = match is_loopback(&url) {
        true => "localhost".to_owned(),
        // A name may end with a dot, and is the same without.
        false => url
            .host_str()
            .unwrap_or_default()
            .trim_end_matches('.')
            .to_ascii_lowercase(),
    };
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

/// An id in Graph's own alphabet, unescaped and without its padding.
fn canonical_id(id: &str) -> String {
    let decoded = percent_decode_str(id.trim()).decode_utf8_lossy();
    let id = decoded.replace('/', "-").replace('+', "_");
    id.trim_end_matches('=').to_owned()
}

fn form(id: &str) -> Option<&str> {
    if id.starts_with(IMMUTABLE) {
        return Some(IMMUTABLE);
    }
    id.get(..FORM).filter(|start| ORDINARY.contains(start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(endpoint: &str, id: &str, mailbox: Option<&str>) -> ItemKey {
        let item = Item {
            kind: ItemKind::Message,
            id: id.to_owned(),
            mailbox: mailbox.map(str::to_owned),
        };
        ItemKey::new(endpoint, &item)
    }

    #[test]
    fn spellings_of_one_item_are_one_key() {
        let plain = key("https://graph.microsoft.com/v1.0", "AAMkA-_=", None);
        for (endpoint, id, mailbox) in [
            ("https://graph.microsoft.com/v1.0/", "AAMkA-_=", None),
            ("https://GRAPH.Microsoft.com/v1.0", "AAMkA-_=", None),
            ("https://graph.microsoft.com:443/beta", "AAMkA-_=", None),
            ("https://graph.microsoft.com./v1.0", "AAMkA-_=", None),
            (
                "https://graph.microsoft.com/v1.0",
                "AAMkA-_=",
                Some("ann@contoso.com"),
            ),
            ("https://graph.microsoft.com/v1.0", "AAMkA/+=", None),
            ("https://graph.microsoft.com/v1.0", "AAMkA-_%3D", None),
            ("https://graph.microsoft.com/v1.0", "AAMkA-_", None),
        ] {
            let other = key(endpoint, id, mailbox);
            assert_eq!(plain.compare(&other), Sameness::Same, "{endpoint} {id}");
            assert_eq!(plain, other);
        }
        let local = key("http://127.0.0.1:8080/v1.0", "AAMkA", None);
        for other in ["http://localhost:8080/v1.0", "http://[::1]:8080/beta/"] {
            assert_eq!(local, key(other, "AAMkA", None));
        }
    }

    #[test]
    fn other_items_are_told_apart() {
        let plain = key("https://graph.microsoft.com/v1.0", "AAMkA", None);
        for (endpoint, id, expected) in [
            (
                "https://graph.microsoft.us/v1.0",
                "AAMkA",
                Sameness::Different,
            ),
            (
                "https://graph.microsoft.com:8443",
                "AAMkA",
                Sameness::Different,
            ),
            (
                "https://graph.microsoft.com/v1.0",
                "AAMkB",
                Sameness::Different,
            ),
            // Ids are case-sensitive.
            (
                "https://graph.microsoft.com/v1.0",
                "AAMka",
                Sameness::Different,
            ),
            (
                "https://graph.microsoft.com/v1.0",
                "AAkALgA",
                Sameness::Perhaps,
            ),
            (
                "https://graph.microsoft.com/v1.0",
                "AQMkA",
                Sameness::Perhaps,
            ),
            ("https://graph.microsoft.com/v1.0", "m", Sameness::Perhaps),
        ] {
            let other = key(endpoint, id, None);
            assert_eq!(plain.compare(&other), expected, "{endpoint} {id}");
            assert_eq!(other.compare(&plain), expected, "{endpoint} {id}");
        }
        let mut event = plain.clone();
        event.kind = ItemKind::Event;
        assert_eq!(plain.compare(&event), Sameness::Different);
    }

    proptest! {
        #[test]
        fn comparing_is_symmetric_and_knows_itself(a in "[AQkMLgz/+=%-]{0,9}", b in "[AQkMLgz/+=%-]{0,9}", url in ".{0,20}") {
            let (a, b) = (key(&url, &a, None), key(&url, &b, None));
            prop_assert_eq!(a.compare(&a), Sameness::Same);
            prop_assert_eq!(a.compare(&b), b.compare(&a));
        }
    }
}
