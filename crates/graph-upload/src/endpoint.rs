//! Which URLs may be talked to: https anywhere, plain http on this computer only.
//!
//! The one rule for the Graph endpoint, the login host and the upload URLs that the service hands
//! out. Nothing here opens a connection.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// How near a host is, by how it is written; no look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    /// This computer.
    ThisComputer,
    /// Its link-local or private network.
    PrivateNetwork,
    /// Anywhere: a public address, or a name.
    Anywhere,
}

impl Distance {
    /// How near the URL's host is.
    pub fn of(url: &Url) -> Self {
        match url.host() {
            Some(Host::Ipv4(address)) => of_v4(address),
            Some(Host::Ipv6(address)) => of_v6(address),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                if name == "localhost" || name.ends_with(".localhost") {
                    Distance::ThisComputer
                } else {
                    Distance::Anywhere
                }
            }
            None => Distance::Anywhere,
        }
    }
}

fn of_v4(address: Ipv4Addr) -> Distance {
    let [a, b, ..] = address.octets();
    // 0.0.0.0/8 reaches this computer on Linux.
    if address.is_loopback() || a == 0 {
        Distance::ThisComputer
    } else if address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        // RFC 6598: between a carrier and its customers.
        || (a == 100 && (64..128).contains(&b))
    {
        Distance::PrivateNetwork
    } else {
        Distance::Anywhere
    }
}

fn of_v6(address: Ipv6Addr) -> Distance {
    // ::ffff:127.0.0.1, ::127.0.0.1 and 64:ff9b::127.0.0.1 are other spellings of 127.0.0.1.
    let embedded = match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            let [.., a, b, c, d] = address.octets();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    };
    if address.is_loopback() || address.is_unspecified() {
        Distance::ThisComputer
    } else if let Some(address) = embedded {
        of_v4(address)
    } else if address.is_unique_local() || address.is_unicast_link_local() || address.is_multicast()
    {
        Distance::PrivateNetwork
    } else {
        Distance::Anywhere
    }
}

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
    fn distances_are_those_of_every_spelling() {
        use Distance::{Anywhere, PrivateNetwork, ThisComputer};
        for (host, distance) in [
            ("127.0.0.1", ThisComputer),
            ("2130706433", ThisComputer),
            ("0x7f.1", ThisComputer),
            ("0.0.0.0", ThisComputer),
            ("[::1]", ThisComputer),
            ("[::]", ThisComputer),
            ("[::ffff:127.0.0.1]", ThisComputer),
            ("[64:ff9b::7f00:1]", ThisComputer),
            ("localhost", ThisComputer),
            ("localhost.", ThisComputer),
            ("app.localhost", ThisComputer),
            ("169.254.169.254", PrivateNetwork),
            ("10.1.2.3", PrivateNetwork),
            ("172.16.0.1", PrivateNetwork),
            ("192.168.0.1", PrivateNetwork),
            ("100.64.0.1", PrivateNetwork),
            ("[fe80::1]", PrivateNetwork),
            ("[fd00::1]", PrivateNetwork),
            ("[::ffff:10.0.0.1]", PrivateNetwork),
            ("52.96.0.1", Anywhere),
            ("100.128.0.1", Anywhere),
            ("[2603:1036::1]", Anywhere),
            ("outlook.office.com", Anywhere),
            ("localhost.example", Anywhere),
        ] {
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            assert_eq!(Distance::of(&url), distance, "{host}");
        }
    }

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
