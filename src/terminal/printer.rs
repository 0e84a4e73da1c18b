//! The one voice of a command: results on standard output, everything for people on standard
//! error, and neither through a bar that is being drawn.

use std::{
    ffi::OsString,
    fmt,
    io::ErrorKind,
    sync::{Arc, Mutex},
    time::Instant,
};

use anstyle::{AnsiColor, Style};
use indicatif::ProgressBar;
use serde::Serialize;

use super::{
    error_text::{self, HintStyle},
    escape,
    options::{Options, ProgressMode, Surroundings, color, progress_mode},
    screen::{Screen, Size},
    shell_quote::Shell,
    streams::{Stream, Streams, lock},
};
use crate::report::{ExitReport, Hint};

const WARNING: Style = AnsiColor::Yellow.on_default();
const NOTE: Style = Style::new().bold();
const DETAIL: Style = Style::new().dimmed();

/// Prints for one command. Cheap to clone; may be used from any thread.
///
/// No method fails or panics: a stream that is closed or full is remembered, see
/// [`Printer::stdout_failed`].
#[derive(Clone)]
pub struct Printer(Arc<Inner>);

struct Inner {
    options: Options,
    hints: HintStyle,
    mode: ProgressMode,
    color: bool,
    out: Stream,
    err: Arc<Stream>,
    size: Size,
    now: Box<dyn Fn() -> Instant + Send + Sync>,
    /// The bar that is on the screen, and has to make room for each line.
    bar: Mutex<Option<ProgressBar>>,
}

/// What a command was asked to find out or to do, and did.
pub trait CommandResult: Serialize {
    /// Shows it to a person. As JSON it is shown by its fields.
    fn show(&self, printer: &Printer);
}

impl Printer {
    /// Prints to `streams` as `options` ask and `surroundings` allow. Commands that are hinted at get
    /// `flags`: the options for every command that this one was given.
    pub fn new(
        options: Options,
        surroundings: &Surroundings,
        streams: Streams,
        flags: Vec<(&'static str, OsString)>,
    ) -> Self {
        let Streams {
            out,
            err,
            size,
            now,
        } = streams;
        let columns = surroundings.columns;
        let shell = Shell::of_this_process();
        Self(Arc::new(Inner {
            options,
            hints: HintStyle { shell, flags },
            mode: progress_mode(&options, surroundings),
            color: color(&options, surroundings),
            out: Stream::for_results(out),
            err: Arc::new(Stream::for_people(err)),
            size: Arc::new(move || size().or_else(|| columns.map(|columns| (24, columns)))),
            now,
            bar: Mutex::new(None),
        }))
    }

    /// Whether results are JSON Lines.
    pub fn is_json(&self) -> bool {
        self.0.options.json
    }

    /// Whether a person watches: standard error is a terminal that shows a bar.
    pub fn is_interactive(&self) -> bool {
        self.0.mode == ProgressMode::Bar
    }

    /// A result, as the user wants it: a line of JSON, or for people.
    pub fn result(&self, result: &impl CommandResult) {
        if self.is_json() {
            self.json(result);
        } else {
            result.show(self);
        }
    }

    /// A result for people: one line on standard output.
    pub fn line(&self, text: &str) {
        self.out(&format!("{}\n", escape::text(text)));
    }

    /// A result for people of several fields: one tab-separated line on standard output.
    pub fn row(&self, fields: &[&str]) {
        let fields: Vec<_> = fields.iter().map(|text| escape::field(text)).collect();
        self.out(&format!("{}\n", fields.join("\t")));
    }

    /// A result as one line of JSON on standard output.
    pub fn json(&self, result: &impl Serialize) {
        match json_line(result) {
            Ok(line) => self.out(&line),
            Err(error) => self.warn(&format!("a result could not be written as JSON: {error}")),
        }
    }

    /// Text that this program made itself and that goes out as it is: a completion script.
    pub fn raw(&self, text: &str) {
        self.out(text);
    }

    /// How standard output failed, if it did. Nothing was written to it since.
    pub fn stdout_failed(&self) -> Option<ErrorKind> {
        self.0.out.failed()
    }

    /// What a person may like to know; not with `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.0.options.quiet {
            self.message("note", NOTE, text);
        }
    }

    /// What a person should know although the command continues.
    pub fn warn(&self, text: &str) {
        self.message("warning", WARNING, text);
    }

    /// A line with a label, even with `--quiet`: what a person must know to do their part.
    pub fn say(&self, label: &'static str, text: &str) {
        self.message(label, NOTE, text);
    }

    /// What can be done next.
    pub fn hint(&self, hint: &Hint) {
        match (self.0.mode, hint) {
            (ProgressMode::Json, Hint::Advice(text)) => self.message("hint", NOTE, text),
            (ProgressMode::Json, Hint::Run(line)) => match self.0.hints.text(line) {
                Ok(text) => self.message("hint", NOTE, &text),
                Err(why) => self.warn(why),
            },
            _ => self.people(&self.0.hints.line(self.0.color, hint)),
        }
    }

    /// What only shows when `-v` was given at least `level` times.
    pub fn detail(&self, level: u8, text: &str) {
        if !self.0.options.quiet && self.0.options.verbose >= level {
            match self.0.mode {
                ProgressMode::Json => self.message("detail", DETAIL, text),
                _ => self.people(&format!(
                    "{}\n",
                    error_text::paint(self.0.color, DETAIL, &escape::text(text))
                )),
            }
        }
    }

    /// What is going on, in a line without a label; not with `--quiet`.
    pub fn status(&self, text: &str) {
        if self.0.options.quiet {
            return;
        }
        match self.0.mode {
            ProgressMode::Json => self.message("status", NOTE, text),
            _ => self.people(&format!("{}\n", escape::text(text))),
        }
    }

    /// Asks for a yes or a no. The answer is for the caller to read.
    pub fn ask(&self, question: &str) {
        match self.0.mode {
            ProgressMode::Json => self.message("question", NOTE, question),
            _ => self.people(&format!("{} [y/N] ", escape::text(question))),
        }
    }

    /// Why the command, or one of its files, failed: for people.
    pub fn error(&self, report: &ExitReport) {
        let hints = &self.0.hints;
        match self.0.mode {
            ProgressMode::Json => self.event(&hints.error_object(report)),
            _ => self.people(&hints.error(self.0.color, report)),
        }
    }

    /// Why the command, or one of the things that it was to do, failed: for people, and with `--json` for
    /// programs too.
    pub fn failed(&self, report: &ExitReport) {
        self.error(report);
        if self.is_json() {
            self.json(&report.json(None));
        }
    }

    /// One JSON object on standard error.
    fn event(&self, event: &impl Serialize) {
        // The objects of this folder are plain data, which always has a JSON form.
        if let Ok(line) = json_line(event) {
            self.people(&line);
        }
    }

    pub(super) fn mode(&self) -> ProgressMode {
        self.0.mode
    }

    pub(super) fn is_colored(&self) -> bool {
        self.0.color
    }

    pub(super) fn now(&self) -> Instant {
        (self.0.now)()
    }

    pub(super) fn size(&self) -> Size {
        Arc::clone(&self.0.size)
    }

    /// A surface to draw on that shares the stream with the lines.
    pub(super) fn screen(&self) -> Screen {
        Screen::new(Arc::clone(&self.0.err), self.size())
    }

    /// From now on every line makes the bar step aside, or no longer does.
    pub(super) fn set_bar(&self, bar: Option<ProgressBar>) {
        *lock(&self.0.bar) = bar;
    }

    fn message(&self, kind: &'static str, style: Style, text: &str) {
        if self.0.mode == ProgressMode::Json {
            return self.event(&MessageObject {
                r#type: kind,
                message: text,
            });
        }
        self.people(&error_text::label(self.0.color, style, kind, text));
    }

    fn out(&self, text: &str) {
        self.beside_the_bar(|| self.0.out.write(text.as_bytes()));
    }

    /// Complete lines on standard error.
    pub(super) fn people(&self, text: &str) {
        self.beside_the_bar(|| self.0.err.write(text.as_bytes()));
    }

    fn beside_the_bar(&self, write: impl FnOnce()) {
        // Cloned, so that drawing never happens under this lock.
        let bar = lock(&self.0.bar).clone();
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl fmt::Debug for Printer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Printer").field(&self.0.options).finish()
    }
}

#[derive(Serialize)]
struct MessageObject<'a> {
    r#type: &'static str,
    message: &'a str,
}

/// `value` as a line of JSON that a terminal can be shown.
pub(super) fn json_line(value: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(escape::json(&serde_json::to_string(value)?) + "\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        report::CommandLine,
        settings::{Color, Progress},
        terminal::test_terminal::TestTerminal,
    };

    fn report() -> ExitReport {
        let mut report = ExitReport::new(5, "Unavailable", "`report.pdf` was not attached")
            .cause("the service answered 503\r\nServer Busy")
            .run(CommandLine::own("resume").operand("7Q2KM4XA"))
            .advise("wait\nand see");
        report.request_ids = vec![("request-id", "8f5d9075-5501".to_owned())];
        report
    }

    fn status() -> Hint {
        CommandLine::own("status").into()
    }

    #[test]
    fn results_and_words_for_people_keep_apart() {
        let terminal = TestTerminal::file(Options {
            verbose: 1,
            ..Options::default()
        });
        let printer = &terminal.printer;
        printer.line("AAMkADI5");
        printer.row(&["a\tb", "2\u{1b}"]);
        printer.json(&"\u{9b}1");
        printer.raw("complete -c graph-attach\n");
        printer.note("a note");
        printer.warn("a warning");
        printer.hint(&status());
        printer.status("attached `a`");
        printer.detail(1, "shown");
        printer.detail(2, "not shown");
        printer.error(&report());
        insta::assert_snapshot!(terminal.out.text(), @r#"
        AAMkADI5
        a\tb	2\u{1b}
        "\u009b1"
        complete -c graph-attach
        "#);
        insta::assert_snapshot!(terminal.err.text(), @r"
        note: a note
        warning: a warning
        hint: graph-attach status
        attached `a`
        shown
        error: `report.pdf` was not attached
          caused by: the service answered 503\r\nServer Busy
          request-id: 8f5d9075-5501
          wait\nand see
        hint: graph-attach resume 7Q2KM4XA
        ");
    }

    #[test]
    fn quiet_keeps_what_went_wrong_and_what_to_do() {
        let terminal = TestTerminal::file(Options {
            quiet: true,
            verbose: 3,
            ..Options::default()
        });
        let printer = &terminal.printer;
        printer.note("a note");
        printer.status("attached `a`");
        printer.detail(1, "a detail");
        assert_eq!(terminal.err.text(), "");
        printer.warn("a warning");
        printer.hint(&status());
        assert_eq!(
            terminal.err.text(),
            "warning: a warning\nhint: graph-attach status\n"
        );
    }

    #[test]
    fn colour_is_on_labels_only_and_never_on_results() {
        let terminal = TestTerminal::file(Options {
            color: Color::Always,
            ..Options::default()
        });
        terminal.printer.line("id");
        terminal.printer.error(&report());
        assert_eq!(terminal.out.text(), "id\n");
        let text = terminal.err.text();
        assert!(
            text.starts_with("\x1b[1m\x1b[31merror:\x1b[0m `report.pdf` was"),
            "{text:?}"
        );
        assert!(
            text.ends_with("\x1b[36mhint:\x1b[0m graph-attach resume 7Q2KM4XA\n"),
            "{text:?}"
        );
    }

    #[test]
    fn with_json_progress_every_line_is_an_object() {
        let options = Options {
            progress: Progress::Json,
            verbose: 1,
            ..Options::default()
        };
        let terminal = TestTerminal::file(options);
        let printer = &terminal.printer;
        printer.note("a note");
        printer.warn("a warning");
        printer.hint(&status());
        printer.status("signed in");
        printer.detail(1, "a detail");
        printer.error(&report());
        let types: Vec<_> = terminal
            .err
            .text()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].clone())
            .collect();
        assert_eq!(
            types,
            ["note", "warning", "hint", "status", "detail", "error"]
        );
        assert_eq!(
            terminal.err.text().lines().last().unwrap(),
            concat!(
                r#"{"type":"error","message":"`report.pdf` was not attached","#,
                r#""causes":["the service answered 503\r\nServer Busy"],"#,
                r#""advice":["wait\nand see"],"#,
                r#""hints":["graph-attach resume 7Q2KM4XA"],"#,
                r#""request_ids":{"request-id":"8f5d9075-5501"}}"#,
            )
        );
    }

    proptest! {
        #[test]
        fn nothing_that_others_wrote_reaches_the_terminal_unescaped(
            text in prop_oneof![any::<String>(), "[\u{0}-\u{ff}\u{202a}-\u{202e}]{0,80}"],
        ) {
            let terminal = TestTerminal::file(Options { verbose: 9, ..Options::default() });
            let printer = &terminal.printer;
            printer.line(&text);
            printer.row(&[&text, &text]);
            printer.json(&text);
            printer.note(&text);
            printer.warn(&text);
            printer.hint(&Hint::Advice(text.clone()));
            printer.hint(&CommandLine::own("resume").operand(&text).into());
            printer.status(&text);
            printer.detail(1, &text);
            let mut report = ExitReport::new(1, &text, &text)
                .cause(&text)
                .advise(&text)
                .run(CommandLine::own("resume").operand(&text));
            report.request_ids = vec![("request-id", text)];
            printer.error(&report);
            let unsafe_in = |shown: String, allowed: &[char]| {
                shown.chars().any(|c| !allowed.contains(&c) && escape::is_unsafe(c))
            };
            prop_assert!(!unsafe_in(terminal.err.text(), &['\n']));
            prop_assert!(!unsafe_in(terminal.out.text(), &['\n', '\t']));
            prop_assert_eq!(terminal.err.text().lines().count(), 11);
            prop_assert_eq!(terminal.out.text().matches('\n').count(), 3);
            prop_assert_eq!(terminal.out.text().matches('\t').count(), 1);
        }
    }
}
