//! Tokens from a command: run without a shell, for a limited time, with a limited output.

use std::{ffi::OsStr, process::Stdio, time::Duration};

use jiff::Timestamp;
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
};

use super::{
    CredentialError, Token,
    reply::{self, AccessToken},
    source::{Fetching, TokenSource},
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
    pub(super) fn new(line: &CommandLine) -> Result<Self, CredentialError> {
        let words = match line {
            CommandLine::Words(words) => words.clone(),
            CommandLine::Line(line) => line
                .to_str()
                .and_then(shlex::split)
                .ok_or(CredentialError::CommandLine)?,
        };
        if let Some(what) = meant_for_a_shell(&words) {
            return Err(CredentialError::NeedsShell(what));
        }
        let mut words = words.into_iter();
        let program = words
            .next()
            .filter(|word| !word.is_empty())
            .ok_or(CredentialError::CommandLine)?;
        Ok(TokenCommand {
            program,
            arguments: words.collect(),
            limit: LIMIT,
        })
    }

    fn start(&self) -> Result<Child, CredentialError> {
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
            .map_err(|source| CredentialError::Start { program, source })
    }

    /// Reads until the output ends, is too long, or the command has ended and said all.
    async fn listen(&self, child: &mut Child) -> Result<Vec<u8>, CredentialError> {
        let failed = |source| CredentialError::Output {
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
            return Err(CredentialError::TooLong);
        }
        let status = match ended {
            Some(status) => status,
            None => child.wait().await.map_err(failed)?,
        };
        if status.success() {
            Ok(bytes)
        } else {
            Err(CredentialError::Failed {
                program: self.program.clone(),
                status,
                unexpanded: self.arguments.iter().any(|word| is_unexpanded(word)),
            })
        }
    }
}

/// What in a command line only a shell could do, if it is there for certain: operators that stand for
/// themselves, and a program's name that a shell would have to complete.
fn meant_for_a_shell(words: &[String]) -> Option<&'static str> {
    const OPERATORS: [(&str, &str); 12] = [
        ("|", "a pipe (`|`)"),
        ("||", "`||`"),
        ("&&", "`&&`"),
        ("&", "`&`"),
        (";", "`;`"),
        (">", "a redirection (`>`)"),
        (">>", "a redirection (`>>`)"),
        ("<", "a redirection (`<`)"),
        ("2>", "a redirection (`2>`)"),
        ("2>&1", "a redirection (`2>&1`)"),
        ("2>/dev/null", "a redirection (`2>/dev/null`)"),
        (">/dev/null", "a redirection (`>/dev/null`)"),
    ];
    let program = words.first()?;
    if program.starts_with("~/") {
        return Some("`~`");
    }
    if program.starts_with('$') || program.contains("/$") {
        return Some("a variable (`$…`)");
    }
    words
        .iter()
        .find_map(|word| OPERATORS.iter().find(|(operator, _)| operator == word))
        .map(|(_, what)| *what)
}

/// Whether a shell would have put something else in the word's place. It may be meant as it stands.
fn is_unexpanded(word: &str) -> bool {
    let variable = |at: usize| {
        let next = word[at + 1..].chars().next();
        next.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '{' | '('))
    };
    word.starts_with("~/") || word.match_indices('$').any(|(at, _)| variable(at))
}

impl TokenSource for TokenCommand {
    fn fetch<'a>(&'a self, _instead_of: Option<&'a Token>) -> Fetching<'a> {
        Box::pin(async move {
            // Dropped with this future, and then killed, whatever the reason for leaving.
            let mut child = self.start()?;
            match tokio::time::timeout(self.limit, self.listen(&mut child)).await {
                Ok(bytes) => Ok(AccessToken::read(&bytes?, Timestamp::now())?.into()),
                Err(_) => Err(CredentialError::TimedOut {
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

    async fn run(script: &str) -> Result<String, CredentialError> {
        Ok(sh(script)
            .fetch(None)
            .await?
            .issued
            .token
            .expose()
            .to_owned())
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
                matches!(TokenCommand::new(&line), Err(CredentialError::CommandLine)),
                "{bad}"
            );
        }
    }

    #[tokio::test]
    async fn no_shell_sees_the_line() {
        let line = CommandLine::Line("echo $HOME;id".into());
        let answer = TokenCommand::new(&line).unwrap().fetch(None).await.unwrap();
        assert_eq!(answer.issued.token.expose(), "$HOME;id");
    }

    #[test]
    fn what_only_a_shell_could_do_is_refused_before_it_runs() {
        let line = |line: &str| TokenCommand::new(&CommandLine::Line(line.into()));
        for (text, what) in [
            ("az account get-access-token | jq -r .accessToken", "pipe"),
            ("~/bin/token", "`~`"),
            ("$HOME/bin/token --now", "variable"),
            ("/opt/$USER/token", "variable"),
            ("az x 2>/dev/null", "redirection"),
            ("a && b", "`&&`"),
        ] {
            let problem = line(text).unwrap_err();
            assert!(matches!(problem, CredentialError::NeedsShell(_)), "{text}");
            assert!(problem.to_string().contains(what), "{problem}");
            assert!(problem.hints()[0].contains("sh -c 'COMMAND"), "{problem}");
        }
        for fine in [
            "sh -c 'az x | jq -r .accessToken'",
            "bash -c '$HOME/bin/token 2>/dev/null'",
            "printf a|b",
            "tool --filter 'a > b'",
        ] {
            assert!(line(fine).is_ok(), "{fine}");
        }
    }

    #[tokio::test]
    async fn a_failure_with_words_that_no_shell_expanded_says_so() {
        let fails = |word: &str| {
            let line = CommandLine::Line(format!("false {word}").into());
            async move { TokenCommand::new(&line).unwrap().fetch(None).await }
        };
        for word in ["~/token", "'$HOME/token'", "'$(pass x)'", "'${X}'"] {
            let problem = fails(word).await.unwrap_err();
            assert!(problem.hints()[0].contains("no shell"), "{word}");
        }
        for word in ["a~/b", "'5$'", "'$1'", "'a$ b'"] {
            let problem = fails(word).await.unwrap_err();
            assert!(!problem.hints()[0].contains("no shell"), "{word}");
        }
    }

    #[tokio::test]
    async fn failures_are_named() {
        assert!(matches!(
            run("exit 3").await,
            Err(CredentialError::Failed { .. })
        ));
        assert!(matches!(
            run("echo token; exit 3").await,
            Err(CredentialError::Failed { .. })
        ));
        assert!(matches!(
            run("true").await,
            Err(CredentialError::Malformed(_))
        ));
        let missing = CommandLine::Line("/nowhere/at-all".into());
        let missing = TokenCommand::new(&missing).unwrap().fetch(None).await;
        assert!(matches!(missing, Err(CredentialError::Start { .. })));
    }

    #[tokio::test]
    async fn endless_output_is_cut_off() {
        let started = Instant::now();
        assert!(matches!(run("yes").await, Err(CredentialError::TooLong)));
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
            command.fetch(None).await,
            Err(CredentialError::TimedOut { .. })
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
