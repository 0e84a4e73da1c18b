//! Sorts what the HTTP library fails with, by the errors inside its errors. No URL comes out of here.

use std::error::Error as StdError;

use super::verifier::UnknownIssuer;
use crate::{Error, ErrorKind, redact};

/// Sorts an error of reqwest. The outer errors only say in which layer it was, and the outermost names the URL.
pub(super) fn from_reqwest(error: &reqwest::Error) -> Error {
    if let Some(why) = certificate(error) {
        return Error::local(ErrorKind::Certificate, why);
    }
    let text = innermost(error);
    if error.is_builder() {
        return Error::local(ErrorKind::Refused, text);
    }
    let gibberish = |error: &hyper::Error| error.is_parse();
    if find(error, &mut |inner| inner.downcast_ref().map(gibberish)) == Some(true) {
        return Error::contradiction(format!("the answer is not HTTP: {text}"));
    }
    if !error.is_connect() {
        return Error::local(ErrorKind::Lost, format!("the connection broke: {text}"));
    }
    let text = match error.is_timeout() {
        true => "it took too long".to_owned(),
        false => text,
    };
    Error::local(ErrorKind::Connect, text)
}

/// What went wrong in the end.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    let mut deepest: &dyn StdError = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let io = deepest.downcast_ref::<std::io::Error>();
    if io.is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof) {
        // TLS would explain it with an address of its manual.
        return "the server closed it too early".to_owned();
    }
    match deepest.downcast_ref::<reqwest::Error>() {
        // Its own text would name the URL.
        Some(_) => "the request failed".to_owned(),
        None => redact::clean(&deepest.to_string()).into_owned(),
    }
}

/// How a proxy's answer to CONNECT shows in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tunnel {
    /// 407.
    WantsPassword,
    /// Another answer than 200.
    Refused,
}

/// Whether the proxy answered, and would not connect. The library's type for it is private: its words are not.
pub(super) fn tunnel(error: &reqwest::Error) -> Option<Tunnel> {
    find(error, &mut |inner| {
        let text = inner.to_string();
        match text.strip_prefix("tunnel error: ")? {
            "proxy authorization required" => Some(Tunnel::WantsPassword),
            "unsuccessful" | "proxy response headers too long" => Some(Tunnel::Refused),
            _ => None,
        }
    })
}

/// Why the certificate was not accepted, if that is what ended the handshake: trying again would not help.
fn certificate(error: &reqwest::Error) -> Option<String> {
    find(error, &mut |inner| match inner.downcast_ref()? {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => {
            let named = other.0.downcast_ref::<UnknownIssuer>();
            Some(named.map_or_else(|| other.to_string(), UnknownIssuer::to_string))
        }
        error @ rustls::Error::InvalidCertificate(_) => Some(error.to_string()),
        _ => None,
    })
}

/// Looks through the sources of an error, wherever they sit: an I/O error is not among its own sources' sources,
/// because it hands out those of what it wraps.
fn find<T>(
    error: &(dyn StdError + 'static),
    look: &mut impl FnMut(&(dyn StdError + 'static)) -> Option<T>,
) -> Option<T> {
    if let Some(found) = look(error) {
        return Some(found);
    }
    let wrapped = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    if let Some(found) = wrapped.and_then(|inner| find(inner, look)) {
        return Some(found);
    }
    find(error.source()?, look)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_is_found_wherever_it_sits() {
        let issuer = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let is = |error: &(dyn StdError + 'static)| {
            find(error, &mut |inner| {
                inner.downcast_ref::<rustls::Error>().cloned()
            })
            .is_some()
        };
        assert!(is(&issuer()));
        assert!(is(&io::Error::other(issuer())));
        assert!(is(&io::Error::other(io::Error::other(issuer()))));
        assert!(!is(&io::Error::other("text")));
    }
}
