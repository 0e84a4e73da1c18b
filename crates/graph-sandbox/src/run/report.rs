//! What each item holds in the end, for people.

use std::io::{self, Write};

use crate::HeldItem;

/// Says what each item holds: name, bytes, SHA-256.
pub(super) fn report(items: &[HeldItem], err: &mut dyn Write) -> io::Result<()> {
    for item in items {
        let count = match item.attachments.len() {
            0 => "nothing attached".to_owned(),
            1 => "1 attachment".to_owned(),
            many => format!("{many} attachments"),
        };
        writeln!(
            err,
            "{} `{}` of {}: {count}",
            item.kind,
            plain(&item.subject),
            item.mailbox
        )?;
        for file in &item.attachments {
            writeln!(
                err,
                "  {}  {} bytes  SHA-256 {}",
                plain(&file.name),
                file.size,
                file.sha256
            )?;
        }
    }
    err.flush()
}

/// Text from outside, without what a terminal would act upon or hide: control characters, letters without
/// width, and those that turn the direction of writing.
pub(super) fn plain(text: &str) -> String {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c,
                '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
    };
    text.chars()
        .map(|c| if unseen(c) { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_every_item_and_what_it_holds() {
        let item = HeldItem {
            kind: "message",
            id: String::new(),
            immutable_id: String::new(),
            mailbox: "a@example.com".to_owned(),
            folder: "drafts",
            subject: "A\u{1b}[31mB".to_owned(),
            is_draft: true,
            attachments: vec![crate::HeldFile {
                id: String::new(),
                name: "flower.jpg".to_owned(),
                size: 3,
                sha256: "ab".to_owned(),
                content_type: None,
                is_inline: false,
                content_id: None,
                committed: true,
            }],
        };
        let mut err = Vec::new();
        report(&[item], &mut err).expect("a vector takes everything");
        assert_eq!(
            String::from_utf8(err).expect("UTF-8"),
            "message `A\u{fffd}[31mB` of a@example.com: 1 attachment\n  flower.jpg  3 bytes  \
             SHA-256 ab\n"
        );
    }
}
