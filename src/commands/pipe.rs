//! What comes through a pipe: kept on disk under a record before anything is done with it, so that
//! `resume` can finish it whatever ends the command.
//!
//! A pipe cannot be read again. What it brought is removed only once it is attached, or when the user
//! says so (`cancel`, `prune --discard-unfinished`). A pipe whose end was not seen is kept too, and is
//! never attached by itself: it may be a part.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use tempfile::TempPath;

use crate::{
    digest::{Digest, Hasher},
    graph::{Attachment, Item},
    report::PipeError,
    session::{Durability, HashedOffset, Lock, Pipe, Record, SessionId, State, Store},
    upload::{Outcome, Route, Source, plan::LARGEST},
};

/// Where the content comes from.
#[derive(Debug, Clone)]
pub(super) enum Producer {
    /// Standard input.
    Stdin,
    /// A command, whose exit status says whether that was all.
    Command(Vec<OsString>),
}

/// What the content is to become: all that a record must know.
#[derive(Debug, Clone)]
pub(super) struct Purpose {
    pub(super) endpoint: String,
    pub(super) item: Item,
    pub(super) attachment: Attachment,
    pub(super) chunk: u64,
    pub(super) again: bool,
    pub(super) verify: bool,
}

/// Content that was kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) path: PathBuf,
    /// The id that its session has; `None` when it cannot be resumed.
    pub(super) id: Option<SessionId>,
    /// Why not, where the state directory is at fault.
    pub(super) trouble: Option<io::Error>,
    /// Bytes that came.
    pub(super) length: u64,
    sha256: Digest,
    /// Removes what is not kept for a session in the end.
    temporary: Option<TempPath>,
    /// Open, and so locked, until its session is.
    _file: fs::File,
    /// Of its session.
    _lock: Option<Lock>,
}

/// Copies what the producer writes to disk, up to the limit, and makes sure that it is all. Blocks;
/// called on another thread. `begun` is told the session that keeps it, as soon as something came.
pub(super) fn keep(
    producer: Producer,
    store: Option<&Store>,
    purpose: &Purpose,
    begun: impl FnMut(SessionId),
) -> Result<Kept, PipeError> {
    match producer {
        Producer::Stdin => {
            let kept = keep_from(io::stdin().lock(), store, purpose, begun)?;
            Ok(completed(kept, store, purpose))
        }
        Producer::Command(words) => {
            let (mut child, command) = start(&words)?;
            let output = child.stdout.take();
            let result = match output {
                Some(output) => keep_from(output, store, purpose, begun),
                None => keep_from(io::empty(), store, purpose, begun),
            };
            // Its pipe is closed by now: one that still writes ends.
            let status = child.wait().map_err(|source| PipeError::Io {
                source,
                kept: result.as_ref().ok().and_then(|kept| kept.id),
            })?;
            let kept = result?;
            if status.success() {
                return Ok(completed(kept, store, purpose));
            }
            Err(failed(kept, command, status))
        }
    }
}

fn start(words: &[OsString]) -> Result<(Child, String), PipeError> {
    let name = words.first().cloned().unwrap_or_default();
    let command = name.to_string_lossy().into_owned();
    let child = Command::new(&name)
        .args(words.iter().skip(1))
        .stdout(Stdio::piped())
        .spawn();
    match child {
        Ok(child) => Ok((child, command)),
        Err(source) => Err(PipeError::NotStarted { command, source }),
    }
}

fn failed(kept: Kept, command: String, status: ExitStatus) -> PipeError {
    let (came, id) = (kept.length, kept.id);
    let place = match kept.temporary {
        // Nothing came, or it is kept under a record.
        Some(temporary) if came > 0 => temporary.keep().unwrap_or(kept.path),
        _ => kept.path,
    };
    PipeError::Failed {
        command,
        status,
        came,
        place,
        kept: id,
    }
}

/// A file that the content goes to, removed unless it is kept.
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

fn keep_from(
    mut input: impl Read,
    store: Option<&Store>,
    purpose: &Purpose,
    mut begun: impl FnMut(SessionId),
) -> Result<Kept, PipeError> {
    let mut trouble = None;
    let kept = store.and_then(|store| {
        Place::kept(store)
            .map_err(|error| trouble = Some(error))
            .ok()
    });
    let without = |source| PipeError::Io { source, kept: None };
    let mut place = match kept {
        Some(place) => place,
        None => Place::temporary().map_err(without)?,
    };
    // Nobody else may take it for one that was left.
    let lock = match (store, place.id) {
        (Some(store), Some(id)) => store.lock_session(id).ok(),
        _ => None,
    };
    let (mut block, mut length, mut hasher) = (vec![0; 128 * 1024], 0, Hasher::default());
    let mut recorded = false;
    loop {
        let count = match input.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => {
                // What came before stays where it is.
                let kept = place.id.filter(|_| recorded);
                if kept.is_some() {
                    let _ = place.path.keep();
                }
                return Err(PipeError::Io { source, kept });
            }
        };
        let bytes = &block[..count];
        if let (Some(store), Some(id), false) = (store, place.id, recorded) {
            // From now on there is something to lose.
            match store.save(&record(id, store, purpose), Durability::Process) {
                Ok(()) => {
                    recorded = true;
                    begun(id);
                }
                Err(error) => {
                    place = place.moved(length).map_err(without)?;
                    trouble = Some(error);
                }
            }
        }
        if let Err(error) = place.file.write_all(bytes) {
            if place.id.is_none() {
                return Err(without(error));
            }
            // What was read cannot be read again: elsewhere there may be room for it.
            if let (Some(store), Some(id), true) = (store, place.id, recorded) {
                let _ = store.remove(id);
            }
            place = place.moved(length).map_err(without)?;
            place.file.write_all(bytes).map_err(without)?;
            trouble = Some(error);
        }
        hasher.update(bytes);
        length += count as u64;
        if length > LARGEST {
            // It can never be attached, and is not all of it.
            if let (Some(store), Some(id)) = (store, place.id) {
                let _ = store.remove(id);
            }
            return Err(PipeError::TooLarge);
        }
    }
    // It must survive what its session survives.
    if place.id.is_some()
        && let Err(error) = place.file.sync_all()
    {
        if let (Some(store), Some(id)) = (store, place.id) {
            let _ = store.remove(id);
        }
        place = place.moved(length).map_err(without)?;
        trouble = Some(error);
    }
    let path = place.path.to_path_buf();
    let temporary = match place.id {
        None => Some(place.path),
        Some(_) => {
            let kept = place.path.keep();
            kept.map_err(|error| without(error.error))?;
            None
        }
    };
    Ok(Kept {
        path,
        id: place.id,
        trouble,
        length,
        sha256: hasher.finish(),
        temporary,
        _file: place.file,
        _lock: lock,
    })
}

/// The record of a pipe whose end was not seen yet.
fn record(id: SessionId, store: &Store, purpose: &Purpose) -> Record {
    Record {
        id,
        state: State::Unfinished,
        route: Route::Session,
        doubt: None,
        listed: false,
        endpoint: purpose.endpoint.clone(),
        item: purpose.item.clone(),
        file: std::path::absolute(store.spool(id)).unwrap_or_else(|_| store.spool(id)),
        spooled: true,
        pipe: Some(Pipe::Incomplete),
        attachment: purpose.attachment.clone(),
        size: 0,
        chunk: purpose.chunk,
        sha256: None,
        stamp: crate::session::FileFingerprint {
            dev: 0,
            ino: 0,
            size: 0,
            mtime: 0,
            ctime: 0,
        },
        again: purpose.again,
        verify: purpose.verify,
        before: Vec::new(),
        acked: HashedOffset::start(),
        sent: HashedOffset::start(),
        url: None,
        expires: None,
        created: jiff::Timestamp::now(),
        attachment_id: None,
    }
}

/// The end was seen, and it was a good one: from now on `resume` can attach it.
fn completed(mut kept: Kept, store: Option<&Store>, purpose: &Purpose) -> Kept {
    let (Some(store), Some(id)) = (store, kept.id) else {
        return kept;
    };
    match waiting(id, &kept, store, purpose) {
        Ok(()) => kept,
        Err(error) => {
            // As good as before for this command; and the file stays if it fails.
            let _ = store.remove(id);
            kept.id = None;
            kept.trouble = Some(error);
            kept.temporary = TempPath::try_from_path(&kept.path).ok();
            kept
        }
    }
}

fn waiting(id: SessionId, kept: &Kept, store: &Store, purpose: &Purpose) -> io::Result<()> {
    let source = Source::open(&kept.path).map_err(io::Error::other)?;
    let record = Record {
        pipe: Some(Pipe::Waiting),
        size: source.size(),
        route: Route::for_size(source.size()),
        stamp: source.stamp(),
        sha256: Some(kept.sha256),
        ..record(id, store, purpose)
    };
    store.save(&record, Durability::Power)
}

impl Kept {
    /// Keeps what is in no session, after an upload that failed; where it is now.
    pub(super) fn keep_temporary(&mut self) -> Option<PathBuf> {
        let temporary = self.temporary.take()?;
        let path = temporary.to_path_buf();
        match temporary.keep() {
            Ok(path) => Some(path),
            Err(error) => {
                self.temporary = Some(error.path);
                Some(path)
            }
        }
    }
}

/// What another command left of the same content, to be attached in the place of what came now: the
/// record knows that copy. `again` goes, or takes its place if it is not there any more.
pub(super) fn first_copy(record: &Record, again: &Path) -> Option<Source> {
    if !record.spooled {
        return None;
    }
    match Source::open(&record.file) {
        Ok(first) if first.stamp() == record.stamp => {
            let _ = fs::remove_file(again);
            Some(first)
        }
        _ => {
            fs::rename(again, &record.file).ok()?;
            Source::open(&record.file).ok()
        }
    }
}

/// It is attached: the copy goes, and the record says so, for whoever asks for it later.
pub(super) fn attached(id: SessionId, outcome: &Outcome, store: &Store) {
    if let Ok(Some(record)) = store.load(id)
        && record.state != State::Finished
    {
        let end = HashedOffset {
            offset: record.size,
            sha256: outcome.sha256,
        };
        let finished = Record {
            state: State::Finished,
            pipe: None,
            url: None,
            sha256: Some(outcome.sha256),
            acked: end,
            sent: end,
            attachment_id: outcome.id.clone(),
            ..record
        };
        if store.save(&finished, Durability::Power).is_err() {
            // None is better than one that says that it goes on.
            let _ = store.remove(id);
        }
    }
    let _ = fs::remove_file(store.spool(id));
}

/// Whether `resume` can finish it: its record is there, and says so.
pub(super) fn is_resumable(id: SessionId, store: &Store) -> bool {
    let record = store.load(id).ok().flatten();
    record.is_some_and(|record| record.is_unattached_pipe()) && store.spool(id).exists()
}

/// What a record says of a pipe that was attached before, and whose copy is gone.
pub(super) fn finished(record: &Record) -> Option<Outcome> {
    let gone = record.spooled && !record.file.exists();
    let sha256 = record
        .sha256
        .filter(|_| gone && record.state == State::Finished)?;
    Some(Outcome {
        id: record.attachment_id.clone(),
        name: record.attachment.name.clone(),
        size: record.size,
        sha256,
        route: Route::for_size(record.size),
        session: Some(record.id),
        resumed: true,
        already: true,
        verified: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ItemKind;

    fn purpose() -> Purpose {
        Purpose {
            endpoint: "https://graph.microsoft.com/v1.0".into(),
            item: Item {
                kind: ItemKind::Message,
                id: "AAMkA=".into(),
                mailbox: None,
            },
            attachment: Attachment {
                name: "dump.sql".into(),
                content_type: "application/sql".into(),
                is_inline: false,
                content_id: None,
            },
            chunk: 3_932_160,
            again: false,
            verify: false,
        }
    }

    fn none(_: SessionId) {}

    /// Bytes, then an error.
    struct Breaks(&'static [u8]);

    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.0.read(buffer)
        }
    }

    #[test]
    fn what_came_is_kept_under_a_record_or_else_elsewhere() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let kept = keep_from(&b"hello"[..], Some(&store), &purpose(), none).unwrap();
        let id = kept.id.unwrap();
        assert_eq!(kept.path, store.spool(id));
        let record = store.load(id).unwrap().unwrap();
        assert_eq!(record.pipe, Some(Pipe::Incomplete));
        let kept = completed(kept, Some(&store), &purpose());
        let record = store.load(id).unwrap().unwrap();
        assert_eq!(record.pipe, Some(Pipe::Waiting));
        assert_eq!(record.size, 5);
        assert_eq!(record.sha256, Some(Digest::of(b"hello")));
        assert_eq!(fs::read(&kept.path).unwrap(), b"hello");
        assert!(store.locked_by(id).is_some());
        drop(kept);
        assert!(store.locked_by(id).is_none());
        assert!(store.spool(id).exists());

        let mut elsewhere = keep_from(&b"hello"[..], None, &purpose(), none).unwrap();
        assert_eq!(elsewhere.id, None);
        let path = elsewhere.keep_temporary().unwrap();
        drop(elsewhere);
        assert_eq!(fs::read(&path).unwrap(), b"hello");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_pipe_that_brings_nothing_leaves_no_record() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let kept = keep_from(io::empty(), Some(&store), &purpose(), none).unwrap();
        assert_eq!(store.load(kept.id.unwrap()).unwrap(), None);
    }

    #[test]
    fn a_pipe_that_breaks_keeps_what_came() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let error = keep_from(Breaks(b"half"), Some(&store), &purpose(), none).unwrap_err();
        let PipeError::Io {
            kept: Some(kept), ..
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!(fs::read(store.spool(kept)).unwrap(), b"half");
        let record = store.load(kept).unwrap().unwrap();
        assert_eq!(record.pipe, Some(Pipe::Incomplete));
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
        let result = keep_from(endless, Some(&store), &purpose(), none);
        assert!(matches!(result, Err(PipeError::TooLarge)));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_the_exit_status_says_whether_that_was_all() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let run = |script: &str| {
            let words = ["sh", "-c", script].map(OsString::from);
            keep(
                Producer::Command(words.to_vec()),
                Some(&store),
                &purpose(),
                none,
            )
        };
        let kept = run("printf hello").unwrap();
        let record = store.load(kept.id.unwrap()).unwrap().unwrap();
        assert_eq!(record.pipe, Some(Pipe::Waiting));
        for script in ["printf hello; exit 3", "printf hello; kill -9 $$"] {
            let error = run(script).unwrap_err();
            let PipeError::Failed {
                came: 5,
                place,
                kept: Some(id),
                ..
            } = error
            else {
                panic!("{error}");
            };
            assert_eq!(fs::read(place).unwrap(), b"hello");
            let record = store.load(id).unwrap().unwrap();
            assert_eq!(record.pipe, Some(Pipe::Incomplete));
        }
        let missing = keep(
            Producer::Command(vec!["/no/such/program".into()]),
            Some(&store),
            &purpose(),
            none,
        );
        assert!(matches!(missing, Err(PipeError::NotStarted { .. })));
    }
}
