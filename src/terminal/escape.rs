//! Makes text that others wrote safe to show: server messages, file names, ids, subjects.
//!
//! A terminal obeys some characters, and a reader is fooled by others. Both kinds are spelled out
//! here, and nothing else in this folder decides which they are. Pure.

use std::fmt::Write as _;

/// Longest text that is shown, in bytes, the mark of a cut included. A gateway's error page can be
/// megabytes; what helps is in its first lines.
pub const LIMIT: usize = 2048;

/// Makes a picture of the symbol before it.
const EMOJI_STYLE: char = '\u{fe0f}';

/// Ends a text that was cut.
const CUT: &str = "…";

/// One line for people: controls spelled out, at most [`LIMIT`] bytes.
pub fn text(raw: &str) -> String {
    spell(raw, false)
}

/// One field of tab-separated output. As [`text`], and a backslash is doubled so that a program
/// can tell a spelled-out tab from a backslash that was there.
pub fn field(raw: &str) -> String {
    spell(raw, true)
}

/// JSON in which the characters that a terminal obeys are `\u` escapes: the same value to every
/// parser. Takes a complete document, where such characters only occur inside strings.
pub fn json(document: &str) -> String {
    let mut safe = String::with_capacity(document.len());
    let mut units = [0; 2];
    for c in document.chars() {
        if is_unsafe(c) {
            for unit in c.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Whether a terminal may obey `c`, or a reader be misled by it: it reorders its neighbours, or is not
/// seen at all.
///
/// The joiners U+200C and U+200D stay: Persian names and emoji need them. U+FE0F makes a picture of a
/// symbol, and is judged with what stands before it.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0e}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Whether `text` can be shown as it is.
pub(super) fn is_safe(text: &str) -> bool {
    let before = std::iter::once(None).chain(text.chars().map(Some));
    !before
        .zip(text.chars())
        .any(|(before, c)| is_unsafe_after(before, c))
}

/// Whether `c` cannot be shown where it stands: after a letter, U+FE0F would not be seen.
fn is_unsafe_after(before: Option<char>, c: char) -> bool {
    let pictured = |before: char| !before.is_ascii() && !before.is_alphanumeric();
    is_unsafe(c) || c == EMOJI_STYLE && !before.is_some_and(pictured)
}

fn spell(raw: &str, double_backslash: bool) -> String {
    let mut safe = String::with_capacity(raw.len().min(LIMIT));
    // Where the text ends if it has to be cut: the last place that leaves room for the mark.
    let mut cut = 0;
    let mut before = None;
    for c in raw.chars() {
        match c {
            '\t' => safe.push_str("\\t"),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\\' if double_backslash => safe.push_str("\\\\"),
            c if is_unsafe_after(before, c) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
        before = Some(c);
        if safe.len() > LIMIT {
            safe.truncate(cut);
            safe.push_str(CUT);
            break;
        }
        if safe.len() + CUT.len() <= LIMIT {
            cut = safe.len();
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_terminal_gets_no_orders() {
        assert_eq!(
            text("a\x1b[2Jb\x07\x7f\u{9b}c"),
            "a\\u{1b}[2Jb\\u{7}\\u{7f}\\u{9b}c"
        );
        assert_eq!(text("line\r\nline\tend"), "line\\r\\nline\\tend");
    }

    #[test]
    fn a_reader_is_not_fooled() {
        assert_eq!(text("cod.\u{202e}fdp"), "cod.\\u{202e}fdp");
        assert_eq!(text("zero\u{200b}width"), "zero\\u{200b}width");
        for c in "\u{3164}\u{115f}\u{1160}\u{ffa0}\u{2800}\u{34f}\u{fe00}\u{fe0e}\u{e0100}".chars()
        {
            assert_eq!(
                text(&format!("a{c}")),
                format!("a\\u{{{:x}}}", u32::from(c))
            );
        }
        assert_eq!(text("a\u{fe0f}.pdf"), "a\\u{fe0f}.pdf");
    }

    #[test]
    fn names_as_people_write_them_stay() {
        for name in [
            "Übersicht.pdf",
            "報告書 2026.xlsx",
            "👩‍👩‍👧 ❤️.png",
            "می‌خواهم.txt",
            r"a\b",
        ] {
            assert_eq!(text(name), name);
        }
    }

    #[test]
    fn a_field_can_be_read_back() {
        assert_eq!(field("a\tb\\tc"), r"a\tb\\tc");
    }

    #[test]
    fn a_long_text_is_cut_with_a_mark_and_never_inside_an_escape() {
        let long = text(&"\x1b".repeat(5000));
        assert!(long.len() <= LIMIT && long.ends_with("\\u{1b}…"), "{long}");
        let exact = "x".repeat(LIMIT);
        assert_eq!(text(&exact), exact);
        assert_eq!(text(&format!("{exact}x")).len(), LIMIT);
    }

    #[test]
    fn json_keeps_its_value() {
        let value = "a\u{7f}\u{9b}\u{202e}\u{e0041}\n€";
        let document = serde_json::to_string(value).unwrap();
        let safe = json(&document);
        assert!(!safe.chars().any(is_unsafe));
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), value);
    }

    proptest! {
        #[test]
        fn whatever_comes_in(raw in prop_oneof![any::<String>(), "\\PC{0,3000}", "[\u{0}-\u{ff}]{0,900}"]) {
            for safe in [text(&raw), field(&raw)] {
                prop_assert!(!safe.chars().any(is_unsafe));
                prop_assert!(safe.len() <= LIMIT);
            }
            let document = serde_json::to_string(&raw).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&json(&document)).unwrap(), raw);
        }

        #[test]
        fn a_cut_only_shortens(raw in "[a-zé漢\u{1b}]{0,3000}") {
            let safe = text(&raw);
            let kept = safe.strip_suffix(CUT).unwrap_or(&safe);
            let whole: String = raw.chars().map(|c| text(&c.to_string())).collect();
            prop_assert!(whole.starts_with(kept));
            prop_assert!(kept.len() == whole.len() || kept.len() + 9 + CUT.len() > LIMIT);
        }
    }
}
