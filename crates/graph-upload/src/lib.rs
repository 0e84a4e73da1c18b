//! Resumable Outlook attachments through Microsoft Graph: byte for byte, once.
//!
//! * [`protocol`] decides: a pure state machine, told what was observed, names the next step.
//! * [`engine`] executes the steps: reads the file, checkpoints, sends.
//! * [`mail`] makes a mail of a draft, its files and the sending: once each.
//! * [`client`] speaks HTTP, through two clients: one that owns the token and knows only Graph, and one
//!   for upload URLs, where no token type is in scope.
//! * [`store`] keeps uploads on disk, so that another process can resume them.
//!
//! Nothing here prints, reads the environment, signs in, or knows a command line.

mod attachment;
pub mod client;
pub mod digest;
pub mod endpoint;
pub mod engine;
mod error;
mod expected_offset;
pub mod item;
pub mod json;
pub mod mail;
mod page;
pub mod protocol;
pub mod redact;
mod route;
pub mod store;
mod upload_url;

pub use attachment::Attachment;
pub use digest::Digest;
pub use error::{AnswerOrigin, Error, ErrorKind, Host, TokenError};
pub use expected_offset::{ExpectedOffset, next_expected};
pub use item::{Item, ItemKind};
pub use page::Page;
pub use route::Route;
pub use upload_url::UploadUrl;
