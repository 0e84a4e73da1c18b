//! Manifests: from a table to checked mails. Pure but for looking at the files that rows name; no network.
//!
//! `decode` makes text of bytes, `manifest` rows of text, `template` puts columns into texts, `render`
//! makes a mail of a row, `check` looks at all of them together, `estimate` says how long the limits of
//! the service make it take, `report` is the table of what became of each row.

pub mod check;
pub mod decode;
pub mod estimate;
pub mod manifest;
pub mod render;
pub mod report;
pub mod select;
pub mod template;
