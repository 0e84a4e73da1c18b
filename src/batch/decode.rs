//! Bytes of a manifest or a letter to text: UTF-8 or UTF-16, with or without a byte-order mark. Pure.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes that are looked at to tell UTF-16 without a mark: a header line is longer than this.
const SAMPLE: usize = 512;

/// Why bytes are not text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// The first line whose bytes are not valid.
    #[error("line {line} is not valid {encoding}; save the file as UTF-8")]
    Invalid {
        /// Counted from 1.
        line: usize,
        /// `UTF-8`, `UTF-16LE` or `UTF-16BE`.
        encoding: &'static str,
    },
}

/// The text in `bytes`, without a byte-order mark.
pub fn text(bytes: Vec<u8>) -> Result<String, NotText> {
    let (encoding, mark) = Encoding::for_bom(&bytes).unwrap_or_else(|| (guess(&bytes), 0));
    if encoding == UTF_8 && mark == 0 {
        return String::from_utf8(bytes).map_err(|error| NotText::Invalid {
            line: lines(&error.as_bytes()[..error.utf8_error().valid_up_to()]),
            encoding: UTF_8.name(),
        });
    }
    let content = &bytes[mark..];
    match encoding.decode_without_bom_handling_and_without_replacement(content) {
        Some(text) => Ok(text.into_owned()),
        None => Err(NotText::Invalid {
            line: first_bad_line(encoding, content),
            encoding: encoding.name(),
        }),
    }
}

/// Text in UTF-16 has a zero in every other byte wherever it is ASCII, which a header mostly is; UTF-8
/// has none at all.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let sample = &bytes[..bytes.len().min(SAMPLE) & !1];
    let zeros = |offset: usize| {
        let half = sample.iter().skip(offset).step_by(2);
        half.filter(|byte| **byte == 0).count()
    };
    let (first, second) = (zeros(0), zeros(1));
    match sample.len() / 4 {
        0 => UTF_8,
        least if second > least && first == 0 => UTF_16LE,
        least if first > least && second == 0 => UTF_16BE,
        _ => UTF_8,
    }
}

/// The line, counted from 1, that comes after `valid`.
fn lines(valid: &[u8]) -> usize {
    valid.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Where decoding first goes wrong: what cannot be decoded becomes U+FFFD.
fn first_bad_line(encoding: &'static Encoding, content: &[u8]) -> usize {
    let (text, _) = encoding.decode_without_bom_handling(content);
    let valid = text.split('\u{fffd}').next().unwrap_or_default();
    lines(valid.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utf16(text: &str, big: bool, mark: bool) -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter();
        units
            .chain(text.encode_utf16())
            .flat_map(|unit| match big {
                true => unit.to_be_bytes(),
                false => unit.to_le_bytes(),
            })
            .collect()
    }

    #[test]
    fn every_form_of_a_table_is_read() {
        let table = "to,subject\r\nann@contoso.com,Grüße 用户\r\n";
        let mut marked = vec![0xef, 0xbb, 0xbf];
        marked.extend(table.as_bytes());
        for bytes in [
            table.as_bytes().to_vec(),
            marked,
            utf16(table, false, true),
            utf16(table, true, true),
            utf16(table, false, false),
            utf16(table, true, false),
        ] {
            assert_eq!(text(bytes).as_deref(), Ok(table));
        }
        assert_eq!(text(vec![]).as_deref(), Ok(""));
    }

    #[test]
    fn what_is_not_text_names_its_line() {
        let error = text(b"to\nann@a.com\nm\xfcller@a.com\n".to_vec()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 3 is not valid UTF-8; save the file as UTF-8"
        );
        let mut cut = utf16("to\nann@a.com\n", false, true);
        cut.extend([0x00, 0xd8]);
        let error = text(cut).unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_without_a_panic(bytes in any::<Vec<u8>>()) {
            let _ = text(bytes);
        }

        #[test]
        fn any_text_comes_back(content in "[^\u{0}\u{feff}\u{fffd}]{0,200}") {
            prop_assert_eq!(text(content.clone().into_bytes()), Ok(content.clone()));
            prop_assert_eq!(text(utf16(&content, true, true)), Ok(content));
        }
    }
}
