//! Labelled lines, and a failure as people and programs are told about it. Pure.

use std::{collections::BTreeMap, ffi::OsString};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::{escape, shell_quote::Shell};
use crate::report::{CommandLine, ExitReport, Hint};

const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Hints look the same wherever they stand.
const HINT: Style = AnsiColor::Cyan.on_default();

/// How hints are written: for which shell, and with which global flags.
pub(super) struct HintStyle {
    pub(super) shell: Shell,
    /// The options for every command that this one was given.
    pub(super) flags: Vec<(&'static str, OsString)>,
}

impl HintStyle {
    /// A command line as it can be pasted, or why it cannot be written.
    pub(super) fn text(&self, line: &CommandLine) -> Result<String, &'static str> {
        self.shell
            .line(line, &self.flags)
            .ok_or("the command that helps cannot be shown: a name or an id in it has characters that no shell takes")
    }

    /// One line for a hint: a labelled command, or advice as it is.
    pub(super) fn line(&self, color: bool, hint: &Hint) -> String {
        match hint {
            Hint::Run(line) => match self.text(line) {
                // Safe to show already, and cut it would be another command.
                Ok(text) => format!("{} {text}\n", paint(color, HINT, "hint:")),
                Err(why) => advice(why),
            },
            Hint::Advice(text) => advice(text),
        }
    }

    /// Several lines: what, why, by what it can be found, what next.
    pub(super) fn error(&self, color: bool, report: &ExitReport) -> String {
        let mut text = label(color, ERROR, "error", &report.heading);
        for cause in &report.causes {
            text += &format!("  caused by: {}\n", escape::text(cause));
        }
        for (name, id) in &report.request_ids {
            text += &format!("  {name}: {}\n", escape::text(id));
        }
        let (run, advice): (Vec<&Hint>, Vec<&Hint>) = report
            .hints
            .iter()
            .partition(|hint| matches!(hint, Hint::Run(_)));
        let lines = advice.into_iter().chain(run);
        text.extend(lines.map(|hint| self.line(color, hint)));
        text
    }

    /// The same for a program.
    pub(super) fn error_object<'a>(&self, report: &'a ExitReport) -> impl Serialize + 'a {
        let (mut advice, mut hints) = (Vec::new(), Vec::new());
        for hint in &report.hints {
            match hint {
                Hint::Run(line) => match self.text(line) {
                    Ok(text) => hints.push(text),
                    Err(why) => advice.push(why.to_owned()),
                },
                Hint::Advice(text) => advice.push(text.clone()),
            }
        }
        ErrorObject {
            r#type: "error",
            message: &report.heading,
            causes: &report.causes,
            advice,
            hints,
            request_ids: report
                .request_ids
                .iter()
                .map(|(name, id)| (*name, id.as_str()))
                .collect(),
        }
    }
}

fn advice(text: &str) -> String {
    format!("  {}\n", escape::text(text))
}

/// A line that begins with what kind of line it is.
pub(super) fn label(color: bool, style: Style, kind: &str, text: &str) -> String {
    format!(
        "{} {}\n",
        paint(color, style, &format!("{kind}:")),
        escape::text(text)
    )
}

/// `text` in `style`, if there is colour.
pub(super) fn paint(color: bool, style: Style, text: &str) -> String {
    if color {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    r#type: &'static str,
    message: &'a str,
    causes: &'a [String],
    advice: Vec<String>,
    hints: Vec<String>,
    request_ids: BTreeMap<&'static str, &'a str>,
}
