//! What each layer decides, and what it refuses.

use std::collections::HashMap;

use graph_upload::client::Trust;

use super::{
    credential::{CommandLine, Method},
    *,
};

/// Surroundings made of values.
#[derive(Default)]
struct Fake {
    env: HashMap<&'static str, OsString>,
    file: Option<(&'static str, u32)>,
    homeless: bool,
}

const CONFIG: &str = "/home/u/.config/graph-attach/config.toml";

impl Surroundings for Fake {
    fn env(&self, name: &str) -> Option<OsString> {
        self.env.get(name).cloned()
    }

    fn read(&self, path: &Path) -> io::Result<file::Text> {
        match self.file {
            Some((text, mode)) if path == Path::new(CONFIG) || path == Path::new("/c.toml") => {
                Ok(file::Text {
                    text: text.to_owned(),
                    mode,
                })
            }
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn config_dir(&self) -> Option<PathBuf> {
        (!self.homeless).then(|| "/home/u/.config/graph-attach".into())
    }

    fn state_dir(&self) -> Option<PathBuf> {
        (!self.homeless).then(|| "/home/u/.local/state/graph-attach".into())
    }
}

fn around(env: &[(&'static str, &str)]) -> Fake {
    Fake {
        env: env
            .iter()
            .map(|(name, value)| (*name, OsString::from(value)))
            .collect(),
        ..Fake::default()
    }
}

fn with_file(text: &'static str, env: &[(&'static str, &str)]) -> Fake {
    Fake {
        file: Some((text, 0o600)),
        ..around(env)
    }
}

fn settings(flags: &Flags, around: &Fake) -> Settings {
    load(flags, around).unwrap()
}

fn origins(settings: &Settings) -> Vec<String> {
    settings
        .credentials
        .sources
        .iter()
        .map(|credential| credential.origin.to_string())
        .collect()
}

#[test]
fn defaults_are_the_public_cloud_and_the_users_own_mailbox() {
    let settings = settings(&Flags::default(), &around(&[]));
    assert_eq!(
        settings.endpoint.value.as_str(),
        "https://graph.microsoft.com/v1.0"
    );
    assert_eq!(settings.endpoint.origin, Origin::Default);
    assert_eq!(
        settings.login_url.value.as_str(),
        "https://login.microsoftonline.com/"
    );
    assert_eq!(settings.cloud.value.name, "public");
    assert_eq!(settings.mailbox, None);
    assert_eq!(settings.progress.value, Progress::Auto);
    assert!(settings.credentials.sources.is_empty());
    assert_eq!(
        settings.state_dir.unwrap().value,
        Path::new("/home/u/.local/state/graph-attach")
    );
}

#[test]
fn each_layer_hides_the_next_and_says_so() {
    let text = "mailbox = \"top\"\n[profile.work]\nmailbox = \"profile\"\n";
    let flag = Flags {
        mailbox: Some("flag".into()),
        ..Flags::default()
    };
    let none = Flags::default();
    let profile = [("GRAPH_ATTACH_PROFILE", "work")];
    let env = [
        ("GRAPH_ATTACH_PROFILE", "work"),
        ("GRAPH_ATTACH_MAILBOX", "env"),
    ];
    let cases = [
        (&flag, with_file(text, &env), "flag", "--mailbox".to_owned()),
        (
            &none,
            with_file(text, &env),
            "env",
            "GRAPH_ATTACH_MAILBOX".to_owned(),
        ),
        (
            &none,
            with_file(text, &profile),
            "profile",
            format!("profile `work` in {CONFIG}"),
        ),
        (&none, with_file(text, &[]), "top", CONFIG.to_owned()),
    ];
    for (flags, around, value, origin) in cases {
        let mailbox = settings(flags, &around).mailbox.unwrap();
        assert_eq!(
            (mailbox.value.as_str(), mailbox.origin.to_string()),
            (value, origin)
        );
    }
}

#[test]
fn settings_say_where_they_came_from() {
    let flags = Flags {
        cloud: Some("dod".into()),
        ..Flags::default()
    };
    let env = [("GRAPH_ATTACH_MAILBOX", "a@b.example")];
    assert_eq!(
        settings(&flags, &around(&env)).origins(),
        [
            "cloud dod (--cloud)",
            "endpoint https://dod-graph.microsoft.us/v1.0 (--cloud)",
            "login host https://login.microsoftonline.us/ (--cloud)",
            "mailbox a@b.example (GRAPH_ATTACH_MAILBOX)",
            "state directory /home/u/.local/state/graph-attach (default)",
        ]
    );
}

#[test]
fn a_cloud_sets_both_hosts_and_each_can_be_overridden() {
    let flags = Flags {
        cloud: Some("china".into()),
        ..Flags::default()
    };
    let china = settings(&flags, &around(&[]));
    assert_eq!(
        china.endpoint.value.as_str(),
        "https://microsoftgraph.chinacloudapi.cn/v1.0"
    );
    assert_eq!(china.endpoint.origin, Origin::Flag("--cloud"));
    assert_eq!(
        china.login_url.value.as_str(),
        "https://login.chinacloudapi.cn/"
    );

    let env = [
        ("GRAPH_ATTACH_ENDPOINT", "http://127.0.0.1:9/v1.0/"),
        ("AZURE_AUTHORITY_HOST", "login.example"),
    ];
    let moved = settings(&flags, &around(&env));
    assert_eq!(moved.cloud.value.name, "china");
    assert_eq!(moved.endpoint.value.as_str(), "http://127.0.0.1:9/v1.0");
    assert_eq!(moved.login_url.value.as_str(), "https://login.example/");
}

#[test]
fn the_host_of_another_cloud_chooses_that_cloud() {
    let env = [(
        "GRAPH_ATTACH_ENDPOINT",
        "https://dod-graph.microsoft.us/v1.0",
    )];
    let settings = settings(&Flags::default(), &around(&env));
    assert_eq!(settings.cloud.value.name, "dod");
    assert_eq!(settings.cloud.origin, Origin::Env("GRAPH_ATTACH_ENDPOINT"));
    assert_eq!(
        settings.login_url.value.as_str(),
        "https://login.microsoftonline.us/"
    );
}

#[test]
fn bad_values_name_their_origin() {
    let complaint = |env: &[(&'static str, &str)]| {
        load(&Flags::default(), &around(env))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        complaint(&[("GRAPH_ATTACH_ENDPOINT", "http://graph.example/v1.0")]),
        "cannot use the endpoint from GRAPH_ATTACH_ENDPOINT: plain `http://` is allowed to this \
         computer only, and `graph.example` is another"
    );
    assert!(complaint(&[("GRAPH_ATTACH_CLOUD", "usgov")]).ends_with("(GRAPH_ATTACH_CLOUD)"));
    assert!(complaint(&[("GRAPH_ATTACH_PROGRESS", "loud")]).contains("`plain`"));
    assert!(complaint(&[("GRAPH_ATTACH_PROFILE", "work")]).contains("no configuration file"));
    assert!(complaint(&[("GRAPH_ATTACH_CONFIG", "/gone.toml")]).contains("GRAPH_ATTACH_CONFIG"));
}

#[test]
fn a_missing_profile_lists_the_known_ones() {
    let flags = Flags {
        profile: Some("wrok".into()),
        ..Flags::default()
    };
    let error = load(&flags, &with_file("[profile.work]\n[profile.home]\n", &[])).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("there is no profile `wrok` in {CONFIG}; it has `home`, `work`")
    );
}

#[test]
fn the_state_directory_follows_its_own_order() {
    let flags = Flags {
        state_dir: Some("s".into()),
        ..Flags::default()
    };
    let env = [("GRAPH_ATTACH_STATE_DIR", "/e"), ("XDG_STATE_HOME", "/x")];
    let found =
        |flags: &Flags, around: &Fake| settings(flags, around).state_dir.map(|dir| dir.value);
    assert_eq!(found(&flags, &around(&env)), Ok("s".into()));
    let none = Flags::default();
    assert_eq!(found(&none, &around(&env)), Ok("/e".into()));
    assert_eq!(
        found(&none, &around(&env[1..])),
        Ok("/x/graph-attach".into())
    );
    assert_eq!(
        found(&none, &around(&[("XDG_STATE_HOME", "relative")])),
        Ok("/home/u/.local/state/graph-attach".into())
    );
    assert_eq!(
        found(
            &none,
            &Fake {
                homeless: true,
                ..Fake::default()
            }
        ),
        Err(NoStateDir)
    );
}

#[test]
fn token_sources_come_in_the_documented_order() {
    let text = "token_file = \"/t\"\n[profile.work]\nauth = \"managed-identity\"\n";
    let env = [
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_CLIENT_SECRET", "s"),
        ("AZURE_FEDERATED_TOKEN_FILE", "f"),
        ("GRAPH_ATTACH_PROFILE", "work"),
        ("GRAPH_ATTACH_TOKEN", "a"),
        ("GRAPH_ATTACH_TOKEN_FILE", "b"),
        ("GRAPH_ATTACH_TOKEN_COMMAND", "c"),
    ];
    let flags = Flags {
        token_command: Some("az".into()),
        ..Flags::default()
    };
    assert_eq!(
        origins(&settings(&flags, &with_file(text, &env))),
        [
            "--token-command",
            "GRAPH_ATTACH_TOKEN",
            "GRAPH_ATTACH_TOKEN_FILE",
            "GRAPH_ATTACH_TOKEN_COMMAND",
            &format!("profile `work` in {CONFIG}"),
            CONFIG,
            "AZURE_CLIENT_SECRET",
        ]
    );
}

#[test]
fn a_dash_is_standard_input() {
    let flags = Flags {
        token_file: Some("-".into()),
        ..Flags::default()
    };
    assert_eq!(
        settings(&flags, &around(&[])).credentials.sources[0].value,
        Credential::Stdin
    );
}

#[test]
fn an_empty_token_variable_still_counts() {
    let settings = settings(&Flags::default(), &around(&[("GRAPH_ATTACH_TOKEN", "")]));
    assert_eq!(origins(&settings), ["GRAPH_ATTACH_TOKEN"]);
}

#[test]
fn two_sources_where_one_can_be_used_are_an_error() {
    let flags = Flags {
        token_file: Some("a".into()),
        token_command: Some("b".into()),
        ..Flags::default()
    };
    assert!(matches!(
        load(&flags, &around(&[])),
        Err(Error::TwoTokenFlags)
    ));
    let file = with_file("token_file = \"a\"\nauth = \"device-code\"\n", &[]);
    assert_eq!(
        load(&Flags::default(), &file).unwrap_err().to_string(),
        format!("{CONFIG} sets `token_file` and `auth`, and only one of them can be used")
    );
}

#[test]
fn commands_are_kept_as_written() {
    let file = with_file("token_command = [\"az\", \"a b\"]\n", &[]);
    assert_eq!(
        settings(&Flags::default(), &file).credentials.sources[0].value,
        Credential::Command(CommandLine::Words(vec!["az".into(), "a b".into()]))
    );
}

#[test]
fn half_an_azure_set_says_what_is_missing() {
    let missing = |env: &[(&'static str, &str)]| {
        let credentials = settings(&Flags::default(), &around(env)).credentials;
        assert!(credentials.sources.is_empty());
        credentials.half_azure.unwrap().missing.join(", ")
    };
    assert_eq!(
        missing(&[("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")]),
        "AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE"
    );
    assert_eq!(
        missing(&[("AZURE_CLIENT_SECRET", "s")]),
        "AZURE_TENANT_ID, AZURE_CLIENT_ID"
    );
    assert_eq!(
        missing(&[
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_FEDERATED_TOKEN_FILE", "/f")
        ]),
        "AZURE_CLIENT_ID"
    );
}

#[test]
fn a_profile_s_identity_goes_before_the_environment_which_fills_the_gaps() {
    let text = "[profile.work]\nauth = \"client-secret\"\ntenant = \"mine\"\nclient_id = \"app\"\n";
    let env = [
        ("GRAPH_ATTACH_PROFILE", "work"),
        ("AZURE_TENANT_ID", "theirs"),
        ("AZURE_CLIENT_SECRET", "s"),
    ];
    let settings = settings(&Flags::default(), &with_file(text, &env));
    let Credential::Entra(Method::ClientSecret, identity) = &settings.credentials.sources[0].value
    else {
        panic!("{:?}", settings.credentials);
    };
    assert_eq!(identity.tenant.as_deref(), Some("mine"));
    assert_eq!(identity.client_secret.as_ref().unwrap().reveal(), b"s");
    assert!(!format!("{settings:?}").contains("\"s\""));
}

#[test]
fn a_configuration_without_a_home_is_still_a_configuration() {
    let settings = settings(
        &Flags::default(),
        &Fake {
            homeless: true,
            ..Fake::default()
        },
    );
    assert_eq!(settings.file, None);
    assert_eq!(settings.state_dir, Err(NoStateDir));
}

#[test]
fn retries_and_timeouts_come_from_flags_then_the_file() {
    let file = with_file("timeout = \"5m\"\nmax_retries = 3\n", &[]);
    let from_file = settings(&Flags::default(), &file);
    let timeout = from_file.timeout.unwrap();
    assert_eq!(timeout.value, Duration::from_secs(300));
    assert!(timeout.origin.to_string().contains(CONFIG));
    assert_eq!(from_file.max_retries.unwrap().value, 3);
    let flags = Flags {
        timeout: Some(Duration::from_secs(7)),
        max_retries: Some(0),
        ..Flags::default()
    };
    let from_flags = settings(&flags, &file);
    let lines = from_flags.origins();
    for line in ["timeout 7 s (--timeout)", "retries 0 (--max-retries)"] {
        assert!(lines.iter().any(|shown| shown == line), "{lines:?}");
    }
    let wrong = with_file("timeout = \"soon\"\n", &[]);
    let error = load(&Flags::default(), &wrong).unwrap_err().to_string();
    assert!(
        error.contains("line 1, column 11: `timeout` is not a valid time"),
        "{error}"
    );
}

#[test]
fn a_sandbox_that_is_named_is_the_only_endpoint() {
    let ours = "http://127.0.0.1:8080/v1.0";
    let load = |sandbox: &'static str, endpoint: Option<&'static str>, reaches_service| {
        let mut env = vec![("GRAPH_ATTACH_SANDBOX", sandbox)];
        env.extend(endpoint.map(|url| ("GRAPH_ATTACH_ENDPOINT", url)));
        let flags = Flags {
            reaches_service,
            ..Flags::default()
        };
        super::load(&flags, &around(&env))
    };
    for same in [ours, "http://127.0.0.1:8080/v1.0/", "http://127.0.0.1:8080"] {
        assert!(load(same, Some(ours), true).is_ok(), "{same}");
    }
    let others = [
        None,
        Some("https://graph.microsoft.com/v1.0"),
        Some("http://127.0.0.1:8081/v1.0"),
        Some("http://127.0.0.1:8080/beta"),
    ];
    for other in others {
        let refused = load(ours, other, true);
        assert!(
            matches!(refused, Err(Error::OtherThanSandbox { .. })),
            "{other:?}"
        );
        // What sends nothing may run.
        assert!(load(ours, other, false).is_ok(), "{other:?}");
    }
    assert!(load("not a URL", Some(ours), true).is_err());
    assert!(load("", None, true).is_ok());
}

#[test]
fn a_strange_host_that_the_environment_alone_chose_is_told() {
    const STRANGE: &str = "https://graph.evil.example/v1.0";
    let by_environment = |name: &'static str, value: &'static str| {
        settings(&Flags::default(), &around(&[(name, value)])).surprises()
    };
    for (name, value) in [
        ("GRAPH_ATTACH_ENDPOINT", STRANGE),
        ("AZURE_AUTHORITY_HOST", "https://login.evil.example"),
    ] {
        let told = by_environment(name, value);
        assert!(
            told.len() == 1 && told[0].contains("evil.example"),
            "{told:?}"
        );
        assert!(told[0].contains(name), "{told:?}");
    }
    for (name, value) in [
        ("GRAPH_ATTACH_ENDPOINT", "http://127.0.0.1:1/v1.0"),
        ("GRAPH_ATTACH_ENDPOINT", "https://graph.microsoft.us/v1.0"),
        ("AZURE_AUTHORITY_HOST", "login.chinacloudapi.cn"),
    ] {
        assert_eq!(by_environment(name, value), Vec::<String>::new(), "{value}");
    }
    let flags = Flags {
        endpoint: Some(STRANGE.into()),
        ..Flags::default()
    };
    assert!(settings(&flags, &around(&[])).surprises().is_empty());
}

#[test]
fn certificates_come_from_where_curl_and_openssl_look() {
    let trust = |env: &[(&'static str, &'static str)], flags: &Flags| {
        settings(flags, &around(env)).http.trust
    };
    let none = Flags::default();
    assert_eq!(trust(&[], &none), Trust::default());
    let empty = [("SSL_CERT_FILE", ""), ("SSL_CERT_DIR", "")];
    assert_eq!(trust(&empty, &none), Trust::default());
    let both = [("SSL_CERT_FILE", "/x/ca.pem"), ("SSL_CERT_DIR", "/a:/b")];
    let flags = Flags {
        ca_file: Some("/own.pem".into()),
        ..Flags::default()
    };
    assert_eq!(
        trust(&both, &flags),
        Trust {
            ca_file: Some("/own.pem".into()),
            cert_file: Some("/x/ca.pem".into()),
            cert_dirs: vec!["/a".into(), "/b".into()],
        }
    );
}
