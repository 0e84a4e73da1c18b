//! Requests by the thousand, drawn from what clients and nobody would send: each is answered, none with a
//! server's error, and what is not here says so.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{HeaderMap, Method, Uri};
use serde_json::{Map, Value, json};

use crate::{
    Options, exchange,
    log::Host,
    model::{content::Piece, item::Kind},
    server::{body::Read, head::Head, outgoing::Part},
    shared::Shared,
};

const REQUESTS: u64 = 1_000;

struct Draw {
    rng: fastrand::Rng,
    ids: Vec<String>,
}

impl Draw {
    fn one<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.rng.usize(..words.len())]
    }

    /// Mostly the first, else one of the others.
    fn mostly<'a>(&mut self, usual: &'a str, others: &[&'a str]) -> &'a str {
        match self.rng.u8(..6) {
            0 => self.one(others),
            _ => usual,
        }
    }

    fn id(&mut self) -> String {
        match self.rng.u8(..6) {
            0 => self
                .one(&[
                    "AAMkAGE4=",
                    "nonsense",
                    "AAMk%2Fz",
                    "",
                    "..",
                    "$value",
                    "delta",
                    "é",
                ])
                .to_owned(),
            _ => self.ids[self.rng.usize(..self.ids.len())].clone(),
        }
    }

    fn path(&mut self) -> String {
        let version = self.mostly("v1.0", &["beta", "v2.0", ""]);
        let owner = self.mostly(
            "me",
            &[
                "users/a@example.com",
                "users('b@example.com')",
                "users/nobody",
                "groups/x",
            ],
        );
        let folder = self.mostly(
            "",
            &[
                "mailFolders/drafts/",
                "mailFolders/attic/",
                "calendar/",
                "calendars/x/",
            ],
        );
        let collection = self.mostly(
            "messages",
            &[
                "events",
                "events",
                "mailFolders",
                "contacts",
                "sendMail",
                "$batch",
            ],
        );
        let (id, other) = (self.id(), self.id());
        let tail = match self.rng.u8(..12) {
            0 => String::new(),
            1 => format!("/{id}"),
            2 => format!("/{id}/attachments"),
            3 => format!("/{id}/attachments/{other}"),
            4 => format!("/{id}/attachments/{other}/$value"),
            5 => format!("/{id}/attachments/createUploadSession"),
            6 => format!("/{id}/$value"),
            _ => {
                let action = self.one(&[
                    "send",
                    "reply",
                    "replyAll",
                    "forward",
                    "createReply",
                    "createReplyAll",
                    "createForward",
                    "move",
                    "copy",
                    "accept",
                    "unknown",
                ]);
                format!("/{id}/{action}")
            }
        };
        match self.rng.u8(..12) {
            0 => format!("/{version}/$batch"),
            1 => format!("/{version}/{owner}"),
            _ => format!("/{version}/{owner}/{folder}{collection}{tail}"),
        }
    }

    fn query(&mut self) -> String {
        let count = self.rng.usize(..6).saturating_sub(3);
        let parts: Vec<&str> = (0..count)
            .map(|_| {
                self.one(&[
                    "$select=id,subject",
                    "$select=",
                    "$select=nothing",
                    "$top=5",
                    "$top=0",
                    "$skip=1",
                    "$skip=-1",
                    "$orderby=subject%20desc",
                    "$orderby=,,",
                    "$filter=isDraft%20eq%20true",
                    "$filter=(((",
                    "$filter=size%20gt%203",
                    "$filter=singleValueExtendedProperties/Any(ep:%20ep/id%20eq%20'String%200x1')",
                    "$filter=singleValueExtendedProperties/Any(ep:",
                    "$search=%22a%22",
                    "$search=",
                    "$count=true",
                    "$expand=attachments($select=id,name)",
                    "$expand=attachments(",
                    "$expand=singleValueExtendedProperties",
                    "$expand=singleValueExtendedProperties($filter=id%20eq%20'String%200x1')",
                    "$skiptoken=x",
                    "a=b",
                ])
            })
            .collect();
        parts.join("&")
    }

    fn value(&mut self, depth: u8) -> Value {
        match self.rng.u8(..12) {
            0 => Value::Null,
            1 => json!(self.rng.bool()),
            2 => json!(self.rng.i64(-3..3)),
            3 => json!("text"),
            4 => json!("2030-01-01T09:00:00"),
            5 => json!([{"emailAddress": {"address": "a@example.com"}}]),
            6 => {
                json!({"dateTime": "2030-01-01T09:00:00", "timeZone": self.one(&["UTC", "Tokyo Standard Time", "x"])})
            }
            7 => json!([{"id": "String 0x1", "value": "x"}]),
            8 => json!({"contentType": "html", "content": "x"}),
            9 => {
                json!([{"@odata.type": "#microsoft.graph.fileAttachment", "name": "a", "contentBytes": "YQ=="}])
            }
            _ if depth > 2 => json!({}),
            10 => Value::Array(
                (0..self.rng.usize(..3))
                    .map(|_| self.value(depth + 1))
                    .collect(),
            ),
            _ => Value::Object(self.object(depth + 1)),
        }
    }

    fn object(&mut self, depth: u8) -> Map<String, Value> {
        let count = self.rng.usize(..5);
        (0..count)
            .map(|_| {
                let name = self.one(&[
                    "subject",
                    "body",
                    "toRecipients",
                    "from",
                    "importance",
                    "isDraft",
                    "attachments",
                    "start",
                    "end",
                    "singleValueExtendedProperties",
                    "message",
                    "comment",
                    "destinationId",
                    "AttachmentItem",
                    "attachmentType",
                    "name",
                    "size",
                    "contentBytes",
                    "@odata.type",
                    "requests",
                    "saveToSentItems",
                    "flag",
                    "attendees",
                    "unknown",
                    "id",
                    "method",
                    "url",
                ]);
                (name.to_owned(), self.value(depth))
            })
            .collect()
    }

    fn body(&mut self) -> Vec<u8> {
        let item = |value: Value| value.to_string().into_bytes();
        match self.rng.u8(..9) {
            0 => Vec::new(),
            1 => b"{".to_vec(),
            2 => item(
                json!({"@odata.type": "microsoft.graph.fileAttachment", "name": "a", "contentBytes": "YQ=="}),
            ),
            3 => item(
                json!({"AttachmentItem": {"attachmentType": "file", "name": "a", "size": 3_000_000}}),
            ),
            4 => item(json!({"destinationId": self.one(&["archive", "inbox", "x"])})),
            5 => {
                let event = |time: &str| json!({"dateTime": time, "timeZone": "UTC"});
                item(
                    json!({"subject": "x", "start": event("2030-01-01T09:00:00"), "end": event("2030-01-01T10:00:00")}),
                )
            }
            6 => item(
                json!({"requests": [{"id": "1", "method": "GET", "url": format!("/me/messages/{}", self.id())}]}),
            ),
            _ => item(Value::Object(self.object(0))),
        }
    }
}

fn ids(shared: &Shared) -> Vec<String> {
    let store = shared.store();
    let attachments = store.items().flat_map(|item| {
        item.attachments
            .iter()
            .map(|attachment| attachment.id(item, false))
    });
    let items = store.items().map(|item| item.id.clone());
    let mut ids: Vec<String> = items.chain(attachments).collect();
    // The first draft, whatever became of it, and what is there now.
    ids.extend(
        store
            .first(Kind::Message)
            .map(|item| item.immutable_id.clone()),
    );
    ids
}

#[test]
fn thousands_of_requests_bring_no_server_s_error() {
    let options = Options {
        requests: None,
        seed: Some(1),
        ..Options::default()
    };
    let shared = Shared::new(
        options,
        "http://127.0.0.1:1".to_owned(),
        "http://127.0.0.1:2".to_owned(),
    );
    let shared = Arc::new(shared);
    let mut draw = Draw {
        rng: fastrand::Rng::with_seed(7),
        ids: ids(&shared),
    };
    let (mut fine, mut elsewhere) = (0, 0);
    for number in 0..REQUESTS {
        if number % 50 == 0 {
            draw.ids = ids(&shared);
        }
        let method: Method = draw
            .one(&["GET", "GET", "POST", "POST", "PATCH", "DELETE", "PUT"])
            .parse()
            .expect("a method");
        let text = format!("{}?{}", draw.path().replace('é', "%C3%A9"), draw.query());
        let Ok(uri) = text.parse::<Uri>() else {
            continue;
        };
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", shared.token);
        headers.insert("authorization", bearer.parse().expect("a value"));
        if draw.rng.u8(..8) == 0 {
            let prefer = draw.one(&[
                "IdType=\"ImmutableId\"",
                "odata.maxpagesize=2",
                "outlook.timezone=\"x\"",
                ";,=",
            ]);
            headers.insert("prefer", prefer.parse().expect("a value"));
        }
        let body = draw.body();
        headers.insert("content-length", body.len().into());
        let head = Head::new(&shared, Host::Graph, &method, &uri, &headers);
        let read = Read {
            len: body.len() as u64,
            pieces: vec![Piece::Memory(Bytes::from(body.clone()))],
        };
        let reply = exchange::answer_batched(&shared, head, text.clone(), read);
        let status = reply.status.as_u16();
        let json = reply
            .headers
            .get("content-type")
            .is_some_and(|kind| kind == "application/json");
        let answer = Part::collect(reply.body).expect("memory");
        let told = || {
            format!(
                "{number}: {method} {text} {}",
                String::from_utf8_lossy(&body)
            )
        };
        assert!(status < 500 || status == 501, "{status} to {}", told());
        if json {
            let answer: Value =
                serde_json::from_slice(&answer).unwrap_or_else(|_| panic!("no JSON to {}", told()));
            if status == 501 {
                assert_eq!(answer["error"]["code"], "NotInSandbox", "{}", told());
            }
        }
        fine += u32::from(status < 300);
        elsewhere += u32::from(status == 501);
    }
    // Neither all refused nor all taken: the draw reaches what it should.
    assert!(
        fine > 25 && elsewhere > 50,
        "{fine} fine, {elsewhere} elsewhere"
    );
}
