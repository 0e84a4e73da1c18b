//! Parses, calls the library, returns its exit code; nothing else.
fn main() {}
