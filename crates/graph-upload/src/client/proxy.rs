//! Which proxy leads to a host. What is set and cannot be used is an error: never a connection that goes around
//! the proxy.
//!
//! The settings come from the caller, by the names of curl's variables; without any, those of the system count
//! where a system has some (macOS, Windows).

use std::{ffi::OsString, fmt, time::Duration};

use hyper::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::Url;

use crate::{Page, redact};

/// How long a proxy may take to say again why it refuses.
const ASKING: Duration = Duration::from_secs(5);

/// Variables that name the proxy for https, the first that is set counts. Every remote host is https here.
const PROXY: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Variables that name the hosts that are reached without one.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The proxy settings of a process.
#[derive(Clone, Default)]
pub struct Proxies {
    proxy: Option<(&'static str, String)>,
    except: String,
}

/// A proxy setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{variable}` is not a proxy that can be used (`{shown}`): {why}")]
pub(crate) struct Unusable {
    pub(crate) variable: &'static str,
    /// Its value, without a password.
    pub(crate) shown: String,
    pub(crate) why: String,
}

/// A proxy that leads to a host.
#[derive(Clone)]
pub(crate) struct Proxy(Intercept);

impl Proxies {
    /// Reads the variables through `variable`. Empty is not set.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name).filter(|value| !value.is_empty())?;
                Some((*name, value.to_string_lossy().into_owned()))
            })
        };
        Proxies {
            proxy: first(&PROXY),
            except: first(&NO_PROXY).map(|(_, value)| value).unwrap_or_default(),
        }
    }

    /// The proxy to the URL's host, if there is one; or why the one that is set cannot be used.
    pub(crate) fn to(&self, url: &Url) -> Result<Option<Proxy>, Unusable> {
        let Ok(target) = url.as_str().parse::<Uri>() else {
            return Ok(None);
        };
        let Some((variable, value)) = &self.proxy else {
            let system = Matcher::from_system();
            return Ok(system.intercept(&target).map(Proxy));
        };
        // Whether it is due, before what it is: a host that is excepted needs no proxy.
        let due = matcher("http://proxy", &self.except);
        if due.intercept(&target).is_none() {
            return Ok(None);
        }
        let unusable = |why: String| Unusable {
            variable,
            shown: masked(value),
            why,
        };
        check(value).map_err(unusable)?;
        match matcher(value, &self.except).intercept(&target) {
            Some(proxy) => {
                let found = Proxy(proxy);
                if let Some(password) = password(value) {
                    redact::register(password);
                }
                Ok(Some(found))
            }
            None => Err(unusable("it is not a URL".to_owned())),
        }
    }
}

fn matcher(proxy: &str, except: &str) -> Matcher {
    Matcher::builder().all(proxy).no(except).build()
}

/// What the matcher would pass over in silence.
fn check(value: &str) -> Result<(), String> {
    if value.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it holds a blank or a line break".to_owned());
    }
    if value.contains(['"', '\'', '`', '<', '>', '{', '}', '\\', '^', '|']) {
        return Err("it holds a quote or a bracket".to_owned());
    }
    let url = match value.split_once("://") {
        Some((scheme, _))
            if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") =>
        {
            return Err(format!(
                "a proxy begins with `http://` or `https://`, not `{scheme}://`"
            ));
        }
        Some(_) => Url::parse(value),
        None => Url::parse(&format!("http://{value}")),
    };
    match url {
        Ok(url) if url.host_str().is_some_and(|host| !host.is_empty()) => Ok(()),
        Ok(_) => Err("it has no host".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The value as it can be shown: no user, no password, and no character that shows as nothing.
fn masked(value: &str) -> String {
    let scheme = value.find("://").map_or(0, |at| at + 3);
    let shown = match value.rfind('@') {
        Some(at) if at >= scheme => format!("{}…{}", &value[..scheme], &value[at..]),
        _ => value.to_owned(),
    };
    shown
        .chars()
        .flat_map(|c| match c {
            '\n' | '\r' | '\t' | '\0'..='\x1f' | '\x7f' => c.escape_default().collect::<Vec<_>>(),
            _ => vec![c],
        })
        .collect()
}

fn password(value: &str) -> Option<&str> {
    let start = value.find("://").map_or(0, |at| at + 3);
    let user = &value[start..start + value[start..].rfind('@')?];
    user.split_once(':').map(|(_, password)| password)
}

impl Proxy {
    /// Its address, without a user or password: what it is called in messages, and under which it is cached.
    pub(crate) fn name(&self) -> String {
        let uri = self.0.uri();
        let host = uri.authority().map_or("", |authority| authority.as_str());
        match uri.scheme_str() {
            Some("https") => format!("https://{host}"),
            _ => host.to_owned(),
        }
    }

    /// Whether it is told a user and a password.
    pub(crate) fn has_password(&self) -> bool {
        self.0.basic_auth().is_some()
    }

    /// As the HTTP library takes it.
    pub(crate) fn for_client(&self) -> Result<reqwest::Proxy, reqwest::Error> {
        let proxy = reqwest::Proxy::all(self.0.uri().to_string())?;
        Ok(match self.0.basic_auth() {
            Some(auth) => proxy.custom_http_auth(auth.clone()),
            None => proxy,
        })
    }

    /// Asks the proxy once more for a connection to `host:port`, to learn why it refuses: the HTTP library
    /// does not tell. `None` when it cannot be known.
    pub(crate) async fn refusal(&self, host: &str, port: u16) -> Option<Refused> {
        let asked = tokio::time::timeout(ASKING, self.ask(host, port)).await;
        asked.ok().flatten()
    }

    async fn ask(&self, host: &str, port: u16) -> Option<Refused> {
        let uri = self.0.uri();
        if uri.scheme_str() != Some("http") {
            return None;
        }
        let proxy = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        let mut stream = TcpStream::connect((proxy, uri.port_u16().unwrap_or(80)))
            .await
            .ok()?;
        let mut request =
            format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
        if let Some(auth) = self.0.basic_auth() {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(auth.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"Connection: close\r\n\r\n");
        stream.write_all(&request).await.ok()?;
        let mut answer = Vec::new();
        // To the end, or to the time limit's: what has come by then is enough.
        let mut stream = stream.take(16 * 1024);
        let _ = tokio::time::timeout(ASKING / 2, stream.read_to_end(&mut answer)).await;
        Refused::read(&answer)
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxy = self.proxy.as_ref().map(|(_, value)| masked(value));
        f.debug_struct("Proxies")
            .field("proxy", &proxy)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxy").field(&self.name()).finish()
    }
}

/// How a proxy refused to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) title: Option<String>,
}

impl Refused {
    fn read(answer: &[u8]) -> Option<Self> {
        let head = answer.windows(4).position(|end| end == b"\r\n\r\n");
        let body = head.map_or(&[][..], |at| &answer[at + 4..]);
        let line =
            String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next()?).into_owned();
        let mut words = line.split(' ');
        let status = words.next().filter(|version| version.starts_with("HTTP/"));
        let status = status.and_then(|_| words.next()?.parse().ok())?;
        Some(Refused {
            status,
            title: Page::read(body).and_then(|page| page.title),
        })
    }

    /// Whether trying again may help: the proxy is willing and cannot reach the host.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self.status, 408 | 429 | 500 | 502..=504)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(settings: &[(&str, &str)], url: &str) -> Result<Option<String>, Unusable> {
        let settings = Proxies::read(|name| {
            let found = settings.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        });
        let found = settings.to(&Url::parse(url).unwrap())?;
        Ok(found.map(|proxy| proxy.name()))
    }

    const GRAPH: &str = "https://graph.microsoft.com/v1.0";

    #[test]
    fn the_first_variable_that_is_set_names_the_proxy() {
        for (settings, expected) in [
            (&[][..], None),
            (&[("HTTPS_PROXY", "")], None),
            (&[("HTTPS_PROXY", "http://p:8080/")], Some("p:8080")),
            (&[("https_proxy", "p:8080")], Some("p:8080")),
            (&[("HTTPS_PROXY", "https://p")], Some("https://p")),
            (&[("HTTPS_PROXY", "http://[::1]:3128")], Some("[::1]:3128")),
            (
                &[("ALL_PROXY", "http://a"), ("https_proxy", "http://b")],
                Some("b"),
            ),
            (&[("HTTPS_PROXY", "http://me:pw@p:1")], Some("p:1")),
            (&[("HTTP_PROXY", "http://p:8080")], None),
            (
                &[("HTTPS_PROXY", "http://p"), ("NO_PROXY", "microsoft.com")],
                None,
            ),
            (&[("HTTPS_PROXY", "http://p"), ("no_proxy", "*")], None),
            (
                &[("HTTPS_PROXY", "http://p"), ("NO_PROXY", "example.com")],
                Some("p"),
            ),
        ] {
            let found = to(settings, GRAPH).unwrap();
            assert_eq!(found.as_deref(), expected, "{settings:?}");
        }
    }

    #[test]
    fn what_cannot_be_a_proxy_is_refused_and_never_passed_over() {
        for value in [
            "socks5://p:1080",
            "ftp://p",
            "\"http://p:8080\"",
            "'http://p:8080'",
            "http://p:8080\r",
            " http://p:8080",
            "http://p 8080",
            "<http://p>",
            "http://",
            "http://:8080",
            "http://p:port",
            "://p",
        ] {
            let error = to(&[("HTTPS_PROXY", value)], GRAPH).unwrap_err();
            assert_eq!(error.variable, "HTTPS_PROXY", "{value}");
            // It is due for nobody here.
            let except = [("HTTPS_PROXY", value), ("NO_PROXY", "graph.microsoft.com")];
            assert_eq!(to(&except, GRAPH), Ok(None), "{value}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        for value in [
            "socks5://me:hunter22@p:1080",
            "\"http://me:hunter22@p:8080\"",
            "http://me:hunter22@p:8080\r",
            "me:hunter22@p:port",
            "http://me:hunter2@2@p x",
        ] {
            let error = to(&[("HTTPS_PROXY", value)], GRAPH).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains("hunter2") && !shown.contains('\r'),
                "{shown}"
            );
        }
        let settings =
            Proxies::read(|name| (name == "HTTPS_PROXY").then(|| "http://me:hunter22@p".into()));
        assert!(!format!("{settings:?}").contains("hunter"));
        let proxy = settings.to(&Url::parse(GRAPH).unwrap()).unwrap().unwrap();
        assert!(!format!("{proxy:?} {}", proxy.name()).contains("hunter"));
        assert!(proxy.has_password());
    }

    #[test]
    fn a_refusal_is_read() {
        let read = |text: &str| Refused::read(text.as_bytes());
        let page = "HTTP/1.1 403 Forbidden\r\nServer: p\r\n\r\n<title>Blocked</title>";
        let refused = read(page).unwrap();
        assert_eq!(
            (refused.status, refused.title.as_deref()),
            (403, Some("Blocked"))
        );
        assert!(!refused.is_temporary());
        assert!(read("HTTP/1.0 502 Bad\r\n\r\n").unwrap().is_temporary());
        for nonsense in ["", "SSH-2.0", "HTTP/1.1 x"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
