//! Which bytes go in which request: routes, limits and ranges. Pure.

pub use crate::route::{Route, SESSION_FROM};

/// Over this size a file is refused before anything is sent. The same page says "150 MB" without
/// saying which megabyte, so the larger reading (150 MiB) is the local limit, and what lies between
/// is for the service to decide.
pub const LARGEST: u64 = 157_286_400;

/// Largest file that one POST can carry: the service takes bodies of 4 MiB, and base64 makes 4 bytes
/// of 3. The rest of the 4 MiB is left to the name and the other fields.
pub const LARGEST_POST: u64 = 3_140_000;

/// Default for `--chunk-size`: 12 × 320 KiB, which is under 4 MB however "4 MB" is read and keeps
/// the 320 KiB granularity that the neighbouring OneDrive asks for.
pub const CHUNK: u64 = 3_932_160;

/// Largest `--chunk-size`: 4 MiB. Source: the same page ("up to 4 MB each time").
pub const LARGEST_CHUNK: u64 = 4 * 1024 * 1024;

/// What a message may weigh by default, in bytes, attachments included (Exchange Online's 35 MB).
pub const DEFAULT_MESSAGE_LIMIT: u64 = 35_000_000;

/// A range of bytes of the file: `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl Range {
    /// The next range of a file of `size` bytes of which the service holds `offset`.
    ///
    /// At least one byte long as long as `offset < size`.
    pub fn next(offset: u64, size: u64, chunk: u64) -> Self {
        Range {
            start: offset,
            end: size.min(offset.saturating_add(chunk.max(1))),
        }
    }

    /// Its length in bytes.
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether it is empty, which no range that is sent may be.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn routes_change_at_three_megabytes() {
        assert_eq!(Route::for_size(0), Route::Post);
        assert_eq!(Route::for_size(2_999_999), Route::Post);
        assert_eq!(Route::for_size(3_000_000), Route::Session);
    }

    #[test]
    fn the_largest_post_fits_in_four_mebibytes() {
        let attachment = crate::Attachment {
            name: "\u{1}".repeat(255),
            content_type: "application/octet-stream".into(),
            is_inline: true,
            content_id: Some("\u{1}".repeat(255)),
        };
        let content = vec![0; LARGEST_POST as usize];
        let body = crate::client::wire::file_attachment_body(&attachment, &content);
        assert!(body.len() <= 4 * 1024 * 1024, "{}", body.len());
    }

    proptest! {
        #[test]
        fn ranges_cover_a_file_exactly(size in 1u64..1_000_000_000, chunk in 65_536u64..=LARGEST_CHUNK) {
            let mut offset = 0;
            while offset < size {
                let range = Range::next(offset, size, chunk);
                prop_assert_eq!(range.start, offset);
                prop_assert!(!range.is_empty() && range.len() <= chunk && range.end <= size);
                offset = range.end;
            }
            prop_assert_eq!(offset, size);
        }
    }
}
