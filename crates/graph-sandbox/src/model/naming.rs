//! What becomes of an attachment's name. Pure. Assumed throughout: no report says that names change, and a
//! client must not break when they do.

use unicode_normalization::UnicodeNormalization;

use crate::options::Renaming;

/// Characters that no file name of Windows holds, and two that URLs give a meaning.
const REPLACED: &str = "\\/:*?\"<>|#%";

/// The name that is kept for `name`.
pub(crate) fn rename(how: Renaming, name: &str) -> String {
    match how {
        Renaming::None => name.to_owned(),
        Renaming::Nfc => name.nfc().collect(),
        Renaming::Nfd => name.nfd().collect(),
        Renaming::Trim => name
            .trim_matches(|c: char| c.is_whitespace() || c == '.')
            .to_owned(),
        Renaming::Replace => name
            .chars()
            .map(|c| {
                if c.is_control() || REPLACED.contains(c) {
                    '_'
                } else {
                    c
                }
            })
            .collect(),
        Renaming::Lower => name.to_lowercase(),
        Renaming::Upper => name.to_uppercase(),
        Renaming::Suffix => match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => format!("{stem}(1).{extension}"),
            _ => format!("{name}(1)"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_renaming() {
        for (how, name, kept) in [
            (Renaming::None, " A#.pdf ", " A#.pdf "),
            (
                Renaming::Nfc,
                "re\u{301}sume\u{301}.pdf",
                "r\u{e9}sum\u{e9}.pdf",
            ),
            (
                Renaming::Nfd,
                "r\u{e9}sum\u{e9}.pdf",
                "re\u{301}sume\u{301}.pdf",
            ),
            (Renaming::Trim, " .a b.pdf. ", "a b.pdf"),
            (Renaming::Replace, "a#b:c%\u{7}.pdf", "a_b_c__.pdf"),
            (Renaming::Lower, "Report.PDF", "report.pdf"),
            (Renaming::Upper, "Report.pdf", "REPORT.PDF"),
            (Renaming::Suffix, "a.b.pdf", "a.b(1).pdf"),
            (Renaming::Suffix, "README", "README(1)"),
            (Renaming::Suffix, ".bashrc", ".bashrc(1)"),
        ] {
            assert_eq!(rename(how, name), kept, "{how:?}");
        }
    }
}
