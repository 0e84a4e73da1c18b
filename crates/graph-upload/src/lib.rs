//! Resumable Outlook attachments through Microsoft Graph: byte for byte, once.
//!
//! * [`protocol`] decides: a pure state machine, told what was observed, names the next step.
//! * [`engine`] executes the steps: reads the file, checkpoints, sends.
//! * [`mail`] makes a mail of a draft, its files and the sending: once each.
//! * [`client`] speaks HTTP, through two clients: one that owns the token and knows only Graph, and one
//!   for upload URLs, where no token type is in scope.
//! * [`store`] keeps uploads on disk, so that another process can resume them.
//!
//! [`Uploader`] puts them together:
//!
//! ```
//! # use graph_upload::{BearerToken, Item, Uploader};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A stand-in for the service; with a real one, leave `endpoint` out.
//! let sandbox = graph_sandbox::Sandbox::start(graph_sandbox::Options::default()).await?;
//! # let home = tempfile::tempdir()?;
//! # let file = home.path().join("report.pdf");
//! # std::fs::write(&file, vec![7; 4_000_000])?;
//!
//! let uploader = Uploader::builder(BearerToken::new(sandbox.token())?)
//!     .endpoint(sandbox.endpoint())
//!     .state_dir(home.path().join("uploads"))
//!     .build()?;
//! let (upload, handle) = uploader.attach(Item::message(sandbox.message()), &file).start();
//! let attached = upload.await?;
//! assert_eq!(handle.progress().acknowledged, attached.size);
//! # Ok(())
//! # }
//! ```
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
mod uploader;

pub use attachment::Attachment;
pub use client::{BearerToken, TokenProvider};
pub use digest::Digest;
pub use error::{AnswerOrigin, Error, ErrorKind, Host, TokenError};
pub use expected_offset::{ExpectedOffset, next_expected};
pub use item::{Item, ItemKind};
pub use page::Page;
pub use route::Route;
pub use upload_url::UploadUrl;
pub use uploader::{
    Attach, Attached, BuildError, PUBLIC_ENDPOINT, Progress, UploadError, UploadErrorKind,
    UploadHandle, Uploader, UploaderBuilder,
};
