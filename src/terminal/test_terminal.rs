//! What the tests of this folder print to: streams in memory, a terminal in memory, a clock that
//! only moves when told.

use std::{
    io::{self, Write},
    num::NonZeroU16,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::{Options, Printer, Streams, Surroundings, streams::lock};

/// A printer whose surroundings a test controls.
pub(super) struct TestTerminal {
    pub(super) printer: Printer,
    pub(super) out: Bytes,
    pub(super) err: Bytes,
    pub(super) screen: Arc<Mutex<vt100::Parser>>,
    size: Arc<Mutex<(u16, u16)>>,
    now: Arc<Mutex<Instant>>,
}

impl TestTerminal {
    /// Standard error is a terminal of `columns`, and the two streams share its screen.
    pub(super) fn terminal(columns: u16, options: Options) -> Self {
        Self::new(
            columns,
            options,
            &Surroundings {
                terminal: true,
                ..Surroundings::default()
            },
        )
    }

    /// Standard error is a file.
    pub(super) fn file(options: Options) -> Self {
        Self::new(80, options, &Surroundings::default())
    }

    pub(super) fn new(columns: u16, options: Options, surroundings: &Surroundings) -> Self {
        let screen = Arc::new(Mutex::new(parser(columns)));
        let size = Arc::new(Mutex::new((24, columns)));
        let now = Arc::new(Mutex::new(Instant::now()));
        let stream = || Bytes {
            written: Arc::default(),
            screen: Arc::clone(&screen),
        };
        let (out, err) = (stream(), stream());
        let (shared_size, shared_now) = (Arc::clone(&size), Arc::clone(&now));
        let streams = Streams {
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            size: Box::new(move || Some(*lock(&shared_size))),
            now: Box::new(move || *lock(&shared_now)),
        };
        let printer = Printer::new(options, surroundings, streams, Vec::new());
        Self {
            printer,
            out,
            err,
            screen,
            size,
            now,
        }
    }

    /// Lets time pass, and gives the redrawing thread a chance to show it.
    pub(super) fn pass(&self, time: Duration) {
        *lock(&self.now) += time;
    }

    /// What the screen shows, without blanks at the ends of lines and without empty last lines.
    pub(super) fn shown(&self) -> String {
        let screen = lock(&self.screen);
        let rows: Vec<_> = (0..24).map(|row| row_of(screen.screen(), row)).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// Changes the window's width, as a terminal that rewraps its lines shows them: the cursor stays
    /// at the beginning of its line.
    pub(super) fn resize(&self, columns: u16) {
        let mut screen = lock(&self.screen);
        let cursor = screen.screen().cursor_position();
        assert_eq!(cursor.1, 0, "the cursor is not where a line begins");
        let above: Vec<_> = (0..cursor.0)
            .map(|row| row_of(screen.screen(), row))
            .collect();
        let line = row_of(screen.screen(), cursor.0);
        *screen = parser(columns);
        for row in above {
            screen.process(format!("{row}\r\n").as_bytes());
        }
        screen.process(format!("\x1b7{line}\x1b8").as_bytes());
        *lock(&self.size) = (24, columns);
    }
}

fn row_of(screen: &vt100::Screen, row: u16) -> String {
    let columns = screen.size().1.get();
    let text: String = (0..columns)
        .filter_map(|column| screen.cell(row, column))
        .filter(|cell| !cell.is_wide_continuation())
        .map(|cell| {
            if cell.has_contents() {
                cell.contents()
            } else {
                " "
            }
        })
        .collect();
    text.trim_end().to_owned()
}

fn parser(columns: u16) -> vt100::Parser {
    vt100::Parser::new(
        NonZeroU16::new(24).unwrap(),
        NonZeroU16::new(columns).unwrap(),
        0,
    )
}

/// A stream in memory that is also shown on the screen.
#[derive(Clone)]
pub(super) struct Bytes {
    written: Arc<Mutex<Vec<u8>>>,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Bytes {
    pub(super) fn text(&self) -> String {
        String::from_utf8(lock(&self.written).clone()).unwrap()
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.written).extend_from_slice(bytes);
        // A terminal line discipline puts a carriage return before each line feed.
        let text = String::from_utf8_lossy(bytes).replace('\n', "\r\n");
        lock(&self.screen).process(text.as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
