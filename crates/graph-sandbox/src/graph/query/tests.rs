//! Options are honoured or refused, with the service's own restrictions.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn refusal(text: &str, kind: Kind) -> String {
    let query = Query::parse(text).and_then(|query| query.check_for(kind));
    query.map_or_else(|failure| failure.code, |()| String::new())
}

#[test]
fn no_option_is_ignored() {
    let used = |text: &str, target: &Target, method: &Method| {
        let query = Query::parse(text).and_then(|query| query.check_use(target, method));
        query.map_or_else(|failure| failure.code, |()| String::new())
    };
    let items = Target::Items(Kind::Message);
    let item = Target::Item(Kind::Message, "A".to_owned());
    let files = Target::Attachments(Kind::Message, "A".to_owned());
    for (text, target, method, code) in [
        (
            "$select=id&$expand=attachments($select=id,name)&$count=true",
            &items,
            Method::GET,
            "",
        ),
        (
            "$expand=singleValueExtendedProperties($filter=id eq 'String 0x1')",
            &item,
            Method::GET,
            "",
        ),
        (
            "$filter=size gt 3&$orderby=name&$top=2",
            &files,
            Method::GET,
            "",
        ),
        ("$search=%22a%22", &files, Method::GET, "NotInSandbox"),
        ("$filter=size gt 3", &item, Method::GET, "NotInSandbox"),
        ("$select=id", &item, Method::PATCH, ""),
        ("$top=2", &item, Method::PATCH, "NotInSandbox"),
        ("$expand=extensions", &item, Method::GET, "NotInSandbox"),
        (
            "$expand=attachments($top=1)",
            &item,
            Method::GET,
            "NotInSandbox",
        ),
        (
            "$expand=attachments($select=id",
            &item,
            Method::GET,
            "BadRequest",
        ),
        ("$apply=x", &items, Method::GET, "NotInSandbox"),
        (
            "includeHiddenMessages=true",
            &items,
            Method::GET,
            "NotInSandbox",
        ),
        ("$count=yes", &items, Method::GET, "BadRequest"),
    ] {
        assert_eq!(used(text, target, &method), code, "{text}");
    }
    let query = Query::parse(
        "$expand=attachments($select=id,name),singleValueExtendedProperties($filter=id eq 'a)b')",
    );
    let query = query.expect("a query");
    assert_eq!(
        query
            .expands("Attachments")
            .and_then(|e| e.select.clone())
            .map(|s| s.join(" ")),
        Some("id name".to_owned())
    );
    assert!(
        query
            .expands("singleValueExtendedProperties")
            .is_some_and(|e| e.filter.is_some())
    );
}

#[test]
fn the_service_s_own_restrictions_hold() {
    for (text, code) in [
        (
            "$filter=isDraft eq true&$orderby=subject",
            "InefficientFilter",
        ),
        (
            "$filter=contains(subject,'x')&$orderby=receivedDateTime desc",
            "InefficientFilter",
        ),
        (
            "$filter=receivedDateTime ge 2020-01-01 and isDraft eq true&$orderby=receivedDateTime",
            "",
        ),
        ("$orderby=receivedDateTime desc,subject", ""),
        ("$search=\"x\"&$filter=isDraft eq true", "SearchWithFilter"),
        ("$search=\"x\"&$orderby=subject", "SearchWithOrderBy"),
        ("$select=id,sobject", "RequestBroker--ParseUri"),
        ("$filter=sobject eq 'x'", "RequestBroker--ParseUri"),
        ("$orderby=sobject", "RequestBroker--ParseUri"),
        ("$top=0", "BadRequest"),
        ("$top=1001", "BadRequest"),
        ("$top=many", "BadRequest"),
        ("$skiptoken=x", "BadRequest"),
        ("$orderby=subject sideways", "BadRequest"),
        ("%24select=id&top=5&$count=true", ""),
        ("unknown=1", "NotInSandbox"),
    ] {
        assert_eq!(refusal(text, Kind::Message), code, "{text}");
    }
    assert_eq!(refusal("$search=\"x\"", Kind::Event), "BadRequest");
    assert_eq!(
        refusal(
            "$filter=subject eq 'x'&$orderby=start/dateTime",
            Kind::Event
        ),
        ""
    );
}

#[test]
fn sorting_is_stable_and_goes_both_ways() {
    let query = Query::parse("$orderby=a desc,b").expect("a query");
    let mut entries = vec![
        json!({"a": 1, "b": "x"}),
        json!({"a": 2, "b": "Y"}),
        json!({"a": 2, "b": "x"}),
        json!({"b": "z"}),
    ];
    query.sort(&mut entries, |entry| entry);
    let order: Vec<&str> = entries.iter().filter_map(|e| e["b"].as_str()).collect();
    assert_eq!(order, ["x", "Y", "x", "z"]);
}

proptest! {
    #[test]
    fn pages_hold_everything_once(len in 0usize..60, top in 1usize..20) {
        let mut seen = Vec::new();
        let mut query = Query { top: Some(top), ..Query::default() };
        loop {
            let (page, next) = query.page((0..len).collect(), None);
            seen.extend(page);
            match next {
                Some(skip) => query.skip = skip,
                None => break,
            }
        }
        prop_assert_eq!(seen, (0..len).collect::<Vec<_>>());
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = Query::parse(&text);
    }

    #[test]
    fn tokens_read_back(skip in 0usize..1_000_000) {
        prop_assert_eq!(read_token(&Query::default().skip_token(skip)), Ok(skip));
    }
}
