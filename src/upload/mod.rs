//! The upload engine.
pub mod event;
pub mod machine;
pub mod plan;
pub mod retry;
pub mod step;
pub use event::{Event, Observe};
