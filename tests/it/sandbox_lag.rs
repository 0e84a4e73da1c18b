//! The stand-in late, lagging and damaged: what a client must live with although nobody documents it.

use std::time::Duration;

use graph_sandbox::{
    Delay, Options,
    options::{EarlyValue, Renaming, ReportedSize},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, bytes, client::error};

const SIZE: usize = 3_000_000;
const LAG: Duration = Duration::from_secs(30);

fn file(name: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.fileAttachment", "name": name, "contentBytes": "aGVsbG8="})
}

async fn listed(client: &Client) -> usize {
    let list = client
        .get_json(&format!("{}/attachments?$select=id", client.draft()))
        .await;
    list["value"].as_array().map(Vec::len).expect("a list")
}

/// Attaches by POST; the path of the new attachment.
async fn attach(client: &Client, name: &str) -> String {
    let path = format!("{}/attachments", client.draft());
    let answer = client.post(&path, &file(name)).await;
    assert_eq!(answer.status(), 201);
    let made: Value = answer.json().await.expect("JSON");
    format!("{path}/{}", made["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn lists_lag_and_ids_do_not() {
    let client = Client::start(Options {
        list_lag: Delay::fixed(LAG),
        ..Options::default()
    })
    .await;
    let path = attach(&client, "a").await;
    assert_eq!(client.get(&path).await.status(), 200);
    assert_eq!(listed(&client).await, 0);
    let item = client
        .get_json(&format!("{}?$expand=attachments", client.draft()))
        .await;
    assert_eq!(
        (&item["attachments"], &item["hasAttachments"]),
        (&json!([]), &json!(false))
    );
    client.sandbox.advance_clock(LAG);
    assert_eq!(listed(&client).await, 1);
    assert_eq!(client.delete(&path).await.status(), 204);
    assert_eq!(client.get(&path).await.status(), 404);
    assert_eq!(listed(&client).await, 1, "a removed one stays as long");
    client.sandbox.advance_clock(LAG);
    assert_eq!(listed(&client).await, 0);
}

#[tokio::test]
async fn lists_of_messages_lag() {
    let client = Client::start(Options {
        message_lag: Delay::fixed(LAG),
        ..Options::default()
    })
    .await;
    let draft: Value = client
        .post("/me/messages", &json!({"subject": "New"}))
        .await
        .json()
        .await
        .expect("JSON");
    let path = "/me/messages?$filter=subject eq 'New'";
    assert_eq!(client.get_json(path).await["value"], json!([]));
    let id = draft["id"].as_str().expect("an id");
    assert_eq!(
        client.get(&format!("/me/messages/{id}")).await.status(),
        200
    );
    client.sandbox.advance_clock(LAG);
    assert_eq!(client.get_json(path).await["value"][0]["id"], id);
}

#[tokio::test]
async fn commits_come_late() {
    let client = Client::start(Options {
        late_commit: Delay::fixed(LAG),
        faults: vec!["put@1=lost".parse().expect("a fault")],
        ..Options::default()
    })
    .await;
    let path = attach(&client, "a").await;
    assert_eq!(client.get(&path).await.status(), 404);
    assert_eq!(client.get(&format!("{path}/$value")).await.status(), 404);
    let whole = bytes(SIZE);
    let url = client.session(&client.draft(), "b", SIZE).await;
    assert!(client.range(&url, &whole, 0, SIZE).send().await.is_err());
    assert_eq!(
        client.http.get(&url).send().await.expect("one").status(),
        404
    );
    assert_eq!(listed(&client).await, 0);
    let held = client.sandbox.items().remove(0).attachments;
    assert_eq!(
        held.iter().map(|file| file.committed).collect::<Vec<_>>(),
        [false, false]
    );
    client.sandbox.advance_clock(LAG);
    assert_eq!(listed(&client).await, 2);
    assert_eq!(client.get(&path).await.status(), 200);
}

#[tokio::test]
async fn a_request_can_be_carried_out_late_or_against_its_answer() {
    let client = Client::with_faults(&[
        "post@1=late:0.5:504",
        "post@2=done:404",
        "post@3=late:0.3",
        "send@1=done:503:7",
    ])
    .await;
    let path = format!("{}/attachments", client.draft());
    assert_eq!(client.post(&path, &file("a")).await.status(), 504);
    assert_eq!(listed(&client).await, 0);
    assert_eq!(
        error(client.post(&path, &file("b")).await).await.1,
        "ErrorItemNotFound"
    );
    assert_eq!(listed(&client).await, 1, "answered 404, and there");
    let request = client.request(Method::POST, &path).json(&file("c"));
    assert!(request.send().await.is_err());
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(listed(&client).await, 3);
    let send = client
        .request(Method::POST, &format!("{}/send", client.draft()))
        .header("content-length", "0");
    let answer = send.send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (503, &"7".parse().expect("fine"))
    );
    assert_eq!(
        client.get(&client.draft()).await.status(),
        404,
        "it was sent"
    );
}

#[tokio::test]
async fn reading_back_fails_in_every_way() {
    let client = Client::with_faults(&[
        "value@1=page",
        "value@2=short",
        "value@3=short:1",
        "value@4=empty",
        "value@5=other",
        "value@6=cut:3",
        "value@7=html",
    ])
    .await;
    let path = format!("{}/$value", attach(&client, "a").await);
    let read = || async {
        let answer = client.get(&path).await;
        (answer.status().as_u16(), answer.text().await)
    };
    let (status, page) = read().await;
    assert!(status == 200 && page.is_ok_and(|page| page.starts_with("<!DOCTYPE html>")));
    for expected in ["he", "h", ""] {
        let (status, text) = read().await;
        assert_eq!((status, text.expect("whole").as_str()), (200, expected));
    }
    let (_, other) = read().await;
    assert!(other.is_ok_and(|other| other.len() == 5 && other != "hello"));
    let (status, broken) = read().await;
    assert!(status == 200 && broken.is_err(), "{broken:?}");
    assert_eq!(read().await.0, 502);
    assert_eq!(read().await.1.expect("whole"), "hello");
}

#[tokio::test]
async fn new_content_cannot_be_read_back_at_once() {
    for (early_value, status, text) in [
        (EarlyValue::NotFound, 404, None),
        (EarlyValue::Timeout, 504, None),
        (EarlyValue::Empty, 200, Some("")),
        (EarlyValue::Half, 200, Some("he")),
    ] {
        let client = Client::start(Options {
            value_lag: Delay::fixed(LAG),
            early_value,
            ..Options::default()
        })
        .await;
        let path = format!("{}/$value", attach(&client, "a").await);
        let answer = client.get(&path).await;
        assert_eq!(answer.status(), status);
        if let Some(text) = text {
            assert_eq!(answer.text().await.expect("text"), text);
        }
        client.sandbox.advance_clock(LAG);
        assert_eq!(client.get(&path).await.text().await.expect("text"), "hello");
    }
}

#[tokio::test]
async fn names_and_sizes_are_the_service_s() {
    for (rename, kept) in [
        (Renaming::Nfc, "r\u{e9}sum\u{e9}#1.pdf "),
        (Renaming::Trim, "re\u{301}sume\u{301}#1.pdf"),
        (Renaming::Replace, "re\u{301}sume\u{301}_1.pdf "),
        (Renaming::Suffix, "re\u{301}sume\u{301}#1(1).pdf "),
    ] {
        let client = Client::start(Options {
            rename,
            ..Options::default()
        })
        .await;
        let name = "re\u{301}sume\u{301}#1.pdf ";
        attach(&client, name).await;
        let url = client.session(&client.draft(), name, SIZE).await;
        client.upload(&url, &bytes(SIZE), SIZE).await;
        let names: Vec<String> = client.held().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [kept, kept]);
    }
    for (reported_size, size) in [
        (ReportedSize::Zero, 0),
        (ReportedSize::Smaller, 2_700_000),
        (ReportedSize::Rounded, 3_000_320),
        (ReportedSize::Exact, 3_000_000),
        (ReportedSize::Inflated, 3_135_237),
    ] {
        let client = Client::start(Options {
            reported_size,
            ..Options::default()
        })
        .await;
        let url = client.session(&client.draft(), "a", SIZE).await;
        client.upload(&url, &bytes(SIZE), SIZE).await;
        let list = client
            .get_json(&format!("{}/attachments?$select=size", client.draft()))
            .await;
        assert_eq!(list["value"][0]["size"], size, "{reported_size:?}");
    }
}

#[tokio::test]
async fn chance_is_the_same_with_the_same_seed() {
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let client = Client::start(Options {
            seed: Some(7),
            fault_rate: 0.5,
            ..Options::default()
        })
        .await;
        for _ in 0..12 {
            let _ = client.request(Method::GET, "/me").send().await;
        }
        let seen: Vec<Option<String>> = client
            .sandbox
            .requests()
            .into_iter()
            .map(|seen| seen.fault)
            .collect();
        assert!(seen.iter().any(Option::is_some) && seen.iter().any(Option::is_none));
        outcomes.push(seen);
    }
    assert_eq!(outcomes[0], outcomes[1]);
}
