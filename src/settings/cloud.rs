//! The clouds that Microsoft Graph runs in, one row each: hosts, scope, and what is documented there.

/// A cloud: a set of hosts that belong together, and whose tokens are good nowhere else.
#[derive(Debug, PartialEq, Eq)]
pub struct Cloud {
    /// The name that `--cloud` takes and messages use.
    pub name: &'static str,
    /// Other names that `--cloud` takes for the same hosts.
    pub aliases: &'static [&'static str],
    /// Origin of the Graph host, without a path.
    pub graph: &'static str,
    /// Origin of the login host, without a path.
    pub login: &'static str,
    /// Whether Microsoft documents upload sessions for Outlook attachments here.
    pub upload_sessions: bool,
}

/// Every known cloud. Hosts are those of Microsoft's page on national cloud deployments.
pub const CLOUDS: &[Cloud] = &[
    Cloud {
        name: "public",
        aliases: &["global", "gcc"],
        graph: "https://graph.microsoft.com",
        login: "https://login.microsoftonline.com",
        upload_sessions: true,
    },
    Cloud {
        name: "gcc-high",
        aliases: &[],
        graph: "https://graph.microsoft.us",
        login: "https://login.microsoftonline.us",
        upload_sessions: false,
    },
    Cloud {
        name: "dod",
        aliases: &[],
        graph: "https://dod-graph.microsoft.us",
        login: "https://login.microsoftonline.us",
        upload_sessions: false,
    },
    Cloud {
        name: "china",
        aliases: &[],
        graph: "https://microsoftgraph.chinacloudapi.cn",
        login: "https://login.chinacloudapi.cn",
        upload_sessions: true,
    },
];

/// Hosts of Microsoft's that belong to no row above: older names, and clouds that are not public.
const OTHER_HOSTS: &[&str] = &[
    "login.windows.net",
    "sts.windows.net",
    "login.microsoft.com",
    "login.partner.microsoftonline.cn",
    "graph.svc.sovcloud.fr",
    "graph.svc.sovcloud.de",
    "graph.svc.sovcloud.sg",
    "login.sovcloud-identity.fr",
    "login.sovcloud-identity.de",
    "login.sovcloud-identity.sg",
];

/// The cloud when nobody names one.
pub const PUBLIC: &Cloud = &CLOUDS[0];

/// Names that other tools give to "the US government cloud", of which there are two.
const AMBIGUOUS: &[&str] = &[
    "usgov",
    "us-gov",
    "usgovernment",
    "azureusgovernment",
    "gov",
];

/// Why a name does not choose a cloud.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCloud {
    /// It could mean either of two clouds with different hosts.
    #[error(
        "`{0}` could be either of two US government clouds: `gcc-high` (graph.microsoft.us) or \
         `dod` (dod-graph.microsoft.us)"
    )]
    Ambiguous(String),
    /// No cloud has that name.
    #[error("there is no cloud `{name}`; did you mean `{nearest}`?")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The known name closest to it.
        nearest: &'static str,
    },
}

impl Cloud {
    /// The scope to ask the login host for: everything that the app was granted on Graph.
    pub fn scope(&self) -> String {
        format!("{}/.default", self.graph)
    }

    /// Finds a cloud by name or alias, whatever the case.
    pub fn named(name: &str) -> Result<&'static Cloud, NoCloud> {
        let wanted = name.trim().to_ascii_lowercase();
        if AMBIGUOUS.contains(&wanted.as_str()) {
            return Err(NoCloud::Ambiguous(name.to_owned()));
        }
        CLOUDS
            .iter()
            .find(|cloud| cloud.names().any(|known| known == wanted))
            .ok_or_else(|| NoCloud::Unknown {
                name: name.to_owned(),
                nearest: nearest(&wanted),
            })
    }

    /// The cloud that a host belongs to, as Graph host or as login host of just one cloud.
    pub fn of_graph_host(host: &str) -> Option<&'static Cloud> {
        CLOUDS
            .iter()
            .find(|cloud| cloud.graph_host().eq_ignore_ascii_case(host))
    }

    /// Whether a host is one of Microsoft's that are given tokens or secrets, in any of its clouds.
    pub fn is_microsofts(host: &str) -> bool {
        let known = CLOUDS.iter().flat_map(|cloud| [cloud.graph, cloud.login]);
        known
            .filter_map(|url| url.strip_prefix("https://"))
            .chain(OTHER_HOSTS.iter().copied())
            .any(|known| known.eq_ignore_ascii_case(host))
    }

    /// The Graph host without its scheme.
    pub fn graph_host(&self) -> &'static str {
        self.graph.strip_prefix("https://").unwrap_or(self.graph)
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

fn nearest(wanted: &str) -> &'static str {
    CLOUDS
        .iter()
        .flat_map(Cloud::names)
        .min_by_key(|name| strsim::damerau_levenshtein(name, wanted))
        .unwrap_or(PUBLIC.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_alias_finds_its_row_in_any_case() {
        for (name, graph) in [
            ("public", "https://graph.microsoft.com"),
            ("gcc", "https://graph.microsoft.com"),
            ("Global", "https://graph.microsoft.com"),
            ("GCC-High", "https://graph.microsoft.us"),
            ("dod", "https://dod-graph.microsoft.us"),
            ("china", "https://microsoftgraph.chinacloudapi.cn"),
        ] {
            assert_eq!(Cloud::named(name).unwrap().graph, graph, "{name}");
        }
    }

    #[test]
    fn usgov_is_refused_with_both_meanings() {
        let error = Cloud::named("USGov").unwrap_err();
        assert!(matches!(error, NoCloud::Ambiguous(_)));
        let text = error.to_string();
        assert!(text.contains("gcc-high") && text.contains("dod"), "{text}");
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        let unknown = |name: &str| match Cloud::named(name) {
            Err(NoCloud::Unknown { nearest, .. }) => nearest,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(unknown("gcchigh"), "gcc-high");
        assert_eq!(unknown("chian"), "china");
        assert_eq!(unknown("pubic"), "public");
    }

    #[test]
    fn sessions_are_documented_for_public_and_china_only() {
        let documented: Vec<_> = CLOUDS
            .iter()
            .filter(|c| c.upload_sessions)
            .map(|c| c.name)
            .collect();
        assert_eq!(documented, ["public", "china"]);
    }

    #[test]
    fn the_scope_is_the_graph_hosts_own() {
        assert_eq!(
            Cloud::named("dod").unwrap().scope(),
            "https://dod-graph.microsoft.us/.default"
        );
    }
}
