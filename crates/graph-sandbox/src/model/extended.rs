//! Single-value extended properties: named MAPI properties by which clients find their own items again.
//!
//! Documented: `"String {GUID} Name NAME"` or `"String 0x1234"`. Names are case-sensitive when they are
//! looked for, values are not.

use serde_json::{Value, json};

use crate::failure::Failure;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) id: String,
    pub(crate) value: String,
}

/// The types that a value can have on its own.
const TYPES: [&str; 12] = [
    "String",
    "Integer",
    "Boolean",
    "SystemTime",
    "Binary",
    "Double",
    "Float",
    "Long",
    "Short",
    "Currency",
    "CLSID",
    "ApplicationTime",
];

/// The one form of an id that is written in several ways: the GUID in any letter case.
pub(crate) fn normal_id(id: &str) -> Option<String> {
    let words: Vec<&str> = id.splitn(4, ' ').collect();
    let kind = TYPES.iter().find(|kind| {
        words
            .first()
            .is_some_and(|word| word.eq_ignore_ascii_case(kind))
    })?;
    match words.as_slice() {
        [_, tag] => {
            let digits = tag.strip_prefix("0x").or_else(|| tag.strip_prefix("0X"))?;
            let number = u32::from_str_radix(digits, 16).ok()?;
            Some(format!("{kind} 0x{number:x}"))
        }
        [_, set, how, name] if !name.is_empty() => {
            let guid = set.strip_prefix('{')?.strip_suffix('}')?;
            let guid = uuid::Uuid::try_parse(guid).ok()?;
            match how.to_ascii_lowercase().as_str() {
                "name" => Some(format!("{kind} {{{guid}}} Name {name}")),
                "id" => Some(format!(
                    "{kind} {{{guid}}} Id {}",
                    name.to_ascii_lowercase()
                )),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Reads `singleValueExtendedProperties` of a new or changed item.
pub(crate) fn read(value: &Value) -> Result<Vec<Property>, Failure> {
    let wrong = || {
        Failure::new(
            400,
            "ErrorInvalidProperty",
            "The extended property attribute combination is invalid.",
        )
    };
    let list = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list,
        _ => {
            return Err(super::properties::unreadable(
                "singleValueExtendedProperties",
            ));
        }
    };
    list.iter()
        .map(|entry| {
            let text = |name: &str| entry.get(name).and_then(Value::as_str);
            let id = text("id").and_then(normal_id).ok_or_else(wrong)?;
            let value = text("value").ok_or_else(wrong)?.to_owned();
            Ok(Property { id, value })
        })
        .collect()
}

/// Puts `new` over what is there.
pub(crate) fn merge(into: &mut Vec<Property>, new: Vec<Property>) {
    for property in new {
        into.retain(|old| old.id != property.id);
        into.push(property);
    }
}

/// As `$expand` answers, those for which `wanted` holds.
pub(crate) fn json(all: &[Property], wanted: impl Fn(&str) -> bool) -> Value {
    all.iter()
        .filter(|property| wanted(&property.id))
        .map(|property| json!({"id": property.id, "value": property.value}))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "00020329-0000-0000-C000-000000000046";

    #[test]
    fn ids_have_one_form() {
        let same = normal_id(&format!("String {{{GUID}}} Name Key"));
        assert!(same.is_some());
        assert_eq!(
            normal_id(&format!("string {{{}}} name Key", GUID.to_lowercase())),
            same
        );
        assert_ne!(
            normal_id(&format!("String {{{GUID}}} Name key")),
            same,
            "names are case-sensitive"
        );
        assert_eq!(
            normal_id("Integer 0x0E07"),
            Some("Integer 0xe07".to_owned())
        );
        let with_blank = normal_id(&format!("String {{{GUID}}} Name my key"));
        assert!(with_blank.is_some_and(|id| id.ends_with("Name my key")));
        for id in [
            "",
            "String",
            "Text 0x1",
            "String 12",
            "String {x} Name a",
            &format!("String {{{GUID}}} Name"),
        ] {
            assert_eq!(normal_id(id), None, "{id}");
        }
    }

    #[test]
    fn a_property_is_written_once() {
        let one = |value: &str| {
            read(&json!([{"id": format!("String {{{GUID}}} Name Key"), "value": value}]))
                .expect("one")
        };
        let mut all = one("a");
        merge(&mut all, one("b"));
        assert_eq!(all, one("b"));
        for bad in [
            json!([{"id": "x", "value": "y"}]),
            json!([{"id": "String 0x1"}]),
            json!({}),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }
}
