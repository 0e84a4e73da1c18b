//! Whether an attachment can be the file: by its name and size before it is read back, and by its content
//! after. Pure.
//!
//! Names come back in another Unicode form or case, trimmed, or with characters replaced; sizes count the
//! service's own overhead (4.5 %, and 237 bytes for 816, were seen), and may be rounded or missing. Content
//! that comes back may be somebody's page instead, or not be whole yet.

use std::cmp::Reverse;

use unicode_normalization::UnicodeNormalization;

use crate::{Digest, Page, client::AttachmentInfo};

/// How far a size may be rounded down.
const ROUNDED: u64 = 1_024;

/// What the service's overhead is at most when a size is to tell whether an attachment is worth a download:
/// a half, and 64 KiB.
const OVERHEAD: u64 = 65_536;

/// What it is at most when the size is to confirm that content came whole: a half, and 4 KiB.
const TIGHT_OVERHEAD: u64 = 4_096;

/// Characters that stand for one that could not be kept.
const REPLACEMENTS: [char; 5] = ['_', '?', '-', ' ', '\u{fffd}'];

/// Whether `listed` is what the service made of the name `ours`.
pub(super) fn is_same_name(listed: &str, ours: &str) -> bool {
    if listed == ours {
        return true;
    }
    let listed: Vec<char> = listed.trim().to_lowercase().nfc().collect();
    let alike = |ours: Vec<char>| {
        ours.len() == listed.len()
            && ours
                .iter()
                .zip(&listed)
                .all(|(ours, listed)| ours == listed || REPLACEMENTS.contains(listed))
    };
    let ours = ours.trim().to_lowercase();
    // Replacing may have come before composing.
    alike(ours.nfc().collect()) || alike(ours.nfd().collect())
}

/// Whether a file of `size` bytes may be listed with the size `reported`.
pub(super) fn is_plausible(reported: Option<u64>, size: u64) -> bool {
    fits(reported, size, OVERHEAD)
}

fn fits(reported: Option<u64>, size: u64, overhead: u64) -> bool {
    // No size, or none of use.
    let Some(reported) = reported.filter(|reported| *reported > 0) else {
        return true;
    };
    reported.saturating_add(ROUNDED) >= size && reported <= size / 2 * 3 + overhead
}

/// Sorts the most likely first.
pub(super) fn by_likeness(
    listed: &AttachmentInfo,
    name: &str,
    size: u64,
) -> (Reverse<bool>, Reverse<bool>, u64) {
    let distance = listed.size.unwrap_or_default().abs_diff(size);
    let is_exact = listed.name == name;
    (
        Reverse(is_exact),
        Reverse(is_same_name(&listed.name, name)),
        distance,
    )
}

/// What came when an attachment was read back.
#[derive(Debug, Clone)]
pub(super) struct ReadBack {
    /// How many bytes: those of the file and one more at most.
    pub length: u64,
    pub digest: Digest,
    /// How it begins.
    pub head: Vec<u8>,
    /// Whether it is how the file begins, and shorter.
    pub is_beginning: bool,
}

/// What a read-back shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the file.
    Ours,
    /// It is another file.
    Other,
    /// What came cannot be what was attached, so it tells nothing.
    Unclear,
}

/// Judges what came against a file of `size` bytes with this digest, which begins with `head`; `reported` is
/// the attachment's size as listed.
pub(super) fn judge(
    read: &ReadBack,
    size: u64,
    digest: Digest,
    head: &[u8],
    reported: Option<u64>,
) -> Verdict {
    if read.length == size {
        return match read.digest == digest {
            true => Verdict::Ours,
            false => Verdict::Other,
        };
    }
    let is_page = Page::is_markup(&read.head) && !Page::is_markup(head);
    // Longer content is not read to its end, so that its length says nothing more.
    let is_part = read.length < size && !fits(reported, read.length, TIGHT_OVERHEAD);
    match is_page || read.is_beginning || is_part {
        true => Verdict::Unclear,
        false => Verdict::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_changed() {
        for (listed, ours) in [
            ("report.bin", "Report.BIN"),
            ("a b.bin", " a b.bin "),
            ("re\u{301}sume\u{301}.bin", "r\u{e9}sum\u{e9}.bin"),
            ("r\u{e9}sum\u{e9}.bin", "re\u{301}sume\u{301}.bin"),
            ("a_b_.bin", "a b#.bin"),
            ("re_sume_.bin", "re\u{301}sume\u{301}.bin"),
            ("r_sum_.bin", "re\u{301}sume\u{301}.bin"),
        ] {
            assert!(is_same_name(listed, ours), "{listed} {ours}");
        }
        for (listed, ours) in [("a.bin", "b.bin"), ("a.bin", "a.bin2"), ("a#b", "a_b")] {
            assert!(!is_same_name(listed, ours), "{listed} {ours}");
        }
    }

    #[test]
    fn sizes_are_as_good_as_nothing() {
        for reported in [
            None,
            Some(0),
            Some(50_000),
            Some(49_999),
            Some(48 * 1_024),
            Some(52_487),
        ] {
            assert!(is_plausible(reported, 50_000), "{reported:?}");
        }
        assert!(!is_plausible(Some(20_000), 50_000));
        assert!(!is_plausible(Some(500_000), 50_000));
        assert!(is_plausible(Some(3_640_066), 3_483_322));
    }

    #[test]
    fn only_what_can_be_the_file_is_judged() {
        let ours = vec![7_u8; 50_000];
        let read = |content: &[u8]| ReadBack {
            length: content.len() as u64,
            digest: Digest::of(content),
            head: content[..content.len().min(64)].to_vec(),
            is_beginning: content.len() < ours.len() && ours.starts_with(content),
        };
        let size = ours.len() as u64;
        let judge = |content: &[u8], reported| {
            judge(&read(content), size, Digest::of(&ours), &ours, reported)
        };
        let reported = Some(52_487);
        assert_eq!(judge(&ours, reported), Verdict::Ours);
        assert_eq!(judge(&[8; 50_000], reported), Verdict::Other);
        assert_eq!(judge(b"", reported), Verdict::Unclear);
        assert_eq!(judge(&ours[..25_000], reported), Verdict::Unclear);
        assert_eq!(judge(b"<html>proxy</html>", reported), Verdict::Unclear);
        assert_eq!(judge(b"<html>proxy</html>", Some(0)), Verdict::Unclear);
        assert_eq!(judge(b"blocked by policy", reported), Verdict::Unclear);
        // Somebody else's file of one byte, and one that is a little longer.
        assert_eq!(judge(b"x", Some(238)), Verdict::Other);
        assert_eq!(judge(&[8; 50_001], Some(52_488)), Verdict::Other);
    }
}
