//! Shows the events of an upload as `--progress` asks.

use std::{
    fmt,
    sync::{Arc, Mutex, Weak},
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, WeakProgressBar};

use super::{
    file_progress::{FileProgress, Position},
    options::ProgressMode,
    printer::{self, Printer},
    progress_bar,
    progress_json::{self, Pulse},
    progress_log::{self, Cadence},
    screen,
    streams::lock,
};
use crate::upload::{Event, Observe};

/// Fast enough for a spinner, slow enough for a remote terminal.
const FRAMES_PER_SECOND: u8 = 10;

/// How often the bar is redrawn while nothing happens, for countdowns and resizes.
const HEARTBEAT: Duration = Duration::from_millis(250);

/// Takes the events of one command with one or more files and shows them.
pub struct Reporter {
    printer: Printer,
    state: Arc<Mutex<State>>,
    bar: Option<ProgressBar>,
}

struct State {
    upload: Option<FileProgress>,
    /// How many files were started, and how many there will be.
    started: usize,
    files: usize,
    cadence: Cadence,
    pulse: Pulse,
}

impl State {
    /// Tells files apart when there are several: "2/5 ".
    fn label(&self) -> String {
        if self.files > 1 {
            format!("{}/{} ", self.started, self.files)
        } else {
            String::new()
        }
    }
}

impl Reporter {
    /// For a command with so many files.
    pub fn new(printer: &Printer, files: usize) -> Self {
        let state = Arc::new(Mutex::new(State {
            upload: None,
            started: 0,
            files,
            cadence: Cadence::new(printer.now(), 0),
            pulse: Pulse::default(),
        }));
        let bar = (printer.mode() == ProgressMode::Bar).then(|| start_bar(printer, &state));
        printer.set_bar(bar.clone());
        Self {
            printer: printer.clone(),
            state,
            bar,
        }
    }

    /// So many files are done with, whether their uploads were begun or not.
    pub fn reached(&self, files: usize) {
        let mut state = lock(&self.state);
        state.started = state.started.max(files);
        // A signal before the next one begins is not about this one.
        state.upload = None;
    }

    /// Where the file under way stands, or the last one if it was not attached: what to tell when
    /// a signal ends the command.
    pub fn position(&self) -> Option<Position> {
        lock(&self.state)
            .upload
            .as_ref()
            .and_then(FileProgress::position)
    }

    /// Takes the bar off the screen for good. Also happens when the reporter is dropped.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            self.printer.set_bar(None);
            bar.finish_and_clear();
        }
    }

    /// Brings the state up to date, and says what to print: nothing is printed under the lock,
    /// because printing draws the bar, and drawing reads the state.
    fn take(&self, event: &Event, now: Instant) -> Option<Rendered> {
        let mut state = lock(&self.state);
        if let Event::Started { name, size, .. } = event {
            state.upload = Some(FileProgress::new(name, *size, now));
            state.started += 1;
            state.cadence = Cadence::new(now, 0);
            state.pulse = Pulse::default();
        }
        let label = state.label();
        let State {
            upload,
            cadence,
            pulse,
            ..
        } = &mut *state;
        let upload = upload.as_mut()?;
        upload.apply(event, now);
        match self.printer.mode() {
            ProgressMode::Bar => progress_log::ending(upload, event, now).map(Rendered::Status),
            ProgressMode::Plain => {
                progress_log::line(upload, &label, event, cadence, now).map(Rendered::Status)
            }
            ProgressMode::Json => progress_json::progress_json(upload, event, pulse, now)
                .and_then(|object| printer::json_line(&object).ok())
                .map(Rendered::Object),
            ProgressMode::None => None,
        }
    }
}

enum Rendered {
    Status(String),
    Object(String),
}

impl Observe for Reporter {
    fn observe(&self, event: &Event) {
        match event {
            Event::Warning(text) => self.printer.warn(text),
            Event::Detail(text) => self.printer.detail(1, text),
            _ => {
                match self.take(event, self.printer.now()) {
                    Some(Rendered::Status(text)) => self.printer.status(&text),
                    Some(Rendered::Object(object)) => self.printer.people(&object),
                    None => {}
                }
                if let Some(bar) = &self.bar {
                    bar.tick();
                }
            }
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.finish();
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("position", &self.position())
            .finish()
    }
}

/// Puts up a bar that draws `state` whenever it is asked to, and asks it now and then.
fn start_bar(printer: &Printer, state: &Arc<Mutex<State>>) -> ProgressBar {
    let target =
        ProgressDrawTarget::term_like_with_hz(Box::new(printer.screen()), FRAMES_PER_SECOND);
    let bar = ProgressBar::with_draw_target(None, target);
    // indicatif's part is when and how to draw; what is drawn is our own line, because none of its
    // templates gives way to a long name.
    let draw = {
        // Weak: the bar outlives the reporter if a printer still holds it.
        let (state, size, color) = (Arc::downgrade(state), printer.size(), printer.is_colored());
        let printer = printer.clone();
        move |_: &ProgressState, frame: &mut dyn fmt::Write| {
            let width = usize::from(screen::columns(&size));
            let _ = frame.write_str(&current_line(&state, printer.now(), width, color));
        }
    };
    let style = ProgressStyle::with_template("{upload}");
    bar.set_style(
        style
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("upload", draw),
    );
    keep_alive(&bar);
    bar
}

fn current_line(state: &Weak<Mutex<State>>, now: Instant, width: usize, color: bool) -> String {
    let Some(state) = state.upgrade() else {
        return String::new();
    };
    let state = lock(&state);
    let line = |upload| progress_bar::line(upload, &state.label(), now, width, color);
    state.upload.as_ref().map(line).unwrap_or_default()
}

/// Redraws `bar` until it is finished. Where no thread can be started, countdowns stand still and
/// nothing else is lost; indicatif's own ticker would panic there.
fn keep_alive(bar: &ProgressBar) {
    let weak: WeakProgressBar = bar.downgrade();
    let beat = move || {
        while let Some(bar) = weak.upgrade().filter(|bar| !bar.is_finished()) {
            bar.tick();
            drop(bar);
            thread::sleep(HEARTBEAT);
        }
    };
    // Not joined: it ends with the bar or with the process.
    drop(thread::Builder::new().name("bar".to_owned()).spawn(beat));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        settings::Progress,
        terminal::{
            Options, Surroundings, file_progress::tests::session, test_terminal::TestTerminal,
            truncate,
        },
        upload::plan::Route,
    };

    const MB: u64 = 1_000_000;
    const CJK: &str =
        "二〇二六年度第三四半期決算報告書および補足説明資料（取締役会用・最終版）👩‍👩‍👧.pptx";

    fn started(name: &str, size: u64) -> Event {
        Event::Started {
            name: name.to_owned(),
            size,
            route: Route::Session,
        }
    }

    fn opened(offset: u64) -> Event {
        Event::Opened {
            session: session(),
            offset,
            resumed: offset > 0,
        }
    }

    fn waiting(seconds: u64) -> Event {
        Event::Waiting {
            delay: Duration::from_secs(seconds),
            reason: "the service is throttling".to_owned(),
            attempt: 2,
            max: 10,
        }
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// Draws what happened so far, however recently the last frame was.
    fn redraw(reporter: &Reporter) {
        reporter.bar.as_ref().unwrap().force_draw();
    }

    #[test]
    fn a_terminal_shows_one_line_that_goes_away() {
        let terminal = TestTerminal::terminal(80, Options::default());
        let reporter = Reporter::new(&terminal.printer, 1);
        reporter.observe(&started("report.pdf", 48 * MB));
        reporter.observe(&opened(12 * MB));
        terminal.pass(seconds(3));
        reporter.observe(&Event::Acknowledged { offset: 18 * MB });
        redraw(&reporter);
        let shown = terminal.shown();
        assert_eq!(shown.lines().count(), 1, "{shown}");
        assert!(
            shown.contains("37 %  18.0 of 48.0 MB    2.0 MB/s  15 s left"),
            "{shown}"
        );
        assert!(truncate::columns(&shown) < 80);

        terminal.printer.note("a note");
        terminal.printer.line("AAMkADI5");
        let shown = terminal.shown();
        assert!(shown.starts_with("note: a note\nAAMkADI5\n"), "{shown}");
        assert_eq!(shown.lines().count(), 3, "{shown}");
        assert!(shown.contains(" 37 % "), "{shown}");

        terminal.pass(seconds(17));
        reporter.observe(&Event::Finished { already: false });
        reporter.finish();
        assert_eq!(
            terminal.shown(),
            "note: a note\nAAMkADI5\nattached `report.pdf` (48.0 MB, 36.0 MB sent in 20 s, 1.8 MB/s)"
        );
        assert_eq!(terminal.out.text(), "AAMkADI5\n");
    }

    #[test]
    fn long_and_wide_names_fit_every_width() {
        for name in [CJK, &"n".repeat(200), "👩‍👩‍👧❤️🇯🇵.png", "a"] {
            for columns in [1, 2, 5, 20, 40, 60, 80, 200] {
                let terminal = TestTerminal::terminal(columns, Options::default());
                let reporter = Reporter::new(&terminal.printer, 12);
                for event in [started(name, 48 * MB), opened(0), waiting(70)] {
                    reporter.observe(&event);
                    redraw(&reporter);
                    assert!(terminal.shown().lines().count() <= 1, "{name} in {columns}");
                }
                reporter.finish();
                assert_eq!(terminal.shown(), "");
            }
        }
    }

    #[test]
    fn a_window_that_becomes_narrower_is_left_clean() {
        for columns in [79, 60, 41, 30] {
            let terminal = TestTerminal::terminal(80, Options::default());
            let reporter = Reporter::new(&terminal.printer, 1);
            terminal.printer.line("AAMkADI5");
            reporter.observe(&started(&"n".repeat(200), 48 * MB));
            reporter.observe(&opened(12 * MB));
            redraw(&reporter);
            terminal.resize(columns);
            redraw(&reporter);
            let shown = terminal.shown();
            assert!(
                shown.starts_with("AAMkADI5\n") && shown.lines().count() == 2,
                "{shown}"
            );
        }
    }

    #[test]
    fn no_color_keeps_the_bar() {
        let surroundings = Surroundings {
            terminal: true,
            no_color: true,
            ..Surroundings::default()
        };
        let terminal = TestTerminal::new(80, Options::default(), &surroundings);
        let reporter = Reporter::new(&terminal.printer, 1);
        reporter.observe(&started("report.pdf", 48 * MB));
        redraw(&reporter);
        assert!(
            terminal.shown().contains("report.pdf  ─"),
            "{}",
            terminal.shown()
        );
        let text = terminal.err.text();
        let coloured = text.split("\x1b[").skip(1).any(|rest| {
            rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
                .starts_with('m')
        });
        assert!(!coloured, "{text:?}");
    }

    #[test]
    fn a_countdown_runs_while_nothing_happens() {
        let terminal = TestTerminal::terminal(80, Options::default());
        let reporter = Reporter::new(&terminal.printer, 1);
        reporter.observe(&started("report.pdf", 48 * MB));
        reporter.observe(&waiting(12));
        terminal.pass(seconds(5));
        // The redrawing thread runs by real time; it has 40 beats to be seen.
        let seen = (0..200).any(|_| {
            thread::sleep(Duration::from_millis(50));
            terminal.shown().contains("retrying in 7 s (2 of 10)")
        });
        assert!(seen, "{}", terminal.shown());
    }

    #[test]
    fn a_log_gets_the_lines_that_matter() {
        let terminal = TestTerminal::file(Options::default());
        let reporter = Reporter::new(&terminal.printer, 2);
        reporter.observe(&started("report.pdf", 100 * MB));
        reporter.observe(&opened(20 * MB));
        for step in 1..=16 {
            terminal.pass(seconds(10));
            reporter.observe(&Event::Sending {
                sent: 2 * MB,
                of: 4 * MB,
            });
            reporter.observe(&Event::Acknowledged {
                offset: 20 * MB + step * 4 * MB,
            });
        }
        reporter.observe(&waiting(12));
        reporter.observe(&Event::Waiting {
            delay: seconds(70),
            reason: "the mailbox takes 150 MB in 5 minutes".to_owned(),
            attempt: 0,
            max: 0,
        });
        reporter.observe(&Event::Warning("the session was lost".to_owned()));
        reporter.observe(&Event::Restarting {
            reason: "the session expired".to_owned(),
        });
        reporter.observe(&Event::Verifying {
            read: 0,
            total: 100 * MB,
        });
        reporter.observe(&Event::Finished { already: false });
        reporter.observe(&started("b\r.txt", 3));
        reporter.observe(&Event::Finished { already: true });
        insta::assert_snapshot!(terminal.err.text(), @r"
        1/2 attaching `report.pdf` (100.0 MB)
        `report.pdf`: resuming session 7Q2KM4XA at 20.0 of 100.0 MB (20 %)
        `report.pdf`: 32 %, 32.0 of 100.0 MB, 400.0 kB/s, 2 min 50 s left
        `report.pdf`: 44 %, 44.0 of 100.0 MB, 400.0 kB/s, 2 min 20 s left
        `report.pdf`: 56 %, 56.0 of 100.0 MB, 400.0 kB/s, 1 min 50 s left
        `report.pdf`: 68 %, 68.0 of 100.0 MB, 400.0 kB/s, 1 min 20 s left
        `report.pdf`: 80 %, 80.0 of 100.0 MB, 400.0 kB/s, 50 s left
        `report.pdf`: the service is throttling, retrying in 12 s (2 of 10)
        `report.pdf`: the mailbox takes 150 MB in 5 minutes, continuing in 1 min 10 s
        warning: the session was lost
        `report.pdf`: starting over: the session expired
        `report.pdf`: verifying, 0 %
        attached `report.pdf` (100.0 MB, 164.0 MB sent in 2 min 40 s, 1.0 MB/s)
        2/2 attaching `b\r.txt` (3 B)
        `b\r.txt` is already attached
        ");
    }

    #[test]
    fn json_is_one_object_per_line() {
        let options = Options {
            progress: Progress::Json,
            ..Options::default()
        };
        let terminal = TestTerminal::file(options);
        let reporter = Reporter::new(&terminal.printer, 1);
        reporter.observe(&started("b\u{9b}.txt", 10 * MB));
        reporter.observe(&opened(0));
        reporter.observe(&Event::Warning("a warning".to_owned()));
        reporter.observe(&waiting(12));
        reporter.observe(&Event::Stopped);
        insta::assert_snapshot!(terminal.err.text(), @r#"
        {"type":"progress","event":"started","route":"session","name":"b\u009b.txt","size":10000000,"offset":0,"session":null}
        {"type":"progress","event":"opened","resumed":false,"name":"b\u009b.txt","size":10000000,"offset":0,"session":"7Q2KM4XA"}
        {"type":"warning","message":"a warning"}
        {"type":"progress","event":"waiting","reason":"the service is throttling","delay_seconds":12.0,"attempt":2,"max_attempts":10,"name":"b\u009b.txt","size":10000000,"offset":0,"session":"7Q2KM4XA"}
        {"type":"progress","event":"stopped","name":"b\u009b.txt","size":10000000,"offset":0,"session":"7Q2KM4XA"}
        "#);
    }

    #[test]
    fn a_position_is_that_of_the_last_file_that_is_not_attached() {
        let terminal = TestTerminal::file(Options {
            progress: Progress::None,
            ..Options::default()
        });
        let reporter = Reporter::new(&terminal.printer, 2);
        assert_eq!(reporter.position(), None);
        reporter.observe(&started("a", 10));
        reporter.observe(&Event::Finished { already: false });
        assert_eq!(reporter.position(), None);
        reporter.observe(&started("b", 10 * MB));
        reporter.observe(&opened(4 * MB));
        reporter.observe(&Event::Stopped);
        let position = reporter.position().unwrap();
        assert_eq!((position.name.as_str(), position.offset), ("b", 4 * MB));
        assert_eq!(position.session, Some(session()));
        assert_eq!(terminal.err.text(), "");
    }
}
