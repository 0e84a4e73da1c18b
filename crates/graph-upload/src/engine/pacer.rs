//! The account of one mailbox: what this process knows of itself, and what others put on disk.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::sliding_window::SlidingWindow;
use crate::store::UsageLog;

/// How much went to a mailbox lately, and how long to wait before more may.
#[derive(Debug)]
pub struct MailboxPacer {
    own: Mutex<SlidingWindow>,
    shared: Option<UsageLog>,
}

impl MailboxPacer {
    /// An account with this limit, shared with the processes that have the same ledger.
    pub fn new(limit: u64, shared: Option<UsageLog>) -> Self {
        MailboxPacer {
            own: Mutex::new(SlidingWindow::new(limit)),
            shared,
        }
    }

    /// How long to wait at `now` before `bytes` more fit.
    pub(super) fn wait(&self, bytes: u64, now: Duration) -> Duration {
        let others = self
            .shared
            .as_ref()
            .map(UsageLog::others)
            .unwrap_or_default();
        self.own().wait(bytes, now, &others)
    }

    /// Notes that `bytes` went out at `now`.
    pub(super) fn note(&self, bytes: u64, now: Duration) {
        self.own().note(bytes, now);
        if let Some(ledger) = &self.shared {
            ledger.note(bytes);
        }
    }

    fn own(&self) -> MutexGuard<'_, SlidingWindow> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
