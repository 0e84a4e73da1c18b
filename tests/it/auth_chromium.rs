//! Signing in with a real browser: headless Chromium, driven over WebDriver as a person would click. Where
//! there is no Chromium this test says that it was not run.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{
    Stage,
    entra::{Entra, Manners, Page, TENANT},
    has,
    sign_in::SignIn,
    until,
};

/// Chromium and its driver, as one session.
struct Browser {
    driver: Child,
    session: String,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    _profile: tempfile::TempDir,
}

impl Browser {
    fn start() -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut browser = Browser {
            driver,
            session: format!("http://127.0.0.1:{port}"),
            runtime,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            _profile: tempfile::tempdir().unwrap(),
        };
        until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let profile = format!("--user-data-dir={}", browser._profile.path().display());
        let made = browser.post(
            "/session",
            &json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--no-proxy-server", profile,
            ]}}}}),
        );
        let id = made["sessionId"].as_str().unwrap().to_owned();
        browser.session += &format!("/session/{id}");
        browser
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let request = self
            .client
            .post(format!("{}{path}", self.session))
            .timeout(Duration::from_secs(120))
            .header("content-type", "application/json")
            .body(body.to_string());
        self.value(request)
    }

    fn get(&self, path: &str) -> Value {
        self.value(self.client.get(format!("{}{path}", self.session)))
    }

    fn value(&self, request: reqwest::RequestBuilder) -> Value {
        self.runtime.block_on(async {
            let text = request.send().await.unwrap().text().await.unwrap();
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert!(answer["value"]["error"].is_null(), "{answer}");
            answer["value"].clone()
        })
    }

    fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// Clicks the one link that goes on.
    fn next(&self) {
        let found = self.post(
            "/element",
            &json!({"using": "css selector", "value": "#next"}),
        );
        let id = found.as_object().unwrap().values().next().unwrap();
        let id = id.as_str().unwrap().to_owned();
        self.post(&format!("/element/{id}/click"), &json!({}));
    }

    fn title(&self) -> String {
        self.get("/title").as_str().unwrap().to_owned()
    }

    fn text(&self) -> String {
        let script = json!({"script": "return document.body.innerText", "args": []});
        self.post("/execute/sync", &script)
            .as_str()
            .unwrap()
            .to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let close = self.client.delete(&self.session).send();
        let _ = self.runtime.block_on(close);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

#[test]
fn a_person_clicks_through_in_chromium() {
    if !(has("chromium", "sign-in in a real browser")
        && has("chromedriver", "sign-in in a real browser"))
    {
        return;
    }
    let browser = Browser::start();
    let stage = Stage::new();
    let app = ["--client-id", "my-app", "--tenant", TENANT];
    let entra = Entra::start(Manners {
        page: Page::Asks,
        ..Manners::default()
    });
    let login = SignIn::start(&stage, &entra, &app);
    browser.open(&login.url);
    assert_eq!(browser.title(), "Pick an account");
    browser.next();
    assert_eq!(browser.title(), "Permissions requested");
    browser.next();
    until(|| browser.title().starts_with("Signed in"));
    let text = browser.text();
    assert!(text.contains("signed in as adele@contoso.com"), "{text}");
    assert!(text.contains("can be closed"), "{text}");
    if let Some(path) = std::env::var_os("GRAPH_ATTACH_TEST_SCREENSHOT") {
        use base64::Engine;
        let picture = browser.get("/screenshot");
        let bytes = base64::engine::general_purpose::STANDARD.decode(picture.as_str().unwrap());
        std::fs::write(path, bytes.unwrap()).unwrap();
    }
    let run = login.end().code(0);
    assert_eq!(run.json()[1]["account"], "adele@contoso.com");
    assert_eq!(entra.seen("/token").len(), 1);

    let declined = Entra::start(Manners {
        page: Page::Fails("access_denied", "AADSTS65004: User declined to consent."),
        ..Manners::default()
    });
    let login = SignIn::start(&stage, &declined, &app);
    browser.open(&login.url);
    assert!(
        browser.title().starts_with("Not signed in"),
        "{}",
        browser.title()
    );
    login.end().code(4).says("the sign-in was declined");
}
