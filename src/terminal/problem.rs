//! A failure as people, and programs, are told about it.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::escape;

const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Hints look the same wherever they stand.
pub(super) const HINT: Style = AnsiColor::Cyan.on_default();

/// Why a command failed, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// What failed.
    pub heading: String,
    /// Why, from the nearest cause to the first.
    pub causes: Vec<String>,
    /// What to do or to know where no command does it.
    pub advice: Vec<String>,
    /// What to do: commands that can be run.
    pub hints: Vec<String>,
    /// By what the service's support finds the request: header name and value.
    pub request_ids: Vec<(&'static str, String)>,
}

/// The programs that a hint may run.
const PROGRAMS: [&str; 9] = [
    "PRODUCER |",
    "cargo ",
    "cat ",
    "chmod ",
    "export ",
    "graph-attach ",
    "sudo ",
    "tar ",
    "zip ",
];

impl Problem {
    /// Adds what can be done: a hint if it is a command, advice if it is not.
    pub fn suggest(&mut self, text: String) {
        if PROGRAMS.iter().any(|program| text.starts_with(program)) {
            self.hints.push(text);
        } else {
            self.advice.push(text);
        }
    }

    /// Several lines: what, why, by what it can be found, what next.
    pub(super) fn text(&self, color: bool) -> String {
        let mut text = label(color, ERROR, "error", &self.heading);
        for cause in &self.causes {
            text += &format!("  caused by: {}\n", escape::text(cause));
        }
        for (name, id) in &self.request_ids {
            text += &format!("  {name}: {}\n", escape::text(id));
        }
        for advice in &self.advice {
            text += &format!("  {}\n", escape::text(advice));
        }
        for hint in &self.hints {
            text += &label(color, HINT, "hint", hint);
        }
        text
    }

    /// The same for a program.
    pub(super) fn object(&self) -> impl Serialize + '_ {
        ErrorObject {
            r#type: "error",
            message: &self.heading,
            causes: &self.causes,
            advice: &self.advice,
            hints: &self.hints,
            request_ids: self
                .request_ids
                .iter()
                .map(|(name, id)| (*name, id.as_str()))
                .collect(),
        }
    }
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
    advice: &'a [String],
    hints: &'a [String],
    request_ids: BTreeMap<&'static str, &'a str>,
}
