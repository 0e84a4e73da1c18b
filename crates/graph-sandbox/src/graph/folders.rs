//! The user, the mail folders and the calendars: enough for clients that look there first.

use serde_json::{Value, json};

use super::{Admitted, Failure, Kind, Reply, Shared};
use crate::{
    model::ids::Folder,
    model::mailbox::{FOLDERS, Mailbox},
    model::store::Store,
};

fn mailbox<'a>(store: &'a Store, admitted: &Admitted) -> Option<&'a Mailbox> {
    store.mailboxes.get(admitted.mailbox)
}

/// Whose mailbox it is.
pub(crate) fn user(shared: &Shared, admitted: &Admitted) -> Reply {
    let store = shared.store();
    let Some(owner) = mailbox(&store, admitted) else {
        return Reply::empty(404);
    };
    let context = format!(
        "{}/{}/$metadata#users/$entity",
        shared.graph, admitted.route.version
    );
    let mut user = json!({
        "@odata.context": context,
        "businessPhones": [],
        "displayName": owner.display_name(),
        "givenName": null,
        "id": owner.user.to_string(),
        "jobTitle": null,
        "mail": owner.upn,
        "mobilePhone": null,
        "officeLocation": null,
        "preferredLanguage": null,
        "surname": null,
        "userPrincipalName": owner.upn,
    });
    if let (Some(select), Some(all)) = (&admitted.query.select, user.as_object_mut()) {
        all.retain(|name, _| name.contains('@') || select.iter().any(|s| s == name));
    }
    Reply::json(200, &user)
}

/// The folder that a path segment means: a well-known name in any case, or an id.
pub(crate) fn named(mailbox: &Mailbox, name: &str) -> Result<Folder, Failure> {
    let well_known = FOLDERS
        .iter()
        .find(|(_, word, _)| word.eq_ignore_ascii_case(name));
    let by_id = || {
        FOLDERS
            .iter()
            .find(|(folder, ..)| mailbox.mint.folder(*folder) == name)
    };
    match well_known.or_else(by_id) {
        Some((folder, ..)) => Ok(*folder),
        None if crate::model::ids::is_well_formed(name) => Err(Failure::not_found()),
        None => Err(Failure::malformed_id()),
    }
}

fn folder(store: &Store, admitted: &Admitted, folder: Folder, display: &str) -> Value {
    let Some(owner) = mailbox(store, admitted) else {
        return Value::Null;
    };
    let inside = store
        .items()
        .filter(|item| item.mailbox == admitted.mailbox && item.kind == Kind::Message)
        .filter(|item| item.folder == folder);
    let (total, unread) = inside.fold((0, 0), |(total, unread), item| {
        let read = item
            .fields
            .get("isRead")
            .and_then(Value::as_bool)
            .unwrap_or(true);
        (total + 1, unread + u32::from(!read))
    });
    json!({
        "id": owner.mint.folder(folder),
        "displayName": display,
        "parentFolderId": owner.mint.folder(Folder::Sessions),
        "childFolderCount": 0,
        "unreadItemCount": unread,
        "totalItemCount": total,
        "sizeInBytes": 0,
        "isHidden": false,
    })
}

/// All mail folders.
pub(crate) fn list(shared: &Shared, admitted: &Admitted) -> Result<Reply, Failure> {
    let store = shared.store();
    let all: Vec<Value> = FOLDERS
        .iter()
        .map(|(which, _, display)| folder(&store, admitted, *which, display))
        .collect();
    let all = match &admitted.query.filter {
        Some(filter) => all
            .into_iter()
            .filter(|folder| filter.holds(folder))
            .collect(),
        None => all,
    };
    let context = admitted.context(shared, "mailFolders");
    Ok(Reply::json(
        200,
        &json!({"@odata.context": context, "value": all}),
    ))
}

/// One mail folder.
pub(crate) fn get(shared: &Shared, admitted: &Admitted, name: &str) -> Result<Reply, Failure> {
    let store = shared.store();
    let owner = mailbox(&store, admitted).ok_or_else(Failure::not_found)?;
    let which = named(owner, name)?;
    let display = FOLDERS
        .iter()
        .find(|(folder, ..)| *folder == which)
        .map_or("", |f| f.2);
    let mut body = folder(&store, admitted, which, display);
    if let Some(all) = body.as_object_mut() {
        let context = admitted.context(shared, "mailFolders/$entity");
        all.insert("@odata.context".to_owned(), context);
    }
    Ok(Reply::json(200, &body))
}

/// No folder here has another in it.
pub(crate) fn no_children(shared: &Shared, admitted: &Admitted) -> Reply {
    let context = admitted.context(shared, "mailFolders");
    Reply::json(200, &json!({"@odata.context": context, "value": []}))
}

fn default_calendar(owner: &Mailbox) -> Value {
    json!({
        "id": owner.mint.folder(Folder::Calendar),
        "name": "Calendar",
        "color": "auto",
        "hexColor": "",
        "isDefaultCalendar": true,
        "changeKey": "CQAAABYA",
        "canShare": true,
        "canViewPrivateItems": true,
        "canEdit": true,
        "allowedOnlineMeetingProviders": [],
        "defaultOnlineMeetingProvider": "unknown",
        "isTallyingResponses": true,
        "isRemovable": false,
        "owner": {"name": owner.display_name(), "address": owner.upn},
    })
}

/// The only calendar, as a collection.
pub(crate) fn calendars(shared: &Shared, admitted: &Admitted) -> Reply {
    let store = shared.store();
    let all: Vec<Value> = mailbox(&store, admitted)
        .map(default_calendar)
        .into_iter()
        .collect();
    let context = admitted.context(shared, "calendars");
    Reply::json(200, &json!({"@odata.context": context, "value": all}))
}

/// The only calendar, by its id or as the default one.
pub(crate) fn calendar(
    shared: &Shared,
    admitted: &Admitted,
    id: Option<&str>,
) -> Result<Reply, Failure> {
    let store = shared.store();
    let owner = mailbox(&store, admitted).ok_or_else(Failure::not_found)?;
    check_calendar(owner, id)?;
    let mut body = default_calendar(owner);
    if let Some(all) = body.as_object_mut() {
        all.insert(
            "@odata.context".to_owned(),
            admitted.context(shared, "calendars/$entity"),
        );
    }
    Ok(Reply::json(200, &body))
}

/// Whether an id means the only calendar that there is.
pub(crate) fn check_calendar(owner: &Mailbox, id: Option<&str>) -> Result<(), Failure> {
    match id {
        None => Ok(()),
        Some(id) if id == owner.mint.folder(Folder::Calendar) => Ok(()),
        Some(id) if crate::model::ids::is_well_formed(id) => Err(Failure::not_found()),
        Some(_) => Err(Failure::malformed_id()),
    }
}
