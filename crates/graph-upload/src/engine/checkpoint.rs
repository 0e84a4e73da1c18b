//! Keeps the record of the running upload on disk, for a later `resume`.
//!
//! A state directory that fails costs one warning and the ability to resume, not the upload, unless
//! the user required it.

use std::{
    io, mem,
    sync::atomic::{AtomicBool, Ordering},
};

use super::event::{Event, Observe};
use crate::{
    Route,
    store::{Durability, HashedOffset, Lock, Moment, Record, SessionId, State, Store},
};

/// The record under way and where it is kept.
pub(super) struct CheckpointWriter<'a> {
    store: Option<&'a Store>,
    required: bool,
    observer: &'a dyn Observe,
    /// The record, once there is a session.
    pub record: Option<Record>,
    /// Whether the user knows already.
    warned: &'a AtomicBool,
    /// Of a session that began here; whoever resumes one has its lock.
    lock: Option<Lock>,
    /// Whether what is on disk can be resumed from.
    on_disk: bool,
}

impl<'a> CheckpointWriter<'a> {
    pub(super) fn new(
        store: Option<&'a Store>,
        required: bool,
        record: Option<Record>,
        observer: &'a dyn Observe,
        warned: &'a AtomicBool,
    ) -> Self {
        let on_disk = record.is_some();
        CheckpointWriter {
            store,
            required,
            observer,
            record,
            warned,
            lock: None,
            on_disk,
        }
    }

    /// Claims a session that begins, so that no other process takes it for one that was left.
    pub(super) fn claim(&mut self, id: SessionId) {
        // Without the lock the session is as good; whatever is wrong with the directory, saving the
        // record shows it.
        self.lock = self.store.and_then(|store| store.lock_session(id).ok());
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

    /// Notes since when it may be attached, or that it is not; on disk only with the next save.
    pub(super) fn doubt(&mut self, since: Option<Moment>) {
        if let Some(record) = &mut self.record {
            record.doubt = since;
        }
    }

    /// Takes the session out of the record on disk, or the record away: a `resume` of that session,
    /// should it be alive after all, would attach beside the one that takes its place. An error says
    /// that it is still there.
    pub(super) fn retire(&mut self) -> Result<(), io::Error> {
        let (Some(store), Some(record), true) = (self.store, &mut self.record, self.on_disk) else {
            return Ok(());
        };
        let retired = Record {
            url: None,
            expires: None,
            acked: HashedOffset::start(),
            sent: HashedOffset::start(),
            ..record.clone()
        };
        let Err(error) = store.save(&retired, Durability::Power) else {
            *record = retired;
            return Ok(());
        };
        store.remove(record.id)?;
        self.on_disk = false;
        self.warn(&error);
        Ok(())
    }

    /// Puts the record of a new session in the place of an earlier one's. If it cannot be saved, the
    /// earlier one goes too: it says nothing that is of use any more.
    pub(super) fn replace(&mut self, record: Record) -> Result<(), io::Error> {
        let earlier = mem::replace(&mut self.on_disk, false);
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

    /// Saves the record of an upload that has succeeded, which nothing can undo any more. If that
    /// cannot be, none is better than one that says that it goes on.
    pub(super) fn save_finished(&mut self) {
        let (Some(store), Some(record)) = (self.store, &self.record) else {
            return;
        };
        // After a power cut a POST may be in doubt again; it is then found, and nothing is lost.
        let durability = match record.route {
            Route::Post => Durability::Process,
            Route::Session => Durability::Power,
        };
        if let Err(error) = store.save(record, durability) {
            let _ = store.remove(record.id);
            self.warn(&error);
        }
    }

    /// Whether the disk has a record.
    pub(super) fn is_on_disk(&self) -> bool {
        self.on_disk
    }

    /// Whether a later `resume` finds the upload.
    pub(super) fn resumable(&self) -> bool {
        self.on_disk
            && self
                .record
                .as_ref()
                .is_some_and(|record| record.state == State::Unfinished)
    }

    /// Forgets the session: nothing is left to go on with, but for what a pipe brought.
    pub(super) fn forget(&mut self) {
        if let (Some(store), Some(record)) = (self.store, self.record.take())
            && self.on_disk
            && let Err(error) = store.give_up(&record)
        {
            self.warn(&error);
        }
        self.on_disk = false;
        self.lock = None;
    }

    fn warn(&mut self, error: &io::Error) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            let text = format!(
                "the session cannot be saved ({error}); the upload continues, but could not be \
                 resumed if it were interrupted"
            );
            self.observer.observe(&Event::Warning(text));
        }
    }
}
