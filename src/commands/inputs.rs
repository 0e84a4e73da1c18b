//! The files that a command line names: paths, lists of paths, and standard input.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read, Write},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use super::work::Context;
use crate::{
    cli::{AttachArgs, ComposeArgs, links, values},
    config::Credential,
    exit::{Usage, shell},
    graph::Attachment,
    session::{SessionId, Store},
    upload::{Source, SourceError, plan::LARGEST},
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
            Input::Stdin => "-".to_owned(),
        }
    }
}

/// The options that read standard input, of those that say what a draft is to be.
pub(super) fn readers(compose: &ComposeArgs) -> Vec<&'static str> {
    let options = [
        ("--body-file -", &compose.body_file),
        ("--json-file -", &compose.json_file),
    ];
    let readers = options
        .iter()
        .filter(|(_, path)| path.iter().any(|path| is_stdin(&path)));
    readers.map(|(name, _)| *name).collect()
}

/// Refuses a command line on which several things read standard input.
pub(super) fn one_reader_of_stdin(
    mut readers: Vec<&'static str>,
    context: &Context,
) -> Result<(), Usage> {
    let token = context.settings.credentials.ways.first();
    if token.is_some_and(|way| way.value == Credential::Stdin) {
        readers.push("--token-file -");
    }
    match readers.as_slice() {
        [] | [_] => Ok(()),
        [first, second, ..] => Err(Usage::new(
            format!("standard input can be read once only: `{first}` and `{second}` both want it"),
            &[],
        )),
    }
}

/// Everything on the command line of `attach` that reads standard input.
pub(super) fn stdin_readers(args: &AttachArgs) -> Vec<&'static str> {
    let mut readers = readers(&args.compose);
    readers.extend(args.files.iter().filter(is_stdin).map(|_| "-"));
    let list = args.files_from.iter().filter(is_stdin);
    readers.extend(list.map(|_| "--files-from -"));
    readers
}

fn is_stdin(path: &&PathBuf) -> bool {
    **path == Path::new("-")
}

/// Everything that the arguments name, in order.
pub(super) fn inputs(args: &AttachArgs, context: &Context) -> anyhow::Result<Vec<Input>> {
    let mut readers = stdin_readers(args);
    one_reader_of_stdin(readers.clone(), context)?;
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
        return Err(Usage::new(
            "standard input has no name",
            &["give it one: graph-attach attach --name NAME -"],
        )
        .into());
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
        hints: vec![format!(
            "did you mean this? graph-attach attach --message {quoted} {files}"
        )],
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
    let hint = "give it another one: graph-attach attach --name NAME FILE";
    let Some(name) = path.file_name() else {
        return Err(Usage::new(format!("`{}` names no file", path.display()), &[]).into());
    };
    let Some(text) = name.to_str() else {
        let shown = String::from_utf8_lossy(name.as_bytes());
        return Err(Usage::new(format!("the file name `{shown}` is not UTF-8"), &[hint]).into());
    };
    values::name(text).map_err(|why| {
        Usage::new(
            format!(
                "`{}` cannot be the name of an attachment: {why}",
                path.display()
            ),
            &[hint],
        )
        .into()
    })
}

/// Standard input could not be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpoolError {
    /// More than an attachment can be. Only the limit was read.
    #[error("standard input has more than 150 MB ({LARGEST} bytes)")]
    TooLarge,
    /// Reading or writing failed.
    #[error("standard input could not be kept on disk: {0}")]
    Io(#[from] io::Error),
}

/// Where standard input was put.
#[derive(Debug)]
pub(super) struct Spool {
    pub(super) path: PathBuf,
    /// The id that its session will have; `None` when it is in a temporary file, and cannot be
    /// resumed.
    pub(super) id: Option<SessionId>,
    /// Removes the temporary file in the end.
    _temporary: Option<tempfile::TempPath>,
}

/// Copies standard input to disk, up to the limit. Blocks; called on another thread.
pub(super) fn spool(store: Option<&Store>) -> Result<Spool, SpoolError> {
    let kept = store.and_then(|store| {
        let id = store.new_id();
        store
            .create_spool(id)
            .ok()
            .map(|file| (file, id, store.spool(id)))
    });
    match kept {
        Some((mut file, id, path)) => match copy(&mut file) {
            Ok(()) => Ok(Spool {
                path,
                id: Some(id),
                _temporary: None,
            }),
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(error)
            }
        },
        None => {
            let (mut file, temporary) = tempfile::NamedTempFile::new()?.into_parts();
            copy(&mut file)?;
            Ok(Spool {
                path: temporary.to_path_buf(),
                id: None,
                _temporary: Some(temporary),
            })
        }
    }
}

fn copy(file: &mut fs::File) -> Result<(), SpoolError> {
    let copied = io::copy(&mut io::stdin().lock().take(LARGEST + 1), file)?;
    if copied > LARGEST {
        return Err(SpoolError::TooLarge);
    }
    file.flush()?;
    // It must survive what its session survives.
    file.sync_all()?;
    Ok(())
}
