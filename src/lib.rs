//! graph-attach: files of up to 150 MB onto Outlook messages and events, through Microsoft Graph.
pub mod auth;
pub mod cli;
pub mod commands;
pub mod sandbox;
pub mod session;
pub mod upload;
