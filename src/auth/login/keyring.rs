//! The system's store of secrets: Secret Service, Keychain or Credential Manager, by the `keyring` crate.
//!
//! It is asked on a thread of its own and for a limited time: a store that is locked asks for a password,
//! and there may be nobody to give it.

use std::time::Duration;

use tokio::sync::oneshot;

use super::seal::SealKey;

/// How long the store may take: long enough for a person to type a password, short enough for a script.
const PATIENCE: Duration = Duration::from_secs(30);

/// Under which name the store lists our keys.
#[cfg(feature = "keyring")]
const SERVICE: &str = "graph-attach";

/// Why the store was of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// There is none, or it refuses.
    #[error("the system's keyring cannot be used: {0}")]
    Unusable(String),
    /// It did not answer.
    #[error(
        "the system's keyring did not answer within {0} s: it may be locked, and ask for its password"
    )]
    Silent(u64),
}

/// What can be asked of a store. Blocks.
pub(super) trait SecretStore: Send + Sync {
    /// The secret of this name; `None` if there is none.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String>;
    /// Keeps a secret.
    fn set(&self, name: &str, secret: &[u8]) -> Result<(), String>;
    /// Forgets a secret; it is no failure if there is none.
    fn delete(&self, name: &str) -> Result<(), String>;
}

/// The store, with our patience.
#[derive(Clone)]
pub(super) struct Keyring {
    secrets: std::sync::Arc<dyn SecretStore>,
    patience: Duration,
}

impl Keyring {
    /// The system's own store; `None` where there can be none, which is known without asking.
    pub(super) fn of_system() -> Option<Self> {
        system().map(|secrets| Keyring {
            secrets,
            patience: PATIENCE,
        })
    }

    #[cfg(test)]
    pub(super) fn with(secrets: impl SecretStore + 'static, patience: Duration) -> Self {
        Keyring {
            secrets: std::sync::Arc::new(secrets),
            patience,
        }
    }

    /// The key of this name; `None` if the store has forgotten it.
    pub(super) async fn key(&self, name: &str) -> Result<Option<SealKey>, KeyringError> {
        let found = self.ask(name, |secrets, name| secrets.get(name)).await?;
        Ok(found.and_then(SealKey::read))
    }

    /// Keeps a key. It is read back: a store that forgets at once is no store.
    pub(super) async fn keep(&self, name: &str, key: &SealKey) -> Result<(), KeyringError> {
        let bytes = key.bytes().to_vec();
        let kept = self
            .ask(name, move |secrets, name| {
                secrets.set(name, &bytes)?;
                Ok(secrets.get(name)?.as_deref() == Some(&*bytes))
            })
            .await?;
        if kept {
            Ok(())
        } else {
            Err(KeyringError::Unusable(
                "it does not keep what it is given".into(),
            ))
        }
    }

    /// Forgets a key.
    pub(super) async fn forget(&self, name: &str) -> Result<(), KeyringError> {
        self.ask(name, |secrets, name| secrets.delete(name)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        name: &str,
        question: impl FnOnce(&dyn SecretStore, &str) -> Result<T, String> + Send + 'static,
    ) -> Result<T, KeyringError> {
        let (done, answer) = oneshot::channel();
        let (secrets, name) = (std::sync::Arc::clone(&self.secrets), name.to_owned());
        // Nobody waits for it when the program ends.
        std::thread::Builder::new()
            .name("keyring".into())
            .spawn(move || {
                let _ = done.send(question(&*secrets, &name));
            })
            .map_err(|error| KeyringError::Unusable(error.to_string()))?;
        match tokio::time::timeout(self.patience, answer).await {
            Ok(Ok(answer)) => answer.map_err(KeyringError::Unusable),
            Ok(Err(_)) => Err(KeyringError::Unusable("it failed".into())),
            Err(_) => Err(KeyringError::Silent(self.patience.as_secs())),
        }
    }
}

#[cfg(not(feature = "keyring"))]
fn system() -> Option<std::sync::Arc<dyn SecretStore>> {
    None
}

#[cfg(feature = "keyring")]
fn system() -> Option<std::sync::Arc<dyn SecretStore>> {
    is_near().then(|| std::sync::Arc::new(System) as _)
}

/// Whether there can be a store. On Linux and the BSDs it is reached over the session's bus, which a
/// cron job or a container has not; the library would look for another user's then.
#[cfg(feature = "keyring")]
fn is_near() -> bool {
    if cfg!(any(target_os = "macos", windows)) {
        return true;
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("DBUS_SESSION_BUS_ADDRESS").is_some()
        || set("XDG_RUNTIME_DIR")
            .is_some_and(|directory| std::path::Path::new(&directory).join("bus").exists())
}

/// The `keyring` crate.
#[cfg(feature = "keyring")]
struct System;

#[cfg(feature = "keyring")]
impl System {
    fn entry(name: &str) -> Result<keyring::Entry, String> {
        if let Err(error) = keyring::Entry::store_status() {
            return Err(brief(error));
        }
        keyring::Entry::new(SERVICE, name).map_err(|error| brief(&error))
    }
}

#[cfg(feature = "keyring")]
impl SecretStore for System {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        match Self::entry(name)?.get_secret() {
            Ok(secret) => Ok(Some(secret)),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(brief(&error)),
        }
    }

    fn set(&self, name: &str, secret: &[u8]) -> Result<(), String> {
        Self::entry(name)?
            .set_secret(secret)
            .map_err(|error| brief(&error))
    }

    fn delete(&self, name: &str) -> Result<(), String> {
        match Self::entry(name)?.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(brief(&error)),
        }
    }
}

/// One line of an error. None of these holds a secret: those that could are told by their name only.
#[cfg(feature = "keyring")]
fn brief(error: &keyring::Error) -> String {
    let text = match error {
        keyring::Error::BadEncoding(_) | keyring::Error::BadDataFormat(..) => {
            "it holds something else under our name".to_owned()
        }
        other => other.to_string(),
    };
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(200).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        collections::HashMap,
        sync::{Arc, Mutex},
        time::Instant,
    };

    use super::*;

    /// A store in memory.
    #[derive(Clone, Default)]
    pub(in crate::auth::login) struct Memory(
        pub(in crate::auth::login) Arc<Mutex<HashMap<String, Vec<u8>>>>,
    );

    impl SecretStore for Memory {
        fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
            Ok(self.0.lock().unwrap().get(name).cloned())
        }

        fn set(&self, name: &str, secret: &[u8]) -> Result<(), String> {
            self.0.lock().unwrap().insert(name.into(), secret.into());
            Ok(())
        }

        fn delete(&self, name: &str) -> Result<(), String> {
            self.0.lock().unwrap().remove(name);
            Ok(())
        }
    }

    /// A store that asks for its password and gets none.
    pub(in crate::auth::login) struct Locked;

    impl SecretStore for Locked {
        fn get(&self, _: &str) -> Result<Option<Vec<u8>>, String> {
            std::thread::sleep(Duration::from_secs(600));
            Ok(None)
        }

        fn set(&self, _: &str, _: &[u8]) -> Result<(), String> {
            std::thread::sleep(Duration::from_secs(600));
            Ok(())
        }

        fn delete(&self, _: &str) -> Result<(), String> {
            std::thread::sleep(Duration::from_secs(600));
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_key_is_kept_and_forgotten() {
        let keyring = Keyring::with(Memory::default(), PATIENCE);
        let key = SealKey::new().unwrap();
        assert!(keyring.key("a").await.unwrap().is_none());
        keyring.keep("a", &key).await.unwrap();
        assert_eq!(
            keyring.key("a").await.unwrap().unwrap().bytes(),
            key.bytes()
        );
        keyring.forget("a").await.unwrap();
        assert!(keyring.key("a").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_locked_store_is_waited_for_and_given_up() {
        let started = Instant::now();
        let keyring = Keyring::with(Locked, Duration::from_millis(100));
        let silent = keyring.key("a").await.err().unwrap();
        assert_eq!(silent, KeyringError::Silent(0));
        assert!(keyring.keep("a", &SealKey::new().unwrap()).await.is_err());
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
