//! A line on a terminal that is put together from styled pieces and never outgrows its room. Pure.

use anstyle::Style;

use super::truncate::{self, columns};

/// No style at all.
pub(super) const PLAIN: Style = Style::new();

/// A text in a column of its own.
pub(super) struct Field<'a> {
    pub(super) text: &'a str,
    pub(super) width: usize,
    style: Style,
    flush_right: bool,
    pub(super) place: u8,
}

impl<'a> Field<'a> {
    pub(super) fn left(text: &'a str, width: usize, style: Style) -> Self {
        Self {
            text,
            width: width.max(columns(text)),
            style,
            flush_right: false,
            place: 0,
        }
    }

    pub(super) fn right(text: &'a str, width: usize, style: Style) -> Self {
        Self {
            flush_right: true,
            ..Self::left(text, width, style)
        }
    }

    pub(super) fn at(self, place: u8) -> Self {
        Self { place, ..self }
    }

    pub(super) fn put(&self, line: &mut StyledLine) {
        let blanks = self.width - columns(self.text);
        if self.flush_right {
            line.blank(blanks);
        }
        line.put(self.text, self.style);
        if !self.flush_right {
            line.blank(blanks);
        }
    }
}

/// A line that cannot grow beyond its room.
pub(super) struct StyledLine {
    pub(super) text: String,
    pub(super) room: usize,
    pub(super) color: bool,
}

impl StyledLine {
    pub(super) fn put(&mut self, text: &str, style: Style) {
        let text = truncate::end(text, self.room);
        self.room -= columns(&text);
        if self.color && style != PLAIN && !text.is_empty() {
            self.text.push_str(&format!("{style}{text}{style:#}"));
        } else {
            self.text.push_str(&text);
        }
    }

    pub(super) fn blank(&mut self, columns: usize) {
        self.put(&" ".repeat(columns), PLAIN);
    }

    pub(super) fn trim(&mut self) {
        let kept = self.text.trim_end_matches(' ').len();
        self.text.truncate(kept);
    }
}
