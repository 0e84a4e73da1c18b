//! The content on its way: a range or a POST, read, hashed, saved, paced and sent.
//!
//! One range, from disk to `Location`: [`Transfer::put`] reads it, hashes it, saves where it stands and
//! hands it to the upload host; for the last one it first makes sure that what is about to be attached
//! is what the file was when the command started.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::{Content, Done, SIGN_OF_LIFE, SPARED, STILL_IN_DOUBT, Transfer};
use crate::{
    Error, ErrorKind,
    client::{PutReply, wire},
    digest::{Digest, Hasher},
    engine::{
        event::Event,
        existing::content_is_unchanged,
        file::SourceError,
        outcome::{Cause, Failure},
        service::Service,
    },
    protocol::{plan::Range, step::Answer},
    store::{Durability, HashedOffset, Moment, Record},
};

impl<S: Service> Transfer<'_, S> {
    /// Sends one range.
    pub(super) async fn put(&mut self, range: Range, last: bool) -> Result<Done<Answer>, Failure> {
        self.preparing = last;
        if let Some(done) = self.pace(range.len(), last).await {
            return Ok(done);
        }
        let mut hasher = match self.hasher_at(range.start).await {
            Ok(hasher) => hasher,
            Err(error) => return self.changed(error),
        };
        self.acked = (range.start, hasher.clone());
        let buffer = std::mem::take(&mut self.buffer);
        let bytes = match self.job.source.read(range, buffer).await {
            Ok(bytes) => bytes,
            Err(error) => return self.changed(error),
        };
        hasher.update(&bytes);
        if last && let Err(error) = self.check_content(hasher.finish()).await {
            return self.changed(error);
        }
        if last && let Some(error) = self.confirm_lock()? {
            // Another process may have attached it meanwhile.
            self.preparing = false;
            return Ok(Done::Answered(Err(error)));
        }
        let sent = HashedOffset {
            offset: range.end,
            sha256: hasher.finish(),
        };
        self.keep_position(range, sent, last).await?;
        self.sent = (sent, Some(hasher));

        let url = self.checkpoint.record.as_ref();
        let Some(url) = url.and_then(|record| record.url.clone()) else {
            let error = Error::local(ErrorKind::NotFound, "there is no session");
            return Ok(Done::Answered(Err(error)));
        };
        let size = self.job.source.size();
        self.preparing = false;
        let (services, meter) = (self.services, self.meter.clone());
        let request = services
            .service
            .put(&url, range.start, size, bytes.clone(), &meter);
        let reply = self
            .while_keeping_record(request, range.len(), last)
            .await?;
        if !matches!(&reply, Err(error) if error.kind.never_connected()) {
            self.services
                .volume
                .note(range.len(), self.services.started.elapsed());
        }
        self.buffer = bytes.try_into_mut().unwrap_or_default();
        let reply = match reply {
            Ok(PutReply::Attached { id, item }) => {
                let id = self.only_if_ours(id, item.as_deref()).await;
                Ok(PutReply::Attached { id, item })
            }
            reply => reply,
        };
        Ok(Done::Answered(reply.map(|reply| match reply {
            PutReply::Attached { id, .. } => Answer::Attached(id),
            PutReply::Continues { next, expires } => {
                if let (Some(record), Some(expires)) = (&mut self.checkpoint.record, expires) {
                    record.expires = Some(expires);
                }
                Answer::Continues(next)
            }
        })))
    }

    /// The id that an answer names, unless it is certainly another's: then its content tells which one it is.
    /// `item` is where the answer says that it is; an item has several ids.
    async fn only_if_ours(&self, id: Option<String>, item: Option<&str>) -> Option<String> {
        let id = id.filter(|id| !self.is_known(id))?;
        if item.is_none_or(|item| item == self.job.item.id) {
            return Some(id);
        }
        match self.services.service.attachment(&self.job.item, &id).await {
            Err(error) if error.kind == ErrorKind::NotFound => None,
            _ => Some(id),
        }
    }

    /// Before a range goes out: where the upload stands is on disk. From the second range on the record has
    /// the digest of the whole file, which tells whoever resumes it that the file is the same; and for the
    /// last one it says that it may be attached.
    async fn keep_position(
        &mut self,
        range: Range,
        sent: HashedOffset,
        last: bool,
    ) -> Result<(), Failure> {
        if range.start > 0 && !self.is_content_kept() {
            // An error is told when the content is needed.
            let _ = self.whole().await;
        }
        let is_content_new = self.note_content().await;
        let acked = HashedOffset {
            offset: range.start,
            sha256: self.acked.1.finish(),
        };
        if let Some(record) = &mut self.checkpoint.record {
            (record.acked, record.sent) = (acked, sent);
            record.doubt = last.then(Moment::now);
        }
        self.save(match last || is_content_new {
            true => Durability::Power,
            false => Durability::Process,
        })
    }

    /// A source error in mid-upload: a change is the protocol's business, anything else ends it here.
    pub(super) fn changed<T>(&mut self, error: SourceError) -> Result<Done<T>, Failure> {
        if matches!(error, SourceError::Changed { .. }) {
            self.change = Some(error);
            return Ok(Done::FileChanged);
        }
        Err(self.failure(Cause::Source(error)))
    }

    /// A hasher that has taken exactly the bytes before `at`, as they were sent.
    pub(super) async fn hasher_at(&self, at: u64) -> Result<Hasher, SourceError> {
        if self.acked.0 == at {
            return Ok(self.acked.1.clone());
        }
        if let (mark, Some(hasher)) = &self.sent
            && mark.offset == at
        {
            return Ok(hasher.clone());
        }
        // The service holds less than it had acknowledged, or part of a range, or what an earlier
        // process sent: read it again, and make sure that it is what was sent.
        let acked = HashedOffset {
            offset: self.acked.0,
            sha256: self.acked.1.finish(),
        };
        let marks = [acked, self.sent.0];
        self.job.source.hasher_at(at, &marks).await
    }

    /// Just before the file is attached: are the bytes that were sent those that the file had when
    /// the command started, and does it still have them?
    pub(super) async fn check_content(&mut self, sent: Digest) -> Result<(), SourceError> {
        let whole = self.whole().await?;
        let earlier = self
            .checkpoint
            .record
            .as_ref()
            .and_then(|record| record.sha256);
        if !content_is_unchanged(whole, sent, earlier) {
            let how = "what was sent is not what it held at the start";
            return Err(SourceError::Changed {
                path: self.job.source.path().to_owned(),
                how,
            });
        }
        self.job.source.unchanged(sent).await
    }

    pub(super) async fn post(&mut self) -> Result<Done<Option<String>>, Failure> {
        self.preparing = true;
        let (body, sent) = match self.post_body.take() {
            Some(body) => body,
            None => {
                let range = Range {
                    start: 0,
                    end: self.job.source.size(),
                };
                let content = match self.job.source.read(range, BytesMut::new()).await {
                    Ok(content) => content,
                    Err(error) => return self.changed(error),
                };
                let body = wire::file_attachment_body(&self.job.attachment, &content);
                (Bytes::from(body), Digest::of(&content))
            }
        };
        self.post_body = Some((body.clone(), sent));
        let length = body.len() as u64;
        if let Some(done) = self.pace(length, true).await {
            return Ok(done);
        }
        if let Err(error) = self.check_content(sent).await {
            return self.changed(error);
        }
        if let Some(error) = self.confirm_lock()? {
            // Another process may have attached it meanwhile.
            self.preparing = false;
            return Ok(Done::Answered(Err(error)));
        }
        self.begin(Some(Moment::now())).await?;
        self.preparing = false;
        let (services, meter) = (self.services, self.meter.clone());
        let request = services.service.post(&self.job.item, body, &meter);
        let reply = self.while_keeping_record(request, length, true).await?;
        self.services
            .volume
            .note(length, self.services.started.elapsed());
        Ok(Done::Answered(reply.map(|listed| {
            Some(listed.id).filter(|id| !self.is_known(id))
        })))
    }

    /// Waits until the mailbox may take `bytes` more. Comes to something where that took so long that what
    /// attaches must not go out unlooked-for, or where there is no time to wait.
    async fn pace<T>(&self, bytes: u64, attaches: bool) -> Option<Done<T>> {
        let now = self.services.started.elapsed();
        let delay = self.services.volume.wait(bytes, now);
        if delay.is_zero() {
            return None;
        }
        let deadline = self.services.limits.deadline;
        if deadline.is_some_and(|deadline| now + delay >= deadline) {
            return Some(Done::OutOfTime);
        }
        self.tell(Event::Waiting {
            delay,
            reason: SPARED.to_owned(),
            attempt: 0,
            max: 0,
        });
        tokio::time::sleep(delay).await;
        attaches.then_some(Done::HeldBack)
    }

    /// Waits for a request, tells of its bytes, and keeps the record: with the content's digest as soon as
    /// that is known; and, while what attaches is under way, with how late that still was.
    async fn while_keeping_record<T>(
        &mut self,
        request: impl Future<Output = T>,
        of: u64,
        attaches: bool,
    ) -> Result<T, Failure> {
        let mut request = std::pin::pin!(request);
        let mut kept = Instant::now();
        loop {
            tokio::select! {
                biased;
                result = &mut request => return Ok(result),
                () = tokio::time::sleep(SIGN_OF_LIFE) => {}
            }
            self.tell(Event::Sending {
                sent: self.meter.read().min(of),
                of,
            });
            let is_content_new = !self.is_content_kept() && self.note_content().await;
            let is_still_in_doubt = attaches && kept.elapsed() >= STILL_IN_DOUBT;
            if is_still_in_doubt {
                kept = Instant::now();
                self.checkpoint.doubt(Some(Moment::now()));
            }
            if is_content_new || is_still_in_doubt {
                self.save(Durability::Process)?;
            }
        }
    }

    /// Whether the record needs no more word about the content, or will never have any.
    pub(super) fn is_content_kept(&self) -> bool {
        let known = |record: &Record| record.sha256.is_some();
        self.checkpoint.record.as_ref().is_none_or(known)
            || !matches!(self.content, Content::Hashing(_))
    }

    /// Puts the content's digest into the record, if it is known by now and was not before.
    pub(super) async fn note_content(&mut self) -> bool {
        if matches!(&self.content, Content::Hashing(task) if task.is_finished()) {
            // An error is told when the content is needed.
            let _ = self.whole().await;
        }
        match (&mut self.checkpoint.record, &self.content) {
            (Some(record), Content::Known(whole)) if whole.steady && record.sha256.is_none() => {
                record.sha256 = Some(whole.sha256);
                true
            }
            _ => false,
        }
    }
}
