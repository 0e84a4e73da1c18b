//! Kernel locks: released when the process dies, however it dies.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use super::private_dir;

/// A lock that is held until it is dropped. Its file goes with it.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another process has it")]
    Held {
        /// That process, if it could be read.
        pid: Option<u32>,
    },
    /// The lock file cannot be opened or locked.
    #[error("cannot lock `{}`: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Lock {
    /// Takes the lock at `path`, or says at once who has it.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let wrong = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        loop {
            let file = private_dir::options()
                .read(true)
                .write(true)
                .create(true)
                .open(path)
                .map_err(wrong)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held { pid: owner(path) });
                }
                Err(TryLockError::Error(error)) => return Err(wrong(error)),
            }
            // Whoever had the lock before may have removed the file while we waited for it: then
            // this is a lock on nothing.
            if is_at(&file, path).map_err(wrong)? {
                // For people only (`status`); the lock itself is the kernel's.
                let _ = file.set_len(0);
                let _ = file.write_all_at(std::process::id().to_string().as_bytes(), 0);
                return Ok(Lock {
                    file,
                    path: path.to_owned(),
                });
            }
        }
    }

    /// Whether its file is still where others look for it.
    pub(super) fn is_there(&self) -> bool {
        is_at(&self.file, &self.path).unwrap_or(false)
    }

    /// Writes what the lock is about behind the process id.
    pub(super) fn label(&self, label: &str) {
        let text = format!("{}\n{label}\n", std::process::id());
        // As good without it as a lock; others then see that there is one, and not about what.
        let _ = self.file.set_len(0);
        let _ = self.file.write_all_at(text.as_bytes(), 0);
    }

    /// Lets go of a lock whose file is gone: what is at its path now is somebody else's.
    pub(super) fn abandon(mut self) {
        self.path = PathBuf::new();
    }
}

/// Whether `file` is what is at `path`.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        // Would be the same the next time, and for ever.
        Err(error) => Err(error),
    }
}

/// Longest lock file that is read: an id has a few hundred characters.
const LONGEST: u64 = 8 * 1024;

/// What the lock at `path` is about.
pub(super) fn label(path: &Path) -> Option<String> {
    let text = read(path)?;
    text.lines().nth(1).map(str::to_owned)
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = private_dir::options().read(true).open(path).ok()?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The process that holds the lock at `path`, if any holds it.
pub(super) fn holder(path: &Path) -> Option<Option<u32>> {
    let file = private_dir::options()
        .read(true)
        .write(true)
        .open(path)
        .ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(owner(path)),
        _ => None,
    }
}

fn owner(path: &Path) -> Option<u32> {
    read(path)?.lines().next()?.trim().parse().ok()
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while it is still held: see the check in `take`. What took its place after it was
        // removed by others is not ours to remove.
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_nothing_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let lock = Lock::take(&path).unwrap();
        let pid = std::process::id();
        assert!(matches!(Lock::take(&path), Err(LockError::Held { pid: Some(p) }) if p == pid));
        assert_eq!(holder(&path), Some(Some(pid)));
        drop(lock);
        assert_eq!(holder(&path), None);
        assert!(!path.exists());
        drop(Lock::take(&path).unwrap());
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, target) = (dir.path().join("x.lock"), dir.path().join("target"));
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert!(matches!(Lock::take(&path), Err(LockError::Io { .. })));
        assert!(!target.exists());
    }

    #[test]
    fn twenty_threads_never_hold_it_together() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let (inside, taken) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if let Ok(lock) = Lock::take(&path) {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                            taken.fetch_add(1, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                            drop(lock);
                        }
                    }
                });
            }
        });
        assert!(taken.into_inner() > 0);
    }
}
