//! Ids as people have them: out of a link to a message or an event, as Outlook on the web shows and
//! Graph's `webLink` gives them. Pure.

use percent_encoding::percent_decode_str;
use url::Url;

/// How ids begin: of items, of items in some consumer mailboxes, immutable ones, and conversations.
const PREFIXES: [&str; 4] = ["AAMk", "AQMk", "AAkA", "AAQk"];

/// Shorter than any id, longer than any word that begins like one.
const SHORTEST: usize = 24;

/// Whether a text can only be an id of Outlook's, and hardly the name of a file.
pub fn is_like_an_id(text: &str) -> bool {
    text.len() >= SHORTEST
        && PREFIXES.iter().any(|prefix| text.starts_with(prefix))
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_+/=".contains(&b))
}

/// Whether an id is that of a conversation: what Outlook on the web shows in its address bar where
/// it groups messages.
pub fn is_conversation(id: &str) -> bool {
    id.starts_with("AAQk")
}

/// Whether a text is what stands in a message's `Message-ID` header, as Graph's `internetMessageId` has it.
pub fn is_internet_message_id(text: &str) -> bool {
    text.starts_with('<') && text.ends_with('>') && text.contains('@')
}

/// The id in a link; `None` when `text` is not a link.
pub fn id_in(text: &str) -> Result<Option<String>, String> {
    let text = text.trim();
    let scheme = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if !scheme.starts_with("https://") && !scheme.starts_with("http://") {
        return Ok(None);
    }
    let link = Url::parse(text).map_err(|_| "that link cannot be read".to_owned())?;
    let in_query = link.query().and_then(|query| {
        // Not as a form: a plus that nobody encoded is part of the id.
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| key.eq_ignore_ascii_case("ItemID"))
            .map(|(_, value)| decoded(value))
    });
    let in_path = || {
        link.path_segments()
            .into_iter()
            .flatten()
            .map(decoded)
            // A folder's id may come before the item's, and an attachment's after it.
            .take_while(|segment| !segment.eq_ignore_ascii_case("attachments"))
            .filter(|segment| is_like_an_id(segment))
            .last()
    };
    match in_query.filter(|id| !id.is_empty()).or_else(in_path) {
        Some(id) => Ok(Some(id)),
        None => Err("that link holds no id of a message or an event".to_owned()),
    }
}

/// Percent-decoded until nothing is left to decode: mail programs encode links that are encoded
/// already, and no id holds a per cent sign.
pub fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..3 {
        match percent_decode_str(&text).decode_utf8() {
            Ok(once) if once != text => text = once.into_owned(),
            _ => break,
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "AAMkADI5MAAIT3drCAAA-_zz=";

    #[test]
    fn links_as_outlook_gives_them() {
        for link in [
            "https://outlook.office365.com/owa/?ItemID=AAMkADI5MAAIT3drCAAA-_zz%3D&exvsurl=1&viewmodel=ReadMessageItem",
            "https://outlook.office365.com/owa/?itemid=AAMkADI5MAAIT3drCAAA-_zz%3D&path=/calendar/item",
            "https://outlook.office.com/owa/?exvsurl=1&ItemID=AAMkADI5MAAIT3drCAAA-_zz%253D",
            "https://outlook.office.com/mail/deeplink/read/AAMkADI5MAAIT3drCAAA-_zz%3D?ItemID=AAMkADI5MAAIT3drCAAA-_zz%3D",
            "https://outlook.office.com/mail/drafts/id/AAMkADI5MAAIT3drCAAA-_zz%3D",
            "https://outlook.office.com/mail/id/AAMkADI5MAAIT3drCAAA-_zz%3D?nativeVersion=1",
            "https://outlook.office.com/calendar/item/AAMkADI5MAAIT3drCAAA-_zz=",
            "https://outlook.office.com/mail/AQMkADI5MAAIT3drCAAAfolder/id/AAMkADI5MAAIT3drCAAA-_zz%3D",
            "HTTPS://graph.microsoft.com/v1.0/me/messages/AAMkADI5MAAIT3drCAAA-_zz=/attachments/AAMkADI5MAAIT3drCAAA-_zzBEg=",
        ] {
            assert_eq!(id_in(link), Ok(Some(ID.to_owned())), "{link}");
        }
        assert_eq!(
            id_in("https://outlook.office.com/owa/?ItemID=AAMk%2Fa%2Bb+c%3D"),
            Ok(Some("AAMk/a+b+c=".to_owned()))
        );
        let thread = "https://outlook.office.com/mail/inbox/id/AAQkADI5MAAIT3drCAAAAA%2FzzzA%3D";
        let id = id_in(thread).unwrap().unwrap();
        assert!(is_conversation(&id) && id == "AAQkADI5MAAIT3drCAAAAA/zzzA=");
    }

    #[test]
    fn what_is_no_link_is_left_alone_and_what_holds_no_id_is_told() {
        assert_eq!(id_in(ID), Ok(None));
        assert_eq!(id_in(""), Ok(None));
        for link in [
            "https://outlook.office.com/mail/inbox",
            "https://outlook.office.com/owa/?ItemID=",
            "https://",
        ] {
            assert!(id_in(link).is_err(), "{link}");
        }
    }

    #[test]
    fn ids_are_told_from_files() {
        assert!(is_like_an_id(ID));
        for text in [
            "report.pdf",
            "AAMkADI5MAAIT3drCAAA-_zz.pdf",
            "AAMk",
            "BAMkADI5MAAIT3drCAAA-_zz=",
        ] {
            assert!(!is_like_an_id(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_id_survives_every_link(id in "AAMk[A-Za-z0-9_+/-]{20,150}={0,2}") {
            let encoded = percent_encoding::utf8_percent_encode(&id, percent_encoding::NON_ALPHANUMERIC);
            for link in [
                format!("https://outlook.office365.com/owa/?ItemID={encoded}&exvsurl=1"),
                format!("https://outlook.office.com/mail/deeplink/read/{encoded}"),
            ] {
                prop_assert_eq!(id_in(&link), Ok(Some(id.clone())));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = id_in(&text);
            let _ = id_in(&format!("https://{text}"));
        }
    }
}
