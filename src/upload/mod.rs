//! The upload engine: one file onto one item.
//!
//! `machine` decides, `transfer` does. The machine is pure: it is told what was seen and what time it
//! is, and names the next step; so the hard cases (lost answers, dead sessions, a service that lies)
//! are tested without a network. The transfer executes steps: it reads the file (`source`), knows what
//! was sent of it by hash, saves the session (`keep`), looks for finished twins (`twin`), and tells
//! an observer (`event`). Nothing here prints, reads the environment, or knows the command line.

mod account;
mod event;
mod keep;
pub mod machine;
mod outcome;
pub mod plan;
pub mod retry;
mod source;
pub mod step;
mod transfer;
mod twin;
mod volume;

pub use account::Account;
pub use event::{Event, Observe};
pub use outcome::{Cause, Failure, Outcome};
pub use plan::Route;
pub use retry::MAX_RETRIES;
pub use source::{Source, SourceError};
pub use step::Limits;
pub use transfer::{Earlier, Job, Services};
pub use volume::{LIMIT as VOLUME_LIMIT, WINDOW as VOLUME_WINDOW};

/// Attaches one file: byte for byte, once, or says why not.
pub async fn attach(job: &Job, services: &Services<'_>) -> Result<Outcome, Failure> {
    transfer::Transfer::new(services, job).run().await
}
