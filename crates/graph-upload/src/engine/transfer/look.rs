//! What the item holds: listed before anything is sent, and looked at while an answer is in doubt.

use super::{Done, Earlier, ExistingAttachments, Transfer};
use crate::{
    ErrorKind,
    engine::{event::Event, existing::LookError, outcome::Failure, service::Service},
    protocol::step::{Search, Sighting, Step},
};

impl<'a, S: Service> Transfer<'a, S> {
    pub(super) fn existing(&self) -> ExistingAttachments<'a, S> {
        ExistingAttachments {
            service: &self.services.service,
            item: &self.job.item,
            source: &self.job.source,
            name: &self.job.attachment.name,
            inline: self.job.attachment.is_inline,
        }
    }

    /// Whether an id is certainly not that of what this upload attached: it was there before, or is another
    /// file's.
    pub(super) fn is_known(&self, id: &str) -> bool {
        let owned = self.services.owned;
        let is_another = match self.job.again {
            // Another copy is wanted: that of a command before is not ours.
            true => owned.has(id),
            false => owned.is_another(id, &self.job.attachment, self.content_digest()),
        };
        is_another || self.before.iter().any(|before| before == id)
    }

    /// Notes what other uploads on this computer attached to the item: it is not ours.
    fn note_owned(&self) {
        let Some(store) = self.services.store else {
            return;
        };
        let ours = self.checkpoint.record.as_ref().map(|record| record.id);
        let records = store.inventory().unwrap_or_default().records;
        for record in records {
            if Some(record.id) != ours && record.item == self.job.item {
                let (file, content) = (&record.attachment, record.sha256);
                let id = record.attachment_id.iter();
                id.for_each(|id| self.services.owned.add(id, file, content));
            }
        }
    }

    /// Before anything is sent: is the file there already?
    pub(super) async fn list(&mut self) -> Result<Done<Sighting>, Failure> {
        if self.job.is_empty {
            self.before = Vec::new();
            return Ok(Done::Answered(Ok(Sighting::Nothing)));
        }
        let service = &self.services.service;
        // An id that is known is asked for: a list may lag behind it.
        if let Earlier::Finished {
            attachment, sha256, ..
        } = &self.job.earlier
            && !self.job.again
            && self.whole().await?.sha256 == *sha256
        {
            match service.attachment(&self.job.item, attachment).await {
                Ok(_) => {
                    let found = Sighting::Ours(vec![attachment.clone()]);
                    return Ok(Done::Answered(Ok(found)));
                }
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Ok(Done::Answered(Err(error))),
            }
        }
        let all = match service.attachments(&self.job.item).await {
            Ok(all) => all,
            Err(error) => return Ok(Done::Answered(Err(error))),
        };
        self.before = all.iter().map(|listed| listed.id.clone()).collect();
        let existing = self.existing();
        if self.job.again || !existing.is_any_alike(&all) {
            return Ok(Done::Answered(Ok(Sighting::Nothing)));
        }
        let whole = self.whole().await?;
        self.looked(existing.at_first(&all, whole).await)
    }

    pub(super) async fn search(&mut self, search: &Search) -> Result<Done<Sighting>, Failure> {
        if *search == Search::Meanwhile && self.job.again {
            // Another copy is wanted, whoever attached the first one.
            return Ok(Done::Answered(Ok(Sighting::Nothing)));
        }
        let whole = match self.whole().await {
            Ok(whole) => whole,
            Err(error) => return self.changed(error),
        };
        if *search != Search::Meanwhile {
            self.note_owned();
        }
        let existing = self.existing();
        let mut others = std::mem::take(&mut self.others);
        let known = |id: &str| self.is_known(id);
        let seen = existing.search(search, known, whole, &mut others).await;
        self.others = others;
        self.looked(seen)
    }

    fn looked(&mut self, seen: Result<Sighting, LookError>) -> Result<Done<Sighting>, Failure> {
        match seen {
            Ok(sighting) => Ok(Done::Answered(Ok(sighting))),
            Err(LookError::Service(error)) => Ok(Done::Answered(Err(error))),
            Err(LookError::Source(error)) => self.changed(error),
        }
    }

    /// A live session is finished without a token, and then without a look.
    pub(super) fn tell_if_nobody_looked(&mut self, next: &Step) {
        let no_token = self
            .error
            .as_ref()
            .is_some_and(|error| error.kind == ErrorKind::Auth);
        let goes_on = matches!(next, Step::Put { .. } | Step::QueryStatus);
        if no_token && goes_on && !std::mem::replace(&mut self.unseen, true) {
            self.tell(Event::Warning(
                "without a token nobody looks whether it was attached meanwhile; the session is \
                 finished all the same"
                    .to_owned(),
            ));
        }
    }
}
