//! What can go wrong at a token source. No message here can hold a secret, or a part of one.

use std::{io, path::PathBuf};

use super::{
    Kind,
    entra::{BROWSER_LOGIN, NEW_LOGIN, Refusal},
    token::Malformed,
};
use graph_upload::client::CaFile;

use crate::{pasted::NotText, session::DirError};

/// How to write a command that wants a shell.
const WITH_SHELL: &str =
    "write it as `sh -c 'COMMAND | FILTER'`: one pair of quotes around all that the shell runs";

/// What went wrong at a source.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
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
    #[error(transparent)]
    NotText(#[from] NotText),
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
    /// The command line is written for a shell.
    #[error("no shell runs the token command, so that {0} in it means nothing")]
    NeedsShell(&'static str),
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
        /// Whether it has words in which a shell would have put something.
        unexpanded: bool,
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
    /// A certificate or a proxy is between here and the login service.
    #[error("cannot reach `{host}`: {why}")]
    Blocked {
        /// The host.
        host: String,
        /// Why, without a URL.
        why: String,
    },
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
    /// A web page instead of an answer.
    #[error("the login host answered with a web page{}: something on the way may be asking for a sign-in of its own", title(.0.as_deref()))]
    Page(Option<String>),
    /// A permission that is none.
    #[error("`{0}` cannot be asked for")]
    Scope(String),
    /// The login service says no to a new login.
    #[error("{refusal}")]
    SignInRefused {
        /// What it said.
        refusal: Refusal,
        /// The line that tries again.
        again: String,
        /// The line for the other way in, where a policy blocks this one.
        other: Option<String>,
    },
    /// The browser brought the answer to a question that was not ours.
    #[error(
        "the browser came back from another sign-in than the one that was begun ({0} is not ours)"
    )]
    OtherSignIn(&'static str),
    /// The browser did not come back.
    #[error("the browser did not come back within {seconds} s")]
    NoAnswer {
        /// The time that was waited.
        seconds: u64,
        /// The line for the other way in.
        other: String,
    },
    /// There is no port for the browser to come back to.
    #[error("cannot listen on this computer for the browser to come back")]
    Loopback(#[source] io::Error),
    /// Somebody of another tenant signed in.
    #[error("the sign-in was to the tenant {is}, and `{wanted}` was asked for")]
    OtherTenant {
        /// The tenant that was named.
        wanted: String,
        /// That of the account.
        is: String,
    },
    /// The system's store of secrets does not give the login's key.
    #[cfg(feature = "login")]
    #[error("{error}")]
    Keyring {
        /// Why.
        error: super::login::KeyringError,
        /// The line that makes a login without it.
        again: String,
    },
    /// The system's store has no key of that name any more.
    #[error("the system's keyring has forgotten the saved login")]
    KeyForgotten(String),
    /// The service wants the user to prove more than the token does.
    #[error(
        "the service wants another sign-in, as a Conditional Access policy asks (claims challenge)"
    )]
    Challenged(Option<String>),
    /// The client certificate cannot be used.
    #[error("cannot use the client certificate `{}`: {why}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        why: &'static str,
        /// What makes one that can.
        hint: Option<String>,
    },
    /// Entra does not take the client certificate.
    #[error("the app's registration does not have this certificate, or it has expired: {}", .0.text)]
    CertificateRefused(Refusal),
    /// There is no saved login; the line makes one.
    #[error("there is no saved login{}", of(profile.as_deref()))]
    NoLogin {
        /// The profile that it would belong to.
        profile: Option<String>,
        /// The line.
        line: String,
    },
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

impl CredentialError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> Kind {
        match self {
            CredentialError::CommandLine
            | CredentialError::Certificate { .. }
            | CredentialError::Blocked { .. }
            | CredentialError::NeedsShell(_)
            | CredentialError::Scope(_)
            | CredentialError::NotBuilt(_)
            | CredentialError::Incomplete { .. }
            | CredentialError::Identity(_)
            | CredentialError::Metadata
            | CredentialError::CaFile(_) => Kind::Configuration,
            CredentialError::Unreachable { .. }
            | CredentialError::Unavailable(_)
            | CredentialError::LoginBusy(_) => Kind::Temporary,
            CredentialError::State(_) | CredentialError::NoPlace => Kind::State,
            _ => Kind::Credentials,
        }
    }

    /// What to do about it: lines that can be pasted, most useful first.
    pub fn hints(&self) -> Vec<String> {
        match self {
            CredentialError::NeedsShell(_) => vec![WITH_SHELL.into()],
            CredentialError::Failed {
                unexpanded: true, ..
            } => vec![format!("no shell runs it, so that `~` and `$…` stay as they are; {WITH_SHELL}")],
            CredentialError::Failed { .. } | CredentialError::TimedOut { .. } | CredentialError::Html => {
                vec!["run the token command by itself to see what it prints".into()]
            }
            CredentialError::Malformed(malformed) => malformed.hint().map(String::from).into_iter().collect(),
            CredentialError::NotBuilt(_) => {
                vec!["cargo install graph-attach".into()]
            }
            CredentialError::Refused(refusal) => refusal.hints(),
            CredentialError::LoginDamaged(_) => vec![NEW_LOGIN.into()],
            CredentialError::NoPlace => vec!["--state-dir DIRECTORY".into()],
            CredentialError::NoLogin { line, .. }
            | CredentialError::OtherLogin { instead: line, .. }
            | CredentialError::KeyForgotten(line) => vec![line.clone()],
            #[cfg(feature = "login")]
            CredentialError::Keyring { again, .. } => {
                vec!["unlock it, and try again".into(), again.clone()]
            }
            CredentialError::SignInRefused {
                refusal,
                again,
                other,
            } => {
                let mut hints = named(refusal.hints(), again);
                hints.extend(other.clone().filter(|other| !hints.contains(other)));
                hints
            }
            // What a policy refused, it refuses again: its hint comes before the new login, which
            // needs no hint of its own.
            CredentialError::LoginEnded { refusal, again } => {
                let mut hints = named(refusal.hints(), again);
                if !hints.iter().any(|hint| hint.contains("auth login")) {
                    hints.push(again.clone());
                }
                hints
            }
            CredentialError::OtherSignIn(_) => {
                vec!["close the window that brought it, and sign in anew".into()]
            }
            CredentialError::NoAnswer { other, .. } => vec![
                "if the page shows AADSTS50011, the app lacks the redirect URI http://localhost"
                    .into(),
                other.clone(),
            ],
            CredentialError::Challenged(Some(line)) => vec![line.clone()],
            CredentialError::Challenged(None) => {
                vec!["sign in anew where the token comes from, as the policy asks".into()]
            }
            CredentialError::OtherTenant { is, .. } => vec![format!(
                "choose another account in the browser, or name its tenant: --tenant {is}"
            )],
            CredentialError::Page(_) => vec!["open any page in a browser to see what the network wants".into()],
            CredentialError::CertificateRefused(_) => vec![
                "app registration, Certificates & secrets, Certificates: compare the thumbprint, or \
                 Upload certificate"
                    .into(),
            ],
            CredentialError::Certificate { hint, .. } => hint.clone().into_iter().collect(),
            #[cfg(feature = "login")]
            CredentialError::Scope(_) => vec![format!(
                "--scopes takes {}, or one of Graph's own names, such as Mail.Send.Shared",
                super::login::scope_names()
            )],
            _ => Vec::new(),
        }
    }
}

/// Hints with the line that makes this login in place of the one for any.
fn named(hints: Vec<String>, again: &str) -> Vec<String> {
    let with = |hint: String| match hint.as_str() {
        NEW_LOGIN => again.to_owned(),
        BROWSER_LOGIN => again.replacen("auth login", "auth login --browser", 1),
        _ => hint,
    };
    hints.into_iter().map(with).collect()
}

fn title(title: Option<&str>) -> String {
    title
        .map(|title| format!(" (`{title}`)"))
        .unwrap_or_default()
}

fn of(profile: Option<&str>) -> String {
    profile
        .map(|profile| format!(" for the profile `{profile}`"))
        .unwrap_or_default()
}
