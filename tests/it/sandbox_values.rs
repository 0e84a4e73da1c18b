//! What the stand-in refuses because the service would, or because it cannot do it: nothing is ignored in silence.

use graph_sandbox::Options;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{Client, client::error};

async fn send(client: &Client, path: &str) -> Response {
    let request = client
        .request(Method::POST, path)
        .header("content-length", "0");
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn written_values_are_checked() {
    let client = Client::start(Options::default()).await;
    let event = |start: &str, end: &str, zone: &str| {
        let at = |time: &str| json!({"dateTime": time, "timeZone": zone});
        json!({"subject": "Meeting", "start": at(start), "end": at(end)})
    };
    for (body, status, code) in [
        (
            event(
                "2030-01-01T09:00:00",
                "2030-01-01T10:00:00",
                "W. Europe Standard Time",
            ),
            201,
            "",
        ),
        (
            event("2030-01-01T09:00:00", "2030-01-01T10:00:00", "Mars"),
            400,
            "TimeZoneNotSupportedException",
        ),
        (
            event("2030-01-01T10:00:00", "2030-01-01T09:00:00", "UTC"),
            400,
            "ErrorPropertyValidationFailure",
        ),
        (
            json!({"subject": "Meeting"}),
            400,
            "ErrorPropertyValidationFailure",
        ),
    ] {
        let answer = client.post("/me/events", &body).await;
        assert_eq!(answer.status(), status, "{body}");
        if status != 201 {
            assert_eq!(error(answer).await.1, code, "{body}");
        }
    }
    let patch = |body: Value| {
        client
            .request(Method::PATCH, &client.draft())
            .json(&body)
            .send()
    };
    assert_eq!(
        patch(json!({"isDraft": false}))
            .await
            .expect("one")
            .status(),
        400
    );
    let etag = client.get_json(&client.draft()).await["@odata.etag"]
        .as_str()
        .expect("a tag")
        .to_owned();
    assert_eq!(
        patch(json!({"subject": "New"}))
            .await
            .expect("one")
            .status(),
        200
    );
    let stale = client
        .request(Method::PATCH, &client.draft())
        .header("if-match", etag)
        .json(&json!({"subject": "Late"}));
    assert_eq!(stale.send().await.expect("one").status(), 412);
    // A sent message keeps its words, and says nothing.
    assert_eq!(
        send(&client, &format!("{}/send", client.draft()))
            .await
            .status(),
        202
    );
    let sent = client.get_json("/me/mailFolders/sentitems/messages").await;
    let item = format!(
        "/me/messages/{}",
        sent["value"][0]["id"].as_str().expect("an id")
    );
    let change = client
        .request(Method::PATCH, &item)
        .json(&json!({"subject": "Other", "isRead": false}));
    let changed: Value = change
        .send()
        .await
        .expect("one")
        .json()
        .await
        .expect("JSON");
    assert_eq!(
        (&changed["subject"], &changed["isRead"]),
        (&json!("New"), &json!(false))
    );
}

#[tokio::test]
async fn nothing_is_ignored_in_silence() {
    let client = Client::start(Options::default()).await;
    let draft = client.draft();
    for path in [
        "/me/messages?$apply=groupby((subject))",
        "/me/messages?includeHiddenMessages=true",
        "/me/messages?$filter=categories/any(c:c eq 'x')",
        "/me/events?$expand=instances",
        "/me/calendarView?startDateTime=2030-01-01&endDateTime=2030-02-01",
        "/groups",
        &format!("{draft}?$filter=isDraft eq true"),
        &format!("{draft}/attachments?$expand=microsoft.graph.itemAttachment/item"),
    ] {
        assert_eq!(
            error(client.get(path).await).await.1,
            "NotInSandbox",
            "{path}"
        );
    }
    let prefer = |value: &str| {
        client
            .request(Method::GET, &draft)
            .header("prefer", value)
            .send()
    };
    let answer = prefer("outlook.timezone=\"Tokyo Standard Time\"")
        .await
        .expect("one");
    assert_eq!(error(answer).await.1, "NotInSandbox");
    let answer = prefer("outlook.body-content-type=\"html\"")
        .await
        .expect("one");
    assert_eq!(
        error(answer).await.1,
        "NotInSandbox",
        "the draft's body is text"
    );
    let answer = prefer("outlook.body-content-type=\"text\"")
        .await
        .expect("one");
    assert_eq!(
        answer.headers()["preference-applied"],
        "outlook.body-content-type=\"text\""
    );
    let url = format!("{draft}/attachments/createUploadSession");
    let item = json!({"attachmentType": "file", "name": "a", "size": 3_000_000});
    let stray = client
        .post(&url, &json!({"AttachmentItem": item, "extra": 1}))
        .await;
    assert!(error(stray).await.2.contains("'extra'"));
    let files: Value = client
        .get_json(&format!(
            "{draft}/attachments?$filter=size gt 3&$orderby=name desc"
        ))
        .await;
    assert_eq!(files["value"], json!([]));
}
