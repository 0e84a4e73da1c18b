//! The one place that makes bearer tokens and client secrets of text, as people paste it and programs write
//! it. Both are types that do not print themselves, and both are known to `redact` from here on.

use graph_upload::redact;
use secrecy::{ExposeSecret, SecretString};

use super::Token;
use crate::pasted::{self, after, unquoted, visible};

/// What PowerShell prints of a token that it keeps to itself.
const SECURE_STRING: &str = "System.Security.SecureString";

/// Why a text cannot be what it should be. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Nothing but white space.
    #[error("the {0} is empty")]
    Empty(&'static str),
    /// A header or a form cannot carry it: line breaks, blanks, or bytes outside printable ASCII.
    #[error("the {0} holds a blank, a line break or another character that no {0} has")]
    Character(&'static str),
    /// The name of a type instead of a value.
    #[error(
        "it is `System.Security.SecureString`, the type that PowerShell prints instead of the {0}"
    )]
    SecureString(&'static str),
    /// A header for another way to sign in.
    #[error("it is an `Authorization` header without a bearer token")]
    NotBearer,
}

impl Malformed {
    /// What to do about it.
    pub(super) fn hint(self) -> Option<&'static str> {
        matches!(self, Malformed::SecureString(_)).then_some(
            "in PowerShell 7: `(Get-AzAccessToken -ResourceTypeName MSGraph -AsSecureString).Token | \
             ConvertFrom-SecureString -AsPlainText`",
        )
    }
}

/// Takes a token as somebody pasted it or a program wrote it: in quotes, behind `Bearer` or
/// `Authorization: Bearer`, with blanks and invisible characters.
///
/// # Errors
/// When it is no token, or could be more than one thing.
pub fn bearer(text: &str) -> Result<Token, Malformed> {
    let text = unquoted(text);
    let header = after(text, "authorization:").map(unquoted);
    let scheme = header.unwrap_or(text);
    let bearer = match after(scheme, "bearer") {
        Some("") => return Err(Malformed::Empty("token")),
        Some(rest) if rest.starts_with(char::is_whitespace) => Some(unquoted(rest)),
        _ => None,
    };
    let word = match (header, bearer) {
        (_, Some(token)) => value(token, "token"),
        (Some(_), None) => Err(Malformed::NotBearer),
        (None, None) if after(text, "basic ").is_some() => Err(Malformed::NotBearer),
        (None, None) => value(text, "token"),
    }?;
    Token::new(word.expose_secret()).map_err(|_| Malformed::Character("token"))
}

/// Reads a client secret, or a token that is not for Graph, from bytes as a file or a variable has them.
#[cfg_attr(
    not(feature = "azure"),
    allow(dead_code, reason = "only the sources of Azure have such secrets")
)]
pub(super) fn secret(
    bytes: &[u8],
    what: &'static str,
) -> Result<SecretString, super::CredentialError> {
    let text = pasted::text(bytes)?;
    Ok(value(unquoted(&text), what)?)
}

/// One word of printable ASCII, whatever invisible characters stand in it.
fn value(text: &str, what: &'static str) -> Result<SecretString, Malformed> {
    let text = visible(text);
    if text.is_empty() {
        return Err(Malformed::Empty(what));
    }
    if text.eq_ignore_ascii_case(SECURE_STRING) {
        return Err(Malformed::SecureString(what));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Malformed::Character(what));
    }
    redact::register(&text);
    Ok(text.into_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_people_paste_them() {
        for pasted in [
            "abc.def",
            " abc.def\r\n",
            "\u{feff}abc.def",
            "\"abc.def\"",
            "'abc.def'",
            "`abc.def`",
            "\u{201c}abc.def\u{201d}",
            "abc\u{200b}.def\u{200d}",
            "Bearer abc.def",
            "bearer  abc.def ",
            "'Bearer abc.def'",
            "Authorization: Bearer abc.def",
            "authorization:bearer 'abc.def'\r\n",
            "\"Authorization: Bearer abc.def\"",
            "Authorization: \"Bearer abc.def\"",
        ] {
            assert_eq!(bearer(pasted).unwrap().expose(), "abc.def", "{pasted}");
        }
    }

    #[test]
    fn what_is_doubtful_is_refused_with_its_reason() {
        for (text, why) in [
            ("", Malformed::Empty("token")),
            ("Bearer", Malformed::Empty("token")),
            ("Bearer  ", Malformed::Empty("token")),
            ("\u{200b}\u{feff}", Malformed::Empty("token")),
            ("abc def", Malformed::Character("token")),
            ("abc\ndef", Malformed::Character("token")),
            ("Bearer abc\nBearer def", Malformed::Character("token")),
            ("t\u{f6}ken", Malformed::Character("token")),
            ("Basic dXNlcjpw", Malformed::NotBearer),
            ("Authorization: Basic dXNlcjpw", Malformed::NotBearer),
            ("Authorization: abc", Malformed::NotBearer),
            (SECURE_STRING, Malformed::SecureString("token")),
            (
                "Bearer System.Security.SecureString",
                Malformed::SecureString("token"),
            ),
        ] {
            assert_eq!(bearer(text), Err(why), "{text}");
        }
        // A token may begin like the name of a scheme.
        assert_eq!(bearer("Bearerabc").unwrap().expose(), "Bearerabc");
    }

    #[test]
    fn client_secrets_are_read_the_same_way() {
        for bytes in [
            &b"a~b.c\r\n"[..],
            b"\xef\xbb\xbfa~b.c",
            b"'a~b.c'\n",
            b"\xff\xfea\0~\0b\0.\0c\0\r\0\n\0",
        ] {
            let read = secret(bytes, "client secret").unwrap();
            assert_eq!(read.expose_secret(), "a~b.c");
        }
        let refused = |bytes| secret(bytes, "client secret").unwrap_err().to_string();
        assert_eq!(refused(b" \n"), "the client secret is empty");
        assert!(refused(b"a b").contains("no client secret has"));
        assert!(refused(b"\xff\xff").contains("not text"));
    }
}
