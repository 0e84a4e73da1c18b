//! What people paste and programs save, and what is meant by it: one reading for tokens, secrets,
//! certificates, ids and lists. Pure, and quotes nothing that it read.
//!
//! Whatever surrounds a value and cannot be part of it is taken off: byte order marks, UTF-16, blanks,
//! CR, zero-width characters, one pair of quotes. What a value means beyond that is for others to say.

use std::borrow::Cow;

/// Bytes that are not text in any encoding that can be told for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not text")]
pub struct NotText;

/// Decodes what a program wrote: UTF-8 or UTF-16, with or without a byte order mark.
///
/// # Errors
/// When it is neither. UTF-16 without a mark is known by its zero bytes, which no text of ours has.
pub fn text(bytes: &[u8]) -> Result<Cow<'_, str>, NotText> {
    let utf8 = |bytes| std::str::from_utf8(bytes).map(Cow::Borrowed).ok();
    let found = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [first, 0, ..] if *first != 0 => utf16(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => utf16(bytes, u16::from_be_bytes),
        _ => utf8(bytes),
    };
    found.filter(|text| !text.contains('\0')).ok_or(NotText)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Cow<'static, str>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    // Some tools end UTF-16 with a line feed of one byte.
    if !matches!(rest, [] | [b'\n']) {
        return None;
    }
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units)
        .collect::<Result<String, _>>()
        .ok()
        .map(Cow::Owned)
}

/// A character that shows nothing and that web pages, chats and editors put between or around others.
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// The text without what surrounds it: blanks of any kind, line ends, invisible characters.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// The text without one pair of quotes around it, and without what surrounds the quotes. A quote that
/// stands inside too makes the pair doubtful, and it is left.
pub fn unquoted(text: &str) -> &str {
    const PAIRS: [(char, char); 5] = [
        ('"', '"'),
        ('\'', '\''),
        ('`', '`'),
        ('\u{201c}', '\u{201d}'),
        ('\u{2018}', '\u{2019}'),
    ];
    let text = trimmed(text);
    for (open, close) in PAIRS {
        let inner = text
            .strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close));
        if let Some(inner) = inner
            && !inner.contains([open, close])
        {
            return trimmed(inner);
        }
    }
    text
}

/// The text without invisible characters anywhere. For values whose alphabet has none: what is left is
/// what was meant.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.contains(is_invisible) {
        Cow::Owned(text.chars().filter(|c| !is_invisible(*c)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The text behind a prefix, whatever its case.
pub fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utf16(text: &str, mark: bool, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mark = mark.then_some(0xfeff);
        mark.into_iter()
            .chain(text.encode_utf16())
            .flat_map(unit)
            .collect()
    }

    #[test]
    fn every_encoding_that_can_be_told_is_read() {
        let word = "abc.déf\r\n";
        assert_eq!(text(word.as_bytes()).unwrap(), word);
        assert_eq!(text("\u{feff}abc".as_bytes()).unwrap(), "abc");
        for mark in [true, false] {
            assert_eq!(text(&utf16(word, mark, u16::to_le_bytes)).unwrap(), word);
            assert_eq!(text(&utf16(word, mark, u16::to_be_bytes)).unwrap(), word);
        }
        let mut odd = utf16(word, true, u16::to_le_bytes);
        odd.push(b'\n');
        assert_eq!(text(&odd).unwrap(), word);
        for bad in [
            &b"\xff"[..],
            b"a\xffb",
            b"abc\0def",
            b"\xff\xfea",
            b"\xff\xfe\x00\xd8",
            b"\0\0",
        ] {
            assert_eq!(text(bad), Err(NotText), "{bad:?}");
        }
        assert_eq!(text(b"").unwrap(), "");
        assert_eq!(text(b"a").unwrap(), "a");
    }

    #[test]
    fn what_surrounds_a_value_is_taken_off_and_no_more() {
        assert_eq!(trimmed(" \u{200b}\u{a0}abc\u{feff}\r\n\0"), "abc");
        assert_eq!(trimmed("a\u{200b}b"), "a\u{200b}b");
        for quoted in [
            "\"abc\"",
            " 'abc'\r\n",
            "`abc`",
            "\u{201c}abc\u{201d}",
            "\u{200b}' abc '",
        ] {
            assert_eq!(unquoted(quoted), "abc", "{quoted}");
        }
        for doubtful in ["'abc", "abc\"", "'a'b'", "\"", "\u{201d}abc\u{201c}"] {
            assert_eq!(unquoted(doubtful), doubtful);
        }
        assert_eq!(unquoted("''"), "");
        assert_eq!(visible("a\u{200b}b\u{ad}c"), "abc");
        assert_eq!(after("BEARER x", "bearer "), Some("x"));
        assert_eq!(after("Be", "bearer "), None);
        assert_eq!(after("é", "b"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(found) = text(&bytes) {
                prop_assert!(!found.contains('\0'));
                let _ = (trimmed(&found).len(), unquoted(&found).len(), visible(&found).len());
            }
        }

        #[test]
        fn plain_words_are_left_as_they_are(word in "[!#-&(-_a-~]{1,40}") {
            prop_assert_eq!(text(word.as_bytes()).unwrap(), word.as_str());
            prop_assert_eq!(unquoted(&word), word.as_str());
        }
    }
}
