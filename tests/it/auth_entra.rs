//! Signing in as an app, a workload or a machine, against a stand-in for the login host and the
//! metadata service.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use graph_attach::{
    auth::{Error, Kind, Provider},
    settings::{self, Flags, Settings, Surroundings, file::Text},
};

use crate::support::{
    Run, Stage,
    login_server::{Answer, Identity, LoginServer, Seen},
};

/// Surroundings with just these variables, a configuration file, and a home of their own.
struct Around {
    env: Vec<(&'static str, String)>,
    config: String,
    home: PathBuf,
}

impl Surroundings for Around {
    fn env(&self, name: &str) -> Option<OsString> {
        self.env
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.into())
    }

    fn read(&self, _: &Path) -> io::Result<Text> {
        Ok(Text {
            text: self.config.clone(),
            mode: 0o600,
        })
    }

    fn config_dir(&self) -> Option<PathBuf> {
        Some(self.home.join("config"))
    }

    fn state_dir(&self) -> Option<PathBuf> {
        Some(self.home.join("state"))
    }
}

fn settings(env: &[(&'static str, &str)], config: &str, flags: &Flags) -> Settings {
    let around = Around {
        env: env
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
        config: config.to_owned(),
        home: "/nowhere".into(),
    };
    settings::load(flags, &around).unwrap()
}

async fn token(settings: &Settings) -> Result<String, Error> {
    Ok(Provider::of(settings)?.token().await?.expose().to_owned())
}

fn secret_env(url: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("AZURE_TENANT_ID", "my-tenant"),
        ("AZURE_CLIENT_ID", "my-app"),
        ("AZURE_CLIENT_SECRET", "CANARY-secret"),
        ("AZURE_AUTHORITY_HOST", url),
    ]
}

#[tokio::test]
async fn a_client_secret_gets_a_token_and_another_when_that_is_refused() {
    let server = LoginServer::start(|before, _| Answer::token(&format!("token-{before}"), 3600));
    let settings = settings(&secret_env(&server.url), "", &Flags::default());
    let provider = Provider::of(&settings).unwrap();
    assert_eq!(provider.origin().to_string(), "AZURE_CLIENT_SECRET");
    let first = provider.issued().await.unwrap();
    assert_eq!(first.token.expose(), "token-0");
    assert!(first.expires.is_some());
    assert_eq!(provider.token().await.unwrap().expose(), "token-0");
    assert_eq!(
        provider
            .renew(&first.token)
            .await
            .unwrap()
            .unwrap()
            .expose(),
        "token-1"
    );

    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].line, "POST /my-tenant/oauth2/v2.0/token");
    assert_eq!(seen[0].value("client_secret"), Some("CANARY-secret"));
    assert_eq!(seen[0].value("client_id"), Some("my-app"));
    assert_eq!(
        seen[0].value("scope"),
        Some("https://graph.microsoft.com/.default")
    );
}

#[tokio::test]
async fn the_scope_is_the_cloud_s() {
    let server = LoginServer::start(|_, _| Answer::token("t", 3600));
    let flags = Flags {
        cloud: Some("china".into()),
        ..Flags::default()
    };
    token(&settings(&secret_env(&server.url), "", &flags))
        .await
        .unwrap();
    assert_eq!(
        server.seen()[0].value("scope"),
        Some("https://microsoftgraph.chinacloudapi.cn/.default")
    );
}

#[tokio::test]
async fn a_wrong_or_old_secret_is_named_without_the_secret() {
    for (description, sentence) in [
        (
            "AADSTS7000215: Invalid client secret provided.",
            "the client secret is wrong",
        ),
        (
            "AADSTS7000222: The provided client secret keys are expired.",
            "has expired",
        ),
        (
            "AADSTS700016: Application was not found.",
            "does not know the app",
        ),
    ] {
        let server = LoginServer::start(move |_, _| Answer::error("invalid_client", description));
        let settings = settings(&secret_env(&server.url), "", &Flags::default());
        let error = token(&settings).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Credentials);
        assert!(error.to_string().contains(sentence), "{error}");
        assert!(!error.hints().is_empty());
        assert!(
            !format!("{error} {error:?}").contains("CANARY"),
            "{error:?}"
        );
        assert_eq!(server.seen().len(), 1, "a refusal is not tried again");
    }
}

#[tokio::test]
async fn a_busy_login_host_is_asked_again_and_is_temporary() {
    let server = LoginServer::start(|before, _| match before {
        0 => Answer::html(503),
        _ => Answer::token("late", 3600),
    });
    let env = secret_env(&server.url);
    assert_eq!(
        token(&settings(&env, "", &Flags::default())).await.unwrap(),
        "late"
    );

    let server = LoginServer::start(|_, _| Answer::html(500));
    let env = secret_env(&server.url);
    let error = token(&settings(&env, "", &Flags::default()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Temporary);
    assert!(!error.to_string().contains("CANARY"));
}

#[tokio::test]
async fn a_login_host_that_is_not_there_is_temporary() {
    let env = secret_env("http://127.0.0.1:1");
    let error = token(&settings(&env, "", &Flags::default()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Temporary);
    assert!(
        error.to_string().contains("cannot reach `127.0.0.1`"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_answer_of_entra_is_called_that() {
    let server = LoginServer::start(|_, _| Answer::html(200));
    let error = token(&settings(&secret_env(&server.url), "", &Flags::default())).await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    assert!(
        !format!("{error} {error:?}").contains("CANARY"),
        "{error:?}"
    );
}

#[tokio::test]
async fn no_redirect_takes_the_secret_elsewhere() {
    let target = LoginServer::start(|_, _| Answer::token("stolen", 3600));
    let to = format!("{}/x", target.url);
    let server = LoginServer::start(move |_, _| Answer::redirect(&to));
    assert!(
        token(&settings(&secret_env(&server.url), "", &Flags::default()))
            .await
            .is_err()
    );
    assert!(target.seen().is_empty());
}

#[tokio::test]
async fn a_login_host_s_certificate_is_checked() {
    let identity = Identity::new("127.0.0.1");
    let server = LoginServer::start_tls(&identity, |_, _| Answer::token("secure", 3600));
    let env = secret_env(&server.url);
    let trusting = Flags {
        ca_file: Some(identity.ca_file.clone()),
        ..Flags::default()
    };
    assert_eq!(
        token(&settings(&env, "", &trusting)).await.unwrap(),
        "secure"
    );

    let other = Identity::new("127.0.0.1");
    for ca_file in [None, Some(other.ca_file.clone())] {
        let flags = Flags {
            ca_file,
            ..Flags::default()
        };
        assert!(token(&settings(&env, "", &flags)).await.is_err());
    }
    for wrong in [
        Identity::new("login.example"),
        Identity::expired("127.0.0.1"),
    ] {
        let server = LoginServer::start_tls(&wrong, |_, _| Answer::token("wrong", 3600));
        let flags = Flags {
            ca_file: Some(wrong.ca_file.clone()),
            ..Flags::default()
        };
        assert!(
            token(&settings(&secret_env(&server.url), "", &flags))
                .await
                .is_err()
        );
        assert!(server.seen().is_empty());
    }
}

#[tokio::test]
async fn a_profile_s_secret_file_is_read_anew() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    let server = LoginServer::start(|before, _| Answer::token(&format!("t{before}"), 3600));
    let config = format!(
        "[profile.work]\nauth = \"client-secret\"\ntenant = \"t\"\nclient_id = \"c\"\n\
         client_secret_file = \"{}\"\n",
        file.display()
    );
    let flags = Flags {
        profile: Some("work".into()),
        login_url: Some(server.url.clone()),
        ..Flags::default()
    };
    fs::write(&file, "one\n").unwrap();
    let provider = Provider::of(&settings(&[], &config, &flags)).unwrap();
    let first = provider.token().await.unwrap();
    fs::write(&file, "two\n").unwrap();
    provider.renew(&first).await.unwrap();
    let secrets: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.value("client_secret").unwrap().to_owned())
        .collect();
    assert_eq!(secrets, ["one", "two"]);
}

#[tokio::test]
async fn a_workload_s_own_token_is_read_anew() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("federated");
    let path = file.display().to_string();
    let server = LoginServer::start(|before, _| Answer::token(&format!("t{before}"), 3600));
    let env = [
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_FEDERATED_TOKEN_FILE", path.as_str()),
        ("AZURE_AUTHORITY_HOST", &server.url),
    ];
    let settings = settings(&env, "", &Flags::default());
    let missing = token(&settings).await.unwrap_err();
    assert!(missing.to_string().contains("cannot read"), "{missing}");
    fs::write(&file, "kubernetes-1").unwrap();
    let provider = Provider::of(&settings).unwrap();
    let first = provider.token().await.unwrap();
    fs::write(&file, "kubernetes-2").unwrap();
    provider.renew(&first).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].value("client_assertion"), Some("kubernetes-1"));
    assert_eq!(seen[1].value("client_assertion"), Some("kubernetes-2"));
    assert_eq!(seen[0].value("grant_type"), Some("client_credentials"));
}

#[tokio::test]
async fn what_a_profile_lacks_is_a_configuration_error() {
    let config = "[profile.work]\nauth = \"client-secret\"\ntenant = \"t\"\n";
    let flags = Flags {
        profile: Some("work".into()),
        ..Flags::default()
    };
    let error = token(&settings(&[], config, &flags)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Configuration);
    let text = error.to_string();
    assert!(
        text.contains("`client_id`") && text.contains("`client_secret_file`"),
        "{text}"
    );
}

fn managed(server: &LoginServer, client: Option<&str>) -> Settings {
    let mut config = "[profile.vm]\nauth = \"managed-identity\"\n".to_owned();
    if let Some(client) = client {
        config += &format!("client_id = \"{client}\"\n");
    }
    let env = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url.as_str())];
    settings(
        &env,
        &config,
        &Flags {
            profile: Some("vm".into()),
            ..Flags::default()
        },
    )
}

fn metadata(_: usize, seen: &Seen) -> Answer {
    let ends = jiff::Timestamp::now().as_second() + 3600;
    match seen.header("metadata") {
        Some("true") => Answer::json(
            200,
            &serde_json::json!({
                "access_token": "machine", "expires_on": ends.to_string(),
                "resource": "https://graph.microsoft.com", "token_type": "Bearer",
            }),
        ),
        _ => Answer::json(400, &serde_json::json!({"error": "bad_request_102"})),
    }
}

#[tokio::test]
async fn a_machine_gets_a_token_from_its_platform() {
    let server = LoginServer::start(metadata);
    assert_eq!(token(&managed(&server, None)).await.unwrap(), "machine");
    assert_eq!(
        token(&managed(&server, Some("mine"))).await.unwrap(),
        "machine"
    );
    let seen = server.seen();
    assert!(
        seen[0]
            .line
            .starts_with("GET /metadata/identity/oauth2/token?"),
        "{}",
        seen[0].line
    );
    assert_eq!(
        seen[0].value("resource"),
        Some("https://graph.microsoft.com")
    );
    assert_eq!(seen[0].value("client_id"), None);
    assert_eq!(seen[1].value("client_id"), Some("mine"));
}

#[tokio::test]
async fn a_machine_without_an_identity_is_told_so() {
    let server = LoginServer::start(|_, _| {
        let body = serde_json::json!({
            "error": "invalid_request", "error_description": "Identity not found",
        });
        Answer::json(400, &body)
    });
    let error = token(&managed(&server, None)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Credentials);
    assert!(
        error
            .to_string()
            .contains("no managed identity: Identity not found"),
        "{error}"
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_metadata_service_elsewhere_is_refused() {
    for host in ["http://10.0.0.1", "https://metadata.example", "nonsense"] {
        let env = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", host)];
        let config = "auth = \"managed-identity\"\n";
        let error = token(&settings(&env, config, &Flags::default()))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Configuration, "{host}");
    }
}

/// The binary in an App Service that names this identity endpoint, and a proxy that must not be used.
fn app_service(stage: &Stage, endpoint: &str, proxy: &LoginServer) -> Run {
    let config = stage.home.path().join("config.toml");
    fs::write(
        &config,
        "auth = \"managed-identity\"\nclient_id = \"mine\"\n",
    )
    .unwrap();
    stage.file("f.txt", 10);
    let mut command = stage.command(["-vv", "--config", "config.toml", "attach", "f.txt"]);
    command
        .env_remove("GRAPH_ATTACH_TOKEN")
        .env("IDENTITY_ENDPOINT", endpoint)
        .env("IDENTITY_HEADER", "CANARY-header");
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, &proxy.url);
    }
    let run = Run::of(command.output().unwrap());
    assert!(!format!("{run:?}").contains("CANARY"), "{run:#?}");
    assert!(proxy.seen().is_empty());
    run
}

#[test]
fn an_app_service_gets_a_token_from_the_endpoint_that_it_names() {
    let stage = Stage::new();
    let proxy = LoginServer::start(|_, _| Answer::html(502));
    let access = stage.sandbox.token().to_owned();
    let service = LoginServer::start(move |_, _| {
        let ends = jiff::Timestamp::now().as_second() + 3600;
        Answer::json(
            200,
            &serde_json::json!({
                "access_token": access, "expires_on": ends.to_string(),
                "resource": "https://graph.microsoft.com", "token_type": "Bearer",
                "client_id": "mine",
            }),
        )
    });
    let endpoint = format!("{}/msi/token", service.url);
    app_service(&stage, &endpoint, &proxy).code(0);
    assert_eq!(stage.held().len(), 1);
    let seen = service.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].line.starts_with("GET /msi/token?"), "{seen:?}");
    assert_eq!(seen[0].header("x-identity-header"), Some("CANARY-header"));
    assert_eq!(
        seen[0].value("resource"),
        Some("https://graph.microsoft.com")
    );
    assert_eq!(seen[0].value("client_id"), Some("mine"));
}

#[test]
fn an_app_service_s_refusal_is_told_in_its_words() {
    let stage = Stage::new();
    let proxy = LoginServer::start(|_, _| Answer::html(502));
    let service = LoginServer::start(|_, _| {
        let body = serde_json::json!({
            "statusCode": 400, "message": "Unable to load requested managed identity.",
            "correlationId": "0",
        });
        Answer::json(400, &body)
    });
    app_service(&stage, &format!("{}/msi/token", service.url), &proxy)
        .code(4)
        .says("no managed identity: Unable to load requested managed identity.");
    assert_eq!(service.seen().len(), 1);
    assert!(stage.sandbox.requests().is_empty());
}

#[test]
fn the_secret_of_an_app_service_goes_to_no_public_address_and_after_no_redirect() {
    let stage = Stage::new();
    let proxy = LoginServer::start(|_, _| Answer::html(502));
    // An address for documentation, which is nobody's.
    app_service(&stage, "http://203.0.113.1:8081/msi/token", &proxy)
        .code(4)
        .says("cannot reach `203.0.113.1`: plain http is for this computer and its private network only");

    let target = LoginServer::start(|_, _| Answer::token("stolen", 3600));
    let to = format!("{}/x", target.url);
    let service = LoginServer::start(move |_, _| Answer::redirect(&to));
    app_service(&stage, &format!("{}/msi/token", service.url), &proxy)
        .code(4)
        .says("it answered 307");
    assert!(target.seen().is_empty());
}

#[test]
fn a_platform_without_support_is_named_and_not_asked() {
    let stage = Stage::new();
    let server = LoginServer::start(metadata);
    let config = "auth = \"managed-identity\"\n";
    fs::write(stage.home.path().join("config.toml"), config).unwrap();
    for (name, variables) in [
        (
            "Service Fabric",
            &[
                "IDENTITY_ENDPOINT",
                "IDENTITY_HEADER",
                "IDENTITY_SERVER_THUMBPRINT",
            ][..],
        ),
        ("Azure ML", &["MSI_ENDPOINT", "MSI_SECRET"]),
        ("CloudShell", &["MSI_ENDPOINT"]),
    ] {
        let mut command = stage.command(["--config", "config.toml", "auth", "status"]);
        command.env_remove("GRAPH_ATTACH_TOKEN");
        for variable in variables {
            command.env(variable, &server.url);
        }
        Run::of(command.output().unwrap()).code(2).says(&format!(
            "the identity cannot be used: {name} managed identity isn't supported"
        ));
    }
    assert!(server.seen().is_empty());
}
