//! Signing in as a person, and going on with that login, against a stand-in for the login host.

use graph_upload::client::HttpOptions;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

use graph_attach::{
    auth::{
        Context, CredentialError, Error, Kind, Provider, Selection,
        login::{self, App, SignedIn, device},
    },
    settings::{Credential, Origin, Sourced, cloud::PUBLIC, credential::Identity},
};
use url::Url;

use crate::support::login_server::{Answer, LoginServer, Seen};

fn context(server: &LoginServer, state: &Path) -> Context {
    Context {
        cloud: PUBLIC,
        login_url: Url::parse(&server.url).unwrap(),
        http: HttpOptions::default(),
        state_dir: Some(state.to_owned()),
        profile: None,
        keyring: false,
        interactive: false,
    }
}

fn app() -> App {
    App::new("my-app", "my-tenant")
}

async fn login(context: &Context) -> Result<SignedIn, CredentialError> {
    device::begin(&app(), context).await?.finish().await
}

fn provider(context: &Context, wanted: Identity) -> Result<Provider, Error> {
    let credential = Sourced::new(Credential::SavedLogin(wanted), Origin::SavedLogin);
    Provider::new(
        Selection {
            credential,
            ignored: Vec::new(),
        },
        context,
    )
}

/// Everything in the state directory, as text.
fn kept(state: &Path) -> String {
    fs::read_dir(state)
        .map(|entries| {
            entries
                .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default())
                .collect()
        })
        .unwrap_or_default()
}

fn is_poll(seen: &Seen) -> bool {
    seen.value("device_code").is_some()
}

#[tokio::test]
async fn a_person_signs_in_and_the_login_is_kept_for_them_only() {
    let server = LoginServer::start(|before, seen| match before {
        0 => Answer::device_code(0, 900),
        1 | 2 => Answer::error("authorization_pending", "AADSTS70016: pending"),
        _ if is_poll(seen) => Answer::login("ACCESS", 3600, "REFRESH"),
        _ => Answer::html(404),
    });
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    let context = context(&server, &state);
    let pending = device::begin(&app(), &context).await.unwrap();
    assert_eq!(pending.code, "ABCD1234");
    assert_eq!(pending.page, "https://login.example/device");
    assert!(!format!("{pending:?}").contains("DEVICE-CODE"));
    assert!(!kept(&state).contains("REFRESH"));
    let issued = pending.finish().await.unwrap();
    assert_eq!(issued.token.token.expose(), "ACCESS");

    let seen = server.seen();
    assert_eq!(seen[0].line, "POST /my-tenant/oauth2/v2.0/devicecode");
    assert_eq!(seen[0].value("client_id"), Some("my-app"));
    assert_eq!(
        seen[0].value("scope"),
        Some("https://graph.microsoft.com/Mail.ReadWrite offline_access openid profile")
    );
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[3].line, "POST /my-tenant/oauth2/v2.0/token");
    assert_eq!(seen[3].value("device_code"), Some("DEVICE-CODE"));
    let metadata = fs::metadata(state.join("login.json")).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&state).unwrap().mode() & 0o777, 0o700);

    // Another process: the saved token is good, so nobody is asked.
    let token = provider(&context, Identity::default())
        .unwrap()
        .token()
        .await
        .unwrap();
    assert_eq!(token.expose(), "ACCESS");
    assert_eq!(server.seen().len(), 4);

    assert_eq!(login::logout(&context, false).await.unwrap(), 1);
    assert!(!kept(&state).contains("REFRESH"));
    assert_eq!(login::logout(&context, false).await.unwrap(), 0);
}

#[tokio::test]
async fn slow_down_slows_down() {
    let server = LoginServer::start(|before, _| match before {
        0 => Answer::device_code(0, 900),
        1 => Answer::error("slow_down", "too fast"),
        _ => Answer::login("ACCESS", 3600, "REFRESH"),
    });
    let home = tempfile::tempdir().unwrap();
    let started = Instant::now();
    login(&context(&server, home.path())).await.unwrap();
    // RFC 8628: five seconds more from then on.
    assert!(
        started.elapsed() >= Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_sign_in_that_fails_says_why_and_leaves_nothing() {
    for (error, description, sentence) in [
        (
            "authorization_declined",
            "The end user declined.",
            "the sign-in was declined",
        ),
        ("access_denied", "no", "the sign-in was declined"),
        ("expired_token", "AADSTS70020: too late", "the code expired"),
        (
            "invalid_grant",
            "AADSTS53003: Access has been blocked by Conditional Access policies.",
            "a Conditional Access policy of the tenant blocks this sign-in (AADSTS53003)",
        ),
        (
            "invalid_client",
            "AADSTS7000218: The request body must contain client_assertion.",
            "not registered as a public client",
        ),
    ] {
        let server = LoginServer::start(move |before, _| match before {
            0 => Answer::device_code(0, 900),
            _ => Answer::error(error, description),
        });
        let home = tempfile::tempdir().unwrap();
        let problem = login(&context(&server, home.path())).await.unwrap_err();
        assert!(problem.to_string().contains(sentence), "{problem}");
        assert_eq!(problem.kind(), Kind::Credentials);
        assert!(!problem.hints().is_empty(), "{problem}");
        assert!(!home.path().join("login.json").exists());
    }
}

#[tokio::test]
async fn a_code_that_nobody_enters_in_time_expires() {
    let server = LoginServer::start(|before, _| match before {
        0 => Answer::device_code(0, 1),
        _ => Answer::error("authorization_pending", "AADSTS70016: pending"),
    });
    let home = tempfile::tempdir().unwrap();
    let problem = login(&context(&server, home.path())).await.unwrap_err();
    assert!(
        problem.to_string().contains("the code expired"),
        "{problem}"
    );
}

#[tokio::test]
async fn an_app_that_the_tenant_does_not_know_is_told_at_once() {
    let server = LoginServer::start(|_, _| {
        Answer::error(
            "unauthorized_client",
            "AADSTS700016: Application was not found.",
        )
    });
    let home = tempfile::tempdir().unwrap();
    let problem = device::begin(&app(), &context(&server, home.path()))
        .await
        .unwrap_err();
    assert!(
        problem.to_string().contains("does not know the app"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_login_host_in_trouble_is_temporary_and_while_polling_only_a_delay() {
    let home = tempfile::tempdir().unwrap();
    let server = LoginServer::start(|_, _| Answer::html(503));
    let problem = device::begin(&app(), &context(&server, home.path()))
        .await
        .unwrap_err();
    assert_eq!(problem.kind(), Kind::Temporary);

    let server = LoginServer::start(|before, _| match before {
        0 => Answer::device_code(0, 900),
        1 => Answer::html(502),
        _ => Answer::login("ACCESS", 3600, "REFRESH"),
    });
    login(&context(&server, home.path())).await.unwrap();
}

#[tokio::test]
async fn a_page_instead_of_an_answer_is_not_quoted() {
    let server = LoginServer::start(|_, _| Answer::html(200));
    let home = tempfile::tempdir().unwrap();
    let problem = device::begin(&app(), &context(&server, home.path()))
        .await
        .unwrap_err();
    assert!(problem.to_string().contains("a web page"), "{problem}");
    assert!(!format!("{problem} {problem:?}").contains("CANARY"));
}

#[tokio::test]
async fn a_login_that_is_interrupted_leaves_nothing() {
    let server = LoginServer::start(|before, _| match before {
        0 => Answer::device_code(0, 900),
        _ => Answer::error("authorization_pending", "AADSTS70016: pending"),
    });
    let home = tempfile::tempdir().unwrap();
    let context = context(&server, home.path());
    let login = tokio::time::timeout(Duration::from_millis(700), Box::pin(login(&context)));
    assert!(login.await.is_err());
    assert!(!home.path().join("login.json").exists());
}

#[tokio::test]
async fn no_login_is_begun_that_could_not_be_kept() {
    let server = LoginServer::start(|_, _| Answer::device_code(0, 900));
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let problem = device::begin(&app(), &context(&server, &file))
        .await
        .unwrap_err();
    assert_eq!(problem.kind(), Kind::State);
    let nowhere = Context {
        state_dir: None,
        ..context(&server, &file)
    };
    let problem = device::begin(&app(), &nowhere).await.unwrap_err();
    assert_eq!(problem.kind(), Kind::State);
    assert!(server.seen().is_empty());
}

/// A stand-in whose first login lasts for `first` seconds, and that gives `token-N` for each
/// refresh token of the form `REFRESH-N`, which is good once.
fn rotating(first: i64) -> LoginServer {
    let spent = std::sync::Mutex::new(Vec::new());
    LoginServer::start(move |_, seen| {
        if seen.line.ends_with("/devicecode") {
            return Answer::device_code(0, 900);
        }
        if is_poll(seen) {
            return Answer::login("token-0", first, "REFRESH-0");
        }
        let refresh = seen.value("refresh_token").unwrap_or_default().to_owned();
        let mut spent = spent.lock().unwrap();
        if spent.contains(&refresh) {
            return Answer::error(
                "invalid_grant",
                "AADSTS700082: The refresh token was spent.",
            );
        }
        let number: u32 = refresh.trim_start_matches("REFRESH-").parse().unwrap();
        spent.push(refresh);
        // Long enough that two processes meet at the lock.
        std::thread::sleep(Duration::from_millis(200));
        let next = number + 1;
        Answer::login(&format!("token-{next}"), 3600, &format!("REFRESH-{next}"))
    })
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_and_the_new_refresh_token_kept() {
    let server = rotating(299);
    let home = tempfile::tempdir().unwrap();
    let context = context(&server, home.path());
    login(&context).await.unwrap();
    let first = provider(&context, Identity::default()).unwrap();
    let token = first.token().await.unwrap();
    assert_eq!(token.expose(), "token-1");
    assert!(kept(home.path()).contains("REFRESH-1"));
    assert!(!kept(home.path()).contains("REFRESH-0"));
    let seen = server.seen();
    assert_eq!(seen[2].value("grant_type"), Some("refresh_token"));
    assert_eq!(seen[2].value("client_id"), Some("my-app"));

    // The service refuses it, against expectation: another one, and that is kept too.
    assert_eq!(
        first.renew(&token).await.unwrap().unwrap().expose(),
        "token-2"
    );
    let second = provider(&context, Identity::default()).unwrap();
    assert_eq!(second.token().await.unwrap().expose(), "token-2");
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn processes_that_renew_at_once_spend_one_refresh_token() {
    let server = rotating(10);
    let home = tempfile::tempdir().unwrap();
    let context = context(&server, home.path());
    login(&context).await.unwrap();
    let before = server.seen().len();
    let each = || async {
        let provider = provider(&context, Identity::default()).unwrap();
        provider.token().await.unwrap().expose().to_owned()
    };
    let tokens = tokio::join!(each(), each(), each(), each());
    assert_eq!(
        tokens,
        (
            "token-1".into(),
            "token-1".into(),
            "token-1".into(),
            "token-1".into()
        )
    );
    assert_eq!(server.seen().len(), before + 1);
}

#[tokio::test]
async fn a_login_that_has_ended_says_how_to_begin_anew() {
    let server = LoginServer::start(|before, _| match before {
        0 => Answer::device_code(0, 900),
        1 => Answer::login("old", 10, "REFRESH"),
        _ => Answer::error(
            "invalid_grant",
            "AADSTS700082: The refresh token has expired.",
        ),
    });
    let home = tempfile::tempdir().unwrap();
    let context = context(&server, home.path());
    login(&context).await.unwrap();
    let provider = provider(&context, Identity::default()).unwrap();
    let error = provider.token().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Credentials);
    assert_eq!(
        error.to_string(),
        "no token from the saved login: the saved login has ended: the sign-in expired or was \
         revoked (AADSTS700082)"
    );
    assert_eq!(
        error.hints(),
        ["graph-attach auth login --client-id my-app --tenant my-tenant"]
    );
    assert!(!format!("{error:?}").contains("REFRESH"));
}

#[tokio::test]
async fn a_login_that_a_policy_ended_says_so_before_it_says_to_begin_anew() {
    let again = "graph-attach auth login --client-id my-app --tenant my-tenant";
    for (description, first) in [
        ("AADSTS53003: Blocked.", "ask the tenant's administrator"),
        (
            "AADSTS530036: Blocked.",
            "login --browser --client-id my-app",
        ),
        ("AADSTS50057: Disabled.", "error?code=50057"),
        ("AADSTS65001: No consent.", "Grant admin consent"),
        ("AADSTS50076: Another factor.", again),
        ("AADSTS1: Something new.", "error?code=1"),
    ] {
        let server = LoginServer::start(move |before, _| match before {
            0 => Answer::device_code(0, 900),
            1 => Answer::login("old", 10, "REFRESH"),
            _ => Answer::error("invalid_grant", description),
        });
        let home = tempfile::tempdir().unwrap();
        let context = context(&server, home.path());
        login(&context).await.unwrap();
        let provider = provider(&context, Identity::default()).unwrap();
        let hints = provider.token().await.unwrap_err().hints();
        assert!(hints[0].contains(first), "{description} {hints:?}");
        let logins = hints.iter().filter(|hint| hint.contains("auth login"));
        assert_eq!(logins.count(), 1, "{hints:?}");
        assert!(hints.len() <= 2, "{hints:?}");
    }
}

#[tokio::test]
async fn a_busy_login_host_does_not_end_the_login() {
    let server = LoginServer::start(|before, _| match before {
        0 => Answer::device_code(0, 900),
        1 => Answer::login("old", 10, "REFRESH"),
        2 => Answer::html(503),
        _ => Answer::login("new", 3600, "REFRESH-2"),
    });
    let home = tempfile::tempdir().unwrap();
    let context = context(&server, home.path());
    login(&context).await.unwrap();
    let provider = provider(&context, Identity::default()).unwrap();
    assert_eq!(provider.token().await.unwrap_err().kind(), Kind::Temporary);
    assert_eq!(provider.token().await.unwrap().expose(), "new");
}

#[tokio::test]
async fn a_login_of_another_app_is_not_used() {
    let server = rotating(3600);
    let home = tempfile::tempdir().unwrap();
    let context = context(&server, home.path());
    let wanted = |app: &str, tenant: &str| Identity {
        client_id: Some(app.into()),
        tenant: Some(tenant.into()),
        ..Identity::default()
    };
    let none = provider(&context, wanted("a", "b"))
        .unwrap()
        .token()
        .await
        .unwrap_err();
    assert_eq!(
        none.hints(),
        ["graph-attach auth login --client-id a --tenant b"]
    );
    login(&context).await.unwrap();
    let fits = provider(&context, wanted("MY-APP", "my-tenant")).unwrap();
    assert_eq!(fits.token().await.unwrap().expose(), "token-0");
    for (app, tenant) in [("other", "my-tenant"), ("my-app", "other")] {
        let error = provider(&context, wanted(app, tenant))
            .unwrap()
            .token()
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("is for the app my-app"),
            "{error}"
        );
        assert_eq!(server.seen().len(), 2);
    }
}
