//! What the stand-in refuses, and when: limits, throttling, conflicts, drafts that are not there yet.

use graph_sandbox::{
    Options,
    options::{Audience, OtherMailboxes, Service},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, bytes, client::error};

const SIZE: usize = 3_000_001;
const CHUNK: usize = 1_000_000;

#[tokio::test]
async fn sessions_are_refused_as_documented() {
    let client = Client::start(Options::default()).await;
    for item in [client.draft(), client.event()] {
        let (status, code, _) = error(client.try_session(&item, "a", 2_999_999).await).await;
        assert_eq!(
            (status, &*code),
            (400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize")
        );
        let (status, code, _) = error(client.try_session(&item, "a", 157_286_401).await).await;
        assert_eq!((status, &*code), (400, "ErrorAttachmentSizeLimitExceeded"));
        for size in [3_000_000, 150_000_000, 157_286_400] {
            assert_eq!(
                client.try_session(&item, "a", size).await.status(),
                201,
                "{size}"
            );
        }
        let body = json!({"attachmentItem": {"attachmentType": "item", "name": "a", "size": SIZE}});
        let answer = client
            .post(&format!("{item}/attachments/createuploadsession"), &body)
            .await;
        let (status, code, _) = error(answer).await;
        assert_eq!(
            (status, &*code),
            (
                405,
                "ErrorAttachmentSessionIsSupportedOnlyForFileAttachments"
            )
        );
    }
    let client = Client::start(Options {
        service: Service::UsGov,
        ..Options::default()
    })
    .await;
    let (status, code, message) = error(client.try_session(&client.draft(), "a", SIZE).await).await;
    assert_eq!((status, &*code), (400, "RequestBroker--ParseUri"));
    assert!(message.contains("createUploadSession"));
}

#[tokio::test]
async fn a_message_over_its_limit_is_refused_late() {
    let limit = Some(2_500_000);
    let client = Client::start(Options {
        message_limit: limit,
        ..Options::default()
    })
    .await;
    let file = bytes(SIZE);
    let url = client.session(&client.draft(), "a", SIZE).await;
    assert_eq!(client.put(&url, &file, 0, CHUNK).await.status(), 200);
    assert_eq!(
        client.put(&url, &file, CHUNK, 2 * CHUNK).await.status(),
        200
    );
    let (status, code, _) = error(client.put(&url, &file, 2 * CHUNK, SIZE).await).await;
    assert_eq!((status, &*code), (400, "ErrorMessageSizeExceeded"));
    assert_eq!(client.held(), []);
}

#[tokio::test]
async fn upload_volume_is_limited_within_its_window() {
    let options = Options {
        throttle_bytes: Some(2_500_000),
        throttle_window: std::time::Duration::from_millis(1000),
        retry_after: None,
        ..Options::default()
    };
    let client = Client::start(options).await;
    let file = bytes(SIZE);
    let url = client.session(&client.draft(), "a", SIZE).await;
    assert_eq!(client.put(&url, &file, 0, 2 * CHUNK).await.status(), 200);
    let answer = client.put(&url, &file, 2 * CHUNK, SIZE).await;
    assert!(!answer.headers().contains_key("retry-after"));
    let (status, code, message) = error(answer).await;
    assert_eq!((status, &*code), (429, "ApplicationThrottled"));
    assert_eq!(message, "Application is over its IncomingBytes limit.");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(client.put(&url, &file, 2 * CHUNK, SIZE).await.status(), 201);
}

#[tokio::test]
async fn two_changes_of_one_item_at_a_time_collide() {
    let latency = std::time::Duration::from_millis(400);
    let client = Client::start(Options {
        latency,
        ..Options::default()
    })
    .await;
    let file = bytes(SIZE);
    let one = client.session(&client.draft(), "a", SIZE).await;
    let two = client.session(&client.draft(), "b", SIZE).await;
    let (a, b) = tokio::join!(
        client.put(&one, &file, 0, CHUNK),
        client.put(&two, &file, 0, CHUNK)
    );
    let mut statuses = [a.status().as_u16(), b.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);

    let draft = client.draft();
    let gets: Vec<u16> = futures_util::future::join_all((0..6).map(|_| client.get(&draft)))
        .await
        .iter()
        .map(|answer| answer.status().as_u16())
        .collect();
    assert_eq!(
        gets.iter().filter(|status| **status == 429).count(),
        2,
        "{gets:?}"
    );
}

#[tokio::test]
async fn a_new_draft_is_not_known_everywhere_at_once() {
    let settle = std::time::Duration::from_millis(800);
    let client = Client::start(Options {
        settle,
        ..Options::default()
    })
    .await;
    let answer = client
        .post("/me/messages", &json!({"subject": "New"}))
        .await;
    assert_eq!(answer.status(), 201);
    let draft: Value = answer.json().await.expect("JSON");
    let item = format!("/me/messages/{}", draft["id"].as_str().expect("an id"));
    let (status, code, _) = error(client.try_session(&item, "a", SIZE).await).await;
    assert_eq!((status, &*code), (404, "ErrorItemNotFound"));
    tokio::time::sleep(settle).await;
    assert_eq!(client.try_session(&item, "a", SIZE).await.status(), 201);
}

#[tokio::test]
async fn the_401_of_the_incident_comes_in_every_form() {
    for (audience, code) in [
        (Audience::Resource, "InvalidAudienceForResource"),
        (Audience::Claim, "InvalidAudience"),
        (Audience::Empty, ""),
    ] {
        let options = Options {
            audience_incident: true,
            audience,
            ..Options::default()
        };
        let client = Client::start(options).await;
        let url = client.session(&client.draft(), "a", SIZE).await;
        let answer = client.put(&url, &bytes(SIZE), 0, CHUNK).await;
        assert_eq!(answer.status(), 401);
        assert!(answer.headers().contains_key("x-ms-diagnostics"));
        let body = answer.text().await.expect("text");
        match code {
            "" => assert_eq!(body, ""),
            _ => {
                let body: Value = serde_json::from_str(&body).expect("JSON");
                assert_eq!(body["error"]["code"], code);
                assert!(body["error"]["innerError"]["requestId"].is_string());
            }
        }
    }
}

#[tokio::test]
async fn other_mailboxes_have_their_own_items() {
    let client = Client::start(Options::default()).await;
    let own = client.sandbox.message().to_owned();
    for user in [
        "sandbox@example.com",
        "SANDBOX@example.com",
        "a8e8e219-4931-45c1-b73d-62626fd79c32",
    ] {
        assert_eq!(
            client
                .get(&format!("/users/{user}/messages/{own}"))
                .await
                .status(),
            200
        );
        assert_eq!(
            client
                .get(&format!("/users('{user}')/messages('{own}')"))
                .await
                .status(),
            200
        );
    }
    let foreign = client
        .get(&format!("/users/shared@example.com/messages/{own}"))
        .await;
    assert_eq!(error(foreign).await.1, "ErrorItemNotFound");
    let draft: Value = client
        .post(
            "/users/shared@example.com/messages",
            &json!({"subject": "x"}),
        )
        .await
        .json()
        .await
        .expect("JSON");
    let item = format!(
        "/users/shared%40example.com/messages/{}",
        draft["id"].as_str().expect("id")
    );
    let url = client.session(&item, "a", SIZE).await;
    assert_eq!(client.upload(&url, &bytes(SIZE), CHUNK).await.status(), 201);
    let nobody = client.get("/users/nobody/messages").await;
    assert_eq!(error(nobody).await.1, "ErrorInvalidUser");

    for (other_mailboxes, list, session) in [
        (OtherMailboxes::NoSessions, 200, 403),
        (OtherMailboxes::Deny, 403, 403),
    ] {
        let client = Client::start(Options {
            other_mailboxes,
            ..Options::default()
        })
        .await;
        assert_eq!(
            client
                .get("/users/shared@example.com/messages")
                .await
                .status(),
            list
        );
        let items = client.sandbox.items();
        let theirs = items
            .iter()
            .find(|item| item.mailbox == "shared@example.com")
            .expect("one");
        let item = format!("/users/shared@example.com/messages/{}", theirs.id);
        assert_eq!(client.try_session(&item, "a", SIZE).await.status(), session);
        assert_eq!(
            client
                .try_session(&client.draft(), "a", SIZE)
                .await
                .status(),
            201
        );
    }
}

#[tokio::test]
async fn ids_are_case_sensitive_and_malformed_ones_are_told_apart() {
    let client = Client::start(Options::default()).await;
    let id = client.sandbox.message();
    let swapped: String = id
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let known = client
        .get(&format!("/me/messages/{}", id.replace('=', "%3D")))
        .await;
    assert_eq!(known.status(), 200);
    let unknown = client.get("/me/messages/AAMkADI5MAAIT3drCAAA=").await;
    assert_eq!(error(unknown).await.1, "ErrorItemNotFound");
    assert_ne!(
        client
            .get(&format!("/me/messages/{swapped}"))
            .await
            .status(),
        200
    );
    let malformed = client.get("/me/messages/nonsense/attachments").await;
    assert_eq!(
        error(malformed).await,
        (
            400,
            "ErrorInvalidIdMalformed".to_owned(),
            "Id is malformed.".to_owned()
        )
    );
    let wrong_kind = client.get(&format!("/me/events/{id}")).await;
    assert_eq!(wrong_kind.status(), 404);
    assert_eq!(
        client
            .request(Method::PATCH, &client.draft())
            .send()
            .await
            .expect("one")
            .status(),
        400
    );
}
