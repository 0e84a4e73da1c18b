//! The lock of the item, just before the request that attaches.
//!
//! Whoever removed the lock's file, with the state directory perhaps, let another process in.

use super::Transfer;
use crate::{
    Error, ErrorKind,
    engine::{
        event::Event,
        outcome::{Cause, Failure},
        service::Service,
    },
    store::{Confirmed, LockError},
};

impl<S: Service> Transfer<'_, S> {
    /// Whether the request may go out. An error stands for one whose answer was lost: another process
    /// may have attached the file since this one looked, so the protocol looks before it sends.
    pub(super) fn confirm_lock(&mut self) -> Result<Option<Error>, Failure> {
        let Some(lock) = self.services.item_lock else {
            return Ok(None);
        };
        let lost = match lock.confirm() {
            Ok(Confirmed::Held) => return Ok(None),
            Ok(Confirmed::Retaken) => {
                "the lock of the item was removed, and is taken anew".to_owned()
            }
            Err(LockError::Held { pid }) => return Err(self.failure(Cause::Busy { pid })),
            // Said once: without a lock it goes on as where there never was one.
            Err(_) if self.lock_lost => return Ok(None),
            Err(error) => format!(
                "the lock of the item was removed ({error}); two commands at once may attach twice"
            ),
        };
        self.lock_lost = true;
        self.tell(Event::Warning(lost.clone()));
        Ok(Some(Error::local(ErrorKind::Lost, lost)))
    }
}
