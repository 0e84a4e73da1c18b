//! The records on disk: one JSON file each, replaced atomically, locked by the kernel.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    id::SessionId,
    lock::{self, Lock, LockError},
    private_dir::{self, DirError},
    record::{LoadError, Record},
    usage_log::UsageLog,
};
use crate::Digest;

/// Longest state file that is read. A record lists the attachments that were there before: 250 of
/// them with ids of 300 characters are 80 KiB.
const LONGEST: u64 = 4 * 1024 * 1024;

/// Whether a record must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It survives the death of the process; after a power cut it may be a little older.
    Process,
    /// It survives a power cut too: the file and the directory are synced.
    Power,
}

/// The state directory, checked.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

/// Everything that a directory holds.
#[derive(Debug, Default)]
pub struct SessionList {
    /// The records, oldest first.
    pub records: Vec<Record>,
    /// Files that are not used: those that are damaged are now called `.bad`.
    pub unreadable: Vec<(PathBuf, LoadError)>,
}

impl Store {
    /// Opens the directory, making it if need be.
    pub fn open(dir: &Path) -> Result<Self, DirError> {
        private_dir::prepare(dir)?;
        Ok(Store {
            dir: dir.to_owned(),
        })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Reads every record. A damaged file is set aside, never deleted.
    pub fn inventory(&self) -> Result<SessionList, DirError> {
        let wrong = |source| DirError::Io {
            path: self.dir.clone(),
            source,
        };
        let mut inventory = SessionList::default();
        for entry in fs::read_dir(&self.dir).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if session_id(&path).is_none() {
                continue;
            }
            match read(&path) {
                Ok(None) => {}
                Ok(Some(Ok(record))) => inventory.records.push(record),
                Ok(Some(Err(why))) => {
                    let path = if why == LoadError::Damaged {
                        set_aside(&path)
                    } else {
                        path
                    };
                    inventory.unreadable.push((path, why));
                }
                // One file that cannot be read is no reason to do without the others.
                Err(error) => inventory
                    .unreadable
                    .push((path, LoadError::Io(error.kind()))),
            }
        }
        inventory
            .records
            .sort_by_key(|record| (record.created, record.id));
        Ok(inventory)
    }

    /// Reads one record anew.
    pub fn load(&self, id: SessionId) -> Result<Option<Record>, DirError> {
        let path = self.path(id);
        match read(&path) {
            Ok(Some(Ok(record))) => Ok(Some(record)),
            Ok(_) => Ok(None),
            Err(source) => Err(DirError::Io { path, source }),
        }
    }

    /// Writes a record: whole or not at all.
    pub fn save(&self, record: &Record, durability: Durability) -> io::Result<()> {
        let file = tempfile::Builder::new()
            .prefix(".tmp-")
            .tempfile_in(&self.dir)?;
        file.as_file().write_all_at(&record.to_json(), 0)?;
        // Also without `Power`: some file systems lose the content of a file that was renamed
        // before its data was written.
        file.as_file().sync_data()?;
        file.persist(self.path(record.id))
            .map_err(|error| error.error)?;
        if durability == Durability::Power {
            private_dir::sync(&self.dir)?;
        }
        Ok(())
    }

    /// Removes a record, and the spool that belongs to it.
    pub fn forget(&self, record: &Record) -> io::Result<()> {
        if record.spooled {
            remove(&self.spool(record.id))?;
        }
        self.remove(record.id)
    }

    /// Forgets an upload that nothing can go on with. What a pipe brought stays: it cannot come again.
    pub fn give_up(&self, record: &Record) -> io::Result<()> {
        if record.is_unattached_pipe() && self.spool(record.id).exists() {
            return self.save(&record.without_session(), Durability::Power);
        }
        self.forget(record)
    }

    /// Damaged records that were set aside: of which item each was cannot be known any more.
    pub fn damaged(&self) -> Result<Vec<PathBuf>, DirError> {
        let wrong = |source| DirError::Io {
            path: self.dir.clone(),
            source,
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if path.extension().is_some_and(|extension| extension == "bad") {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Removes a record alone.
    pub fn remove(&self, id: SessionId) -> io::Result<()> {
        remove(&self.path(id))?;
        private_dir::sync(&self.dir)
    }

    /// Removes what killed processes left behind: half-written files, empty spools without a session,
    /// and locks that nobody holds; with `discard` also spools that hold something. Returns how many
    /// spools were removed, and which were left.
    pub fn sweep(&self, discard: bool) -> Result<(usize, Vec<PathBuf>), DirError> {
        let wrong = |source| DirError::Io {
            path: self.dir.clone(),
            source,
        };
        let (mut spools, mut left) = (0, Vec::new());
        for entry in fs::read_dir(&self.dir).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if name.ends_with(".lock") {
                drop(Lock::take(&path));
            } else if [".tmp-", "volume-", "send-", "turns-"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
                && old(&path, DAY)
            {
                remove(&path).map_err(wrong)?;
            } else if name.ends_with(".spool")
                && old(&path, MINUTE)
                && !path.with_extension("json").exists()
                && !Self::is_used(&path)
            {
                let empty = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.len() == 0);
                if empty || discard {
                    remove(&path).map_err(wrong)?;
                    spools += 1;
                } else {
                    left.push(path);
                }
            }
        }
        Ok((spools, left))
    }

    /// An id that no record has.
    pub fn new_id(&self) -> SessionId {
        loop {
            let id = SessionId::draw(|| fastrand::u8(..));
            if !self.path(id).exists() && !self.spool(id).exists() && !self.mail_path(id).exists() {
                return id;
            }
        }
    }

    /// Where standard input is kept for a session.
    pub fn spool(&self, id: SessionId) -> PathBuf {
        self.dir.join(format!("{id}.spool"))
    }

    /// A new spool file for standard input. It is locked for as long as the file is open: to fill it
    /// may take days.
    pub fn create_spool(&self, id: SessionId) -> io::Result<fs::File> {
        let file = private_dir::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.spool(id))?;
        // As good without the lock, as long as standard input does not sleep for a day.
        let _ = file.try_lock();
        Ok(file)
    }

    /// Whether a spool is being filled or uploaded, however old it looks.
    fn is_used(spool: &Path) -> bool {
        lock::holder(spool).is_some() || lock::holder(&spool.with_extension("lock")).is_some()
    }

    /// Locks one session.
    pub fn lock_session(&self, id: SessionId) -> Result<Lock, LockError> {
        Lock::take(&self.session_lock(id))
    }

    /// The account of what went to a mailbox within `window`.
    pub fn ledger(&self, endpoint: &str, mailbox: Option<&str>, window: Duration) -> UsageLog {
        let name = serde_json::json!([endpoint, mailbox]).to_string();
        let digest = Digest::of(name.as_bytes()).to_string();
        let path = self.dir.join(format!("volume-{}.log", &digest[..32]));
        UsageLog::new(path, window)
    }

    /// The process that works on a session, if one does: its id, if that could be read.
    pub fn locked_by(&self, id: SessionId) -> Option<Option<u32>> {
        lock::holder(&self.session_lock(id))
    }

    fn path(&self, id: SessionId) -> PathBuf {
        self.dir.join(format!("{id}.json"))
    }

    fn session_lock(&self, id: SessionId) -> PathBuf {
        self.dir.join(format!("{id}.lock"))
    }
}

/// After which a half-written file is nobody's.
const DAY: Duration = Duration::from_secs(86_400);

/// After which a spool that nobody holds is nobody's: it is locked as soon as it is made.
const MINUTE: Duration = Duration::from_secs(60);

/// Whether nobody wrote to a file for so long.
fn old(path: &Path, least: Duration) -> bool {
    fs::symlink_metadata(path)
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > least))
}

/// The id in a state file's name; `None` for any other file.
fn session_id(path: &Path) -> Option<SessionId> {
    let name = path.file_name()?.to_str()?;
    let id: SessionId = name.strip_suffix(".json")?.parse().ok()?;
    (name.len() == id.as_str().len() + ".json".len() && name.starts_with(id.as_str())).then_some(id)
}

/// Reads a state file; `None` when it is gone meanwhile.
fn read(path: &Path) -> io::Result<Option<Result<Record, LoadError>>> {
    let file = match private_dir::options().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // A link in the file's place: not ours, so not followed.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Ok(Some(Err(LoadError::Damaged)));
        }
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Ok(Some(Err(LoadError::Damaged)));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    let record = Record::from_json(&bytes);
    // A copy under another name would be two sessions that share one lock.
    let named = record.and_then(|record| {
        if session_id(path) == Some(record.id) {
            Ok(record)
        } else {
            Err(LoadError::Damaged)
        }
    });
    Ok(Some(named))
}

/// Renames a damaged file to `.bad`, beside earlier ones if there are any.
pub(super) fn set_aside(path: &Path) -> PathBuf {
    let mut bad = path.with_extension("bad");
    let mut count = 1;
    while fs::symlink_metadata(&bad).is_ok() {
        count += 1;
        bad = path.with_extension(format!("{count}.bad"));
    }
    match fs::rename(path, &bad) {
        Ok(()) => bad,
        Err(_) => path.to_owned(),
    }
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::store::{State, record::tests::example};

    fn store() -> (tempfile::TempDir, Store) {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("a/state")).unwrap();
        (home, store)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_record_is_saved_privately_and_found_again() {
        let (_home, store) = store();
        let record = example();
        store.save(&record, Durability::Power).unwrap();
        assert_eq!(mode(store.dir()), 0o700);
        assert_eq!(mode(&store.path(record.id)), 0o600);
        assert_eq!(
            store.inventory().unwrap().records,
            std::slice::from_ref(&record)
        );
        assert_eq!(store.load(record.id).unwrap(), Some(record.clone()));
        store.forget(&record).unwrap();
        assert_eq!(fs::read_dir(store.dir()).unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_file_is_set_aside() {
        let (_home, store) = store();
        let path = store.path(example().id);
        for _ in 0..2 {
            fs::write(&path, "{").unwrap();
            let inventory = store.inventory().unwrap();
            assert!(inventory.records.is_empty());
            assert_eq!(inventory.unreadable[0].1, LoadError::Damaged);
            assert_eq!(fs::read(&inventory.unreadable[0].0).unwrap(), b"{");
            assert!(!path.exists());
        }
        assert_eq!(fs::read_dir(store.dir()).unwrap().count(), 2);
    }

    #[test]
    fn links_are_not_followed() {
        let (home, store) = store();
        let record = example();
        let target = home.path().join("target");
        fs::write(&target, record.to_json()).unwrap();
        symlink(&target, store.path(record.id)).unwrap();
        assert!(store.inventory().unwrap().records.is_empty());
        symlink(&target, store.path(record.id)).unwrap();
        store.save(&record, Durability::Process).unwrap();
        assert!(
            !fs::symlink_metadata(store.path(record.id))
                .unwrap()
                .is_symlink()
        );
        assert_eq!(store.inventory().unwrap().records.len(), 1);
    }

    #[test]
    fn unsafe_directories_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let real = home.path().join("real");
        Store::open(&real).unwrap();
        let link = home.path().join("link");
        symlink(&real, &link).unwrap();
        for path in [link.clone(), link.join("")] {
            assert!(
                matches!(Store::open(&path), Err(DirError::Unsafe { .. })),
                "{path:?}"
            );
        }
        for (mode, safe) in [(0o770, false), (0o707, false), (0o755, true), (0o700, true)] {
            fs::set_permissions(&real, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Store::open(&real).is_ok(), safe, "{mode:o}");
        }
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(Store::open(&file).is_err());
    }

    #[test]
    fn what_is_old_goes_unless_it_is_used() {
        let (_home, store) = store();
        let old = std::time::SystemTime::now() - Duration::from_secs(200);
        let id = SessionId::draw(|| 7);
        let file = store.create_spool(id).unwrap();
        file.set_modified(old).unwrap();
        let swept = |discard| store.sweep(discard).unwrap();
        assert_eq!(swept(true), (0, vec![]));
        drop(file);
        let lock = store.lock_session(id).unwrap();
        assert_eq!(swept(true), (0, vec![]));
        drop(lock);
        assert_eq!(swept(false), (1, vec![]));
        assert!(!store.spool(id).exists());
        // One that holds something goes only when that is asked for.
        fs::write(store.spool(id), "the only copy").unwrap();
        let file = fs::File::options().write(true).open(store.spool(id));
        file.unwrap().set_modified(old).unwrap();
        assert_eq!(swept(false), (0, vec![store.spool(id)]));
        assert_eq!(swept(true), (1, vec![]));
        assert!(!store.spool(id).exists());
    }

    #[test]
    fn what_a_pipe_brought_outlives_its_session() {
        let (_home, store) = store();
        let mut record = example();
        record.spooled = true;
        fs::write(store.spool(record.id), "the only copy").unwrap();
        store.save(&record, Durability::Power).unwrap();
        store.give_up(&record).unwrap();
        assert!(store.spool(record.id).exists());
        let kept = store.load(record.id).unwrap().unwrap();
        assert_eq!((kept.url, kept.sent.offset), (None, 0));
        record.state = State::Finished;
        store.give_up(&record).unwrap();
        assert_eq!(store.load(record.id).unwrap(), None);
        assert!(!store.spool(record.id).exists());
    }

    #[test]
    fn a_copy_under_another_name_is_not_a_session() {
        let (_home, store) = store();
        fs::write(store.dir().join("00000000.json"), example().to_json()).unwrap();
        assert!(store.inventory().unwrap().records.is_empty());
    }
}
