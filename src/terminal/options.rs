//! What was asked for and where the output goes, and what follows from both. Pure, except for the
//! one function that looks at this process.

use std::{ffi::OsString, io::IsTerminal};

use crate::settings::{Color, Progress};

/// What the user asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Results as JSON Lines.
    pub json: bool,
    /// No notes and no progress for people; warnings, errors and hints stay.
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbose: u8,
    /// Colour on standard error. Standard output is never coloured here.
    pub color: Color,
    /// Progress on standard error.
    pub progress: Progress,
}

/// The facts about the surroundings on which looks depend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `NO_COLOR` is set to something (no-color.org).
    pub no_color: bool,
    /// `CLICOLOR_FORCE` is set to something other than `0` (bixense.com/clicolors).
    pub color_forced: bool,
    /// `TERM` is `dumb`: no colour, no cursor movement.
    pub dumb: bool,
    /// `COLUMNS`, for when the terminal does not tell its width.
    pub columns: Option<u16>,
    /// Standard error is a terminal.
    pub terminal: bool,
}

impl Surroundings {
    /// Of this process.
    pub fn of_this_process() -> Self {
        Self::new(
            |name| std::env::var_os(name),
            std::io::stderr().is_terminal(),
        )
    }

    /// From environment variables and the fact whether standard error is a terminal.
    pub fn new(variable: impl Fn(&str) -> Option<OsString>, terminal: bool) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        Self {
            no_color: set("NO_COLOR").is_some(),
            color_forced: set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb: set("TERM").is_some_and(|value| value == "dumb"),
            columns: set("COLUMNS")
                .and_then(|value| value.to_str()?.parse().ok())
                .filter(|&columns| columns > 0),
            terminal,
        }
    }
}

/// How progress is shown once everything is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProgressMode {
    /// A bar.
    Bar,
    /// Plain lines.
    Plain,
    /// JSON Lines; then everything else on standard error is JSON, too.
    Json,
    /// Nothing.
    None,
}

/// Whether to colour standard error.
pub(super) fn color(options: &Options, surroundings: &Surroundings) -> bool {
    match options.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if surroundings.no_color => false,
        Color::Auto if surroundings.color_forced => true,
        Color::Auto => surroundings.terminal && !surroundings.dumb,
    }
}

/// How to show progress.
pub(super) fn progress_mode(options: &Options, surroundings: &Surroundings) -> ProgressMode {
    match options.progress {
        // A program asked for it.
        Progress::Json => ProgressMode::Json,
        Progress::None => ProgressMode::None,
        _ if options.quiet => ProgressMode::None,
        Progress::Bar => ProgressMode::Bar,
        Progress::Plain => ProgressMode::Plain,
        Progress::Auto if surroundings.terminal && !surroundings.dumb => ProgressMode::Bar,
        Progress::Auto => ProgressMode::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(variables: &[(&str, &str)], terminal: bool) -> Surroundings {
        Surroundings::new(
            |name| {
                variables
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| (*v).into())
            },
            terminal,
        )
    }

    fn asked(color: Color, progress: Progress, quiet: bool) -> Options {
        Options {
            color,
            progress,
            quiet,
            ..Options::default()
        }
    }

    #[test]
    fn no_color_removes_the_colour_and_not_the_bar() {
        let plain_terminal = surroundings(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], true);
        let options = Options::default();
        assert!(!color(&options, &plain_terminal));
        assert_eq!(progress_mode(&options, &plain_terminal), ProgressMode::Bar);
        let empty = surroundings(&[("NO_COLOR", "")], true);
        assert!(color(&options, &empty));
    }

    #[test]
    fn colour_by_flag_then_no_color_then_force_then_terminal() {
        let decide = |asked_for, variables: &[_], terminal| {
            color(
                &asked(asked_for, Progress::Auto, false),
                &surroundings(variables, terminal),
            )
        };
        assert!(decide(Color::Always, &[("NO_COLOR", "1")], false));
        assert!(!decide(Color::Never, &[("CLICOLOR_FORCE", "1")], true));
        assert!(!decide(
            Color::Auto,
            &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
            true
        ));
        assert!(decide(Color::Auto, &[("CLICOLOR_FORCE", "1")], false));
        assert!(!decide(Color::Auto, &[("CLICOLOR_FORCE", "0")], false));
        assert!(!decide(Color::Auto, &[("TERM", "dumb")], true));
        assert!(decide(Color::Auto, &[], true));
    }

    #[test]
    fn progress_by_flag_then_quiet_then_terminal() {
        let decide = |progress, quiet, variables: &[_], terminal| {
            progress_mode(
                &asked(Color::Auto, progress, quiet),
                &surroundings(variables, terminal),
            )
        };
        assert_eq!(decide(Progress::Auto, false, &[], true), ProgressMode::Bar);
        assert_eq!(
            decide(Progress::Auto, false, &[("TERM", "dumb")], true),
            ProgressMode::Plain
        );
        assert_eq!(
            decide(Progress::Auto, false, &[], false),
            ProgressMode::Plain
        );
        assert_eq!(decide(Progress::Bar, false, &[], false), ProgressMode::Bar);
        assert_eq!(
            decide(Progress::Plain, false, &[], true),
            ProgressMode::Plain
        );
        assert_eq!(decide(Progress::Plain, true, &[], true), ProgressMode::None);
        assert_eq!(decide(Progress::Auto, true, &[], true), ProgressMode::None);
        assert_eq!(decide(Progress::Json, true, &[], true), ProgressMode::Json);
    }

    #[test]
    fn columns_that_are_no_width_are_ignored() {
        for (value, columns) in [
            ("132", Some(132)),
            ("0", None),
            ("-3", None),
            ("wide", None),
            ("99999999", None),
        ] {
            assert_eq!(surroundings(&[("COLUMNS", value)], true).columns, columns);
        }
    }
}
