//! `$search` on messages: words, quoted phrases and `property:word`, all of which must be found.
//!
//! A small part of the query language that the service has.

use serde_json::Value;

use crate::{failure::Failure, graph::query::lookup};

/// A search, read: the property it looks in, if it names one, and the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search(Vec<(Option<String>, String)>);

impl Search {
    /// The whole search stands in double quotes, as documented; without them it is taken too.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        let inner = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(text);
        let inner = inner.replace("\\\"", "\"");
        let mut terms = Vec::new();
        let mut rest = inner.trim();
        while !rest.is_empty() {
            let end = rest
                .find(|c: char| c.is_whitespace() || c == '"')
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let (word, after) = match after.strip_prefix('"') {
                Some(phrase) => {
                    let (phrase, after) = phrase.split_once('"').unwrap_or((phrase, ""));
                    (format!("{word}{phrase}"), after)
                }
                None => (word.to_owned(), after),
            };
            match word.split_once(':') {
                Some((name, word)) => terms.push((Some(name.to_lowercase()), word.to_lowercase())),
                None if word.eq_ignore_ascii_case("and") => {}
                None => terms.push((None, word.to_lowercase())),
            }
            rest = after.trim_start();
        }
        match terms.is_empty() {
            true => Err(Failure::new(
                400,
                "BadRequest",
                "The $search clause is empty.",
            )),
            false => Ok(Search(terms)),
        }
    }

    /// Documented: without a property the sender, the subject and the body are searched.
    pub(crate) fn finds(&self, item: &Value) -> bool {
        self.0.iter().all(|(property, word)| {
            let text = match property.as_deref() {
                None => [
                    lookup(item, "subject"),
                    lookup(item, "body/content"),
                    lookup(item, "from/emailAddress"),
                ]
                .map(Value::to_string)
                .concat(),
                Some("from") => lookup(item, "from").to_string(),
                Some("to") => lookup(item, "toRecipients").to_string(),
                Some("cc") => lookup(item, "ccRecipients").to_string(),
                Some("bcc") => lookup(item, "bccRecipients").to_string(),
                Some("hasattachments") => lookup(item, "hasAttachments").to_string(),
                Some("body") => lookup(item, "body/content").to_string(),
                Some(name) => lookup(item, name).to_string(),
            };
            text.to_lowercase().contains(word)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn finds(search: &str) -> bool {
        let item = json!({
            "subject": "Quarterly report",
            "body": {"content": "pizza on Friday"},
            "from": {"emailAddress": {"address": "megan@example.com", "name": "Megan"}},
            "hasAttachments": true,
        });
        Search::parse(search).expect("a search").finds(&item)
    }

    #[test]
    fn words_phrases_and_properties() {
        for search in [
            "\"pizza\"",
            "report",
            "\"subject:quarterly\"",
            "\"subject:quarterly AND from:megan\"",
            "\"\\\"quarterly report\\\"\"",
            "\"hasAttachments:true\"",
        ] {
            assert!(finds(search), "{search}");
        }
        for search in ["\"subject:pizza\"", "\"report weekly\"", "\"from:adele\""] {
            assert!(!finds(search), "{search}");
        }
        assert!(Search::parse("\"\"").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = Search::parse(&text);
        }
    }
}
