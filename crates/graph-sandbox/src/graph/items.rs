//! Messages and events themselves: list, get, create, change, delete, send.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Admitted, Failure, Head, Kind, Reply, Shared, attachments, folders};
use crate::{
    graph::route::Scope,
    model::ids::Folder,
    model::item::{Item, ItemKey},
    model::item_defaults,
    model::store::{self, Store},
};

/// Documented: pages of messages and events have ten entries unless `$top` says otherwise.
const PAGE: usize = 10;

/// Refuses an item that is not in the folder or calendar that the path goes through.
pub(crate) fn check_scope(store: &Store, key: ItemKey, scope: &Scope) -> Result<(), Failure> {
    let item = store.item(key)?;
    let owner = store
        .mailboxes
        .get(item.mailbox)
        .ok_or_else(Failure::not_found)?;
    match scope {
        Scope::Mailbox => Ok(()),
        Scope::Calendar(id) => folders::check_calendar(owner, id.as_deref()),
        Scope::Folder(name) => {
            let here = folders::named(owner, name)? == item.folder;
            here.then_some(()).ok_or_else(Failure::not_found)
        }
    }
}

fn render(shared: &Shared, store: &Store, admitted: &Admitted, item: &Item) -> Map<String, Value> {
    let parent = store
        .mailboxes
        .get(item.mailbox)
        .map(|owner| owner.mint.folder(item.folder));
    let mut all = item.json(admitted.immutable, &parent.unwrap_or_default());
    admitted.query.select(&mut all);
    if admitted.query.expands("attachments") {
        let files = attachments::expanded(shared, item, admitted.immutable);
        all.insert("attachments".to_owned(), files);
    }
    all
}

fn single(shared: &Shared, store: &Store, admitted: &Admitted, item: &Item) -> Value {
    let mut all = render(shared, store, admitted, item);
    let fragment = format!("{}/$entity", item.kind.collection());
    all.insert(
        "@odata.context".to_owned(),
        admitted.context(shared, &fragment),
    );
    Value::Object(all)
}

/// One item.
pub(crate) fn get(shared: &Shared, admitted: &Admitted) -> Result<Reply, Failure> {
    let store = shared.store();
    let item = store.item(admitted.item()?)?;
    admitted.query.check_names(item.kind)?;
    Ok(Reply::json(200, &single(shared, &store, admitted, item)))
}

/// A page of the mailbox, of a folder or of a calendar.
pub(crate) fn list(
    shared: &Shared,
    head: &Head,
    admitted: &Admitted,
    kind: Kind,
) -> Result<Reply, Failure> {
    let query = &admitted.query;
    query.check_for(kind)?;
    let store = shared.store();
    let owner = store
        .mailboxes
        .get(admitted.mailbox)
        .ok_or_else(Failure::not_found)?;
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
        .map(|item| {
            let parent = owner.mint.folder(item.folder);
            (item, Value::Object(item.json(admitted.immutable, &parent)))
        })
        .filter(|(_, all)| query.matches(all))
        .collect();
    // Newest first, unless the query says otherwise.
    found.sort_by_key(|(item, _)| std::cmp::Reverse((item.created, item.key)));
    query.sort(&mut found, |(_, all)| all);
    let total = found.len();
    let (page, next) = query.page(found, Some(PAGE));
    let value: Vec<Value> = page
        .into_iter()
        .map(|(item, _)| Value::Object(render(shared, &store, admitted, item)))
        .collect();
    let mut all = Map::new();
    all.insert(
        "@odata.context".to_owned(),
        admitted.context(shared, kind.collection()),
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
            json!(query.next_link(shared, head, name, &value)),
        );
    }
    Ok(Reply::json(200, &Value::Object(all)))
}

/// Makes a draft or an event, with the attachments that come along.
pub(crate) fn create(
    shared: &Shared,
    admitted: &Admitted,
    kind: Kind,
    body: &Map<String, Value>,
) -> Result<Reply, Failure> {
    if kind == Kind::Event && !(body.contains_key("start") && body.contains_key("end")) {
        return Err(Failure::new(
            400,
            "ErrorPropertyValidationFailure",
            "At least one property failed validation.",
        ));
    }
    let files = match body.get("attachments") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(files)) => files
            .iter()
            .map(|file| attachments::read(file.as_object().ok_or_else(Failure::abstract_type)?))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(Failure::abstract_type()),
    };
    let mut store = shared.store();
    let key = store.create(admitted.mailbox, kind, body, shared.options.settle)?;
    if let Scope::Folder(name) = &admitted.route.scope {
        let owner = store
            .mailboxes
            .get(admitted.mailbox)
            .ok_or_else(Failure::not_found)?;
        let folder = folders::named(owner, name)?;
        if folder != store.item(key)?.folder {
            store.move_to(key, folder)?;
        }
    }
    for file in files {
        if let Err(failure) = store.attach(key, file, &shared.options) {
            store.remove(key);
            return Err(failure);
        }
    }
    let item = store.item(key)?;
    Ok(Reply::json(201, &single(shared, &store, admitted, item)))
}

/// Changes what may be changed.
pub(crate) fn patch(
    shared: &Shared,
    admitted: &Admitted,
    body: &Map<String, Value>,
) -> Result<Reply, Failure> {
    let mut store = shared.store();
    let item = store.item_mut(admitted.item()?)?;
    let mut fields = item.fields.clone();
    item_defaults::write(item.kind, &mut fields, body)?;
    item.fields = fields;
    item.touch(Timestamp::now());
    let key = item.key;
    let item = store.item(key)?;
    Ok(Reply::json(200, &single(shared, &store, admitted, item)))
}

/// Deletes: a message goes to Deleted Items first, and from there for good; an event at once.
pub(crate) fn delete(shared: &Shared, admitted: &Admitted) -> Result<Reply, Failure> {
    let mut store = shared.store();
    let key = admitted.item()?;
    let item = store.item(key)?;
    if item.kind == Kind::Message && item.folder != Folder::DeletedItems {
        store.move_to(key, Folder::DeletedItems)?;
    } else {
        store.remove(key);
    }
    Ok(Reply::empty(204))
}

/// Sends a draft: it moves to Sent Items, and so its normal id changes.
pub(crate) fn send(shared: &Shared, admitted: &Admitted) -> Result<Reply, Failure> {
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
    if !item.has_recipients() {
        return Err(Failure::new(
            400,
            "ErrorInvalidRecipients",
            "At least one recipient isn't valid., A message can't be sent because it contains no \
             recipients.",
        ));
    }
    store::check_room(
        item,
        0,
        &crate::Options {
            max_attachments: usize::MAX,
            ..shared.options.clone()
        },
    )?;
    store.item_mut(key)?.sent = Some(Timestamp::now());
    store.move_to(key, Folder::SentItems)?;
    Ok(Reply::empty(202))
}
