//! The upload engine.
pub mod event;
pub mod plan;
pub use event::{Event, Observe};
