//! How an upload ends: attached and perhaps read back, or not, and what is kept of it then.

use std::time::Instant;

use super::{Earlier, Transfer};
use crate::{
    ErrorKind,
    digest::Digest,
    engine::{
        event::Event,
        existing::LookError,
        likeness::Verdict,
        outcome::{Cause, Failure, Outcome},
        service::Service,
    },
    protocol::{backoff, doubt::next_look, plan::Route, step::Stop},
    store::{Durability, HashedOffset, Record, State},
};

impl<S: Service> Transfer<'_, S> {
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
            .checkpoint
            .record
            .as_ref()
            .filter(|record| record.route == Route::Session)
            .map(|record| record.id)
            .or(earlier);
        if let Some(record) = &mut self.checkpoint.record {
            record.state = State::Finished;
            record.doubt = None;
            record.url = None;
            record.sha256 = Some(whole.sha256);
            let end = HashedOffset {
                offset: record.size,
                sha256: whole.sha256,
            };
            (record.acked, record.sent) = (end, end);
            record.attachment_id.clone_from(&id);
            self.checkpoint.save_finished();
        }
        let file = &self.job.attachment;
        id.iter()
            .for_each(|id| self.services.owned.add(id, file, Some(whole.sha256)));
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

    /// Reads the attachment back and compares. What cannot be what was attached, as a page or half of it, is
    /// read again for as long as the service may lag.
    pub(super) async fn verify(&mut self, id: &str, expected: Digest) -> Result<bool, Failure> {
        let total = self.job.source.size();
        let (mut attempt, began, mut looked) = (0, Instant::now(), None);
        loop {
            let observer = self.services.observer;
            let progress = |read| observer.observe(&Event::Verifying { read, total });
            let now = began.elapsed();
            let existing = self.existing();
            let read = existing.read_back(id, progress).await;
            let verdict = match &read {
                Ok(read) => existing.judge(read, expected, None).await.ok(),
                Err(_) => None,
            };
            let next = next_look(looked, self.services.limits.lag);
            match (read, verdict) {
                (_, Some(Verdict::Ours)) => return Ok(true),
                (Ok(_), Some(Verdict::Unclear)) if next.is_some() => {}
                (Err(LookError::Service(error)), _)
                    if error.kind == ErrorKind::NotFound && next.is_some() => {}
                (Err(LookError::Service(error)), _)
                    if error.kind.temporary() && attempt < self.services.limits.max_retries =>
                {
                    attempt += 1;
                    let roll = fastrand::f64();
                    let delay = backoff::delay(error.kind, attempt, error.retry_after, roll);
                    let most = self.services.limits.max_retries;
                    self.wait(delay, error.kind, (attempt, most)).await;
                    continue;
                }
                (Err(LookError::Service(error)), _) => {
                    self.error = Some(error);
                    return Err(self.failure(Cause::Unverified { id: id.to_owned() }));
                }
                (Ok(_) | Err(LookError::Source(_)), _) => {
                    return Err(self.failure(Cause::Mismatch { id: id.to_owned() }));
                }
            }
            looked = Some(now.max(next.unwrap_or_default()));
            if let Some(at) = next_look(looked, self.services.limits.lag) {
                tokio::time::sleep(at.saturating_sub(began.elapsed())).await;
            }
        }
    }

    /// A session that may be resumed is left with all that is known of its file.
    pub(super) async fn keep_content(&mut self, stop: &Stop) {
        let over = matches!(stop, Stop::Twice(_) | Stop::FileChanged);
        if over || !self.checkpoint.resumable() || self.is_content_kept() {
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
            Stop::NotKnown => Cause::NotKnown,
            Stop::Contradiction(what) => Cause::Contradiction(what),
            Stop::Twice(ids) => Cause::Twice(ids),
            Stop::FileChanged => match self.change.take() {
                Some(change) => Cause::Source(change),
                None => Cause::Refused,
            },
        };
        let in_doubt = self.in_doubt();
        match cause {
            // It is attached.
            Cause::Twice(_) => self.checkpoint.forget(),
            // What changed stays changed.
            Cause::Source(_) if !in_doubt => self.checkpoint.forget(),
            _ if !in_doubt => self.keep_certainty(),
            _ => {}
        }
        self.failure(cause)
    }

    /// It is known not to be attached: whoever goes on with it need not look for long.
    fn keep_certainty(&mut self) {
        let doubts = |record: &Record| record.doubt.is_some();
        if self.checkpoint.record.as_ref().is_some_and(doubts) {
            self.checkpoint.doubt(None);
            // As good as before without it.
            let _ = self.save(Durability::Process);
        }
    }

    /// Whether it may be attached although nobody said so.
    fn in_doubt(&self) -> bool {
        let doubt = self.protocol.in_doubt(self.services.started.elapsed());
        doubt.is_some() && !self.preparing
    }

    /// The failure with what is known at this moment.
    pub(super) fn failure(&mut self, cause: Cause) -> Failure {
        let session = self.checkpoint.record.as_ref().map(|record| record.id);
        Failure {
            cause,
            error: self.error.clone(),
            session: session.filter(|_| self.checkpoint.resumable()),
            offset: self.protocol.acknowledged(),
            in_doubt: self.in_doubt(),
        }
    }

    pub(super) fn save(&mut self, durability: Durability) -> Result<(), Failure> {
        self.checkpoint
            .save(durability)
            .map_err(|error| self.failure(Cause::State(error)))
    }
}
