//! `Content-Range` of an upload, and what the session says to it.
//!
//! Pure. Follows the documented order: ranges come in sequence, and only the one that begins where
//! the session stands is taken. What the service says to any other is assumed.

use crate::{
    failure::Failure,
    options::{Ranges, WrongRange},
};

/// `bytes START-END/TOTAL`, with both ends included as in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) total: u64,
}

impl Range {
    /// Reads the value of a `Content-Range` header.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = text
            .trim()
            .strip_prefix("bytes")?
            .strip_prefix([' ', '='])?;
        let (ends, total) = rest.split_once('/')?;
        let (start, end) = ends.split_once('-')?;
        let number = |text: &str| {
            let text = text.trim();
            text.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| text.parse().ok())
                .flatten()
        };
        let range = Range {
            start: number(start)?,
            end: number(end)?,
            total: number(total)?,
        };
        (range.start <= range.end && range.end < range.total).then_some(range)
    }

    pub(crate) fn len(&self) -> u64 {
        self.end - self.start + 1
    }

    pub(crate) fn is_last(&self) -> bool {
        self.end + 1 == self.total
    }
}

/// Checks a range against a session of `size` bytes that holds the first `received` of them.
pub(crate) fn check(
    range: Range,
    body: u64,
    size: u64,
    received: u64,
    wrong: WrongRange,
) -> Result<(), Failure> {
    if range.total != size {
        return Err(Failure::invalid(format!(
            "The upload session is for {size} bytes, but the range is of {}.",
            range.total
        )));
    }
    if range.len() != body {
        return Err(Failure::invalid(format!(
            "The range has {} bytes, but the body has {body}.",
            range.len()
        )));
    }
    if range.start != received {
        let status = match wrong {
            WrongRange::NotSatisfiable => 416,
            WrongRange::BadRequest => 400,
            WrongRange::Conflict => 409,
        };
        return Err(Failure::range_mismatch(status, received));
    }
    Ok(())
}

/// `nextExpectedRanges` for a session that stands at `next`; `None` leaves the key out.
pub(crate) fn expected(form: Ranges, next: u64, size: u64) -> Option<Vec<String>> {
    match form {
        Ranges::Start => Some(vec![next.to_string()]),
        Ranges::Open => Some(vec![format!("{next}-")]),
        Ranges::Closed => Some(vec![format!("{next}-{}", size.saturating_sub(1))]),
        Ranges::Empty => Some(Vec::new()),
        Ranges::Missing => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_documented_form_and_nothing_absurd() {
        assert_eq!(
            Range::parse("bytes 0-2097151/3483322"),
            Some(Range {
                start: 0,
                end: 2_097_151,
                total: 3_483_322
            })
        );
        for text in [
            "",
            "bytes",
            "bytes 0-1",
            "bytes */10",
            "bytes 0-/10",
            "bytes 5-4/10",
            "bytes 0-10/10",
            "bytes 0-9/*",
            "octets 0-9/10",
            "bytes +0-9/10",
            "bytes 0-9/99999999999999999999999",
        ] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_range_reads_back(start in 0u64..1 << 40, len in 1u64..1 << 40, rest in 0u64..1 << 40) {
            let range = Range { start, end: start + len - 1, total: start + len + rest };
            let text = format!("bytes {}-{}/{}", range.start, range.end, range.total);
            prop_assert_eq!(Range::parse(&text), Some(range));
            prop_assert_eq!(range.len(), len);
            prop_assert_eq!(range.is_last(), rest == 0);
        }

        #[test]
        fn only_the_next_range_with_the_right_length_is_taken(
            start in 0u64..100, len in 1u64..100, rest in 0u64..100,
            total_off in 0u64..2, start_off in 0u64..2, body_off in 0u64..2,
        ) {
            let range = Range { start, end: start + len - 1, total: start + len + rest };
            let (size, received) = (range.total + total_off, start + start_off);
            let verdict = check(range, len + body_off, size, received, WrongRange::NotSatisfiable);
            prop_assert_eq!(verdict.is_ok(), total_off + start_off + body_off == 0);
            if total_off + body_off == 0 && start_off == 1 {
                prop_assert_eq!(verdict.map_err(|failure| failure.status), Err(416));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = Range::parse(&text);
        }
    }
}
