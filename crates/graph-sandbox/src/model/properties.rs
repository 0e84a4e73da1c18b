//! The properties of messages and events: their names, their types, and who may write them.
//!
//! Follows Microsoft's OpenAPI description of v1.0. A table, and the checks by type; nothing here acts.

use serde_json::{Map, Value, json};

use super::{item::Kind, time_zones};
use crate::failure::Failure;

/// The type of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Texts,
    Flag,
    Number,
    Word(&'static [&'static str]),
    Body,
    Recipient,
    Recipients,
    Attendees,
    /// A local time with the name of a zone.
    Zoned,
    FollowUp,
    Headers,
    Object,
    Objects,
    /// A navigation property with a handling of its own.
    Elsewhere,
}

/// When a client may write a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Always,
    /// Documented: on a message only as long as it is a draft.
    Draft,
    /// Never: sent with a new item it is left out, as the service does; in a change it is refused.
    Never,
}

/// One property.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    pub(crate) access: Access,
}

const fn any(name: &'static str, kind: Type) -> Property {
    Property {
        name,
        kind,
        access: Access::Always,
    }
}

const fn draft(name: &'static str, kind: Type) -> Property {
    Property {
        name,
        kind,
        access: Access::Draft,
    }
}

const fn never(name: &'static str) -> Property {
    Property {
        name,
        kind: Type::Object,
        access: Access::Never,
    }
}

const IMPORTANCE: Type = Type::Word(&["low", "normal", "high"]);

/// What both kinds have.
const COMMON: [Property; 13] = [
    never("id"),
    never("changeKey"),
    never("createdDateTime"),
    never("lastModifiedDateTime"),
    never("hasAttachments"),
    never("bodyPreview"),
    never("webLink"),
    never("isDraft"),
    any("categories", Type::Texts),
    any("attachments", Type::Elsewhere),
    any("extensions", Type::Elsewhere),
    any("multiValueExtendedProperties", Type::Elsewhere),
    any("singleValueExtendedProperties", Type::Elsewhere),
];

const MESSAGE: [Property; 24] = [
    never("parentFolderId"),
    never("receivedDateTime"),
    never("sentDateTime"),
    never("uniqueBody"),
    never("conversationId"),
    never("conversationIndex"),
    draft("bccRecipients", Type::Recipients),
    draft("body", Type::Body),
    draft("ccRecipients", Type::Recipients),
    draft("from", Type::Recipient),
    draft("internetMessageHeaders", Type::Headers),
    draft("internetMessageId", Type::Text),
    draft("replyTo", Type::Recipients),
    draft("sender", Type::Recipient),
    draft("subject", Type::Text),
    draft("toRecipients", Type::Recipients),
    any("flag", Type::FollowUp),
    any("importance", IMPORTANCE),
    any("inferenceClassification", Type::Word(&["focused", "other"])),
    any("isDeliveryReceiptRequested", Type::Flag),
    any("isRead", Type::Flag),
    any("isReadReceiptRequested", Type::Flag),
    // Both documented in beta only.
    any("mentions", Type::Elsewhere),
    any("unsubscribeData", Type::Elsewhere),
];

const EVENT: [Property; 34] = [
    never("calendar"),
    never("cancelledOccurrences"),
    never("exceptionOccurrences"),
    never("iCalUId"),
    never("instances"),
    never("isCancelled"),
    never("isOrganizer"),
    never("onlineMeeting"),
    never("onlineMeetingUrl"),
    never("organizer"),
    never("originalEndTimeZone"),
    never("originalStart"),
    never("originalStartTimeZone"),
    never("responseStatus"),
    never("seriesMasterId"),
    never("type"),
    any("allowNewTimeProposals", Type::Flag),
    any("attendees", Type::Attendees),
    any("body", Type::Body),
    any("end", Type::Zoned),
    any("hideAttendees", Type::Flag),
    any("importance", IMPORTANCE),
    any("isAllDay", Type::Flag),
    any("isOnlineMeeting", Type::Flag),
    any("isReminderOn", Type::Flag),
    any("location", Type::Object),
    any("locations", Type::Objects),
    any(
        "onlineMeetingProvider",
        Type::Word(&[
            "unknown",
            "skypeForBusiness",
            "skypeForConsumer",
            "teamsForBusiness",
        ]),
    ),
    any("recurrence", Type::Object),
    any("reminderMinutesBeforeStart", Type::Number),
    any("responseRequested", Type::Flag),
    any(
        "sensitivity",
        Type::Word(&["normal", "personal", "private", "confidential"]),
    ),
    any(
        "showAs",
        Type::Word(&[
            "unknown",
            "free",
            "tentative",
            "busy",
            "oof",
            "workingElsewhere",
        ]),
    ),
    any("start", Type::Zoned),
];

/// Those of an event that a message also has under the same name and type.
const EVENT_TOO: [Property; 2] = [any("subject", Type::Text), any("transactionId", Type::Text)];

/// The property of this name, in any letter case.
pub(crate) fn find(kind: Kind, name: &str) -> Option<Property> {
    let own: &[Property] = match kind {
        Kind::Message => &MESSAGE,
        Kind::Event => &EVENT,
    };
    let more: &[Property] = match kind {
        Kind::Message => &[],
        Kind::Event => &EVENT_TOO,
    };
    own.iter()
        .chain(more)
        .chain(&COMMON)
        .find(|property| property.name.eq_ignore_ascii_case(name))
        .copied()
}

/// What the service says to a value that it cannot read.
pub(crate) fn unreadable(name: &str) -> Failure {
    Failure::new(400, "RequestBodyRead", format!("Cannot read '{name}'."))
}

/// A value as answers write it, if it is of the type.
pub(crate) fn normal(property: Property, value: &Value) -> Result<Value, Failure> {
    let name = property.name;
    let wrong = || unreadable(name);
    match (property.kind, value) {
        (Type::Text, Value::String(_) | Value::Null)
        | (Type::Flag, Value::Bool(_) | Value::Null)
        | (Type::Object, Value::Object(_) | Value::Null) => Ok(value.clone()),
        (Type::Number, Value::Number(number)) => {
            let fits = number
                .as_i64()
                .is_some_and(|number| i32::try_from(number).is_ok());
            fits.then(|| value.clone()).ok_or_else(wrong)
        }
        (Type::Number, Value::Null) => Ok(Value::Null),
        (Type::Texts, Value::Null) | (Type::Objects | Type::Headers, Value::Null) => Ok(json!([])),
        (Type::Texts, Value::Array(list)) if list.iter().all(Value::is_string) => Ok(value.clone()),
        (Type::Objects, Value::Array(list)) if list.iter().all(Value::is_object) => {
            Ok(value.clone())
        }
        (Type::Headers, Value::Array(list)) => headers(list).map(|()| value.clone()),
        (Type::Word(words), Value::String(text)) => words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(text))
            .map(|word| json!(word))
            .ok_or_else(wrong),
        (Type::Body, _) => body(value),
        (Type::Recipient, Value::Null) => Ok(Value::Null),
        (Type::Recipient, _) => recipient(name, value),
        (Type::Recipients | Type::Attendees, Value::Null) => Ok(json!([])),
        (Type::Recipients, Value::Array(list)) => {
            list.iter().map(|entry| recipient(name, entry)).collect()
        }
        (Type::Attendees, Value::Array(list)) => list.iter().map(attendee).collect(),
        (Type::Zoned, _) => zoned(name, value),
        (Type::FollowUp, Value::Object(flag)) => follow_up(flag),
        _ => Err(wrong()),
    }
}

/// Documented: a custom header's name begins with `x-`.
fn headers(list: &[Value]) -> Result<(), Failure> {
    for header in list {
        let name = header
            .get("name")
            .and_then(Value::as_str)
            .ok_or_else(|| unreadable("internetMessageHeaders"))?;
        if header.get("value").and_then(Value::as_str).is_none() {
            return Err(unreadable("internetMessageHeaders"));
        }
        if !name.to_ascii_lowercase().starts_with("x-") {
            let message = format!(
                "The internet message header name '{name}' should start with 'x-' or 'X-'."
            );
            return Err(Failure::new(400, "InvalidInternetMessageHeader", message));
        }
    }
    Ok(())
}

fn body(value: &Value) -> Result<Value, Failure> {
    let wrong = || unreadable("body");
    let body = match value {
        Value::Null => return Ok(json!({"contentType": "text", "content": ""})),
        Value::Object(body) => body,
        _ => return Err(wrong()),
    };
    members("body", body, &["contentType", "content"])?;
    let kind = match body.get("contentType") {
        None => "text",
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("text") => "text",
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("html") => "html",
        Some(_) => return Err(wrong()),
    };
    let content = match body.get("content") {
        None | Some(Value::Null) => "",
        Some(Value::String(content)) => content,
        Some(_) => return Err(wrong()),
    };
    Ok(json!({"contentType": kind, "content": content}))
}

/// Refuses members that the type does not have; annotations are not members.
fn members(name: &str, object: &Map<String, Value>, known: &[&str]) -> Result<(), Failure> {
    match object
        .keys()
        .find(|key| !key.contains('@') && !known.contains(&key.as_str()))
    {
        Some(key) => Err(Failure::new(
            400,
            "RequestBodyRead",
            format!("The property '{key}' does not exist on the type of '{name}'."),
        )),
        None => Ok(()),
    }
}

fn recipient(name: &str, value: &Value) -> Result<Value, Failure> {
    let wrong = || unreadable(name);
    let mut entry = value.as_object().cloned().ok_or_else(wrong)?;
    let more = ["type", "status", "proposedNewTime"];
    let known: &[&str] = match name {
        "attendees" => &["emailAddress", more[0], more[1], more[2]],
        _ => &["emailAddress"],
    };
    members(name, &entry, known)?;
    let address = entry
        .get_mut("emailAddress")
        .and_then(Value::as_object_mut)
        .ok_or_else(wrong)?;
    members(name, address, &["address", "name"])?;
    if address
        .values()
        .any(|value| !value.is_string() && !value.is_null())
    {
        return Err(wrong());
    }
    let text = address
        .get("address")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    address.entry("name").or_insert_with(|| json!(text));
    Ok(Value::Object(entry))
}

fn attendee(value: &Value) -> Result<Value, Failure> {
    let mut entry = recipient("attendees", value)?;
    if let Some(entry) = entry.as_object_mut() {
        let kind = entry.entry("type").or_insert_with(|| json!("required"));
        let words = ["required", "optional", "resource"];
        let word = kind
            .as_str()
            .and_then(|kind| words.iter().find(|word| word.eq_ignore_ascii_case(kind)));
        *kind = json!(word.ok_or_else(|| unreadable("attendees"))?);
        entry
            .entry("status")
            .or_insert_with(|| json!({"response": "none", "time": "0001-01-01T00:00:00Z"}));
    }
    Ok(entry)
}

/// Seen: a zone that is not known is `TimeZoneNotSupportedException`.
fn zoned(name: &str, value: &Value) -> Result<Value, Failure> {
    let wrong = || unreadable(name);
    let zoned = value.as_object().ok_or_else(wrong)?;
    members(name, zoned, &["dateTime", "timeZone"])?;
    let text = zoned
        .get("dateTime")
        .and_then(Value::as_str)
        .ok_or_else(wrong)?;
    let time = time_zones::local(text).ok_or_else(wrong)?;
    let zone = match zoned.get("timeZone") {
        None | Some(Value::Null) => "UTC",
        Some(Value::String(zone)) => zone,
        Some(_) => return Err(wrong()),
    };
    if !time_zones::is_known(zone) {
        let message = format!(
            "A valid TimeZone value must be specified. The following TimeZone value is not supported: '{zone}'."
        );
        return Err(Failure::new(400, "TimeZoneNotSupportedException", message));
    }
    Ok(json!({"dateTime": time.strftime("%Y-%m-%dT%H:%M:%S.%7f").to_string(), "timeZone": zone}))
}

fn follow_up(flag: &Map<String, Value>) -> Result<Value, Failure> {
    members(
        "flag",
        flag,
        &[
            "flagStatus",
            "startDateTime",
            "dueDateTime",
            "completedDateTime",
        ],
    )?;
    let mut flag = flag.clone();
    for (name, value) in &mut flag {
        match name.as_str() {
            "flagStatus" => {
                let words = ["notFlagged", "complete", "flagged"];
                let text = value.as_str().unwrap_or_default();
                let word = words.iter().find(|word| word.eq_ignore_ascii_case(text));
                *value = json!(word.ok_or_else(|| unreadable("flag"))?);
            }
            name if name.contains('@') => {}
            _ if value.is_null() => {}
            _ => *value = zoned("flag", value)?,
        }
    }
    Ok(Value::Object(flag))
}

#[cfg(test)]
mod tests;
