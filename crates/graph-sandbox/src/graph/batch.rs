//! `$batch`: up to twenty requests in one. Each is answered, logged and throttled on its own.

use std::{collections::HashMap, sync::Arc};

use hyper::{
    HeaderMap, Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Map, Value, json};

use super::{AnswerBatched, Failure, Head, Part, Read, Reply, Shared};
use crate::{failure::Trace, model::content::Piece};

/// Documented.
const MOST: usize = 20;

fn bad(message: impl Into<String>) -> Failure {
    Failure::new(400, "BadRequest", message)
}

/// Answers all of them, one after the other.
pub(super) fn run(
    shared: &Arc<Shared>,
    head: &Head,
    body: &Map<String, Value>,
    answer: AnswerBatched,
) -> Result<Reply, Failure> {
    let requests = body
        .get("requests")
        .and_then(Value::as_array)
        .ok_or_else(|| bad("Invalid batch payload format."))?;
    if requests.is_empty() || requests.len() > MOST {
        return Err(bad(format!(
            "Number of batch request steps exceeds the maximum value of {MOST}."
        )));
    }
    let mut statuses: HashMap<&str, u16> = HashMap::new();
    let mut responses = Vec::new();
    for request in requests {
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        let id = text("id").ok_or_else(|| bad("Invalid batch payload format."))?;
        if statuses.contains_key(id) {
            return Err(bad(format!("Invalid request id found: '{id}'.")));
        }
        let after = request.get("dependsOn").and_then(Value::as_array);
        let failed = after
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .find(|other| statuses.get(other).is_none_or(|status| *status >= 400));
        let reply = match failed {
            Some(_) => Failure::new(
                424,
                "BadRequest",
                "A request that this one depends on failed.",
            )
            .graph(&head.trace, shared.clock.time()),
            None => one(shared, head, request, answer)?,
        };
        statuses.insert(id, reply.status.as_u16());
        responses.push(response(id, reply));
    }
    Ok(Reply::json(200, &json!({"responses": responses})))
}

/// One of the requests, with the outer one's token.
fn one(
    shared: &Arc<Shared>,
    outer: &Head,
    request: &Value,
    answer: AnswerBatched,
) -> Result<Reply, Failure> {
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let method = text("method")
        .and_then(|method| Method::from_bytes(method.to_ascii_uppercase().as_bytes()).ok());
    let method = method.ok_or_else(|| bad("Invalid batch payload format."))?;
    let url = text("url").ok_or_else(|| bad("Invalid batch payload format."))?;
    let version = outer.path.split('/').nth(1).unwrap_or("v1.0");
    let path = format!("/{version}/{}", url.trim_start_matches('/'));
    let (plain, query) = path.split_once('?').unwrap_or((&path, ""));
    let mut headers = HeaderMap::new();
    if let Some(token) = outer.headers.get("authorization") {
        headers.insert("authorization", token.clone());
    }
    for (name, value) in request
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let value = value
            .as_str()
            .and_then(|value| HeaderValue::from_str(value).ok());
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            headers.insert(name, value);
        }
    }
    let bytes = match request.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(body) => body.to_string().into_bytes(),
    };
    headers.insert("content-length", HeaderValue::from(bytes.len()));
    let head = Head {
        method,
        path: plain.to_owned(),
        query: query.to_owned(),
        trace: Trace::new(
            shared.random.uuid(),
            headers
                .get("client-request-id")
                .and_then(|id| id.to_str().ok()),
        ),
        headers,
        ..outer.clone()
    };
    let read = Read {
        len: bytes.len() as u64,
        pieces: vec![Piece::Memory(bytes.into())],
    };
    Ok(answer(shared, head, path.clone(), read))
}

/// An answer as part of the batch's: JSON as it is, anything else in base64.
fn response(id: &str, reply: Reply) -> Value {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let headers: Map<String, Value> = reply
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                json!(String::from_utf8_lossy(value.as_bytes())),
            )
        })
        .collect();
    let status = reply.status.as_u16();
    let bytes = Part::collect(reply.body).unwrap_or_default();
    let mut all = json!({"id": id, "status": status, "headers": headers});
    if let (false, Some(all)) = (bytes.is_empty(), all.as_object_mut()) {
        let body =
            serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(STANDARD.encode(&bytes)));
        all.insert("body".to_owned(), body);
    }
    all
}
