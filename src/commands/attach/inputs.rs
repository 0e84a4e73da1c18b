//! The files that a command line names: paths, lists of paths, and standard input.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use crate::{
    args::AttachArgs,
    commands::{
        CommandContext,
        follow_up::STDIN,
        stdin_readers::{is_stdin, one_reader_of_stdin, readers},
    },
    graph::Attachment,
    links,
    report::{self, CommandLine, ExitReport},
    upload::{Source, SourceError},
    values,
};

/// One file to attach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// A file.
    Path(PathBuf),
    /// Standard input, kept on disk so that it can be resumed.
    Stdin,
}

impl Input {
    /// How large it is, as far as that can be told before it is opened.
    pub(super) fn size(&self) -> u64 {
        match self {
            Input::Path(path) => std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
            Input::Stdin => 0,
        }
    }

    /// As the user wrote it.
    pub(super) fn path(&self) -> &Path {
        match self {
            Input::Path(path) => path,
            Input::Stdin => Path::new(STDIN),
        }
    }

    /// The same, for people and in JSON.
    pub(super) fn shown(&self) -> String {
        self.path().to_string_lossy().into_owned()
    }
}

/// Everything on the command line of `attach` that reads standard input.
pub(super) fn stdin_readers(args: &AttachArgs) -> Vec<&'static str> {
    let mut readers = readers(&args.compose);
    // Of a command, `-` is an argument.
    let files = args.files.iter().filter(|_| !args.stdin_from_command);
    readers.extend(files.filter(is_stdin).map(|_| "-"));
    let list = args.files_from.iter().filter(is_stdin);
    readers.extend(list.map(|_| "--files-from -"));
    readers
}

/// Everything that the arguments name, in order.
pub(super) fn inputs(args: &AttachArgs, context: &CommandContext) -> report::Result<Vec<Input>> {
    let mut readers = stdin_readers(args);
    one_reader_of_stdin(readers.clone(), context)?;
    if args.stdin_from_command {
        return match args.name {
            Some(_) => Ok(vec![Input::Stdin]),
            None => Err(no_name("the output of a command")),
        };
    }
    let mut paths = args.files.clone();
    if let Some(list) = &args.files_from {
        let listed = listed(list, args.null)?;
        readers.extend(listed.iter().filter(is_stdin).map(|_| "-"));
        one_reader_of_stdin(readers, context)?;
        paths.extend(listed);
    }
    let inputs: Vec<Input> = paths
        .into_iter()
        .map(|path| {
            if path == Path::new("-") {
                Input::Stdin
            } else {
                Input::Path(path)
            }
        })
        .collect();
    let stdin = inputs
        .iter()
        .filter(|input| **input == Input::Stdin)
        .count();
    if stdin == 1 && args.name.is_none() {
        return Err(no_name("standard input"));
    }
    if inputs.len() > 1 && (args.name.is_some() || args.content_type.is_some()) {
        let option = if args.name.is_some() {
            "--name"
        } else {
            "--content-type"
        };
        return Err(ExitReport::usage(format!("`{option}` is for one file")));
    }
    if inputs.len() > 1 && args.content_id.is_some() {
        return Err(ExitReport::usage("`--content-id` is for one file"));
    }
    if inputs.is_empty() {
        return Err(ExitReport::usage("the list names no files"));
    }
    Ok(inputs)
}

/// Somebody who wrote an id where a file belongs is told so.
pub(super) fn id_among_files(files: &[PathBuf]) -> report::Result<()> {
    let ids = files.iter().filter(|path| !path.exists());
    let id = ids
        .filter_map(|path| path.to_str())
        .find(|text| links::is_like_an_id(text) || links::id_in(text).is_ok_and(|id| id.is_some()));
    let Some(id) = id else { return Ok(()) };
    let mut files: Vec<OsString> = files
        .iter()
        .filter(|path| **path != Path::new(id))
        .map(OsString::from)
        .collect();
    if files.is_empty() {
        files.push("FILE".into());
    }
    let attach = CommandLine::own("attach").option("--message", id);
    Err(ExitReport::usage(format!(
        "`{id}` looks like the id of a message or an event, not like a file"
    ))
    .run(attach.operands(files)))
}

/// Refuses when not one of the files could be attached: then no draft should be made for them.
pub(super) fn any_readable(inputs: &[Input]) -> Result<(), SourceError> {
    let mut first = None;
    for input in inputs {
        match input {
            Input::Stdin => return Ok(()),
            Input::Path(path) => match Source::open(path) {
                Ok(_) => return Ok(()),
                Err(error) => first = first.or(Some(error)),
            },
        }
    }
    first.map_or(Ok(()), Err)
}

/// The paths in a list; empty lines name nothing.
fn listed(list: &Path, null: bool) -> report::Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    let read = if list == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes)
    } else {
        fs::File::open(list).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        ExitReport::usage(format!(
            "cannot read the list `{}`: {error}",
            list.display()
        ))
    })?;
    let end = if null { b'\0' } else { b'\n' };
    let paths = bytes.split(|byte| *byte == end).map(|line| match line {
        [line @ .., b'\r'] if !null => line,
        line => line,
    });
    Ok(paths
        .filter(|path| !path.is_empty())
        .map(|path| PathBuf::from(OsString::from_vec(path.to_vec())))
        .collect())
}

/// What a file becomes as an attachment.
pub(super) fn attachment(input: &Input, args: &AttachArgs) -> report::Result<Attachment> {
    let name = match (&args.name, input) {
        (Some(name), _) => name.clone(),
        (None, Input::Stdin) => return Err(no_name("standard input")),
        (None, Input::Path(path)) => own_name(path)?,
    };
    let content_type = args.content_type.clone().unwrap_or_else(|| {
        mime_guess::from_path(&name)
            .first_raw()
            .unwrap_or("application/octet-stream")
            .to_owned()
    });
    let content_id = args.inline.then(|| {
        let given = args.content_id.clone();
        given.unwrap_or_else(|| values::content_id_of(&name))
    });
    Ok(Attachment {
        name,
        content_type,
        is_inline: args.inline,
        content_id,
    })
}

fn no_name(what: &str) -> ExitReport {
    ExitReport::usage(format!("{what} has no name")).advise("give it one with `--name NAME`")
}

fn own_name(path: &Path) -> report::Result<String> {
    let shown = path.display();
    let Some(name) = path.file_name() else {
        return Err(ExitReport::usage(format!("`{shown}` does not name a file")));
    };
    let Some(text) = name.to_str() else {
        let shown = String::from_utf8_lossy(name.as_bytes());
        return Err(
            ExitReport::usage(format!("the file name `{shown}` is not UTF-8"))
                .advise("give it another one with `--name NAME`"),
        );
    };
    values::name(text).map_err(|why| {
        let attach = CommandLine::own("attach").option("--name", "NAME");
        ExitReport::usage(format!(
            "`{shown}` cannot be the name of an attachment: {why}"
        ))
        .run(attach.operand(path))
    })
}
