//! What the stand-in holds, and the rules of one change: mailboxes, items, attachments, sessions, ids. No HTTP
//! and no waiting in here.

pub(crate) mod content;
pub(crate) mod extended;
pub(crate) mod ids;
pub(crate) mod item;
pub(crate) mod item_defaults;
pub(crate) mod limits;
pub(crate) mod mailbox;
mod naming;
pub(crate) mod properties;
pub(crate) mod session;
pub(crate) mod snapshot;
pub(crate) mod store;
mod time_zones;
