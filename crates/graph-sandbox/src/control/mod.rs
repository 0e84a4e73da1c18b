//! `/sandbox/…`: looking inside, and setting faults while it runs.
//!
//! These need no token, are never faulted and never logged.

use serde_json::{Value, json};

use crate::{
    faults::Fault,
    model::snapshot,
    server::body::Read,
    server::reply::Reply,
    shared::{Head, Shared},
};

/// Answers a control request.
pub(crate) fn answer(shared: &Shared, head: &Head, read: &Read) -> Reply {
    match (head.path.as_str(), head.method.as_str()) {
        ("/sandbox/items", "GET") => Reply::json(200, &json!(snapshot::items(shared))),
        ("/sandbox/requests", "GET") => Reply::json(200, &json!(*shared.log())),
        ("/sandbox/faults", "GET") => Reply::json(200, &pending(shared)),
        ("/sandbox/faults", "POST") => match faults(&read.pieces.concat()) {
            Ok(faults) => {
                shared.faults().add(faults);
                Reply::json(200, &pending(shared))
            }
            Err(message) => Reply::json(400, &json!({"error": message})),
        },
        ("/sandbox/faults", "DELETE") => {
            shared.faults().clear();
            Reply::empty(204)
        }
        ("/sandbox/items" | "/sandbox/requests" | "/sandbox/faults", _) => Reply::empty(405),
        _ => Reply::empty(404),
    }
}

/// The faults that may still strike, in the words of the grammar.
fn pending(shared: &Shared) -> Value {
    shared
        .faults()
        .pending()
        .map(|fault| json!(fault.to_string()))
        .collect()
}

/// Reads a JSON list of faults, a single JSON string, or one fault a line.
fn faults(body: &[u8]) -> Result<Vec<Fault>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the faults are not UTF-8".to_owned())?;
    let specs: Vec<String> = match serde_json::from_str(text) {
        Ok(Value::Array(list)) => list
            .into_iter()
            .map(|spec| match spec {
                Value::String(spec) => Ok(spec),
                other => Err(format!("`{other}` is not a fault: give texts")),
            })
            .collect::<Result<_, _>>()?,
        Ok(Value::String(spec)) => vec![spec],
        Ok(other) => return Err(format!("`{other}` is not a list of faults")),
        Err(_) => text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    specs
        .iter()
        .map(|spec| {
            spec.parse()
                .map_err(|e: crate::faults::BadFault| e.to_string())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_as_json_or_as_lines() {
        let two = vec![
            "put@1=drop".parse().expect("fine"),
            "any@2=503:1".parse().expect("fine"),
        ];
        assert_eq!(faults(br#"["put@1=drop","any@2=503:1"]"#), Ok(two.clone()));
        assert_eq!(faults(b"put@1=drop\n\n  any@2=503:1\n"), Ok(two.clone()));
        assert_eq!(faults(br#""put@1=drop""#), Ok(two[..1].to_vec()));
        assert_eq!(faults(b""), Ok(Vec::new()));
        for bad in [&b"[1]"[..], b"{}", b"puts@1=drop", b"\xff"] {
            assert!(faults(bad).is_err());
        }
    }
}
