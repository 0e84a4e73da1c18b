//! A message as it is to be: addresses, subject, body, and the JSON that makes a draft of them. Pure.

use std::fmt;

use serde_json::{Map, Value, json};

/// Longest local part and longest domain of an address, in octets. Source: RFC 5321, 4.5.3.1.
const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 255;

/// Somebody's address, with the name to show for it if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The name, or empty.
    pub name: String,
    /// `ann@contoso.com`.
    pub address: String,
}

impl Address {
    /// Reads one or more addresses: `ann@contoso.com`, `Ann <ann@contoso.com>`, separated by commas
    /// or semicolons. A name with a comma is quoted.
    pub fn list(text: &str) -> Result<Vec<Address>, String> {
        let entries = split(text)?;
        if entries.is_empty() {
            return Err("there is no address in it".to_owned());
        }
        entries.iter().map(|entry| Address::one(entry)).collect()
    }

    fn one(text: &str) -> Result<Address, String> {
        let (name, address) = match text
            .strip_suffix('>')
            .and_then(|rest| rest.rsplit_once('<'))
        {
            Some((name, address)) => (name.trim(), address.trim()),
            None => ("", text.trim()),
        };
        let name = name
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(name);
        if let Some(hidden) = address
            .chars()
            .chain(name.chars())
            .find(|c| is_invisible(*c))
        {
            // Copied from a table or a web page; it would go to nobody, or to somebody else.
            let code = u32::from(hidden);
            let shown: String = address.chars().filter(|c| !is_invisible(*c)).collect();
            return Err(format!(
                "`{shown}` holds the invisible character U+{code:04X}; type it anew"
            ));
        }
        check(address).map_err(|why| format!("`{address}` is no address: {why}"))?;
        if name.chars().any(char::is_control) {
            return Err("a name holds no control characters".to_owned());
        }
        Ok(Address {
            name: name.replace("\\\"", "\""),
            address: address.to_owned(),
        })
    }

    fn json(&self) -> Value {
        let mut inner = json!({"address": self.address});
        if !self.name.is_empty() {
            inner["name"] = json!(self.name);
        }
        json!({"emailAddress": inner})
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// Splits at commas and semicolons outside quotes and angle brackets. Empty entries name nobody: a
/// list may end in a comma.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let (mut entries, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            ',' | ';' if !quoted && !angle => {
                entries.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    if quoted || angle {
        let open = if quoted { '"' } else { '<' };
        return Err(format!("`{open}` is not closed"));
    }
    entries.push(&text[start..]);
    Ok(entries
        .into_iter()
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .collect())
}

/// Whether a character has no width or only changes how others are shown: Unicode's default ignorable
/// and bidirectional characters. A byte-order mark is one.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
        | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff
        | 0xffa0 | 0xfff0..=0xfffb | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

/// Whether mail could be sent there at all. The service has the last word; this catches what people
/// mistype. Letters of any script are taken (RFC 6531).
fn check(address: &str) -> Result<(), &'static str> {
    if address.is_empty() {
        return Err("it is empty");
    }
    if address.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it holds blanks");
    }
    let Some((local, domain)) = address.rsplit_once('@') else {
        return Err("it has no `@`");
    };
    if local.is_empty() {
        return Err("there is nothing before the `@`");
    }
    if domain.is_empty() {
        return Err("there is nothing after the `@`");
    }
    if local.contains('@') && !local.starts_with('"') {
        return Err("it has more than one `@`");
    }
    if local.len() > LONGEST_LOCAL || domain.len() > LONGEST_DOMAIN {
        return Err("it is too long");
    }
    if address
        .chars()
        .any(|c| matches!(c, '<' | '>' | ',' | ';' | '(' | ')' | '\\'))
    {
        return Err("it holds a character that no address has");
    }
    if domain.starts_with('[') && domain.ends_with(']') {
        return Ok(());
    }
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    if !domain.split('.').all(label) {
        return Err("what is after the `@` is no domain");
    }
    Ok(())
}

/// The text of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The text itself.
    pub content: String,
    /// Whether it is HTML.
    pub html: bool,
}

/// A message that is to be made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// A message as Graph describes one, over which the rest is laid.
    pub base: Map<String, Value>,
    /// To whom; empty leaves what `base` says.
    pub to: Vec<Address>,
    /// Who else, likewise.
    pub cc: Vec<Address>,
    /// Who else that nobody sees, likewise.
    pub bcc: Vec<Address>,
    /// The subject, likewise.
    pub subject: Option<String>,
    /// The text, likewise.
    pub body: Option<Body>,
}

/// The properties that hold recipients.
const RECIPIENTS: [&str; 3] = ["toRecipients", "ccRecipients", "bccRecipients"];

impl Draft {
    /// The message as Graph takes it.
    pub fn json(&self) -> Value {
        let mut all = self.base.clone();
        let mut set = |name: &str, value: Value| {
            // Graph takes its property names in any case; twice the same would be an error.
            all.retain(|key, _| !key.eq_ignore_ascii_case(name));
            all.insert(name.to_owned(), value);
        };
        for (name, people) in RECIPIENTS.iter().zip([&self.to, &self.cc, &self.bcc]) {
            if !people.is_empty() {
                set(name, people.iter().map(Address::json).collect());
            }
        }
        if let Some(subject) = &self.subject {
            set("subject", json!(subject));
        }
        if let Some(body) = &self.body {
            let kind = if body.html { "html" } else { "text" };
            set(
                "body",
                json!({"contentType": kind, "content": body.content}),
            );
        }
        Value::Object(all)
    }

    /// Everybody that it is addressed to.
    pub fn recipients(&self) -> Vec<String> {
        addresses(&self.json()).collect()
    }
}

/// The addresses in a message as Graph describes one: to, cc, bcc, in this order.
pub(super) fn addresses(message: &Value) -> impl Iterator<Item = String> {
    RECIPIENTS
        .iter()
        .filter_map(|name| crate::json::field(message, name)?.as_array())
        .flatten()
        .filter_map(|one| {
            let inner = crate::json::field(one, "emailAddress")?;
            crate::json::text(inner, "address").map(str::to_owned)
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(text: &str) -> Vec<(String, String)> {
        let all = Address::list(text).unwrap();
        all.into_iter().map(|a| (a.name, a.address)).collect()
    }

    #[test]
    fn addresses_as_people_write_them() {
        let plain = |address: &str| (String::new(), address.to_owned());
        assert_eq!(list("ann@contoso.com"), [plain("ann@contoso.com")]);
        assert_eq!(
            list(" ann@contoso.com, bob@x.org;c+d@e.co.uk, "),
            [
                plain("ann@contoso.com"),
                plain("bob@x.org"),
                plain("c+d@e.co.uk")
            ]
        );
        assert_eq!(
            list("Ann Ä <ann@contoso.com>, \"Doe, \\\"J\\\" Jane\" <jane@contoso.com>"),
            [
                ("Ann Ä".to_owned(), "ann@contoso.com".to_owned()),
                ("Doe, \"J\" Jane".to_owned(), "jane@contoso.com".to_owned())
            ]
        );
        assert_eq!(list("用户@例子.中国"), [plain("用户@例子.中国")]);
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, why) in [
            ("", "there is no address in it"),
            (" , ", "there is no address in it"),
            ("ann", "`ann` is no address: it has no `@`"),
            ("@contoso.com", "nothing before"),
            ("ann@", "nothing after"),
            ("ann@@contoso.com", "more than one"),
            ("ann smith@contoso.com", "it holds blanks"),
            ("ann@contoso..com", "no domain"),
            ("ann@-contoso.com", "no domain"),
            ("ann@contoso.com.", "no domain"),
            ("ann@con_toso!.com", "no domain"),
            ("Ann <ann@contoso.com", "`<` is not closed"),
            ("\"Ann <ann@contoso.com>", "`\"` is not closed"),
            ("Ann <>", "it is empty"),
            ("a@b.com b@c.com", "it holds blanks"),
            ("ann@contoso.com\u{7}", "it holds blanks"),
        ] {
            let error = Address::list(text).unwrap_err();
            assert!(error.contains(why), "{text:?}: {error}");
        }
        assert!(Address::list(&format!("{}@a.com", "a".repeat(65))).is_err());
    }

    #[test]
    fn options_lie_over_the_file() {
        let base = json!({"Subject": "old", "importance": "high",
            "toRecipients": [{"emailAddress": {"address": "old@a.com"}}]});
        let mut draft = Draft {
            base: base.as_object().unwrap().clone(),
            subject: Some("new".to_owned()),
            ..Draft::default()
        };
        assert!(!draft.recipients().is_empty());
        draft.cc = Address::list("Ann <ann@a.com>").unwrap();
        draft.body = Some(Body {
            content: "<p>".to_owned(),
            html: true,
        });
        assert_eq!(
            draft.json(),
            json!({
                "subject": "new",
                "importance": "high",
                "toRecipients": [{"emailAddress": {"address": "old@a.com"}}],
                "ccRecipients": [{"emailAddress": {"address": "ann@a.com", "name": "Ann"}}],
                "body": {"contentType": "html", "content": "<p>"},
            })
        );
        assert_eq!(
            addresses(&draft.json()).collect::<Vec<_>>(),
            ["old@a.com", "ann@a.com"]
        );
        assert!(Draft::default().recipients().is_empty());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*", quoted in "[a@b.,;<>\"\\\\ ]{0,30}") {
            let _ = Address::list(&text);
            let _ = Address::list(&quoted);
        }

        #[test]
        fn a_list_has_as_many_as_were_joined(names in prop::collection::vec("[a-z]{1,9}", 1..9)) {
            let text: Vec<_> = names.iter().map(|name| format!("{name}@contoso.com")).collect();
            prop_assert_eq!(Address::list(&text.join(",")).unwrap().len(), names.len());
        }
    }
}
