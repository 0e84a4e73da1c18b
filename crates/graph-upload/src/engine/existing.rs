//! Looks for an attachment that already is the file: after a lost answer, or before anything is sent.
//!
//! An attachment is recognised by name and by content. Its reported `size` says little: it counts
//! the service's own overhead, and is larger than the file.

use super::{
    event::{Event, Observe},
    file::Whole,
};
use crate::{
    Error, ErrorKind, Item,
    client::{AttachmentInfo, GraphClient},
    digest::{Digest, Hasher},
};

/// How much larger than the file a reported size may be for an attachment to be worth a download,
/// when nothing else says that it is ours: a half, and 64 KiB. Observation: 4.5 %, and 237 bytes for 816.
fn plausible(listed: &AttachmentInfo, size: u64) -> bool {
    listed
        .size
        .is_none_or(|reported| reported >= size && reported <= size / 2 * 3 + 65_536)
}

/// One file's twins on one item.
pub(super) struct ExistingAttachments<'a> {
    pub graph: &'a GraphClient,
    pub item: &'a Item,
    pub name: &'a str,
    pub size: u64,
    /// Whether it is shown inside the body.
    pub inline: bool,
    pub observer: &'a dyn Observe,
}

impl ExistingAttachments<'_> {
    /// Before anything is sent: an attachment that already has the name and the content.
    pub(super) async fn before(
        &self,
        all: &[AttachmentInfo],
        whole: Digest,
    ) -> Result<Option<String>, Error> {
        let candidates = all
            .iter()
            .filter(|listed| self.may_be(listed) && plausible(listed, self.size))
            // One that is inline and one that is not are of use to different readers.
            .filter(|listed| listed.is_inline == self.inline);
        for listed in candidates {
            // One that cannot be read may be ours: to go on would be to guess. One that is gone
            // meanwhile is not in the next list.
            if self.same(&listed.id, whole).await? {
                return Ok(Some(listed.id.clone()));
            }
        }
        Ok(None)
    }

    /// After a lost answer: the attachments that are new, with our name and our content.
    ///
    /// `identify` is for an upload that is known to have succeeded: then one new attachment of our
    /// name is it, and is not read back. `unreadable` counts looks that failed because the service
    /// could not deliver the content (it times out on large ones): after two, a single new
    /// attachment with our name and a plausible size is taken, and said so.
    pub(super) async fn after(
        &self,
        before: &[String],
        whole: Digest,
        identify: bool,
        unreadable: &mut u32,
    ) -> Result<Vec<String>, Error> {
        let all = self.graph.attachments(self.item).await?;
        let new: Vec<&AttachmentInfo> = all
            .iter()
            .filter(|listed| self.may_be(listed) && !before.contains(&listed.id))
            .collect();
        if let ([only], true) = (new.as_slice(), identify) {
            return Ok(vec![only.id.clone()]);
        }
        let mut equal = Vec::new();
        for listed in &new {
            match self.same(&listed.id, whole).await {
                Ok(true) => equal.push(listed.id.clone()),
                Ok(false) => {}
                Err(error) if error.kind == ErrorKind::Unavailable && new.len() == 1 => {
                    *unreadable += 1;
                    if *unreadable < 2 || !plausible(listed, self.size) {
                        return Err(error);
                    }
                    self.observer.observe(&Event::Warning(format!(
                        "the new attachment `{}` could not be read back; it was recognised by its \
                         name and size",
                        self.name
                    )));
                    equal.push(listed.id.clone());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(equal)
    }

    /// Whether it is a file under our name. An item or a reference has no bytes to compare.
    fn may_be(&self, listed: &AttachmentInfo) -> bool {
        listed.is_file && listed.name == self.name
    }

    /// Whether an attachment has exactly this content.
    async fn same(&self, id: &str, whole: Digest) -> Result<bool, Error> {
        let (length, digest) = self.read_back(id, |_| {}).await?;
        Ok(length == self.size && digest == whole)
    }

    /// Reads an attachment back, but not on when it is larger than the file; `progress` is told how
    /// many bytes came so far.
    pub(super) async fn read_back(
        &self,
        id: &str,
        mut progress: impl FnMut(u64),
    ) -> Result<(u64, Digest), Error> {
        let (mut hasher, mut read) = (Hasher::default(), 0);
        let length = self
            .graph
            .content(self.item, id, self.size, |bytes| {
                hasher.update(bytes);
                read += bytes.len() as u64;
                progress(read);
            })
            .await?;
        Ok((length, hasher.finish()))
    }
}

/// Whether the content that was hashed when the command started is `sent`.
pub(super) fn content_is_unchanged(whole: Whole, sent: Digest, earlier: Option<Digest>) -> bool {
    // A file that was touched while it was hashed may have been anything at the start, unless an
    // earlier command had hashed the same content.
    whole.sha256 == sent && earlier.map_or(whole.steady, |earlier| earlier == whole.sha256)
}
