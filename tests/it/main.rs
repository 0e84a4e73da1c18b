//! Black-box tests, in one binary; one file per behaviour.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends by a panic; clippy knows only the functions marked as tests"
)]

mod arrows;
mod attach;
#[cfg(all(feature = "azure", feature = "login"))]
mod auth_accounts;
#[cfg(all(feature = "azure", feature = "login"))]
mod auth_browser;
#[cfg(all(feature = "azure", feature = "login"))]
mod auth_certificate;
#[cfg(all(feature = "azure", feature = "login"))]
mod auth_challenge;
#[cfg(all(feature = "azure", feature = "login"))]
mod auth_chromium;
#[cfg(all(feature = "azure", feature = "login"))]
mod auth_device;
#[cfg(feature = "login")]
mod auth_docs;
#[cfg(all(feature = "azure", feature = "login"))]
mod auth_entra;
#[cfg(feature = "keyring")]
mod auth_keyring;
#[cfg(all(feature = "azure", feature = "login"))]
mod auth_login;
#[cfg(all(feature = "azure", feature = "login"))]
mod auth_pasted;
mod auth_tokens;
mod bad_input;
mod batch;
mod chaos;
mod completions;
mod core_dump;
mod crash;
mod faults;
#[cfg(feature = "login")]
mod generated;
mod going_on;
mod help;
mod json;
mod late_service;
mod lies;
mod locks;
mod lost_answers;
mod mail_dry_run;
mod mail_items;
mod mail_jobs;
mod mail_many;
mod mail_send;
#[cfg(all(feature = "azure", feature = "login"))]
mod network;
mod once;
mod pipes;
mod progress;
mod recipes;
mod resume;
mod sandbox_control;
mod sandbox_faults;
mod sandbox_items;
mod sandbox_lag;
mod sandbox_mail;
mod sandbox_refusals;
mod sandbox_tls;
mod sandbox_uploads;
mod sandbox_values;
mod secrets;
mod signals;
mod source_fire;
mod state;
mod support;
mod throttling;
mod tidy;
#[cfg(all(feature = "azure", feature = "login"))]
mod tls;
