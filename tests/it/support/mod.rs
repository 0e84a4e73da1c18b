//! What several tests need: a client for the stand-in that shows every byte of the exchange, and a
//! stage on which the binary runs.

pub(crate) mod client;
#[cfg(all(feature = "azure", feature = "login"))]
pub(crate) mod login_server;
pub(crate) mod relay;
pub(crate) mod scenario;
pub(crate) mod schema;
pub(crate) mod stage;

pub(crate) use client::{Client, bytes};
pub(crate) use stage::{BINARY, Run, Stage, sha256};
