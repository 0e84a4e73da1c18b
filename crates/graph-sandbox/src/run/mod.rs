//! What a command line does with the stand-in: serves until it is ended, or runs a command against it.
//!
//! Shared by the binary of this crate and by programs that have it as a subcommand; so it writes to what it
//! is given, and knows no program's name but through [`Surroundings`].

mod env_file;
mod report;
mod signals;

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    path::PathBuf,
    process::ExitStatus,
};

use tokio::process::{Child, Command};

use crate::{Sandbox, args::SandboxArgs};
use env_file::{EnvFile, lines};
use report::{plain, report};
use signals::Signals;

/// What clients of other kinds read the authority to trust from.
const OTHER_AUTHORITIES: [&str; 3] = [
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
];

/// Variables of the user's that would win over, or contradict, those of the stand-in.
const CONTRADICTING: [&str; 6] = [
    "GRAPH_ATTACH_TOKEN_FILE",
    "GRAPH_ATTACH_TOKEN_COMMAND",
    "GRAPH_ATTACH_PROFILE",
    "GRAPH_ATTACH_CONFIG",
    "GRAPH_ATTACH_CLOUD",
    "GRAPH_ATTACH_MAILBOX",
];

/// As shells have it: the command was not found, or could not be run.
const NOT_FOUND: i32 = 127;
const NOT_RUN: i32 = 126;

/// What the program that runs the stand-in adds of its own.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// A command of this name is run as this file instead.
    pub alias: Option<(&'static str, PathBuf)>,
    /// Variables for the command besides the stand-in's.
    pub variables: Vec<(&'static str, OsString)>,
}

/// Why nothing was served.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The signals that end it cannot be listened for.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// A port is taken, most likely.
    #[error("cannot start the sandbox{}", on_port(.port))]
    Start {
        /// The port that was asked for; 0 for any.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nobody can be told where it is.
    #[error("cannot print the variables")]
    Print(#[source] io::Error),
    /// The file for the variables cannot be written.
    #[error("cannot write the variables into `{}`", .file.display())]
    EnvFile {
        /// The file that was asked for.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The command was started, and then lost.
    #[error("cannot wait for the command")]
    Wait(#[source] io::Error),
}

fn on_port(port: &u16) -> String {
    match port {
        0 => String::new(),
        port => format!(" on port {port}"),
    }
}

/// Serves, and returns the exit status: the command's, or 128 and the signal that ended it.
pub async fn run(
    args: &SandboxArgs,
    surroundings: Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<i32, RunError> {
    let mut signals = Signals::listen().map_err(RunError::Signals)?;
    let sandbox = Sandbox::start(args.options())
        .await
        .map_err(|source| RunError::Start {
            port: args.port,
            source,
        })?;
    if !args.host.is_loopback() {
        let _ = writeln!(
            err,
            "warning: other computers can reach the sandbox at {}; what they upload to it is kept on this one",
            args.host
        );
    }
    let _env_file = match &args.env_file {
        None => None,
        Some(file) => Some(
            EnvFile::write(file, &sandbox).map_err(|source| RunError::EnvFile {
                file: file.clone(),
                source,
            })?,
        ),
    };
    match args.command.split_first() {
        None => {
            out.write_all(lines(&sandbox).as_bytes())
                .and_then(|()| out.flush())
                .map_err(RunError::Print)?;
            Ok(128 + signals.next().await)
        }
        Some((program, arguments)) => {
            let status = match spawn(&sandbox, surroundings, program, arguments) {
                Ok(child) => wait(child, &mut signals).await.map_err(RunError::Wait)?,
                Err(error) => {
                    let program = program.to_string_lossy();
                    let _ = writeln!(err, "error: cannot run `{}`: {error}", plain(&program));
                    return Ok(match error.kind() {
                        io::ErrorKind::NotFound => NOT_FOUND,
                        _ => NOT_RUN,
                    });
                }
            };
            // Whoever closed standard error does not want to know.
            let _ = report(&sandbox.items(), err);
            Ok(signals::status(status))
        }
    }
}

/// Runs the command in an environment that points it at the stand-in.
fn spawn(
    sandbox: &Sandbox,
    surroundings: Surroundings,
    program: &OsStr,
    arguments: &[OsString],
) -> io::Result<Child> {
    let program = match &surroundings.alias {
        Some((name, file)) if program == *name => file.as_os_str(),
        _ => program,
    };
    let mut command = Command::new(program);
    command.args(arguments);
    CONTRADICTING.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.envs(surroundings.variables);
    command.envs(sandbox.variables());
    if let Some(file) = sandbox.ca_file() {
        command.envs(OTHER_AUTHORITIES.map(|name| (name, file)));
    }
    // A proxy for the outside world cannot reach this loopback.
    for name in ["NO_PROXY", "no_proxy"] {
        let own = "127.0.0.1,localhost";
        let value = match std::env::var(name) {
            Ok(others) if !others.is_empty() => format!("{others},{own}"),
            _ => own.to_owned(),
        };
        command.env(name, value);
    }
    command.spawn()
}
/// Waits for the command, whatever signals come.
async fn wait(mut child: Child, signals: &mut Signals) -> io::Result<ExitStatus> {
    loop {
        let number = tokio::select! {
            status = child.wait() => return status,
            number = signals.next() => number,
        };
        signals::forward(&child, number);
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: SandboxArgs,
    }

    /// Exit status, standard output and standard error of `sandbox WORDS`.
    async fn sandbox(words: &[&str]) -> (i32, String, String) {
        let cli = Cli::try_parse_from(["sandbox"].iter().chain(words)).expect("known options");
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = super::run(&cli.args, Surroundings::default(), &mut out, &mut err)
            .await
            .expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (status, text(out), text(err))
    }

    #[tokio::test]
    async fn the_command_s_status_is_the_status() {
        assert_eq!(sandbox(&["--", "true"]).await.0, 0);
        assert_eq!(sandbox(&["--", "sh", "-c", "exit 7"]).await.0, 7);
        assert_eq!(sandbox(&["--", "sh", "-c", "kill -TERM $$"]).await.0, 143);
        let (status, _, err) = sandbox(&["--", "/no/such/program"]).await;
        assert_eq!(status, NOT_FOUND);
        assert!(err.contains("`/no/such/program`"), "{err}");
        assert_eq!(sandbox(&["--", "/etc/passwd"]).await.0, NOT_RUN);
    }

    #[tokio::test]
    async fn the_command_finds_the_stand_in_in_its_environment() {
        let script = r#"test -n "$GRAPH_ATTACH_ENDPOINT" && test -n "$GRAPH_ATTACH_TOKEN" &&
            test -n "$GRAPH_ATTACH_MESSAGE" && test -n "$GRAPH_ATTACH_EVENT" &&
            test -z "$GRAPH_ATTACH_TOKEN_FILE""#;
        assert_eq!(sandbox(&["--", "sh", "-c", script]).await.0, 0);
        let script = r#"test "$(stat -c %a "$SSL_CERT_FILE")" = 600 &&
            case $GRAPH_ATTACH_ENDPOINT in https://127.0.0.1:*/v1.0) ;; *) exit 1;; esac"#;
        assert_eq!(sandbox(&["--tls", "--", "sh", "-c", script]).await.0, 0);
    }

    #[tokio::test]
    async fn other_clients_find_the_authority_too() {
        let script = r#"test "$SSL_CERT_FILE" = "$REQUESTS_CA_BUNDLE" &&
            test "$SSL_CERT_FILE" = "$NODE_EXTRA_CA_CERTS" && test "$SSL_CERT_FILE" = "$CURL_CA_BUNDLE""#;
        assert_eq!(sandbox(&["--tls", "--", "sh", "-c", script]).await.0, 0);
    }

    #[tokio::test]
    async fn the_env_file_is_whole_while_it_runs_and_gone_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("sandbox.env");
        let name = file.to_str().expect("UTF-8");
        let script = format!(
            r#"test "$(stat -c %a {name})" = 600 && test "$(wc -l < {name})" = 5 &&
            test "$(head -n 1 {name})" = "GRAPH_ATTACH_ENDPOINT=$GRAPH_ATTACH_ENDPOINT" &&
            test "$(tail -n 1 {name})" = "GRAPH_ATTACH_SANDBOX=${{GRAPH_ATTACH_ENDPOINT%/v1.0}}""#
        );
        let words = ["--env-file", name, "--", "sh", "-c", &script];
        assert_eq!(sandbox(&words).await.0, 0);
        assert!(!file.exists());
        let cli =
            Cli::try_parse_from(["sandbox", "--env-file", "/no/such/folder/file"]).expect("known");
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let result = super::run(&cli.args, Surroundings::default(), &mut out, &mut err).await;
        assert!(matches!(result, Err(RunError::EnvFile { .. })));
    }

    #[tokio::test]
    async fn other_addresses_come_with_a_warning() {
        let (status, _, err) = sandbox(&["--host", "0.0.0.0", "--", "true"]).await;
        assert_eq!(status, 0);
        assert!(
            err.starts_with("warning: other computers can reach"),
            "{err}"
        );
    }

    #[tokio::test]
    async fn the_report_names_every_item_and_what_it_holds() {
        let (_, out, err) = sandbox(&["--", "true"]).await;
        assert_eq!(out, "");
        assert!(
            err.starts_with("message `A draft to try things on` of sandbox@example.com: nothing")
        );
        assert!(err.contains("\nevent `An event to try things on`"), "{err}");
    }
}
