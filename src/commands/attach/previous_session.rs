//! What earlier commands left of a file on an item: an upload to resume, or one that is finished.

use crate::{
    args::AttachArgs,
    commands::CommandContext,
    digest::Digest,
    graph::{Attachment, Item},
    report::{self, ExitReport},
    session::{HashedOffset, ItemKey, Pipe, Record, Sameness, SessionId, State, Store},
    upload::{Earlier, Services, Source},
};

/// One file on one item.
pub(super) struct FileOnItem<'a> {
    pub(super) item: &'a Item,
    pub(super) attachment: &'a Attachment,
    pub(super) source: &'a Source,
    /// The record of its own, of what a pipe brought.
    pub(super) own: Option<SessionId>,
}

impl FileOnItem<'_> {
    /// Whether a record is of this name on this item.
    fn is_of(&self, record: &Record, endpoint: &str) -> bool {
        let ours = ItemKey::new(endpoint, self.item);
        let theirs = ItemKey::new(&record.endpoint, &record.item);
        // A pipe whose end was not seen is of no content.
        self.own != Some(record.id)
            && record.pipe != Some(Pipe::Incomplete)
            && ours.compare(&theirs) == Sameness::Same
            && record.attachment.name == self.attachment.name
    }

    /// Whether a record is of this content, as far as that can be told before the upload.
    async fn has_content_of(&self, record: &Record) -> bool {
        if record.size != self.source.size() {
            return false;
        }
        if record.stamp == self.source.stamp() {
            return true;
        }
        // Another file, or the same one touched since: only its content tells.
        match (record.sha256, hash(self.source).await) {
            (Some(sha256), Some(ours)) => ours == sha256,
            _ => false,
        }
    }
}

/// What standard input held when an upload of it was interrupted too early for the record to say: it
/// lies beside the record. Other files may have changed since.
async fn spooled(record: &Record) -> Option<Digest> {
    if record.sha256.is_some() || !record.spooled {
        return record.sha256;
    }
    let spool = Source::open(&record.file).ok()?;
    if spool.stamp() != record.stamp {
        return None;
    }
    hash(&spool).await
}

async fn hash(source: &Source) -> Option<Digest> {
    Some(source.hash().await.ok()?.ok()?.sha256)
}

/// What earlier commands left of this file on this item, with the lock of the session that is resumed.
///
/// A session for the same path with other content can never be finished: it is ended here.
pub(super) async fn previous_session(
    file: &FileOnItem<'_>,
    args: &AttachArgs,
    store: &Store,
    services: &Services<'_>,
    context: &CommandContext,
) -> report::Result<(Earlier, Option<crate::session::Lock>)> {
    let records = context.records_to_work_on(store)?;
    store.forget_old_posts(&records, POST_IS_OLD);
    let (earlier, lock) = find(file, args, store, services, context, records).await?;
    if !args.again {
        forget_copies(file, &earlier, store, services.endpoint).await?;
    }
    Ok((earlier, lock))
}

/// What the same command kept of the same pipe, and was killed before it saw that there is a copy, or before
/// anything of it was sent: one copy is enough, and another would be attached beside it.
async fn forget_copies(
    file: &FileOnItem<'_>,
    earlier: &Earlier,
    store: &Store,
    endpoint: &str,
) -> report::Result<()> {
    let chosen = match earlier {
        Earlier::Unfinished(record) => Some(record.id),
        _ => None,
    };
    for mut copy in store.inventory()?.records {
        let is_copy = copy.pipe == Some(Pipe::Waiting)
            && Some(copy.id) != chosen
            && !copy.again
            && file.is_of(&copy, endpoint)
            && copy.attachment == *file.attachment;
        if !is_copy {
            continue;
        }
        // One that another process works on is that process's to look after.
        let Ok(_lock) = store.lock_session(copy.id) else {
            continue;
        };
        copy.sha256 = spooled(&copy).await;
        if file.has_content_of(&copy).await {
            // One that stays is attached already when it is resumed.
            let _ = store.forget(&copy);
        }
    }
    Ok(())
}

/// The record to resume, or one of the same file that is attached.
async fn find(
    file: &FileOnItem<'_>,
    args: &AttachArgs,
    store: &Store,
    services: &Services<'_>,
    context: &CommandContext,
    mut records: Vec<Record>,
) -> report::Result<(Earlier, Option<crate::session::Lock>)> {
    let mut finished = Earlier::Nothing;
    // The latest first, but what only waits after all of which something may have been sent.
    records.sort_by_key(|record| record.pipe != Some(Pipe::Waiting));
    for mut record in records.into_iter().rev() {
        if !file.is_of(&record, services.endpoint) {
            continue;
        }
        record.sha256 = spooled(&record).await;
        let same = file.has_content_of(&record).await && record.attachment == *file.attachment;
        match record.state {
            State::Finished => {
                if let (true, Some(attachment), Some(sha256), Earlier::Nothing) =
                    (same, &record.attachment_id, record.sha256, &finished)
                {
                    let attachment = attachment.clone();
                    finished = Earlier::Finished {
                        attachment,
                        session: record.id,
                        sha256,
                    };
                }
            }
            State::Unfinished if same && !args.fresh => {
                let lock = context
                    .lock_session(store, record.id, args.retry.wait)
                    .await;
                let lock = context.or_without(lock, services.require_state)?;
                // Read anew under the lock: another process may have finished it meanwhile.
                match store.load(record.id)? {
                    Some(now) if now.state == State::Unfinished => {
                        let sha256 = now.sha256.or(record.sha256);
                        let record = Record { sha256, ..now };
                        return Ok((Earlier::Unfinished(Box::new(record)), lock));
                    }
                    _ => drop(lock),
                }
            }
            // It may be attached: whoever starts over has to know whether it is.
            State::Unfinished if same && record.in_doubt() => {
                let (record, lock) = without_session(record, store, services, context).await?;
                return Ok((Earlier::Unfinished(Box::new(record)), lock));
            }
            State::Unfinished => {
                let path = std::path::absolute(file.source.path())?;
                if (same && args.fresh) || record.file == path {
                    supersede(&record, store, services, context).await?;
                }
            }
        }
    }
    Ok((finished, None))
}

/// After which a list certainly shows what was attached, so that its record is of no more use: a few times what
/// the promise rests on.
const POST_IS_OLD: std::time::Duration = std::time::Duration::from_secs(120);

/// Ends the session of an upload whose last answer is in doubt, and keeps the doubt.
async fn without_session(
    record: Record,
    store: &Store,
    services: &Services<'_>,
    context: &CommandContext,
) -> report::Result<(Record, Option<crate::session::Lock>)> {
    let lock = context.lock_session(store, record.id, None).await;
    let lock = context.or_without(lock, services.require_state)?;
    let mut record = store.load(record.id)?.unwrap_or(record);
    if let Some(url) = record.url.take() {
        if let Err(error) = services.service.uploads.delete(&url).await {
            let text = format!("session {} could not be cancelled: {error}", record.id);
            context.printer.detail(1, &text);
        }
        record.acked = HashedOffset::start();
        record.sent = HashedOffset::start();
    }
    Ok((record, lock))
}

/// Ends a session that this command takes the place of.
async fn supersede(
    record: &Record,
    store: &Store,
    services: &Services<'_>,
    context: &CommandContext,
) -> report::Result<()> {
    let id: SessionId = record.id;
    let lock = context.lock_session(store, id, None).await;
    let _lock = context.or_without(lock, services.require_state)?;
    let mut over = record.url.is_none();
    if let Some(url) = &record.url {
        match services.service.uploads.delete(url).await {
            Ok(()) => over = true,
            Err(error) => context
                .printer
                .detail(1, &format!("session {id} could not be cancelled: {error}")),
        }
    }
    match store.forget(record) {
        Ok(()) => {}
        Err(error) if over => context
            .printer
            .detail(1, &format!("session {id} cannot be forgotten: {error}")),
        // Alive, perhaps, and there for a `resume`: it would attach beside this upload.
        Err(source) => return Err(ExitReport::cannot_cancel(id, &source)),
    }
    context.printer.note(&format!(
        "session {id} is abandoned: this upload takes its place"
    ));
    Ok(())
}
