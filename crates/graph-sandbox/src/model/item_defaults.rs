//! New items: the service's defaults; and what a client's request makes of the properties.

use serde_json::{Map, Value, json};

use super::{
    extended,
    item::Kind,
    mailbox::Mailbox,
    properties::{self, Access, Type},
    time_zones,
};
use crate::failure::Failure;

/// What is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    New,
    Draft,
    /// A message that was sent or received, or an event.
    Fixed,
}

/// Takes what a client may write from `input` into `fields`. `attachments` is left to the caller; gives the
/// extended properties.
pub(crate) fn write(
    kind: Kind,
    target: Target,
    fields: &mut Map<String, Value>,
    input: &Map<String, Value>,
) -> Result<Vec<extended::Property>, Failure> {
    let mut extended = Vec::new();
    for (name, value) in input {
        let Some(property) = properties::find(kind, name) else {
            // Annotations are no properties.
            if name.contains('@') {
                continue;
            }
            return Err(unknown(kind, name));
        };
        match (property.name, property.access) {
            ("singleValueExtendedProperties", _) => extended = extended::read(value)?,
            ("attachments", _) if target == Target::New => {}
            (name, _) if property.kind == Type::Elsewhere => {
                return Err(Failure::not_in_sandbox(&format!(
                    "writing `{name}` with an item"
                )));
            }
            (_, Access::Never) if target == Target::New => {}
            // Seen: refused; the code is assumed.
            (name, Access::Never) => {
                let message = format!("Set action is invalid for property '{name}'.");
                return Err(Failure::new(400, "ErrorInvalidPropertySet", message));
            }
            (_, Access::Draft) if kind == Kind::Message && target == Target::Fixed => {
                // Seen: taken, and without effect.
                properties::normal(property, value)?;
            }
            (name, _) => {
                fields.insert(name.to_owned(), properties::normal(property, value)?);
            }
        }
    }
    match kind {
        Kind::Event => check_times(fields)?,
        Kind::Message => {}
    }
    Ok(extended)
}

fn unknown(kind: Kind, name: &str) -> Failure {
    let kind = match kind {
        Kind::Message => "Message",
        Kind::Event => "Event",
    };
    let message = format!(
        "The property '{name}' does not exist on type 'Microsoft.OutlookServices.{kind}'. Make sure to only \
         use property names that are defined by the type."
    );
    Failure::new(400, "RequestBodyRead", message)
}

/// Seen: an event that ends before it starts is refused.
fn check_times(fields: &Map<String, Value>) -> Result<(), Failure> {
    let time = |name: &str| {
        let zoned = fields.get(name)?;
        Some((
            zoned.get("dateTime")?.as_str()?,
            zoned.get("timeZone")?.as_str()?,
        ))
    };
    match (time("start"), time("end")) {
        (Some(start), Some(end)) if time_zones::is_before(end, start) != Some(true) => Ok(()),
        _ => Err(Failure::new(
            400,
            "ErrorPropertyValidationFailure",
            "At least one property failed validation.",
        )),
    }
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

    fn mailbox() -> Mailbox {
        Mailbox::own(&mut fastrand::Rng::with_seed(1))
    }

    #[test]
    fn known_properties_are_written_and_made_uniform() {
        let mut fields = defaults(Kind::Message, &mailbox(), "unique");
        let input = json!({
            "subject": "Hello",
            "importance": "Low",
            "body": {"contentType": "HTML", "content": "<b>x</b>"},
            "toRecipients": [{"emailAddress": {"address": "a@example.com"}}],
            "isDraft": false,
            "@odata.type": "#microsoft.graph.message",
        });
        write(Kind::Message, Target::New, &mut fields, &object(&input)).expect("all known");
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
    fn what_may_not_be_written_is_refused_by_name() {
        let mut fields = Map::new();
        for (target, input, code, name) in [
            (
                Target::New,
                json!({"sobject": 1}),
                "RequestBodyRead",
                "'sobject'",
            ),
            (
                Target::New,
                json!({"toRecipients": ["a"]}),
                "RequestBodyRead",
                "'toRecipients'",
            ),
            (
                Target::New,
                json!({"multiValueExtendedProperties": []}),
                "NotInSandbox",
                "multiValue",
            ),
            (
                Target::Draft,
                json!({"isDraft": false}),
                "ErrorInvalidPropertySet",
                "'isDraft'",
            ),
            (
                Target::Draft,
                json!({"attachments": []}),
                "NotInSandbox",
                "`attachments`",
            ),
        ] {
            let error = write(Kind::Message, target, &mut fields, &object(&input)).unwrap_err();
            assert_eq!(error.code, code, "{input}");
            assert!(error.message.contains(name), "{error:?}");
        }
        assert!(fields.is_empty());
    }

    #[test]
    fn what_was_sent_keeps_its_words() {
        let mut fields = object(&json!({"subject": "sent"}));
        let input = object(&json!({"subject": "changed", "isRead": true}));
        write(Kind::Message, Target::Fixed, &mut fields, &input).expect("taken");
        assert_eq!(
            Value::Object(fields),
            json!({"subject": "sent", "isRead": true})
        );
    }

    #[test]
    fn an_event_ends_after_it_starts() {
        let at = |hour: u8| json!({"dateTime": format!("2030-01-01T{hour:02}:00:00"), "timeZone": "UTC"});
        for (start, end, good) in [(9, 10, true), (9, 9, true), (10, 9, false)] {
            let input = object(&json!({"start": at(start), "end": at(end)}));
            let written = write(Kind::Event, Target::New, &mut Map::new(), &input);
            assert_eq!(written.is_ok(), good, "{start} {end}");
        }
    }
}
