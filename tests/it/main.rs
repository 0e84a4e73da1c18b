//! Black-box tests, in one binary; one file per behaviour.

mod attach;
mod auth_device;
mod auth_entra;
mod auth_login;
mod auth_tokens;
mod sandbox_faults;
mod sandbox_uploads;
mod support;
