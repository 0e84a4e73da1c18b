//! What is done with a message: sent, answered, forwarded, moved, copied; and mail that is sent in one request.

use serde_json::{Map, Value, json};

use super::{
    Admitted, Failure, Kind, Reply, Shared, folders, items,
    route::{Answer, Relocation, Respond},
};
use crate::{
    model::{
        ids::Folder,
        item::{Item, ItemKey, NewFile},
        limits,
        mailbox::is_address,
        store::{Draft, Store},
    },
    options::ReplyProperties,
};

const RECIPIENTS: [&str; 3] = ["toRecipients", "ccRecipients", "bccRecipients"];

/// Checks a message as the service does before it sends it.
fn check_sendable(shared: &Shared, item: &Item) -> Result<(), Failure> {
    let invalid = |message: &str| {
        let message = format!("At least one recipient isn't valid., {message}");
        Err(Failure::new(400, "ErrorInvalidRecipients", message))
    };
    let addresses: Vec<&str> = RECIPIENTS
        .iter()
        .filter_map(|name| item.fields.get(*name)?.as_array())
        .flatten()
        .map(|entry| address(entry).unwrap_or_default())
        .collect();
    if addresses.is_empty() {
        return invalid("A message can't be sent because it contains no recipients.");
    }
    if let Some(wrong) = addresses.iter().find(|address| !is_address(address)) {
        return invalid(&format!("Recipient '{wrong}' could not be resolved."));
    }
    // Documented: Exchange Online's limit.
    if addresses.len() > 500 {
        return Err(Failure::new(
            400,
            "ErrorTooManyRecipients",
            "The message has more than 500 recipients.",
        ));
    }
    limits::check_size(item, 0, &shared.options)
}

/// Sends a draft: it moves to Sent Items, and so its normal id changes.
pub(super) fn send(shared: &Shared, admitted: &Admitted) -> Result<Reply, Failure> {
    let mut store = shared.store();
    let key = admitted.item()?;
    let item = store.item(key)?;
    if !item.is_draft() {
        // Assumed: what is said to a message that was sent before is not known.
        return Err(Failure::new(
            400,
            "ErrorInvalidRequest",
            "The message is not a draft.",
        ));
    }
    check_sendable(shared, item)?;
    shared.throttle.send(admitted.mailbox, &shared.options)?;
    store.send(key, &shared.options)?;
    Ok(Reply::empty(202))
}

/// Refuses members of an action's body that would be ignored.
fn only(body: &Map<String, Value>, known: &[&str]) -> Result<(), Failure> {
    let other = body.keys().find(|name| {
        !name.contains('@') && !known.iter().any(|known| known.eq_ignore_ascii_case(name))
    });
    match other {
        Some(name) => Err(Failure::new(
            400,
            "BadRequest",
            format!(
                "The parameter '{name}' in the request payload is not a valid parameter for the operation."
            ),
        )),
        None => Ok(()),
    }
}

fn member<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = body.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found
        .map(|(_, value)| value)
        .filter(|value| !value.is_null())
}

fn unreadable(name: &str) -> Failure {
    Failure::new(400, "RequestBodyRead", format!("Cannot read '{name}'."))
}

/// A message in one request: made, sent, and kept in Sent Items unless that is not wanted.
pub(super) fn send_mail(
    shared: &Shared,
    admitted: &Admitted,
    body: &Map<String, Value>,
) -> Result<Reply, Failure> {
    only(body, &["message", "saveToSentItems"])?;
    let message = member(body, "message")
        .and_then(Value::as_object)
        .ok_or_else(|| unreadable("message"))?;
    let save = match member(body, "saveToSentItems") {
        None => true,
        Some(save) => match save.as_bool() {
            Some(save) => save,
            // Seen: clients of other languages write the word.
            None => match save.as_str().map(str::to_ascii_lowercase).as_deref() {
                Some("true") => true,
                Some("false") => false,
                _ => return Err(unreadable("saveToSentItems")),
            },
        },
    };
    let mut message = message.clone();
    // Reported: sendMail drops them.
    message.remove("singleValueExtendedProperties");
    let mut store = shared.store();
    let files = items::files(&store, &message)?;
    let key = new_draft(shared, &mut store, admitted.mailbox, &message, files)?;
    finish(shared, &mut store, admitted.mailbox, key, save)?;
    Ok(Reply::empty(202))
}

fn new_draft(
    shared: &Shared,
    store: &mut Store,
    mailbox: usize,
    message: &Map<String, Value>,
    files: Vec<NewFile>,
) -> Result<ItemKey, Failure> {
    let draft = Draft {
        kind: Kind::Message,
        input: message,
        folder: None,
    };
    let key = store.create(mailbox, &draft, &shared.options)?;
    items::attach_all(shared, store, key, files)?;
    Ok(key)
}

/// Sends what was made for it, or leaves nothing of it.
fn finish(
    shared: &Shared,
    store: &mut Store,
    mailbox: usize,
    key: ItemKey,
    save: bool,
) -> Result<(), Failure> {
    let checked = check_sendable(shared, store.item(key)?)
        .and_then(|()| shared.throttle.send(mailbox, &shared.options));
    match checked {
        Ok(()) if save => store.send(key, &shared.options),
        Ok(()) => {
            store.remove(key);
            Ok(())
        }
        Err(failure) => {
            store.remove(key);
            Err(failure)
        }
    }
}

fn address(recipient: &Value) -> Option<&str> {
    recipient.get("emailAddress")?.get("address")?.as_str()
}

/// The properties of an answer to `original`.
fn answer_to(original: &Item, own: &str, how: Answer) -> Map<String, Value> {
    let field = |name: &str| original.fields.get(name).cloned().unwrap_or(Value::Null);
    let list = |name: &str| field(name).as_array().cloned().unwrap_or_default();
    let subject = original.subject();
    let prefix = if how == Answer::Forward {
        "FW: "
    } else {
        "RE: "
    };
    let begins = subject
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let subject = if begins {
        subject.to_owned()
    } else {
        format!("{prefix}{subject}")
    };
    let mut to = list("replyTo");
    if to.is_empty() {
        to.push(field("from"));
    }
    let others = |name: &str| -> Vec<Value> {
        let entries = list(name).into_iter();
        entries
            .filter(|entry| address(entry).is_some_and(|a| !a.eq_ignore_ascii_case(own)))
            .collect()
    };
    let (to, cc) = match how {
        Answer::Reply => (to, Vec::new()),
        Answer::ReplyAll => {
            to.extend(others("toRecipients"));
            (to, others("ccRecipients"))
        }
        Answer::Forward => (Vec::new(), Vec::new()),
    };
    let mut fields = Map::new();
    fields.insert("subject".to_owned(), json!(subject));
    fields.insert("toRecipients".to_owned(), Value::Array(to));
    fields.insert("ccRecipients".to_owned(), Value::Array(cc));
    fields
}

/// The body of an answer: a comment above the original, as people see it.
fn quoted(original: &Item, comment: &str) -> Value {
    let body = original.fields.get("body");
    let text = |name: &str| {
        body.and_then(|body| body.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let from = original
        .fields
        .get("from")
        .and_then(address)
        .unwrap_or_default();
    match text("contentType") {
        "html" => json!({
            "contentType": "html",
            "content": format!("<div>{comment}</div><hr><div>From: {from}</div>{}", text("content")),
        }),
        _ => json!({
            "contentType": "text",
            "content": format!("{comment}\r\n________________________________\r\nFrom: {from}\r\n\r\n{}", text("content")),
        }),
    }
}

/// `reply`, `replyAll`, `forward`, and the forms that make a draft.
pub(super) fn respond(
    shared: &Shared,
    admitted: &Admitted,
    respond: Respond,
    body: &Map<String, Value>,
) -> Result<Reply, Failure> {
    let known: &[&str] = match respond.how {
        Answer::Forward => &["comment", "message", "toRecipients"],
        _ => &["comment", "message"],
    };
    only(body, known)?;
    let comment = match member(body, "comment") {
        None => None,
        Some(Value::String(comment)) => Some(comment.as_str()),
        Some(_) => return Err(unreadable("comment")),
    };
    let mut message = match member(body, "message") {
        None => Map::new(),
        Some(Value::Object(message)) => message.clone(),
        Some(_) => return Err(unreadable("message")),
    };
    // Documented: a comment or a body, not both.
    if comment.is_some() && message.contains_key("body") {
        return Err(Failure::new(
            400,
            "ErrorInvalidRequest",
            "Specify either a comment or the body property of the message parameter, not both.",
        ));
    }
    if shared.options.reply_properties == ReplyProperties::Drop {
        message.remove("singleValueExtendedProperties");
    }
    let mut store = shared.store();
    let original = store.item(admitted.item()?)?;
    let own = store.owner(original.mailbox)?.upn.clone();
    let mut fields = answer_to(original, &own, respond.how);
    fields.insert(
        "body".to_owned(),
        quoted(original, comment.unwrap_or_default()),
    );
    if let Some(to) = member(body, "toRecipients") {
        fields.insert("toRecipients".to_owned(), to.clone());
    }
    let conversation = original.fields.get("conversationId").cloned();
    // A forwarded message takes its attachments along, an answered one only those that its body shows.
    let now = store.clock.now();
    let kept = original
        .attached(now)
        .filter(|a| respond.how == Answer::Forward || a.file.is_inline);
    let mut files: Vec<NewFile> = kept.map(|attachment| attachment.file.clone()).collect();
    files.extend(items::files(&store, &message)?);
    fields.extend(message);
    let key = new_draft(shared, &mut store, admitted.mailbox, &fields, files)?;
    if let Some(conversation) = conversation {
        store
            .item_mut(key)?
            .fields
            .insert("conversationId".to_owned(), conversation);
    }
    if respond.draft {
        let item = store.item(key)?;
        return items::single(shared, &store, admitted, item, 201);
    }
    finish(shared, &mut store, admitted.mailbox, key, true)?;
    Ok(Reply::empty(202))
}

/// `move` and `copy`: 201 with the message where it is now.
pub(super) fn relocate(
    shared: &Shared,
    admitted: &Admitted,
    how: Relocation,
    body: &Map<String, Value>,
) -> Result<Reply, Failure> {
    only(body, &["destinationId"])?;
    let name = member(body, "destinationId")
        .and_then(Value::as_str)
        .ok_or_else(|| unreadable("destinationId"))?;
    let mut store = shared.store();
    let folder: Folder = folders::named(store.owner(admitted.mailbox)?, name)?;
    let key = admitted.item()?;
    let key = match how {
        Relocation::Move => {
            store.move_to(key, folder, &shared.options)?;
            key
        }
        Relocation::Copy => store.copy(key, folder, &shared.options)?,
    };
    let item = store.item(key)?;
    items::single(shared, &store, admitted, item, 201)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_actions_are_known_or_refused() {
        let body = |value: Value| value.as_object().cloned().expect("an object");
        assert!(
            only(
                &body(json!({"Comment": "x", "@odata.type": "y"})),
                &["comment"]
            )
            .is_ok()
        );
        let failure = only(&body(json!({"coment": "x"})), &["comment"]).unwrap_err();
        assert!(failure.message.contains("'coment'"));
        let twice = body(json!({"Message": {}, "comment": null}));
        assert!(member(&twice, "message").is_some() && member(&twice, "comment").is_none());
    }
}
