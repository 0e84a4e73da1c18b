//! Black-box tests, in one binary; one file per behaviour.

mod attach;
mod sandbox_faults;
mod sandbox_uploads;
mod support;
