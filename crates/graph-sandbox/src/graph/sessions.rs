//! `createUploadSession` on messages and events.

use serde_json::{Map, Value, json};

use super::{Admitted, Failure, Head, Kind, Reply, Shared, attachments::guess_type};
use crate::{
    clock,
    model::item::Item,
    model::limits,
    model::mailbox::{Mailbox, TENANT},
    model::session::{Announced, Place},
    options::{Service, UrlForm},
};

/// Opens an upload session.
pub(crate) fn create(
    shared: &Shared,
    head: &Head,
    admitted: &Admitted,
    body: &Map<String, Value>,
) -> Result<Reply, Failure> {
    let options = &shared.options;
    if options.service == Service::UsGov {
        // The action is missing from that cloud's description; how it says so is assumed.
        return Err(Failure::no_segment("microsoft.graph.createUploadSession"));
    }
    let file = announced(body)?;
    if file.size < options.session_min {
        return Err(Failure::new(
            400,
            "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize",
            format!(
                "The attachment size should be at least {} bytes.",
                options.session_min
            ),
        ));
    }
    if file.size > options.attachment_limit {
        return Err(Failure::new(
            400,
            "ErrorAttachmentSizeLimitExceeded",
            "The attachment size exceeds the allowable limit.",
        ));
    }
    let mut store = shared.store();
    let key = admitted.item()?;
    let item = store.item(key)?;
    // The sum of sizes is checked late, when the bytes arrive, as has been seen.
    limits::check_number(item, options)?;
    let mailbox = store
        .mailboxes
        .get(item.mailbox)
        .ok_or_else(Failure::not_found)?;
    let place = place(shared, head, admitted, mailbox, item);
    let session = store.open_session(key, file, place, head.expire, options)?;
    let context = format!(
        "{}/{}/$metadata#microsoft.graph.uploadSession",
        admitted.graph, admitted.route.version
    );
    let body = json!({
        "@odata.context": context,
        "uploadUrl": format!(
            "{}/AttachmentSessions('{}')?authtoken={}", session.place.base, session.id, session.token
        ),
        "expirationDateTime": clock::precise(session.expires_at),
        "nextExpectedRanges": ["0-"],
    });
    Ok(Reply::json(201, &body))
}

/// The upload URL of a new session, in the form that the options ask for.
fn place(
    shared: &Shared,
    head: &Head,
    admitted: &Admitted,
    mailbox: &Mailbox,
    item: &Item,
) -> Place {
    let beta = admitted.route.version == "beta";
    let (version, users, sessions) = match (shared.options.upload_url, beta) {
        (UrlForm::V2, false) => ("v2.0", "Users", "AttachmentSessions"),
        (UrlForm::V2, true) => ("beta", "Users", "AttachmentSessions"),
        (UrlForm::Gv1 | UrlForm::Office365, false) => ("gv1.0", "users", "attachmentSessions"),
        (UrlForm::Gv1 | UrlForm::Office365, true) => ("gbeta", "users", "attachmentSessions"),
    };
    let items = match (users, item.kind) {
        ("Users", Kind::Message) => "Messages",
        ("Users", Kind::Event) => "Events",
        (_, kind) => kind.collection(),
    };
    let host = match shared.options.upload_url {
        UrlForm::Office365 => head.upload.replacen("127.0.0.1", "localhost", 1).replacen(
            "outlook.office.com",
            "outlook.office365.com",
            1,
        ),
        UrlForm::V2 | UrlForm::Gv1 => head.upload.clone(),
    };
    let (user, id) = (mailbox.user, item.id(admitted.immutable));
    let encoded = id.replace('=', "%3D");
    Place {
        base: format!("{host}/api/{version}/{users}('{user}@{TENANT}')/{items}('{id}')"),
        context: format!(
            "{host}/api/{version}/$metadata#{users}('{user}%40{TENANT}')/{items}('{encoded}')\
             /{sessions}/$entity"
        ),
        immutable: admitted.immutable,
    }
}

/// Reads `AttachmentItem`, whose name clients write in either case.
fn announced(body: &Map<String, Value>) -> Result<Announced, Failure> {
    let wrong = |property: &str| {
        Failure::new(
            400,
            "ErrorInvalidParameter",
            format!("The value of '{property}' is missing or invalid."),
        )
    };
    let item = body
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("AttachmentItem"))
        .and_then(|(_, value)| value.as_object())
        .ok_or_else(|| wrong("AttachmentItem"))?;
    if let Some(name) = body
        .keys()
        .find(|name| !name.contains('@') && !name.eq_ignore_ascii_case("AttachmentItem"))
    {
        let message = format!(
            "The parameter '{name}' in the request payload is not a valid parameter for the operation."
        );
        return Err(Failure::new(400, "BadRequest", message));
    }
    let known = [
        "attachmentType",
        "contentId",
        "contentType",
        "isInline",
        "name",
        "size",
    ];
    if let Some(name) = item
        .keys()
        .find(|name| !name.contains('@') && !known.contains(&name.as_str()))
    {
        let message = format!(
            "The property '{name}' does not exist on type 'microsoft.graph.attachmentItem'."
        );
        return Err(Failure::new(400, "RequestBodyRead", message));
    }
    let kind = item
        .get("attachmentType")
        .ok_or_else(|| wrong("attachmentType"))?;
    let is = |word: &str, number: u64| {
        kind.as_u64() == Some(number) || kind.as_str().is_some_and(|k| k.eq_ignore_ascii_case(word))
    };
    if is("item", 1) || is("reference", 2) {
        return Err(Failure::new(
            405,
            "ErrorAttachmentSessionIsSupportedOnlyForFileAttachments",
            "Unsupported Attachment type specified. Only File attachments can be uploaded using \
             an Upload Session.",
        ));
    }
    if !is("file", 0) {
        return Err(wrong("attachmentType"));
    }
    let text = |name: &str| match item.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(name)),
    };
    let name = text("name")?
        .filter(|name| !name.is_empty())
        .ok_or_else(|| wrong("name"))?;
    let size = item
        .get("size")
        .and_then(Value::as_u64)
        .ok_or_else(|| wrong("size"))?;
    let is_inline = match item.get("isInline") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => return Err(wrong("isInline")),
    };
    let content_type = text("contentType")?.or_else(|| guess_type(&name));
    Ok(Announced {
        size,
        content_type,
        is_inline,
        content_id: text("contentId")?,
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &Value) -> Result<Announced, Failure> {
        announced(value.as_object().expect("an object"))
    }

    #[test]
    fn both_spellings_of_the_parameter_are_taken() {
        for name in ["AttachmentItem", "attachmentItem"] {
            let file = read(&json!({name: {
                "@odata.type": "microsoft.graph.attachmentItem",
                "attachmentType": "file", "name": "flower.jpg", "size": 3_483_322,
            }}))
            .expect("a file");
            assert_eq!((file.name.as_str(), file.size), ("flower.jpg", 3_483_322));
            assert_eq!(file.content_type.as_deref(), Some("image/jpeg"));
        }
    }

    #[test]
    fn only_files_get_a_session() {
        for kind in [
            json!("item"),
            json!("reference"),
            json!("Item"),
            json!(1),
            json!(2),
        ] {
            let body = json!({"AttachmentItem": {"attachmentType": kind, "name": "a", "size": 1}});
            assert_eq!(read(&body).unwrap_err().status, 405);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (body, name) in [
            (json!({}), "AttachmentItem"),
            (
                json!({"AttachmentItem": {"name": "a", "size": 1}}),
                "attachmentType",
            ),
            (
                json!({"AttachmentItem": {"attachmentType": "file", "size": 1}}),
                "name",
            ),
            (
                json!({"AttachmentItem": {"attachmentType": "file", "name": "", "size": 1}}),
                "name",
            ),
            (
                json!({"AttachmentItem": {"attachmentType": "file", "name": "a"}}),
                "size",
            ),
            (
                json!({"AttachmentItem": {"attachmentType": "file", "name": "a", "size": -1}}),
                "size",
            ),
        ] {
            let failure = read(&body).unwrap_err();
            assert_eq!(failure.status, 400);
            assert!(
                failure.message.contains(&format!("'{name}'")),
                "{failure:?}"
            );
        }
    }
}
