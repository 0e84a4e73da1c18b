//! Writes command lines for the user's shell. Pure.
//!
//! The one place where words become shell text. It cannot fail open: a word that a shell cannot be
//! given is never shown as it is; then there is no command line at all.

use std::{
    ffi::{OsStr, OsString},
    fmt::Write as _,
};

use super::escape::is_safe;
use crate::report::{CommandLine, Operator, PROGRAM};

/// Who reads a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// sh, bash, zsh, dash, ksh; fish reads the same quotes.
    Posix,
    /// PowerShell 7. Version 5 passes double quotes to programs wrongly, however they are written.
    PowerShell,
    /// cmd.exe, in interactive use.
    Cmd,
}

impl Shell {
    /// The shell that is most likely to read what this process prints.
    pub fn of_this_process() -> Self {
        if !cfg!(windows) {
            return Shell::Posix;
        }
        // PowerShell sets it for what it starts; cmd.exe does not.
        match std::env::var_os("PSModulePath") {
            Some(_) => Shell::PowerShell,
            None => Shell::Cmd,
        }
    }

    /// `line` with `flags` on each command of this program's that has not got them. `None` where a word
    /// cannot be written for this shell.
    pub fn line(self, line: &CommandLine, flags: &[(&'static str, OsString)]) -> Option<String> {
        let mut text = String::new();
        for (operator, command) in line.commands() {
            text += match operator {
                None => "",
                Some(Operator::And) => " && ",
                Some(Operator::Pipe) => " | ",
            };
            let mut missing = Vec::new();
            // The stand-in takes none of them.
            if command.program == PROGRAM && !command.is_own("sandbox") {
                let given = |name: &str| command.args.iter().any(|arg| is_option(arg, name));
                for (name, value) in flags.iter().filter(|(name, _)| !given(name)) {
                    let flag = CommandLine::program("").option(name, value);
                    let words = flag
                        .commands()
                        .flat_map(|(_, command)| command.args.clone());
                    missing.extend(words);
                }
            }
            for (index, word) in command.words(&missing).iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                text += &self.word(word)?;
            }
        }
        Some(text)
    }

    /// One word, quoted only where it must be, so that ids stay readable.
    pub fn word(self, word: &OsStr) -> Option<String> {
        let bytes = word.as_encoded_bytes();
        if bytes.contains(&0) {
            return None;
        }
        match word.to_str() {
            Some(text) if is_plain(text) => Some(text.to_owned()),
            Some(text) => match (self, is_safe(text)) {
                (Shell::Posix, true) => Some(posix(text)),
                (Shell::Posix, false) => posix_printf(bytes),
                (_, false) => None,
                (Shell::PowerShell, true) => Some(powershell(text)),
                (Shell::Cmd, true) => cmd(text),
            },
            None if self == Shell::Posix => posix_printf(bytes),
            None => None,
        }
    }
}

/// Whether `arg` is the option `name`, its value joined to it or not.
fn is_option(arg: &OsStr, name: &str) -> bool {
    let rest = arg.to_str().and_then(|arg| arg.strip_prefix(name));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

/// Whether every shell takes the text as one word without quotes. An ellipsis stands for what the user
/// fills in.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+@…".contains(c);
    !text.is_empty() && !text.starts_with(['=', '@']) && text.chars().all(plain)
}

/// Everything between single quotes is literal; a single quote itself stands outside them. What an
/// option or a variable is called stays readable before its value.
fn posix(text: &str) -> String {
    let quote = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    match text.split_once('=') {
        Some((name, value)) if is_plain(name) && !value.is_empty() => {
            format!("{name}={}", quote(value))
        }
        _ => quote(text),
    }
}

/// For what must not reach a terminal as it is, or is not text: `printf` writes it, byte by byte. A
/// line break at the end would be lost.
fn posix_printf(bytes: &[u8]) -> Option<String> {
    if bytes.ends_with(b"\n") {
        return None;
    }
    let mut format = String::new();
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b" -_./:=+,@".contains(&byte) {
            format.push(char::from(byte));
        } else if byte == b'%' {
            format.push_str("%%");
        } else {
            // Writing to a String cannot fail.
            let _ = write!(format, "\\{byte:03o}");
        }
    }
    // A format that began with `-` would be taken for an option by some shells.
    let format = match format.strip_prefix('-') {
        Some(rest) => format!("\\055{rest}"),
        None => format,
    };
    Some(format!("\"$(printf '{format}')\""))
}

/// In single quotes only the quote itself is special, and so are the typographic ones that PowerShell
/// takes for it.
fn powershell(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}

/// In double quotes, with backslashes doubled before a quote as programs read them. What cmd.exe expands
/// even there, or what would end its quotes, cannot be written.
fn cmd(text: &str) -> Option<String> {
    if text.contains(['%', '!', '"']) {
        return None;
    }
    let slashes = text.len() - text.trim_end_matches('\\').len();
    Some(format!("\"{text}{}\"", "\\".repeat(slashes)))
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::ffi::{OsStrExt, OsStringExt},
        process::Command,
    };

    use proptest::prelude::*;

    use super::*;

    fn posix_word(word: &str) -> Option<String> {
        Shell::Posix.word(word.as_ref())
    }

    #[test]
    fn words_stay_readable_where_they_can() {
        for (word, shown) in [
            ("AAMk-_x=", "AAMk-_x="),
            ("--files-from", "--files-from"),
            ("-", "-"),
            ("TOKEN=…", "TOKEN=…"),
            ("TOKEN=a b", "TOKEN='a b'"),
            ("--name=it's", r"--name='it'\''s'"),
            ("=ls", "'=ls'"),
            ("", "''"),
            ("~/x", "'~/x'"),
            ("a\x1bb", r#""$(printf 'a\033b')""#),
            ("-a\n%b", r#""$(printf '\055a\012%%b')""#),
        ] {
            assert_eq!(posix_word(word).as_deref(), Some(shown), "{word:?}");
        }
        assert_eq!(posix_word("a\0b"), None);
        assert_eq!(posix_word("a\n"), None);
        let not_text = OsString::from_vec(vec![b'a', 0xff]);
        assert_eq!(
            Shell::Posix.word(&not_text).as_deref(),
            Some(r#""$(printf 'a\377')""#)
        );
    }

    #[test]
    fn other_shells_have_other_quotes() {
        for (word, powershell, cmd) in [
            ("report.pdf", Some("report.pdf"), Some("report.pdf")),
            ("a b", Some("'a b'"), Some("\"a b\"")),
            ("it's", Some("'it''s'"), Some("\"it's\"")),
            (
                "it\u{2019}s",
                Some("'it\u{2019}\u{2019}s'"),
                Some("\"it\u{2019}s\""),
            ),
            ("$x;&|<>(^)", Some("'$x;&|<>(^)'"), Some("\"$x;&|<>(^)\"")),
            ("C:\\a b\\", Some("'C:\\a b\\'"), Some("\"C:\\a b\\\\\"")),
            ("%PATH%", Some("'%PATH%'"), None),
            ("a\"b", Some("'a\"b'"), None),
            ("a\x1bb", None, None),
            ("", Some("''"), Some("\"\"")),
        ] {
            let shown = |shell: Shell| shell.word(word.as_ref());
            assert_eq!(shown(Shell::PowerShell).as_deref(), powershell, "{word:?}");
            assert_eq!(shown(Shell::Cmd).as_deref(), cmd, "{word:?}");
        }
    }

    #[test]
    fn flags_are_put_in_once_and_only_where_they_belong() {
        let flags = [
            ("--state-dir", OsString::from("/x y")),
            ("--endpoint", "http://localhost:1/v1.0".into()),
        ];
        let own = CommandLine::own;
        for (line, shown) in [
            (
                own("resume").operand("7Q2KM4XA"),
                "graph-attach resume 7Q2KM4XA --state-dir '/x y' --endpoint http://localhost:1/v1.0",
            ),
            (
                CommandLine::program("cat")
                    .operand("x")
                    .pipe(own("ls").option("--endpoint", "http://localhost:2/v1.0"))
                    .and(own("send").operand("A")),
                "cat x | graph-attach ls --endpoint http://localhost:2/v1.0 --state-dir '/x y' && \
                 graph-attach send A --state-dir '/x y' --endpoint http://localhost:1/v1.0",
            ),
            (
                own("attach").operand("-f"),
                "graph-attach attach --state-dir '/x y' --endpoint http://localhost:1/v1.0 -- -f",
            ),
            (
                own("attach").operand("report -- final.bin"),
                "graph-attach attach 'report -- final.bin' --state-dir '/x y' --endpoint http://localhost:1/v1.0",
            ),
            (
                own("attach").operand("a && graph-attach b --endpoint"),
                "graph-attach attach 'a && graph-attach b --endpoint' --state-dir '/x y' --endpoint http://localhost:1/v1.0",
            ),
            (
                CommandLine::program("cargo").arg("install").arg(PROGRAM),
                "cargo install graph-attach",
            ),
            (
                own("sandbox").arg("--").arg(PROGRAM).arg("attach"),
                "graph-attach sandbox -- graph-attach attach",
            ),
        ] {
            assert_eq!(Shell::Posix.line(&line, &flags).as_deref(), Some(shown));
        }
    }

    /// What `sh` makes of a line: the words, of which each command prints its own.
    fn read_by_sh(text: &str) -> Vec<Vec<u8>> {
        let output = Command::new("sh")
            .args(["-c", &format!("printf '%s\\0' {text}")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{text}");
        let words = output.stdout.strip_suffix(b"\0").unwrap_or_default();
        words.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn sh_reads_every_word_as_it_was(
            words in prop::collection::vec(
                prop_oneof![
                    any::<String>().prop_map(String::into_bytes),
                    "[ -~\n\t]{0,12}".prop_map(String::into_bytes),
                    "(-|--|=|--a=)?[$`'\"\\\\;&|<>(){}*?!#~ a\n]{0,9}".prop_map(String::into_bytes),
                    prop::collection::vec(any::<u8>(), 0..12),
                ],
                1..5,
            ),
        ) {
            let line = CommandLine::own("attach").operands(words.iter().map(|word| OsStr::from_bytes(word)));
            let cannot = |word: &Vec<u8>| word.contains(&0) || word.ends_with(b"\n");
            match Shell::Posix.line(&line, &[]) {
                None => prop_assert!(words.iter().any(cannot)),
                Some(text) => {
                    prop_assert!(is_safe(&text), "{}", text);
                    let (_, command) = line.commands().next().unwrap();
                    let expected = command.words(&[]).into_iter().map(OsString::into_vec);
                    prop_assert_eq!(read_by_sh(&text), expected.collect::<Vec<_>>());
                }
            }
        }

        #[test]
        fn shlex_reads_every_visible_word_as_it_was(
            words in prop::collection::vec("[^\\p{C}\\p{Z}]{0,9}[ ]?[^\\p{C}\\p{Z}]{0,9}", 1..5),
            value in "[ -~]{1,9}",
        ) {
            let line = CommandLine::own("detach").option("--message", &value).operands(&words);
            let flags = [("--state-dir", OsString::from(&value))];
            let text = Shell::Posix.line(&line, &flags).unwrap();
            prop_assume!(!text.contains("$(printf"));
            let read = shlex::split(&text).unwrap();
            for word in words.iter().chain([&value]) {
                prop_assert!(
                    read.contains(word) || read.iter().any(|one| one.ends_with(&format!("={word}"))),
                    "{}", text
                );
            }
        }
    }
}
