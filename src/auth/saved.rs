//! The saved login on disk: one JSON file in the state directory, 0600, replaced whole or not at
//! all, with a kernel lock so that two processes do not both spend its refresh token.
//!
//! The only place that writes a secret down. Nothing in it has a `Debug`.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Problem;
use crate::session::{DirError, Lock, LockError, private_dir as dir};

/// The file's name; ids of sessions have eight letters, so that none can be called this.
const NAME: &str = "login.json";

/// The form of the file. A later form gets a higher number, and is not read by this program.
const SCHEMA: u32 = 1;

/// Longest file that is read: two tokens of at most 64 KiB, and little else.
const LONGEST: u64 = 512 * 1024;

/// How long another process may take to renew the login, which is one request.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the lock is tried.
const TRY: Duration = Duration::from_millis(50);

/// A login, with what is needed to renew it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Saved {
    schema: u32,
    /// The login host that it was made at, and that renews it.
    pub(super) login_url: Url,
    /// The tenant as the user named it.
    pub(super) tenant: String,
    /// The app's id.
    pub(super) client_id: String,
    /// What the token is for.
    pub(super) scope: String,
    pub(super) refresh_token: String,
    pub(super) access_token: String,
    /// When the access token ends.
    pub(super) expires: Option<Timestamp>,
}

impl Saved {
    pub(super) fn new(login_url: Url, tenant: String, client_id: String, scope: String) -> Self {
        Saved {
            schema: SCHEMA,
            login_url,
            tenant,
            client_id,
            scope,
            refresh_token: String::new(),
            access_token: String::new(),
            expires: None,
        }
    }

    /// The line that makes this login anew.
    pub(super) fn command(&self) -> String {
        login_command(&self.client_id, &self.tenant)
    }
}

/// The line that makes a login.
pub(super) fn login_command(client_id: &str, tenant: &str) -> String {
    format!("graph-attach auth login --client-id {client_id} --tenant {tenant}")
}

/// The place of the saved login.
pub(super) struct Place {
    directory: PathBuf,
}

impl Place {
    /// The place in this state directory, which need not exist.
    pub(super) fn new(directory: &Path) -> Self {
        Place {
            directory: directory.to_owned(),
        }
    }

    /// Whether there is a login.
    pub(super) fn is_taken(&self) -> bool {
        fs::symlink_metadata(self.path()).is_ok()
    }

    /// Makes the directory, so that a login that a person went to some trouble for can be kept.
    pub(super) fn prepare(&self) -> Result<(), Problem> {
        Ok(dir::prepare(&self.directory)?)
    }

    /// Reads the login.
    pub(super) fn load(&self) -> Result<Option<Saved>, Problem> {
        let path = self.path();
        let unreadable = |source| Problem::Unreadable {
            path: path.clone(),
            source,
        };
        let file = match dir::options().read(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        // Whoever can write here can choose where the refresh token is sent.
        dir::check(&self.directory)?;
        let mut bytes = Vec::new();
        file.take(LONGEST)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        match serde_json::from_slice::<Saved>(&bytes) {
            Ok(saved) if saved.schema == SCHEMA => Ok(Some(saved)),
            _ => Err(Problem::LoginDamaged(path)),
        }
    }

    /// Writes the login, durably: a refresh token may be good only once.
    pub(super) fn save(&self, saved: &Saved) -> Result<(), Problem> {
        let write = || -> io::Result<()> {
            // A temporary file is 0600 from the start, whatever the umask.
            let mut file = tempfile::Builder::new()
                .prefix(".tmp-login-")
                .tempfile_in(&self.directory)?;
            serde_json::to_writer(&mut file, saved)?;
            file.flush()?;
            file.as_file().sync_all()?;
            file.persist(self.path()).map_err(|error| error.error)?;
            dir::sync(&self.directory)
        };
        self.prepare()?;
        write().map_err(|source| {
            DirError::Io {
                path: self.directory.clone(),
                source,
            }
            .into()
        })
    }

    /// Removes the login; says whether there was one.
    pub(super) fn remove(&self) -> Result<bool, Problem> {
        let failed = |source| {
            Problem::from(DirError::Io {
                path: self.path(),
                source,
            })
        };
        match fs::remove_file(self.path()) {
            Ok(()) => {
                dir::sync(&self.directory).map_err(failed)?;
                Ok(true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Waits for the lock; `None` where locks cannot be had, such as on a disk that is read-only.
    pub(super) async fn lock(&self) -> Result<Option<Lock>, Problem> {
        let path = self.directory.join("login.lock");
        let waiting = async {
            loop {
                match Lock::take(&path) {
                    Ok(lock) => return Some(lock),
                    Err(LockError::Held { .. }) => tokio::time::sleep(TRY).await,
                    Err(LockError::Io { .. }) => return None,
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .map_err(|_| Problem::LoginBusy(PATIENCE.as_secs()))
    }

    fn path(&self) -> PathBuf {
        self.directory.join(NAME)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    pub(in crate::auth) fn saved() -> Saved {
        Saved {
            refresh_token: "REFRESH".into(),
            access_token: "ACCESS".into(),
            ..Saved::new(
                Url::parse("http://127.0.0.1:1").unwrap(),
                "tenant".into(),
                "app".into(),
                "scope".into(),
            )
        }
    }

    fn place() -> (tempfile::TempDir, Place) {
        let home = tempfile::tempdir().unwrap();
        let place = Place::new(&home.path().join("state"));
        (home, place)
    }

    #[test]
    fn a_login_is_kept_for_its_owner_only_and_forgotten_wholly() {
        let (_home, place) = place();
        assert!(!place.is_taken());
        assert!(place.load().unwrap().is_none());
        assert!(!place.remove().unwrap());
        place.save(&saved()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&place.path()), 0o600);
        assert_eq!(mode(&place.directory), 0o700);
        assert!(place.is_taken());
        assert_eq!(place.load().unwrap().unwrap().refresh_token, "REFRESH");
        assert!(place.remove().unwrap());
        assert_eq!(fs::read_dir(&place.directory).unwrap().count(), 0);
    }

    #[test]
    fn a_login_that_others_could_have_written_is_refused() {
        let (_home, place) = place();
        place.save(&saved()).unwrap();
        fs::set_permissions(&place.directory, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(place.load(), Err(Problem::State(_))));
        fs::set_permissions(&place.directory, fs::Permissions::from_mode(0o700)).unwrap();
        let elsewhere = place.directory.join("elsewhere");
        fs::rename(place.path(), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, place.path()).unwrap();
        assert!(matches!(place.load(), Err(Problem::Unreadable { .. })));
    }

    #[test]
    fn a_damaged_login_is_named_and_not_quoted() {
        let (_home, place) = place();
        place.save(&saved()).unwrap();
        let whole = fs::read_to_string(place.path()).unwrap();
        for text in [
            &whole[..whole.len() - 5],
            "",
            "[]",
            &whole.replace("\"schema\":1", "\"schema\":2"),
        ] {
            fs::write(place.path(), text).unwrap();
            let Err(problem) = place.load() else {
                panic!("{text}")
            };
            assert!(matches!(problem, Problem::LoginDamaged(_)));
            assert!(!format!("{problem} {problem:?}").contains("REFRESH"));
        }
    }

    #[tokio::test]
    async fn the_lock_is_waited_for() {
        let (_home, place) = place();
        place.prepare().unwrap();
        let first = place.lock().await.unwrap();
        assert!(first.is_some());
        let waited = tokio::time::timeout(Duration::from_millis(200), place.lock()).await;
        assert!(waited.is_err());
        drop(first);
        assert!(place.lock().await.unwrap().is_some());
    }
}
