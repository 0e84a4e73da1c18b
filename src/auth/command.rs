//! Tokens from a command: run without a shell, for a limited time, with a limited output.

use std::{ffi::OsStr, process::Stdio, time::Duration};

use jiff::Timestamp;
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
};

use super::{
    Problem, Token,
    reply::{self, Issued},
    source::{Ask, Asking},
};
use crate::settings::credential::CommandLine;

/// How long a token command may take. `az` needs two seconds when it must ask the network, and a
/// person who is asked for a second factor some thirty.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// How long the output may stay open once the command has ended: a daemon that it left behind may
/// hold it for ever.
const GRACE: Duration = Duration::from_secs(1);

/// Variables that hold secrets of ours, which no command needs to see.
pub const SECRET_VARIABLES: &[&str] = &[
    "GRAPH_ATTACH_TOKEN",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_PASSWORD",
];

/// A command that prints a token.
#[derive(Debug)]
pub(super) struct TokenCommand {
    program: String,
    arguments: Vec<String>,
    limit: Duration,
}

impl TokenCommand {
    /// Splits a line as a shell would; takes words as they are.
    pub(super) fn new(line: &CommandLine) -> Result<Self, Problem> {
        let words = match line {
            CommandLine::Words(words) => words.clone(),
            CommandLine::Line(line) => line
                .to_str()
                .and_then(shlex::split)
                .ok_or(Problem::CommandLine)?,
        };
        let mut words = words.into_iter();
        let program = words
            .next()
            .filter(|word| !word.is_empty())
            .ok_or(Problem::CommandLine)?;
        Ok(TokenCommand {
            program,
            arguments: words.collect(),
            limit: LIMIT,
        })
    }

    fn start(&self) -> Result<Child, Problem> {
        let mut command = Command::new(OsStr::new(&self.program));
        command
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        for name in SECRET_VARIABLES {
            command.env_remove(name);
        }
        let program = self.program.clone();
        command
            .spawn()
            .map_err(|source| Problem::Start { program, source })
    }

    /// Reads until the output ends, is too long, or the command has ended and said all.
    async fn listen(&self, child: &mut Child) -> Result<Vec<u8>, Problem> {
        let failed = |source| Problem::Output {
            program: self.program.clone(),
            source,
        };
        let Some(output) = child.stdout.take() else {
            return Ok(Vec::new());
        };
        let mut output = output.take(reply::LIMIT as u64 + 1);
        let mut bytes = Vec::new();
        let ended = {
            let reading = output.read_to_end(&mut bytes);
            tokio::pin!(reading);
            tokio::select! {
                read = &mut reading => { read.map_err(failed)?; None }
                status = child.wait() => {
                    if let Ok(read) = tokio::time::timeout(GRACE, reading).await {
                        read.map_err(failed)?;
                    }
                    Some(status.map_err(failed)?)
                }
            }
        };
        if bytes.len() > reply::LIMIT {
            return Err(Problem::TooLong);
        }
        let status = match ended {
            Some(status) => status,
            None => child.wait().await.map_err(failed)?,
        };
        if status.success() {
            Ok(bytes)
        } else {
            Err(Problem::Failed {
                program: self.program.clone(),
                status,
            })
        }
    }
}

impl Ask for TokenCommand {
    fn ask<'a>(&'a self, _instead_of: Option<&'a Token>) -> Asking<'a> {
        Box::pin(async move {
            // Dropped with this future, and then killed, whatever the reason for leaving.
            let mut child = self.start()?;
            match tokio::time::timeout(self.limit, self.listen(&mut child)).await {
                Ok(bytes) => Ok(Issued::read(&bytes?, Timestamp::now())?.into()),
                Err(_) => Err(Problem::TimedOut {
                    program: self.program.clone(),
                    seconds: self.limit.as_secs(),
                }),
            }
        })
    }

    fn renewable(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn sh(script: &str) -> TokenCommand {
        let words = ["sh", "-c", script].map(String::from).to_vec();
        TokenCommand::new(&CommandLine::Words(words)).unwrap()
    }

    async fn run(script: &str) -> Result<String, Problem> {
        Ok(sh(script).ask(None).await?.issued.token.expose().to_owned())
    }

    #[test]
    fn a_line_is_split_as_a_shell_splits_words() {
        let line = CommandLine::Line(r#"az 'a b' "c\"d" e\ f ''"#.into());
        let command = TokenCommand::new(&line).unwrap();
        assert_eq!(command.program, "az");
        assert_eq!(command.arguments, ["a b", "c\"d", "e f", ""]);
        for bad in ["", "  ", "az 'x", "''"] {
            let line = CommandLine::Line(bad.into());
            assert!(
                matches!(TokenCommand::new(&line), Err(Problem::CommandLine)),
                "{bad}"
            );
        }
    }

    #[tokio::test]
    async fn no_shell_sees_the_line() {
        let line = CommandLine::Line("echo $HOME;id".into());
        let answer = TokenCommand::new(&line).unwrap().ask(None).await.unwrap();
        assert_eq!(answer.issued.token.expose(), "$HOME;id");
    }

    #[tokio::test]
    async fn failures_are_named() {
        assert!(matches!(run("exit 3").await, Err(Problem::Failed { .. })));
        assert!(matches!(
            run("echo token; exit 3").await,
            Err(Problem::Failed { .. })
        ));
        assert!(matches!(run("true").await, Err(Problem::Malformed(_))));
        let missing = CommandLine::Line("/nowhere/at-all".into());
        let missing = TokenCommand::new(&missing).unwrap().ask(None).await;
        assert!(matches!(missing, Err(Problem::Start { .. })));
    }

    #[tokio::test]
    async fn endless_output_is_cut_off() {
        let started = Instant::now();
        assert!(matches!(run("yes").await, Err(Problem::TooLong)));
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed() {
        let directory = tempfile::tempdir().unwrap();
        let pid_file = directory.path().join("pid");
        let script = format!("echo $$ > {}; exec sleep 600", pid_file.display());
        let command = TokenCommand {
            limit: Duration::from_millis(500),
            ..sh(&script)
        };
        assert!(matches!(
            command.ask(None).await,
            Err(Problem::TimedOut { .. })
        ));
        let pid = std::fs::read_to_string(pid_file).unwrap();
        let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        for _ in 0..100 {
            if rustix::process::test_kill_process(pid).is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the command still runs");
    }

    #[tokio::test]
    async fn a_daemon_left_behind_does_not_delay_the_token() {
        let started = Instant::now();
        assert_eq!(run("sleep 20 & echo token").await.unwrap(), "token");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
