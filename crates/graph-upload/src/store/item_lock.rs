//! The lock of an item: one process changes it at a time, whatever it calls the item.
//!
//! It is in the state directory, or, where that cannot be written, in the first of a few other places
//! where every process of the user looks. Beside the kernel's lock, the file says which item it is
//! about: so whoever comes second sees whether another process holds a lock under an id that may be of
//! the same item, and can ask the service. The first never has to ask.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    item_key::{ItemKey, Sameness},
    lock::{self, Lock, LockError},
    private_dir,
};
use crate::Item;

/// How long the gate is waited for. It is held for the time of a few system calls; a process that was
/// stopped inside must not stop all others.
const GATE_TRIES: u32 = 200;
const GATE_POLL: Duration = Duration::from_millis(10);

/// Where item locks may be, in the order in which they are tried.
#[derive(Debug, Clone, Default)]
pub struct LockPlaces(Vec<PathBuf>);

/// An item that another process holds a lock of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldItem {
    /// Its key.
    pub key: ItemKey,
    /// The item as that process names it.
    pub item: Item,
    /// That process, if it could be read.
    pub pid: Option<u32>,
}

/// What a lock file says of its item.
#[derive(Serialize, Deserialize)]
struct Label {
    key: ItemKey,
    item: Item,
}

/// Whether the lock is still one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// It was held all the time.
    Held,
    /// Its file was removed meanwhile, and it was taken anew: another process may have been at work.
    Retaken,
}

/// The lock of one item, held until it is dropped.
#[derive(Debug)]
pub struct ItemLock {
    lock: Mutex<Option<Lock>>,
    path: PathBuf,
    label: String,
    others: Vec<HeldItem>,
    passed_over: Option<LockError>,
}

impl LockPlaces {
    /// These directories, the best first.
    pub fn new(directories: impl IntoIterator<Item = PathBuf>) -> Self {
        LockPlaces(directories.into_iter().collect())
    }

    /// Takes the lock of an item in the first place where locks can be. `Held` is an answer; any other
    /// error means that there is no place, and is that of the first.
    pub fn lock_item(&self, key: &ItemKey, item: &Item) -> Result<ItemLock, LockError> {
        let mut first = None;
        for directory in &self.0 {
            match lock_in(directory, key, item) {
                Err(error @ LockError::Io { .. }) => first = first.or(Some(error)),
                Err(error) => return Err(error),
                Ok(lock) => {
                    return Ok(ItemLock {
                        passed_over: first,
                        ..lock
                    });
                }
            }
        }
        Err(first.unwrap_or_else(|| LockError::Io {
            path: PathBuf::new(),
            source: std::io::Error::other("there is no directory for it"),
        }))
    }
}

fn lock_in(directory: &Path, key: &ItemKey, item: &Item) -> Result<ItemLock, LockError> {
    private_dir::prepare(directory).map_err(|error| LockError::Io {
        path: directory.to_owned(),
        source: std::io::Error::other(error),
    })?;
    let label = Label {
        key: key.clone(),
        item: item.clone(),
    };
    let label = serde_json::to_string(&label).unwrap_or_default();
    let path = directory.join(key.file_name("item", "lock"));
    // Of two that come at once, one must see the other.
    let _gate = gate(directory);
    let lock = Lock::take(&path)?;
    lock.label(&label);
    let others = others(directory, &path);
    Ok(ItemLock {
        lock: Mutex::new(Some(lock)),
        path,
        label,
        others,
        passed_over: None,
    })
}

/// Lets one process in at a time; none where that does not work, or takes too long.
fn gate(directory: &Path) -> Option<Lock> {
    let path = directory.join("items.lock");
    for _ in 0..GATE_TRIES {
        match Lock::take(&path) {
            Ok(lock) => return Some(lock),
            Err(LockError::Held { .. }) => thread::sleep(GATE_POLL),
            Err(_) => return None,
        }
    }
    None
}

/// The items that other processes hold here.
fn others(directory: &Path, own: &Path) -> Vec<HeldItem> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        path != own && name.is_some_and(|name| name.starts_with("item-") && name.ends_with(".lock"))
    });
    paths
        .filter_map(|path| {
            let pid = lock::holder(&path)?;
            let label: Label = serde_json::from_str(&lock::label(&path)?).ok()?;
            Some(HeldItem {
                key: label.key,
                item: label.item,
                pid,
            })
        })
        .collect()
}

impl ItemLock {
    /// Whether it is in this directory.
    pub fn is_in(&self, directory: &Path) -> bool {
        self.path.parent() == Some(directory)
    }

    /// Why it is not in the first place, if it is not.
    pub fn passed_over(&self) -> Option<&LockError> {
        self.passed_over.as_ref()
    }

    /// The directory that it is in.
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Items that other processes held when this lock was taken, and that may be the same as `key`
    /// under another id.
    pub fn rivals(&self, key: &ItemKey) -> impl Iterator<Item = &HeldItem> {
        self.others
            .iter()
            .filter(move |other| key.compare(&other.key) == Sameness::Perhaps)
    }

    /// Makes sure that the lock is still one: where its file was removed, with its directory perhaps,
    /// the next process would not have seen it. It is taken anew then. `Held`: another process was
    /// faster, and works on the item now.
    pub fn confirm(&self) -> Result<Confirmed, LockError> {
        let mut lock = self.lock();
        if lock.as_ref().is_some_and(Lock::is_there) {
            return Ok(Confirmed::Held);
        }
        if let Some(lost) = lock.take() {
            lost.abandon();
        }
        private_dir::prepare(self.directory()).map_err(|error| LockError::Io {
            path: self.path.clone(),
            source: std::io::Error::other(error),
        })?;
        let again = Lock::take(&self.path)?;
        again.label(&self.label);
        *lock = Some(again);
        Ok(Confirmed::Retaken)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Lock>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ItemKind;

    const ENDPOINT: &str = "https://graph.microsoft.com/v1.0";

    fn item(id: &str) -> (ItemKey, Item) {
        let item = Item {
            kind: ItemKind::Message,
            id: id.to_owned(),
            mailbox: None,
        };
        (ItemKey::new(ENDPOINT, &item), item)
    }

    fn take(places: &LockPlaces, id: &str) -> Result<ItemLock, LockError> {
        let (key, item) = item(id);
        places.lock_item(&key, &item)
    }

    #[test]
    fn one_item_one_lock_and_rivals_are_seen_by_the_second() {
        let home = tempfile::tempdir().unwrap();
        let places = LockPlaces::new([home.path().join("state")]);
        let first = take(&places, "AAMkA=").unwrap();
        assert!(matches!(
            take(&places, "AAMkA"),
            Err(LockError::Held { pid: Some(_) })
        ));
        let other = take(&places, "AAMkB=").unwrap();
        assert_eq!(other.rivals(&item("AAMkB=").0).count(), 0);
        let second = take(&places, "AAkALgX=").unwrap();
        let rivals: Vec<_> = second.rivals(&item("AAkALgX=").0).collect();
        assert_eq!(rivals.len(), 2);
        assert!(rivals.iter().any(|rival| rival.item.id == "AAMkA="));
        assert_eq!(first.rivals(&item("AAMkA=").0).count(), 0);
        drop((first, other, second));
        assert_eq!(fs::read_dir(home.path().join("state")).unwrap().count(), 0);
    }

    #[test]
    fn the_next_place_is_used_when_one_cannot_be() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        let places = LockPlaces::new([file.join("state"), home.path().join("tmp")]);
        let lock = take(&places, "AAMkA").unwrap();
        assert!(lock.is_in(&home.path().join("tmp")));
        assert!(take(&places, "AAMkA").is_err());
        let nowhere = LockPlaces::new([file.join("state")]);
        assert!(matches!(take(&nowhere, "AAMkA"), Err(LockError::Io { .. })));
        assert!(matches!(
            take(&LockPlaces::default(), "AAMkA"),
            Err(LockError::Io { .. })
        ));
    }

    #[test]
    fn a_lock_whose_directory_was_removed_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        let places = LockPlaces::new([state.clone()]);
        let lock = take(&places, "AAMkA").unwrap();
        assert_eq!(lock.confirm().unwrap(), Confirmed::Held);
        fs::remove_dir_all(&state).unwrap();
        assert_eq!(lock.confirm().unwrap(), Confirmed::Retaken);
        assert!(matches!(
            take(&places, "AAMkA"),
            Err(LockError::Held { .. })
        ));
        fs::remove_dir_all(&state).unwrap();
        let thief = take(&places, "AAMkA").unwrap();
        assert!(matches!(lock.confirm(), Err(LockError::Held { .. })));
        // What is dropped now must not take the other's file away.
        drop(lock);
        assert_eq!(thief.confirm().unwrap(), Confirmed::Held);
    }

    #[test]
    fn of_many_at_once_one_is_first_and_all_others_see_it() {
        let home = tempfile::tempdir().unwrap();
        let places = LockPlaces::new([home.path().to_owned()]);
        let ids = ["AAMkA", "AAkALgA", "AQMkA", "other"];
        let locks: Vec<ItemLock> = thread::scope(|scope| {
            let threads: Vec<_> = ids
                .iter()
                .map(|id| scope.spawn(|| take(&places, id).unwrap()))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let mut seen: Vec<usize> = locks
            .iter()
            .zip(ids)
            .map(|(lock, id)| lock.rivals(&item(id).0).count())
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3]);
    }
}
