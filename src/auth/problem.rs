//! What can go wrong at a token source. No message here can hold a secret, or a part of one.

use std::{io, path::PathBuf};

use super::{
    Kind, Malformed,
    entra::{NEW_LOGIN, Refusal},
};
use graph_upload::client::http_client::CaFile;

use crate::session::DirError;

/// What went wrong at a source.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Standard input cannot be read.
    #[error("cannot read standard input")]
    Stdin(#[source] io::Error),
    /// The path is a directory.
    #[error("{} is a directory", .0.display())]
    Directory(PathBuf),
    /// Nobody wrote into the pipe.
    #[error("nothing came from {} within {seconds} s", path.display())]
    Silent {
        /// The pipe.
        path: PathBuf,
        /// The time that was waited.
        seconds: u64,
    },
    /// More than any token is long.
    #[error("it is longer than 64 KiB, which no token is")]
    TooLong,
    /// Bytes that are no text.
    #[error("it is not text")]
    NotText,
    /// A web page.
    #[error("it is a page of HTML, not a token")]
    Html,
    /// JSON that does not parse, or is no object.
    #[error("it looks like JSON, but is not a JSON object or string")]
    NotJson,
    /// JSON without a token in it.
    #[error("the JSON has none of `accessToken`, `access_token` and `token`")]
    NoTokenInJson,
    /// JSON that reports an error.
    #[error("the JSON is an error report: {0}")]
    ErrorInJson(String),
    /// Text that is no token.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The command line cannot be split into words.
    #[error("the command has an unbalanced quote, or no word at all")]
    CommandLine,
    /// The command did not start.
    #[error("cannot run `{program}`")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The command's output could not be read.
    #[error("cannot read the output of `{program}`")]
    Output {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The command failed.
    #[error("`{program}` failed ({status})")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The command took too long.
    #[error("`{program}` was ended after {seconds} s without a token")]
    TimedOut {
        /// The program.
        program: String,
        /// The limit.
        seconds: u64,
    },
    /// The sign-in that is configured is not part of this build.
    #[error("this build of graph-attach has no {0} sign-in")]
    NotBuilt(&'static str),
    /// An identity lacks a part.
    #[error("`{method}` needs {}", missing.join(" and "))]
    Incomplete {
        /// How it would sign in.
        method: &'static str,
        /// What is missing, in words.
        missing: Vec<&'static str>,
    },
    /// The identity is spelled as none can be.
    #[error("the identity cannot be used: {0}")]
    Identity(String),
    /// The address of the metadata service is not on this machine.
    #[error(
        "AZURE_POD_IDENTITY_AUTHORITY_HOST must be a URL of this computer or of its link-local \
         network"
    )]
    Metadata,
    /// The CA file is none.
    #[error(transparent)]
    CaFile(#[from] CaFile),
    /// No answer from the login service.
    #[error("cannot reach `{host}`: {why}")]
    Unreachable {
        /// The host.
        host: String,
        /// Why, without any URL.
        why: String,
    },
    /// The login service is busy or broken.
    #[error("the login service answered {0}")]
    Unavailable(u16),
    /// The login service answered with something that its protocol does not have.
    #[error("the login service's answer cannot be read ({0})")]
    Garbled(&'static str),
    /// The login service says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No metadata service answers.
    #[error("the platform of this machine gives no managed identity: {0}")]
    NoPlatform(String),
    /// There is no saved login; the line makes one.
    #[error("there is no saved login")]
    NoLogin(String),
    /// There is nowhere to keep a login.
    #[error("there is no home directory to keep a login in")]
    NoPlace,
    /// The saved login is somebody else's.
    #[error("the saved login is for the app {app} in the tenant {tenant}")]
    OtherLogin {
        /// The app of the saved login.
        app: String,
        /// Its tenant.
        tenant: String,
        /// The line that replaces it by the wanted one.
        instead: String,
    },
    /// The saved login has ended: expired, revoked, or overtaken by a policy.
    #[error("the saved login has ended: {refusal}")]
    LoginEnded {
        /// What the login service said.
        refusal: Refusal,
        /// The line that makes a new one.
        again: String,
    },
    /// The saved login's file is damaged.
    #[error("the saved login {} is damaged", .0.display())]
    LoginDamaged(PathBuf),
    /// Somebody else works on the saved login and does not finish.
    #[error("another process has been renewing the saved login for {0} s")]
    LoginBusy(u64),
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] DirError),
}

impl Problem {
    /// What kind of trouble it is.
    pub fn kind(&self) -> Kind {
        match self {
            Problem::CommandLine
            | Problem::NotBuilt(_)
            | Problem::Incomplete { .. }
            | Problem::Identity(_)
            | Problem::Metadata
            | Problem::CaFile(_) => Kind::Configuration,
            Problem::Unreachable { .. } | Problem::Unavailable(_) | Problem::LoginBusy(_) => {
                Kind::Temporary
            }
            Problem::State(_) | Problem::NoPlace => Kind::State,
            _ => Kind::Credentials,
        }
    }

    /// What to do about it: lines that can be pasted, most useful first.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Problem::Failed { .. } | Problem::TimedOut { .. } | Problem::Html => {
                vec!["run the token command by itself to see what it prints".into()]
            }
            Problem::NotBuilt(_) => {
                vec!["cargo install graph-attach".into()]
            }
            Problem::Refused(refusal) => refusal.hints(),
            Problem::LoginDamaged(_) => vec![NEW_LOGIN.into()],
            Problem::NoPlace => vec!["--state-dir DIRECTORY".into()],
            Problem::NoLogin(line) | Problem::OtherLogin { instead: line, .. } => {
                vec![line.clone()]
            }
            // What a policy refused, it refuses again: its hint comes before the new login, which
            // needs no hint of its own.
            Problem::LoginEnded { refusal, again } => refusal
                .hints()
                .into_iter()
                .filter(|hint| hint != NEW_LOGIN)
                .chain([again.clone()])
                .collect(),
            _ => Vec::new(),
        }
    }
}
