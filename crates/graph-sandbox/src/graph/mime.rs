//! A message as MIME (`…/messages/{id}/$value`), enough for a client that files or forwards it.

use mail_builder::{
    MessageBuilder,
    headers::{address::Address, raw::Raw},
};
use serde_json::Value;

use super::{Admitted, Failure, Reply, Shared};
use crate::model::item::{Form, Item};

/// Seen: larger ones run into the gateway's time limit.
const LARGEST: u64 = 45_000_000;

fn addresses(item: &Item, name: &str) -> Vec<(String, String)> {
    let entries = match item.fields.get(name) {
        Some(Value::Array(list)) => list.clone(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one.clone()],
    };
    let text = |entry: &Value, member: &str| {
        let value = entry
            .get("emailAddress")
            .and_then(|address| address.get(member));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    entries
        .iter()
        .map(|entry| (text(entry, "name"), text(entry, "address")))
        .collect()
}

/// The message as it would be sent.
pub(super) fn get(shared: &Shared, admitted: &Admitted) -> Result<Reply, Failure> {
    let store = shared.store();
    let item = store.item(admitted.item()?)?;
    let now = store.clock.now();
    if item
        .attached(now)
        .map(|a| a.file.content.len())
        .sum::<u64>()
        > LARGEST
    {
        return Err(Failure::new(504, "UnknownError", ""));
    }
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let field = |name: &str| text(item.fields.get(name));
    let list = |name: &str| -> Address<'static> {
        addresses(item, name).into_iter().collect::<Vec<_>>().into()
    };
    let mut message = MessageBuilder::new()
        .from(list("from"))
        .to(list("toRecipients"))
        .subject(item.subject().to_owned())
        .date(item.sent.unwrap_or(item.created).as_second())
        .message_id(
            field("internetMessageId")
                .trim_matches(['<', '>'])
                .to_owned(),
        );
    if !addresses(item, "ccRecipients").is_empty() {
        message = message.cc(list("ccRecipients"));
    }
    for header in item
        .fields
        .get("internetMessageHeaders")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        message = message.header(
            text(header.get("name")),
            Raw::new(text(header.get("value"))),
        );
    }
    let body = item.fields.get("body");
    let content = text(body.and_then(|body| body.get("content")));
    message = match text(body.and_then(|body| body.get("contentType"))).as_str() {
        "html" => message.html_body(content),
        _ => message.text_body(content),
    };
    for attachment in item.attached(now) {
        let file = &attachment.file;
        if !matches!(file.form, Form::File) {
            return Err(Failure::not_in_sandbox("attached items and links as MIME"));
        }
        let bytes = file.content.to_vec().map_err(|_| Failure::not_kept())?;
        let kind = file
            .content_type
            .clone()
            .unwrap_or_else(|| "application/octet-stream".to_owned());
        message = match (&file.content_id, file.is_inline) {
            (Some(id), true) => message.inline(kind, id.clone(), bytes),
            _ => message.attachment(kind, file.name.clone(), bytes),
        };
    }
    let bytes = message.write_to_vec().map_err(|_| Failure::empty(500))?;
    Ok(Reply::bytes(
        200,
        "text/plain",
        vec![bytes::Bytes::from(bytes).into()],
    ))
}
