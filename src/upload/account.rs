//! The account of one mailbox: what this process knows of itself, and what others put on disk.

use std::{cell::RefCell, time::Duration};

use super::volume::Volume;
use crate::session::Ledger;

/// How much went to a mailbox lately, and how long to wait before more may.
#[derive(Debug)]
pub struct Account {
    own: RefCell<Volume>,
    shared: Option<Ledger>,
}

impl Account {
    /// An account with this limit, shared with the processes that have the same ledger.
    pub fn new(limit: u64, shared: Option<Ledger>) -> Self {
        Account {
            own: RefCell::new(Volume::new(limit)),
            shared,
        }
    }

    /// How long to wait at `now` before `bytes` more fit.
    pub(super) fn wait(&self, bytes: u64, now: Duration) -> Duration {
        let others = self.shared.as_ref().map(Ledger::others).unwrap_or_default();
        self.own.borrow_mut().wait(bytes, now, &others)
    }

    /// Notes that `bytes` went out at `now`.
    pub(super) fn note(&self, bytes: u64, now: Duration) {
        self.own.borrow_mut().note(bytes, now);
        if let Some(ledger) = &self.shared {
            ledger.note(bytes);
        }
    }
}
