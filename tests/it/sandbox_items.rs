//! The stand-in's messages, events and folders: drafts, sending, listing, small attachments.

use std::collections::HashSet;

use graph_sandbox::{Options, options::ReportedSize};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, client::error};

const IMMUTABLE: &str = "IdType=\"ImmutableId\"";

fn file(name: &str, content: &str) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": name,
        "contentBytes": content,
        "contentType": "image/gif",
        "isInline": true,
        "contentId": "logo",
    })
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn subjects(page: &Value) -> Vec<&str> {
    page["value"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| text(item, "subject"))
        .collect()
}

#[tokio::test]
async fn a_small_file_is_attached_by_one_post() {
    let client = Client::start(Options {
        reported_size: ReportedSize::Exact,
        ..Options::default()
    })
    .await;
    for item in [client.draft(), client.event()] {
        let answer = client
            .post(&format!("{item}/attachments"), &file("smile", "R0lGODdh"))
            .await;
        assert_eq!(answer.status(), 201);
        let made: Value = answer.json().await.expect("JSON");
        assert_eq!(made["@odata.type"], "#microsoft.graph.fileAttachment");
        assert_eq!(made["contentBytes"], "R0lGODdh");
        assert_eq!(
            (&made["size"], &made["isInline"]),
            (&json!(6), &json!(true))
        );
        assert_eq!(
            (text(&made, "contentType"), text(&made, "contentId")),
            ("image/gif", "logo")
        );

        let path = format!("{item}/attachments/{}", text(&made, "id"));
        let whole = client.get_json(&path).await;
        assert_eq!(whole["contentBytes"], "R0lGODdh");
        let raw = client.get(&format!("{path}/$value")).await;
        assert_eq!(raw.bytes().await.expect("bytes"), "GIF87a");
        let part = client.get_json(&format!("{path}?$select=name")).await;
        assert!(part.get("contentBytes").is_none() && part.get("size").is_none());
        let cast = "$select=name,microsoft.graph.fileAttachment/contentId";
        let list = client.get_json(&format!("{item}/attachments?{cast}")).await;
        assert_eq!(text(&list["value"][0], "contentId"), "logo");
        let uncast = client
            .get(&format!("{item}/attachments?$select=id,contentId"))
            .await;
        let (status, code, message) = error(uncast).await;
        assert_eq!((status, &*code), (400, "RequestBroker--ParseUri"));
        assert!(message.contains("'contentId'"), "{message}");

        // Inline attachments do not count.
        assert_eq!(client.get_json(&item).await["hasAttachments"], false);
        let answer = client.post(&format!("{item}/attachments"), &json!({
            "@odata.type": "microsoft.graph.fileAttachment", "name": "empty", "contentBytes": "",
        })).await;
        assert_eq!(answer.status(), 201);
        assert_eq!(client.get_json(&item).await["hasAttachments"], true);
        let all = client
            .get_json(&format!("{item}?$expand=attachments"))
            .await;
        assert_eq!(all["attachments"].as_array().map(Vec::len), Some(2));
        assert_eq!(
            client
                .request(Method::PATCH, &path)
                .json(&json!({}))
                .send()
                .await
                .expect("an answer")
                .status(),
            405
        );
    }
}

#[tokio::test]
async fn an_item_holds_so_many_attachments_and_no_more() {
    let client = Client::start(Options {
        max_attachments: 2,
        ..Options::default()
    })
    .await;
    let path = format!("{}/attachments", client.draft());
    for status in [201, 201, 400] {
        assert_eq!(
            client.post(&path, &file("a", "R0lGODdh")).await.status(),
            status
        );
    }
    assert_eq!(client.held().len(), 2);
}

#[tokio::test]
async fn sending_moves_a_draft_and_changes_its_normal_id_only() {
    let client = Client::start(Options::default()).await;
    let answer = client
        .request(Method::POST, "/me/messages")
        .header("prefer", IMMUTABLE)
        .json(&json!({
            "subject": "Report",
            "toRecipients": [{"emailAddress": {"address": "a@example.com"}}],
        }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.headers()["preference-applied"], "IdType=ImmutableId");
    let draft: Value = answer.json().await.expect("JSON");
    assert_eq!(draft["isDraft"], true);
    let immutable = text(&draft, "id");
    assert!(immutable.starts_with("AAkALg"), "{immutable}");
    let normal = client
        .get_json(&format!("/me/messages/{immutable}?$select=id"))
        .await;
    let normal = text(&normal, "id");
    assert!(normal.starts_with("AAMk"), "{normal}");

    let send = |path: String| {
        client
            .request(Method::POST, &path)
            .header("content-length", "0")
    };
    let through_folder = send(format!("/me/mailFolders/drafts/messages/{normal}/send"));
    assert_eq!(through_folder.send().await.expect("one").status(), 405);
    let bare = client.request(Method::POST, &format!("/me/messages/{normal}/send"));
    let lengthless = bare.send().await.expect("an answer").status();
    let answer = send(format!("/me/messages/{normal}/send"))
        .send()
        .await
        .expect("an answer");
    // Without a body this client sends no Content-Length, which is refused and does nothing.
    assert_eq!((lengthless.as_u16(), answer.status().as_u16()), (411, 202));
    assert_eq!(answer.text().await.expect("text"), "");

    assert_eq!(
        error(client.get(&format!("/me/messages/{normal}")).await)
            .await
            .1,
        "ErrorItemNotFound"
    );
    let sent = client.get_json(&format!("/me/messages/{immutable}")).await;
    assert_eq!(sent["isDraft"], false);
    assert_ne!(text(&sent, "id"), normal);
    let folder = client.get_json("/me/mailFolders/SentItems/messages").await;
    assert_eq!(subjects(&folder), ["Report"]);
    let again = send(format!("/me/messages/{immutable}/send"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(again.status(), 400);
}

#[tokio::test]
async fn sending_needs_recipients() {
    let client = Client::start(Options::default()).await;
    let draft: Value = client
        .post("/me/messages", &json!({"subject": "x"}))
        .await
        .json()
        .await
        .expect("JSON");
    let send = client
        .request(
            Method::POST,
            &format!("/me/messages/{}/send", text(&draft, "id")),
        )
        .header("content-length", "0");
    assert_eq!(
        error(send.send().await.expect("one")).await.1,
        "ErrorInvalidRecipients"
    );
}

#[tokio::test]
async fn a_session_ends_when_its_item_moves() {
    let client = Client::start(Options::default()).await;
    let url = client.session(&client.draft(), "a", 3_000_000).await;
    assert_eq!(client.delete(&client.draft()).await.status(), 204);
    assert_eq!(
        client
            .http
            .get(&url)
            .send()
            .await
            .expect("an answer")
            .status(),
        404
    );
    assert_eq!(client.get(&client.draft()).await.status(), 404);
    let bin = client
        .get_json("/me/mailFolders/deleteditems/messages")
        .await;
    assert_eq!(subjects(&bin), ["A draft to try things on"]);
    let id = text(&bin["value"][0], "id");
    assert_eq!(
        client.delete(&format!("/me/messages/{id}")).await.status(),
        204
    );
    let bin = client
        .get_json("/me/mailFolders/deleteditems/messages")
        .await;
    assert_eq!(bin["value"], json!([]));
}

#[tokio::test]
async fn lists_come_in_pages_newest_first() {
    let client = Client::start(Options::default()).await;
    for number in 0..25 {
        let body = json!({"subject": format!("Report {number}"), "body": {"content": "pizza"}});
        assert_eq!(client.post("/me/messages", &body).await.status(), 201);
    }
    for (query, expected) in [
        ("$select=subject&$filter=startswith(subject,'Report')", 25),
        ("$select=subject&$search=%22subject:report%22&$top=7", 25),
        ("$top=20&$count=true", 26),
        ("$filter=isDraft%20eq%20true&$top=1000", 26),
        ("$skip=20&$orderby=subject", 6),
    ] {
        let mut seen = Vec::new();
        let mut page = client.get_json(&format!("/me/messages?{query}")).await;
        loop {
            assert_eq!(page.get("@odata.count").is_some(), query.contains("$count"));
            seen.extend(subjects(&page).into_iter().map(str::to_owned));
            let Some(next) = page["@odata.nextLink"].as_str() else {
                break;
            };
            let below = next
                .strip_prefix(&client.sandbox.endpoint())
                .expect("the same endpoint");
            page = client.get_json(below).await;
        }
        assert_eq!(seen.len(), expected, "{query}");
        assert_eq!(
            seen.iter().collect::<HashSet<_>>().len(),
            expected,
            "{query}"
        );
        if !query.contains("orderby") {
            assert_eq!(seen[0], "Report 24", "{query}");
        }
    }
    let (status, code, _) = error(
        client
            .get("/me/messages?$filter=isDraft eq true&$orderby=receivedDateTime desc")
            .await,
    )
    .await;
    assert_eq!((status, &*code), (400, "InefficientFilter"));
    let first = client.get_json("/me/mailFolders/Drafts/messages").await;
    assert_eq!(first["value"].as_array().map(Vec::len), Some(10));
}

#[tokio::test]
async fn events_have_attendees_and_can_be_changed() {
    let client = Client::start(Options::default()).await;
    let calendar = client.get_json("/me/calendar").await;
    let by_id = format!("/me/calendars/{}/events", text(&calendar, "id"));
    for path in ["/me/events", "/me/calendar/events", &by_id] {
        let body = json!({
            "subject": "Meeting",
            "start": {"dateTime": "2030-01-01T09:00:00", "timeZone": "UTC"},
            "end": {"dateTime": "2030-01-01T10:00:00", "timeZone": "UTC"},
            "attendees": [{"emailAddress": {"address": "a@example.com"}, "type": "optional"}],
        });
        let answer = client.post(path, &body).await;
        assert_eq!(answer.status(), 201);
        let event: Value = answer.json().await.expect("JSON");
        assert_eq!(event["attendees"][0]["status"]["response"], "none");
        let item = format!("{path}/{}", text(&event, "id"));
        let change = json!({"attendees": [], "subject": "Moved"});
        let answer = client
            .request(Method::PATCH, &item)
            .json(&change)
            .send()
            .await;
        let changed: Value = answer.expect("an answer").json().await.expect("JSON");
        assert_eq!(
            (&changed["attendees"], text(&changed, "subject")),
            (&json!([]), "Moved")
        );
        assert_ne!(changed["changeKey"], event["changeKey"]);
        assert_eq!(
            client.try_session(&item, "a", 3_000_000).await.status(),
            201
        );
        assert_eq!(client.delete(&item).await.status(), 204);
        assert_eq!(client.get(&item).await.status(), 404);
    }
    assert_eq!(
        client
            .post("/me/events", &json!({"subject": "x"}))
            .await
            .status(),
        400
    );
    let search = client.get("/me/events?$search=%22x%22").await;
    assert_eq!(search.status(), 400);
}

#[tokio::test]
async fn drafts_can_be_made_with_attachments_and_refused_whole() {
    let client = Client::start(Options::default()).await;
    let draft = |files: Value| json!({"subject": "With files", "attachments": files});
    let answer = client
        .post("/me/messages", &draft(json!([file("a", "R0lGODdh")])))
        .await;
    assert_eq!(answer.status(), 201);
    let refused = draft(json!([file("a", "R0lGODdh"), {"name": "untyped"}]));
    assert_eq!(client.post("/me/messages", &refused).await.status(), 422);
    let with = client
        .get_json("/me/messages?$filter=subject eq 'With files'")
        .await;
    assert_eq!(with["value"].as_array().map(Vec::len), Some(1));
    for body in ["", "{", "[]"] {
        let answer = client
            .request(Method::POST, "/me/messages")
            .body(body)
            .header("content-length", body.len().to_string());
        assert_eq!(
            answer.send().await.expect("an answer").status(),
            400,
            "{body:?}"
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_not_there() {
    let client = Client::start(Options::default()).await;
    for (path, status, code) in [
        ("/me/contacts", 501, "NotInSandbox"),
        ("/me/contakts", 400, "RequestBroker--ParseUri"),
        ("/me/messages/AAMk/AAMk", 400, "RequestBroker--ParseUri"),
        ("/me/mailFolders/junk", 400, "ErrorInvalidIdMalformed"),
        ("/me/mailFolders/AAMkAGE4", 404, "ErrorItemNotFound"),
        (
            "/me/messages?$select=sobject",
            400,
            "RequestBroker--ParseUri",
        ),
        ("/me/messages?$filter=subject", 400, "BadRequest"),
        ("/me/messages?$top=0", 400, "BadRequest"),
    ] {
        let (got, got_code, _) = error(client.get(path).await).await;
        assert_eq!((got, &*got_code), (status, code), "{path}");
    }
    assert_eq!(
        client
            .request(Method::PUT, &client.draft())
            .send()
            .await
            .expect("one")
            .status(),
        405
    );
    let (status, code, message) =
        error(client.post("/me/messages", &json!({"sobject": 1})).await).await;
    assert_eq!((status, &*code), (400, "RequestBodyRead"));
    assert!(message.contains("'sobject'"));
}
