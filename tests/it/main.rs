//! Black-box tests, in one binary; one file per behaviour.

mod attach;
mod bad_input;
mod faults;
mod progress;
mod resume;
mod sandbox_faults;
mod sandbox_items;
mod sandbox_tls;
mod sandbox_uploads;
mod secrets;
mod signals;
mod support;
