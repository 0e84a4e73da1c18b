//! What every HTTP client here has in common, whoever it speaks to.
//!
//! No redirects, no `Referer`, no cookies, no retries of the library's own; TLS 1.2 or later with the
//! platform's roots and those of a CA file; https only, but for this computer and its platform, to which
//! no proxy leads.

use std::path::{Path, PathBuf};

use reqwest::{Certificate, Client, ClientBuilder};

/// A CA file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the CA file `{}`: {why}", path.display())]
pub struct CaFile {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

/// Certificates to trust besides the platform's.
#[derive(Clone, Debug, Default)]
pub struct Roots(Vec<Certificate>);

impl Roots {
    /// Reads a CA file, if there is one: now, so that a wrong one is told at once.
    pub fn read(path: Option<&Path>) -> Result<Self, CaFile> {
        let Some(path) = path else {
            return Ok(Roots::default());
        };
        let wrong = |why: String| CaFile {
            path: path.to_owned(),
            why,
        };
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        // The library's own words would quote the file.
        let roots =
            Certificate::from_pem_bundle(&pem).map_err(|_| wrong("it is not PEM".to_owned()))?;
        if roots.is_empty() {
            return Err(wrong("it holds no certificate".to_owned()));
        }
        Ok(Roots(roots))
    }
}

/// A client for hosts elsewhere, or for `near` ones: this computer and what is linked to it. `options` are the
/// caller's own.
///
/// Near hosts are spoken to although this computer has no certificates, as in a container with nothing in it:
/// plain http needs none, and https is then refused when the host shows its own.
pub fn client(
    near: bool,
    roots: &Roots,
    options: impl Fn(ClientBuilder) -> ClientBuilder,
) -> Result<Client, reqwest::Error> {
    let result = options(builder(near, roots)).build();
    match result {
        Err(_) if near => options(builder(near, roots).tls_certs_only(roots.0.clone())).build(),
        result => result,
    }
}

fn builder(near: bool, roots: &Roots) -> ClientBuilder {
    let mut builder = Client::builder()
        .user_agent(concat!("graph-attach/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .http1_only()
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .https_only(!near);
    if !roots.0.is_empty() {
        builder = builder.tls_certs_merge(roots.0.iter().cloned());
    }
    if near {
        builder = builder.no_proxy();
    }
    builder
}

/// What went wrong in the end: the outer errors only say in which layer, and the outermost names the URL.
pub fn innermost(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
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
        None => deepest.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_is_read_at_once_or_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ca.pem");
        assert!(Roots::read(Some(&path)).is_err());
        for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!\n"] {
            std::fs::write(&path, text).unwrap();
            let error = Roots::read(Some(&path)).unwrap_err();
            assert!(error.to_string().contains("ca.pem"), "{text}");
        }
        assert!(Roots::read(None).is_ok_and(|roots| roots.0.is_empty()));
    }
}
