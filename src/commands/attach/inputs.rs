//! The files that a command line names: paths, lists of paths, and standard input.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use crate::{
    args::{AttachArgs, links, values},
    commands::{
        CommandContext,
        follow_up::STDIN,
        stdin_readers::{is_stdin, one_reader_of_stdin, readers},
    },
    graph::Attachment,
    report::{Usage, shell},
    upload::{Source, SourceError},
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
    /// As the user wrote it.
    pub(super) fn display(&self) -> String {
        match self {
            Input::Path(path) => path.display().to_string(),
            Input::Stdin => STDIN.to_owned(),
        }
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
pub(super) fn inputs(args: &AttachArgs, context: &CommandContext) -> anyhow::Result<Vec<Input>> {
    let mut readers = stdin_readers(args);
    one_reader_of_stdin(readers.clone(), context)?;
    if args.stdin_from_command {
        return match args.name {
            Some(_) => Ok(vec![Input::Stdin]),
            None => Err(unnamed("the output of a command has no name").into()),
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
        return Err(unnamed("standard input has no name").into());
    }
    if inputs.len() > 1 && (args.name.is_some() || args.content_type.is_some()) {
        let option = if args.name.is_some() {
            "--name"
        } else {
            "--content-type"
        };
        return Err(Usage::new(format!("`{option}` is for one file"), &[]).into());
    }
    if inputs.len() > 1 && args.content_id.is_some() {
        return Err(Usage::new("`--content-id` is for one file", &[]).into());
    }
    if inputs.is_empty() {
        return Err(Usage::new("the list names no files", &[]).into());
    }
    Ok(inputs)
}

fn unnamed(what: &str) -> Usage {
    Usage::new(what, &["give it one with `--name NAME`"])
}

/// Somebody who wrote an id where a file belongs is told so.
pub(super) fn id_among_files(files: &[PathBuf]) -> Result<(), Usage> {
    let ids = files.iter().filter(|path| !path.exists());
    let id = ids
        .filter_map(|path| path.to_str())
        .find(|text| links::is_like_an_id(text) || links::id_in(text).is_ok_and(|id| id.is_some()));
    let Some(id) = id else { return Ok(()) };
    let files = files.iter().map(|path| path.to_string_lossy());
    let files: Vec<String> = files
        .filter(|file| file != id)
        .map(|file| shell(&file))
        .collect();
    let files = match files.is_empty() {
        true => "FILE".to_owned(),
        false => files.join(" "),
    };
    let quoted = shell(id);
    Err(Usage {
        message: format!("`{id}` looks like the id of a message or an event, not like a file"),
        hints: vec![format!("graph-attach attach --message {quoted} {files}")],
    })
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
fn listed(list: &Path, null: bool) -> anyhow::Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    let read = if list == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes)
    } else {
        fs::File::open(list).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        Usage::new(
            format!("cannot read the list `{}`: {error}", list.display()),
            &[],
        )
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
pub(super) fn attachment(input: &Input, args: &AttachArgs) -> anyhow::Result<Attachment> {
    let name = match (&args.name, input) {
        (Some(name), _) => name.clone(),
        (None, Input::Stdin) => return Err(Usage::new("standard input has no name", &[]).into()),
        (None, Input::Path(path)) => own_name(path)?,
    };
    let content_type = args.content_type.clone().unwrap_or_else(|| {
        mime_guess::from_path(&name)
            .first_raw()
            .unwrap_or("application/octet-stream")
            .to_owned()
    });
    let content_id = args
        .inline
        .then(|| args.content_id.clone().unwrap_or_else(|| name.clone()));
    Ok(Attachment {
        name,
        content_type,
        is_inline: args.inline,
        content_id,
    })
}

fn own_name(path: &Path) -> anyhow::Result<String> {
    let hint = format!(
        "graph-attach attach --name NAME {}",
        shell(&path.to_string_lossy())
    );
    let Some(name) = path.file_name() else {
        return Err(Usage::new(format!("`{}` names no file", path.display()), &[]).into());
    };
    let Some(text) = name.to_str() else {
        let shown = String::from_utf8_lossy(name.as_bytes());
        let hint = "give it another one with `--name NAME`";
        return Err(Usage::new(format!("the file name `{shown}` is not UTF-8"), &[hint]).into());
    };
    values::name(text).map_err(|why| {
        Usage::new(
            format!(
                "`{}` cannot be the name of an attachment: {why}",
                path.display()
            ),
            &[&hint],
        )
        .into()
    })
}
