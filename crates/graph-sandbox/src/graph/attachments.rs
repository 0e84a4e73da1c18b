//! Attachments of messages and events: list, get, raw bytes, POST, DELETE.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    Admitted, Contents, Failure, Head, Part, Reply, Shared,
    query::{Expand, Query},
};
use crate::{
    model::{
        content::Content,
        ids,
        item::{Attachment, Form, Item, NewFile},
        store::Store,
    },
    options::EarlyValue,
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
fn selected(select: Option<&[String]>) -> Result<Option<Vec<String>>, Failure> {
    let Some(select) = select else {
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
    contents: &mut Contents,
) -> Result<Map<String, Value>, Failure> {
    let mut all = attachment.json(item, immutable, shared.options.reported_size);
    let wanted = |name: &str| select.is_none_or(|names| names.iter().any(|known| known == name));
    all.retain(|name, _| wanted(name) || name == "id" || name == "@odata.type");
    if matches!(attachment.file.form, Form::File) && wanted("contentBytes") {
        all.insert(
            "contentBytes".to_owned(),
            contents.put(&attachment.file.content)?,
        );
    }
    Ok(all)
}

/// Everything attached to `item`, for `$expand=attachments`.
pub(super) fn expanded(
    shared: &Shared,
    store: &Store,
    item: &Item,
    immutable: bool,
    expand: &Expand,
    contents: &mut Contents,
) -> Result<Value, Failure> {
    let select = selected(expand.select.as_deref())?;
    let mut all = Vec::new();
    for attachment in item.listed(store.clock.now()) {
        let json = attachment.json(item, immutable, shared.options.reported_size);
        if expand
            .filter
            .as_ref()
            .is_none_or(|filter| filter.holds(&Value::Object(json)))
        {
            let one = render(
                shared,
                item,
                attachment,
                immutable,
                select.as_deref(),
                contents,
            )?;
            all.push(Value::Object(one));
        }
    }
    Ok(Value::Array(all))
}

/// Refuses to filter or sort by what attachments do not have.
fn check_names(query: &Query) -> Result<(), Failure> {
    let paths = query.filter.iter().flat_map(|filter| filter.paths());
    let sorted = query.orderby.iter().map(|(path, _)| path.as_str());
    let names: Vec<String> = paths.chain(sorted).map(str::to_owned).collect();
    selected(Some(&names)).map(drop)
}

/// The collection.
pub(super) fn list(shared: &Shared, head: &Head, admitted: &Admitted) -> Result<Reply, Failure> {
    let query = &admitted.query;
    let select = selected(query.select.as_deref())?;
    check_names(query)?;
    let store = shared.store();
    let item = store.item(admitted.item()?)?;
    let mut found: Vec<(&Attachment, Value)> = item
        .listed(store.clock.now())
        .map(|one| {
            (
                one,
                Value::Object(one.json(item, admitted.immutable, shared.options.reported_size)),
            )
        })
        .filter(|(_, all)| query.matches(all))
        .collect();
    query.sort(&mut found, |(_, all)| all);
    let total = found.len();
    let (page, next) = query.page(found, None);
    let mut contents = Contents::default();
    let mut value = Vec::new();
    for (attachment, _) in page {
        let immutable = admitted.immutable;
        let one = render(
            shared,
            item,
            attachment,
            immutable,
            select.as_deref(),
            &mut contents,
        )?;
        value.push(Value::Object(one));
    }
    let mut all = Map::new();
    let fragment = format!(
        "{}('{}')/attachments",
        item.kind.collection(),
        encoded(item, admitted)
    );
    all.insert("@odata.context".to_owned(), admitted.context(&fragment));
    if query.count {
        all.insert("@odata.count".to_owned(), json!(total));
    }
    all.insert("value".to_owned(), Value::Array(value));
    if let Some(skip) = next {
        let link = query.next_link(head, "$skip", &skip.to_string());
        all.insert("@odata.nextLink".to_owned(), json!(link));
    }
    Ok(Reply::json_with(200, &Value::Object(all), &contents))
}

fn encoded(item: &Item, admitted: &Admitted) -> String {
    item.id(admitted.immutable).replace('=', "%3D")
}

/// By its id it is there as soon as it takes effect, whatever lists show.
fn find<'a>(store: &Store, item: &'a Item, id: &str) -> Result<&'a Attachment, Failure> {
    if !ids::is_well_formed(id) {
        return Err(Failure::malformed_id());
    }
    item.attached(store.clock.now())
        .find(|attachment| attachment.id(item, false) == id || attachment.id(item, true) == id)
        .ok_or_else(Failure::not_found)
}

fn single(
    shared: &Shared,
    admitted: &Admitted,
    item: &Item,
    attachment: &Attachment,
    select: Option<&[String]>,
    status: u16,
) -> Result<Reply, Failure> {
    let mut contents = Contents::default();
    let mut all = render(
        shared,
        item,
        attachment,
        admitted.immutable,
        select,
        &mut contents,
    )?;
    let fragment = format!(
        "{}('{}')/attachments/$entity",
        item.kind.collection(),
        encoded(item, admitted)
    );
    all.insert("@odata.context".to_owned(), admitted.context(&fragment));
    Ok(Reply::json_with(status, &Value::Object(all), &contents))
}

/// One of them.
pub(super) fn get(shared: &Shared, admitted: &Admitted, id: &str) -> Result<Reply, Failure> {
    let select = selected(admitted.query.select.as_deref())?;
    let store = shared.store();
    let item = store.item(admitted.item()?)?;
    let attachment = find(&store, item, id)?;
    single(shared, admitted, item, attachment, select.as_deref(), 200)
}

/// Its bytes.
pub(super) fn value(shared: &Shared, admitted: &Admitted, id: &str) -> Result<Reply, Failure> {
    let store = shared.store();
    let item = store.item(admitted.item()?)?;
    let attachment = find(&store, item, id)?;
    if !matches!(attachment.file.form, Form::File) {
        return Err(Failure::not_in_sandbox(
            "the bytes of attached items and links",
        ));
    }
    let kind = attachment.file.content_type.as_deref();
    let pieces = attachment
        .file
        .content
        .pieces()
        .map_err(|_| Failure::not_kept())?;
    let parts = pieces.into_iter().map(Part::Plain).collect();
    let mut reply = Reply::bytes(200, kind.unwrap_or("application/octet-stream"), parts);
    if store.clock.now() < attachment.readable_from {
        match shared.options.early_value {
            EarlyValue::NotFound => return Err(Failure::not_found()),
            EarlyValue::Timeout => return Err(Failure::new(504, "UnknownError", "")),
            EarlyValue::Empty => reply.shorten(0),
            EarlyValue::Half => reply.shorten(reply.len() / 2),
        }
    }
    Ok(reply)
}

/// Removes one.
pub(super) fn delete(shared: &Shared, admitted: &Admitted, id: &str) -> Result<Reply, Failure> {
    let mut store = shared.store();
    let key = admitted.item()?;
    let attachment = find(&store, store.item(key)?, id)?.key;
    store.detach(key, attachment, &shared.options)?;
    Ok(Reply::empty(204))
}

/// Attaches what one request carries.
pub(super) fn create(
    shared: &Shared,
    admitted: &Admitted,
    body: &Map<String, Value>,
) -> Result<Reply, Failure> {
    let mut store = shared.store();
    let file = read(&store, body)?;
    let item = admitted.item()?;
    let key = store.attach(item, file, &shared.options)?;
    let item = store.item(item)?;
    // Found here also before it takes effect.
    let attachment = item
        .attachments
        .iter()
        .find(|attachment| attachment.key == key);
    let attachment = attachment.ok_or_else(Failure::not_found)?;
    // The answer has the bytes again, whatever is kept of them.
    let select: Vec<String> = BASE
        .iter()
        .chain(&FILE)
        .map(|name| (*name).to_owned())
        .collect();
    let select = match attachment.file.content.pieces() {
        Ok(_) => None,
        Err(_) => Some(&select[..6]),
    };
    single(shared, admitted, item, attachment, select, 201)
}

/// Reads an attachment as clients send it.
pub(crate) fn read(store: &Store, body: &Map<String, Value>) -> Result<NewFile, Failure> {
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
    check_members(&odata_type, body)?;
    let content =
        |bytes: Bytes| Content::of(bytes, store.arena.as_ref()).map_err(|_| Failure::empty(507));
    let (form, content) = match odata_type.as_str() {
        "#microsoft.graph.fileAttachment" => {
            let bytes = text("contentBytes")?.ok_or_else(|| missing("contentBytes"))?;
            let bytes = STANDARD.decode(bytes).map_err(|_| wrong("contentBytes"))?;
            (Form::File, content(bytes.into())?)
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
            (Form::Other { odata_type, rest }, content(bytes)?)
        }
        _ => return Err(Failure::abstract_type()),
    };
    let content_type = match (&form, text("contentType")?) {
        (Form::File, None) => guess_type(&name),
        (_, given) => given,
    };
    Ok(NewFile {
        form,
        content_type,
        is_inline,
        content_id: text("contentId")?,
        content,
        name,
    })
}

/// Refuses members that the type does not have.
fn check_members(odata_type: &str, body: &Map<String, Value>) -> Result<(), Failure> {
    let own: &[&str] = match odata_type {
        "#microsoft.graph.fileAttachment" => &FILE,
        "#microsoft.graph.itemAttachment" => &["item"],
        _ => &[
            "sourceUrl",
            "providerType",
            "permission",
            "isFolder",
            "thumbnailUrl",
            "previewUrl",
        ],
    };
    let known = |name: &str| BASE.iter().chain(own).any(|known| *known == name);
    match body.keys().find(|name| !name.contains('@') && !known(name)) {
        Some(name) => Err(Failure::new(
            400,
            "RequestBodyRead",
            format!(
                "The property '{name}' does not exist on type '{}'. Make sure to only use property names that \
                 are defined by the type.",
                odata_type.trim_start_matches('#')
            ),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_read(value: &Value) -> Result<NewFile, Failure> {
        let store = Store::new(1, crate::clock::Clock::default(), None, false);
        read(&store, value.as_object().expect("an object"))
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
                json!({"@odata.type": FILE, "name": "a", "contentBytes": "", "inline": true}),
                400,
            ),
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
        let select = |text: &str| {
            let query = Query::parse(text).expect("a query");
            selected(query.select.as_deref())
        };
        let failure = select("$select=id,contentId").unwrap_err();
        assert_eq!(failure.code, "RequestBroker--ParseUri");
        assert!(failure.message.contains("'contentId'"));
        let names = select("$select=Name,microsoft.graph.fileAttachment/contentId");
        assert_eq!(
            names,
            Ok(Some(vec!["name".to_owned(), "contentId".to_owned()]))
        );
        assert_eq!(select(""), Ok(None));
        for (text, fine) in [
            ("$filter=size gt 3&$orderby=name", true),
            ("$filter=kind eq 1", false),
        ] {
            assert_eq!(
                check_names(&Query::parse(text).expect("a query")).is_ok(),
                fine,
                "{text}"
            );
        }
    }
}
