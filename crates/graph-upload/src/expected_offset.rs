//! `nextExpectedRanges`: where the service wants the next byte from. Pure.
//!
//! The create answer says `["0-"]`, a PUT answer `["2097152"]`; other clouds and versions write
//! `"N-M"`, change the casing of the key, or leave the list out. All of it is read here.

use serde_json::Value;

/// What an answer says about the position in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedOffset {
    /// The service holds every byte before this one and no other.
    At(u64),
    /// The key is missing, null, or an empty list: the client's own count goes on.
    Missing,
    /// The key is there and makes no sense (negative, not a number, beyond 2^63).
    Invalid,
}

/// Reads `nextExpectedRanges` of `reply`, in any casing.
///
/// Of several ranges the lowest start counts: the upload is sequential, so nothing after the first
/// missing byte can be relied upon.
pub fn next_expected(reply: &Value) -> ExpectedOffset {
    let Some(value) = crate::json::field(reply, "nextExpectedRanges") else {
        return ExpectedOffset::Missing;
    };
    let entries = match value {
        Value::Null => return ExpectedOffset::Missing,
        Value::Array(entries) => entries.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut lowest = None;
    for entry in entries {
        let start = match entry {
            Value::String(text) => start_of(text),
            Value::Number(number) => number.as_u64(),
            _ => None,
        };
        match start.filter(|n| *n <= i64::MAX as u64) {
            None => return ExpectedOffset::Invalid,
            Some(start) => lowest = Some(lowest.map_or(start, |l: u64| l.min(start))),
        }
    }
    lowest.map_or(ExpectedOffset::Missing, ExpectedOffset::At)
}

/// The start of one range: `"N"`, `"N-"` or `"N-M"`.
fn start_of(text: &str) -> Option<u64> {
    let (start, end) = match text.trim().split_once('-') {
        Some((start, end)) => (start.trim(), end.trim()),
        None => (text.trim(), ""),
    };
    let number = |digits: &str| -> Option<u64> {
        // `parse` alone would take "+5".
        if digits.bytes().all(|b| b.is_ascii_digit()) {
            digits.parse().ok()
        } else {
            None
        }
    };
    let start = number(start)?;
    if end.is_empty() || number(end)? >= start {
        Some(start)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_documented_forms() {
        for (value, next) in [
            (json!({"nextExpectedRanges": ["0-"]}), ExpectedOffset::At(0)),
            (
                json!({"NextExpectedRanges": ["2097152"]}),
                ExpectedOffset::At(2_097_152),
            ),
            (
                json!({"nextexpectedranges": ["5-9"]}),
                ExpectedOffset::At(5),
            ),
            (json!({"nextExpectedRanges": "7-"}), ExpectedOffset::At(7)),
            (json!({"nextExpectedRanges": [8]}), ExpectedOffset::At(8)),
            (
                json!({"nextExpectedRanges": ["20-29", "3-4"]}),
                ExpectedOffset::At(3),
            ),
            (json!({"nextExpectedRanges": []}), ExpectedOffset::Missing),
            (json!({"nextExpectedRanges": null}), ExpectedOffset::Missing),
            (json!({}), ExpectedOffset::Missing),
            (
                json!({"nextExpectedRanges": ["-5"]}),
                ExpectedOffset::Invalid,
            ),
            (
                json!({"nextExpectedRanges": ["+5"]}),
                ExpectedOffset::Invalid,
            ),
            (
                json!({"nextExpectedRanges": ["abc"]}),
                ExpectedOffset::Invalid,
            ),
            (json!({"nextExpectedRanges": [""]}), ExpectedOffset::Invalid),
            (
                json!({"nextExpectedRanges": ["9-5"]}),
                ExpectedOffset::Invalid,
            ),
            (json!({"nextExpectedRanges": [-1]}), ExpectedOffset::Invalid),
            (
                json!({"nextExpectedRanges": [1.5]}),
                ExpectedOffset::Invalid,
            ),
            (
                json!({"nextExpectedRanges": ["99999999999999999999"]}),
                ExpectedOffset::Invalid,
            ),
            (
                json!({"nextExpectedRanges": {"a": 1}}),
                ExpectedOffset::Invalid,
            ),
        ] {
            assert_eq!(next_expected(&value), next, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_number_in_any_form(n in 0..=i64::MAX as u64, extra in 0u64..1000, form in 0..3) {
            let text = match form {
                0 => format!("{n}"),
                1 => format!("{n}-"),
                _ => format!("{n}-{}", n.saturating_add(extra)),
            };
            prop_assert_eq!(next_expected(&json!({"nextExpectedRanges": [text]})), ExpectedOffset::At(n));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            next_expected(&json!({"nextExpectedRanges": [text]}));
        }
    }
}
