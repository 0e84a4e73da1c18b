//! Standard error as indicatif's drawing surface.
//!
//! indicatif's own surface hides the bar when `NO_COLOR` is set, writes in several pieces and fills
//! each line to the last column, which wraps when the window shrinks. This one writes one frame at
//! a time, never fills, forbids wrapping while it draws, and leaves the cursor where the line began:
//! there, an echoed `^C` cannot wrap, and after a resize the old line is below the cursor.

use std::{
    fmt::{self, Write as _},
    io,
    sync::{Arc, Mutex},
};

use indicatif::TermLike;

use super::streams::{Stream, lock};

/// Tells the terminal's size as (rows, columns), as far as it is known.
pub(super) type Size = Arc<dyn Fn() -> Option<(u16, u16)> + Send + Sync>;

/// The size to assume when neither the terminal nor `COLUMNS` tells one.
const USUAL: (u16, u16) = (24, 80);

/// Where the bar is drawn.
pub(super) struct Screen {
    stream: Arc<Stream>,
    size: Size,
    frame: Mutex<Frame>,
}

#[derive(Default)]
struct Frame {
    /// What goes out with the next flush.
    pending: String,
    /// The width for which the line on the screen was made.
    width: u16,
}

impl Screen {
    pub(super) fn new(stream: Arc<Stream>, size: Size) -> Self {
        Self {
            stream,
            size,
            frame: Mutex::default(),
        }
    }

    fn pend(&self, control: fmt::Arguments<'_>) -> io::Result<()> {
        // Writing to a String cannot fail.
        let _ = lock(&self.frame).pending.write_fmt(control);
        Ok(())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        columns(&self.size)
    }

    fn height(&self) -> u16 {
        (self.size)().map_or(USUAL.0, |(rows, _)| rows.max(1))
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        if n == 0 {
            Ok(())
        } else {
            self.pend(format_args!("\x1b[{n}A"))
        }
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        if n == 0 {
            Ok(())
        } else {
            self.pend(format_args!("\x1b[{n}B"))
        }
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        if n == 0 {
            Ok(())
        } else {
            self.pend(format_args!("\x1b[{n}C"))
        }
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        if n == 0 {
            Ok(())
        } else {
            self.pend(format_args!("\x1b[{n}D"))
        }
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.pend(format_args!("{text}\r\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        // Blanks up to the last column: the line is clear already.
        if text.trim_start_matches(' ').is_empty() {
            return Ok(());
        }
        // Should the terminal find a character wider than we do, the end is lost, not the layout.
        self.pend(format_args!("\x1b[?7l{text}\x1b[?7h\r"))
    }

    fn clear_line(&self) -> io::Result<()> {
        let width = self.width();
        let before = std::mem::replace(&mut lock(&self.frame).width, width);
        // A window that became narrower has wrapped the line over several rows. They are cleared one
        // by one: tmux keeps a copy of a screen that is cleared as a whole.
        let wrapped = usize::from(before.saturating_sub(1) / width);
        let rows = "\x1b[B\x1b[2K".repeat(wrapped);
        if wrapped == 0 {
            self.pend(format_args!("\r\x1b[2K"))
        } else {
            self.pend(format_args!("\r\x1b7\x1b[2K{rows}\x1b8"))
        }
    }

    fn flush(&self) -> io::Result<()> {
        let frame = std::mem::take(&mut lock(&self.frame).pending);
        if !frame.is_empty() {
            self.stream.write(frame.as_bytes());
        }
        Ok(())
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

/// The width to draw for, at least 1.
pub(super) fn columns(size: &Size) -> u16 {
    size().map_or(USUAL.1, |(_, columns)| columns.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_without_a_width_is_taken_for_a_usual_one() {
        assert_eq!(columns(&(Arc::new(|| None) as Size)), 80);
        assert_eq!(columns(&(Arc::new(|| Some((0u16, 0u16))) as Size)), 1);
    }
}
