//! Keeps the record of the running upload on disk, for a later `resume`.
//!
//! A state directory that fails costs one warning and the ability to resume, not the upload, unless
//! the user required it.

use std::io;

use super::event::{Event, Observe};
use crate::session::{Durability, Record, Store};

/// The record under way and where it is kept.
pub(super) struct Keeper<'a> {
    store: Option<&'a Store>,
    required: bool,
    observer: &'a dyn Observe,
    /// The record, once there is a session.
    pub record: Option<Record>,
    warned: bool,
    /// Whether what is on disk can be resumed from.
    on_disk: bool,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(
        store: Option<&'a Store>,
        required: bool,
        record: Option<Record>,
        observer: &'a dyn Observe,
    ) -> Self {
        let on_disk = record.is_some();
        Keeper {
            store,
            required,
            observer,
            record,
            warned: false,
            on_disk,
        }
    }

    /// Saves the record as it is now.
    pub(super) fn save(&mut self, durability: Durability) -> Result<(), io::Error> {
        let (Some(store), Some(record)) = (self.store, &self.record) else {
            return Ok(());
        };
        match store.save(record, durability) {
            Ok(()) => {
                self.on_disk = true;
                Ok(())
            }
            Err(error) if self.required => Err(error),
            Err(error) => {
                self.warn(&error);
                Ok(())
            }
        }
    }

    /// Puts the record of a new session in the place of an earlier one's. If it cannot be saved, the
    /// earlier one goes all the same: a `resume` of that session, should it be alive after all,
    /// would attach beside the new one.
    pub(super) fn replace(&mut self, record: Record) -> Result<(), io::Error> {
        let earlier = std::mem::replace(&mut self.on_disk, false);
        self.record = Some(record);
        let result = self.save(Durability::Power);
        if let (true, false, Some(store), Some(record)) =
            (earlier, self.on_disk, self.store, &self.record)
            && let Err(error) = store.remove(record.id)
        {
            self.warn(&error);
        }
        result
    }

    /// Whether a later `resume` finds the session.
    pub(super) fn resumable(&self) -> bool {
        self.on_disk
            && self
                .record
                .as_ref()
                .is_some_and(|record| record.url.is_some())
    }

    /// Forgets the session: nothing is left to go on with.
    pub(super) fn forget(&mut self) {
        if let (Some(store), Some(record)) = (self.store, self.record.take())
            && self.on_disk
            && let Err(error) = store.forget(&record)
        {
            self.warn(&error);
        }
        self.on_disk = false;
    }

    fn warn(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.warned, true) {
            let text = format!(
                "the session cannot be saved ({error}); the upload goes on, but could not be \
                 resumed if it were interrupted"
            );
            self.observer.observe(&Event::Note(text));
        }
    }
}
