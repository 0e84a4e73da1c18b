//! Which URLs may be talked to: https anywhere, plain http on this computer only.
//!
//! The one rule for the Graph endpoint, the login host and the upload URLs that the service hands
//! out. Nothing here opens a connection.

use url::{Host, Url};

/// Whether the host is this computer: `127.0.0.0/8`, `::1` or `localhost`, as written; no look-up.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_is_known_by_how_it_is_written() {
        for (url, local) in [
            ("http://127.0.0.1:8080/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]:1/", true),
            ("http://LOCALHOST/", true),
            ("http://localhost.example/", false),
            ("http://localhost@evil.example/", false),
            ("http://128.0.0.1/", false),
            ("http://0.0.0.0/", false),
            ("http://[::ffff:127.0.0.1]/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), local, "{url}");
        }
    }
}
