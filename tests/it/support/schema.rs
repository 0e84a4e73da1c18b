//! The part of JSON Schema that `docs/json.md` uses, checked strictly: a field that is not documented
//! is an error here.

use serde_json::Value;

/// What is wrong with `value`, if anything; `at` is where it stands.
pub(crate) fn check(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (keyword, expected) in schema.as_object().expect("a schema is an object") {
        let good = match keyword.as_str() {
            "title" | "required" => true,
            "const" => value == expected,
            "enum" => expected.as_array().unwrap().contains(value),
            "type" => match expected {
                Value::String(name) => is(value, name),
                names => {
                    let mut names = names.as_array().unwrap().iter();
                    names.any(|name| is(value, name.as_str().unwrap()))
                }
            },
            "minimum" => value.is_null() || value.as_f64() >= expected.as_f64(),
            "maximum" => value.is_null() || value.as_f64() <= expected.as_f64(),
            "pattern" => value.is_null() || matches(value.as_str().unwrap(), expected),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(expected, item, &format!("{at}[{index}]"))?;
                }
                true
            }
            // One that may also be null.
            "properties" if value.is_null() => true,
            "properties" => {
                object(schema, value, at)?;
                true
            }
            "additionalProperties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    check(expected, inner, &format!("{at}.{name}"))?;
                }
                true
            }
            other => panic!("`{other}` is not a keyword that this checker knows"),
        };
        if !good {
            return Err(format!("{at}: {value} is not of {keyword} {expected}"));
        }
    }
    Ok(())
}

fn object(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let fields = value
        .as_object()
        .ok_or_else(|| format!("{at}: no object"))?;
    for required in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(required.as_str().unwrap()) {
            return Err(format!("{at}: {required} is missing in {value}"));
        }
    }
    for (name, inner) in fields {
        match schema["properties"].get(name) {
            Some(schema) => check(schema, inner, &format!("{at}.{name}"))?,
            None => return Err(format!("{at}: `{name}` is not documented")),
        }
    }
    Ok(())
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("`{other}` is not a type"),
    }
}

/// The few patterns that are used, without a library for the rest.
fn matches(text: &str, pattern: &Value) -> bool {
    let all = |good: fn(u8) -> bool| text.bytes().all(good);
    match pattern.as_str().unwrap() {
        "^[0-9A-Z]{8}$" => text.len() == 8 && all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()),
        "^[0-9a-f]{64}$" => {
            text.len() == 64 && all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        }
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$" => {
            text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
        }
        other => panic!("`{other}` is not a pattern that this checker knows"),
    }
}
