//! Tokens from files, pipes and standard input.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{
    CredentialError, Token,
    reply::{AccessToken, LIMIT},
    source::{Fetched, Fetching, TokenSource},
};

/// How long a pipe may stay silent: as long as a token command may take.
const PATIENCE: Duration = super::command::LIMIT;

/// Permission bits that let others read.
const READABLE_BY_OTHERS: u32 = 0o044;

/// A token file, read anew every time.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    patience: Duration,
}

impl TokenFile {
    /// Remembers the path; reads nothing yet.
    pub(super) fn new(path: PathBuf) -> Self {
        TokenFile {
            path,
            patience: PATIENCE,
        }
    }
}

impl TokenSource for TokenFile {
    fn fetch<'a>(&'a self, _instead_of: Option<&'a Token>) -> Fetching<'a> {
        Box::pin(async move {
            let path = &self.path;
            let unreadable = |source| CredentialError::Unreadable {
                path: path.clone(),
                source,
            };
            let metadata = std::fs::metadata(path).map_err(unreadable)?;
            if metadata.is_dir() {
                return Err(CredentialError::Directory(path.clone()));
            }
            let note = open_to_others("token file", path, &metadata);
            let bytes = if metadata.is_file() {
                File::open(path)
                    .and_then(read_limited)
                    .map_err(unreadable)?
            } else {
                // Opening a pipe waits for its writer.
                let owned = path.clone();
                let reading = aside(move || File::open(owned).and_then(read_limited));
                match tokio::time::timeout(self.patience, reading).await {
                    Ok(read) => read.map_err(unreadable)?,
                    Err(_) => {
                        let seconds = self.patience.as_secs();
                        return Err(CredentialError::Silent {
                            path: path.clone(),
                            seconds,
                        });
                    }
                }
            };
            Ok(Fetched {
                issued: AccessToken::read(&bytes, Timestamp::now())?,
                note,
            })
        })
    }

    fn renewable(&self) -> bool {
        // What came through a pipe, as `<(command)` makes one, does not come again.
        std::fs::metadata(&self.path).is_ok_and(|metadata| metadata.is_file())
    }
}

/// Standard input, read to its end, once.
#[derive(Debug)]
pub(super) struct Stdin;

impl TokenSource for Stdin {
    fn fetch<'a>(&'a self, _instead_of: Option<&'a Token>) -> Fetching<'a> {
        Box::pin(async move {
            let bytes = aside(|| read_limited(io::stdin()))
                .await
                .map_err(CredentialError::Stdin)?;
            Ok(AccessToken::read(&bytes, Timestamp::now())?.into())
        })
    }

    fn renewable(&self) -> bool {
        false
    }
}

/// One byte more than the limit, so that the one who looks can tell.
fn read_limited(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Runs what may block for ever on a thread that nobody waits for when the program ends.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    std::thread::Builder::new()
        .name("token".into())
        .spawn(move || {
            // Nobody listens any more: then nobody wants it either.
            let _ = done.send(work());
        })?;
    result
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
}

/// What to say of a file with a secret that others can read; a pipe keeps nothing.
pub(super) fn open_to_others(what: &str, path: &Path, metadata: &Metadata) -> Option<String> {
    let kind = metadata.file_type();
    let mode = metadata.permissions().mode() & 0o777;
    let kept = !kind.is_fifo() && !kind.is_char_device() && !kind.is_socket();
    (kept && mode & READABLE_BY_OTHERS != 0).then(|| {
        format!(
            "the {what} {} can be read by others (mode {mode:04o})",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    async fn ask(path: &Path) -> Result<Fetched, CredentialError> {
        TokenFile::new(path.to_owned()).fetch(None).await
    }

    #[tokio::test]
    async fn a_file_is_read_anew_every_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t");
        let file = TokenFile::new(path.clone());
        fs::write(&path, "first\n").unwrap();
        assert_eq!(
            file.fetch(None).await.unwrap().issued.token.expose(),
            "first"
        );
        fs::write(&path, "second\n").unwrap();
        assert_eq!(
            file.fetch(None).await.unwrap().issued.token.expose(),
            "second"
        );
        assert!(file.renewable());
    }

    #[tokio::test]
    async fn directories_missing_and_empty_files_are_named() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(
            ask(directory.path()).await,
            Err(CredentialError::Directory(_))
        ));
        let path = directory.path().join("t");
        assert!(matches!(
            ask(&path).await,
            Err(CredentialError::Unreadable { .. })
        ));
        fs::write(&path, "").unwrap();
        assert!(matches!(
            ask(&path).await,
            Err(CredentialError::Malformed(_))
        ));
        fs::write(&path, vec![b'a'; LIMIT + 1]).unwrap();
        assert!(matches!(ask(&path).await, Err(CredentialError::TooLong)));
    }

    #[tokio::test]
    async fn others_who_can_read_it_are_worth_a_note() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t");
        fs::write(&path, "abc").unwrap();
        for (mode, noted) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let answer = ask(&path).await.unwrap();
            assert_eq!(answer.note.is_some(), noted, "{mode:o}");
            assert!(!answer.note.unwrap_or_default().contains("abc"));
        }
    }

    #[tokio::test]
    async fn a_pipe_is_read_once_and_does_not_come_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success());
        let writer = path.clone();
        let writing = std::thread::spawn(move || {
            File::options()
                .write(true)
                .open(writer)
                .unwrap()
                .write_all(b"abc\n")
                .unwrap();
        });
        let file = TokenFile::new(path);
        assert_eq!(file.fetch(None).await.unwrap().issued.token.expose(), "abc");
        assert!(!file.renewable());
        writing.join().unwrap();
    }

    #[tokio::test]
    async fn a_pipe_without_a_writer_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success());
        let file = TokenFile {
            path,
            patience: Duration::from_millis(100),
        };
        assert!(matches!(
            file.fetch(None).await,
            Err(CredentialError::Silent { .. })
        ));
    }
}
