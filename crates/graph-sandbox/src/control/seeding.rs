//! `POST /sandbox/items`: messages and events to begin with, and what is attached to them.
//!
//! ```json
//! {"type": "message", "mailbox": "shared@example.com", "folder": "inbox",
//!  "item": {"subject": "An invoice"},
//!  "attachments": [{"name": "small.txt", "contentBytes": "aGVsbG8="}, {"name": "large.bin", "size": 5000000}]}
//! ```
//!
//! One object, or a list of them. Content of a given `size` is the same bytes every time.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    failure::Failure,
    graph::{attachments, folders},
    model::{
        content::{Content, Sink},
        item::{Form, ItemKey, Kind, NewFile},
        mailbox::Owner,
        snapshot::{self, HeldItem},
        store::{Draft, Store},
    },
    options::Options,
    shared::Shared,
};

/// The largest content that is made here.
const LARGEST: u64 = 157_286_400;

/// Makes all of them, or none; gives them as `GET /sandbox/items` would.
pub(super) fn add(shared: &Shared, body: &[u8]) -> Result<Vec<HeldItem>, String> {
    let body: Value =
        serde_json::from_slice(body).map_err(|_| "the body is not JSON".to_owned())?;
    let list = match body {
        Value::Array(list) => list,
        one => vec![one],
    };
    let mut made: Vec<ItemKey> = Vec::new();
    let mut store = shared.store();
    for (number, wanted) in list.iter().enumerate() {
        match one(&mut store, wanted) {
            Ok(key) => made.push(key),
            Err(message) => {
                made.iter().for_each(|key| store.remove(*key));
                return Err(format!("item {}: {message}", number + 1));
            }
        }
    }
    let ids: Vec<String> = made
        .iter()
        .filter_map(|key| Some(store.item(*key).ok()?.id.clone()))
        .collect();
    drop(store);
    let all = snapshot::items(shared);
    Ok(all
        .into_iter()
        .filter(|item| ids.contains(&item.id))
        .collect())
}

fn one(store: &mut Store, wanted: &Value) -> Result<ItemKey, String> {
    let wanted = wanted.as_object().ok_or("not an object")?;
    let known = ["type", "mailbox", "folder", "item", "attachments"];
    if let Some(name) = wanted.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!(
            "`{name}` is not one of type, mailbox, folder, item, attachments"
        ));
    }
    let text = |name: &str| match wanted.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(format!("`{name}` is not a text")),
    };
    let kind = match text("type")? {
        None | Some("message") => Kind::Message,
        Some("event") => Kind::Event,
        Some(_) => return Err("`type` is `message` or `event`".to_owned()),
    };
    let owner = match text("mailbox")? {
        None => Owner::Me,
        Some(name) => Owner::User(name.to_owned()),
    };
    let words = |failure: Failure| failure.message;
    let mailbox = store.mailbox(&owner).map_err(words)?;
    let folder = match (text("folder")?, kind) {
        (None, _) => None,
        (Some(name), Kind::Message) => {
            let owner = store.owner(mailbox).map_err(words)?;
            Some(folders::named(owner, name).map_err(|_| format!("there is no folder `{name}`"))?)
        }
        (Some(_), Kind::Event) => return Err("an event has no `folder`".to_owned()),
    };
    let nothing = Map::new();
    let input = match wanted.get("item") {
        None | Some(Value::Null) => &nothing,
        Some(Value::Object(item)) => item,
        Some(_) => return Err("`item` is not an object".to_owned()),
    };
    let files = match wanted.get("attachments") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(files)) => files
            .iter()
            .map(|wanted| file(store, wanted))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err("`attachments` is not a list".to_owned()),
    };
    let draft = Draft {
        kind,
        input,
        folder,
    };
    // Lags, renaming and limits are about what clients do.
    let plain = Options::default();
    let key = store.create(mailbox, &draft, &plain).map_err(words)?;
    for file in files {
        if let Err(failure) = store.attach(key, file, &plain) {
            store.remove(key);
            return Err(failure.message);
        }
    }
    Ok(key)
}

fn file(store: &Store, wanted: &Value) -> Result<NewFile, String> {
    let mut wanted = wanted
        .as_object()
        .cloned()
        .ok_or("an attachment is not an object")?;
    let size = match wanted.remove("size") {
        None => None,
        Some(size) => Some(
            size.as_u64()
                .filter(|size| *size <= LARGEST)
                .ok_or_else(|| format!("`size` is a number of bytes up to {LARGEST}"))?,
        ),
    };
    if size.is_some() {
        if wanted.contains_key("contentBytes") {
            return Err("give `size` or `contentBytes`".to_owned());
        }
        wanted.insert("contentBytes".to_owned(), json!(""));
    }
    wanted
        .entry("@odata.type")
        .or_insert_with(|| json!("#microsoft.graph.fileAttachment"));
    let mut file = attachments::read(store, &wanted).map_err(|failure| failure.message)?;
    if let (Some(size), Form::File) = (size, &file.form) {
        file.content = made_up(store, size).map_err(|error| error.to_string())?;
    }
    Ok(file)
}

/// Bytes in which no two blocks are alike, the same for the same size.
fn made_up(store: &Store, size: u64) -> std::io::Result<Content> {
    const BLOCK: u64 = 256 * 1024;
    let mut rng = fastrand::Rng::with_seed(size);
    let mut sink = Sink::new(store.arena.as_ref(), size);
    let mut left = size;
    while left > 0 {
        let mut block = vec![0; usize::try_from(left.min(BLOCK)).unwrap_or_default()];
        rng.fill(&mut block);
        left -= block.len() as u64;
        sink.push(Bytes::from(block))?;
    }
    Ok(Content::new(sink.into_pieces()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> Shared {
        Shared::new(Options::default(), String::new(), String::new())
    }

    #[test]
    fn items_are_made_with_what_is_attached_to_them() {
        let shared = shared();
        let body = json!([
            {"folder": "inbox", "item": {"subject": "a"}, "attachments": [
                {"name": "small", "contentBytes": "aGVsbG8="}, {"name": "large", "size": 300_000}]},
            {"type": "event", "mailbox": "b@example.com", "item": {
                "subject": "b",
                "start": {"dateTime": "2030-01-01T09:00:00", "timeZone": "UTC"},
                "end": {"dateTime": "2030-01-01T10:00:00", "timeZone": "UTC"}}},
        ]);
        let made = add(&shared, body.to_string().as_bytes()).expect("fine");
        assert_eq!(
            (made[0].folder, made[0].is_draft, made[1].kind),
            ("inbox", false, "event")
        );
        assert_eq!(made[1].mailbox, "b@example.com");
        let sizes: Vec<u64> = made[0].attachments.iter().map(|file| file.size).collect();
        assert_eq!(sizes, [5, 300_000]);
        assert_ne!(made[0].attachments[1].sha256, "");
    }

    #[test]
    fn all_are_made_or_none() {
        let shared = shared();
        let before = snapshot::items(&shared).len();
        for bad in [
            json!({"type": "task"}),
            json!({"folder": "attic"}),
            json!({"item": {"sobject": 1}}),
            json!({"type": "event"}),
            json!({"attachments": [{"name": "a", "size": 1, "contentBytes": ""}]}),
            json!({"attachments": [{"size": 1}]}),
            json!({"subject": "not in `item`"}),
        ] {
            let body = json!([{"item": {"subject": "good"}}, bad]);
            let message = add(&shared, body.to_string().as_bytes()).unwrap_err();
            assert!(message.starts_with("item 2: "), "{message}");
        }
        assert_eq!(snapshot::items(&shared).len(), before);
    }
}
