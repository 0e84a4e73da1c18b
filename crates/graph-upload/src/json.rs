//! JSON of other people's servers: read tolerantly, and within limits. Pure.

use serde_json::Value;

use crate::redact;

/// Most values that an answer may have. In memory a value can take a hundred times its text: without
/// a limit, 8 MiB of `{"":0}` would be 700 MiB. A list of 500 attachments has under 5,000.
const MOST_VALUES: usize = 50_000;

/// Texts under these keys are used as they are: upload URLs, which are secrets themselves, and ids and links,
/// which make further requests. An id that holds a secret is refused where it is read.
const VERBATIM: [&str; 5] = [
    "uploadUrl",
    "id",
    "conversationId",
    "internetMessageId",
    "@odata.nextLink",
];

/// Reads JSON, with every secret that this process knows blanked in its texts: a service may echo what it
/// was sent. `None` when it is not valid JSON, or is out to fill the memory.
pub fn parse(body: &[u8]) -> Option<Value> {
    // Some .NET servers put a byte-order mark in front of it.
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if values(body) > MOST_VALUES {
        return None;
    }
    let mut value = serde_json::from_slice(body).ok()?;
    clean(&mut value);
    Some(value)
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(cleaned) = redact::clean(text) {
                *text = cleaned;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(key, _)| !VERBATIM.iter().any(|name| key.eq_ignore_ascii_case(name)))
            .for_each(|(_, value)| clean(value)),
        _ => {}
    }
}

/// How many values JSON has at most: one for each separator and each opening bracket outside text.
pub(crate) fn values(json: &[u8]) -> usize {
    let (mut count, mut in_text, mut escaped) = (1, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' | b'[' | b'{' if !in_text => count += 1,
            _ => {}
        }
    }
    count
}

/// `key` of an object, in any casing.
pub fn field<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    let object = object.as_object()?;
    object.get(key).or_else(|| {
        object
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, value)| value)
    })
}

/// `key` of an object as text.
pub fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    field(object, key).and_then(Value::as_str)
}
