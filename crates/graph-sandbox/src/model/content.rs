//! The bytes of files as they came in: pieces that are shared, never copied or joined.
//!
//! A piece lies in memory or in one temporary file without a name, so that gigabytes can be uploaded to a
//! process of some megabytes. What nobody holds any more is given back to the file system.

use std::{
    fs::File,
    io,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use aws_lc_rs::digest;
use bytes::Bytes;

use crate::options::ContentStore;

/// How much of a piece on disk is read at a time.
const BLOCK: usize = 64 * 1024;

/// The temporary file. It has no name, and so it goes with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Arena {
    file: File,
    end: Mutex<Extents>,
}

#[derive(Debug, Default)]
struct Extents {
    end: u64,
    held: u64,
}

/// A part of the file that belongs to someone.
#[derive(Debug)]
pub(crate) struct Extent {
    arena: Arc<Arena>,
    offset: u64,
    room: u64,
}

impl Arena {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Arena {
            file: tempfile::tempfile()?,
            end: Mutex::default(),
        }))
    }

    fn allocate(self: &Arc<Self>, room: u64) -> Extent {
        let mut extents = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = extents.end;
        extents.end += room;
        extents.held += 1;
        Extent {
            arena: Arc::clone(self),
            offset,
            room,
        }
    }
}

impl Drop for Extent {
    fn drop(&mut self) {
        let arena = &self.arena;
        let mut extents = arena.end.lock().unwrap_or_else(PoisonError::into_inner);
        extents.held -= 1;
        if extents.held == 0 {
            // Nobody has anything: begin anew.
            extents.end = 0;
            let _ = arena.file.set_len(0);
        } else {
            give_back(&arena.file, self.offset, self.room);
        }
    }
}

/// Where the system can, the blocks of a hole are free at once; elsewhere they are when all is.
#[cfg(target_os = "linux")]
fn give_back(file: &File, offset: u64, len: u64) {
    use rustix::fs::{FallocateFlags, fallocate};
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    let _ = fallocate(file, flags, offset, len);
}

#[cfg(not(target_os = "linux"))]
fn give_back(_: &File, _: u64, _: u64) {}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        bytes = bytes.get(written..).unwrap_or_default();
        offset += written as u64;
    }
    Ok(())
}

#[cfg(windows)]
fn read_at(file: &File, bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    let mut at = 0;
    while at < bytes.len() {
        match std::os::windows::fs::FileExt::seek_read(file, &mut bytes[at..], offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                at += read;
                offset += read as u64;
            }
        }
    }
    Ok(())
}

/// Some bytes, wherever they lie. Cloning copies none.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Memory(Bytes),
    Disk {
        extent: Arc<Extent>,
        start: u64,
        len: u64,
    },
}

impl Piece {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Piece::Memory(bytes) => bytes.len() as u64,
            Piece::Disk { len, .. } => *len,
        }
    }

    /// Takes up to `most` bytes off the front.
    pub(crate) fn take(&mut self, most: usize) -> io::Result<Bytes> {
        match self {
            Piece::Memory(bytes) => Ok(bytes.split_to(most.min(bytes.len()))),
            Piece::Disk { extent, start, len } => {
                let part = (most.min(BLOCK) as u64).min(*len);
                let mut bytes = vec![0; usize::try_from(part).unwrap_or(BLOCK)];
                read_at(&extent.arena.file, &mut bytes, extent.offset + *start)?;
                *start += part;
                *len -= part;
                Ok(bytes.into())
            }
        }
    }

    /// Leaves only the first `len` bytes.
    pub(crate) fn truncate(&mut self, most: u64) {
        match self {
            Piece::Memory(bytes) => bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX)),
            Piece::Disk { len, .. } => *len = (*len).min(most),
        }
    }
}

/// Takes the bytes of one body as they come.
#[derive(Debug)]
pub(crate) enum Sink {
    Memory(Vec<Piece>),
    Disk {
        extent: Arc<Extent>,
        written: u64,
    },
    /// For bodies that nobody wants.
    Nothing,
}

impl Sink {
    /// A place for up to `room` bytes.
    pub(crate) fn new(arena: Option<&Arc<Arena>>, room: u64) -> Self {
        match arena {
            Some(arena) => Sink::Disk {
                extent: Arc::new(arena.allocate(room)),
                written: 0,
            },
            None => Sink::Memory(Vec::new()),
        }
    }

    pub(crate) fn push(&mut self, bytes: Bytes) -> io::Result<()> {
        match self {
            Sink::Memory(pieces) => pieces.push(Piece::Memory(bytes)),
            Sink::Disk { extent, written } => {
                if *written + bytes.len() as u64 > extent.room {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                write_at(&extent.arena.file, &bytes, extent.offset + *written)?;
                *written += bytes.len() as u64;
            }
            Sink::Nothing => {}
        }
        Ok(())
    }

    pub(crate) fn into_pieces(self) -> Vec<Piece> {
        match self {
            Sink::Memory(pieces) => pieces,
            Sink::Disk { written: 0, .. } | Sink::Nothing => Vec::new(),
            Sink::Disk { extent, written } => vec![Piece::Disk {
                extent,
                start: 0,
                len: written,
            }],
        }
    }
}

/// The content of an attachment. Cloning it copies no bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    /// None when only the hash was kept.
    pieces: Option<Arc<Vec<Piece>>>,
    len: u64,
    sha256: Arc<OnceLock<String>>,
}

/// The bytes were not kept, or cannot be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotKept;

impl Content {
    pub(crate) fn new(pieces: Vec<Piece>) -> Self {
        let len = pieces.iter().map(Piece::len).sum();
        Content {
            pieces: Some(Arc::new(pieces)),
            len,
            sha256: Arc::default(),
        }
    }

    /// Bytes that came at once, put where they belong.
    pub(crate) fn of(bytes: Bytes, arena: Option<&Arc<Arena>>) -> io::Result<Self> {
        let mut sink = Sink::new(arena, bytes.len() as u64);
        if !bytes.is_empty() {
            sink.push(bytes)?;
        }
        Ok(Content::new(sink.into_pieces()))
    }

    /// What stays of it.
    pub(crate) fn kept(self, how: ContentStore) -> Self {
        match how {
            ContentStore::File | ContentStore::Memory => self,
            ContentStore::Hash => {
                self.sha256();
                Content {
                    pieces: None,
                    ..self
                }
            }
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn pieces(&self) -> Result<Vec<Piece>, NotKept> {
        self.pieces
            .as_ref()
            .map(|pieces| pieces.to_vec())
            .ok_or(NotKept)
    }

    /// All of it in memory.
    pub(crate) fn to_vec(&self) -> Result<Vec<u8>, NotKept> {
        let mut all = Vec::with_capacity(usize::try_from(self.len).unwrap_or_default());
        self.each(|block| all.extend_from_slice(block))?;
        Ok(all)
    }

    fn each(&self, mut take: impl FnMut(&[u8])) -> Result<(), NotKept> {
        for mut piece in self.pieces()? {
            while piece.len() > 0 {
                take(&piece.take(BLOCK).map_err(|_| NotKept)?);
            }
        }
        Ok(())
    }

    /// Lower-case hexadecimal. Computed when first asked for, so that no request waits for it.
    pub(crate) fn sha256(&self) -> String {
        self.sha256
            .get_or_init(|| {
                let mut context = digest::Context::new(&digest::SHA256);
                if self.each(|block| context.update(block)).is_err() {
                    return String::new();
                }
                context
                    .finish()
                    .as_ref()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect()
            })
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn memory(pieces: Vec<Vec<u8>>) -> Content {
        Content::new(
            pieces
                .into_iter()
                .map(|piece| Piece::Memory(piece.into()))
                .collect(),
        )
    }

    #[test]
    fn hashes_what_is_known() {
        let content = memory(vec![b"a".to_vec(), b"bc".to_vec()]);
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(content.sha256(), hash);
        let kept = content.kept(ContentStore::Hash);
        assert_eq!((kept.len(), kept.sha256().as_str()), (3, hash));
        assert_eq!(kept.to_vec(), Err(NotKept));
    }

    #[test]
    fn what_nobody_holds_is_given_back() {
        let arena = Arena::new().expect("a temporary file");
        let bytes = Bytes::from(vec![7; 1_000_000]);
        let first = Content::of(bytes.clone(), Some(&arena)).expect("room");
        let second = Content::of(bytes.clone(), Some(&arena)).expect("room");
        assert_eq!(arena.file.metadata().expect("a file").len(), 2_000_000);
        drop(first);
        assert_eq!(second.to_vec().map(Bytes::from), Ok(bytes));
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::MetadataExt;
            let blocks = arena.file.metadata().expect("a file").blocks() * 512;
            assert!(blocks < 1_500_000, "{blocks}");
        }
        drop(second);
        assert_eq!(arena.file.metadata().expect("a file").len(), 0);
    }

    #[test]
    fn no_body_is_longer_than_its_place() {
        let arena = Arena::new().expect("a temporary file");
        let mut sink = Sink::new(Some(&arena), 3);
        sink.push("ab".into()).expect("room");
        assert!(sink.push("cd".into()).is_err());
        assert_eq!(
            Content::new(sink.into_pieces()).to_vec(),
            Ok(b"ab".to_vec())
        );
    }

    proptest! {
        #[test]
        fn pieces_and_places_make_no_difference(pieces in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..50), 0..8,
        )) {
            let whole: Vec<u8> = pieces.concat();
            let in_memory = memory(pieces.clone());
            let arena = Arena::new().expect("a temporary file");
            let mut sink = Sink::new(Some(&arena), whole.len() as u64);
            for piece in pieces {
                sink.push(piece.into()).expect("room");
            }
            let on_disk = Content::new(sink.into_pieces());
            for content in [in_memory, on_disk] {
                prop_assert_eq!(content.len(), whole.len() as u64);
                prop_assert_eq!(content.to_vec(), Ok(whole.clone()));
                prop_assert_eq!(content.sha256(), memory(vec![whole.clone()]).sha256());
            }
        }
    }
}
