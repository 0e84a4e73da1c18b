//! The session around the ranges: begun, gone on with, asked, looked for, ended.

use super::{Earlier, Transfer};
use crate::{
    Error, ErrorKind, ExpectedOffset,
    digest::Hasher,
    engine::{
        event::Event,
        file::SourceError,
        outcome::{Cause, Failure},
    },
    store::{HashedOffset, Record, SessionId, State, Store},
};

impl Transfer<'_> {
    /// A session of an earlier process: the file must still be the one that it was begun with.
    pub(super) async fn check_resumed(&mut self) -> Result<(), Failure> {
        let Some(record) = self.keeper.record.clone() else {
            return Ok(());
        };
        let source = &self.job.source;
        let changed = |how| SourceError::Changed {
            path: source.path().to_owned(),
            how,
        };
        let checked = if source.size() != record.size {
            Err(changed("its size is different now"))
        } else if source.stamp() == record.stamp {
            Ok(())
        } else {
            match (self.whole().await, record.sha256) {
                (Err(error), _) => Err(error),
                (Ok(whole), Some(earlier)) if whole.sha256 == earlier => Ok(()),
                (Ok(_), Some(_)) => Err(changed("its content is different now")),
                (Ok(_), None) => Err(changed("it was touched before its content was known")),
            }
        };
        let hasher = match checked {
            Ok(()) => {
                self.job
                    .source
                    .hasher_at(record.acked.offset, &[record.acked])
                    .await
            }
            Err(error) => Err(error),
        };
        match hasher {
            Ok(hasher) => {
                self.acked = (record.acked.offset, hasher);
                self.sent = (record.sent, None);
                self.tell(Event::Opened {
                    session: record.id,
                    offset: record.acked.offset,
                    resumed: true,
                });
                Ok(())
            }
            Err(error) => {
                // What changed stays changed: the session is of no use to anybody.
                if matches!(error, SourceError::Changed { .. }) {
                    self.discard(false).await?;
                }
                Err(self.failure(Cause::Source(error)))
            }
        }
    }

    pub(super) async fn list(&mut self) -> Result<Result<Option<String>, Error>, Failure> {
        if self.job.is_empty {
            self.before = Vec::new();
            return Ok(Ok(None));
        }
        let all = match self.services.graph.attachments(&self.job.item).await {
            Ok(all) => all,
            Err(error) => return Ok(Err(error)),
        };
        self.before = all.iter().map(|listed| listed.id.clone()).collect();
        if self.job.again {
            return Ok(Ok(None));
        }
        if let Earlier::Finished {
            attachment, sha256, ..
        } = &self.job.earlier
            && self.before.contains(attachment)
            && self.whole().await?.sha256 == *sha256
        {
            return Ok(Ok(Some(attachment.clone())));
        }
        if all
            .iter()
            .all(|listed| listed.name != self.job.attachment.name)
        {
            return Ok(Ok(None));
        }
        let whole = self.whole().await?;
        Ok(self.twins().before(&all, whole.sha256).await)
    }

    pub(super) async fn create(&mut self) -> Result<Result<ExpectedOffset, Error>, Failure> {
        let (job, size) = (self.job, self.job.source.size());
        let created = match self
            .services
            .graph
            .create_session(&job.item, &job.attachment, size)
            .await
        {
            Ok(created) => created,
            Err(error) => return Ok(Err(error)),
        };
        self.acked = (0, Hasher::default());
        self.sent = (HashedOffset::start(), None);
        let earlier = self.keeper.record.take();
        let id = earlier.as_ref().map(|record| record.id).or(job.spool);
        let id = id.or_else(|| self.services.store.map(Store::new_id));
        let id = id.unwrap_or_else(|| SessionId::draw(|| fastrand::u8(..)));
        if earlier.is_none() {
            self.keeper.claim(id);
        }
        let record = Record {
            id,
            state: State::Unfinished,
            endpoint: self.services.endpoint.to_owned(),
            item: job.item.clone(),
            file: std::path::absolute(job.source.path())
                .unwrap_or_else(|_| job.source.path().to_owned()),
            spooled: job.spool.is_some() || earlier.as_ref().is_some_and(|record| record.spooled),
            pipe: None,
            attachment: job.attachment.clone(),
            size,
            chunk: self.services.limits.chunk,
            sha256: earlier.as_ref().and_then(|record| record.sha256),
            stamp: earlier
                .as_ref()
                .map_or(job.source.stamp(), |record| record.stamp),
            verify: job.verify,
            before: self.before.clone(),
            acked: HashedOffset::start(),
            sent: HashedOffset::start(),
            url: Some(created.url),
            expires: created.expires,
            created: earlier.map_or_else(jiff::Timestamp::now, |record| record.created),
            attachment_id: None,
        };
        self.keeper
            .replace(record)
            .map_err(|error| self.failure(Cause::State(error)))?;
        self.tell(Event::Opened {
            session: id,
            offset: 0,
            resumed: false,
        });
        Ok(Ok(created.next))
    }

    pub(super) async fn ask(&self) -> Result<ExpectedOffset, Error> {
        match self
            .keeper
            .record
            .as_ref()
            .and_then(|record| record.url.as_ref())
        {
            Some(url) => self.services.uploads.ask(url).await.map(|said| said.next),
            None => Err(Error::local(ErrorKind::NotFound, "there is no session")),
        }
    }

    pub(super) async fn look(
        &mut self,
        identify: bool,
    ) -> Result<Option<Result<Vec<String>, Error>>, Failure> {
        let whole = match self.whole().await {
            Ok(whole) => whole,
            Err(error) => return self.changed(error),
        };
        let mut unreadable = self.unreadable;
        let found = self
            .twins()
            .after(&self.before, whole.sha256, identify, &mut unreadable)
            .await;
        self.unreadable = unreadable;
        Ok(Some(found))
    }

    /// Ends the session at the service, as well as can be: it expires anyway.
    ///
    /// One that may still be alive there must not stay on disk when another takes its place: whoever
    /// resumed it would attach a second time.
    pub(super) async fn discard(&mut self, replacing: bool) -> Result<(), Failure> {
        let url = self.keeper.record.as_ref().and_then(|r| r.url.clone());
        let mut over = url.is_none();
        if let Some(url) = url {
            match self.services.uploads.delete(&url).await {
                Ok(()) => over = true,
                Err(error) => self.tell(Event::Detail(format!(
                    "the session could not be cancelled: {error}"
                ))),
            }
        }
        if !replacing {
            self.keeper.forget();
            return Ok(());
        }
        if !over {
            self.keeper
                .retire()
                .map_err(|error| self.failure(Cause::Stuck(error)))?;
        }
        let reason = "the session is not usable any more".to_owned();
        self.tell(Event::Restarting { reason });
        Ok(())
    }
}
