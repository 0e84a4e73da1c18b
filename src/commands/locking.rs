//! The lock of an item, as commands take it: whatever the item is called, and wherever locks can be.

use std::{
    env, mem,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::context::CommandContext;
use crate::{
    graph::{GraphClient, Item, Kind},
    report::{self, ExitReport},
    session::{HeldItem, ItemKey, ItemLock, LockError, LockPlaces},
};

/// How often a lock that another process has is tried for.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// More than long enough for whoever only looks whether a lock is held.
const GLANCE: Duration = Duration::from_millis(20);

/// What a lock is taken for.
pub(crate) struct Wanted<'a> {
    /// The Graph endpoint through which the item is reached.
    pub(crate) endpoint: &'a str,
    pub(crate) item: &'a Item,
    /// Whom to ask when another process holds a lock under an id that may be of the same item. The first
    /// process never asks, nor does one among others that name their items in the same form.
    pub(crate) graph: &'a GraphClient,
    /// How long to wait for whoever has it.
    pub(crate) wait: Option<Duration>,
    /// Whether it must be in the state directory.
    pub(crate) required: bool,
    /// Whether it is for an upload, which then cannot be resumed where there is no state directory.
    pub(crate) uploads: bool,
}

/// What an attempt came to.
enum Taken {
    Lock(ItemLock),
    Held(Option<u32>),
}

impl CommandContext {
    /// Locks an item. `None`: there is no place where locks can be, which was said.
    pub(crate) async fn lock_item(&self, wanted: &Wanted<'_>) -> report::Result<Option<ItemLock>> {
        let places = self.lock_places(wanted.required)?;
        let what = format!("the {}", wanted.item.kind);
        let until = wanted.wait.map(|wait| Instant::now() + wait);
        let (mut glanced, mut told, mut asked) = (false, false, Asked::default());
        loop {
            let pid = match self.try_lock_item(&places, wanted, &mut asked).await {
                Ok(Taken::Lock(lock)) => {
                    match (self.state_error(), lock.passed_over()) {
                        _ if !wanted.uploads => {}
                        (Some(error), _) => self.warn_of_state(error),
                        (None, Some(error)) => self.warn_of_state(error),
                        (None, None) => {}
                    }
                    return Ok(Some(lock));
                }
                Ok(Taken::Held(pid)) => pid,
                Err(error) if wanted.required => return Err(error.into()),
                Err(error) => {
                    match self.state_error() {
                        Some(first) => self.warn_of_no_lock(first, wanted.uploads),
                        None => self.warn_of_no_lock(&error, wanted.uploads),
                    }
                    return Ok(None);
                }
            };
            // `status` and `prune` take a lock for an instant, to see whether somebody has it.
            if !mem::replace(&mut glanced, true) {
                tokio::time::sleep(GLANCE).await;
                continue;
            }
            if until.is_none_or(|until| Instant::now() >= until) {
                return Err(ExitReport::busy(&what, pid));
            }
            if !mem::replace(&mut told, true) {
                self.printer
                    .note(&format!("{what} is in use by another process; waiting"));
            }
            tokio::time::sleep(LOCK_POLL).await;
        }
    }

    /// One attempt. What the service said is not asked for again in the next.
    async fn try_lock_item(
        &self,
        places: &LockPlaces,
        wanted: &Wanted<'_>,
        asked: &mut Asked,
    ) -> Result<Taken, LockError> {
        let key = ItemKey::new(wanted.endpoint, wanted.item);
        let lock = match places.lock_item(&key, wanted.item) {
            Ok(lock) => lock,
            Err(LockError::Held { pid }) => return Ok(Taken::Held(pid)),
            Err(error) => return Err(error),
        };
        let rivals: Vec<&HeldItem> = lock.rivals(&key).collect();
        if rivals.is_empty() {
            return Ok(Taken::Lock(lock));
        }
        let ours = asked.lasting(&key, wanted.item, wanted.graph).await;
        for rival in rivals {
            let theirs = asked.lasting(&rival.key, &rival.item, wanted.graph).await;
            if may_be_same(&ours, &theirs) {
                // Whoever came second waits.
                return Ok(Taken::Held(rival.pid));
            }
        }
        Ok(Taken::Lock(lock))
    }

    /// Where item locks may be. The first is the state directory; the others are for where that cannot
    /// be written, and the same for all processes of a user.
    fn lock_places(&self, required: bool) -> report::Result<LockPlaces> {
        let state = self.store_if_any(required)?;
        let mut places: Vec<PathBuf> = state
            .map(|store| store.dir().to_owned())
            .into_iter()
            .collect();
        if !required {
            places.extend(shared_places());
        }
        Ok(LockPlaces::new(places))
    }
}

/// Directories that every process of the user finds, whatever its state directory.
fn shared_places() -> Vec<PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let runtime = runtime.filter(|path| path.is_absolute() && path.is_dir());
    let user = rustix::process::geteuid().as_raw();
    let temporary = env::temp_dir().join(format!("graph-attach-{user}"));
    let runtime = runtime.map(|path| path.join("graph-attach"));
    runtime.into_iter().chain([temporary]).collect()
}

/// What the service said of items' lasting names, in one command.
#[derive(Default)]
struct Asked(Vec<(ItemKey, Lasting)>);

impl Asked {
    async fn lasting(&mut self, key: &ItemKey, item: &Item, graph: &GraphClient) -> Lasting {
        if let Some((_, known)) = self.0.iter().find(|(known, _)| known == key) {
            return known.clone();
        }
        let said = lasting(key, item, graph).await;
        if !matches!(said, Lasting::Unknown) {
            self.0.push((key.clone(), said.clone()));
        }
        said
    }
}

/// What the service says of an item's lasting name.
#[derive(Debug, Clone)]
enum Lasting {
    /// The key with its immutable id.
    Key(ItemKey),
    /// It is not there, or not for this token to see: it is not what this command is about.
    Unseen,
    /// It does not say.
    Unknown,
}

/// Whether two items may be one. What is not known may be.
fn may_be_same(ours: &Lasting, theirs: &Lasting) -> bool {
    match (ours, theirs) {
        (Lasting::Unseen, _) | (_, Lasting::Unseen) => false,
        (Lasting::Key(ours), Lasting::Key(theirs)) => ours == theirs,
        (Lasting::Unknown, _) | (_, Lasting::Unknown) => true,
    }
}

async fn lasting(key: &ItemKey, item: &Item, graph: &GraphClient) -> Lasting {
    if key.is_immutable() {
        return Lasting::Key(key.clone());
    }
    match graph.item(item, true).await {
        Ok(found) => Lasting::Key(key.with_id(&found.id)),
        Err(error) => match error.kind {
            Kind::NotFound | Kind::MalformedId | Kind::Forbidden | Kind::Unauthorized => {
                Lasting::Unseen
            }
            _ => Lasting::Unknown,
        },
    }
}

/// The key of an item by its immutable id; `None` where the service does not tell, or it is not there: then
/// it may be any item.
pub(crate) async fn lasting_id(key: &ItemKey, item: &Item, graph: &GraphClient) -> Option<ItemKey> {
    match lasting(key, item, graph).await {
        Lasting::Key(key) => Some(key),
        Lasting::Unseen | Lasting::Unknown => None,
    }
}
