//! The attachment's id out of the `Location` of the last answer. Pure.

use percent_encoding::percent_decode_str;

/// Longest id that is believed; Exchange's are under 300 characters.
const LONGEST: usize = 2_048;

/// Reads the id from a `Location`, in either known form: `…/Attachments('ID')` as the Outlook host
/// writes it, or `…/attachments/ID` as Graph writes paths.
///
/// `None` when it holds neither; the upload has succeeded all the same, and the caller lists the
/// attachments instead.
pub fn attachment_id(location: &str) -> Option<String> {
    // A query or a fragment is not part of the resource's name.
    let path = location.split(['?', '#']).next().unwrap_or_default();
    let lower = path.to_ascii_lowercase();
    let raw = match lower.rfind("/attachments('") {
        Some(at) => {
            let rest = &path[at + "/attachments('".len()..];
            &rest[..rest.find("')")?]
        }
        None => {
            let at = lower.rfind("/attachments/")? + "/attachments/".len();
            path[at..].split('/').next().unwrap_or_default()
        }
    };
    let id = percent_decode_str(raw).decode_utf8().ok()?.into_owned();
    // An id becomes part of later request paths and of our output: nothing but what ids hold.
    let plausible = !id.is_empty()
        && id.len() <= LONGEST
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_=+/.".contains(&b))
        && !id.split('/').any(|part| part == "." || part == "..");
    plausible.then_some(id)
}

/// Reads the id of the item that the attachment is said to be in: a message or an event, in either form.
pub fn item_id(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next().unwrap_or_default();
    let lower = path.to_ascii_lowercase();
    let raw = ["/messages", "/events"].iter().find_map(|collection| {
        let at = lower.rfind(collection)? + collection.len();
        let rest = &path[at..];
        match rest.strip_prefix("('") {
            Some(quoted) => Some(&quoted[..quoted.find("')")?]),
            None => rest.strip_prefix('/')?.split('/').next(),
        }
    })?;
    let id = percent_decode_str(raw).decode_utf8().ok()?.into_owned();
    (!id.is_empty() && id.len() <= LONGEST).then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_known_forms() {
        for (location, id) in [
            (
                "https://outlook.office.com/api/v2.0/Users('a@b')/Messages('AAMk=')/Attachments('AAMkBEgAQ=')",
                Some("AAMkBEgAQ="),
            ),
            (
                "https://outlook.office365.com/api/gv1.0/users('a@b')/messages('AAMk=')/attachments('AAMkBEg%3D')",
                Some("AAMkBEg="),
            ),
            (
                "https://outlook.office.com/api/v2.0/Users('a')/Events('AAMk=')/Attachments('X-_=')?authtoken=z",
                Some("X-_="),
            ),
            (
                "https://graph.microsoft.com/v1.0/me/messages/AAMk=/attachments/AAMkBEgAQ%3D",
                Some("AAMkBEgAQ="),
            ),
            ("/attachments/abc/$value", Some("abc")),
            (
                "https://outlook.office.com/api/v2.0/Users('a')/AttachmentSessions('x')",
                None,
            ),
            ("https://outlook.office.com/Attachments('')", None),
            ("https://outlook.office.com/Attachments('unclosed", None),
            ("https://outlook.office.com/attachments/", None),
            ("https://outlook.office.com/attachments/../me", None),
            ("https://outlook.office.com/attachments/%1b%5b31m", None),
            ("", None),
        ] {
            assert_eq!(attachment_id(location).as_deref(), id, "{location}");
        }
    }

    #[test]
    fn the_item_is_read_in_both_forms() {
        for (location, id) in [
            (
                "https://h/api/v2.0/Users('a@b')/Messages('AAMk=')/Attachments('x')",
                Some("AAMk="),
            ),
            (
                "https://h/api/gv1.0/users('a@b')/events('AAMk%3D')/attachments('x')",
                Some("AAMk="),
            ),
            (
                "https://h/v1.0/me/messages/AAMk=/attachments/x",
                Some("AAMk="),
            ),
            ("https://h/x/Attachments('x')", None),
            ("https://h/Messages('unclosed", None),
        ] {
            assert_eq!(item_id(location).as_deref(), id, "{location}");
        }
    }

    proptest! {
        #[test]
        fn an_id_comes_back_from_both_forms(id in "[A-Za-z0-9_-]{1,200}={0,2}") {
            let odata = format!("https://h/api/v2.0/Users('u@t')/Messages('m=')/Attachments('{id}')");
            let graph = format!("https://h/v1.0/me/messages/m/attachments/{}", id.replace('=', "%3D"));
            let (odata, graph) = (attachment_id(&odata), attachment_id(&graph));
            prop_assert_eq!(odata.as_deref(), Some(id.as_str()));
            prop_assert_eq!(graph.as_deref(), Some(id.as_str()));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".*", tail in ".*") {
            attachment_id(&text);
            item_id(&text);
            item_id(&format!("/Messages('{text}')/Attachments('{tail}')"));
            attachment_id(&format!("/Attachments('{text}')/attachments/{tail}"));
        }
    }
}
