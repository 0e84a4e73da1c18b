//! Upload sessions that outlive the process: the record, its file, its locks.
//!
//! Nothing here speaks to a service or prints. A file is replaced whole or not at all; what cannot be
//! read is set aside and told, never deleted; what could have been tampered with is refused.

mod id;
mod item_key;
mod item_lock;
mod lock;
pub mod private_dir;
mod record;
mod records;
mod send_log;
mod usage_log;

pub use id::{NotAnId, SessionId};
pub use item_key::{ItemKey, Sameness, same_service};
pub use item_lock::{Confirmed, HeldItem, ItemLock, LockPlaces};
pub use lock::{Lock, LockError};
pub use private_dir::DirError;
pub use record::{FileFingerprint, HashedOffset, LoadError, Pipe, Record, SCHEMA, State};
pub use records::{Durability, SessionList, Store};
pub use send_log::SendLog;
pub use usage_log::UsageLog;
