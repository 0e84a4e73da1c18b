//! Upload sessions that outlive the process: the record, its file, its locks.
//!
//! Nothing here speaks to a service or prints. A file is replaced whole or not at all; what cannot be
//! read is set aside and told, never deleted; what could have been tampered with is refused.

mod id;
mod item_key;
mod item_lock;
mod lock;
mod mail_record;
mod mail_records;
pub mod private_dir;
mod record;
mod records;
mod run_log;
mod send_log;
mod turn_log;
mod usage_log;

pub use id::{NotAnId, SessionId};
pub use item_key::{ItemKey, Sameness, same_service};
pub use item_lock::{Confirmed, HeldItem, ItemLock, LockPlaces};
pub use lock::{Lock, LockError};
pub use mail_record::{
    FileProgress, MAIL_SCHEMA, MailFile, MailOrigin, MailProgress, MailRecord, MailState,
};
pub use mail_records::MailList;
pub use private_dir::DirError;
pub use record::{FileFingerprint, HashedOffset, LoadError, Pipe, Record, SCHEMA, State};
pub use records::{Durability, SessionList, Store};
pub use run_log::{RunEntry, RunLog, SentFile};
pub use send_log::SendLog;
pub use turn_log::TurnLog;
pub use usage_log::UsageLog;
