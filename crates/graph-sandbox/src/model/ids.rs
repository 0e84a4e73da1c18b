//! Outlook ids: how they are made, and what tells one from any other text.
//!
//! Real ids are URL-safe base64 of a mailbox, a folder and an entry; clients look at their
//! alphabet, prefix, padding and letter case, so these have the same build.

use base64::{Engine, engine::general_purpose::URL_SAFE};
use uuid::Uuid;

/// A folder as the entry ids number them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Folder {
    Inbox,
    Drafts,
    SentItems,
    DeletedItems,
    Outbox,
    JunkEmail,
    Archive,
    Calendar,
    /// Where unfinished upload sessions live; no request can see it.
    Sessions,
}

impl Folder {
    fn number(self) -> u8 {
        match self {
            Folder::Sessions => 0x01,
            Folder::SentItems => 0x09,
            Folder::Outbox => 0x0B,
            Folder::JunkEmail => 0x1C,
            Folder::Archive => 0x45,
            Folder::DeletedItems => 0x0A,
            Folder::Inbox => 0x0C,
            Folder::Calendar => 0x0D,
            Folder::Drafts => 0x0F,
        }
    }
}

/// What the ids of one mailbox share.
#[derive(Debug, Clone)]
pub(crate) struct Mint {
    mailbox: Uuid,
    store: [u8; 16],
    next: u32,
}

impl Mint {
    /// `store` is drawn once for each mailbox.
    pub(crate) fn new(mailbox: Uuid, store: Uuid) -> Self {
        Mint {
            mailbox,
            store: *store.as_bytes(),
            next: 0x20_D40E,
        }
    }

    /// 113 bytes: kind and mailbox, then an entry id of 70 bytes (folder, item), then a zero.
    fn entry(&self, folder: Folder, counter: u32) -> Vec<u8> {
        let mut id = vec![0x00, 0x03, 0x24, 0x00];
        id.extend(self.mailbox.hyphenated().to_string().bytes());
        id.extend([0x46, 0x00]);
        id.extend([0; 4]);
        id.extend(self.store);
        id.extend([0x07, 0x00]);
        id.extend(self.store);
        id.extend([0, 0, 0, 0, 0x01, folder.number(), 0, 0]);
        id.extend(self.store);
        id.extend([0, 0]);
        id.extend(counter.to_be_bytes());
        id.extend([0, 0]);
        id.push(0);
        id
    }

    /// A new id for an item in `folder`: `AAMk…`, ending in `=`.
    pub(crate) fn item(&mut self, folder: Folder) -> String {
        self.next += 7;
        URL_SAFE.encode(self.entry(folder, self.next))
    }

    /// The id of the folder itself.
    pub(crate) fn folder(&self, folder: Folder) -> String {
        let mut id = vec![0x00, 0x03, 0x24, 0x00];
        id.extend(self.mailbox.hyphenated().to_string().bytes());
        id.extend([0x2E, 0x00, 0, 0, 0, 0]);
        id.extend(self.store);
        id.extend([0x01, 0x00]);
        id.extend(self.store);
        id.extend([0, 0, 0, 0, 0x01, folder.number(), 0, 0]);
        id.push(0);
        URL_SAFE.encode(id)
    }

    /// An id that survives moving and sending: `AAkALg…`, ending in `=`.
    pub(crate) fn immutable(&mut self, unique: Uuid) -> String {
        self.next += 7;
        let mut id = vec![0x00, 0x09, 0x00, 0x2E, 0x00, 0, 0, 0, 0];
        id.extend(self.store);
        id.extend([0x0D, 0x00]);
        id.extend(unique.as_bytes());
        id.extend([0, 0, 0, 0]);
        id.extend(self.next.to_be_bytes());
        id.extend([0, 0]);
        URL_SAFE.encode(id)
    }
}

/// The id of an attachment: its parent's with a longer tail.
pub(crate) fn attachment(parent: &str, key: Uuid) -> String {
    let mut id = URL_SAFE.decode(parent).unwrap_or_default();
    id.extend([0x01, 0x12, 0x00, 0x10, 0x00]);
    id.extend(key.as_bytes());
    URL_SAFE.encode(id)
}

/// What the service does not call malformed: base64's letters after a known prefix. Lenient about
/// length and padding, because the samples in the documentation are shortened.
pub(crate) fn is_well_formed(id: &str) -> bool {
    let body = id.trim_end_matches('=');
    let letters = body
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    letters
        && ["AAMk", "AQMk", "AAkA"]
            .iter()
            .any(|prefix| body.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_look_like_outlooks() {
        let mut mint = Mint::new(Uuid::from_u128(1), Uuid::from_u128(2));
        let item = mint.item(Folder::Drafts);
        assert!(
            item.starts_with("AAMkA") && item.ends_with('=') && item.len() == 152,
            "{item}"
        );
        let immutable = mint.immutable(Uuid::from_u128(3));
        assert!(
            immutable.starts_with("AAkALg") && immutable.ends_with('='),
            "{immutable}"
        );
        let attached = attachment(&item, Uuid::from_u128(4));
        assert!(
            attached.starts_with(&item[..148]) && attached.contains("ABEgAQ"),
            "{attached}"
        );
        for id in [&item, &immutable, &attached, &mint.folder(Folder::Inbox)] {
            assert!(is_well_formed(id), "{id}");
        }
    }

    #[test]
    fn ids_are_new_each_time() {
        let mut mint = Mint::new(Uuid::from_u128(1), Uuid::from_u128(2));
        assert_ne!(mint.item(Folder::Drafts), mint.item(Folder::Drafts));
        assert_ne!(
            mint.immutable(Uuid::from_u128(3)),
            mint.immutable(Uuid::from_u128(3))
        );
    }

    #[test]
    fn shortened_samples_are_well_formed_and_other_words_are_not() {
        for id in [
            "AAMkADI5MAAIT3drCAAA=",
            "AQMkADAwATMw",
            "AAMkAGUwNjQ4ZjIxLTQ3Y2YtNDViMi1iZjc4LTMA=",
        ] {
            assert!(is_well_formed(id), "{id}");
        }
        for id in ["", "x", "nonsense", "AAMkAD+x", "AAMk AD", "AAMkAé"] {
            assert!(!is_well_formed(id), "{id}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = is_well_formed(&text);
        }
    }
}
