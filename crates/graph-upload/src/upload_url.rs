//! The pre-authenticated URL of an upload session: a credential, used byte for byte as received.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    endpoint::{Distance, is_loopback},
    redact,
};

/// Longest URL that is taken; a token inside one has a few KiB, and no server reads more than this.
const LONGEST: usize = 32 * 1024;

/// An upload URL that may be connected to. Whoever has it can write to the session, so it has no
/// `Display`, and a `Debug` that hides it. It is serialised into the session's own file only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadUrl(String);

/// Why an `uploadUrl` is not used. The URL itself is never part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Relative, without a host, or no URL at all.
    #[error("it is not an absolute URL")]
    NotAbsolute,
    /// Another scheme than https, or http to another computer.
    #[error("it is not https")]
    NotHttps,
    /// An address of this computer or its network, from a service that is farther away: only somebody who
    /// wants this program to reach what he cannot names such a one.
    #[error("it leads to this computer or its private network, where the service is not")]
    TooNear,
    /// `https://user:password@host/…`: would become an `Authorization` header.
    #[error("it holds a user name or password")]
    UserInfo,
    /// Longer than any server reads.
    #[error("it is longer than 32 KiB")]
    TooLong,
    /// It would not reach the server as the bytes that were received.
    #[error("it holds characters that no URL has")]
    Characters,
}

impl UploadUrl {
    /// Whether it is of a stand-in on this computer: its sessions end with it.
    pub fn is_local(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| is_loopback(&url))
    }

    /// Takes an `uploadUrl` as the service at `endpoint` gave it, or says why it is not connected to. Plain
    /// http, and addresses nearer than the public network, are for a service that is as near itself.
    pub fn received(text: String, endpoint: &Url) -> Result<Self, Refused> {
        let taken = UploadUrl::new(text)?;
        let url = Url::parse(&taken.0).map_err(|_| Refused::NotAbsolute)?;
        if url.scheme() == "http" && !is_loopback(endpoint) {
            return Err(Refused::NotHttps);
        }
        if Distance::of(&url) < Distance::of(endpoint) {
            return Err(Refused::TooNear);
        }
        Ok(taken)
    }

    /// Takes an upload URL that was received before, or says why it is not connected to.
    pub fn new(text: String) -> Result<Self, Refused> {
        if text.len() > LONGEST {
            return Err(Refused::TooLong);
        }
        let url = Url::parse(&text).map_err(|_| Refused::NotAbsolute)?;
        let plain_is_fine = url.scheme() == "http" && is_loopback(&url);
        if url.scheme() != "https" && !plain_is_fine {
            return Err(Refused::NotHttps);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::UserInfo);
        }
        if !url.has_host() || url.fragment().is_some() {
            return Err(Refused::NotAbsolute);
        }
        // The parser mends what it can (blanks, quotes, dot segments); a mended URL is another URL.
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        if raw_target(&text) != target && !(raw_target(&text).is_empty() && target == "/") {
            return Err(Refused::Characters);
        }
        redact::register_url(&text);
        Ok(UploadUrl(text))
    }

    /// The URL itself, for the request line; nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The host, which is no secret.
    pub fn host(&self) -> String {
        Url::parse(&self.0)
            .ok()
            .and_then(|u| u.host_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// The path and query of a URL as they were written.
fn raw_target(text: &str) -> &str {
    let authority = text.find("://").map_or(0, |at| at + 3);
    text[authority..]
        .find(['/', '?', '\\'])
        .map_or("", |at| &text[authority + at..])
}

impl fmt::Debug for UploadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UploadUrl(…)")
    }
}

impl TryFrom<String> for UploadUrl {
    type Error = Refused;

    fn try_from(text: String) -> Result<Self, Refused> {
        UploadUrl::new(text)
    }
}

impl From<UploadUrl> for String {
    fn from(url: UploadUrl) -> String {
        url.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> Option<Refused> {
        UploadUrl::new(text.to_owned()).err()
    }

    #[test]
    fn the_forms_that_exchange_sends_are_taken_unchanged() {
        for text in [
            "https://outlook.office.com/api/v2.0/Users('a8e8@72aa')/Messages('AAMk=')/AttachmentSessions('AAMk=')?authtoken=eyJhbGci.Zm9v._-x",
            "https://outlook.office365.com/api/gv1.0/users('a@b')/messages('A-_=')/AttachmentSessions('B=')?authtoken=x",
            "http://127.0.0.1:8080/up(1)?a=b%2Fc",
            "http://[::1]:8080/x",
            "http://localhost/x",
            "https://example.com",
        ] {
            assert_eq!(
                UploadUrl::new(text.to_owned()).map(String::from).as_deref(),
                Ok(text)
            );
        }
    }

    #[test]
    fn hostile_ones_are_refused() {
        assert_eq!(refused(""), Some(Refused::NotAbsolute));
        assert_eq!(refused("/relative"), Some(Refused::NotAbsolute));
        assert_eq!(refused("https://"), Some(Refused::NotAbsolute));
        assert_eq!(refused("https://h/x#part"), Some(Refused::NotAbsolute));
        assert_eq!(refused("ftp://h/x"), Some(Refused::NotHttps));
        assert_eq!(refused("file:///etc/passwd"), Some(Refused::NotHttps));
        assert_eq!(refused("http://example.com/x"), Some(Refused::NotHttps));
        assert_eq!(
            refused("http://127.0.0.1.example.com/x"),
            Some(Refused::NotHttps)
        );
        assert_eq!(refused("https://u@h/x"), Some(Refused::UserInfo));
        assert_eq!(refused("https://u:p@h/x"), Some(Refused::UserInfo));
        assert_eq!(refused("https://h/a b"), Some(Refused::Characters));
        assert_eq!(refused("https://h/a/../b"), Some(Refused::Characters));
        assert_eq!(
            refused("https://h/x\r\nAuthorization: y"),
            Some(Refused::Characters)
        );
        assert_eq!(
            refused(&format!("https://h/{}", "a".repeat(33_000))),
            Some(Refused::TooLong)
        );
        assert_eq!(refused(&format!("https://h/{}", "a".repeat(10_240))), None);
    }

    #[test]
    fn a_service_names_no_place_that_is_nearer_than_itself() {
        let taken = |url: &str, endpoint: &str| {
            UploadUrl::received(url.to_owned(), &Url::parse(endpoint).unwrap()).map(drop)
        };
        const AFAR: &str = "https://graph.microsoft.com/v1.0";
        const NEAR: &str = "https://10.0.0.7/v1.0";
        const HERE: &str = "http://127.0.0.1:8080/v1.0";
        assert_eq!(taken("https://outlook.office.com/x", AFAR), Ok(()));
        assert_eq!(taken("http://127.0.0.1/x", AFAR), Err(Refused::NotHttps));
        for url in [
            "https://127.0.0.1/x",
            "https://localhost/x",
            "https://[::1]/x",
            "https://169.254.169.254/x",
            "https://192.168.1.1/x",
            "https://[fd00::1]/x",
            "https://0/x",
        ] {
            assert_eq!(taken(url, AFAR), Err(Refused::TooNear), "{url}");
            assert_eq!(taken(url, HERE), Ok(()), "{url}");
        }
        assert_eq!(taken("https://192.168.1.1/x", NEAR), Ok(()));
        assert_eq!(taken("https://127.0.0.1/x", NEAR), Err(Refused::TooNear));
        assert_eq!(taken("http://localhost:1/x", HERE), Ok(()));
        assert_eq!(taken("https://outlook.office.com/x", HERE), Ok(()));
    }

    #[test]
    fn it_does_not_print_itself() {
        let url = UploadUrl::new("https://h/secret".into()).unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_sent_as_received(text in "(https://h/)?.{0,60}") {
            if let Ok(url) = UploadUrl::new(text.clone()) {
                prop_assert_eq!(url.expose(), text.as_str());
                let parsed = Url::parse(&text).unwrap();
                let target = parsed.query().map_or(parsed.path().to_owned(), |q| format!("{}?{q}", parsed.path()));
                prop_assert!(text.ends_with(&target) || target == "/");
            }
        }
    }
}
