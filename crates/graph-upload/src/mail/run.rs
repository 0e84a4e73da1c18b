//! Executes the mail protocol's steps: the thin shell around the pure core.

use std::{io, time::Duration};

use jiff::Timestamp;

use super::{
    protocol::{
        MailEnd, MailNote, MailObservation, MailPlan, MailPolicy, MailProtocol, MailStep, MailStop,
    },
    service::MailService,
};
use crate::store::{Durability, MailProgress};

/// What surrounds a job: its files, its record, its turn.
pub trait MailShell {
    /// Attaches a file to the message, which holds nothing at all if it `is_fresh`. `Err` when it is not
    /// attached; the shell knows why.
    fn attach(
        &mut self,
        file: usize,
        message: &str,
        is_fresh: bool,
    ) -> impl Future<Output = Result<(Option<String>, bool), ()>>;
    /// Waits until it is the mailbox's turn to send, and makes sure that nobody else works on the
    /// message. `Err` when it must not be sent now; the shell knows why.
    fn before_send(&mut self, message: &str) -> impl Future<Output = Result<(), ()>>;
    /// Keeps the progress. An error ends the job before the step that it should precede.
    fn save(&mut self, progress: &MailProgress, durability: Durability) -> io::Result<()>;
    /// Waits.
    fn wait(&mut self, delay: Duration, reason: &'static str) -> impl Future<Output = ()>;
    /// What a person should know.
    fn note(&mut self, note: &MailNote);
}

/// A job that begins or goes on.
pub struct Wish {
    /// What is to be done.
    pub plan: MailPlan,
    /// How long to go on.
    pub policy: MailPolicy,
    /// How far it is.
    pub progress: MailProgress,
}

/// The job did not end well.
#[derive(Debug)]
pub struct MailFailure {
    /// Why.
    pub stop: MailStop,
    /// The record could not be kept, which ended it.
    pub state: Option<io::Error>,
}

/// Runs a job to its end. The progress at the end is returned in any case.
pub async fn run(
    wish: Wish,
    service: &impl MailService,
    shell: &mut impl MailShell,
) -> (MailProgress, Result<MailEnd, MailFailure>) {
    let mut kept = wish.progress.clone();
    let mut protocol = MailProtocol::new(wish.plan, wish.policy, wish.progress);
    let mut seen = MailObservation::Begin;
    loop {
        let step = protocol.step(seen, Timestamp::now(), fastrand::f64());
        for note in protocol.take_notes() {
            shell.note(&note);
        }
        let progress = protocol.progress();
        if *progress != kept {
            // What is about to be asked for must be known to whoever comes after a power cut.
            let durability = match step {
                MailStep::Create | MailStep::Send => Durability::Power,
                _ => Durability::Process,
            };
            if let Err(error) = shell.save(progress, durability) {
                let failure = MailFailure {
                    stop: MailStop::Files,
                    state: Some(error),
                };
                return (kept, Err(failure));
            }
            kept.clone_from(progress);
        }
        let draft = kept.draft.clone().unwrap_or_default();
        seen = match step {
            MailStep::Find(_) => MailObservation::Found(service.find().await),
            MailStep::FindSent(id) => MailObservation::Found(service.find_sent(&id).await),
            MailStep::Look(id) => MailObservation::Looked(service.look(&id).await),
            MailStep::Create => MailObservation::Created(service.create().await),
            MailStep::Mark => MailObservation::Marked(service.mark(&draft).await),
            MailStep::Attach(index) => match shell.attach(index, &draft, protocol.is_fresh()).await
            {
                Ok((id, already)) => MailObservation::Attached { id, already },
                Err(()) => MailObservation::NotAttached,
            },
            MailStep::AwaitTurn => match shell.before_send(&draft).await {
                Ok(()) => MailObservation::TurnCame,
                Err(()) => MailObservation::NotAttached,
            },
            MailStep::Send => MailObservation::Sent(service.send(&draft).await),
            MailStep::Wait { delay, reason } => {
                shell.wait(delay, reason).await;
                MailObservation::Waited
            }
            MailStep::Finished(end) => return (kept, Ok(end)),
            MailStep::Stop(stop) => {
                return (kept, Err(MailFailure { stop, state: None }));
            }
        };
    }
}
