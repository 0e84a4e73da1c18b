//! The upload engine: one file onto one item.
//!
//! `protocol` decides, `transfer` does. The protocol is pure: it is told what was observed and what time it
//! is, and names the next step; so the hard cases (lost answers, dead sessions, a service that lies)
//! are tested without a network. The transfer executes steps, through the `service` trait: it reads the file
//! (`file`), knows what was sent of it by hash, keeps the upload on disk (`checkpoint`), looks for the
//! attachment (`existing`), and tells an observer (`event`). Nothing here prints, reads the environment, or
//! knows the command line.

mod checkpoint;
mod event;
mod existing;
mod file;
mod likeness;
mod outcome;
mod pacer;
mod service;
mod sliding_window;
mod transfer;

#[cfg(test)]
mod tests;

pub use event::{Event, Observe};
pub use existing::Owned;
pub use file::{Source, SourceError};
pub use outcome::{Cause, Failure, Outcome};
pub use pacer::MailboxPacer;
pub use service::{Http, Service};
pub use sliding_window::{LIMIT as VOLUME_LIMIT, WINDOW as VOLUME_WINDOW};
pub use transfer::{Earlier, Job, Services};

/// Attaches one file: byte for byte, once, or says why not.
pub async fn attach<S: Service>(job: &Job, services: &Services<'_, S>) -> Result<Outcome, Failure> {
    transfer::Transfer::new(services, job).run().await
}
