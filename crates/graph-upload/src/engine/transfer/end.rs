//! How an upload ends: attached and perhaps read back, or not, and what is kept of it then.

use super::{Earlier, Transfer};
use crate::{
    digest::Digest,
    engine::{
        event::Event,
        outcome::{Cause, Failure, Outcome},
    },
    protocol::{backoff, step::Stop},
    store::{Durability, HashedOffset, State},
};

impl Transfer<'_> {
    pub(super) async fn attached(
        &mut self,
        id: Option<String>,
        already: bool,
    ) -> Result<Outcome, Failure> {
        let whole = self
            .whole()
            .await
            .map_err(|error| self.failure(Cause::Source(error)))?;
        let earlier = match &self.job.earlier {
            Earlier::Finished { session, .. } if already => Some(*session),
            _ => None,
        };
        let session = self
            .keeper
            .record
            .as_ref()
            .map(|record| record.id)
            .or(earlier);
        if let Some(record) = &mut self.keeper.record {
            record.state = State::Finished;
            record.url = None;
            record.sha256 = Some(whole.sha256);
            let end = HashedOffset {
                offset: record.size,
                sha256: whole.sha256,
            };
            (record.acked, record.sent) = (end, end);
            record.attachment_id.clone_from(&id);
            self.keeper.save_finished();
        }
        self.tell(Event::Acknowledged {
            offset: self.job.source.size(),
        });
        let verified = match &id {
            Some(id) if self.job.verify => self.verify(id, whole.sha256).await?,
            _ => false,
        };
        self.tell(Event::Finished { already });
        Ok(Outcome {
            id,
            name: self.job.attachment.name.clone(),
            size: self.job.source.size(),
            sha256: whole.sha256,
            route: self.protocol.route(),
            session,
            resumed: self.resumed,
            already,
            verified,
        })
    }

    /// Reads the attachment back and compares.
    pub(super) async fn verify(&mut self, id: &str, expected: Digest) -> Result<bool, Failure> {
        let total = self.job.source.size();
        let mut attempt = 0;
        loop {
            let observer = self.services.observer;
            let progress = |read| observer.observe(&Event::Verifying { read, total });
            match self.twins().read_back(id, progress).await {
                Ok((length, digest)) if length == total && digest == expected => return Ok(true),
                Ok(_) => return Err(self.failure(Cause::Mismatch { id: id.to_owned() })),
                Err(error)
                    if error.kind.temporary() && attempt < self.services.limits.max_retries =>
                {
                    attempt += 1;
                    let roll = fastrand::f64();
                    let delay = backoff::delay(error.kind, attempt, error.retry_after, roll);
                    let most = self.services.limits.max_retries;
                    self.wait(delay, error.kind, (attempt, most)).await;
                }
                Err(error) => {
                    self.error = Some(error);
                    return Err(self.failure(Cause::Unverified { id: id.to_owned() }));
                }
            }
        }
    }

    /// A session that may be resumed is left with all that is known of its file.
    pub(super) async fn keep_content(&mut self, stop: &Stop) {
        let over = matches!(
            stop,
            Stop::Contradiction(_) | Stop::Twice(_) | Stop::FileChanged
        );
        if over || !self.keeper.resumable() || self.is_content_kept() {
            return;
        }
        if self.whole().await.is_ok() && self.note_content().await {
            // As good as before without it.
            let _ = self.save(Durability::Process);
        }
    }

    pub(super) fn stopped(&mut self, stop: Stop) -> Failure {
        let cause = match stop {
            Stop::Error => Cause::Refused,
            Stop::RetriesSpent => Cause::RetriesSpent,
            Stop::Deadline => Cause::Deadline,
            Stop::SessionsSpent => Cause::SessionsSpent,
            Stop::Contradiction(what) => Cause::Contradiction(what),
            Stop::Twice(ids) => Cause::Twice(ids),
            Stop::FileChanged => match self.change.take() {
                Some(change) => Cause::Source(change),
                None => Cause::Refused,
            },
        };
        // Nothing that a later command could go on with.
        if matches!(
            cause,
            Cause::Contradiction(_) | Cause::Twice(_) | Cause::Source(_)
        ) {
            self.keeper.forget();
        }
        self.failure(cause)
    }

    /// The failure with what is known at this moment.
    pub(super) fn failure(&mut self, cause: Cause) -> Failure {
        let session = self.keeper.record.as_ref().map(|record| record.id);
        Failure {
            cause,
            error: self.error.clone(),
            session: session.filter(|_| self.keeper.resumable()),
            offset: self.protocol.acknowledged(),
        }
    }

    pub(super) fn save(&mut self, durability: Durability) -> Result<(), Failure> {
        self.keeper
            .save(durability)
            .map_err(|error| self.failure(Cause::State(error)))
    }
}
