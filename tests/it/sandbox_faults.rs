//! The stand-in's faults, seen from the client's side.

use std::time::{Duration, Instant};

use graph_sandbox::{Options, options::TooLarge};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, bytes, client::error};

const SIZE: usize = 3_000_001;
const CHUNK: usize = 1_000_000;

async fn received(client: &Client, url: &str) -> String {
    let answer = client.http.get(url).send().await.expect("an answer");
    let body: Value = answer.json().await.expect("JSON");
    body["nextExpectedRanges"][0]
        .as_str()
        .expect("a range")
        .to_owned()
}

#[tokio::test]
async fn drop_does_nothing_and_lost_does_everything() {
    let client = Client::with_faults(&["put@1=drop", "put@2=lost", "put@4=lost"]).await;
    let file = bytes(SIZE);
    let url = client.session(&client.draft(), "a", SIZE).await;
    assert!(client.range(&url, &file, 0, CHUNK).send().await.is_err());
    assert_eq!(received(&client, &url).await, "0");
    assert!(client.range(&url, &file, 0, CHUNK).send().await.is_err());
    assert_eq!(received(&client, &url).await, "1000000");
    assert_eq!(
        client.put(&url, &file, CHUNK, 2 * CHUNK).await.status(),
        200
    );
    // The last answer is lost, too: the file is attached, and the session is gone.
    assert!(
        client
            .range(&url, &file, 2 * CHUNK, SIZE)
            .send()
            .await
            .is_err()
    );
    assert_eq!(client.held(), [("a".to_owned(), SIZE as u64)]);
    let seen = client.sandbox.requests();
    let lost = seen
        .iter()
        .rfind(|seen| seen.method == "PUT")
        .expect("a PUT");
    assert_eq!((lost.status, lost.fault.as_deref()), (None, Some("lost")));
    assert_eq!(
        lost.content_range.as_deref(),
        Some("bytes 2000000-3000000/3000001")
    );
    assert!(!lost.authorization);
}

#[tokio::test]
async fn reset_comes_in_the_middle_of_the_body() {
    let client = Client::with_faults(&["put@1=reset:500000", "any@3=reset"]).await;
    let file = bytes(SIZE);
    let url = client.session(&client.draft(), "a", SIZE).await;
    let failure = client.range(&url, &file, 0, SIZE).send().await.unwrap_err();
    let mut cause: Option<&dyn std::error::Error> = Some(&failure);
    let mut texts = Vec::new();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    let texts = texts.join(": ").to_lowercase();
    assert!(
        texts.contains("reset") || texts.contains("broken pipe"),
        "{texts}"
    );
    assert!(client.http.get(&url).send().await.is_err(), "any@3");
    assert_eq!(received(&client, &url).await, "0");
}

#[tokio::test]
async fn stall_holds_the_answer() {
    let client = Client::with_faults(&["put@1=stall:5"]).await;
    let file = bytes(SIZE);
    let url = client.session(&client.draft(), "a", SIZE).await;
    let start = Instant::now();
    let impatient = client
        .range(&url, &file, 0, CHUNK)
        .timeout(Duration::from_millis(100));
    assert!(impatient.send().await.unwrap_err().is_timeout());
    assert!(start.elapsed() < Duration::from_secs(4));
    // It was carried out, and whoever gave up has left no lock behind.
    assert_eq!(received(&client, &url).await, "1000000");
    assert_eq!(client.put(&url, &file, CHUNK, SIZE).await.status(), 201);
}

#[tokio::test]
async fn expire_ends_the_session() {
    let client = Client::with_faults(&["put@2=expire", "create@2=expire"]).await;
    let file = bytes(SIZE);
    let url = client.session(&client.draft(), "a", SIZE).await;
    assert_eq!(client.put(&url, &file, 0, CHUNK).await.status(), 200);
    let (status, code, _) = error(client.put(&url, &file, CHUNK, SIZE).await).await;
    assert_eq!((status, &*code), (404, "ErrorItemNotFound"));
    let born_over = client.session(&client.draft(), "a", SIZE).await;
    assert_eq!(client.put(&born_over, &file, 0, CHUNK).await.status(), 404);
    assert_eq!(client.held(), []);
}

#[tokio::test]
async fn statuses_come_with_the_words_they_usually_have() {
    let client = Client::with_faults(&[
        "create@1=503:7",
        "create@2=429",
        "create@3=401",
        "create@4=413",
        "put@1=429:1",
        "put@2=401",
        "put@3=html",
        "put@4=307",
        "list@1=504",
        "get@1=500",
        "delete@1=412",
        "post@1=307",
        "send@1=504",
    ])
    .await;
    let draft = client.draft();
    let answer = client.try_session(&draft, "a", SIZE).await;
    assert_eq!(answer.headers()["retry-after"], "7");
    assert!(answer.headers().contains_key("request-id"));
    assert!(answer.headers().contains_key("x-ms-ags-diagnostic"));
    assert_eq!(
        error(answer).await,
        (503, "UnknownError".to_owned(), String::new())
    );
    let answer = client.try_session(&draft, "a", SIZE).await;
    assert!(!answer.headers().contains_key("retry-after"));
    assert_eq!(error(answer).await.1, "ApplicationThrottled");
    assert_eq!(
        error(client.try_session(&draft, "a", SIZE).await).await.1,
        "InvalidAuthenticationToken"
    );
    let answer = client.try_session(&draft, "a", SIZE).await;
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.text().await.expect("text"), "");

    let url = client.session(&draft, "a", SIZE).await;
    let file = bytes(SIZE);
    let answer = client.put(&url, &file, 0, CHUNK).await;
    assert_eq!(answer.headers()["retry-after"], "1");
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(
        body["error"]["message"],
        "Application is over its IncomingBytes limit."
    );
    assert!(body["error"].get("innerError").is_none());
    assert_eq!(
        error(client.put(&url, &file, 0, CHUNK).await).await.1,
        "InvalidAudienceForResource"
    );
    let answer = client.put(&url, &file, 0, CHUNK).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (502, &"text/html".parse().expect("fine"))
    );
    let answer = client.put(&url, &file, 0, CHUNK).await;
    assert_eq!(answer.status(), 307);
    assert!(
        answer.headers()["location"]
            .to_str()
            .expect("text")
            .ends_with("/v1.0/redirected")
    );
    assert_eq!(client.put(&url, &file, 0, CHUNK).await.status(), 200);

    assert_eq!(
        client.get(&format!("{draft}/attachments")).await.status(),
        504
    );
    assert_eq!(client.get(&draft).await.status(), 500);
    assert_eq!(
        client.http.delete(&url).send().await.expect("one").status(),
        412
    );
    assert_eq!(
        client.http.delete(&url).send().await.expect("one").status(),
        204
    );
    let answer = client
        .post(&format!("{draft}/attachments"), &json!({}))
        .await;
    assert_eq!(answer.status(), 307);
    assert!(answer.headers().contains_key("location"));
    let send = client
        .request(Method::POST, &format!("{draft}/send"))
        .header("content-length", "0");
    assert_eq!(send.send().await.expect("an answer").status(), 504);
    assert_eq!(
        client.get(&draft).await.status(),
        200,
        "a fault with a status does nothing"
    );
}

#[tokio::test]
async fn faults_can_be_set_and_cleared_while_it_runs() {
    let client = Client::start(Options::default()).await;
    let control = format!(
        "{}/sandbox/faults",
        client.sandbox.endpoint().trim_end_matches("/v1.0")
    );
    let set = |body: &str| client.http.post(&control).body(body.to_owned()).send();
    assert_eq!(
        set(r#"["get@1=503", "get@2x2=404"]"#)
            .await
            .expect("one")
            .status(),
        200
    );
    let draft = client.draft();
    assert_eq!(client.get(&draft).await.status(), 503);
    let pending: Value = client
        .http
        .get(&control)
        .send()
        .await
        .expect("one")
        .json()
        .await
        .expect("JSON");
    assert_eq!(pending, json!(["get@2x2=404"]));
    assert_eq!(client.get(&draft).await.status(), 404);
    assert_eq!(
        client
            .http
            .delete(&control)
            .send()
            .await
            .expect("one")
            .status(),
        204
    );
    assert_eq!(client.get(&draft).await.status(), 200);
    assert_eq!(
        set("get@1=503\nget@2=503\n").await.expect("one").status(),
        200
    );
    assert_eq!(client.get(&draft).await.status(), 503);
    let refused = set("gets@1=503").await.expect("one");
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.expect("text").contains("`gets`"));
}

#[tokio::test]
async fn the_log_has_every_request_and_no_secret_header() {
    let client = Client::start(Options::default()).await;
    let url = client.session(&client.draft(), "a", SIZE).await;
    client.put(&url, &bytes(SIZE), 0, CHUNK).await;
    let control = client
        .sandbox
        .endpoint()
        .replace("/v1.0", "/sandbox/requests");
    let log: Value = client
        .http
        .get(&control)
        .send()
        .await
        .expect("one")
        .json()
        .await
        .expect("JSON");
    let text = log.to_string();
    assert!(!text.contains(client.sandbox.token()));
    let log = log.as_array().expect("a list");
    assert_eq!(log.len(), 2, "control requests are not logged");
    assert_eq!(log[0]["method"], "POST");
    assert_eq!(log[0]["authorization"], true);
    assert_eq!(log[0]["status"], 201);
    assert_eq!(log[1]["host"], "upload");
    assert_eq!(log[1]["contentRange"], "bytes 0-999999/3000001");
    assert_eq!(log[1]["bytes"], 1_000_000);
    assert!(
        url.ends_with(log[1]["path"].as_str().expect("a path")),
        "byte for byte"
    );
}

#[tokio::test]
async fn a_body_over_the_limit_of_the_graph_host_is_refused() {
    let body = |size: usize| {
        json!({
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": "a",
            "contentBytes": "A".repeat(size),
        })
    };
    for (too_large, status, text) in [
        (TooLarge::Empty, 413, ""),
        (
            TooLarge::Text,
            400,
            "The maximum request length supported is 4MB.",
        ),
        (TooLarge::Server, 500, ""),
    ] {
        let client = Client::start(Options {
            too_large,
            ..Options::default()
        })
        .await;
        let path = format!("{}/attachments", client.draft());
        assert_eq!(client.post(&path, &body(4_000_000)).await.status(), 201);
        let answer = client.post(&path, &body(4 * 1024 * 1024)).await;
        assert_eq!(answer.status(), status);
        assert!(answer.text().await.expect("text").contains(text));
        assert_eq!(client.held(), [("a".to_owned(), 3_000_000)]);
    }
    let client = Client::start(Options {
        too_large: TooLarge::Reset,
        ..Options::default()
    })
    .await;
    let path = format!("{}/attachments", client.draft());
    let request = client
        .request(Method::POST, &path)
        .json(&body(4 * 1024 * 1024));
    assert!(request.send().await.is_err());
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_leaves_nothing_behind() {
    use tokio::io::AsyncWriteExt;

    let client = Client::start(Options::default()).await;
    let file = bytes(SIZE);
    let url = client.session(&client.draft(), "a", SIZE).await;
    let other = client.session(&client.draft(), "b", SIZE).await;
    let (address, path) = url
        .trim_start_matches("http://")
        .split_once('/')
        .expect("an authority and a path");
    let mut socket = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    let head = format!(
        "PUT /{path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {CHUNK}\r\n\
         Content-Range: bytes 0-{}/{SIZE}\r\n\r\n",
        CHUNK - 1
    );
    socket.write_all(head.as_bytes()).await.expect("written");
    socket.write_all(&file[..CHUNK / 2]).await.expect("written");
    // Its item is locked against others as long as bytes come; the same session's next try gets it at once.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(client.put(&other, &file, 0, CHUNK).await.status(), 412);
    assert_eq!(client.put(&url, &file, 0, CHUNK).await.status(), 200);
    // What comes too late on the first connection changes nothing.
    socket
        .write_all(&file[CHUNK / 2..CHUNK])
        .await
        .expect("written");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(received(&client, &url).await, "1000000");
    drop(socket);
    assert_eq!(client.put(&url, &file, CHUNK, SIZE).await.status(), 201);
}

#[tokio::test]
async fn a_body_that_stands_still_holds_its_item_for_a_second_and_its_connection_not_for_ever() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let client = Client::start(Options {
        idle_timeout: Duration::from_secs(3),
        ..Options::default()
    })
    .await;
    let file = bytes(SIZE);
    let url = client.session(&client.draft(), "a", SIZE).await;
    let other = client.session(&client.draft(), "b", SIZE).await;
    let (address, path) = url
        .trim_start_matches("http://")
        .split_once('/')
        .expect("an authority and a path");
    let mut socket = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    let head = format!(
        "PUT /{path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {CHUNK}\r\n\
         Content-Range: bytes 0-{}/{SIZE}\r\n\r\nabc",
        CHUNK - 1
    );
    socket.write_all(head.as_bytes()).await.expect("written");
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(client.put(&other, &file, 0, SIZE).await.status(), 201);
    let mut rest = Vec::new();
    let start = Instant::now();
    let _ = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut rest))
        .await
        .expect("the connection ends by itself");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(client.put(&url, &file, 0, SIZE).await.status(), 201);
}

#[tokio::test]
async fn bandwidth_and_latency_slow_it_down() {
    let client = Client::start(Options {
        bandwidth: Some(5_000_000),
        ..Options::default()
    })
    .await;
    let file = bytes(SIZE);
    let url = client.session(&client.draft(), "a", SIZE).await;
    let start = Instant::now();
    let last = client.put(&url, &file, 0, SIZE).await;
    assert_eq!(last.status(), 201);
    let up = start.elapsed();
    assert!(
        (Duration::from_millis(590)..Duration::from_secs(3)).contains(&up),
        "{up:?}"
    );
    let list = client
        .get_json(&format!("{}/attachments?$select=id", client.draft()))
        .await;
    let id = list["value"][0]["id"].as_str().expect("an id");
    let start = Instant::now();
    let raw = client
        .get(&format!("{}/attachments/{id}/$value", client.draft()))
        .await;
    assert!(raw.bytes().await.expect("bytes") == file);
    let down = start.elapsed();
    assert!(
        (Duration::from_millis(580)..Duration::from_secs(3)).contains(&down),
        "{down:?}"
    );

    let latency = Duration::from_millis(150);
    let client = Client::start(Options {
        latency,
        ..Options::default()
    })
    .await;
    let start = Instant::now();
    assert_eq!(client.get("/me").await.status(), 200);
    assert!(start.elapsed() >= latency);
}
