//! The request log as HAR 1.2, which browsers and proxies open. Pure.

use serde_json::{Value, json};

use crate::log::{Host, Seen};

/// All requests as one HAR document. Bodies are not in it: nobody kept them.
pub(super) fn export(seen: &[Seen], graph: &str, upload: &str) -> Value {
    let entries: Vec<Value> = seen
        .iter()
        .filter(|seen| !seen.batched)
        .map(|seen| {
            entry(
                seen,
                if seen.host == Host::Graph {
                    graph
                } else {
                    upload
                },
            )
        })
        .collect();
    json!({"log": {
        "version": "1.2",
        "creator": {"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")},
        "entries": entries,
    }})
}

fn entry(seen: &Seen, origin: &str) -> Value {
    let query = seen.path.split_once('?').map_or("", |(_, query)| query);
    let query: Vec<Value> = url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let headers: Vec<Value> = seen
        .headers
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    // HAR's word for "no answer" is 0, for "not known" -1.
    let ms = seen
        .ms
        .map_or(-1, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
    let sent = seen
        .sent
        .map_or(-1, |sent| i64::try_from(sent).unwrap_or(i64::MAX));
    let mime = seen
        .headers
        .get("content-type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut entry = json!({
        "startedDateTime": seen.time,
        "time": ms.max(0),
        "request": {
            "method": seen.method,
            "url": format!("{origin}{}", seen.path),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": headers,
            "queryString": query,
            "headersSize": -1,
            "bodySize": seen.bytes,
        },
        "response": {
            "status": seen.status.unwrap_or(0),
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [],
            "content": {"size": sent.max(0), "mimeType": ""},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": sent,
        },
        "cache": {},
        "timings": {"send": 0, "wait": ms.max(0), "receive": 0},
        "comment": seen.fault.as_deref().unwrap_or_default(),
    });
    if seen.bytes > 0
        && let Some(request) = entry.get_mut("request").and_then(Value::as_object_mut)
    {
        request.insert("postData".to_owned(), json!({"mimeType": mime, "text": ""}));
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_what_the_log_has() {
        let seen = Seen {
            time: "2026-11-22T10:00:00.0000000Z".to_owned(),
            host: Host::Upload,
            method: "PUT".to_owned(),
            path: "/api/x?authtoken=abc".to_owned(),
            status: None,
            content_range: None,
            authorization: false,
            bytes: 7,
            sent: None,
            ms: None,
            batched: false,
            fault: Some("lost".to_owned()),
            headers: serde_json::Map::new(),
        };
        let har = export(&[seen], "http://g", "http://u");
        let entry = &har["log"]["entries"][0];
        assert_eq!(entry["request"]["url"], "http://u/api/x?authtoken=abc");
        assert_eq!(entry["request"]["queryString"][0]["value"], "abc");
        assert_eq!(entry["request"]["bodySize"], 7);
        assert_eq!(
            (&entry["response"]["status"], &entry["comment"]),
            (&json!(0), &json!("lost"))
        );
    }
}
