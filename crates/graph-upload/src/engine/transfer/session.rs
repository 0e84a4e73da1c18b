//! What is around the ranges: the record and the session, begun, resumed, asked, ended.

use super::{Done, Transfer};
use crate::{
    Error, ErrorKind, ExpectedOffset,
    digest::Hasher,
    engine::{
        event::Event,
        file::SourceError,
        outcome::{Cause, Failure},
        service::Service,
    },
    store::{Durability, HashedOffset, Moment, Record, SessionId, State, Store},
};

impl<S: Service> Transfer<'_, S> {
    /// A session of an earlier process: the file must still be the one that it was begun with.
    pub(super) async fn check_resumed(&mut self) -> Result<(), Failure> {
        let Some(record) = self.checkpoint.record.clone() else {
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
                self.tell(match record.url {
                    Some(_) => Event::Opened {
                        session: record.id,
                        offset: record.acked.offset,
                        resumed: true,
                    },
                    None => Event::Kept { session: record.id },
                });
                Ok(())
            }
            Err(error) => {
                // What changed stays changed: the session is of no use to anybody. What may be attached is
                // what the file was.
                if matches!(error, SourceError::Changed { .. }) && !record.in_doubt() {
                    self.cancel(false).await?;
                    self.checkpoint.forget();
                }
                Err(self.failure(Cause::Source(error)))
            }
        }
    }

    /// The record of an upload that has done nothing yet.
    fn new_record(&self, id: SessionId) -> Record {
        let (job, file) = (self.job, self.job.source.path());
        Record {
            id,
            state: State::Unfinished,
            route: self.protocol.route(),
            doubt: None,
            endpoint: self.services.endpoint.to_owned(),
            item: job.item.clone(),
            file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
            spooled: job.spool.is_some(),
            pipe: None,
            attachment: job.attachment.clone(),
            size: job.source.size(),
            chunk: self.services.limits.chunk,
            sha256: None,
            stamp: job.source.stamp(),
            again: job.again,
            verify: job.verify,
            before: self.before.clone(),
            listed: true,
            acked: HashedOffset::start(),
            sent: HashedOffset::start(),
            url: None,
            expires: None,
            created: jiff::Timestamp::now(),
            attachment_id: None,
        }
    }

    /// Before the first request that changes anything: what is about to be done is on disk, durably, and
    /// claimed by this process. `doubt` says that it is a request that attaches.
    pub(super) async fn begin(&mut self, doubt: Option<Moment>) -> Result<(), Failure> {
        self.note_content().await;
        let route = self.protocol.route();
        match &mut self.checkpoint.record {
            Some(record) => {
                let is_new = !record.listed;
                let changed = record.route != route || record.doubt.is_some() || doubt.is_some();
                record.listed = true;
                record.pipe = None;
                record.route = route;
                record.before.clone_from(&self.before);
                record.doubt = doubt;
                // There is no session: it was given up, or it is the other route's turn.
                if (is_new || changed || record.url.is_some()) || !self.checkpoint.is_on_disk() {
                    if let Some(record) = &mut self.checkpoint.record {
                        record.url = None;
                        (record.acked, record.sent) =
                            (HashedOffset::start(), HashedOffset::start());
                    }
                    self.save(Durability::Power)?;
                }
            }
            None => {
                let id = self
                    .job
                    .spool
                    .or_else(|| self.services.store.map(Store::new_id));
                let id = id.unwrap_or_else(|| SessionId::draw(|| fastrand::u8(..)));
                self.checkpoint.claim(id);
                let record = self.new_record(id);
                self.checkpoint.record = Some(Record { doubt, ..record });
                self.note_content().await;
                self.save(Durability::Power)?;
            }
        }
        if let (Some(record), true) = (&self.checkpoint.record, self.checkpoint.is_on_disk()) {
            self.tell(Event::Kept { session: record.id });
        }
        Ok(())
    }

    pub(super) async fn create(&mut self) -> Result<Done<ExpectedOffset>, Failure> {
        let (job, size) = (self.job, self.job.source.size());
        self.begin(None).await?;
        let created = match self
            .services
            .service
            .create(&job.item, &job.attachment, size)
            .await
        {
            Ok(created) => created,
            Err(error) => return Ok(Done::Answered(Err(error))),
        };
        self.acked = (0, Hasher::default());
        self.sent = (HashedOffset::start(), None);
        let Some(earlier) = self.checkpoint.record.take() else {
            return Ok(Done::Answered(Err(Error::contradiction(
                "there is no record",
            ))));
        };
        let id = earlier.id;
        let record = Record {
            url: Some(created.url),
            expires: created.expires,
            chunk: self.services.limits.chunk,
            ..earlier
        };
        self.checkpoint
            .replace(record)
            .map_err(|error| self.failure(Cause::State(error)))?;
        self.tell(Event::Opened {
            session: id,
            offset: 0,
            resumed: false,
        });
        Ok(Done::Answered(Ok(created.next)))
    }

    pub(super) async fn query_status(&self) -> Result<ExpectedOffset, Error> {
        match self
            .checkpoint
            .record
            .as_ref()
            .and_then(|record| record.url.as_ref())
        {
            Some(url) => self
                .services
                .service
                .status(url)
                .await
                .map(|said| said.next),
            None => Err(Error::local(ErrorKind::NotFound, "there is no session")),
        }
    }

    /// Ends the session at the service, as well as can be: it expires anyway.
    ///
    /// One that may still be alive there must not stay on disk when another takes its place: whoever
    /// resumed it would attach a second time.
    pub(super) async fn cancel(&mut self, replacing: bool) -> Result<(), Failure> {
        let url = self.checkpoint.record.as_ref().and_then(|r| r.url.clone());
        let mut over = url.is_none();
        if let Some(url) = url {
            match self.services.service.cancel(&url).await {
                Ok(()) => over = true,
                Err(error) => self.tell(Event::Detail(format!(
                    "the session could not be cancelled: {error}"
                ))),
            }
        }
        let retired = self.checkpoint.retire();
        if !replacing {
            return Ok(());
        }
        if !over && let Err(error) = retired {
            return Err(self.failure(Cause::Stuck(error)));
        }
        let reason = "the session is not usable any more".to_owned();
        self.tell(Event::Restarting { reason });
        Ok(())
    }
}
