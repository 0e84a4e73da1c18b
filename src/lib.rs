//! graph-attach: files of up to 150 MB onto Outlook messages and events, through Microsoft Graph.
pub mod auth;
mod cli;
mod commands;
pub mod config;
pub mod digest;
mod exit;
pub mod graph;
pub mod output;
pub mod sandbox;
pub mod session;
mod signals;
pub mod upload;
