//! The files that a command line names: paths, lists of paths, and standard input.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read, Seek, Write},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use tempfile::TempPath;

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
    /// How standard input is written.
    pub(super) const STDIN: &'static str = "-";

    /// As the user wrote it.
    pub(super) fn display(&self) -> String {
        match self {
            Input::Path(path) => path.display().to_string(),
            Input::Stdin => Self::STDIN.to_owned(),
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
    let token = context.settings.credentials.sources.first();
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
            &["give it one with `--name NAME`"],
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
    /// The id that its session will have; `None` when it cannot be resumed.
    pub(super) id: Option<SessionId>,
    /// Why not, where the state directory is at fault.
    pub(super) trouble: Option<io::Error>,
    /// Whether nothing came.
    pub(super) empty: bool,
    /// Removes what is not kept for a session in the end.
    _temporary: Option<TempPath>,
    /// Open, and so locked, until its session is.
    _file: fs::File,
}

/// Copies standard input to disk, up to the limit. Blocks; called on another thread.
pub(super) fn spool(store: Option<&Store>) -> Result<Spool, SpoolError> {
    spool_from(io::stdin().lock(), store)
}

/// A file that standard input goes to, removed unless it is kept.
struct Place {
    file: fs::File,
    path: TempPath,
    /// In the state directory, under this id.
    id: Option<SessionId>,
}

impl Place {
    fn kept(store: &Store) -> io::Result<Self> {
        let id = store.new_id();
        let file = store.create_spool(id)?;
        let path = TempPath::try_from_path(store.spool(id))?;
        Ok(Place {
            file,
            path,
            id: Some(id),
        })
    }

    fn temporary() -> io::Result<Self> {
        let (file, path) = tempfile::NamedTempFile::new()?.into_parts();
        Ok(Place {
            file,
            path,
            id: None,
        })
    }

    /// A temporary file with the first `length` bytes of this one.
    fn moved(mut self, length: u64) -> io::Result<Self> {
        let mut to = Place::temporary()?;
        self.file.rewind()?;
        io::copy(&mut (&self.file).take(length), &mut to.file)?;
        Ok(to)
    }
}

fn spool_from(mut input: impl Read, store: Option<&Store>) -> Result<Spool, SpoolError> {
    let mut trouble = None;
    let kept = store.and_then(|store| {
        Place::kept(store)
            .map_err(|error| trouble = Some(error))
            .ok()
    });
    let mut place = match kept {
        Some(place) => place,
        None => Place::temporary()?,
    };
    let (mut block, mut length) = (vec![0; 128 * 1024], 0);
    loop {
        let count = match input.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        let bytes = &block[..count];
        if let Err(error) = place.file.write_all(bytes) {
            if place.id.is_none() {
                return Err(error.into());
            }
            // What was read cannot be read again: elsewhere there may be room for it.
            place = place.moved(length)?;
            place.file.write_all(bytes)?;
            trouble = Some(error);
        }
        length += count as u64;
        if length > LARGEST {
            return Err(SpoolError::TooLarge);
        }
    }
    let empty = length == 0;
    // It must survive what its session survives.
    if place.id.is_some()
        && let Err(error) = place.file.sync_all()
    {
        place.id = None;
        trouble = Some(error);
    }
    let path = place.path.to_path_buf();
    let temporary = match place.id {
        None => Some(place.path),
        Some(_) => {
            let kept = place.path.keep();
            kept.map_err(|error| error.error)?;
            None
        }
    };
    Ok(Spool {
        path,
        id: place.id,
        trouble,
        empty,
        _temporary: temporary,
        _file: place.file,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_input_is_kept_under_an_id_or_else_elsewhere() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let kept = spool_from(&b"hello"[..], Some(&store)).unwrap();
        assert_eq!(kept.path, store.spool(kept.id.unwrap()));
        assert_eq!(fs::read(&kept.path).unwrap(), b"hello");
        assert!(kept.trouble.is_none());
        let path = kept.path.clone();
        drop(kept);
        assert!(path.exists());

        let elsewhere = spool_from(&b"hello"[..], None).unwrap();
        assert_eq!(fs::read(&elsewhere.path).unwrap(), b"hello");
        assert_eq!(elsewhere.id, None);
        let path = elsewhere.path.clone();
        drop(elsewhere);
        assert!(!path.exists());
    }

    #[test]
    fn a_place_that_fails_in_the_middle_loses_nothing() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let mut place = Place::kept(&store).unwrap();
        // The last three bytes stand for what a failing write left behind.
        place.file.write_all(b"all of it...").unwrap();
        let moved = place.moved(9).unwrap();
        assert_eq!(moved.id, None);
        assert_eq!(fs::read(&moved.path).unwrap(), b"all of it");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn too_much_is_noticed_at_the_limit_and_not_left_behind() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let endless = io::repeat(7);
        let result = spool_from(endless, Some(&store));
        assert!(matches!(result, Err(SpoolError::TooLarge)));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
