//! What several tests need: a client for the stand-in that shows every byte of the exchange, a stage
//! on which the binary runs, a service that lies, and a watch over time and memory.

pub(crate) mod client;
#[cfg(all(feature = "azure", feature = "login"))]
pub(crate) mod entra;
pub(crate) mod liar;
#[cfg(all(feature = "azure", feature = "login"))]
pub(crate) mod login_server;
pub(crate) mod process;
pub(crate) mod relay;
pub(crate) mod scenario;
pub(crate) mod schema;
#[cfg(all(feature = "azure", feature = "login"))]
pub(crate) mod sign_in;
pub(crate) mod stage;
pub(crate) mod watched;

pub(crate) use client::{Client, bytes};
pub(crate) use process::{as_nobody, until};
pub(crate) use stage::{BINARY, Run, Stage, content, figure, has, not_tried, sha256};
pub(crate) use watched::{Watched, watch};
