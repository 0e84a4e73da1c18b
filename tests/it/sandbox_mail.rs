//! The stand-in's mail beyond drafts: answers, forwarding, sendMail, moving, MIME, batches, and finding one's
//! own mail again.

use graph_sandbox::{Options, options::ReplyProperties};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{Client, bytes, client::error};

const KEY: &str = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Key";

fn to(address: &str) -> Value {
    json!([{"emailAddress": {"address": address}}])
}

fn property(value: &str) -> Value {
    json!([{"id": KEY, "value": value}])
}

fn addresses(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list").iter();
    list.map(|entry| {
        entry["emailAddress"]["address"]
            .as_str()
            .expect("an address")
    })
    .collect()
}

async fn made(client: &Client, path: &str, body: &Value) -> Value {
    let answer = client.post(path, body).await;
    assert_eq!(answer.status(), 201, "{path}");
    answer.json().await.expect("JSON")
}

/// A message in the inbox, from someone to the own mailbox and another one.
async fn received(client: &Client) -> String {
    let message = made(
        client,
        "/me/mailFolders/inbox/messages",
        &json!({
            "subject": "A question",
            "from": {"emailAddress": {"address": "asker@example.com"}},
            "toRecipients": [
                {"emailAddress": {"address": "sandbox@example.com"}},
                {"emailAddress": {"address": "other@example.com"}}],
            "ccRecipients": to("cc@example.com"),
            "body": {"contentType": "html", "content": "<p>Why?</p>"},
            "attachments": [
                {"@odata.type": "#microsoft.graph.fileAttachment", "name": "shown.gif", "contentBytes": "R0lGODdh", "isInline": true, "contentId": "shown"},
                {"@odata.type": "#microsoft.graph.fileAttachment", "name": "file.txt", "contentBytes": "aGVsbG8="}],
        }),
    )
    .await;
    format!("/me/messages/{}", message["id"].as_str().expect("an id"))
}

async fn send(client: &Client, path: &str) -> Response {
    let request = client
        .request(Method::POST, path)
        .header("content-length", "0");
    request.send().await.expect("an answer")
}

async fn names(client: &Client, item: &str) -> Vec<String> {
    let list = client
        .get_json(&format!("{item}/attachments?$select=name"))
        .await;
    let list = list["value"].as_array().expect("a list").iter();
    list.map(|file| file["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[tokio::test]
async fn answers_are_drafts_with_recipients_and_take_attachments() {
    let client = Client::start(Options::default()).await;
    let original = received(&client).await;
    for (action, subject, recipients, copies, attached) in [
        (
            "createReply",
            "RE: A question",
            vec!["asker@example.com"],
            vec![],
            vec!["shown.gif"],
        ),
        (
            "createReplyAll",
            "RE: A question",
            vec!["asker@example.com", "other@example.com"],
            vec!["cc@example.com"],
            vec!["shown.gif"],
        ),
        (
            "microsoft.graph.createForward",
            "FW: A question",
            vec![],
            vec![],
            vec!["shown.gif", "file.txt"],
        ),
    ] {
        let draft = made(
            &client,
            &format!("{original}/{action}"),
            &json!({"comment": "Because."}),
        )
        .await;
        assert_eq!(draft["isDraft"], true);
        assert_eq!(draft["subject"], subject);
        assert_eq!(addresses(&draft["toRecipients"]), recipients, "{action}");
        assert_eq!(addresses(&draft["ccRecipients"]), copies, "{action}");
        let content = draft["body"]["content"].as_str().expect("content");
        assert!(
            content.contains("Because.") && content.contains("Why?"),
            "{content}"
        );
        let item = format!("/me/messages/{}", draft["id"].as_str().expect("an id"));
        assert_eq!(names(&client, &item).await, attached, "{action}");
        let url = client.session(&item, "more.bin", 3_000_000).await;
        assert_eq!(
            client
                .upload(&url, &bytes(3_000_000), 3_000_000)
                .await
                .status(),
            201
        );
        assert_eq!(names(&client, &item).await.len(), attached.len() + 1);
    }
    // Without any body, too.
    assert_eq!(
        send(&client, &format!("{original}/createReply"))
            .await
            .status(),
        201
    );
    let both = json!({"comment": "a", "message": {"body": {"content": "b"}}});
    let (status, code, _) =
        error(client.post(&format!("{original}/createReply"), &both).await).await;
    assert_eq!((status, &*code), (400, "ErrorInvalidRequest"));
    let unknown = client
        .post(&format!("{original}/reply"), &json!({"coment": "a"}))
        .await;
    assert!(error(unknown).await.2.contains("'coment'"));
}

#[tokio::test]
async fn answers_can_be_sent_at_once() {
    let client = Client::start(Options::default()).await;
    let original = received(&client).await;
    for (action, body) in [
        ("reply", json!({"comment": "Yes."})),
        ("replyAll", json!({"message": {"subject": "Changed"}})),
        (
            "forward",
            json!({"comment": "See", "toRecipients": to("third@example.com")}),
        ),
    ] {
        assert_eq!(
            client
                .post(&format!("{original}/{action}"), &body)
                .await
                .status(),
            202
        );
    }
    let nobody = client
        .post(&format!("{original}/forward"), &json!({"comment": "See"}))
        .await;
    assert_eq!(error(nobody).await.1, "ErrorInvalidRecipients");
    let sent = client
        .get_json("/me/mailFolders/sentitems/messages?$select=subject&$orderby=subject")
        .await;
    let subjects: Vec<&Value> = sent["value"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|m| &m["subject"])
        .collect();
    assert_eq!(subjects, ["Changed", "FW: A question", "RE: A question"]);
    let drafts = client
        .get_json("/me/mailFolders/drafts/messages?$count=true&$select=id")
        .await;
    assert_eq!(
        drafts["@odata.count"], 1,
        "what could not be sent leaves no draft"
    );
}

#[tokio::test]
async fn mail_goes_in_one_request_and_is_kept_or_not() {
    let client = Client::start(Options::default()).await;
    let message = |subject: &str, address: &str| {
        json!({
            "subject": subject,
            "toRecipients": to(address),
            "singleValueExtendedProperties": property("lost"),
            "attachments": [{"@odata.type": "#microsoft.graph.fileAttachment", "name": "a", "contentBytes": "YQ=="}],
        })
    };
    let kept = json!({"message": message("kept", "a@example.com")});
    assert_eq!(client.post("/me/sendMail", &kept).await.status(), 202);
    let gone = json!({"Message": message("gone", "a@example.com"), "SaveToSentItems": "false"});
    assert_eq!(
        client
            .post("/me/microsoft.graph.sendMail", &gone)
            .await
            .status(),
        202
    );
    let nowhere = json!({"message": message("nowhere", "no address")});
    let (status, code, text) = error(client.post("/me/sendMail", &nowhere).await).await;
    assert_eq!((status, &*code), (400, "ErrorInvalidRecipients"));
    assert!(text.contains("'no address'"), "{text}");
    let items = client.sandbox.items();
    let sent: Vec<&str> = items
        .iter()
        .filter(|i| i.folder == "sentitems")
        .map(|i| i.subject.as_str())
        .collect();
    assert_eq!(sent, ["kept"]);
    assert_eq!(items.iter().flat_map(|item| &item.attachments).count(), 1);
    let found = client
        .get_json(&format!("/me/messages?$filter={}", filter("lost")))
        .await;
    assert_eq!(
        found["value"],
        json!([]),
        "sendMail drops extended properties"
    );
}

fn filter(value: &str) -> String {
    let id = KEY
        .replace(' ', "%20")
        .replace('{', "%7B")
        .replace('}', "%7D");
    format!(
        "singleValueExtendedProperties/Any(ep:%20ep/id%20eq%20'{id}'%20and%20ep/value%20eq%20'{value}')"
    )
}

#[tokio::test]
async fn a_message_is_found_by_its_extended_property_wherever_it_goes() {
    let client = Client::start(Options::default()).await;
    let draft = made(
        &client,
        "/me/messages",
        &json!({"subject": "Mine", "toRecipients": to("a@example.com"), "singleValueExtendedProperties": property("Run 7")}),
    )
    .await;
    assert!(
        draft.get("singleValueExtendedProperties").is_none(),
        "only when it is expanded"
    );
    let item = format!("/me/messages/{}", draft["id"].as_str().expect("an id"));
    let found = |path: &str, value: &str| {
        let path = format!("{path}?$select=subject&$filter={}", filter(value));
        async {
            let path = path;
            client.get_json(&path).await["value"]
                .as_array()
                .map(Vec::len)
        }
    };
    assert_eq!(
        found("/me/messages", "run%207").await,
        Some(1),
        "values in any case"
    );
    assert_eq!(found("/me/messages", "Run%208").await, Some(0));
    assert_eq!(
        found("/me/mailFolders/drafts/messages", "Run%207").await,
        Some(1)
    );
    let expand = format!(
        "$expand=singleValueExtendedProperties($filter=id%20eq%20'{}')",
        KEY.replace(' ', "%20")
    );
    let shown = client
        .get_json(&format!("{item}?$select=subject&{expand}"))
        .await;
    assert_eq!(shown["singleValueExtendedProperties"][0]["value"], "Run 7");

    assert_eq!(send(&client, &format!("{item}/send")).await.status(), 202);
    assert_eq!(
        found("/me/mailFolders/drafts/messages", "Run%207").await,
        Some(0)
    );
    assert_eq!(
        found("/me/mailFolders/sentitems/messages", "Run%207").await,
        Some(1)
    );

    // What becomes of it in an answer is not known, so it is an option.
    for (reply_properties, count) in [(ReplyProperties::Drop, 0), (ReplyProperties::Keep, 1)] {
        let client = Client::start(Options {
            reply_properties,
            ..Options::default()
        })
        .await;
        let original = received(&client).await;
        let body = json!({"message": {"singleValueExtendedProperties": property("reply")}});
        let draft = made(&client, &format!("{original}/createReply"), &body).await;
        let list = client
            .get_json(&format!("/me/messages?$filter={}", filter("reply")))
            .await;
        assert_eq!(list["value"].as_array().map(Vec::len), Some(count));
        let item = format!("/me/messages/{}", draft["id"].as_str().expect("an id"));
        let change = client
            .request(Method::PATCH, &item)
            .json(&json!({"singleValueExtendedProperties": property("patched")}));
        assert_eq!(change.send().await.expect("an answer").status(), 200);
        let list = client
            .get_json(&format!("/me/messages?$filter={}", filter("patched")))
            .await;
        assert_eq!(list["value"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn messages_move_and_are_copied() {
    let client = Client::start(Options::default()).await;
    let original = received(&client).await;
    let copy = made(
        &client,
        &format!("{original}/copy"),
        &json!({"destinationId": "archive"}),
    )
    .await;
    let moved = made(
        &client,
        &format!("{original}/move"),
        &json!({"destinationId": "deleteditems"}),
    )
    .await;
    assert_eq!(
        client.get(&original).await.status(),
        404,
        "the id changes with the folder"
    );
    for (message, folder) in [(&copy, "archive"), (&moved, "deleteditems")] {
        let id = message["id"].as_str().expect("an id");
        let list = client
            .get_json(&format!("/me/mailFolders/{folder}/messages?$select=id"))
            .await;
        assert_eq!(list["value"][0]["id"], id);
        let item = format!("/me/messages/{id}");
        assert_eq!(names(&client, &item).await, ["shown.gif", "file.txt"]);
        assert_eq!(
            client
                .delete(&format!(
                    "{item}/attachments/{}",
                    attachment(&client, &item).await
                ))
                .await
                .status(),
            204
        );
    }
    let nowhere = client.post(&client.draft(), &json!({})).await;
    assert_eq!(nowhere.status(), 405);
    assert_eq!(nowhere.headers()["allow"], "GET, PATCH, DELETE");
    let attic = client
        .post(
            &format!("{}/move", client.draft()),
            &json!({"destinationId": "attic"}),
        )
        .await;
    assert_eq!(error(attic).await.1, "ErrorInvalidIdMalformed");
}

async fn attachment(client: &Client, item: &str) -> String {
    let list = client
        .get_json(&format!("{item}/attachments?$select=id"))
        .await;
    list["value"][0]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_message_can_be_read_as_mime() {
    let client = Client::start(Options::default()).await;
    let original = received(&client).await;
    let answer = client.get(&format!("{original}/$value")).await;
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.expect("text");
    for part in [
        "Subject: A question",
        "asker@example.com",
        "file.txt",
        "hello",
        "shown",
        "Why?",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn several_requests_go_in_one() {
    let client = Client::with_faults(&["get@2=503:3"]).await;
    let draft = client.draft();
    let answer = client
        .post(
            "/$batch",
            &json!({"requests": [
                {"id": "1", "method": "GET", "url": format!("{draft}?$select=subject")},
                {"id": "2", "method": "PATCH", "url": draft, "headers": {"Content-Type": "application/json"}, "body": {"subject": "Batched"}},
                {"id": "3", "dependsOn": ["2"], "method": "GET", "url": draft},
                {"id": "4", "dependsOn": ["3"], "method": "GET", "url": draft},
                {"id": "5", "method": "GET", "url": "/me/messages/AAMkAGE4=/attachments"},
            ]}),
        )
        .await;
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.expect("JSON");
    let by = |id: usize| &body["responses"][id - 1];
    assert_eq!(by(1)["body"]["subject"], "A draft to try things on");
    assert_eq!(
        (&by(2)["status"], &by(2)["body"]["subject"]),
        (&json!(200), &json!("Batched"))
    );
    assert_eq!(
        (&by(3)["status"], &by(3)["headers"]["retry-after"]),
        (&json!(503), &json!("3"))
    );
    assert_eq!(by(4)["status"], 424, "what it depends on failed");
    assert_eq!(by(5)["body"]["error"]["code"], "ErrorItemNotFound");
    let seen = client.sandbox.requests();
    assert_eq!(seen.iter().filter(|seen| seen.batched).count(), 4);
    let many: Vec<Value> = (0..21)
        .map(|n| json!({"id": n.to_string(), "method": "GET", "url": "/me"}))
        .collect();
    assert_eq!(
        client
            .post("/$batch", &json!({"requests": many}))
            .await
            .status(),
        400
    );
}
