//! New items: the service's defaults, and which properties a client may write.
//!
//! Names follow the published description of `message` and `event`; a name that is in neither is
//! refused, as the service does.

use serde_json::{Map, Value, json};

use crate::{failure::Failure, model::item::Kind, model::mailbox::Mailbox};

/// Properties that the service sets; what a client sends for them is ignored.
const READ_ONLY: [&str; 13] = [
    "id",
    "changeKey",
    "createdDateTime",
    "lastModifiedDateTime",
    "hasAttachments",
    "bodyPreview",
    "webLink",
    "isDraft",
    "parentFolderId",
    "receivedDateTime",
    "sentDateTime",
    "uniqueBody",
    "isOrganizer",
];

const MESSAGE: [&str; 22] = [
    "bccRecipients",
    "body",
    "categories",
    "ccRecipients",
    "conversationId",
    "conversationIndex",
    "flag",
    "from",
    "importance",
    "inferenceClassification",
    "internetMessageHeaders",
    "internetMessageId",
    "isDeliveryReceiptRequested",
    "isRead",
    "isReadReceiptRequested",
    "replyTo",
    "sender",
    "subject",
    "toRecipients",
    "extensions",
    "multiValueExtendedProperties",
    "singleValueExtendedProperties",
];

const EVENT: [&str; 35] = [
    "allowNewTimeProposals",
    "attendees",
    "body",
    "cancelledOccurrences",
    "categories",
    "end",
    "hideAttendees",
    "iCalUId",
    "importance",
    "isAllDay",
    "isCancelled",
    "isOnlineMeeting",
    "isReminderOn",
    "location",
    "locations",
    "onlineMeeting",
    "onlineMeetingProvider",
    "onlineMeetingUrl",
    "organizer",
    "originalEndTimeZone",
    "originalStart",
    "originalStartTimeZone",
    "recurrence",
    "reminderMinutesBeforeStart",
    "responseRequested",
    "responseStatus",
    "sensitivity",
    "seriesMasterId",
    "showAs",
    "start",
    "subject",
    "transactionId",
    "type",
    "multiValueExtendedProperties",
    "singleValueExtendedProperties",
];

/// Whether a property belongs to this kind of item, whoever writes it.
pub(crate) fn knows(kind: Kind, name: &str) -> bool {
    let known: &[&str] = match kind {
        Kind::Message => &MESSAGE,
        Kind::Event => &EVENT,
    };
    known
        .iter()
        .chain(&READ_ONLY)
        .any(|known| known.eq_ignore_ascii_case(name))
        || name.eq_ignore_ascii_case("attachments")
}

/// Enumerations that requests write in any letter case and answers in lower camel case.
const ENUMERATIONS: [&str; 5] = [
    "importance",
    "sensitivity",
    "showAs",
    "inferenceClassification",
    "contentType",
];

/// Takes what a client may write from `input` into `fields`. `attachments` is left to the caller.
pub(crate) fn write(
    kind: Kind,
    fields: &mut Map<String, Value>,
    input: &Map<String, Value>,
) -> Result<(), Failure> {
    let known: &[&str] = match kind {
        Kind::Message => &MESSAGE,
        Kind::Event => &EVENT,
    };
    for (name, value) in input {
        let name = known
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name))
            .map_or(name.as_str(), |known| *known);
        if known.contains(&name) {
            fields.insert(name.to_owned(), normal(name, value)?);
        } else if !name.contains('@') && name != "attachments" && !READ_ONLY.contains(&name) {
            let kind = match kind {
                Kind::Message => "Message",
                Kind::Event => "Event",
            };
            return Err(Failure::new(
                400,
                "RequestBodyRead",
                format!(
                    "The property '{name}' does not exist on type \
                     'Microsoft.OutlookServices.{kind}'. Make sure to only use property names \
                     that are defined by the type."
                ),
            ));
        }
    }
    Ok(())
}

fn normal(name: &str, value: &Value) -> Result<Value, Failure> {
    let wrong = || Failure::new(400, "RequestBodyRead", format!("Cannot read '{name}'."));
    match (name, value) {
        ("body", Value::Null) => Ok(json!({"contentType": "text", "content": ""})),
        ("body", Value::Object(body)) => {
            let mut body = body.clone();
            let kind = body
                .get("contentType")
                .and_then(Value::as_str)
                .unwrap_or("text");
            let kind = kind.to_ascii_lowercase();
            body.insert("contentType".to_owned(), json!(kind));
            body.entry("content").or_insert_with(|| json!(""));
            Ok(Value::Object(body))
        }
        ("body", _) => Err(wrong()),
        ("subject", Value::String(_) | Value::Null) => Ok(value.clone()),
        ("subject", _) => Err(wrong()),
        ("toRecipients" | "ccRecipients" | "bccRecipients" | "replyTo" | "attendees", _) => {
            recipients(name, value)
        }
        (name, Value::String(text)) if ENUMERATIONS.contains(&name) => {
            let mut chars = text.chars();
            let first = chars.next().map(|c| c.to_ascii_lowercase());
            Ok(json!(first.into_iter().chain(chars).collect::<String>()))
        }
        _ => Ok(value.clone()),
    }
}

fn recipients(name: &str, value: &Value) -> Result<Value, Failure> {
    let wrong = || Failure::new(400, "RequestBodyRead", format!("Cannot read '{name}'."));
    let list = match value {
        Value::Null => return Ok(json!([])),
        Value::Array(list) => list,
        _ => return Err(wrong()),
    };
    list.iter()
        .map(|entry| {
            let mut entry = entry.as_object().cloned().ok_or_else(wrong)?;
            let address = entry
                .get_mut("emailAddress")
                .and_then(Value::as_object_mut)
                .ok_or_else(wrong)?;
            let text = address
                .get("address")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let text = text.to_owned();
            address.entry("name").or_insert_with(|| json!(text));
            if name == "attendees" {
                entry.entry("type").or_insert_with(|| json!("required"));
                entry
                    .entry("status")
                    .or_insert_with(|| json!({"response": "none", "time": "0001-01-01T00:00:00Z"}));
            }
            Ok(Value::Object(entry))
        })
        .collect::<Result<Vec<_>, Failure>>()
        .map(Value::Array)
}

/// The properties of an item about which nothing has been said.
pub(crate) fn defaults(kind: Kind, mailbox: &Mailbox, unique: &str) -> Map<String, Value> {
    let owner = json!({"emailAddress": {
        "name": mailbox.display_name(),
        "address": mailbox.upn,
    }});
    let value = match kind {
        Kind::Message => json!({
            "bccRecipients": [],
            "body": {"contentType": "text", "content": ""},
            "categories": [],
            "ccRecipients": [],
            "conversationId": format!("AAQk{unique}"),
            "conversationIndex": "AQHXc9Kk",
            "flag": {"flagStatus": "notFlagged"},
            "from": owner,
            "importance": "normal",
            "inferenceClassification": "focused",
            "internetMessageId": format!("<{unique}@sandbox.example.com>"),
            "isDeliveryReceiptRequested": false,
            "isRead": true,
            "isReadReceiptRequested": false,
            "replyTo": [],
            "sender": owner,
            "subject": "",
            "toRecipients": [],
        }),
        Kind::Event => json!({
            "allowNewTimeProposals": true,
            "attendees": [],
            "body": {"contentType": "html", "content": ""},
            "categories": [],
            "hideAttendees": false,
            "iCalUId": unique,
            "importance": "normal",
            "isAllDay": false,
            "isCancelled": false,
            "isOnlineMeeting": false,
            "isOrganizer": true,
            "isReminderOn": true,
            "location": {"displayName": "", "locationType": "default", "uniqueIdType": "unknown"},
            "locations": [],
            "onlineMeetingProvider": "unknown",
            "onlineMeetingUrl": null,
            "organizer": owner,
            "originalEndTimeZone": "UTC",
            "originalStartTimeZone": "UTC",
            "reminderMinutesBeforeStart": 15,
            "responseRequested": true,
            "responseStatus": {"response": "organizer", "time": "0001-01-01T00:00:00Z"},
            "sensitivity": "normal",
            "seriesMasterId": null,
            "showAs": "busy",
            "subject": "",
            "transactionId": null,
            "type": "singleInstance",
        }),
    };
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn known_properties_are_written_and_made_uniform() {
        let mut fields = defaults(Kind::Message, &Mailbox::own(), "unique");
        let input = json!({
            "subject": "Hello",
            "importance": "Low",
            "body": {"contentType": "HTML", "content": "<b>x</b>"},
            "toRecipients": [{"emailAddress": {"address": "a@example.com"}}],
            "isDraft": false,
            "@odata.type": "#microsoft.graph.message",
        });
        write(Kind::Message, &mut fields, &object(&input)).expect("all known");
        assert_eq!(fields["subject"], "Hello");
        assert_eq!(fields["importance"], "low");
        assert_eq!(fields["body"]["contentType"], "html");
        assert_eq!(
            fields["toRecipients"][0]["emailAddress"]["name"],
            "a@example.com"
        );
        assert!(!fields.contains_key("isDraft"));
    }

    #[test]
    fn unknown_properties_are_refused_by_name() {
        let mut fields = Map::new();
        let error = write(Kind::Message, &mut fields, &object(&json!({"sobject": 1}))).unwrap_err();
        assert_eq!(error.code, "RequestBodyRead");
        assert!(error.message.contains("'sobject'"));
        assert!(
            write(
                Kind::Message,
                &mut fields,
                &object(&json!({"toRecipients": ["a"]}))
            )
            .is_err()
        );
    }
}
