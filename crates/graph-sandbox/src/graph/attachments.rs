//! Attachments of messages and events: list, get, raw bytes, POST, DELETE.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Admitted, Failure, Head, Reply, Shared};
use crate::{
    graph::query::Query,
    model::content::Content,
    model::item::{Attachment, Form, Item},
};

/// The properties of the base type: the only ones that `$select` knows without a cast.
const BASE: [&str; 6] = [
    "contentType",
    "id",
    "isInline",
    "lastModifiedDateTime",
    "name",
    "size",
];
/// Prefix under which the properties of files can be selected.
const FILE_CAST: &str = "microsoft.graph.fileAttachment/";
const FILE: [&str; 3] = ["contentBytes", "contentId", "contentLocation"];

/// The service fills in a missing content type; how is not known, so by the name.
pub(crate) fn guess_type(name: &str) -> Option<String> {
    mime_guess::from_path(name)
        .first()
        .map(|mime| mime.to_string())
}

/// The names that `$select` leaves, without casts; none when everything is wanted.
fn selected(query: &Query) -> Result<Option<Vec<String>>, Failure> {
    let Some(select) = &query.select else {
        return Ok(None);
    };
    let names = select.iter().map(|name| {
        let (plain, known): (&str, &[&str]) = match name.strip_prefix(FILE_CAST) {
            Some(plain) => (plain, &FILE),
            None => (name, &BASE),
        };
        let found = known
            .iter()
            .chain(&BASE)
            .find(|known| known.eq_ignore_ascii_case(plain));
        found.map(|name| (*name).to_owned()).ok_or_else(|| {
            let message = format!(
                "Could not find a property named '{name}' on type 'microsoft.graph.attachment'."
            );
            Failure::new(400, "RequestBroker--ParseUri", message)
        })
    });
    names.collect::<Result<Vec<_>, _>>().map(Some)
}

/// One attachment as JSON: with its bytes when they are selected, or when nothing is.
fn render(
    shared: &Shared,
    item: &Item,
    attachment: &Attachment,
    immutable: bool,
    select: Option<&[String]>,
) -> Map<String, Value> {
    let mut all = attachment.json(item, immutable, shared.options.reported_size);
    let wanted = |name: &str| select.is_none_or(|names| names.iter().any(|known| known == name));
    all.retain(|name, _| wanted(name) || name == "id" || name == "@odata.type");
    if matches!(attachment.form, Form::File) && wanted("contentBytes") {
        all.insert(
            "contentBytes".to_owned(),
            Value::String(attachment.content.base64()),
        );
    }
    all
}

/// Everything attached to `item`, for `$expand=attachments`.
pub(crate) fn expanded(shared: &Shared, item: &Item, immutable: bool) -> Value {
    item.attachments
        .iter()
        .map(|attachment| Value::Object(render(shared, item, attachment, immutable, None)))
        .collect()
}

/// The collection.
pub(crate) fn list(shared: &Shared, head: &Head, admitted: &Admitted) -> Result<Reply, Failure> {
    let select = selected(&admitted.query)?;
    let store = shared.store();
    let item = store.item(admitted.item()?)?;
    let (page, next) = admitted.query.page(item.attachments.iter().collect(), None);
    let value: Vec<Value> = page
        .into_iter()
        .map(|attachment| {
            Value::Object(render(
                shared,
                item,
                attachment,
                admitted.immutable,
                select.as_deref(),
            ))
        })
        .collect();
    let mut all = Map::new();
    let fragment = format!(
        "{}('{}')/attachments",
        item.kind.collection(),
        encoded(item, admitted)
    );
    all.insert(
        "@odata.context".to_owned(),
        admitted.context(shared, &fragment),
    );
    if admitted.query.count {
        all.insert("@odata.count".to_owned(), json!(item.attachments.len()));
    }
    all.insert("value".to_owned(), Value::Array(value));
    if let Some(skip) = next {
        let link = admitted
            .query
            .next_link(shared, head, "$skip", &skip.to_string());
        all.insert("@odata.nextLink".to_owned(), json!(link));
    }
    Ok(Reply::json(200, &Value::Object(all)))
}

fn encoded(item: &Item, admitted: &Admitted) -> String {
    item.id(admitted.immutable).replace('=', "%3D")
}

fn find<'a>(item: &'a Item, id: &str) -> Result<&'a Attachment, Failure> {
    if !crate::model::ids::is_well_formed(id) {
        return Err(Failure::malformed_id());
    }
    item.attachments
        .iter()
        .find(|attachment| attachment.id(item, false) == id || attachment.id(item, true) == id)
        .ok_or_else(Failure::not_found)
}

fn single(
    shared: &Shared,
    admitted: &Admitted,
    item: &Item,
    attachment: &Attachment,
    select: Option<&[String]>,
) -> Value {
    let mut all = render(shared, item, attachment, admitted.immutable, select);
    let fragment = format!(
        "{}('{}')/attachments/$entity",
        item.kind.collection(),
        encoded(item, admitted)
    );
    all.insert(
        "@odata.context".to_owned(),
        admitted.context(shared, &fragment),
    );
    Value::Object(all)
}

/// One of them.
pub(crate) fn get(shared: &Shared, admitted: &Admitted, id: &str) -> Result<Reply, Failure> {
    let select = selected(&admitted.query)?;
    let store = shared.store();
    let item = store.item(admitted.item()?)?;
    let attachment = find(item, id)?;
    Ok(Reply::json(
        200,
        &single(shared, admitted, item, attachment, select.as_deref()),
    ))
}

/// Its bytes.
pub(crate) fn value(shared: &Shared, admitted: &Admitted, id: &str) -> Result<Reply, Failure> {
    let store = shared.store();
    let item = store.item(admitted.item()?)?;
    let attachment = find(item, id)?;
    match attachment.form {
        Form::File => {
            let kind = attachment
                .content_type
                .as_deref()
                .unwrap_or("application/octet-stream");
            Ok(Reply::bytes(
                200,
                kind,
                attachment.content.pieces().collect(),
            ))
        }
        Form::Other { .. } => Err(Failure::method_not_allowed()),
    }
}

/// Removes one.
pub(crate) fn delete(shared: &Shared, admitted: &Admitted, id: &str) -> Result<Reply, Failure> {
    let mut store = shared.store();
    let item = store.item_mut(admitted.item()?)?;
    let key = find(item, id)?.key;
    item.attachments.retain(|attachment| attachment.key != key);
    item.touch(Timestamp::now());
    Ok(Reply::empty(204))
}

/// Attaches what one request carries.
pub(crate) fn create(
    shared: &Shared,
    admitted: &Admitted,
    body: &Map<String, Value>,
) -> Result<Reply, Failure> {
    let attachment = read(body)?;
    let key = attachment.key;
    let mut store = shared.store();
    let item = admitted.item()?;
    store.attach(item, attachment, &shared.options)?;
    let item = store.item(item)?;
    let attachment = item
        .attachments
        .iter()
        .find(|attachment| attachment.key == key);
    let attachment = attachment.ok_or_else(Failure::not_found)?;
    Ok(Reply::json(
        201,
        &single(shared, admitted, item, attachment, None),
    ))
}

/// Reads an attachment as clients send it.
pub(crate) fn read(body: &Map<String, Value>) -> Result<Attachment, Failure> {
    let wrong = |name: &str| {
        Failure::new(
            400,
            "RequestBodyRead",
            format!("The value of '{name}' cannot be read."),
        )
    };
    let missing = |name: &str| {
        let message = format!("Required property '{name}' is missing.");
        Failure::new(400, "ErrorRequiredPropertyMissing", message)
    };
    let text = |name: &str| match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(name)),
    };
    let odata_type = text("@odata.type")?.ok_or_else(Failure::abstract_type)?;
    let odata_type = format!("#{}", odata_type.trim_start_matches('#'));
    let name = text("name")?
        .filter(|name| !name.is_empty())
        .ok_or_else(|| missing("name"))?;
    let is_inline = match body.get("isInline") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => return Err(wrong("isInline")),
    };
    let (form, content) = match odata_type.as_str() {
        "#microsoft.graph.fileAttachment" => {
            let bytes = text("contentBytes")?.ok_or_else(|| missing("contentBytes"))?;
            let bytes = STANDARD.decode(bytes).map_err(|_| wrong("contentBytes"))?;
            let pieces = if bytes.is_empty() {
                Vec::new()
            } else {
                vec![Bytes::from(bytes)]
            };
            (Form::File, Content::new(pieces))
        }
        "#microsoft.graph.itemAttachment" | "#microsoft.graph.referenceAttachment" => {
            let own = [
                "item",
                "sourceUrl",
                "providerType",
                "permission",
                "isFolder",
            ];
            let mut rest = body.clone();
            rest.retain(|name, _| own.contains(&name.as_str()));
            let bytes = Bytes::from(Value::Object(rest.clone()).to_string());
            // The item itself is a navigation property, which answers leave out.
            rest.remove("item");
            (Form::Other { odata_type, rest }, Content::new(vec![bytes]))
        }
        _ => return Err(Failure::abstract_type()),
    };
    let content_type = match (&form, text("contentType")?) {
        (Form::File, None) => guess_type(&name),
        (_, given) => given,
    };
    Ok(Attachment {
        key: Uuid::new_v4(),
        form,
        content_type,
        is_inline,
        content_id: text("contentId")?,
        content,
        modified: Timestamp::now(),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_read(value: &Value) -> Result<Attachment, Failure> {
        read(value.as_object().expect("an object"))
    }

    #[test]
    fn a_file_needs_its_type_its_name_and_its_bytes() {
        const FILE: &str = "#microsoft.graph.fileAttachment";
        let whole = json!({"@odata.type": FILE, "name": "smile", "contentBytes": "R0lGODdh"});
        let attachment = try_read(&whole).expect("whole");
        assert_eq!(attachment.content.len(), 6);
        let empty = json!({"@odata.type": FILE, "name": "empty", "contentBytes": ""});
        assert_eq!(
            try_read(&empty).expect("no bytes are bytes").content.len(),
            0
        );
        for (body, status) in [
            (json!({"name": "smile", "contentBytes": "R0lGODdh"}), 422),
            (
                json!({"@odata.type": "#microsoft.graph.attachment", "name": "a"}),
                422,
            ),
            (
                json!({"@odata.type": FILE, "contentBytes": "R0lGODdh"}),
                400,
            ),
            (json!({"@odata.type": FILE, "name": "a"}), 400),
            (
                json!({"@odata.type": FILE, "name": "a", "contentBytes": "***"}),
                400,
            ),
        ] {
            assert_eq!(try_read(&body).unwrap_err().status, status);
        }
    }

    #[test]
    fn selecting_a_property_of_files_needs_a_cast() {
        let query = |text: &str| Query::parse(text).expect("a query");
        let failure = selected(&query("$select=id,contentId")).unwrap_err();
        assert_eq!(failure.code, "RequestBroker--ParseUri");
        assert!(failure.message.contains("'contentId'"));
        let names = selected(&query(
            "$select=Name,microsoft.graph.fileAttachment/contentId",
        ));
        assert_eq!(
            names,
            Ok(Some(vec!["name".to_owned(), "contentId".to_owned()]))
        );
        assert_eq!(selected(&query("")), Ok(None));
    }
}
