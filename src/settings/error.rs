//! What can be wrong with a configuration. All of it ends in the exit code for usage.

use std::{io, path::PathBuf};

use url::Url;

use super::{
    cloud::NoCloud,
    endpoint::Unusable,
    origin::{Origin, Sourced},
};
use crate::report::{CommandLine, ExitReport, USAGE};

/// A configuration that cannot be used. Never quotes a value that could be a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file that was asked for is not there, or cannot be read.
    #[error("cannot read the configuration file {} ({origin}): {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Who named it.
        origin: Origin,
        /// What the system said.
        source: io::Error,
    },
    /// Something in the file is not as it must be.
    #[error("{}, line {line}, column {column}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1, in characters.
        column: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A secret stands in a file that others can read.
    #[error(
        "{} holds a literal `{key}`, and others can get at the file (mode {mode:04o})",
        path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// The key of the secret.
        key: &'static str,
        /// Its permission bits.
        mode: u32,
    },
    /// More than one token source in a table, of which only one could be used.
    #[error("{origin} sets {}, and only one of them can be used", list(keys))]
    SeveralSources {
        /// The table.
        origin: Origin,
        /// The keys that exclude one another.
        keys: Vec<&'static str>,
    },
    /// A profile was asked for that the file does not have.
    #[error("there is no profile `{name}` in {}{}", path.display(), known_profiles(known))]
    NoProfile {
        /// The name asked for.
        name: String,
        /// The file.
        path: PathBuf,
        /// The profiles that it has.
        known: Vec<String>,
    },
    /// A profile was asked for, and there is no configuration file at all.
    #[error("there is no profile `{name}`: no configuration file was found{}", at(path.as_ref()))]
    NoFileForProfile {
        /// The name asked for.
        name: String,
        /// Where the file would have been.
        path: Option<PathBuf>,
    },
    /// The cloud's name is unknown or ambiguous.
    #[error("{problem} ({origin})")]
    Cloud {
        /// Who named it.
        origin: Origin,
        /// What is wrong with the name.
        problem: NoCloud,
    },
    /// The endpoint or login host cannot be used.
    #[error("cannot use the {what} from {origin}: {problem}")]
    Url {
        /// `endpoint` or `login URL`.
        what: &'static str,
        /// Who gave it.
        origin: Origin,
        /// What is wrong with it.
        problem: Unusable,
    },
    /// A value that must be one of a few names is none of them.
    #[error("{origin} must be one of {choices}")]
    Choice {
        /// Who gave it.
        origin: Origin,
        /// The names.
        choices: &'static str,
    },
    /// The sandbox is to be used, and the endpoint is another.
    #[error(
        "`GRAPH_ATTACH_SANDBOX` says that only `{sandbox}` may be used, and the endpoint is `{}` ({})",
        endpoint.value,
        endpoint.origin
    )]
    OtherThanSandbox {
        /// The endpoint that would be used.
        endpoint: Sourced<Url>,
        /// The one that may be.
        sandbox: String,
    },
    /// A value is not text.
    #[error("{0} is not valid UTF-8")]
    NotText(&'static str),
    /// Both token flags at once.
    #[error("`--token-file` and `--token-command` exclude each other")]
    TwoTokenFlags,
}

/// All of it is a usage error; some of it can be mended by a command.
impl From<Error> for ExitReport {
    fn from(error: Error) -> Self {
        let report = ExitReport::new(USAGE, "Configuration", error.to_string());
        match &error {
            Error::OpenToOthers { path, .. } => {
                report.run(CommandLine::program("chmod").arg("600").operand(path))
            }
            Error::Cloud {
                problem: NoCloud::Ambiguous(_),
                ..
            } => report.advise("use `--cloud gcc-high` or `--cloud dod`"),
            Error::Cloud {
                problem: NoCloud::Unknown { nearest, .. },
                ..
            } => report.advise(format!("did you mean `--cloud {nearest}`?")),
            Error::Url {
                problem: Unusable::NoVersion(host),
                ..
            } => report.advise(format!("did you mean `--endpoint {host}/v1.0`?")),
            Error::Url {
                problem: Unusable::NotAUrl(_) | Unusable::Scheme(_),
                what: "endpoint",
                ..
            } => report.advise("it looks like `--endpoint https://graph.microsoft.com/v1.0`"),
            Error::OtherThanSandbox { .. } => report.advise(
                "start the sandbox again and take all of its variables, or unset `GRAPH_ATTACH_SANDBOX`",
            ),
            _ => report,
        }
    }
}

fn list(keys: &[&str]) -> String {
    keys.iter()
        .map(|key| format!("`{key}`"))
        .collect::<Vec<_>>()
        .join(" and ")
}

fn known_profiles(known: &[String]) -> String {
    if known.is_empty() {
        return ", which has no profiles".into();
    }
    let names = known
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    format!("; it has {names}")
}

fn at(path: Option<&PathBuf>) -> String {
    path.map(|path| format!(" at {}", path.display()))
        .unwrap_or_default()
}
