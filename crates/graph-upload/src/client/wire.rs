//! The JSON of Graph and of the Outlook upload host, as they send and take it. Pure.
//!
//! Replies are read tolerantly: the same field comes as `uploadUrl` or `UploadUrl`, depending on the
//! cloud, the API version and the year.

use serde::Serialize;
use serde_json::Value;

use crate::{
    attachment::Attachment,
    expected_offset::{ExpectedOffset, next_expected},
    item::is_id,
    json::{field, parse, text},
};

/// The body of `createUploadSession`.
pub fn create_session_body(attachment: &Attachment, size: u64) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct AttachmentItem<'a> {
        attachment_type: &'static str,
        name: &'a str,
        size: u64,
        content_type: &'a str,
        // Sent only when asked for: the service of 2020 rejected sessions that named them.
        #[serde(skip_serializing_if = "Option::is_none")]
        is_inline: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        content_id: Option<&'a str>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Body<'a> {
        attachment_item: AttachmentItem<'a>,
    }
    let body = Body {
        attachment_item: AttachmentItem {
            attachment_type: "file",
            name: &attachment.name,
            size,
            content_type: &attachment.content_type,
            is_inline: attachment.is_inline.then_some(true),
            content_id: attachment.content_id.as_deref(),
        },
    };
    serde_json::to_vec(&body).unwrap_or_default()
}

/// The body of the POST of a `fileAttachment`: the content is encoded straight into it, so that a
/// file of 3 MB is in memory once as bytes and once as this.
pub fn file_attachment_body(attachment: &Attachment, content: &[u8]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct FileAttachment<'a> {
        #[serde(rename = "@odata.type")]
        odata_type: &'static str,
        name: &'a str,
        content_type: &'a str,
        is_inline: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        content_id: Option<&'a str>,
    }
    let head = FileAttachment {
        odata_type: "#microsoft.graph.fileAttachment",
        name: &attachment.name,
        content_type: &attachment.content_type,
        is_inline: attachment.is_inline,
        content_id: attachment.content_id.as_deref(),
    };
    let encoded = base64::encoded_len(content.len(), true).unwrap_or(0);
    let mut body = Vec::with_capacity(encoded + 1_024);
    if serde_json::to_writer(&mut body, &head).is_err() {
        return Vec::new();
    }
    body.pop();
    body.extend_from_slice(br#","contentBytes":""#);
    let start = body.len();
    body.resize(start + encoded, 0);
    let engine = base64::engine::general_purpose::STANDARD;
    // The slice has exactly the encoded length, so this cannot fail.
    let _ = base64::Engine::encode_slice(&engine, content, &mut body[start..]);
    body.extend_from_slice(br#""}"#);
    body
}

/// What the answers about a session say: the create answer, and those to PUT and GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionReply {
    /// `uploadUrl`, only in the create answer.
    pub upload_url: Option<String>,
    /// `expirationDateTime`, when it can be read.
    pub expires: Option<jiff::Timestamp>,
    /// `nextExpectedRanges`.
    pub next: ExpectedOffset,
}

impl SessionReply {
    /// Reads a reply; `None` when it is not a JSON object at all.
    pub fn read(body: &[u8]) -> Option<Self> {
        let value = parse(body)?;
        value.is_object().then(|| SessionReply {
            upload_url: text(&value, "uploadUrl").map(str::to_owned),
            expires: text(&value, "expirationDateTime").and_then(instant),
            next: next_expected(&value),
        })
    }
}

/// One attachment of an item, as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentInfo {
    /// The attachment's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its size in bytes as the service reckons it: larger than the file.
    pub size: Option<u64>,
    /// Its MIME type.
    pub content_type: Option<String>,
    /// Whether it is inline.
    pub is_inline: bool,
    /// Whether it is a file: not an item or a reference.
    pub is_file: bool,
}

/// One page of a list of attachments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// The attachments on it.
    pub attachments: Vec<AttachmentInfo>,
    /// `@odata.nextLink`.
    pub next_link: Option<String>,
}

impl ListPage {
    /// Reads a page; `None` when it is not one, or has an id that cannot be one: an attachment that is passed
    /// over could be ours. Entries without an id are skipped.
    pub fn read(body: &[u8]) -> Option<Self> {
        let value = parse(body)?;
        let entries = field(&value, "value")?.as_array()?;
        let mut ids = entries.iter().filter_map(|entry| text(entry, "id"));
        if ids.any(|id| !id.is_empty() && !is_id(id)) {
            return None;
        }
        Some(ListPage {
            attachments: entries.iter().filter_map(listed).collect(),
            next_link: text(&value, "@odata.nextLink").map(str::to_owned),
        })
    }
}

/// Reads one attachment, from a list or as the answer to a POST.
pub fn listed(value: &Value) -> Option<AttachmentInfo> {
    Some(AttachmentInfo {
        id: text(value, "id").filter(|id| is_id(id))?.to_owned(),
        name: text(value, "name").unwrap_or_default().to_owned(),
        size: field(value, "size").and_then(Value::as_u64),
        content_type: text(value, "contentType").map(str::to_owned),
        is_inline: field(value, "isInline")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        is_file: text(value, "@odata.type")
            .is_none_or(|kind| kind.to_ascii_lowercase().ends_with("fileattachment")),
    })
}

/// A point in time as Graph writes it. The upload host sometimes leaves the zone out; it means UTC.
fn instant(text: &str) -> Option<jiff::Timestamp> {
    text.parse().or_else(|_| format!("{text}Z").parse()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn flower() -> Attachment {
        Attachment {
            name: "flower".into(),
            content_type: "image/jpeg".into(),
            is_inline: false,
            content_id: None,
        }
    }

    #[test]
    fn a_session_is_asked_for_as_documented() {
        let body: Value =
            serde_json::from_slice(&create_session_body(&flower(), 3_483_322)).unwrap();
        assert_eq!(
            body,
            json!({"AttachmentItem": {"attachmentType": "file", "name": "flower", "size": 3_483_322,
                "contentType": "image/jpeg"}})
        );
        let inline = Attachment {
            is_inline: true,
            content_id: Some("cid1".into()),
            ..flower()
        };
        let body: Value = serde_json::from_slice(&create_session_body(&inline, 7)).unwrap();
        assert_eq!(body["AttachmentItem"]["isInline"], json!(true));
        assert_eq!(body["AttachmentItem"]["contentId"], json!("cid1"));
    }

    #[test]
    fn replies_are_read_in_either_casing() {
        let created = SessionReply::read(
            br#"{"uploadUrl":"https://h/x","expirationDateTime":"2019-09-25T01:09:30.7671707Z","nextExpectedRanges":["0-"]}"#,
        )
        .unwrap();
        assert_eq!(created.upload_url.as_deref(), Some("https://h/x"));
        assert_eq!(created.next, ExpectedOffset::At(0));
        assert_eq!(
            created.expires.unwrap().to_string(),
            "2019-09-25T01:09:30.7671707Z"
        );
        let put = SessionReply::read(
            br#"{"ExpirationDateTime":"2019-09-25T01:09:30","NextExpectedRanges":["2097152"]}"#,
        )
        .unwrap();
        assert_eq!(put.next, ExpectedOffset::At(2_097_152));
        assert!(put.expires.is_some());
        assert_eq!(SessionReply::read(b"<html>"), None);
        assert_eq!(SessionReply::read(b""), None);
        assert_eq!(SessionReply::read(b"[1]"), None);
    }

    #[test]
    fn a_list_is_read_and_entries_without_id_skipped() {
        let page = ListPage::read(
            br##"{"value":[{"@odata.type":"#microsoft.graph.fileAttachment","id":"A=","name":"n","size":5},{"name":"x"}],"@odata.nextLink":"https://g/next"}"##,
        )
        .unwrap();
        assert_eq!(page.attachments.len(), 1);
        assert_eq!(page.attachments[0].size, Some(5));
        assert!(page.attachments[0].is_file);
        let item = json!({"@odata.type": "#microsoft.graph.itemAttachment", "id": "A="});
        assert!(!listed(&item).unwrap().is_file);
        assert!(listed(&json!({"id": "A="})).unwrap().is_file);
        assert_eq!(page.next_link.as_deref(), Some("https://g/next"));
        assert_eq!(ListPage::read(b"{}"), None);
    }

    #[test]
    fn ids_that_cannot_be_one_are_refused_where_they_are_read() {
        for id in ["a\0b", "a\nb", "\u{1b}[31m", "a b", "..", ".", "\u{85}"] {
            assert_eq!(listed(&json!({"id": id})), None, "{id:?}");
            let page = json!({"value": [{"id": "A="}, {"id": id}]}).to_string();
            assert_eq!(ListPage::read(page.as_bytes()), None, "{id:?}");
        }
    }

    #[test]
    fn an_answer_that_would_fill_the_memory_is_not_read() {
        let list = |entry: &str, count: usize| {
            format!(r#"{{"value":[{}0]}}"#, entry.repeat(count)).into_bytes()
        };
        assert!(ListPage::read(&list(r#"{"":0},"#, 1_000)).is_some());
        assert!(ListPage::read(&list(r#"{"":0},"#, 50_000)).is_none());
        assert!(ListPage::read(&list("[0],", 50_000)).is_none());
        // Text is no values, whatever it holds.
        let name = ",[{\\\"".repeat(50_000);
        let page = format!(r#"{{"value":[{{"id":"A","name":"{name}"}}]}}"#);
        assert_eq!(
            ListPage::read(page.as_bytes()).unwrap().attachments[0].name,
            ",[{\"".repeat(50_000)
        );
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..5)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_value_is_missed(value in value()) {
            fn all(value: &Value) -> usize {
                1 + match value {
                    Value::Array(values) => values.iter().map(all).sum(),
                    Value::Object(fields) => fields.values().map(all).sum(),
                    _ => 0,
                }
            }
            let text = value.to_string();
            prop_assert!(crate::json::values(text.as_bytes()) >= all(&value));
            prop_assert_eq!(parse(text.as_bytes()), Some(value));
        }

        #[test]
        fn content_survives_the_post_body(content in prop::collection::vec(any::<u8>(), 0..2_000), name in ".*") {
            let attachment = Attachment { name: name.clone(), ..flower() };
            let body: Value = serde_json::from_slice(&file_attachment_body(&attachment, &content)).unwrap();
            prop_assert_eq!(body["name"].as_str(), Some(name.as_str()));
            prop_assert_eq!(body["@odata.type"].as_str(), Some("#microsoft.graph.fileAttachment"));
            let engine = base64::engine::general_purpose::STANDARD;
            let decoded = base64::Engine::decode(&engine, body["contentBytes"].as_str().unwrap()).unwrap();
            prop_assert_eq!(decoded, content);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            SessionReply::read(&bytes);
            ListPage::read(&bytes);
        }
    }
}
