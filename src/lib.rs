//! graph-attach: files of up to 150 MB onto Outlook messages and events, through Microsoft Graph.
pub mod auth;
pub mod config;
pub mod digest;
pub mod graph;
pub mod output;
pub mod session;
pub mod upload;
