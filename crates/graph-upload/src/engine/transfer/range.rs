//! The content on its way: a range or a POST, read, hashed, saved, paced and sent.
//!
//! One range, from disk to `Location`: [`Transfer::put`] reads it, hashes it, saves where it stands and
//! hands it to the upload host; for the last one it first makes sure that what is about to be attached
//! is what the file was when the command started.

use bytes::{Bytes, BytesMut};

use super::{Content, SIGN_OF_LIFE, Transfer};
use crate::{
    Error, ErrorKind,
    client::{PutReply, wire},
    digest::{Digest, Hasher},
    engine::{
        event::Event,
        existing::content_is_unchanged,
        file::SourceError,
        outcome::{Cause, Failure},
    },
    protocol::{plan::Range, step::Answer},
    store::{Durability, HashedOffset, Record},
};

impl Transfer<'_> {
    /// Sends one range. `None`: the file is not what it was, and nothing was sent.
    pub(super) async fn put(
        &mut self,
        range: Range,
        last: bool,
    ) -> Result<Option<Result<Answer, Error>>, Failure> {
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
        if let Err(error) = self.pace(range.len()).await {
            return Ok(Some(Err(error)));
        }
        if last && let Some(error) = self.confirm_lock()? {
            return Ok(Some(Err(error)));
        }
        let Some(record) = &mut self.keeper.record else {
            return Ok(Some(Err(Error::contradiction("there is no session"))));
        };
        record.acked = HashedOffset {
            offset: range.start,
            sha256: self.acked.1.finish(),
        };
        let sent = HashedOffset {
            offset: range.end,
            sha256: hasher.finish(),
        };
        record.sent = sent;
        self.note_content().await;
        self.save(if last {
            Durability::Power
        } else {
            Durability::Process
        })?;
        self.sent = (sent, Some(hasher));

        let Some(url) = self
            .keeper
            .record
            .as_ref()
            .and_then(|record| record.url.clone())
        else {
            return Ok(Some(Err(Error::contradiction("there is no session"))));
        };
        let size = self.job.source.size();
        let meter = self.meter.clone();
        let request = self
            .services
            .uploads
            .put(&url, range.start, size, bytes.clone(), &meter);
        let reply = self.while_keeping_content(request, range.len()).await?;
        if reply.is_ok() || matches!(&reply, Err(error) if error.kind != ErrorKind::Connect) {
            self.services
                .volume
                .note(range.len(), self.services.started.elapsed());
        }
        self.buffer = bytes.try_into_mut().unwrap_or_default();
        Ok(Some(reply.map(|reply| match reply {
            PutReply::Attached { id } => Answer::Attached(id),
            PutReply::Continues { next, expires } => {
                if let (Some(record), Some(expires)) = (&mut self.keeper.record, expires) {
                    record.expires = Some(expires);
                }
                Answer::Continues(next)
            }
        })))
    }

    /// A source error in mid-upload: a change is the protocol's business, anything else ends it here.
    pub(super) fn changed<T>(&mut self, error: SourceError) -> Result<Option<T>, Failure> {
        if matches!(error, SourceError::Changed { .. }) {
            self.change = Some(error);
            return Ok(None);
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
        let earlier = self.keeper.record.as_ref().and_then(|record| record.sha256);
        if !content_is_unchanged(whole, sent, earlier) {
            let how = "what was sent is not what it held at the start";
            return Err(SourceError::Changed {
                path: self.job.source.path().to_owned(),
                how,
            });
        }
        self.job.source.unchanged(sent).await
    }

    pub(super) async fn post(&mut self) -> Result<Option<Result<String, Error>>, Failure> {
        let body = match &self.post_body {
            Some((body, sent)) => {
                let (body, sent) = (body.clone(), *sent);
                if let Err(error) = self.job.source.unchanged(sent).await {
                    return self.changed(error);
                }
                body
            }
            None => {
                let range = Range {
                    start: 0,
                    end: self.job.source.size(),
                };
                let content = match self.job.source.read(range, BytesMut::new()).await {
                    Ok(content) => content,
                    Err(error) => return self.changed(error),
                };
                let sent = Digest::of(&content);
                if let Err(error) = self.check_content(sent).await {
                    return self.changed(error);
                }
                let body = Bytes::from(wire::file_attachment_body(&self.job.attachment, &content));
                self.post_body = Some((body.clone(), sent));
                body
            }
        };
        let length = body.len() as u64;
        if let Err(error) = self.pace(length).await {
            return Ok(Some(Err(error)));
        }
        if let Some(error) = self.confirm_lock()? {
            return Ok(Some(Err(error)));
        }
        let request = self
            .services
            .graph
            .post_attachment(&self.job.item, body, &self.meter);
        let reply = self.with_signs_of_life(request, length).await;
        self.services
            .volume
            .note(length, self.services.started.elapsed());
        Ok(Some(reply.map(|listed| listed.id)))
    }

    /// Waits until the mailbox may take `bytes` more.
    pub(super) async fn pace(&self, bytes: u64) -> Result<(), Error> {
        let now = self.services.started.elapsed();
        let delay = self.services.volume.wait(bytes, now);
        if delay.is_zero() {
            return Ok(());
        }
        if self
            .services
            .limits
            .deadline
            .is_some_and(|deadline| now + delay >= deadline)
        {
            return Err(Error::local(
                ErrorKind::Deadline,
                "the mailbox takes 150 MB in 5 minutes",
            ));
        }
        self.tell(Event::Waiting {
            delay,
            reason: "the mailbox takes 150 MB in 5 minutes".to_owned(),
            attempt: 0,
            max: 0,
        });
        tokio::time::sleep(delay).await;
        Ok(())
    }

    pub(super) async fn with_signs_of_life<T>(
        &self,
        request: impl Future<Output = T>,
        of: u64,
    ) -> T {
        let mut request = std::pin::pin!(request);
        loop {
            tokio::select! {
                biased;
                result = &mut request => return result,
                () = tokio::time::sleep(SIGN_OF_LIFE) => {
                    self.tell(Event::Sending { sent: self.meter.read().min(of), of });
                }
            }
        }
    }

    /// The same for a range, while which the content may become known: to whoever resumes it, it is
    /// what tells a file that was merely touched from one that was changed.
    pub(super) async fn while_keeping_content<T>(
        &mut self,
        request: impl Future<Output = T>,
        of: u64,
    ) -> Result<T, Failure> {
        let mut request = std::pin::pin!(request);
        loop {
            if self.is_content_kept() {
                return Ok(self.with_signs_of_life(request, of).await);
            }
            tokio::select! {
                biased;
                result = &mut request => return Ok(result),
                () = tokio::time::sleep(SIGN_OF_LIFE) => {
                    self.tell(Event::Sending { sent: self.meter.read().min(of), of });
                    if self.note_content().await {
                        self.save(Durability::Process)?;
                    }
                }
            }
        }
    }

    /// Whether the record needs no more word about the content, or will never have any.
    pub(super) fn is_content_kept(&self) -> bool {
        let known = |record: &Record| record.sha256.is_some();
        self.keeper.record.as_ref().is_none_or(known)
            || !matches!(self.content, Content::Hashing(_))
    }

    /// Puts the content's digest into the record, if it is known by now and was not before.
    pub(super) async fn note_content(&mut self) -> bool {
        if matches!(&self.content, Content::Hashing(task) if task.is_finished()) {
            // An error is told when the content is needed.
            let _ = self.whole().await;
        }
        match (&mut self.keeper.record, &self.content) {
            (Some(record), Content::Known(whole)) if whole.steady && record.sha256.is_none() => {
                record.sha256 = Some(whole.sha256);
                true
            }
            _ => false,
        }
    }
}
