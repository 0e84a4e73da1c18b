//! How many columns a text takes on a terminal, and how to shorten it to some number. Pure.

use unicode_width::UnicodeWidthChar;

/// Makes the character before it a two-column emoji on most terminals.
const EMOJI_STYLE: char = '\u{fe0f}';

const GAP: &str = "…";

/// The most columns that a terminal may use for `text`.
///
/// Terminals disagree about joined emoji: some draw one picture, some all of its parts. Counting
/// the parts is the upper bound, and a line that is short by two columns harms nobody.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(c: char) -> usize {
    if c == EMOJI_STYLE {
        1
    } else {
        c.width().unwrap_or(0)
    }
}

/// `text`, or its beginning and a `…`, in at most `room` columns.
pub(super) fn end(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    if room == 0 {
        return String::new();
    }
    format!("{}{GAP}", head(text, room - 1))
}

/// `text`, or its beginning, a `…` and its end, in at most `room` columns. For file names: both
/// the first words and the extension tell files apart.
pub(super) fn middle(text: &str, room: usize) -> String {
    // Below this, two halves say less than one beginning.
    if columns(text) <= room || room < 8 {
        return end(text, room);
    }
    let tail = tail(text, (room - 1) * 2 / 5);
    format!("{}{GAP}{tail}", head(text, room - 1 - columns(tail)))
}

fn head(text: &str, room: usize) -> &str {
    let mut used = 0;
    let stop = text.char_indices().find(|&(_, c)| {
        used += columns_of(c);
        used > room
    });
    stop.map_or(text, |(at, _)| &text[..at])
}

fn tail(text: &str, room: usize) -> &str {
    let mut used = 0;
    let start = text.char_indices().rev().find(|&(_, c)| {
        used += columns_of(c);
        used > room
    });
    let kept = start.map_or(text, |(at, c)| &text[at + c.len_utf8()..]);
    // A mark that belongs to a character before the gap would land on the gap.
    kept.trim_start_matches(|c| columns_of(c) == 0 || c == EMOJI_STYLE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(columns("report.pdf"), 10);
        assert_eq!(columns("報告書.pdf"), 10);
        assert_eq!(columns("e\u{301}"), 1);
        assert_eq!(columns("❤️"), 2);
    }

    #[test]
    fn a_name_keeps_its_beginning_and_its_extension() {
        assert_eq!(
            middle("quarterly-figures-for-the-board.xlsx", 20),
            "quarterly-fi…rd.xlsx"
        );
        assert_eq!(
            middle("四半期決算報告書の最終版.xlsx", 20),
            "四半期決算報…版.xlsx"
        );
        assert_eq!(middle("short.txt", 20), "short.txt");
        assert_eq!(middle("quarterly", 5), "quar…");
        assert_eq!(end("the service is throttling", 12), "the service…");
        assert_eq!(end("anything", 0), "");
    }

    proptest! {
        #[test]
        fn it_always_fits(text in "\\PC{0,60}|[a-z漢👩\u{200d}\u{fe0f}\u{301}]{0,60}", room in 0usize..80) {
            for short in [end(&text, room), middle(&text, room)] {
                prop_assert!(columns(&short) <= room, "{:?} in {}", short, room);
            }
            if columns(&text) <= room {
                prop_assert_eq!(middle(&text, room), text);
            }
        }
    }
}
