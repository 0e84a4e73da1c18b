//! Messages and events themselves: list, get, create, change, delete.

use serde_json::{Map, Value, json};

use super::{
    Admitted, Contents, Failure, Head, Kind, Reply, Shared, attachments, folders, route::Scope,
};
use crate::model::{
    extended,
    ids::Folder,
    item::{Item, ItemKey, NewFile},
    store::{Draft, Store},
};

/// Documented: pages of messages and events have ten entries unless `$top` says otherwise.
const PAGE: usize = 10;

/// Refuses an item that is not in the folder or calendar that the path goes through.
pub(super) fn check_scope(store: &Store, key: ItemKey, scope: &Scope) -> Result<(), Failure> {
    let item = store.item(key)?;
    let owner = store.owner(item.mailbox)?;
    match scope {
        Scope::Mailbox => Ok(()),
        Scope::Calendar(id) => folders::check_calendar(owner, id.as_deref()),
        Scope::Folder(name) => {
            let here = folders::named(owner, name)? == item.folder;
            here.then_some(()).ok_or_else(Failure::not_found)
        }
    }
}

fn render(
    shared: &Shared,
    store: &Store,
    admitted: &Admitted,
    item: &Item,
    contents: &mut Contents,
) -> Result<Map<String, Value>, Failure> {
    let parent = store.owner(item.mailbox)?.mint.folder(item.folder);
    let mut all = item.json(admitted.immutable, &parent, store.clock.now());
    admitted.query.select(&mut all);
    if let Some(expand) = admitted.query.expands("attachments") {
        let files =
            attachments::expanded(shared, store, item, admitted.immutable, expand, contents)?;
        all.insert("attachments".to_owned(), files);
    }
    if let Some(expand) = admitted.query.expands("singleValueExtendedProperties") {
        // Documented: the filter says which ones; without it there would be hundreds, and so it must be there.
        let filter = expand.filter.as_ref().ok_or_else(|| {
            Failure::new(
                400,
                "ErrorInvalidParameter",
                "The $expand of extended properties needs a $filter by id.",
            )
        })?;
        let found = extended::json(&item.extended, |id| {
            filter.holds_for_property("", &json!({"id": id}))
        });
        if found.as_array().is_some_and(|found| !found.is_empty()) {
            all.insert("singleValueExtendedProperties".to_owned(), found);
        }
    }
    Ok(all)
}

/// One item as an answer.
pub(super) fn single(
    shared: &Shared,
    store: &Store,
    admitted: &Admitted,
    item: &Item,
    status: u16,
) -> Result<Reply, Failure> {
    let mut contents = Contents::default();
    let mut all = render(shared, store, admitted, item, &mut contents)?;
    let fragment = format!("{}/$entity", item.kind.collection());
    all.insert("@odata.context".to_owned(), admitted.context(&fragment));
    Ok(Reply::json_with(status, &Value::Object(all), &contents))
}

/// Documented: bodies are converted to the type that is preferred. The stand-in converts none.
fn check_body(head: &Head, item: &Item) -> Result<(), Failure> {
    let has = item
        .fields
        .get("body")
        .and_then(|body| body.get("contentType"));
    match (head.body_type(), has.and_then(Value::as_str)) {
        (Some(wanted), Some(has)) if wanted != has => Err(Failure::not_in_sandbox(&format!(
            "converting a body from {has} to {wanted}"
        ))),
        _ => Ok(()),
    }
}

/// One item.
pub(super) fn get(shared: &Shared, head: &Head, admitted: &Admitted) -> Result<Reply, Failure> {
    let store = shared.store();
    let item = store.item(admitted.item()?)?;
    admitted.query.check_names(item.kind)?;
    check_body(head, item)?;
    single(shared, &store, admitted, item, 200)
}

/// A page of the mailbox, of a folder or of a calendar.
pub(super) fn list(
    shared: &Shared,
    head: &Head,
    admitted: &Admitted,
    kind: Kind,
) -> Result<Reply, Failure> {
    let query = &admitted.query;
    query.check_for(kind)?;
    let store = shared.store();
    let now = store.clock.now();
    let owner = store.owner(admitted.mailbox)?;
    let folder = match &admitted.route.scope {
        Scope::Mailbox => None,
        Scope::Folder(name) => Some(folders::named(owner, name)?),
        Scope::Calendar(id) => {
            folders::check_calendar(owner, id.as_deref())?;
            None
        }
    };
    let mut found: Vec<(&Item, Value)> = store
        .items()
        .filter(|item| item.mailbox == admitted.mailbox && item.kind == kind)
        .filter(|item| folder.is_none_or(|folder| item.folder == folder))
        .filter(|item| item.listed_from <= now)
        .map(|item| {
            let parent = owner.mint.folder(item.folder);
            let mut all = item.json(admitted.immutable, &parent, now);
            all.insert(
                "singleValueExtendedProperties".to_owned(),
                extended::json(&item.extended, |_| true),
            );
            (item, Value::Object(all))
        })
        .filter(|(_, all)| query.matches(all))
        .collect();
    // Newest first, unless the query says otherwise.
    found.sort_by_key(|(item, _)| std::cmp::Reverse((item.created, item.key)));
    query.sort(&mut found, |(_, all)| all);
    let total = found.len();
    let (page, next) = query.page(found, Some(PAGE));
    let mut contents = Contents::default();
    let mut value = Vec::new();
    for (item, _) in page {
        check_body(head, item)?;
        let all = render(shared, &store, admitted, item, &mut contents)?;
        value.push(Value::Object(all));
    }
    let mut all = Map::new();
    all.insert(
        "@odata.context".to_owned(),
        admitted.context(kind.collection()),
    );
    if query.count {
        all.insert("@odata.count".to_owned(), json!(total));
    }
    all.insert("value".to_owned(), Value::Array(value));
    if let Some(skip) = next {
        // Documented: searches page by token, everything else by number.
        let (name, value) = match query.search {
            Some(_) => ("$skiptoken", query.skip_token(skip)),
            None => ("$skip", skip.to_string()),
        };
        all.insert(
            "@odata.nextLink".to_owned(),
            json!(query.next_link(head, name, &value)),
        );
    }
    Ok(Reply::json_with(200, &Value::Object(all), &contents))
}

/// The attachments that come along with a new item.
pub(super) fn files(store: &Store, body: &Map<String, Value>) -> Result<Vec<NewFile>, Failure> {
    match body.get("attachments") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(files)) => files
            .iter()
            .map(|file| {
                attachments::read(store, file.as_object().ok_or_else(Failure::abstract_type)?)
            })
            .collect(),
        Some(_) => Err(Failure::abstract_type()),
    }
}

/// Attaches all of them, or takes the item away again.
pub(super) fn attach_all(
    shared: &Shared,
    store: &mut Store,
    key: ItemKey,
    files: Vec<NewFile>,
) -> Result<(), Failure> {
    for file in files {
        if let Err(failure) = store.attach(key, file, &shared.options) {
            store.remove(key);
            return Err(failure);
        }
    }
    Ok(())
}

/// Makes a draft or an event, with the attachments that come along.
pub(super) fn create(
    shared: &Shared,
    admitted: &Admitted,
    kind: Kind,
    body: &Map<String, Value>,
) -> Result<Reply, Failure> {
    let mut store = shared.store();
    let folder = match &admitted.route.scope {
        Scope::Folder(name) => Some(folders::named(store.owner(admitted.mailbox)?, name)?),
        Scope::Mailbox | Scope::Calendar(_) => None,
    };
    let files = files(&store, body)?;
    let draft = Draft {
        kind,
        input: body,
        folder,
    };
    let key = store.create(admitted.mailbox, &draft, &shared.options)?;
    attach_all(shared, &mut store, key, files)?;
    let item = store.item(key)?;
    single(shared, &store, admitted, item, 201)
}

/// Changes what may be changed.
pub(super) fn patch(
    shared: &Shared,
    admitted: &Admitted,
    body: &Map<String, Value>,
) -> Result<Reply, Failure> {
    let mut store = shared.store();
    let key = admitted.item()?;
    store.change(key, body)?;
    let item = store.item(key)?;
    single(shared, &store, admitted, item, 200)
}

/// Deletes: a message goes to Deleted Items first, and from there for good; an event at once.
pub(super) fn delete(shared: &Shared, admitted: &Admitted) -> Result<Reply, Failure> {
    let mut store = shared.store();
    let key = admitted.item()?;
    let item = store.item(key)?;
    if item.kind == Kind::Message && item.folder != Folder::DeletedItems {
        store.move_to(key, Folder::DeletedItems, &shared.options)?;
    } else {
        store.remove(key);
    }
    Ok(Reply::empty(204))
}
