//! Parses, calls the library, returns its exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    graph_attach::run(std::env::args_os())
}
