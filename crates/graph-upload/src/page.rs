//! Pages that come instead of the service's answer: from a proxy, a gateway, or a network that wants a sign-in
//! first. Pure.

use std::borrow::Cow;

use crate::redact;

/// Longest title that is told, in characters.
const LONGEST_TITLE: usize = 120;

/// What a page is told as, in place of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its title; of a plain text, the first line.
    pub title: Option<String>,
}

impl Page {
    /// Reads an answer's body; `None` when it is empty or begins as JSON does, whole or cut.
    pub fn read(body: &[u8]) -> Option<Self> {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let text = String::from_utf8_lossy(&body[..body.len().min(64 * 1024)]);
        let text = text.trim_start();
        if text.is_empty() || text.starts_with(['{', '[', '"']) {
            return None;
        }
        let title = if text.starts_with('<') {
            element(text, "title").or_else(|| element(text, "h1"))
        } else {
            text.lines().next().map(Cow::Borrowed)
        };
        let title = title.map(|title| shown(&title));
        Some(Page {
            title: title.filter(|title| !title.is_empty()),
        })
    }

    /// Whether a body begins as a page of markup does.
    pub fn is_markup(body: &[u8]) -> bool {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        body.trim_ascii_start().starts_with(b"<")
    }

    /// `a web page` with its title.
    pub fn describe(&self) -> String {
        match &self.title {
            Some(title) => format!("a web page (`{title}`)"),
            None => "a web page".to_owned(),
        }
    }
}

/// The text of the first element of that name, however it is written.
fn element<'a>(page: &'a str, name: &str) -> Option<Cow<'a, str>> {
    // ASCII case only, so that offsets stay those of the page.
    let lower = page.to_ascii_lowercase();
    let at = lower.find(&format!("<{name}"))?;
    let start = at + lower[at..].find('>')? + 1;
    let end = start + lower[start..].find(&format!("</{name}"))?;
    let text = &page[start..end];
    // Elements within are dropped: `<h1><b>Blocked</b></h1>`.
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(before);
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    Some(Cow::Owned(plain))
}

/// A title in one line, without entities, secrets or more words than help.
fn shown(title: &str) -> String {
    let mut text = title.split_whitespace().collect::<Vec<_>>().join(" ");
    for (entity, character) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    let text = redact::clean(&text).replace('`', "'");
    text.chars().take(LONGEST_TITLE).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn title(body: &str) -> Option<String> {
        Page::read(body.as_bytes()).and_then(|page| page.title)
    }

    #[test]
    fn pages_are_told_from_answers() {
        for answer in [
            "",
            "  \r\n",
            "{}",
            "\u{feff} {\"error\":",
            "[1]",
            "\"text\"",
        ] {
            assert_eq!(Page::read(answer.as_bytes()), None, "{answer}");
        }
        for (page, expected) in [
            (
                "<html><head><TITLE>Access\n Denied</TITLE>",
                Some("Access Denied"),
            ),
            (
                "<!DOCTYPE html><title lang=en>Sign in &amp; accept</title>",
                Some("Sign in & accept"),
            ),
            (
                "<html><body><h1><b>502</b> Bad Gateway</h1>",
                Some("502 Bad Gateway"),
            ),
            ("<html><body>no title", None),
            ("Blocked by policy\nTicket 7", Some("Blocked by policy")),
        ] {
            assert_eq!(title(page).as_deref(), expected, "{page}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,60}") {
            Page::read(&body);
            Page::read(format!("<title{text}</title{text}>").as_bytes());
        }
    }
}
