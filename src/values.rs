//! Parsers of option values. Pure: text in, value or one clear sentence out.

use crate::{links, pasted, upload::plan::LARGEST_CHUNK};

/// Longest attachment name, in characters. Source: Outlook on the web refuses longer ones.
const LONGEST_NAME: usize = 255;

/// Smallest `--chunk-size`: anything less is all overhead.
const SMALLEST_CHUNK: u64 = 1_024;

/// The name of an attachment.
pub fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("the name is empty".to_owned());
    }
    if text == "." || text == ".." {
        return Err("that is a directory, not a name".to_owned());
    }
    if text.contains(['/', '\\']) {
        return Err("a name holds no `/` and no `\\`".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("a name holds no control characters".to_owned());
    }
    if text.chars().count() > LONGEST_NAME {
        return Err(format!("a name has at most {LONGEST_NAME} characters"));
    }
    Ok(text.to_owned())
}

/// An id of the service: opaque, but one path segment. A link to the item is as good.
pub fn item_id(text: &str) -> Result<String, String> {
    // Out of an `--env-file` of docker's, quotes come along; out of a web page, letters that do not show.
    let text = &*pasted::visible(pasted::unquoted(text));
    let id = match links::id_in(text)? {
        Some(id) => id,
        // No id has a per cent sign: it is one that was encoded for a URL, perhaps twice.
        None if text.contains('%') => links::decoded(text),
        None => text.to_owned(),
    };
    let id = id.trim();
    if id.is_empty() {
        return Err("the id is empty".to_owned());
    }
    if id.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("an id holds no blanks and no control characters".to_owned());
    }
    if id.bytes().all(|b| b == b'.') {
        return Err("that is not an id".to_owned());
    }
    Ok(id.to_owned())
}

/// A MIME type.
pub fn content_type(text: &str) -> Result<String, String> {
    let token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    let valid = essence
        .split_once('/')
        .is_some_and(|(kind, sub)| token(kind) && token(sub));
    if !valid || !text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return Err("a type looks like `application/pdf`".to_owned());
    }
    Ok(text.to_owned())
}

/// The id by which an HTML body refers to an inline attachment.
pub fn content_id(text: &str) -> Result<String, String> {
    // As it stands in HTML (`cid:logo`) and in a header (`<logo>`).
    let text = pasted::after(text, "cid:").unwrap_or(text);
    let id = text
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .unwrap_or(text);
    if id.is_empty() || id.len() > LONGEST_NAME {
        return Err(format!("a content id has 1 to {LONGEST_NAME} characters"));
    }
    if id
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || "<>\"".contains(c))
    {
        return Err("a content id holds no blanks, quotes or angle brackets".to_owned());
    }
    Ok(id.to_owned())
}

/// The content id of an attachment of that name: the name itself, or what is most like it and can be
/// referred to.
pub fn content_id_of(name: &str) -> String {
    let id: String = name
        .chars()
        .map(|c| match c {
            c if c.is_control() || c.is_whitespace() || "<>\"'%".contains(c) => '-',
            c => c,
        })
        .collect();
    let mut end = id.len().min(LONGEST_NAME);
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    id[..end].to_owned()
}

/// `--chunk-size`.
pub fn chunk_size(text: &str) -> Result<u64, String> {
    let size = size(text)?;
    if !(SMALLEST_CHUNK..=LARGEST_CHUNK).contains(&size) {
        return Err(format!(
            "a range has {SMALLEST_CHUNK} to {LARGEST_CHUNK} bytes (4MiB), not {size}"
        ));
    }
    Ok(size)
}

/// A number of bytes: `3932160`, `3840KiB`, `4MB`, `4M` (as MiB).
pub fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "k" | "kib" => 1_024,
        "mb" => 1_000_000,
        "m" | "mib" => 1_048_576,
        _ => return Err(format!("`{unit}` is not a unit: use B, KB, KiB, MB or MiB")),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "a size looks like 3000000 or 4MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("3932160"), Ok(3_932_160));
        assert_eq!(size("3840KiB"), Ok(3_932_160));
        assert_eq!(size("4 MB"), Ok(4_000_000));
        assert_eq!(size("4m"), Ok(4_194_304));
        assert_eq!(chunk_size("4MiB"), Ok(4_194_304));
        for wrong in [
            "",
            "KiB",
            "-1",
            "1.5M",
            "4GB",
            "99999999999999999999",
            "18446744073709551615k",
        ] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        for wrong in ["0", "1023", "4194305", "5MiB"] {
            assert!(chunk_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names() {
        assert!(name("Bericht für März.pdf").is_ok());
        assert!(name(&"ä".repeat(255)).is_ok());
        for wrong in [
            "",
            " ",
            "a/b",
            "a\\b",
            "a\nb",
            "\u{7f}",
            "..",
            &"a".repeat(256),
        ] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn ids_and_types() {
        assert_eq!(item_id(" AAMk-_= \n"), Ok("AAMk-_=".to_owned()));
        for wrong in ["", " ", "a b", "a\nb", ".", ".."] {
            assert!(item_id(wrong).is_err(), "{wrong:?}");
        }
        assert!(content_type("text/plain; charset=utf-8").is_ok());
        for wrong in ["", "pdf", "a/", "a/b\r\nX: y", "/b", "a b/c"] {
            assert!(content_type(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(content_id("<logo>"), Ok("logo".to_owned()));
        assert_eq!(content_id("cid:logo"), Ok("logo".to_owned()));
        assert_eq!(content_id("CID:<logo>"), Ok("logo".to_owned()));
        assert!(content_id("a b").is_err());
        assert_eq!(content_id_of("logo.png"), "logo.png");
        assert_eq!(content_id_of("our \"logo\" 2.png"), "our--logo--2.png");
        for name in ["a b", "<x>", "50%", "it's", &"ä".repeat(255)] {
            assert!(content_id(&content_id_of(name)).is_ok(), "{name}");
        }
    }

    #[test]
    fn ids_as_people_paste_them() {
        for text in [
            "AAMkAD-x_y=",
            "AAMkAD-x_y%3D",
            "AAMkAD-x_y%253D",
            "\"AAMkAD-x_y=\"",
            "'AAMkAD-x_y%3D'\r\n",
            "\u{feff}AAMkAD-x\u{200b}_y=",
            "https://outlook.office.com/mail/id/AAMkAD-x_y%253D",
        ] {
            let id = "AAMkAD-x_y=".to_owned();
            let text = text.replace("AAMkAD-x", "AAMkAD-xxxxxxxxxxxxxxxxxxx");
            let id = id.replace("AAMkAD-x", "AAMkAD-xxxxxxxxxxxxxxxxxxx");
            assert_eq!(item_id(&text), Ok(id), "{text}");
        }
        assert_eq!(
            item_id("%3CA%40b.example%3E"),
            Ok("<A@b.example>".to_owned())
        );
        assert!(links::is_internet_message_id("<A@b.example>"));
        for wrong in ["%2e%2e", "'..'", "a%0ab"] {
            assert!(item_id(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in ".*") {
            let _ = (size(&text), chunk_size(&text), name(&text), item_id(&text));
            let _ = (content_type(&text), content_id(&text));
        }
    }
}
