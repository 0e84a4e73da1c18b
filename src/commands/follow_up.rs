//! The command that goes on with what `attach` or `resume` could not finish, written so that it can be
//! pasted, and so that it attaches nothing twice. Pure.

use crate::{
    args::AttachArgs,
    graph::Item,
    report::{flags, shell},
    session::SessionId,
    upload::plan::CHUNK,
};

/// How standard input is written among files.
pub(crate) const STDIN: &str = "-";

/// One file of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileEntry {
    /// As the user knows it.
    pub(crate) shown: String,
    /// What became of it.
    pub(crate) status: FileStatus,
    /// The session that keeps what a pipe brought, whatever became of it so far.
    pub(crate) kept: Option<SessionId>,
}

impl FileEntry {
    /// A file that was not reached yet.
    pub(crate) fn new(shown: String) -> Self {
        FileEntry {
            shown,
            status: FileStatus::Untried,
            kept: None,
        }
    }

    /// The session that can be resumed.
    fn session(&self) -> Option<SessionId> {
        match self.status {
            FileStatus::Attached => None,
            FileStatus::Left { session, .. } => session.or(self.kept),
            FileStatus::Untried => self.kept,
        }
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
    AttachFollowUp(AttachFollowUp),
    /// `resume` of these sessions, one for each file.
    Resume(Vec<SessionId>),
}

/// What `attach` was asked for.
#[derive(Debug)]
pub(crate) struct AttachFollowUp {
    item: Option<Item>,
    /// The options that matter to every file, as a shell takes them.
    options: Vec<String>,
    /// The list that named the files, if it can be read again.
    list: Option<String>,
    /// Files that the list does not name.
    beside_list: Vec<String>,
    /// The command whose output is attached, as a shell takes it.
    producer: Option<String>,
    again: bool,
    new: bool,
    send: bool,
}

impl FollowUp {
    /// `attach` with these arguments.
    pub(crate) fn attach(args: &AttachArgs) -> Self {
        let mut options = Vec::new();
        let mut option = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                options.push(format!("{name} {}", shell(value)));
            }
        };
        option("--name", &args.name);
        option("--content-type", &args.content_type);
        option("--content-id", &args.content_id);
        let chunk = (args.chunk_size != CHUNK).then(|| args.chunk_size.to_string());
        option("--chunk-size", &chunk);
        for (given, name) in [
            (args.inline, "--inline"),
            (args.verify, "--verify"),
            (args.again, "--again"),
            (args.fail_fast, "--fail-fast"),
        ] {
            if given {
                options.push(name.to_owned());
            }
        }
        let list = args.files_from.as_ref();
        let list = list.filter(|list| list.as_os_str() != "-").map(|list| {
            let null = if args.null { " --null" } else { "" };
            format!("--files-from {}{null}", shell(&list.to_string_lossy()))
        });
        let words = args.files.iter().map(|word| shell(&word.to_string_lossy()));
        let producer = args
            .stdin_from_command
            .then(|| words.collect::<Vec<_>>().join(" "));
        let files = args.files.iter().filter(|_| producer.is_none());
        FollowUp::AttachFollowUp(AttachFollowUp {
            item: None,
            options,
            list,
            beside_list: files.map(|path| path.display().to_string()).collect(),
            producer,
            again: args.again,
            new: args.new,
            send: args.send,
        })
    }

    /// Onto which item the files go.
    pub(crate) fn onto(&mut self, item: &Item) {
        if let FollowUp::AttachFollowUp(attach) = self {
            attach.item = Some(item.clone());
        }
    }

    /// A hint at another `attach`, onto the same item.
    pub(crate) fn named(&self, hint: &str) -> String {
        const ATTACH: &str = "graph-attach attach ";
        match self {
            FollowUp::AttachFollowUp(AttachFollowUp {
                item: Some(item), ..
            }) => hint.replace(ATTACH, &format!("{ATTACH}{} ", flags(item))),
            _ => hint.to_owned(),
        }
    }

    /// Whether the message is sent in the end.
    pub(crate) fn sends(&self) -> bool {
        matches!(self, FollowUp::AttachFollowUp(attach) if attach.send)
    }

    /// Whether more is left to do than to finish the files that were begun: a message that was made for
    /// them, or that is to be sent.
    pub(crate) fn is_more_than_files(&self) -> bool {
        matches!(self, FollowUp::AttachFollowUp(attach) if attach.send || attach.new)
    }

    /// The command for what is left; none where there is nothing to go on with.
    pub(crate) fn command(&self, entries: &[FileEntry]) -> Option<String> {
        match self {
            FollowUp::AttachFollowUp(attach) => attach.command(entries),
            FollowUp::Resume(sessions) => {
                let left = sessions.iter().zip(entries);
                let left: Vec<String> = left
                    .filter(|(_, entry)| entry.status != FileStatus::Attached)
                    .map(|(session, _)| session.to_string())
                    .collect();
                resume(&left)
            }
        }
    }
}

/// `resume` of these sessions, if there are any.
fn resume(sessions: &[String]) -> Option<String> {
    (!sessions.is_empty()).then(|| format!("graph-attach resume {}", sessions.join(" ")))
}

impl AttachFollowUp {
    fn command(&self, entries: &[FileEntry]) -> Option<String> {
        let item = self.item.as_ref()?;
        let left: Vec<&FileEntry> = entries
            .iter()
            .filter(|entry| entry.status != FileStatus::Attached)
            .collect();
        // A second copy of what may be there already would be a third: only a person can tell.
        if self.again && left.iter().any(|entry| is_in_doubt(entry)) {
            return Some(format!("graph-attach ls {}", flags(item)));
        }
        let session = |entry: &&FileEntry| entry.session();
        let sessions = || left.iter().filter_map(session).map(|id| id.to_string());
        let only_sessions = sessions().count() == left.len();
        if only_sessions && !(self.send || self.new) {
            return resume(&sessions().collect::<Vec<_>>());
        }
        // What came through standard input is kept with its session; it does not come again.
        let is_kept = |entry: &&&FileEntry| entry.shown == STDIN && session(entry).is_some();
        let kept: Vec<String> = left
            .iter()
            .filter(is_kept)
            .filter_map(session)
            .map(|id| id.to_string())
            .collect();
        let rest: Vec<&str> = left
            .iter()
            .filter(|entry| !is_kept(entry))
            .map(|entry| entry.shown.as_str())
            .collect();
        let mut commands: Vec<String> = resume(&kept).into_iter().collect();
        if !rest.is_empty() {
            commands.push(self.attach(item, &rest));
        } else if self.send {
            commands.push(format!("graph-attach send --yes {}", send_flags(item)));
        }
        (!commands.is_empty()).then(|| commands.join(" && "))
    }

    /// `attach` of these files: what was begun is resumed by it.
    fn attach(&self, item: &Item, files: &[&str]) -> String {
        let mut words = vec!["graph-attach attach".to_owned(), flags(item)];
        words.extend(self.options.iter().cloned());
        words.extend(self.send.then(|| "--send".to_owned()));
        // A list need not be written out where what it names is attached once anyway.
        let listed = self.list.as_ref().filter(|_| !self.again);
        words.extend(listed.cloned());
        if let Some(producer) = &self.producer {
            words.push(format!("--stdin-from-command -- {producer}"));
            return words.join(" ");
        }
        let files: Vec<&str> = match listed {
            Some(_) => {
                let beside = |file: &&&str| self.beside_list.iter().any(|other| other == **file);
                files.iter().filter(beside).copied().collect()
            }
            None => files.to_vec(),
        };
        let is_option = |file: &&str| file.starts_with('-') && **file != *STDIN;
        if files.iter().any(is_option) {
            words.push("--".to_owned());
        }
        words.extend(files.iter().map(|file| shell(file)));
        let command = words.join(" ");
        match files.contains(&STDIN) {
            true => format!("PRODUCER | {command}"),
            false => command,
        }
    }
}

fn is_in_doubt(entry: &FileEntry) -> bool {
    matches!(
        entry.status,
        FileStatus::Left {
            session: None,
            in_doubt: true
        }
    )
}

/// The message of `send`, and in whose mailbox it is.
pub(crate) fn send_flags(item: &Item) -> String {
    let mut words = shell(&item.id);
    if let Some(mailbox) = &item.mailbox {
        words += &format!(" --mailbox {}", shell(mailbox));
    }
    words
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{
        args::{Cli, Command},
        graph::ItemKind,
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

    /// What follows `attach ARGS` that was stopped with its files at these fates.
    fn after(args: &str, files: &[(&str, FileStatus)]) -> String {
        let words = shlex::split(&format!("graph-attach attach --message A=B {args}")).unwrap();
        let Ok(Command::Attach(args)) = Cli::try_parse_from(words).map(|cli| cli.command) else {
            panic!("{args}");
        };
        let mut follow_up = FollowUp::attach(&args);
        follow_up.onto(&Item {
            kind: ItemKind::Message,
            id: "A=B".to_owned(),
            mailbox: None,
        });
        let entries: Vec<FileEntry> = files
            .iter()
            .map(|&(shown, status)| FileEntry {
                shown: shown.to_owned(),
                status,
                kept: None,
            })
            .collect();
        follow_up.command(&entries).unwrap_or_default()
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
