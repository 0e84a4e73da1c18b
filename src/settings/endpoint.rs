//! Which URLs may be talked to: https anywhere, plain http on this computer only.
//!
//! The one rule for the Graph endpoint, the login host and the upload URLs that the service hands
//! out. Nothing here opens a connection.

pub use graph_upload::endpoint::is_loopback;
use url::Url;

/// Why a URL is not used. Never quotes the URL, which may hold a password or be a secret itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It does not parse.
    #[error("it is not a URL ({0})")]
    NotAUrl(String),
    /// Neither http nor https.
    #[error("it must begin with `https://`, not `{0}:`")]
    Scheme(String),
    /// http to somewhere else.
    #[error("plain `http://` is allowed to this computer only, and `{0}` is another")]
    PlainHttp(String),
    /// A name or password before the host.
    #[error("it holds a user name or password, which does not belong in a URL")]
    Credentials,
    /// Something after the path.
    #[error("it has a `?` or a `#`, after which no path can follow")]
    Tail,
    /// A host without `/v1.0`. The URL is shown: it holds no name and no password.
    #[error("it lacks the version")]
    NoVersion(String),
}

/// Whether a request may be sent to this URL at all.
pub fn check(url: &Url) -> Result<(), Unusable> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err(Unusable::PlainHttp(
            url.host_str().unwrap_or_default().to_owned(),
        )),
        other => Err(Unusable::Scheme(other.to_owned())),
    }
}

/// Reads a base URL that paths are appended to; gives it back without a slash at its end.
pub fn base(text: &str) -> Result<Url, Unusable> {
    let mut url = Url::parse(text.trim()).map_err(|error| Unusable::NotAUrl(error.to_string()))?;
    check(&url)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Unusable::Credentials);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Unusable::Tail);
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Reads a Graph endpoint: a base URL that names the version, or the path under which a gateway has it.
pub fn graph(text: &str) -> Result<Url, Unusable> {
    let url = base(text)?;
    match url.path() {
        "/" => Err(Unusable::NoVersion(
            url.as_str().trim_end_matches('/').to_owned(),
        )),
        _ => Ok(url),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for good in [
            "http://127.0.0.1:8080/v1.0",
            "http://127.9.9.9/v1.0",
            "http://[::1]:1/v1.0",
            "http://localhost:5000/v1.0",
            "http://LOCALHOST/v1.0",
            "https://graph.example/v1.0",
        ] {
            assert!(base(good).is_ok(), "{good}");
        }
        for bad in [
            "http://graph.microsoft.com/v1.0",
            "http://localhost.example/v1.0",
            "http://localhost@evil.example/v1.0",
            "http://128.0.0.1/v1.0",
            "http://0.0.0.0/v1.0",
            "http://[::ffff:127.0.0.1]/v1.0",
            "http://notlocalhost/v1.0",
        ] {
            assert!(
                matches!(base(bad), Err(Unusable::PlainHttp(_))),
                "{bad}: {:?}",
                base(bad)
            );
        }
    }

    #[test]
    fn other_nonsense_is_named() {
        assert!(matches!(
            base("graph.microsoft.com/v1.0"),
            Err(Unusable::NotAUrl(_))
        ));
        assert!(matches!(base(""), Err(Unusable::NotAUrl(_))));
        assert_eq!(
            base("localhost:80/v1.0"),
            Err(Unusable::Scheme("localhost".into()))
        );
        assert_eq!(base("ftp://x/"), Err(Unusable::Scheme("ftp".into())));
        assert_eq!(base("https://me:secret@x/v1.0"), Err(Unusable::Credentials));
        assert_eq!(base("https://x/v1.0?a=b"), Err(Unusable::Tail));
        assert_eq!(base("https://x/v1.0#a"), Err(Unusable::Tail));
    }

    #[test]
    fn slashes_at_the_end_go() {
        assert_eq!(
            base("https://x.example/v1.0//").unwrap().as_str(),
            "https://x.example/v1.0"
        );
    }

    #[test]
    fn the_version_is_asked_for() {
        for host in ["https://graph.microsoft.com", "http://127.0.0.1:1"] {
            for text in [host.to_owned(), format!("{host}/")] {
                assert_eq!(graph(&text), Err(Unusable::NoVersion(host.to_owned())));
            }
        }
        assert!(graph("https://graph.microsoft.com/beta").is_ok());
        assert!(graph("https://gateway.example/graph").is_ok());
    }

    proptest! {
        #[test]
        fn no_error_quotes_a_password(secret in "[a-z]{12}") {
            let text = base(&format!("https://me:{secret}@x.example/")).unwrap_err().to_string();
            prop_assert!(!text.contains(&secret));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            if let Ok(url) = graph(&text) {
                prop_assert!(url.scheme() == "https" || is_loopback(&url));
            }
        }
    }
}
