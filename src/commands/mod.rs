//! One verb per file; each reads like the manual's description of it.

pub mod sandbox;
