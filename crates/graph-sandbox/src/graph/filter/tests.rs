//! What clients write is understood, and the rest refused.

use proptest::prelude::*;

use super::*;

fn holds(filter: &str) -> bool {
    let item = json!({
        "subject": "Report o'clock",
        "isDraft": true,
        "receivedDateTime": "2026-11-22T10:00:00Z",
        "importance": "normal",
        "from": {"emailAddress": {"address": "A@example.com"}},
        "sentDateTime": null,
    });
    Filter::parse(filter)
        .unwrap_or_else(|f| panic!("{filter}: {f:?}"))
        .holds(&item)
}

#[test]
fn what_clients_write_is_understood() {
    for filter in [
        "isDraft eq true",
        "subject eq 'Report o''clock'",
        "contains(subject,'report')",
        "contains( subject , 'REPORT' ) eq true",
        "startswith(subject, 'Rep') and isDraft eq true",
        "receivedDateTime ge 2026-11-22 and receivedDateTime lt 2026-11-22T10:00:00.0000001Z",
        "receivedDateTime eq 2026-11-22T11:00:00.000+01:00",
        "from/emailAddress/address eq 'a@example.com'",
        "not (isDraft eq false)",
        "isDraft eq false or (importance eq 'normal' and not contains(subject,'x'))",
        "sentDateTime eq null",
        "endswith(subject,'clock')",
    ] {
        assert!(holds(filter), "{filter}");
    }
    for filter in [
        "isDraft eq false",
        "contains(subject,'z')",
        "sentDateTime gt 2020-01-01",
    ] {
        assert!(!holds(filter), "{filter}");
    }
}

#[test]
fn and_binds_tighter_than_or() {
    assert!(holds(
        "isDraft eq true or isDraft eq false and isDraft eq false"
    ));
    assert!(!holds(
        "(isDraft eq true or isDraft eq false) and isDraft eq false"
    ));
}

#[test]
fn what_is_not_understood_is_refused() {
    for filter in [
        "",
        "subject",
        "subject eq",
        "subject is 'x'",
        "subject eq 'x",
        "subject eq x",
        "(isDraft eq true",
        "isDraft eq true)",
        "isDraft eq true isDraft eq true",
        "length(subject) gt 3",
        "attendees/any(a:a/type eq 'required')",
        "contains(subject)",
    ] {
        assert!(Filter::parse(filter).is_err(), "`{filter}` was taken");
    }
    assert!(Filter::parse(&"(".repeat(100_000)).is_err());
}

#[test]
fn an_item_is_found_by_an_extended_property() {
    let guid = "00020329-0000-0000-c000-000000000046";
    let property = |name: &str, value: &str| json!({"id": format!("String {{{guid}}} Name {name}"), "value": value});
    let item = json!({"isDraft": true, "singleValueExtendedProperties": [property("Key", "It's 7"), property("Other", "8")]});
    let id = |name: &str| format!("String {{{}}} Name {name}", guid.to_uppercase());
    for (filter, found) in [
        (
            format!(
                "singleValueExtendedProperties/Any(ep: ep/id eq '{}' and ep/value eq 'it''s 7')",
                id("Key")
            ),
            true,
        ),
        (
            format!(
                "singleValueExtendedProperties/any(x:x/id eq '{}' and x/value eq 'It''s 7') and isDraft eq true",
                id("Key")
            ),
            true,
        ),
        (
            format!(
                "isDraft eq true and singleValueExtendedProperties/Any(ep:ep/id eq '{}' and contains(ep/value,'7'))",
                id("Key")
            ),
            true,
        ),
        (
            format!(
                "singleValueExtendedProperties/Any(ep: ep/id eq '{}' and ep/value eq 'It''s 7')",
                id("key")
            ),
            false,
        ),
        (
            format!(
                "singleValueExtendedProperties/Any(ep: ep/id eq '{}' and ep/value eq '8')",
                id("Key")
            ),
            false,
        ),
    ] {
        let read = Filter::parse(&filter);
        assert_eq!(read.map(|f| f.holds(&item)), Ok(found), "{filter}");
    }
    let code = |text: &str| Filter::parse(text).map_err(|f| f.code).unwrap_err();
    assert_eq!(code("categories/any(c:c eq 'x')"), "NotInSandbox");
    assert_eq!(
        code("singleValueExtendedProperties/Any(ep: ep/id eq 'x'"),
        "NotInSandbox"
    );
    assert_eq!(code("subject equals 'x'"), "BadRequest");
}

#[test]
fn paths_come_in_the_order_of_writing() {
    let filter = Filter::parse("a eq 1 and (b eq 2 or contains(c,'x')) and a eq 3");
    assert_eq!(filter.map(|f| f.paths().join(" ")), Ok("a b c".to_owned()));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = Filter::parse(&text);
    }

    #[test]
    fn any_text_can_be_quoted(text in "\\PC{0,30}") {
        let filter = Filter::parse(&format!("subject eq '{}'", text.replace('\'', "''")));
        let item = json!({"subject": text});
        prop_assert_eq!(filter.map(|f| f.holds(&item)), Ok(true));
    }
}
