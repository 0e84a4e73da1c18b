//! The command line: the clap tree and nothing else. No I/O, no decisions.

mod sandbox;

pub use sandbox::SandboxArgs;
