//! Every type takes its values and no others.

use super::*;

fn read(kind: Kind, name: &str, value: &Value) -> Result<Value, String> {
    let property = find(kind, name).expect("a property");
    normal(property, value).map_err(|failure| failure.code)
}

#[test]
fn every_type_takes_its_values_and_no_others() {
    let address = json!({"emailAddress": {"address": "a@example.com"}});
    let zoned = json!({"dateTime": "2030-01-15T09:00:00", "timeZone": "W. Europe Standard Time"});
    for (kind, name, good, bad) in [
        (Kind::Message, "subject", json!("x"), json!(1)),
        (Kind::Message, "isRead", json!(true), json!("true")),
        (Kind::Message, "importance", json!("LOW"), json!("urgent")),
        (Kind::Message, "categories", json!(["a"]), json!([1])),
        (
            Kind::Message,
            "body",
            json!({"content": "x"}),
            json!({"contentType": "markdown"}),
        ),
        (
            Kind::Message,
            "body",
            json!({"contentType": "HTML"}),
            json!({"text": "x"}),
        ),
        (
            Kind::Message,
            "toRecipients",
            json!([address.clone()]),
            json!(["a@example.com"]),
        ),
        (
            Kind::Message,
            "toRecipients",
            json!([]),
            json!([{"emailAddress": {"mail": "a"}}]),
        ),
        (Kind::Message, "from", address, json!("a@example.com")),
        (
            Kind::Message,
            "flag",
            json!({"flagStatus": "flagged"}),
            json!({"flagStatus": "red"}),
        ),
        (
            Kind::Message,
            "internetMessageHeaders",
            json!([{"name": "x-a", "value": "b"}]),
            json!([{"name": "x-a"}]),
        ),
        (
            Kind::Event,
            "reminderMinutesBeforeStart",
            json!(15),
            json!(1.5),
        ),
        (
            Kind::Event,
            "start",
            zoned,
            json!({"dateTime": "tomorrow", "timeZone": "UTC"}),
        ),
        (
            Kind::Event,
            "attendees",
            json!([{"emailAddress": {"address": "a"}, "type": "Optional"}]),
            json!([{"type": "boss", "emailAddress": {}}]),
        ),
        (Kind::Event, "recurrence", Value::Null, json!([])),
    ] {
        assert!(read(kind, name, &good).is_ok(), "{name}: {good}");
        assert_eq!(
            read(kind, name, &bad),
            Err("RequestBodyRead".to_owned()),
            "{name}: {bad}"
        );
    }
    let zone = json!({"dateTime": "2030-01-15T09:00:00", "timeZone": "Middle Earth"});
    assert_eq!(
        read(Kind::Event, "end", &zone),
        Err("TimeZoneNotSupportedException".to_owned())
    );
    let header = json!([{"name": "Reply-To", "value": "b"}]);
    assert_eq!(
        read(Kind::Message, "internetMessageHeaders", &header),
        Err("InvalidInternetMessageHeader".to_owned())
    );
}

#[test]
fn names_belong_to_one_kind_or_both() {
    assert!(find(Kind::Message, "TORECIPIENTS").is_some());
    assert!(find(Kind::Event, "toRecipients").is_none());
    assert!(find(Kind::Message, "attendees").is_none());
    assert!(find(Kind::Event, "subject").is_some() && find(Kind::Event, "id").is_some());
}
