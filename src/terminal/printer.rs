//! The one voice of a command: results on standard output, everything for people on standard
//! error, and neither through a bar that is being drawn.

use std::{
    fmt,
    io::ErrorKind,
    sync::{Arc, Mutex},
    time::Instant,
};

use anstyle::{AnsiColor, Style};
use indicatif::ProgressBar;
use serde::Serialize;

use super::{
    escape,
    options::{Options, ProgressMode, Surroundings, color, progress_mode},
    problem::{self, HINT, Problem},
    screen::{Screen, Size},
    streams::{Stream, Streams, lock},
};

const WARNING: Style = AnsiColor::Yellow.on_default();
const NOTE: Style = Style::new().bold();
const DETAIL: Style = Style::new().dimmed();

/// This program, where a command begins with it.
const NAME: &str = "graph-attach ";

/// Prints for one command. Cheap to clone; may be used from any thread.
///
/// No method fails or panics: a stream that is closed or full is remembered, see
/// [`Printer::stdout_failed`].
#[derive(Clone)]
pub struct Printer(Arc<Inner>);

struct Inner {
    options: Options,
    flags: Vec<Flag>,
    mode: ProgressMode,
    color: bool,
    out: Stream,
    err: Arc<Stream>,
    size: Size,
    now: Box<dyn Fn() -> Instant + Send + Sync>,
    /// The bar that is on the screen, and has to make room for each line.
    bar: Mutex<Option<ProgressBar>>,
}

/// An option that this command was given for all commands, as a shell takes it: `--state-dir`, and
/// `--state-dir /var/lib/x`.
pub type Flag = (&'static str, String);

impl Printer {
    /// Prints to `streams` as `options` ask and `surroundings` allow.
    pub fn new(options: Options, surroundings: &Surroundings, streams: Streams) -> Self {
        Self::with_flags(options, surroundings, streams, Vec::new())
    }

    /// The same; the commands that are hinted at get `flags`.
    pub fn with_flags(
        options: Options,
        surroundings: &Surroundings,
        streams: Streams,
        flags: Vec<Flag>,
    ) -> Self {
        let Streams {
            out,
            err,
            size,
            now,
        } = streams;
        let columns = surroundings.columns;
        Self(Arc::new(Inner {
            options,
            flags,
            mode: progress_mode(&options, surroundings),
            color: color(&options, surroundings),
            out: Stream::for_results(out),
            err: Arc::new(Stream::for_people(err)),
            size: Arc::new(move || size().or_else(|| columns.map(|columns| (24, columns)))),
            now,
            bar: Mutex::new(None),
        }))
    }

    /// What the user asked for.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// A result: one line on standard output.
    pub fn line(&self, text: &str) {
        self.result(&format!("{}\n", escape::text(text)));
    }

    /// A result of several fields: one tab-separated line on standard output.
    pub fn row(&self, fields: &[&str]) {
        let fields: Vec<_> = fields.iter().map(|text| escape::field(text)).collect();
        self.result(&format!("{}\n", fields.join("\t")));
    }

    /// A result as one line of JSON on standard output.
    pub fn json(&self, result: &impl Serialize) {
        match object(result) {
            Ok(line) => self.result(&line),
            Err(error) => self.warn(&format!("a result could not be written as JSON: {error}")),
        }
    }

    /// Text that this program made itself and that goes out as it is: a completion script.
    pub fn raw(&self, text: &str) {
        self.result(text);
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

    /// What a person should know although the command goes on.
    pub fn warn(&self, text: &str) {
        self.message("warning", WARNING, text);
    }

    /// What can be done next: a command that can be run.
    pub fn hint(&self, text: &str) {
        self.message("hint", HINT, &repeated(text, &self.0.flags));
    }

    /// What only shows when `-v` was given at least `level` times.
    pub fn detail(&self, level: u8, text: &str) {
        if !self.0.options.quiet && self.0.options.verbose >= level {
            match self.0.mode {
                ProgressMode::Json => self.message("detail", DETAIL, text),
                _ => self.people(&format!(
                    "{}\n",
                    problem::paint(self.0.color, DETAIL, &escape::text(text))
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

    /// Why the command, or one of its files, failed.
    pub fn error(&self, problem: &Problem) {
        let hints = problem.hints.iter();
        let problem = Problem {
            hints: hints.map(|hint| repeated(hint, &self.0.flags)).collect(),
            ..problem.clone()
        };
        match self.0.mode {
            ProgressMode::Json => self.event(&problem.object()),
            _ => self.people(&problem.text(self.0.color)),
        }
    }

    /// One JSON object on standard error.
    fn event(&self, event: &impl Serialize) {
        // The objects of this folder are plain data, which always has a JSON form.
        if let Ok(line) = object(event) {
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
        self.people(&problem::label(self.0.color, style, kind, text));
    }

    fn result(&self, text: &str) {
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

/// A command of this program with the flags that this one was given. A stand-in has none of them.
fn repeated(hint: &str, given: &[Flag]) -> String {
    let flags: Vec<&str> = given
        .iter()
        .filter(|(name, _)| !hint.contains(name))
        .map(|(_, flag)| flag.as_str())
        .collect();
    if flags.is_empty() || hint.contains(" sandbox ") {
        return hint.to_owned();
    }
    let own = |command: &str| match command.split_once(" -- ") {
        _ if !command.starts_with(NAME) => command.to_owned(),
        Some((command, files)) => format!("{command} {} -- {files}", flags.join(" ")),
        None => format!("{command} {}", flags.join(" ")),
    };
    let chain = |chain: &str| chain.split(" | ").map(own).collect::<Vec<_>>().join(" | ");
    hint.split(" && ")
        .map(chain)
        .collect::<Vec<_>>()
        .join(" && ")
}

#[derive(Serialize)]
struct MessageObject<'a> {
    r#type: &'static str,
    message: &'a str,
}

/// `value` as a line of JSON that a terminal can be shown.
pub(super) fn object(value: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(escape::json(&serde_json::to_string(value)?) + "\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::terminal::{Color, Progress, test_terminal::TestTerminal};

    fn problem() -> Problem {
        Problem {
            heading: "`report.pdf` was not attached".to_owned(),
            causes: vec!["the service answered 503\r\nServer Busy".to_owned()],
            advice: vec!["wait\nand see".to_owned()],
            hints: vec!["graph-attach resume 7Q2KM4XA".to_owned()],
            request_ids: vec![("request-id", "8f5d9075-5501".to_owned())],
        }
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
        printer.hint("graph-attach status");
        printer.status("attached `a`");
        printer.detail(1, "shown");
        printer.detail(2, "not shown");
        printer.error(&problem());
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
    fn hints_repeat_the_flags_that_every_command_needs() {
        let flags = [
            ("--state-dir", "'/x y'"),
            ("--endpoint", "http://localhost:1/v1.0"),
        ]
        .map(|(name, value)| (name, format!("{name} {value}")));
        for (hint, shown) in [
            (
                "graph-attach resume 7Q2KM4XA",
                "graph-attach resume 7Q2KM4XA --state-dir '/x y' --endpoint http://localhost:1/v1.0",
            ),
            (
                "cat x | graph-attach ls --endpoint http://localhost:2/v1.0 && graph-attach send A",
                "cat x | graph-attach ls --endpoint http://localhost:2/v1.0 --state-dir '/x y' && graph-attach send A --state-dir '/x y'",
            ),
            (
                "graph-attach attach --message A -- -f",
                "graph-attach attach --message A --state-dir '/x y' --endpoint http://localhost:1/v1.0 -- -f",
            ),
            ("cargo install graph-attach", "cargo install graph-attach"),
            (
                "graph-attach sandbox -- graph-attach attach FILE",
                "graph-attach sandbox -- graph-attach attach FILE",
            ),
        ] {
            assert_eq!(repeated(hint, &flags), shown);
        }
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
        printer.hint("graph-attach status");
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
        terminal.printer.error(&problem());
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
        printer.hint("graph-attach status");
        printer.status("signed in");
        printer.detail(1, "a detail");
        printer.error(&problem());
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
            printer.hint(&text);
            printer.status(&text);
            printer.detail(1, &text);
            printer.error(&Problem {
                heading: text.clone(),
                causes: vec![text.clone()],
                advice: vec![text.clone()],
                hints: vec![text.clone()],
                request_ids: vec![("request-id", text)],
            });
            let unsafe_in = |shown: String, allowed: &[char]| {
                shown.chars().any(|c| !allowed.contains(&c) && escape::is_unsafe(c))
            };
            prop_assert!(!unsafe_in(terminal.err.text(), &['\n']));
            prop_assert!(!unsafe_in(terminal.out.text(), &['\n', '\t']));
            prop_assert_eq!(terminal.err.text().lines().count(), 10);
            prop_assert_eq!(terminal.out.text().matches('\n').count(), 3);
            prop_assert_eq!(terminal.out.text().matches('\t').count(), 1);
        }
    }
}
