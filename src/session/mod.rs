//! Upload sessions that outlive the process.
pub mod id;
pub use id::SessionId;
