//! Looks for an attachment that is the file: before anything is sent, while an answer is in doubt, and after
//! a repetition. `likeness` says what can be it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    file::{Source, SourceError, Whole},
    likeness::{ReadBack, Verdict, by_likeness, is_plausible, is_same_name, judge},
    service::Service,
};
use crate::{
    Attachment, Error, ErrorKind, Item,
    client::AttachmentInfo,
    digest::{Digest, Hasher},
    protocol::{
        plan::Range,
        step::{Search, Sighting},
    },
};

/// How much of a beginning tells a page from a file, in bytes.
const HEAD: usize = 256;

/// Attachments that uploads of this computer are known to have made, by id: as what, and of which content.
#[derive(Debug, Default)]
pub struct Owned(Mutex<HashMap<String, (Attachment, Option<Digest>)>>);

impl Owned {
    /// Notes that an attachment is `file`, with this content as far as it is known.
    pub fn add(&self, id: &str, file: &Attachment, content: Option<Digest>) {
        self.all().insert(id.to_owned(), (file.clone(), content));
    }

    /// Whether an attachment is known to be another file than `file` with this content. The same file by two
    /// commands is wanted once: both were the same command, run again.
    pub(super) fn is_another(&self, id: &str, file: &Attachment, content: Option<Digest>) -> bool {
        let owner = self.all().get(id).cloned();
        owner.is_some_and(|owner| content.is_none() || owner != (file.clone(), content))
    }

    /// Whether an attachment is known to be any file at all.
    pub(super) fn has(&self, id: &str) -> bool {
        self.all().contains_key(id)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, (Attachment, Option<Digest>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Attachments that were read back and are other files, with what came: what came twice is believed, and not
/// read again.
pub(super) type Others = HashMap<String, (u64, Digest, bool)>;

/// Why a look came to nothing.
pub(super) enum LookError {
    Service(Error),
    Source(SourceError),
}

impl From<Error> for LookError {
    fn from(error: Error) -> Self {
        LookError::Service(error)
    }
}

impl From<SourceError> for LookError {
    fn from(error: SourceError) -> Self {
        LookError::Source(error)
    }
}

/// One file, and what an item may hold of it.
pub(super) struct ExistingAttachments<'a, S> {
    pub service: &'a S,
    pub item: &'a Item,
    pub source: &'a Source,
    pub name: &'a str,
    pub inline: bool,
}

impl<S: Service> ExistingAttachments<'_, S> {
    fn size(&self) -> u64 {
        self.source.size()
    }

    /// Before anything is sent: is one of `all` the file, by its name and its content?
    pub(super) async fn at_first(
        &self,
        all: &[AttachmentInfo],
        whole: Whole,
    ) -> Result<Sighting, LookError> {
        let alike = all.iter().filter(|listed| self.is_alike(listed));
        // One that is inline and one that is not are of use to different readers.
        let alike = alike.filter(|listed| listed.is_inline == self.inline);
        self.first_of(alike.collect(), whole, &mut Others::new())
            .await
    }

    /// Whether any of `all` has to be read back at first.
    pub(super) fn is_any_alike(&self, all: &[AttachmentInfo]) -> bool {
        all.iter().any(|listed| self.is_alike(listed))
    }

    fn is_alike(&self, listed: &AttachmentInfo) -> bool {
        listed.is_file
            && is_same_name(&listed.name, self.name)
            && is_plausible(listed.size, self.size())
    }

    /// Looks among what is new: not `known`.
    pub(super) async fn search(
        &self,
        search: &Search,
        known: impl Fn(&str) -> bool,
        whole: Whole,
        others: &mut Others,
    ) -> Result<Sighting, LookError> {
        let all = self.service.attachments(self.item).await?;
        let new: Vec<&AttachmentInfo> = all.iter().filter(|listed| !known(&listed.id)).collect();
        // While an answer is in doubt, any new file may be ours, whatever name and size it is listed with.
        let may_be = |listed: &&AttachmentInfo| listed.is_file;
        match search {
            Search::InDoubt => {
                let candidates = new.into_iter().filter(may_be).collect();
                self.first_of(candidates, whole, others).await
            }
            Search::Meanwhile => {
                let candidates = new.into_iter().filter(|listed| self.is_alike(listed));
                self.first_of(candidates.collect(), whole, others).await
            }
            Search::Twice(ours) => {
                let is_listed = all.iter().any(|listed| listed.id == *ours);
                let rest = new.into_iter().filter(|listed| listed.id != *ours);
                let mut equal = Vec::new();
                for listed in rest.filter(may_be) {
                    if self.verdict(listed, whole, others).await? == Verdict::Ours {
                        equal.push(listed.id.clone());
                    }
                }
                if equal.is_empty() && !is_listed {
                    return Ok(Sighting::Nothing);
                }
                equal.push(ours.clone());
                Ok(Sighting::Ours(equal))
            }
        }
    }

    /// The first of these that is the file, the most likely one read first.
    async fn first_of(
        &self,
        mut candidates: Vec<&AttachmentInfo>,
        whole: Whole,
        others: &mut Others,
    ) -> Result<Sighting, LookError> {
        candidates.sort_by_key(|listed| by_likeness(listed, self.name, self.size()));
        let mut sighting = Sighting::Nothing;
        for listed in candidates {
            match self.verdict(listed, whole, others).await? {
                Verdict::Ours => return Ok(Sighting::Ours(vec![listed.id.clone()])),
                Verdict::Other => {}
                Verdict::Unclear => sighting = Sighting::Unclear,
            }
        }
        Ok(sighting)
    }

    /// Whether an attachment has exactly this content, as far as it can be read.
    async fn verdict(
        &self,
        listed: &AttachmentInfo,
        whole: Whole,
        others: &mut Others,
    ) -> Result<Verdict, LookError> {
        if let Some((_, _, true)) = others.get(&listed.id) {
            return Ok(Verdict::Other);
        }
        let read = match self.read_back(&listed.id, |_| {}).await {
            Ok(read) => read,
            // It is listed, and cannot be read: that may pass.
            Err(LookError::Service(error)) if is_about_content(&error) => {
                return Ok(Verdict::Unclear);
            }
            Err(error) => return Err(error),
        };
        let verdict = self.judge(&read, whole.sha256, listed.size).await?;
        if verdict == Verdict::Other {
            let seen = others.get(&listed.id);
            let again = seen.is_some_and(|seen| (seen.0, seen.1) == (read.length, read.digest));
            others.insert(listed.id.clone(), (read.length, read.digest, again));
        }
        Ok(verdict)
    }

    pub(super) async fn judge(
        &self,
        read: &ReadBack,
        whole: Digest,
        reported: Option<u64>,
    ) -> Result<Verdict, SourceError> {
        let end = self.size().min(HEAD as u64);
        let head = self
            .source
            .read(Range { start: 0, end }, bytes::BytesMut::new());
        Ok(judge(read, self.size(), whole, &head.await?, reported))
    }

    /// Reads an attachment back, but not on when it is larger than the file; `progress` is told how
    /// many bytes came so far.
    pub(super) async fn read_back(
        &self,
        id: &str,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<ReadBack, LookError> {
        let (mut hasher, mut read, mut head) = (Hasher::default(), 0, Vec::new());
        let mut sink = |bytes: &[u8]| {
            hasher.update(bytes);
            read += bytes.len() as u64;
            let room = HEAD - head.len();
            head.extend_from_slice(&bytes[..bytes.len().min(room)]);
            progress(read);
        };
        let content = self.service.content(self.item, id, self.size(), &mut sink);
        let length = content.await?;
        let digest = hasher.finish();
        let is_beginning =
            length < self.size() && self.source.hasher_at(length, &[]).await?.finish() == digest;
        Ok(ReadBack {
            length,
            digest,
            head,
            is_beginning,
        })
    }
}

/// Whether an error says something about this attachment's content only.
fn is_about_content(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::NotFound
            | ErrorKind::Unavailable
            | ErrorKind::Lost
            | ErrorKind::Contradiction
            | ErrorKind::Intermediary
            | ErrorKind::Refused
            | ErrorKind::Conflict
    )
}

/// Whether the content that was hashed when the command started is `sent`.
pub(super) fn content_is_unchanged(whole: Whole, sent: Digest, earlier: Option<Digest>) -> bool {
    // A file that was touched while it was hashed may have been anything at the start, unless an
    // earlier command had hashed the same content.
    whole.sha256 == sent && earlier.map_or(whole.steady, |earlier| earlier == whole.sha256)
}
