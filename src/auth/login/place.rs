//! A saved login on disk: one JSON file for each profile in the state directory, 0600, replaced whole or
//! not at all, with a kernel lock so that two processes do not both spend its refresh token.
//!
//! The only place that writes a secret down: in a file of its owner's, or, where the system has a store
//! of secrets, sealed with a key that only that store has. Nothing that holds one has a `Debug`.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use super::seal::{self, SealKey};
use crate::{
    auth::CredentialError,
    session::{DirError, Lock, LockError, private_dir as dir},
};

/// The form of the file. A later form gets a higher number, and is not read by this program.
const SCHEMA: u32 = 2;

/// Longest file that is read: two tokens of at most 64 KiB, sealed, and little else.
const LONGEST: u64 = 512 * 1024;

/// How long another process may take to renew the login, which is one request.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the lock is tried.
const TRY: Duration = Duration::from_millis(50);

/// Where a login's secrets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginStore {
    /// In the login's file, which is for its owner only.
    File,
    /// In the same file, sealed with a key that the system's store of secrets keeps.
    Keyring,
}

/// What is known of a login without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The profile that it belongs to; `None` without one.
    pub profile: Option<String>,
    /// The app's id.
    pub client_id: String,
    /// The tenant as the user named it.
    pub tenant: String,
    /// The tenant's id as the tokens name it.
    pub tenant_id: Option<String>,
    /// Who signed in, as far as the tokens say.
    pub account: Option<String>,
    /// The login host that it was made at, and that renews it.
    pub login_url: Url,
    /// What was asked for.
    pub scope: String,
    /// When the access token ends.
    pub expires: Option<Timestamp>,
    /// Where the secrets are.
    pub store: LoginStore,
    /// Under which name the system's store keeps the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// What the service wants proved at the next sign-in (a claims challenge).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) challenge: Option<String>,
}

/// The secrets of a login.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Secrets {
    #[serde(serialize_with = "exposed")]
    pub(super) refresh_token: SecretString,
    #[serde(serialize_with = "exposed")]
    pub(super) access_token: SecretString,
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// A login, with what is needed to renew it.
#[derive(Clone)]
pub(super) struct Saved {
    pub(super) login: Login,
    pub(super) secrets: Secrets,
    /// What seals it, if its store is the system's.
    pub(super) key: Option<SealKey>,
}

impl Saved {
    pub(super) fn new(login: Login) -> Self {
        Saved {
            login,
            secrets: Secrets {
                refresh_token: SecretString::default(),
                access_token: SecretString::default(),
            },
            key: None,
        }
    }
}

/// The file's form.
#[derive(Serialize, Deserialize)]
struct LoginRecord {
    schema: u32,
    #[serde(flatten)]
    login: Login,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secrets: Option<Secrets>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

/// The form before there were profiles and the system's store.
#[derive(Deserialize)]
struct FirstRecord {
    login_url: Url,
    tenant: String,
    client_id: String,
    scope: String,
    expires: Option<Timestamp>,
    #[serde(flatten)]
    secrets: Secrets,
}

/// A login as its file has it.
pub(super) enum Loaded {
    /// All of it.
    Whole(Saved),
    /// All of it, in the form of an earlier version.
    Old(Saved),
    /// Sealed: it takes the key.
    Sealed(Login, String),
}

impl Loaded {
    pub(super) fn login(&self) -> &Login {
        match self {
            Loaded::Whole(saved) | Loaded::Old(saved) => &saved.login,
            Loaded::Sealed(login, _) => login,
        }
    }
}

/// The place of one saved login.
#[derive(Clone)]
pub(super) struct Place {
    directory: PathBuf,
    profile: Option<String>,
}

impl Place {
    /// The profile's place in this state directory, which need not exist.
    pub(super) fn new(directory: &Path, profile: Option<&str>) -> Self {
        Place {
            directory: directory.to_owned(),
            profile: profile.map(str::to_owned),
        }
    }

    /// Every place in this state directory that has a login: the one without a profile first.
    pub(super) fn all(directory: &Path) -> Result<Vec<Self>, CredentialError> {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(Vec::new());
            }
            Err(source) => {
                let path = directory.to_owned();
                return Err(DirError::Io { path, source }.into());
            }
        };
        let mut profiles: Vec<_> = entries
            .filter_map(|entry| profile_of(entry.ok()?.file_name().to_str()?))
            .collect();
        profiles.sort();
        Ok(profiles
            .into_iter()
            .map(|profile| Place::new(directory, profile.as_deref()))
            .collect())
    }

    /// Whether there is a login.
    pub(super) fn is_taken(&self) -> bool {
        fs::symlink_metadata(self.path()).is_ok()
    }

    /// Makes the directory, so that a login that a person went to some trouble for can be kept.
    pub(super) fn prepare(&self) -> Result<(), CredentialError> {
        Ok(dir::prepare(&self.directory)?)
    }

    /// Before there were profiles there was one login. If that is of this app and tenant, it becomes
    /// this profile's.
    pub(super) fn adopt(&self, client_id: Option<&str>, tenant: Option<&str>) {
        let first = Place::new(&self.directory, None);
        if self.profile.is_none() || self.is_taken() || !first.is_taken() {
            return;
        }
        if let Ok(Some(Loaded::Old(saved))) = first.load()
            && client_id.is_some_and(|id| id.eq_ignore_ascii_case(&saved.login.client_id))
            && tenant.is_some_and(|id| id.eq_ignore_ascii_case(&saved.login.tenant))
        {
            // Where this fails there is no login here, and the next one says so.
            let _ = fs::rename(first.path(), self.path());
        }
    }

    /// Reads the login's file.
    pub(super) fn load(&self) -> Result<Option<Loaded>, CredentialError> {
        let path = self.path();
        let unreadable = |source| CredentialError::Unreadable {
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
        match self.read(&bytes) {
            Some(loaded) => Ok(Some(loaded)),
            None => Err(CredentialError::LoginDamaged(path)),
        }
    }

    fn read(&self, bytes: &[u8]) -> Option<Loaded> {
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
        }
        let Schema { schema } = serde_json::from_slice(bytes).ok()?;
        if schema == 1 {
            let first: FirstRecord = serde_json::from_slice(bytes).ok()?;
            let login = Login {
                profile: self.profile.clone(),
                client_id: first.client_id,
                tenant: first.tenant,
                tenant_id: None,
                account: None,
                login_url: first.login_url,
                scope: first.scope,
                expires: first.expires,
                store: LoginStore::File,
                key: None,
                challenge: None,
            };
            return Some(Loaded::Old(Saved {
                secrets: first.secrets,
                ..Saved::new(login)
            }));
        }
        let record: LoginRecord = serde_json::from_slice(bytes).ok()?;
        if record.schema != SCHEMA {
            return None;
        }
        match (record.login.store, record.secrets, record.sealed) {
            (LoginStore::File, Some(secrets), None) => Some(Loaded::Whole(Saved {
                secrets,
                ..Saved::new(record.login)
            })),
            (LoginStore::Keyring, None, Some(sealed)) if record.login.key.is_some() => {
                Some(Loaded::Sealed(record.login, sealed))
            }
            _ => None,
        }
    }

    /// Opens what [`Loaded::Sealed`] holds.
    pub(super) fn open(
        &self,
        login: Login,
        sealed: &str,
        key: SealKey,
    ) -> Result<Saved, CredentialError> {
        let damaged = || CredentialError::LoginDamaged(self.path());
        // What stands beside it is sealed too: nobody can have another host get the refresh token.
        let about = serde_json::to_vec(&login).map_err(|_| damaged())?;
        let opened = seal::open(&key, &about, sealed).ok_or_else(damaged)?;
        let secrets = serde_json::from_slice(opened.expose_secret()).map_err(|_| damaged())?;
        Ok(Saved {
            login,
            secrets,
            key: Some(key),
        })
    }

    /// Writes the login, durably: a refresh token may be good only once.
    pub(super) fn save(&self, saved: &Saved) -> Result<(), CredentialError> {
        let write = || -> io::Result<()> {
            let (secrets, sealed) = match &saved.key {
                None => (Some(saved.secrets.clone()), None),
                Some(key) => {
                    let about = serde_json::to_vec(&saved.login)?;
                    let secrets = serde_json::to_vec(&saved.secrets)?;
                    let sealed = seal::seal(key, &about, secrets)
                        .ok_or_else(|| io::Error::other("the login cannot be sealed"))?;
                    (None, Some(sealed))
                }
            };
            let record = LoginRecord {
                schema: SCHEMA,
                login: saved.login.clone(),
                secrets,
                sealed,
            };
            // A temporary file is 0600 from the start, whatever the umask.
            let mut file = tempfile::Builder::new()
                .prefix(".tmp-login-")
                .tempfile_in(&self.directory)?;
            serde_json::to_writer(&mut file, &record)?;
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
    pub(super) fn remove(&self) -> Result<bool, CredentialError> {
        let failed = |source| {
            CredentialError::from(DirError::Io {
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
    pub(super) async fn lock(&self) -> Result<Option<Lock>, CredentialError> {
        let path = self.path().with_extension("lock");
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
            .map_err(|_| CredentialError::LoginBusy(PATIENCE.as_secs()))
    }

    /// The login's file. Ids of sessions have eight letters, so that none can be called this.
    pub(super) fn path(&self) -> PathBuf {
        self.directory.join(match &self.profile {
            None => "login.json".to_owned(),
            Some(profile) => {
                let name: String =
                    url::form_urlencoded::byte_serialize(profile.as_bytes()).collect();
                // A dot would end the name for whoever puts another extension there.
                format!("login-{}.json", name.replace('.', "%2E"))
            }
        })
    }
}

/// The profile that a file of this name is the login of.
fn profile_of(file: &str) -> Option<Option<String>> {
    let name = file.strip_prefix("login")?.strip_suffix(".json")?;
    if name.is_empty() {
        return Some(None);
    }
    let name = name.strip_prefix('-')?;
    let (decoded, _) = url::form_urlencoded::parse(name.as_bytes()).next()?;
    Some(Some(decoded.into_owned()))
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    pub(in crate::auth) fn saved() -> Saved {
        let login = Login {
            profile: None,
            client_id: "app".into(),
            tenant: "tenant".into(),
            tenant_id: None,
            account: Some("u@example.org".into()),
            login_url: Url::parse("http://127.0.0.1:1").unwrap(),
            scope: "scope".into(),
            expires: None,
            store: LoginStore::File,
            key: None,
            challenge: None,
        };
        Saved {
            secrets: Secrets {
                refresh_token: "REFRESH".into(),
                access_token: "ACCESS".into(),
            },
            ..Saved::new(login)
        }
    }

    fn whole(place: &Place) -> Saved {
        match place.load().unwrap() {
            Some(Loaded::Whole(saved) | Loaded::Old(saved)) => saved,
            _ => panic!("not there, or sealed"),
        }
    }

    fn place() -> (tempfile::TempDir, Place) {
        let home = tempfile::tempdir().unwrap();
        let place = Place::new(&home.path().join("state"), None);
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
        assert_eq!(
            whole(&place).secrets.refresh_token.expose_secret(),
            "REFRESH"
        );
        assert!(place.remove().unwrap());
        assert_eq!(fs::read_dir(&place.directory).unwrap().count(), 0);
    }

    #[test]
    fn a_login_that_others_could_have_written_is_refused() {
        let (_home, place) = place();
        place.save(&saved()).unwrap();
        fs::set_permissions(&place.directory, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(place.load(), Err(CredentialError::State(_))));
        fs::set_permissions(&place.directory, fs::Permissions::from_mode(0o700)).unwrap();
        let elsewhere = place.directory.join("elsewhere");
        fs::rename(place.path(), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, place.path()).unwrap();
        assert!(matches!(
            place.load(),
            Err(CredentialError::Unreadable { .. })
        ));
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
            &whole.replace("\"schema\":2", "\"schema\":3"),
            &whole.replace("\"file\"", "\"keyring\""),
        ] {
            fs::write(place.path(), text).unwrap();
            let Err(problem) = place.load() else {
                panic!("{text}")
            };
            assert!(matches!(problem, CredentialError::LoginDamaged(_)));
            assert!(!format!("{problem} {problem:?}").contains("REFRESH"));
        }
    }

    #[test]
    fn each_profile_has_its_own_and_all_are_found() {
        let (_home, place) = place();
        let profiles = [None, Some("work"), Some("a b/../c.d"), Some("\u{e9}")];
        for profile in profiles {
            let place = Place::new(&place.directory, profile);
            let mut saved = saved();
            saved.login.profile = profile.map(str::to_owned);
            place.save(&saved).unwrap();
            assert_eq!(whole(&place).login.profile.as_deref(), profile);
            assert_eq!(place.path().parent(), Some(&*place.directory));
        }
        fs::write(place.directory.join("ABCDEFGH.json"), "{}").unwrap();
        let mut found: Vec<_> = Place::all(&place.directory)
            .unwrap()
            .into_iter()
            .map(|place| place.profile)
            .collect();
        let mut all = profiles.map(|profile| profile.map(str::to_owned)).to_vec();
        found.sort();
        all.sort();
        assert_eq!(found, all);
        assert!(
            Place::all(&place.directory.join("nowhere"))
                .unwrap()
                .is_empty()
        );
    }

    /// As the versions before profiles wrote it.
    const FIRST: &str = r#"{"schema":1,"login_url":"http://127.0.0.1:1/","tenant":"tenant",
        "client_id":"app","scope":"scope","refresh_token":"REFRESH","access_token":"ACCESS",
        "expires":"2026-01-01T00:00:00Z"}"#;

    #[test]
    fn an_older_login_is_read_and_goes_to_the_profile_of_its_app() {
        let (_home, place) = place();
        place.prepare().unwrap();
        fs::write(place.path(), FIRST).unwrap();
        assert!(matches!(place.load(), Ok(Some(Loaded::Old(_)))));
        assert_eq!(
            whole(&place).secrets.refresh_token.expose_secret(),
            "REFRESH"
        );
        let other = Place::new(&place.directory, Some("other"));
        other.adopt(Some("app"), Some("another"));
        other.adopt(None, Some("tenant"));
        assert!(place.is_taken() && !other.is_taken());
        let work = Place::new(&place.directory, Some("work"));
        work.adopt(Some("APP"), Some("tenant"));
        assert!(work.is_taken() && !place.is_taken());
        place.save(&saved()).unwrap();
        other.adopt(Some("app"), Some("tenant"));
        assert!(
            !other.is_taken(),
            "a newer login without a profile stays what it is"
        );
    }

    #[test]
    fn a_sealed_login_opens_with_its_key_and_as_it_was_only() {
        let (_home, place) = place();
        let key = SealKey::new().unwrap();
        let mut saved = saved();
        saved.login.store = LoginStore::Keyring;
        saved.login.key = Some("k".into());
        saved.key = Some(key.clone());
        place.save(&saved).unwrap();
        let text = fs::read_to_string(place.path()).unwrap();
        assert!(!text.contains("REFRESH") && !text.contains("ACCESS"));
        let open = |key: SealKey| match place.load().unwrap() {
            Some(Loaded::Sealed(login, sealed)) => place.open(login, &sealed, key),
            _ => panic!("not sealed"),
        };
        let opened = open(key.clone()).ok().unwrap();
        assert_eq!(opened.secrets.refresh_token.expose_secret(), "REFRESH");
        assert!(open(SealKey::new().unwrap()).is_err());
        fs::write(place.path(), text.replace("127.0.0.1", "127.0.0.2")).unwrap();
        assert!(open(key).is_err());
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
