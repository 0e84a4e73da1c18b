//! A request without its body: what it asks for, what it prefers, and by which names it reached us.

use hyper::{HeaderMap, Method, Uri, header};

use crate::{
    failure::{Failure, Trace},
    log::Host,
    shared::Shared,
};

/// A request without its body.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) host: Host,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) trace: Trace,
    /// Scheme, name and port of the Graph host as the client calls it: absolute URLs begin with it.
    pub(crate) graph: String,
    /// The same for the upload host.
    pub(crate) upload: String,
    /// The session of this request is, or is born, over: a fault says so.
    pub(crate) expire: bool,
}

/// Microsoft's names, for clients that have them built in and are sent here by a name server or a hosts file.
const GRAPH_NAMES: [&str; 1] = ["graph.microsoft.com"];
const UPLOAD_NAMES: [&str; 2] = ["outlook.office.com", "outlook.office365.com"];

/// The name and the port in a `Host` header.
pub(crate) fn name_and_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (name, Some(port))
        }
        _ => (authority, None),
    }
}

impl Head {
    pub(crate) fn new(
        shared: &Shared,
        listener: Host,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let authority = text("host").or_else(|| uri.authority().map(|a| a.as_str()));
        let name = authority.map(|authority| name_and_port(authority).0.to_ascii_lowercase());
        // One port can be both hosts for those who call them by their names.
        let host = match name.as_deref() {
            Some(name) if UPLOAD_NAMES.contains(&name) => Host::Upload,
            Some(name) if GRAPH_NAMES.contains(&name) => Host::Graph,
            _ => listener,
        };
        let (graph, upload) = origins(shared, listener, authority);
        Head {
            host,
            method: method.clone(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers: headers.clone(),
            trace: Trace::new(shared.random.uuid(), text("client-request-id")),
            graph,
            upload,
            expire: false,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The preferences of all `Prefer` headers: name in lower case, value without quotes.
    pub(crate) fn preferences(&self) -> Vec<(String, String)> {
        let headers = self.headers.get_all("prefer").iter();
        headers
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split([',', ';']))
            .filter(|preference| !preference.trim().is_empty())
            .map(|preference| {
                let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
                let value = value.trim().trim_matches('"');
                (name.trim().to_ascii_lowercase(), value.to_owned())
            })
            .collect()
    }

    /// `Prefer: IdType="ImmutableId"`, quoted or not, beside other preferences or alone.
    pub(crate) fn wants_immutable_ids(&self) -> bool {
        self.preferences()
            .iter()
            .any(|(name, value)| name == "idtype" && value.eq_ignore_ascii_case("ImmutableId"))
    }

    /// Refuses preferences and conditions that would have to be acted on and are not.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let refuse = |what: &str| Err(Failure::not_in_sandbox(what));
        for (name, value) in self.preferences() {
            match (name.as_str(), value.to_ascii_lowercase().as_str()) {
                ("idtype", "immutableid") => {}
                // Times here are in the zone that they were written in, and that is UTC for all but events.
                ("outlook.timezone", "utc" | "etc/utc" | "tzone://microsoft/utc") => {}
                // Bodies come as they were written; nothing converts them.
                ("outlook.body-content-type", "text" | "html") => {}
                ("outlook.allow-unsafe-html", _) | ("return", "representation") => {}
                ("odata.maxpagesize", size) if size.parse::<usize>().is_ok() => {}
                _ => return refuse(&format!("`Prefer: {name}={value}`")),
            }
        }
        for name in [
            "if-none-match",
            "if-modified-since",
            "if-unmodified-since",
            "range",
        ] {
            if self.host == Host::Graph && self.headers.contains_key(name) {
                return refuse(&format!("the header `{name}`"));
            }
        }
        Ok(())
    }

    /// `Prefer: outlook.body-content-type`, in lower case.
    pub(crate) fn body_type(&self) -> Option<String> {
        let all = self.preferences();
        let found = all
            .into_iter()
            .find(|(name, _)| name == "outlook.body-content-type");
        found.map(|(_, value)| value.to_ascii_lowercase())
    }

    /// `Prefer: odata.maxpagesize`.
    pub(crate) fn page_size(&self) -> Option<usize> {
        let all = self.preferences();
        let found = all
            .into_iter()
            .find(|(name, _)| name == "odata.maxpagesize");
        found
            .and_then(|(_, value)| value.parse().ok())
            .filter(|size| *size > 0)
    }

    /// Whether the request says how long its body is, in the way that IIS insists on.
    pub(crate) fn has_length(&self) -> bool {
        self.headers.contains_key(header::CONTENT_LENGTH)
            || self.headers.contains_key(header::TRANSFER_ENCODING)
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }
}

/// Both origins as this client can reach them: by the name that it used itself.
fn origins(shared: &Shared, listener: Host, authority: Option<&str>) -> (String, String) {
    let (own_graph, own_upload) = (shared.graph.clone(), shared.upload.clone());
    let Some(authority) = authority.filter(|authority| !authority.is_empty()) else {
        return (own_graph, own_upload);
    };
    let (name, port) = name_and_port(authority);
    let scheme = own_graph.split("://").next().unwrap_or("http").to_owned();
    let lower = name.to_ascii_lowercase();
    if GRAPH_NAMES.contains(&lower.as_str()) || UPLOAD_NAMES.contains(&lower.as_str()) {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let [graph, ..] = GRAPH_NAMES;
        let [upload, ..] = UPLOAD_NAMES;
        return (
            format!("{scheme}://{graph}{port}"),
            format!("{scheme}://{upload}{port}"),
        );
    }
    let with_port_of = |origin: &str| {
        let port = name_and_port(origin).1.unwrap_or_default();
        format!("{scheme}://{name}:{port}")
    };
    match listener {
        Host::Graph => (format!("{scheme}://{authority}"), with_port_of(&own_upload)),
        Host::Upload => (with_port_of(&own_graph), format!("{scheme}://{authority}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    fn head(listener: Host, headers: &[(&'static str, &str)]) -> Head {
        let own = |port: u16| format!("http://127.0.0.1:{port}");
        let shared = Shared::new(Options::default(), own(8080), own(8081));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a value"));
        }
        Head::new(
            &shared,
            listener,
            &Method::GET,
            &Uri::from_static("/v1.0/me"),
            &map,
        )
    }

    #[test]
    fn absolute_urls_follow_the_name_that_the_client_used() {
        for (listener, host, graph, upload) in [
            (
                Host::Graph,
                "127.0.0.1:8080",
                "127.0.0.1:8080",
                "127.0.0.1:8081",
            ),
            (Host::Graph, "sandbox:80", "sandbox:80", "sandbox:8081"),
            (Host::Graph, "[::1]:9", "[::1]:9", "[::1]:8081"),
            (
                Host::Graph,
                "graph.microsoft.com",
                "graph.microsoft.com",
                "outlook.office.com",
            ),
            (
                Host::Graph,
                "graph.microsoft.com:9",
                "graph.microsoft.com:9",
                "outlook.office.com:9",
            ),
            (
                Host::Upload,
                "localhost:8081",
                "localhost:8080",
                "localhost:8081",
            ),
        ] {
            let head = head(listener, &[("host", host)]);
            assert_eq!(head.graph, format!("http://{graph}"), "{host}");
            assert_eq!(head.upload, format!("http://{upload}"), "{host}");
            assert_eq!(head.host, listener);
        }
        assert_eq!(head(Host::Graph, &[]).upload, "http://127.0.0.1:8081");
        assert_eq!(
            head(Host::Graph, &[("host", "outlook.office.com")]).host,
            Host::Upload
        );
    }

    #[test]
    fn preferences_are_honoured_or_refused() {
        for (prefer, fine) in [
            ("IdType=\"ImmutableId\"", true),
            ("outlook.timezone=\"UTC\", IdType=ImmutableId", true),
            ("outlook.body-content-type=\"text\"", true),
            ("odata.maxpagesize=5", true),
            ("outlook.timezone=\"Pacific Standard Time\"", false),
            ("odata.track-changes", false),
            ("respond-async", false),
        ] {
            let head = head(Host::Graph, &[("prefer", prefer)]);
            assert_eq!(head.check().is_ok(), fine, "{prefer}");
        }
        assert!(
            head(
                Host::Graph,
                &[("prefer", "a"), ("prefer", "IdType=\"ImmutableId\"")]
            )
            .wants_immutable_ids()
        );
        assert_eq!(
            head(Host::Graph, &[("prefer", "odata.maxpagesize=5")]).page_size(),
            Some(5)
        );
        assert!(
            head(Host::Graph, &[("if-none-match", "*")])
                .check()
                .is_err()
        );
    }
}
