//! Parts of commands, as a shell takes them.

use crate::graph::Item;

/// The options that name an item, as a shell takes them.
pub fn flags(item: &Item) -> String {
    let mut flags = format!("--{} {}", item.kind, shell(&item.id));
    if let Some(mailbox) = &item.mailbox {
        flags += &format!(" --mailbox {}", shell(mailbox));
    }
    flags
}

/// A word that a shell takes as it is: quoted only where it must be, so that ids stay readable.
pub fn shell(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&b);
    if !word.is_empty() && !word.starts_with('=') && word.bytes().all(plain) {
        return word.to_owned();
    }
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}
