//! The files that a command line names: paths, lists of paths, and standard input.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read, Write},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use crate::{
    cli::{AttachArgs, values},
    exit::Usage,
    graph::Attachment,
    session::{SessionId, Store},
    upload::plan::LARGEST,
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

/// Everything that the arguments name, in order.
pub(super) fn inputs(args: &AttachArgs) -> anyhow::Result<Vec<Input>> {
    let mut paths = args.files.clone();
    if let Some(list) = &args.files_from {
        paths.extend(listed(list, args.null)?);
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
    let list_is_stdin = args.files_from.as_deref() == Some(Path::new("-"));
    if stdin + usize::from(list_is_stdin) > 1 {
        return Err(Usage::new("standard input can be read once only", &[]).into());
    }
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
