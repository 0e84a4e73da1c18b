//! The upload engine: one file onto one item.
//!
//! `protocol` decides, `transfer` does. The protocol is pure: it is told what was seen and what time it
//! is, and names the next step; so the hard cases (lost answers, dead sessions, a service that lies)
//! are tested without a network. The transfer executes steps: it reads the file (`source`), knows what
//! was sent of it by hash, saves the session (`keep`), looks for finished twins (`twin`), and tells
//! an observer (`event`). Nothing here prints, reads the environment, or knows the command line.

mod checkpoint;
mod event;
mod existing;
mod file;
mod outcome;
mod pacer;
mod sliding_window;
mod transfer;

pub use event::{Event, Observe};
pub use file::{Source, SourceError};
pub use outcome::{Cause, Failure, Outcome};
pub use pacer::MailboxPacer;
pub use sliding_window::{LIMIT as VOLUME_LIMIT, WINDOW as VOLUME_WINDOW};
pub use transfer::{Earlier, Job, Services};

/// Attaches one file: byte for byte, once, or says why not.
pub async fn attach(job: &Job, services: &Services<'_>) -> Result<Outcome, Failure> {
    transfer::Transfer::new(services, job).run().await
}
