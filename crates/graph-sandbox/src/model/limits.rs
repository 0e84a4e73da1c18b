//! How many attachments an item takes, and of what size. Pure.

use super::item::Item;
use crate::{failure::Failure, options::Options};

/// What stands for a message's headers and body when its size is counted.
const OVERHEAD: u64 = 64 * 1024;

/// Refuses what would make an item too many attachments, or too large.
pub(crate) fn check_room(item: &Item, more: u64, options: &Options) -> Result<(), Failure> {
    check_number(item, options)?;
    check_size(item, more, options)
}

/// Refuses one attachment too many.
pub(crate) fn check_number(item: &Item, options: &Options) -> Result<(), Failure> {
    if item.attachments.len() < options.max_attachments {
        return Ok(());
    }
    // Assumed: the limit is known, its error is not.
    let message = format!(
        "The item already has {} attachments.",
        options.max_attachments
    );
    Err(Failure::new(400, "ErrorInvalidRequest", message))
}

/// Refuses what would make an item too large.
pub(crate) fn check_size(item: &Item, more: u64, options: &Options) -> Result<(), Failure> {
    match options.message_limit {
        Some(limit) if item.attached_bytes() + more + OVERHEAD > limit => {
            Err(Failure::message_too_large())
        }
        _ => Ok(()),
    }
}
