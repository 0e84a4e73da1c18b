//! Everything the stand-in holds: mailboxes, items, attachments, sessions.
//!
//! No HTTP and no waiting in here: each method is one atomic change or look.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    failure::Failure,
    model::content::Content,
    model::ids::{self, Folder},
    model::item::{Attachment, Item, ItemKey, Kind},
    model::item_defaults,
    model::mailbox::{Mailbox, Owner},
    model::session::{Announced, Place, Session},
    options::{Options, RepeatLast},
    tokens,
};

/// The state of the stand-in.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) mailboxes: Vec<Mailbox>,
    items: BTreeMap<ItemKey, Item>,
    ids: HashMap<String, ItemKey>,
    sessions: HashMap<String, Session>,
    next: u64,
}

impl Store {
    /// A store with the mailbox behind `/me`.
    pub(crate) fn new() -> Self {
        let mut store = Store {
            mailboxes: Vec::new(),
            items: BTreeMap::new(),
            ids: HashMap::new(),
            sessions: HashMap::new(),
            next: 0,
        };
        store.open(Mailbox::own());
        store
    }

    /// Every mailbox begins with one draft and one event, so that there is something to attach to.
    fn open(&mut self, mailbox: Mailbox) -> usize {
        let index = self.mailboxes.len();
        self.mailboxes.push(mailbox);
        let draft = json!({
            "subject": "A draft to try things on",
            "toRecipients": [{"emailAddress": {"address": "someone@example.com"}}],
        });
        let event = json!({
            "subject": "An event to try things on",
            "start": {"dateTime": "2030-01-15T09:00:00.0000000", "timeZone": "UTC"},
            "end": {"dateTime": "2030-01-15T10:00:00.0000000", "timeZone": "UTC"},
        });
        for (kind, value) in [(Kind::Message, draft), (Kind::Event, event)] {
            let input = value.as_object().cloned().unwrap_or_default();
            // These two are known to be well-formed.
            let _ = self.create(index, kind, &input, Duration::ZERO);
        }
        index
    }

    /// The mailbox of `owner`, made when it is named for the first time.
    pub(crate) fn mailbox(&mut self, owner: &Owner) -> Result<usize, Failure> {
        let name = match owner {
            Owner::Me => return Ok(0),
            Owner::User(name) => name,
        };
        match self
            .mailboxes
            .iter()
            .position(|mailbox| mailbox.is_named(name))
        {
            Some(index) => Ok(index),
            None => Ok(self.open(Mailbox::of(name)?)),
        }
    }

    /// Makes a draft or an event.
    pub(crate) fn create(
        &mut self,
        mailbox: usize,
        kind: Kind,
        input: &Map<String, Value>,
        settle: Duration,
    ) -> Result<ItemKey, Failure> {
        let unique = Uuid::new_v4().simple().to_string();
        let owner = self
            .mailboxes
            .get_mut(mailbox)
            .ok_or_else(Failure::not_found)?;
        let mut fields = item_defaults::defaults(kind, owner, &unique);
        item_defaults::write(kind, &mut fields, input)?;
        let folder = match kind {
            Kind::Message => Folder::Drafts,
            Kind::Event => Folder::Calendar,
        };
        let (id, immutable_id) = (owner.mint.item(folder), owner.mint.immutable());
        self.next += 1;
        let key = ItemKey(self.next);
        self.ids.insert(id.clone(), key);
        self.ids.insert(immutable_id.clone(), key);
        let now = Timestamp::now();
        self.items.insert(
            key,
            Item {
                key,
                mailbox,
                kind,
                folder,
                id,
                immutable_id,
                fields,
                settled: Instant::now() + settle,
                created: now,
                modified: now,
                sent: None,
                changes: 0,
                attachments: Vec::new(),
            },
        );
        Ok(key)
    }

    /// Finds an item by either of its ids.
    pub(crate) fn find(&self, mailbox: usize, kind: Kind, id: &str) -> Result<ItemKey, Failure> {
        if !ids::is_well_formed(id) {
            return Err(Failure::malformed_id());
        }
        let key = *self.ids.get(id).ok_or_else(Failure::not_found)?;
        let item = self.item(key)?;
        let here = item.mailbox == mailbox && item.kind == kind;
        here.then_some(key).ok_or_else(Failure::not_found)
    }

    pub(crate) fn item(&self, key: ItemKey) -> Result<&Item, Failure> {
        self.items.get(&key).ok_or_else(Failure::not_found)
    }

    pub(crate) fn item_mut(&mut self, key: ItemKey) -> Result<&mut Item, Failure> {
        self.items.get_mut(&key).ok_or_else(Failure::not_found)
    }

    /// Every item, oldest first.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    /// The first item of `kind` in the mailbox behind `/me`.
    pub(crate) fn first(&self, kind: Kind) -> Option<&Item> {
        self.items
            .values()
            .find(|item| item.mailbox == 0 && item.kind == kind)
    }

    /// Moves an item: its normal id changes, the immutable one stays, its sessions end.
    pub(crate) fn move_to(&mut self, key: ItemKey, folder: Folder) -> Result<(), Failure> {
        let item = self.items.get_mut(&key).ok_or_else(Failure::not_found)?;
        let owner = self
            .mailboxes
            .get_mut(item.mailbox)
            .ok_or_else(Failure::not_found)?;
        self.ids.remove(&item.id);
        item.id = owner.mint.item(folder);
        item.folder = folder;
        item.touch(Timestamp::now());
        self.ids.insert(item.id.clone(), key);
        self.sessions.retain(|_, session| session.item != key);
        Ok(())
    }

    /// Removes an item for good.
    pub(crate) fn remove(&mut self, key: ItemKey) {
        if let Some(item) = self.items.remove(&key) {
            self.ids.remove(&item.id);
            self.ids.remove(&item.immutable_id);
        }
        self.sessions.retain(|_, session| session.item != key);
    }

    /// Attaches, if the item's limits allow it.
    pub(crate) fn attach(
        &mut self,
        key: ItemKey,
        attachment: Attachment,
        options: &Options,
    ) -> Result<&Attachment, Failure> {
        let item = self.item_mut(key)?;
        check_room(item, attachment.content.len(), options)?;
        item.touch(attachment.modified);
        item.attachments.push(attachment);
        item.attachments.last().ok_or_else(Failure::not_found)
    }

    /// Opens a session; one that is born `over` is already past its time.
    pub(crate) fn open_session(
        &mut self,
        key: ItemKey,
        file: Announced,
        place: Place,
        over: bool,
        options: &Options,
    ) -> Result<&Session, Failure> {
        let now = Instant::now();
        // Their bytes would otherwise stay for as long as the stand-in runs.
        for session in self
            .sessions
            .values_mut()
            .filter(|session| session.expires <= now)
        {
            session.pieces = Vec::new();
            session.finished = None;
        }
        let mailbox = self.item(key)?.mailbox;
        let owner = self
            .mailboxes
            .get_mut(mailbox)
            .ok_or_else(Failure::not_found)?;
        let id = owner.mint.item(Folder::Sessions);
        let created = Timestamp::now();
        let expires_at = created
            .checked_add(options.session_ttl)
            .unwrap_or(Timestamp::MAX);
        let session = Session {
            id: id.clone(),
            token: tokens::upload(created, expires_at),
            item: key,
            place,
            file,
            pieces: Vec::new(),
            received: 0,
            expires: if over { now } else { now + options.session_ttl },
            expires_at,
            finished: None,
        };
        Ok(self.sessions.entry(id).insert_entry(session).into_mut())
    }

    /// The session with this id, alive or over.
    pub(crate) fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.get(id)
    }

    pub(crate) fn session_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.sessions.get_mut(id)
    }

    /// Forgets a session; whether there was one.
    pub(crate) fn close_session(&mut self, id: &str) -> bool {
        self.sessions.remove(id).is_some()
    }

    /// Attaches what a session brought and ends it; gives the item and the new attachment's key.
    pub(crate) fn finish_session(
        &mut self,
        id: &str,
        content: Content,
        options: &Options,
    ) -> Result<(ItemKey, Uuid), Failure> {
        let session = self.sessions.get_mut(id).ok_or_else(Failure::not_found)?;
        let attachment = session.attachment(content.clone(), Timestamp::now());
        let (item, key) = (session.item, attachment.key);
        match options.repeat_last {
            RepeatLast::Refuse => {
                self.sessions.remove(id);
            }
            RepeatLast::Attach => session.finished = Some(content),
        }
        let item_state = self.item_mut(item)?;
        item_state.touch(attachment.modified);
        item_state.attachments.push(attachment);
        Ok((item, key))
    }
}

/// What stands for a message's headers and body when its size is counted.
const OVERHEAD: u64 = 64 * 1024;

/// Refuses what would make an item too large or too many.
pub(crate) fn check_room(item: &Item, more: u64, options: &Options) -> Result<(), Failure> {
    if item.attachments.len() >= options.max_attachments {
        // Assumed: the limit is known, its error is not.
        return Err(Failure::new(
            400,
            "ErrorInvalidRequest",
            format!(
                "The item already has {} attachments.",
                options.max_attachments
            ),
        ));
    }
    match options.message_limit {
        Some(limit) if item.attached_bytes() + more + OVERHEAD > limit => {
            Err(Failure::message_too_large())
        }
        _ => Ok(()),
    }
}
