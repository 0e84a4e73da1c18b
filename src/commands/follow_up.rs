//! The command that finishes what `attach` or `resume` could not, so that it can be pasted, and attaches
//! nothing twice. Pure.

use std::ffi::{OsStr, OsString};

use crate::{
    args::AttachArgs, graph::Item, report::CommandLine, session::SessionId, upload::plan::CHUNK,
};

/// How standard input is written among files.
pub(crate) const STDIN: &str = "-";

/// One file of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileEntry {
    /// As the user named it.
    pub(crate) path: OsString,
    /// What became of it.
    pub(crate) status: FileStatus,
    /// The session that keeps what a pipe brought, whatever became of it so far.
    pub(crate) kept: Option<SessionId>,
}

impl FileEntry {
    /// A file that was not reached yet.
    pub(crate) fn new(path: impl Into<OsString>) -> Self {
        FileEntry {
            path: path.into(),
            status: FileStatus::Untried,
            kept: None,
        }
    }

    /// For people and in JSON.
    pub(crate) fn shown(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// The session that can be resumed.
    fn session(&self) -> Option<SessionId> {
        match self.status {
            FileStatus::Attached => None,
            FileStatus::Left { session, .. } => session.or(self.kept),
            FileStatus::Untried => self.kept,
        }
    }

    /// Whether it may be attached all the same, and nothing but the item can tell.
    fn is_in_doubt(&self) -> bool {
        let left_in_doubt = FileStatus::Left {
            session: None,
            in_doubt: true,
        };
        self.status == left_in_doubt
    }
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileStatus {
    /// Nothing yet.
    Untried,
    /// It is attached.
    Attached,
    /// It is not, as far as is known.
    Left {
        /// The session that can be resumed.
        session: Option<SessionId>,
        /// Whether it may be attached all the same, when there is no session.
        in_doubt: bool,
    },
}

/// What a command does with its files.
#[derive(Debug)]
pub(crate) enum FollowUp {
    /// `attach`.
    Attach(AttachFollowUp),
    /// `resume` of these sessions, one for each file.
    Resume(Vec<SessionId>),
}

/// What `attach` was asked for.
#[derive(Debug)]
pub(crate) struct AttachFollowUp {
    item: Option<Item>,
    /// The options that matter to every file.
    options: Vec<(&'static str, Option<String>)>,
    /// The list that named the files, if it can be read again, and whether its paths end with NUL.
    list: Option<(OsString, bool)>,
    /// Files that the list does not name.
    beside_list: Vec<OsString>,
    /// The command whose output is attached, and its arguments.
    producer: Option<Vec<OsString>>,
    again: bool,
    new: bool,
    send: bool,
    /// The mail job that is kept for it.
    mail: Option<SessionId>,
}

impl FollowUp {
    /// `attach` with these arguments.
    pub(crate) fn attach(args: &AttachArgs) -> Self {
        let chunk = (args.chunk_size != CHUNK).then(|| args.chunk_size.to_string());
        let with_value = [
            ("--name", args.name.clone()),
            ("--content-type", args.content_type.clone()),
            ("--content-id", args.content_id.clone()),
            ("--chunk-size", chunk),
        ];
        let switches = [
            (args.inline, "--inline"),
            (args.verify, "--verify"),
            (args.again, "--again"),
            (args.fail_fast, "--fail-fast"),
        ];
        let given = with_value.into_iter().filter(|(_, value)| value.is_some());
        let switches = switches.into_iter().filter(|(given, _)| *given);
        let list = args.files_from.as_ref().filter(|list| *list != STDIN);
        let words: Vec<OsString> = args.files.iter().map(OsString::from).collect();
        FollowUp::Attach(AttachFollowUp {
            item: None,
            options: given
                .chain(switches.map(|(_, name)| (name, None)))
                .collect(),
            list: list.map(|list| (list.into(), args.null)),
            beside_list: match args.stdin_from_command {
                true => Vec::new(),
                false => words.clone(),
            },
            producer: args.stdin_from_command.then_some(words),
            again: args.again,
            new: args.new || args.origin.is_answer(),
            send: args.send,
            mail: None,
        })
    }

    /// Sets the mail job that is kept for it: `resume` knows all that is left.
    pub(crate) fn set_mail(&mut self, id: SessionId) {
        if let FollowUp::Attach(attach) = self {
            attach.mail = Some(id);
        }
    }

    /// Sets the item that the files go to.
    pub(crate) fn set_item(&mut self, item: &Item) {
        if let FollowUp::Attach(attach) = self {
            attach.item = Some(item.clone());
        }
    }

    /// The item that the files of an `attach` go to, once that is known.
    pub(crate) fn item(&self) -> Option<&Item> {
        match self {
            FollowUp::Attach(attach) => attach.item.as_ref(),
            FollowUp::Resume(_) => None,
        }
    }

    /// Whether the message is sent in the end.
    pub(crate) fn sends(&self) -> bool {
        matches!(self, FollowUp::Attach(attach) if attach.send)
    }

    /// Whether more is left to do than to finish the files that were begun: a message that was made for
    /// them, or that is to be sent.
    pub(crate) fn is_more_than_files(&self) -> bool {
        matches!(self, FollowUp::Attach(attach) if attach.send || attach.new)
    }

    /// The command for what is left; `None` where there is nothing to resume.
    pub(crate) fn command(&self, entries: &[FileEntry]) -> Option<CommandLine> {
        let is_left = |entry: &&FileEntry| entry.status != FileStatus::Attached;
        match self {
            FollowUp::Attach(attach) => {
                attach.command(&entries.iter().filter(is_left).collect::<Vec<_>>())
            }
            FollowUp::Resume(sessions) => {
                let both = sessions.iter().zip(entries);
                resume(both.filter(|(_, entry)| is_left(entry)).map(|(id, _)| *id))
            }
        }
    }
}

/// `resume` of these sessions, if there are any.
fn resume(sessions: impl Iterator<Item = SessionId>) -> Option<CommandLine> {
    let mut sessions = sessions.map(|id| id.to_string()).peekable();
    sessions.peek()?;
    Some(CommandLine::own("resume").operands(sessions))
}

impl AttachFollowUp {
    fn command(&self, left: &[&FileEntry]) -> Option<CommandLine> {
        if let Some(mail) = self.mail {
            return resume([mail].into_iter());
        }
        let item = self.item.as_ref()?;
        // A second copy of what may be there already would be a third: only a person can tell.
        if self.again && left.iter().any(|entry| entry.is_in_doubt()) {
            return Some(CommandLine::own("ls").item(item));
        }
        if left.iter().all(|entry| entry.session().is_some()) && !(self.send || self.new) {
            return resume(left.iter().filter_map(|entry| entry.session()));
        }
        // What came through standard input is kept with its session; it does not come again.
        let (kept, rest): (Vec<&FileEntry>, Vec<&FileEntry>) = left
            .iter()
            .copied()
            .partition(|entry| entry.path == STDIN && entry.session().is_some());
        let resumed = resume(kept.iter().filter_map(|entry| entry.session()));
        let last = if !rest.is_empty() {
            Some(self.attach(item, &rest))
        } else if self.send {
            let send = CommandLine::own("send").arg("--yes");
            Some(send.operand(&item.id).mailbox(item))
        } else {
            None
        };
        match (resumed, last) {
            (Some(resumed), Some(last)) => Some(resumed.and(last)),
            (resumed, last) => resumed.or(last),
        }
    }

    /// `attach` of these files: what was begun is resumed by it.
    fn attach(&self, item: &Item, files: &[&FileEntry]) -> CommandLine {
        let mut line = CommandLine::own("attach").item(item);
        for (name, value) in &self.options {
            line = match value {
                Some(value) => line.option(name, value),
                None => line.arg(*name),
            };
        }
        if self.send {
            line = line.arg("--send");
        }
        let mut files: Vec<&OsStr> = files.iter().map(|entry| entry.path.as_os_str()).collect();
        // A list need not be written out where what it names is attached once anyway.
        if let Some((list, null)) = self.list.as_ref().filter(|_| !self.again) {
            line = line.option("--files-from", list);
            if *null {
                line = line.arg("--null");
            }
            files.retain(|file| self.beside_list.iter().any(|other| other == file));
        }
        if let Some(producer) = &self.producer {
            return line.arg("--stdin-from-command").behind_dashes(producer);
        }
        let reads_stdin = files.iter().any(|file| *file == STDIN);
        let line = line.operands(files);
        match reads_stdin {
            true => CommandLine::program("PRODUCER").pipe(line),
            false => line,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{
        args::{Cli, Command},
        graph::ItemKind,
        terminal::Shell,
    };

    const DONE: FileStatus = FileStatus::Attached;
    const DOUBT: FileStatus = FileStatus::Left {
        session: None,
        in_doubt: true,
    };
    const NEVER: FileStatus = FileStatus::Untried;

    fn left() -> FileStatus {
        let session = "7Q2KM4XA".parse().ok();
        FileStatus::Left {
            session,
            in_doubt: true,
        }
    }

    /// What follows `attach ARGS` that was stopped with its files in these states.
    fn after(args: &str, files: &[(&str, FileStatus)]) -> String {
        let words = shlex::split(&format!("graph-attach attach --message A=B {args}")).unwrap();
        let Ok(Command::Attach(args)) = Cli::try_parse_from(words).map(|cli| cli.command) else {
            panic!("{args}");
        };
        let mut follow_up = FollowUp::attach(&args);
        follow_up.set_item(&Item {
            kind: ItemKind::Message,
            id: "A=B".to_owned(),
            mailbox: None,
        });
        let entries: Vec<FileEntry> = files
            .iter()
            .map(|&(path, status)| FileEntry {
                path: path.into(),
                status,
                kept: None,
            })
            .collect();
        let line = follow_up.command(&entries);
        line.map(|line| Shell::Posix.line(&line, &[]).unwrap())
            .unwrap_or_default()
    }

    #[test]
    fn one_file_is_resumed_and_several_are_attached() {
        assert_eq!(after("f", &[("f", left())]), "graph-attach resume 7Q2KM4XA");
        assert_eq!(
            after("f", &[("f", DOUBT)]),
            "graph-attach attach --message A=B f"
        );
        assert_eq!(
            after(
                "--verify a b 'c d'",
                &[("a", DONE), ("b", left()), ("c d", NEVER)]
            ),
            "graph-attach attach --message A=B --verify b 'c d'"
        );
        assert_eq!(after("a", &[("a", DONE)]), "");
    }

    #[test]
    fn a_second_copy_is_never_a_third() {
        assert_eq!(
            after("--again a b", &[("a", DONE), ("b", left())]),
            "graph-attach resume 7Q2KM4XA"
        );
        assert_eq!(
            after(
                "--again --send a b c",
                &[("a", DONE), ("b", left()), ("c", NEVER)]
            ),
            "graph-attach attach --message A=B --again --send b c"
        );
        assert_eq!(
            after("--again a b", &[("a", DOUBT), ("b", NEVER)]),
            "graph-attach ls --message A=B"
        );
    }

    #[test]
    fn standard_input_does_not_come_again() {
        assert_eq!(
            after("--name q --send -", &[("-", left())]),
            "graph-attach resume 7Q2KM4XA && graph-attach send --yes A=B"
        );
        assert_eq!(
            after("--name q -", &[("-", NEVER)]),
            "PRODUCER | graph-attach attach --message A=B --name q -"
        );
    }

    #[test]
    fn a_message_that_has_everything_is_sent() {
        assert_eq!(
            after("--send a", &[("a", DONE)]),
            "graph-attach send --yes A=B"
        );
    }

    #[test]
    fn lists_are_named_and_odd_names_are_quoted() {
        assert_eq!(
            after("--files-from list -0 x", &[("x", DONE), ("y", NEVER)]),
            "graph-attach attach --message A=B --files-from list --null"
        );
        assert_eq!(
            after("--files-from list --again", &[("x", DONE), ("y", NEVER)]),
            "graph-attach attach --message A=B --again y"
        );
        assert_eq!(
            after("-- -f", &[("-f", NEVER)]),
            "graph-attach attach --message A=B -- -f"
        );
    }
}
