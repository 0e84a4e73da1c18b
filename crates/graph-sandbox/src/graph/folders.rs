//! The user, the mail folders and the calendars: enough for clients that look there first.

use serde_json::{Value, json};

use super::{Admitted, Failure, Head, Kind, Reply, Shared};
use crate::{
    model::ids::Folder,
    model::mailbox::{FOLDERS, Mailbox},
    model::store::Store,
};

fn mailbox<'a>(store: &'a Store, admitted: &Admitted) -> Option<&'a Mailbox> {
    store.mailboxes.get(admitted.mailbox)
}

/// Whose mailbox it is.
pub(crate) fn user(shared: &Shared, admitted: &Admitted) -> Result<Reply, Failure> {
    let store = shared.store();
    let Some(owner) = mailbox(&store, admitted) else {
        return Err(Failure::not_found());
    };
    let context = format!(
        "{}/{}/$metadata#users/$entity",
        admitted.graph, admitted.route.version
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
    select(admitted, &mut user, "user")?;
    Ok(Reply::json(200, &user))
}

/// Leaves what is selected; refuses what is not there.
fn select(admitted: &Admitted, value: &mut Value, kind: &str) -> Result<(), Failure> {
    let (Some(select), Some(all)) = (&admitted.query.select, value.as_object_mut()) else {
        return Ok(());
    };
    let known = |name: &str| all.keys().any(|key| key.eq_ignore_ascii_case(name));
    if let Some(name) = select.iter().find(|name| !known(name)) {
        let message =
            format!("Could not find a property named '{name}' on type 'microsoft.graph.{kind}'.");
        return Err(Failure::new(400, "RequestBroker--ParseUri", message));
    }
    all.retain(|name, _| {
        name.contains('@')
            || name == "id"
            || select
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(name))
    });
    Ok(())
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
pub(crate) fn list(shared: &Shared, head: &Head, admitted: &Admitted) -> Result<Reply, Failure> {
    let query = &admitted.query;
    let store = shared.store();
    let mut all: Vec<Value> = FOLDERS
        .iter()
        .map(|(which, _, display)| folder(&store, admitted, *which, display))
        .filter(|folder| query.matches(folder))
        .collect();
    query.sort(&mut all, |folder| folder);
    let total = all.len();
    let (mut page, next) = query.page(all, None);
    for folder in &mut page {
        select(admitted, folder, "mailFolder")?;
    }
    let mut body = json!({"@odata.context": admitted.context("mailFolders"), "value": page});
    if let Some(body) = body.as_object_mut() {
        if query.count {
            body.insert("@odata.count".to_owned(), json!(total));
        }
        if let Some(skip) = next {
            let link = query.next_link(head, "$skip", &skip.to_string());
            body.insert("@odata.nextLink".to_owned(), json!(link));
        }
    }
    Ok(Reply::json(200, &body))
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
        let context = admitted.context("mailFolders/$entity");
        all.insert("@odata.context".to_owned(), context);
    }
    select(admitted, &mut body, "mailFolder")?;
    Ok(Reply::json(200, &body))
}

/// No folder here has another in it.
pub(crate) fn no_children(admitted: &Admitted) -> Reply {
    let context = admitted.context("mailFolders");
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
    let context = admitted.context("calendars");
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
            admitted.context("calendars/$entity"),
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
