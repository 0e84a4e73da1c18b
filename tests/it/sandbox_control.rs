//! The stand-in controlled while it runs, and addressed from elsewhere: containers, browsers, sign-in.

use std::{collections::HashMap, time::Duration};

use graph_sandbox::{
    Options,
    options::{ContentStore, Gzip, UploadAuth, UrlForm},
};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::{Client, bytes, client::error};

const SIZE: usize = 3_000_000;

fn control(client: &Client, method: Method, path: &str) -> RequestBuilder {
    client.http.request(
        method,
        format!("{}/sandbox/{path}", client.sandbox.origin()),
    )
}

async fn sent(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn control_requests_answer_to_this_computer_only() {
    let client = Client::start(Options {
        allow_hosts: vec!["sandbox.test".to_owned()],
        ..Options::default()
    })
    .await;
    let own = client.sandbox.origin().to_owned();
    for (path, headers, status) in [
        ("items", vec![], 200),
        ("items", vec![("host", "localhost:1")], 200),
        ("items", vec![("host", "sandbox.test")], 200),
        ("items", vec![("host", "attacker.example")], 403),
        ("health", vec![("host", "attacker.example")], 200),
        ("items", vec![("origin", own.as_str())], 200),
        ("items", vec![("origin", "http://attacker.example")], 403),
        ("items", vec![("origin", "null")], 403),
        ("nothing", vec![], 404),
    ] {
        let mut request = control(&client, Method::GET, path);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        assert_eq!(sent(request).await.status(), status, "{path} {headers:?}");
    }
    let large = control(&client, Method::POST, "faults").body("x".repeat(70_000));
    assert_eq!(sent(large).await.status(), 413);
    let wrong = sent(control(&client, Method::PUT, "reset")).await;
    assert_eq!(
        (wrong.status().as_u16(), &wrong.headers()["allow"]),
        (405, &"POST".parse().expect("fine"))
    );
    assert_eq!(
        client.sandbox.requests(),
        [],
        "control requests are not logged"
    );
}

#[tokio::test]
async fn a_reset_is_a_new_start_with_the_same_token_and_ids() {
    let client = Client::with_faults(&["get@1=503"]).await;
    let before: Vec<String> = client
        .sandbox
        .items()
        .into_iter()
        .map(|item| item.id)
        .collect();
    assert_eq!(client.get(&client.draft()).await.status(), 503);
    let url = client.session(&client.draft(), "a", SIZE).await;
    client.upload(&url, &bytes(SIZE), SIZE).await;
    client.sandbox.advance_clock(Duration::from_secs(100_000));
    assert_eq!(client.get("/me").await.status(), 401, "the token is old");
    assert_eq!(
        sent(control(&client, Method::POST, "reset")).await.status(),
        204
    );
    let after: Vec<String> = client
        .sandbox
        .items()
        .into_iter()
        .map(|item| item.id)
        .collect();
    assert_eq!(after, before);
    assert_eq!(client.held(), []);
    assert_eq!(client.sandbox.requests(), []);
    assert_eq!(
        client.get(&client.draft()).await.status(),
        503,
        "the faults of the start count anew"
    );
    assert_eq!(client.get(&client.draft()).await.status(), 200);
}

#[tokio::test]
async fn items_are_seeded_and_requests_exported() {
    let client = Client::start(Options::default()).await;
    let body = json!({
        "folder": "inbox",
        "item": {"subject": "Invoice", "from": {"emailAddress": {"address": "a@example.com"}}},
        "attachments": [{"name": "large.bin", "size": SIZE}],
    });
    let answer = sent(control(&client, Method::POST, "items").json(&body)).await;
    assert_eq!(answer.status(), 201);
    let made: Value = answer.json().await.expect("JSON");
    let item = format!("/me/messages/{}", made[0]["id"].as_str().expect("an id"));
    let attachment = made[0]["attachments"][0]["id"].as_str().expect("an id");
    let raw = client
        .get(&format!("{item}/attachments/{attachment}/$value"))
        .await;
    assert_eq!(raw.bytes().await.expect("bytes").len(), SIZE);
    let whole = client
        .get_json(&format!("{item}/attachments/{attachment}"))
        .await;
    assert_eq!(
        whole["contentBytes"].as_str().map(str::len),
        Some(SIZE / 3 * 4)
    );

    let har: Value = sent(control(&client, Method::GET, "requests.har"))
        .await
        .json()
        .await
        .expect("JSON");
    let entries = har["log"]["entries"].as_array().expect("a list");
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["response"]["bodySize"], SIZE);
    assert!(!har.to_string().contains(client.sandbox.token()));
    assert_eq!(
        sent(control(&client, Method::DELETE, "requests"))
            .await
            .status(),
        204
    );
    assert_eq!(client.sandbox.requests(), []);
    let bad =
        sent(control(&client, Method::POST, "items").json(&json!([{"folder": "attic"}]))).await;
    assert_eq!(bad.status(), 400);
}

#[tokio::test]
async fn the_clock_goes_forward() {
    let client = Client::start(Options::default()).await;
    let url = client.session(&client.draft(), "a", SIZE).await;
    let forward = control(&client, Method::POST, "clock").json(&json!({"advance": 7300}));
    let time: Value = sent(forward).await.json().await.expect("JSON");
    assert!(time["time"].is_string());
    assert_eq!(
        client.put(&url, &bytes(SIZE), 0, SIZE).await.status(),
        404,
        "the session is over"
    );
    assert_eq!(
        sent(control(&client, Method::POST, "clock").json(&json!({"advance": -1})))
            .await
            .status(),
        400
    );
}

#[tokio::test]
async fn a_seed_makes_everything_the_same() {
    let mut seen = Vec::new();
    for seed in [1, 1, 2] {
        let client = Client::start(Options {
            seed: Some(seed),
            ..Options::default()
        })
        .await;
        let url = client.session(&client.draft(), "a", SIZE).await;
        let path = url.split("/api/").nth(1).expect("a path").to_owned();
        seen.push((
            client.sandbox.token().to_owned(),
            client.draft(),
            client.event(),
            path,
        ));
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0].0, seen[2].0);
    assert_ne!(seen[0].1, seen[2].1);
}

#[tokio::test]
async fn absolute_urls_follow_the_name_that_the_client_used() {
    let client = Client::start(Options {
        upload_url: UrlForm::Gv1,
        ..Options::default()
    })
    .await;
    let path = format!("{}/attachments/createUploadSession", client.draft());
    let body = json!({"AttachmentItem": {"attachmentType": "file", "name": "a", "size": SIZE}});
    for (host, graph, upload) in [
        ("sandbox:8080", "http://sandbox:8080/", "http://sandbox:"),
        (
            "graph.microsoft.com",
            "http://graph.microsoft.com/",
            "http://outlook.office.com/",
        ),
    ] {
        let request = client
            .request(Method::POST, &path)
            .header("host", host)
            .json(&body);
        let session: Value = sent(request).await.json().await.expect("JSON");
        let of = |name: &str| session[name].as_str().expect("a URL").to_owned();
        assert!(of("@odata.context").starts_with(graph), "{session}");
        assert!(of("uploadUrl").starts_with(upload), "{session}");
    }
    // The same port is the upload host for those who call it by that name.
    let url = client.session(&client.draft(), "b", SIZE).await;
    let path = url
        .split_once("/api/")
        .map(|(_, path)| path)
        .expect("a path");
    let here = format!("{}/api/{path}", client.sandbox.origin());
    let get = client.http.get(&here).header("host", "outlook.office.com");
    assert_eq!(sent(get).await.status(), 200);
}

#[tokio::test]
async fn tokens_are_issued_and_get_old_and_are_narrow() {
    let client = Client::start(Options {
        token_ttl: Duration::from_secs(60),
        scopes: Some("Mail.ReadWrite User.Read".to_owned()),
        ..Options::default()
    })
    .await;
    let endpoint = format!("{}/tenant/oauth2/v2.0/token", client.sandbox.origin());
    let token = async |form: &[(&str, &str)]| {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = client
            .http
            .post(&endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer = sent(request).await;
        (
            answer.status().as_u16(),
            answer.json::<HashMap<String, Value>>().await.expect("JSON"),
        )
    };
    let (status, app) = token(&[
        ("grant_type", "client_credentials"),
        ("client_id", "id"),
        ("client_secret", "secret"),
        ("scope", "https://graph.microsoft.com/.default"),
    ])
    .await;
    assert_eq!((status, &app["expires_in"]), (200, &json!(60)));
    let as_app = |path: &str| {
        client
            .http
            .get(format!("{}{path}", client.sandbox.endpoint()))
            .bearer_auth(app["access_token"].as_str().expect("a token"))
    };
    assert_eq!(
        sent(as_app("/users/a@example.com/messages")).await.status(),
        200
    );
    assert_eq!(
        sent(as_app("/me/messages")).await.status(),
        400,
        "an application has no `me`"
    );
    let (_, user) = token(&[
        ("grant_type", "refresh_token"),
        ("client_id", "id"),
        ("refresh_token", "x"),
        ("scope", "User.Read offline_access"),
    ])
    .await;
    assert!(user.contains_key("refresh_token"));
    let narrow = client
        .http
        .get(format!("{}/me/messages", client.sandbox.endpoint()))
        .bearer_auth(user["access_token"].as_str().expect("a token"));
    assert_eq!(error(sent(narrow).await).await.1, "ErrorAccessDenied");
    assert_eq!(
        token(&[("grant_type", "magic"), ("client_id", "id")])
            .await
            .1["error"],
        "unsupported_grant_type"
    );

    assert_eq!(client.get("/me/messages").await.status(), 200);
    let denied = client
        .request(Method::POST, &format!("{}/send", client.draft()))
        .header("content-length", "0");
    assert_eq!(error(sent(denied).await).await.0, 403);
    client.sandbox.advance_clock(Duration::from_secs(61));
    let (status, code, message) = error(client.get("/me/messages").await).await;
    assert_eq!((status, &*code), (401, "InvalidAuthenticationToken"));
    assert!(message.contains("expired"), "{message}");
}

#[tokio::test]
async fn the_upload_url_s_own_token_can_be_a_bearer() {
    for (upload_auth, own, foreign) in [(UploadAuth::Refuse, 401, 401), (UploadAuth::Own, 200, 401)]
    {
        let client = Client::start(Options {
            upload_auth,
            ..Options::default()
        })
        .await;
        let url = client.session(&client.draft(), "a", SIZE).await;
        let token = url.split("authtoken=").nth(1).expect("a token").to_owned();
        let get = |token: &str| client.http.get(&url).bearer_auth(token);
        assert_eq!(sent(get(&token)).await.status(), own);
        assert_eq!(sent(get(client.sandbox.token())).await.status(), foreign);
        let bare = url.split('?').next().expect("a path");
        assert_eq!(
            sent(client.http.get(bare).bearer_auth(&token))
                .await
                .status(),
            own
        );
    }
}

#[tokio::test]
async fn a_range_can_be_too_large_and_a_mailbox_too_busy() {
    let client = Client::start(Options {
        max_range: Some(1_000_000),
        requests: Some(4),
        ..Options::default()
    })
    .await;
    let url = client.session(&client.draft(), "a", SIZE).await;
    assert_eq!(
        client.put(&url, &bytes(SIZE), 0, 1_000_001).await.status(),
        400
    );
    assert_eq!(
        client.put(&url, &bytes(SIZE), 0, 1_000_000).await.status(),
        200
    );
    assert_eq!(client.get(&client.draft()).await.status(), 200);
    let (status, _, message) = error(client.get(&client.draft()).await).await;
    assert_eq!(
        (status, &*message),
        (429, "Application is over its RequestCount limit.")
    );
    client.sandbox.advance_clock(Duration::from_secs(600));
    assert_eq!(client.get(&client.draft()).await.status(), 200);
}

#[tokio::test]
async fn answers_are_compressed_and_browsers_let_in() {
    for (gzip, asked, expected) in [
        (Gzip::Off, true, false),
        (Gzip::Accepted, true, true),
        (Gzip::Accepted, false, false),
        (Gzip::Always, false, true),
    ] {
        let client = Client::start(Options {
            gzip,
            ..Options::default()
        })
        .await;
        let mut request = client.request(Method::GET, &client.draft());
        if asked {
            request = request.header("accept-encoding", "gzip, br");
        }
        let answer = sent(request).await;
        assert_eq!(
            answer.headers().contains_key("content-encoding"),
            expected,
            "{gzip:?}"
        );
        let body = answer.bytes().await.expect("bytes");
        assert_eq!(body.starts_with(&[0x1f, 0x8b]), expected);
    }
    let client = Client::start(Options::default()).await;
    let url = client.session(&client.draft(), "a", SIZE).await;
    for url in [
        &format!("{}{}", client.sandbox.endpoint(), client.draft()),
        &url,
    ] {
        let preflight = client
            .http
            .request(Method::OPTIONS, url)
            .header("origin", "https://app.example")
            .header("access-control-request-headers", "authorization");
        let answer = sent(preflight).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        assert_eq!(
            answer.headers()["access-control-allow-headers"],
            "authorization"
        );
    }
    let get = client
        .request(Method::GET, "/me")
        .header("origin", "https://app.example");
    assert_eq!(
        sent(get).await.headers()["access-control-allow-origin"],
        "*"
    );
}

#[tokio::test]
async fn content_is_kept_where_it_should_be() {
    for content in [ContentStore::File, ContentStore::Memory, ContentStore::Hash] {
        let client = Client::start(Options {
            content,
            ..Options::default()
        })
        .await;
        let whole = bytes(SIZE);
        let url = client.session(&client.draft(), "a", SIZE).await;
        let last = client.upload(&url, &whole, 1_000_000).await;
        assert_eq!(last.status(), 201);
        let held = client.sandbox.items().remove(0).attachments.remove(0);
        assert_eq!(held.sha256, sha256(&whole));
        let raw = client
            .get(&format!(
                "{}/attachments/{}/$value",
                client.draft(),
                held.id
            ))
            .await;
        match content {
            ContentStore::Hash => assert_eq!(error(raw).await.1, "NotInSandbox"),
            _ => assert!(raw.bytes().await.expect("bytes") == whole),
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
