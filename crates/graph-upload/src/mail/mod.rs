//! A mail as a job: its draft, its files, the sending; once each, whatever ends the process.
//!
//! [`protocol`] decides: pure, told what was observed and what time it is, it names the next step. `run`
//! executes the steps through a [`MailService`], which is Graph or a test's, and a [`MailShell`], which
//! attaches the files, keeps the record and waits its turn before sending. Nothing here prints.

pub mod protocol;
mod run;
mod service;
mod turn;

pub use protocol::{
    DraftOrigin, FindReason, MailEnd, MailNote, MailObservation, MailPlan, MailPolicy,
    MailProtocol, MailStep, MailStop, Resend, SEND_WATCH,
};
pub use run::{MailFailure, MailShell, Wish, run};
pub use service::{GraphMail, MailService};
pub use turn::SendPacer;
