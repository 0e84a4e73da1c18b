//! What several tests need: a client for the stand-in that shows every byte of the exchange.

pub(crate) mod client;

pub(crate) use client::{Client, bytes};
