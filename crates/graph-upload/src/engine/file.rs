//! The file: read by position, known by content.
//!
//! A [`FileFingerprint`] (device, inode, size, times) tells cheaply that a file is untouched; only SHA-256
//! tells that it is the same. The file is never mapped: a mapping dies by SIGBUS when it shrinks.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::{Bytes, BytesMut};

use crate::protocol::plan::{LARGEST, Range};
use crate::{
    digest::{Digest, Hasher},
    store::{FileFingerprint, HashedOffset},
};

/// Bytes hashed at a time: large enough for the system calls not to count, small enough for memory.
const BLOCK: usize = 128 * 1024;

/// Why a file cannot be attached.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is none.
    #[error("no such file: `{}`", .0.display())]
    Missing(PathBuf),
    /// A directory, a pipe, a device.
    #[error("`{}` is {kind}, not a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// It says that it is empty, and is not.
    #[error("`{}` has no size of its own", .0.display())]
    Unsized(PathBuf),
    /// It cannot be opened or read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Larger than any attachment can be.
    #[error(
        "`{}` has {size} bytes; the limit for an attachment is 150 MB ({LARGEST} bytes)",
        path.display()
    )]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// It is not the file any more that it was when the upload began.
    #[error("`{}` changed during the upload: {how}", path.display())]
    Changed {
        /// The path.
        path: PathBuf,
        /// What shows it.
        how: &'static str,
    },
}

impl SourceError {
    /// What a directory is called.
    pub const DIRECTORY: &str = "a directory";
}

/// An open file.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    file: Arc<File>,
    stamp: FileFingerprint,
    /// Tells threads that still hash to stop.
    dropped: Arc<AtomicBool>,
}

/// The whole content, read in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    /// Its SHA-256.
    pub sha256: Digest,
    /// Whether nobody touched the file while it was read.
    pub steady: bool,
}

impl Source {
    /// Opens a file and checks that it can be attached at all. Blocks.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let wrong = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => SourceError::Missing(path.to_owned()),
            _ => SourceError::Unreadable {
                path: path.to_owned(),
                source,
            },
        };
        let not_a_file = |kind| SourceError::NotAFile {
            path: path.to_owned(),
            kind,
        };
        let kind = fs::metadata(path).map_err(wrong)?.file_type();
        if kind.is_dir() {
            return Err(not_a_file(SourceError::DIRECTORY));
        }
        if !kind.is_file() {
            return Err(not_a_file(if kind.is_fifo() {
                "a pipe"
            } else {
                "a device"
            }));
        }
        // Should a pipe take its place at this moment, opening it must not wait for a writer.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let mut options = File::options();
        let file = options
            .read(true)
            .custom_flags(flags)
            .open(path)
            .map_err(wrong)?;
        let metadata = file.metadata().map_err(wrong)?;
        if !metadata.is_file() {
            return Err(not_a_file("a device"));
        }
        if metadata.len() > LARGEST {
            return Err(SourceError::TooLarge {
                path: path.to_owned(),
                size: metadata.len(),
            });
        }
        // The kernel's own files (/proc) say that they are empty, and are not.
        if metadata.len() == 0 && file.read_at(&mut [0], 0).map_err(wrong)? > 0 {
            return Err(SourceError::Unsized(path.to_owned()));
        }
        Ok(Source {
            path: path.to_owned(),
            file: Arc::new(file),
            stamp: stamp(&metadata),
            dropped: Arc::default(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file system said of it when it was opened.
    pub fn stamp(&self) -> FileFingerprint {
        self.stamp
    }

    /// Its size in bytes when it was opened.
    pub fn size(&self) -> u64 {
        self.stamp.size
    }

    /// Reads a range into `buffer`, whose space is used again.
    pub async fn read(&self, range: Range, mut buffer: BytesMut) -> Result<Bytes, SourceError> {
        let file = Arc::clone(&self.file);
        let read = move || {
            buffer.resize(usize::try_from(range.len()).unwrap_or(usize::MAX), 0);
            file.read_exact_at(&mut buffer, range.start)
                .map(|()| buffer.freeze())
        };
        self.blocking(read).await
    }

    /// Hashes the whole content on another thread, beginning now.
    pub fn hash(&self) -> tokio::task::JoinHandle<Result<Whole, SourceError>> {
        let (path, file, dropped) = (
            self.path.clone(),
            Arc::clone(&self.file),
            Arc::clone(&self.dropped),
        );
        let before = self.stamp;
        tokio::task::spawn_blocking(move || {
            let hash = || -> io::Result<Whole> {
                let mut hasher = Hasher::default();
                hash_range(&file, 0, before.size, &mut hasher, &dropped)?;
                let steady = stamp(&file.metadata()?) == before;
                Ok(Whole {
                    sha256: hasher.finish(),
                    steady,
                })
            };
            hash().map_err(|source| read_error(&path, source))
        })
    }

    /// A hasher that has taken the bytes before `at`, after checking that the file still holds what
    /// `marks` say was sent of it.
    pub async fn hasher_at(&self, at: u64, marks: &[HashedOffset]) -> Result<Hasher, SourceError> {
        let (file, dropped) = (Arc::clone(&self.file), Arc::clone(&self.dropped));
        let mut marks = marks.to_vec();
        marks.sort_by_key(|mark| mark.offset);
        let path = self.path.clone();
        let changed = SourceError::Changed {
            path,
            how: "the part that was sent is different now",
        };
        let scan = move || -> io::Result<Option<Hasher>> {
            let (mut hasher, mut position, mut wanted) = (Hasher::default(), 0, None);
            let stops = marks.iter().map(|mark| (mark.offset, Some(mark.sha256)));
            let mut stops: Vec<_> = stops.chain([(at, None)]).collect();
            stops.sort_by_key(|(offset, _)| *offset);
            for (offset, expected) in stops {
                hash_range(&file, position, offset, &mut hasher, &dropped)?;
                position = offset;
                match expected {
                    None => wanted = Some(hasher.clone()),
                    Some(expected) if expected != hasher.finish() => return Ok(None),
                    Some(_) => {}
                }
            }
            Ok(wanted)
        };
        self.blocking(scan).await?.ok_or(changed)
    }

    /// Checks, just before the file would be attached, that what is at its path now is what was
    /// read: by its stamp, or, where that differs, by its content.
    pub async fn unchanged(&self, expected: Digest) -> Result<(), SourceError> {
        let changed = |how| SourceError::Changed {
            path: self.path.clone(),
            how,
        };
        let path = self.path.clone();
        let now = match self.blocking(move || fs::metadata(path)).await {
            Ok(metadata) => stamp(&metadata),
            Err(SourceError::Missing(_)) => return Err(changed("it is gone")),
            Err(error) => return Err(error),
        };
        if now == self.stamp {
            return Ok(());
        }
        if now.size != self.stamp.size {
            return Err(changed("its size is different now"));
        }
        // Touched, moved or copied back: the content decides.
        let path = self.path.clone();
        let again = self.blocking(move || Ok(Source::open(&path))).await??;
        let whole = joined(again.hash().await, &self.path)?;
        if whole.sha256 == expected {
            Ok(())
        } else {
            Err(changed("its content is different now"))
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, SourceError> {
        let result = tokio::task::spawn_blocking(work).await;
        result
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => SourceError::Missing(self.path.clone()),
                _ => read_error(&self.path, error),
            })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

/// The result of [`Source::hash`], its thread's own failure included.
pub(super) fn joined(
    result: Result<Result<Whole, SourceError>, tokio::task::JoinError>,
    path: &Path,
) -> Result<Whole, SourceError> {
    result.unwrap_or_else(|error| {
        Err(SourceError::Unreadable {
            path: path.to_owned(),
            source: io::Error::other(error),
        })
    })
}

fn read_error(path: &Path, source: io::Error) -> SourceError {
    if source.kind() == io::ErrorKind::UnexpectedEof {
        SourceError::Changed {
            path: path.to_owned(),
            how: "it is shorter now",
        }
    } else {
        SourceError::Unreadable {
            path: path.to_owned(),
            source,
        }
    }
}

fn hash_range(
    file: &File,
    mut from: u64,
    to: u64,
    hasher: &mut Hasher,
    dropped: &AtomicBool,
) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    while from < to {
        if dropped.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = usize::try_from(to - from).unwrap_or(BLOCK).min(BLOCK);
        file.read_exact_at(&mut block[..length], from)?;
        hasher.update(&block[..length]);
        from += length as u64;
    }
    Ok(())
}

fn stamp(metadata: &fs::Metadata) -> FileFingerprint {
    let nanoseconds = |seconds: i64, nanoseconds: i64| {
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds)
    };
    FileFingerprint {
        dev: metadata.dev(),
        ino: metadata.ino(),
        size: metadata.len(),
        mtime: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        ctime: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, content).unwrap();
        (dir, path)
    }

    #[test]
    fn only_files_are_opened() {
        let (dir, _) = file(b"");
        assert!(matches!(
            Source::open(dir.path()),
            Err(SourceError::NotAFile { .. })
        ));
        let missing = Source::open(&dir.path().join("no"));
        assert!(matches!(missing, Err(SourceError::Missing(_))));
        let device = Source::open(Path::new("/dev/null"));
        assert!(matches!(
            device,
            Err(SourceError::NotAFile {
                kind: "a device",
                ..
            })
        ));
        let large = dir.path().join("large");
        File::create(&large).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(matches!(
            Source::open(&large),
            Err(SourceError::TooLarge { .. })
        ));
    }

    #[test]
    fn hashers_stand_where_they_are_asked_to() {
        let content: Vec<u8> = (0..300_000u32).map(|n| (n / 7) as u8).collect();
        let (_dir, path) = file(&content);
        let source = Source::open(&path).unwrap();
        let mark = |offset: u64| HashedOffset {
            offset,
            sha256: Digest::of(&content[..offset as usize]),
        };
        for at in [0, 1, 100_000, 200_000, 300_000] {
            let hasher = run(source.hasher_at(at, &[mark(200_000), mark(100_000)])).unwrap();
            assert_eq!(hasher.finish(), Digest::of(&content[..at as usize]));
        }
        let wrong = HashedOffset {
            offset: 150_000,
            sha256: Digest::of(b"other"),
        };
        let result = run(source.hasher_at(10, &[wrong]));
        assert!(matches!(result, Err(SourceError::Changed { .. })));
    }

    #[test]
    fn content_decides_whether_it_changed() {
        let (dir, path) = file(b"hello");
        let source = Source::open(&path).unwrap();
        let digest = Digest::of(b"hello");
        assert!(run(source.unchanged(digest)).is_ok());
        // Replaced by an equal copy: the same content.
        let copy = dir.path().join("copy");
        fs::write(&copy, b"hello").unwrap();
        fs::rename(&copy, &path).unwrap();
        assert!(run(source.unchanged(digest)).is_ok());
        // Edited, size and mtime kept.
        let mtime = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, b"jello").unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(mtime)
            .unwrap();
        assert!(matches!(
            run(source.unchanged(digest)),
            Err(SourceError::Changed { .. })
        ));
        for content in [&b"hello world"[..], b"he"] {
            fs::write(&path, content).unwrap();
            assert!(matches!(
                run(source.unchanged(digest)),
                Err(SourceError::Changed { .. })
            ));
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(
            run(source.unchanged(digest)),
            Err(SourceError::Changed { .. })
        ));
    }

    #[test]
    fn a_file_that_shrinks_has_changed() {
        let (_dir, path) = file(&[7; 1_000]);
        let source = Source::open(&path).unwrap();
        fs::write(&path, b"short").unwrap();
        let range = Range {
            start: 0,
            end: 1_000,
        };
        assert!(matches!(
            run(source.read(range, BytesMut::new())),
            Err(SourceError::Changed { .. })
        ));
        let whole = run(async { joined(source.hash().await, &path) });
        assert!(matches!(whole, Err(SourceError::Changed { .. })));
    }
}
