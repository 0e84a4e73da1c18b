//! Standard input, kept on disk so that its upload can be resumed.

use std::{
    fs,
    io::{self, Read, Seek, Write},
    path::PathBuf,
};

use tempfile::TempPath;

use crate::{
    session::{SessionId, Store},
    upload::plan::LARGEST,
};

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
