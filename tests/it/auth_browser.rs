//! Signing in with a browser, played by a plain client, against a stand-in that plays Entra.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use graph_attach::{
    auth::{
        Context, CredentialError,
        login::{App, browser},
    },
    settings::cloud::PUBLIC,
};
use url::Url;

use crate::support::{
    Run, Stage,
    entra::{Entra, Manners, Page, TENANT},
    sign_in::{SignIn, browse, request},
    until,
};

const APP: [&str; 4] = ["--client-id", "my-app", "--tenant", TENANT];

fn entra(manners: Manners) -> Entra {
    Entra::start(manners)
}

fn kept(stage: &Stage) -> bool {
    stage.state_dir().join("login.json").exists()
}

/// The end of a login whose page does this.
fn ends(page: Page) -> (Stage, String, Run) {
    let stage = Stage::new();
    let entra = entra(Manners {
        page,
        ..Manners::default()
    });
    let login = SignIn::start(&stage, &entra, &APP);
    let (_, shown) = browse(&login.url);
    let run = login.end();
    assert!(!kept(&stage));
    (stage, shown, run)
}

#[test]
fn a_person_signs_in_and_the_login_is_used() {
    let stage = Stage::new();
    let entra = entra(Manners {
        access_token: Some(stage.sandbox.token().to_owned()),
        ..Manners::default()
    });
    let login = SignIn::start(&stage, &entra, &APP);
    assert_eq!(
        login.asked("redirect_uri"),
        format!("http://localhost:{}", login.port)
    );
    assert_eq!(
        login.asked("scope"),
        "https://graph.microsoft.com/Mail.ReadWrite offline_access openid profile"
    );
    assert_eq!(login.asked("prompt"), "select_account");
    let (status, shown) = browse(&login.url);
    assert_eq!(status, 200);
    assert!(shown.contains("signed in as adele@contoso.com"), "{shown}");
    assert!(shown.contains("can be closed"), "{shown}");
    let port = login.port;
    let run = login.end().code(0);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    let lines = run.json();
    assert_eq!(lines[0]["type"], "auth");
    assert_eq!(lines[1]["type"], "login");
    assert_eq!(lines[1]["account"], "adele@contoso.com");
    assert_eq!(lines[1]["tenant"], TENANT);
    assert_eq!(lines[1]["store"], "file");
    let said = format!("{run:?} {shown}");
    for secret in ["CANARY", "CODE-", stage.sandbox.token()] {
        assert!(!said.contains(secret), "{said}");
    }
    // No verifier in the link, and another one each time.
    let tokens = entra.seen("/token");
    assert!(tokens[0].value("code_verifier").unwrap().len() >= 43);

    stage.file("f.txt", 10);
    let mut command = stage.command(["attach", "f.txt"]);
    command
        .env_remove("GRAPH_ATTACH_TOKEN")
        .env("AZURE_AUTHORITY_HOST", entra.url());
    Run::of(command.output().unwrap()).code(0);
    assert_eq!(stage.held().len(), 1);
    assert_eq!(entra.seen("/token").len(), 1);
}

#[test]
fn a_wrong_state_ends_the_login_at_once() {
    let (_stage, shown, run) = ends(Page::OtherState);
    run.code(4)
        .says("another sign-in than the one that was begun");
    assert!(shown.contains("Not signed in"), "{shown}");
}

#[test]
fn an_answer_from_elsewhere_ends_the_login_and_its_code_goes_nowhere() {
    let stage = Stage::new();
    let entra = entra(Manners::default());
    let login = SignIn::start(&stage, &entra, &APP);
    browse(&format!(
        "http://localhost:{}/?code=EVIL&state=guess",
        login.port
    ));
    login.end().code(4);
    assert!(entra.seen("/token").is_empty() && !kept(&stage));
}

#[test]
fn an_error_redirect_says_what_it_means_and_what_to_do() {
    for (error, description, sentence, hint) in [
        (
            "access_denied",
            "AADSTS65004: User declined to consent to access the app.",
            "the sign-in was declined",
            "graph-attach auth login --client-id my-app",
        ),
        (
            "consent_required",
            "AADSTS65001: The user or administrator has not consented.",
            "nobody has consented",
            "Grant admin consent",
        ),
        (
            "access_denied",
            "AADSTS53003: Access has been blocked by Conditional Access policies.",
            "a Conditional Access policy",
            "graph-attach auth login --device-code --client-id my-app",
        ),
        (
            "server_error",
            "AADSTS90033: A transient error has occurred.",
            "AADSTS90033: A transient error",
            "https://login.microsoftonline.com/error?code=90033",
        ),
    ] {
        let (_stage, shown, run) = ends(Page::Fails(error, description));
        run.code(4).says(sentence).says(hint);
        assert!(shown.contains("Not signed in"), "{shown}");
    }
}

#[test]
fn what_is_not_the_answer_does_not_count() {
    let stage = Stage::new();
    let entra = entra(Manners::default());
    let login = SignIn::start(&stage, &entra, &APP);
    let here = format!("http://localhost:{}", login.port);
    let get = reqwest::Method::GET;
    assert_eq!(browse(&format!("{here}/favicon.ico")).0, 404);
    assert_eq!(browse(&format!("{here}/")).0, 404);
    assert_eq!(browse(&format!("{here}/callback?code=x&state=y")).0, 404);
    let answer = format!("{here}/?code=x&state=y");
    assert_eq!(request(reqwest::Method::POST, &answer, None).0, 405);
    assert_eq!(request(get, &answer, Some("evil.example")).0, 403);
    // A connection that never says anything holds up nobody.
    let _silent = TcpStream::connect(("127.0.0.1", login.port)).unwrap();
    let (_, shown) = browse(&login.url);
    assert!(shown.contains("Signed in"), "{shown}");
    login.end().code(0);
}

#[test]
fn of_two_browsers_that_answer_one_signs_in() {
    let stage = Stage::new();
    let entra = entra(Manners::default());
    let login = SignIn::start(&stage, &entra, &APP);
    let url = &login.url;
    let mut shown = std::thread::scope(|scope| {
        let both = [scope.spawn(|| browse(url)), scope.spawn(|| browse(url))];
        both.map(|browser| browser.join().map(|(_, shown)| shown).unwrap_or_default())
    });
    shown.sort();
    // The second one is told so, or finds that nobody listens any more.
    assert!(
        shown[1].contains("Signed in") || shown[0].contains("Signed in"),
        "{shown:?}"
    );
    assert_eq!(entra.seen("/token").len(), 1);
    login.end().code(0);
}

#[test]
fn ctrl_c_ends_a_login_that_never_comes_back() {
    let stage = Stage::new();
    let entra = entra(Manners {
        page: Page::Stays,
        ..Manners::default()
    });
    let login = SignIn::start(&stage, &entra, &APP);
    assert!(browse(&login.url).1.contains("AADSTS50011"));
    let pid = rustix::process::Pid::from_child(&login.child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let port = login.port;
    let run = login.end();
    assert_eq!(run.code, None, "{run:?}");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!kept(&stage));
}

fn context(entra: &Entra, state: &Path) -> Context {
    Context {
        cloud: PUBLIC,
        login_url: Url::parse(entra.url()).unwrap(),
        http: graph_upload::client::HttpOptions::default(),
        state_dir: Some(state.to_owned()),
        profile: None,
        keyring: false,
        interactive: false,
    }
}

#[tokio::test]
async fn a_login_that_never_comes_back_is_given_up_and_names_the_other_way() {
    let entra = entra(Manners::default());
    let home = tempfile::tempdir().unwrap();
    let app = App::new("my-app", TENANT);
    let pending = browser::begin(&app, &context(&entra, home.path()))
        .await
        .unwrap();
    let started = Instant::now();
    let problem = Box::pin(pending.finish(Duration::from_millis(300)))
        .await
        .unwrap_err();
    assert!(
        matches!(problem, CredentialError::NoAnswer { .. }),
        "{problem}"
    );
    assert!(started.elapsed() < Duration::from_secs(10));
    let hints = problem.hints();
    assert!(
        hints.iter().any(|hint| hint.contains("--device-code")),
        "{hints:?}"
    );
}

#[test]
fn a_clock_that_is_off_by_an_hour_does_not_matter() {
    for ahead in [-3600, 3600] {
        let stage = Stage::new();
        let entra = entra(Manners {
            ahead,
            ..Manners::default()
        });
        let login = SignIn::start(&stage, &entra, &APP);
        browse(&login.url);
        login.end().code(0);
        let mut command = stage.command(["auth", "status", "--json"]);
        command.env_remove("GRAPH_ATTACH_TOKEN");
        let status = Run::of(command.output().unwrap()).code(0);
        assert_eq!(status.json()[0]["account"], "adele@contoso.com");
        assert_eq!(entra.seen("/token").len(), 1, "renewed at once");
    }
}

#[test]
fn the_nonce_is_checked_if_an_id_token_comes_and_none_is_required() {
    for (id_token, code) in [(Some(Some("another")), 4), (Some(None), 0), (None, 0)] {
        let stage = Stage::new();
        let entra = entra(Manners {
            id_token,
            ..Manners::default()
        });
        let login = SignIn::start(&stage, &entra, &APP);
        browse(&login.url);
        login.end().code(code);
        assert_eq!(kept(&stage), code == 0);
    }
}

#[test]
fn an_account_of_another_tenant_is_not_kept() {
    let stage = Stage::new();
    let entra = entra(Manners {
        tenant: "99999999-2222-3333-4444-555555555555",
        ..Manners::default()
    });
    let login = SignIn::start(&stage, &entra, &APP);
    let (_, shown) = browse(&login.url);
    assert!(shown.contains("Not signed in"), "{shown}");
    login
        .end()
        .code(4)
        .says("the sign-in was to the tenant 99999999")
        .says(&format!("`{TENANT}` was asked for"));
    assert!(!kept(&stage));
}

#[test]
fn the_browser_variable_is_honoured() {
    let stage = Stage::new();
    let entra = entra(Manners::default());
    let (script, link) = (
        stage.home.path().join("browser"),
        stage.home.path().join("link"),
    );
    fs::write(
        &script,
        format!(
            "#!/bin/sh\nprintf %s \"$1\" > {}.new\nmv {0}.new {0}\n",
            link.display()
        ),
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    // Without `--browser` too: whoever sets it has one.
    let mut child = stage
        .process(["auth", "login", "--no-keyring"])
        .args(APP)
        .env("BROWSER", &script)
        .env("AZURE_AUTHORITY_HOST", entra.url())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until(|| link.exists());
    let url = fs::read_to_string(&link).unwrap();
    assert!(url.starts_with(entra.url()), "{url}");
    browse(&url);
    assert!(child.wait().unwrap().success());
}

#[test]
fn without_a_browser_there_is_a_link_and_how_to_reach_the_port() {
    let stage = Stage::new();
    let entra = entra(Manners::default());
    let mut child = stage
        .process(["--quiet", "auth", "login", "--browser", "--no-keyring"])
        .args(APP)
        .env("PATH", stage.home.path())
        .env("AZURE_AUTHORITY_HOST", entra.url())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let stderr = child.stderr.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stderr));
    while !said.contains("ssh -L") {
        said += &lines.next().unwrap().unwrap();
        said.push('\n');
    }
    let link = said
        .split_whitespace()
        .find(|word| word.starts_with("http"))
        .unwrap();
    let port = Url::parse(link).unwrap();
    let port = port
        .query_pairs()
        .find(|(name, _)| name == "redirect_uri")
        .unwrap()
        .1;
    let port = port.rsplit(':').next().unwrap().to_owned();
    assert!(
        said.contains(&format!("ssh -L {port}:localhost:{port} HOST")),
        "{said}"
    );
    browse(link);
    assert!(child.wait().unwrap().success());
}
