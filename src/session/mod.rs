//! Upload sessions that outlive the process: the record, its file, its locks.
//!
//! Nothing here speaks to a service or prints. A file is replaced whole or not at all; what cannot be
//! read is set aside and told, never deleted; what could have been tampered with is refused.

pub(crate) mod dir;
mod id;
mod ledger;
mod lock;
mod record;
mod store;

pub use dir::DirError;
pub use id::{NotAnId, SessionId};
pub use ledger::Ledger;
pub use lock::{Lock, LockError};
pub use record::{Mark, Record, SCHEMA, Stamp, State, Unreadable};
pub use store::{Durability, Inventory, Store};
