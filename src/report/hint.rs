//! What can be done next, as data: a command line, or advice where no command does it.
//!
//! A command line is kept as argument vectors. Nothing here is quoted, and no global flag is in it: the
//! terminal does both once, when it shows the hint. So nothing that a file name, a service or a
//! configuration says can become syntax.

use std::{ffi::OsString, iter};

use crate::graph::Item;

/// This program, where a command line names it.
pub const PROGRAM: &str = "graph-attach";

/// Programs that a hint written as text may run. Any other text is advice.
const PROGRAMS: [&str; 4] = [PROGRAM, "cargo", "chmod", "export"];

/// What can be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A command that does it.
    Run(CommandLine),
    /// What to do or to know where no command does it.
    Advice(String),
}

impl Hint {
    /// A hint that was written as text: a command if it begins with the name of a program. Its words
    /// are taken apart here and quoted again when they are shown.
    pub fn from_text(text: &str) -> Self {
        let words = shlex::split(text).unwrap_or_default();
        match words.split_first() {
            Some((program, rest)) if PROGRAMS.contains(&program.as_str()) => {
                let mut command = Command::new(program);
                // What the stand-in runs is a command of its own, behind a `--` that belongs to it.
                let end = rest.iter().position(|word| word == "--");
                let own = end.filter(|_| rest.first().is_none_or(|verb| verb != "sandbox"));
                match own {
                    Some(end) => {
                        command.args.extend(rest[..end].iter().map(Into::into));
                        let operands = rest[end + 1..].iter().map(Into::into);
                        command.operands.extend(operands);
                    }
                    None => command.args.extend(rest.iter().map(Into::into)),
                }
                Hint::Run(CommandLine::from(command))
            }
            _ => Hint::Advice(text.to_owned()),
        }
    }

    /// Whether it is a command of this program's that begins with this verb.
    pub fn is_command(&self, verb: &str) -> bool {
        matches!(self, Hint::Run(line) if line.first.is_own(verb))
    }

    /// The same hint; its `attach` commands attach to `item`.
    #[must_use]
    pub fn for_item(self, item: &Item) -> Self {
        match self {
            Hint::Run(line) => Hint::Run(line.for_item(item)),
            advice => advice,
        }
    }
}

impl From<CommandLine> for Hint {
    fn from(line: CommandLine) -> Self {
        Hint::Run(line)
    }
}

/// Commands that run one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    first: Command,
    rest: Vec<(Operator, Command)>,
}

/// What stands between two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// The second runs if the first succeeded.
    And,
    /// The second reads what the first writes.
    Pipe,
}

/// One command. Everything in it is a word of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program.
    pub program: OsString,
    /// The verb and the options.
    pub args: Vec<OsString>,
    /// Files and ids. Where one of them looks like an option, they stand behind `--`.
    pub operands: Vec<OsString>,
    /// Whether the operands stand behind `--` whatever they look like: they are a command of their own.
    pub is_separated: bool,
}

impl Command {
    fn new(program: &str) -> Self {
        Command {
            program: program.into(),
            args: Vec::new(),
            operands: Vec::new(),
            is_separated: false,
        }
    }

    /// Whether this is a command of this program's with this verb.
    pub fn is_own(&self, verb: &str) -> bool {
        self.program == PROGRAM && self.args.first().is_some_and(|first| first == verb)
    }

    /// The words of the command, with `flags` among its options.
    pub fn words(&self, flags: &[OsString]) -> Vec<OsString> {
        let looks_like_option =
            |word: &OsString| word.as_encoded_bytes().starts_with(b"-") && word != "-";
        let mut words: Vec<OsString> = iter::once(&self.program)
            .chain(&self.args)
            .cloned()
            .collect();
        if self.is_separated || self.operands.iter().any(looks_like_option) {
            words.extend_from_slice(flags);
            words.push("--".into());
            words.extend(self.operands.iter().cloned());
        } else {
            words.extend(self.operands.iter().cloned());
            words.extend_from_slice(flags);
        }
        words
    }
}

impl From<Command> for CommandLine {
    fn from(first: Command) -> Self {
        let rest = Vec::new();
        CommandLine { first, rest }
    }
}

impl CommandLine {
    /// A command of this program's.
    pub fn own(verb: &str) -> Self {
        Self::program(PROGRAM).arg(verb)
    }

    /// A command of another program's.
    pub fn program(name: &str) -> Self {
        Command::new(name).into()
    }

    /// The last command with another argument.
    #[must_use]
    pub fn arg(mut self, word: impl Into<OsString>) -> Self {
        self.last().args.push(word.into());
        self
    }

    /// The last command with another option. A value that looks like an option is joined to the name.
    #[must_use]
    pub fn option(self, name: &str, value: impl Into<OsString>) -> Self {
        let value = value.into();
        if value.as_encoded_bytes().starts_with(b"-") {
            let mut joined = OsString::from(format!("{name}="));
            joined.push(value);
            return self.arg(joined);
        }
        self.arg(name).arg(value)
    }

    /// The last command with other operands.
    #[must_use]
    pub fn operands<W: Into<OsString>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        let words = words.into_iter().map(Into::into);
        self.last().operands.extend(words);
        self
    }

    /// The last command, which runs another one: its words stand behind `--`.
    #[must_use]
    pub fn behind_dashes<W: Into<OsString>>(self, words: impl IntoIterator<Item = W>) -> Self {
        let mut line = self.operands(words);
        line.last().is_separated = true;
        line
    }

    /// The last command with another operand.
    #[must_use]
    pub fn operand(self, word: impl Into<OsString>) -> Self {
        self.operands([word])
    }

    /// The last command with the options that name an item.
    #[must_use]
    pub fn item(self, item: &Item) -> Self {
        self.option(&format!("--{}", item.kind), &item.id)
            .mailbox(item)
    }

    /// The last command with the option that names an item's mailbox.
    #[must_use]
    pub fn mailbox(self, item: &Item) -> Self {
        match &item.mailbox {
            Some(mailbox) => self.option("--mailbox", mailbox),
            None => self,
        }
    }

    /// This, and if it succeeds `next`.
    #[must_use]
    pub fn and(self, next: CommandLine) -> Self {
        self.join(Operator::And, next)
    }

    /// This, whose output `next` reads.
    #[must_use]
    pub fn pipe(self, next: CommandLine) -> Self {
        self.join(Operator::Pipe, next)
    }

    fn join(mut self, operator: Operator, next: CommandLine) -> Self {
        self.rest.push((operator, next.first));
        self.rest.extend(next.rest);
        self
    }

    /// The commands, each with what stands before it.
    pub fn commands(&self) -> impl Iterator<Item = (Option<Operator>, &Command)> {
        let rest = self.rest.iter();
        iter::once((None, &self.first))
            .chain(rest.map(|(operator, command)| (Some(*operator), command)))
    }

    fn last(&mut self) -> &mut Command {
        match self.rest.last_mut() {
            Some((_, command)) => command,
            None => &mut self.first,
        }
    }

    fn for_item(mut self, item: &Item) -> Self {
        let own = CommandLine::own("attach").item(item).first.args;
        let rest = self.rest.iter_mut().map(|(_, command)| command);
        for command in iter::once(&mut self.first).chain(rest) {
            if command.is_own("attach") {
                command.args.splice(..1, own.iter().cloned());
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ItemKind;

    fn words(line: &CommandLine) -> String {
        let commands = line.commands().map(|(_, command)| command.words(&[]));
        format!("{:?}", commands.collect::<Vec<_>>())
    }

    #[test]
    fn what_looks_like_an_option_is_kept_from_being_one() {
        let line = CommandLine::own("detach")
            .option("--message", "-id")
            .operand("-x");
        assert_eq!(
            words(&line),
            r#"[["graph-attach", "detach", "--message=-id", "--", "-x"]]"#
        );
        assert_eq!(
            line.first.words(&["--json".into()])[3..],
            ["--json", "--", "-x"].map(OsString::from)
        );
    }

    #[test]
    fn text_is_a_command_only_if_a_known_program_begins_it() {
        let advice = |text: &str| matches!(Hint::from_text(text), Hint::Advice(_));
        assert!(advice("get a new token"));
        assert!(advice("graph-attach's own \"quotes"));
        assert!(advice(""));
        let Hint::Run(line) = Hint::from_text("graph-attach sandbox -- graph-attach attach FILE")
        else {
            panic!("not a command");
        };
        assert_eq!(
            words(&line),
            r#"[["graph-attach", "sandbox", "--", "graph-attach", "attach", "FILE"]]"#
        );
        let Hint::Run(line) = Hint::from_text("graph-attach attach a -- '-b c'; rm") else {
            panic!("not a command");
        };
        assert_eq!(
            words(&line),
            r#"[["graph-attach", "attach", "a", "--", "-b c;", "rm"]]"#
        );
    }

    #[test]
    fn attach_commands_are_told_their_item() {
        let item = Item {
            kind: ItemKind::Event,
            id: "A=".to_owned(),
            mailbox: Some("a@b.c".to_owned()),
        };
        let hint = Hint::from(
            CommandLine::program("cat").operand("attach").pipe(
                CommandLine::own("attach")
                    .option("--name", "N")
                    .operand("-"),
            ),
        );
        let Hint::Run(line) = hint.for_item(&item) else {
            panic!("not a command");
        };
        assert_eq!(
            words(&line),
            r#"[["cat", "attach"], ["graph-attach", "attach", "--event", "A=", "--mailbox", "a@b.c", "--name", "N", "-"]]"#
        );
    }
}
