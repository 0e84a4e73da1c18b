//! The state directory: made, checked and trusted before anything is read from it or written to it.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Why the state directory is not used.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// There is no place for one: no `--state-dir`, no variable, no home.
    #[error("there is no place for the state directory: HOME is not set")]
    Nowhere,
    /// Somebody else could have put it, or could change, what is in it.
    #[error("the state directory `{}` is not safe: {why}", path.display())]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// It cannot be made, read or written.
    #[error("cannot use the state directory `{}`: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DirError {
    /// Why a directory is not safe that only its modes make unsafe.
    pub const WRITABLE: &str = "others can write to it";
}

/// Makes the directory if it is missing (0700) and checks that it is ours alone to write.
pub fn prepare(path: &Path) -> Result<(), DirError> {
    let io = |source| DirError::Io {
        path: path.to_owned(),
        source,
    };
    match fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
    {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        // On a read-only disk an existing directory can still be read from.
        Err(_) if path.is_dir() => {}
        Err(error) => return Err(io(error)),
    }
    check(path)
}

/// Checks an existing directory.
pub fn check(path: &Path) -> Result<(), DirError> {
    let io = |source| DirError::Io {
        path: path.to_owned(),
        source,
    };
    let refuse = |why| DirError::Unsafe {
        path: path.to_owned(),
        why,
    };
    // A trailing slash or dot would make the system follow a link before we see it.
    let bare: PathBuf = path.components().collect();
    let metadata = fs::symlink_metadata(&bare).map_err(io)?;
    if metadata.file_type().is_symlink() {
        return Err(refuse("it is a symbolic link"));
    }
    if !metadata.is_dir() {
        return Err(refuse("it is not a directory"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(refuse("it belongs to another user"));
    }
    if metadata.permissions().mode() & 0o022 != 0 {
        return Err(refuse(DirError::WRITABLE));
    }
    Ok(())
}

/// Options for opening a file of ours in the directory: never through a link, never for others.
pub fn options() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
    options
}

/// Makes what was renamed into the directory survive a power cut.
pub fn sync(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}
