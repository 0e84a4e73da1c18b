//! Everything the stand-in holds: mailboxes, items, attachments, sessions.
//!
//! No HTTP and no waiting in here: each method is one atomic change or look.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    clock::Clock,
    failure::Failure,
    model::{
        content::{Arena, Content},
        extended,
        ids::{self, Folder},
        item::{Attachment, Item, ItemKey, Kind, NewFile},
        item_defaults::{self, Target},
        limits,
        mailbox::{Mailbox, Owner},
        naming,
        session::{Announced, Place, Session},
    },
    options::{ContentStore, Options, RepeatLast},
    random::{Delay, draw, uuid},
    tokens::Issuer,
};

/// The state of the stand-in.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) mailboxes: Vec<Mailbox>,
    pub(crate) clock: Clock,
    /// Where content lies, unless it lies in memory.
    pub(crate) arena: Option<Arc<Arena>>,
    items: BTreeMap<ItemKey, Item>,
    ids: HashMap<String, ItemKey>,
    sessions: HashMap<String, Session>,
    next: u64,
    rng: fastrand::Rng,
    issuer: Issuer,
}

/// What can be changed for a new item.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) kind: Kind,
    pub(crate) input: &'a Map<String, Value>,
    pub(crate) folder: Option<Folder>,
}

impl Store {
    /// A store with the mailbox behind `/me`. The same seed makes the same ids.
    pub(crate) fn new(seed: u64, clock: Clock, arena: Option<Arc<Arena>>, seeded: bool) -> Self {
        let mut store = Store {
            mailboxes: Vec::new(),
            clock,
            arena,
            items: BTreeMap::new(),
            ids: HashMap::new(),
            sessions: HashMap::new(),
            next: 0,
            rng: fastrand::Rng::with_seed(seed),
            issuer: Issuer::new(seed.wrapping_add(1), seeded),
        };
        let own = Mailbox::own(&mut store.rng);
        store.open(own);
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
            let draft = Draft {
                kind,
                input: &input,
                folder: None,
            };
            // These two are known to be well-formed.
            let _ = self.create(index, &draft, &Options::default());
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
            None => {
                let mailbox = Mailbox::of(name, &mut self.rng)?;
                Ok(self.open(mailbox))
            }
        }
    }

    pub(crate) fn owner(&self, mailbox: usize) -> Result<&Mailbox, Failure> {
        self.mailboxes.get(mailbox).ok_or_else(Failure::not_found)
    }

    fn draw(&mut self, delay: Delay) -> Duration {
        draw(&mut self.rng, delay)
    }

    /// Makes a draft or an event.
    pub(crate) fn create(
        &mut self,
        mailbox: usize,
        draft: &Draft<'_>,
        options: &Options,
    ) -> Result<ItemKey, Failure> {
        let kind = draft.kind;
        let unique = uuid(&mut self.rng).simple().to_string();
        let mut fields = item_defaults::defaults(kind, self.owner(mailbox)?, &unique);
        let extended = item_defaults::write(kind, Target::New, &mut fields, draft.input)?;
        let folder = draft.folder.unwrap_or(match kind {
            Kind::Message => Folder::Drafts,
            Kind::Event => Folder::Calendar,
        });
        let now = self.clock.now();
        let time = self.clock.time();
        let listed_from = now + self.draw(options.message_lag);
        Ok(self.insert(Item {
            key: ItemKey(0),
            mailbox,
            kind,
            folder,
            id: String::new(),
            immutable_id: String::new(),
            fields,
            settled: now + options.settle,
            created: time,
            modified: time,
            sent: None,
            changes: 0,
            listed_from,
            extended,
            attachments: Vec::new(),
            removed: Vec::new(),
        }))
    }

    /// Gives an item its key and its ids.
    fn insert(&mut self, mut item: Item) -> ItemKey {
        self.next += 1;
        let unique = uuid(&mut self.rng);
        item.key = ItemKey(self.next);
        if let Some(owner) = self.mailboxes.get_mut(item.mailbox) {
            item.id = owner.mint.item(item.folder);
            item.immutable_id = owner.mint.immutable(unique);
        }
        self.ids.insert(item.id.clone(), item.key);
        self.ids.insert(item.immutable_id.clone(), item.key);
        let key = item.key;
        self.items.insert(key, item);
        key
    }

    /// A second item like this one, in `folder`, with attachments of their own.
    pub(crate) fn copy(
        &mut self,
        key: ItemKey,
        folder: Folder,
        options: &Options,
    ) -> Result<ItemKey, Failure> {
        let listed_from = self.clock.now() + self.draw(options.message_lag);
        let item = self.item(key)?;
        let (now, time) = (self.clock.now(), self.clock.time());
        let mut copy = Item {
            key: ItemKey(0),
            mailbox: item.mailbox,
            kind: item.kind,
            folder,
            id: String::new(),
            immutable_id: String::new(),
            fields: item.fields.clone(),
            settled: now + options.settle,
            created: time,
            modified: time,
            sent: item.sent,
            changes: 0,
            listed_from,
            extended: item.extended.clone(),
            attachments: item.attached(now).cloned().collect(),
            removed: Vec::new(),
        };
        for attachment in &mut copy.attachments {
            attachment.key = uuid(&mut self.rng);
        }
        Ok(self.insert(copy))
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

    /// Writes what a client may change.
    pub(crate) fn change(
        &mut self,
        key: ItemKey,
        input: &Map<String, Value>,
    ) -> Result<(), Failure> {
        let time = self.clock.time();
        let item = self.item_mut(key)?;
        let target = match item.is_draft() {
            true => Target::Draft,
            false => Target::Fixed,
        };
        let mut fields = item.fields.clone();
        let extended = item_defaults::write(item.kind, target, &mut fields, input)?;
        item.fields = fields;
        extended::merge(&mut item.extended, extended);
        item.touch(time);
        Ok(())
    }

    /// Moves an item: its normal id changes, the immutable one stays, its sessions end.
    pub(crate) fn move_to(
        &mut self,
        key: ItemKey,
        folder: Folder,
        options: &Options,
    ) -> Result<(), Failure> {
        let (now, time) = (self.clock.now(), self.clock.time());
        let listed_from = now + self.draw(options.message_lag);
        let item = self.items.get_mut(&key).ok_or_else(Failure::not_found)?;
        let owner = self
            .mailboxes
            .get_mut(item.mailbox)
            .ok_or_else(Failure::not_found)?;
        self.ids.remove(&item.id);
        item.id = owner.mint.item(folder);
        item.folder = folder;
        item.listed_from = listed_from;
        item.touch(time);
        self.ids.insert(item.id.clone(), key);
        self.sessions.retain(|_, session| session.item != key);
        Ok(())
    }

    /// Sends: the message is in Sent Items from now on.
    pub(crate) fn send(&mut self, key: ItemKey, options: &Options) -> Result<(), Failure> {
        let time = self.clock.time();
        self.item_mut(key)?.sent = Some(time);
        self.move_to(key, Folder::SentItems, options)
    }

    /// Removes an item for good.
    pub(crate) fn remove(&mut self, key: ItemKey) {
        if let Some(item) = self.items.remove(&key) {
            self.ids.remove(&item.id);
            self.ids.remove(&item.immutable_id);
        }
        self.sessions.retain(|_, session| session.item != key);
    }

    /// Attaches, if the item's limits allow it; gives the new attachment's key.
    pub(crate) fn attach(
        &mut self,
        key: ItemKey,
        file: NewFile,
        options: &Options,
    ) -> Result<Uuid, Failure> {
        limits::check_room(self.item(key)?, file.content.len(), options)?;
        self.attach_anyhow(key, file, options)
    }

    fn attach_anyhow(
        &mut self,
        key: ItemKey,
        mut file: NewFile,
        options: &Options,
    ) -> Result<Uuid, Failure> {
        file.name = naming::rename(options.rename, &file.name);
        file.content = file.content.kept(options.content);
        let time = self.clock.time();
        let since = self.clock.now() + self.draw(options.late_commit);
        let attachment = Attachment {
            key: uuid(&mut self.rng),
            file,
            modified: time,
            since,
            listed_from: since + self.draw(options.list_lag),
            readable_from: since + self.draw(options.value_lag),
        };
        let new = attachment.key;
        let item = self.item_mut(key)?;
        item.touch(time);
        item.attachments.push(attachment);
        Ok(new)
    }

    /// Removes an attachment.
    pub(crate) fn detach(
        &mut self,
        key: ItemKey,
        attachment: Uuid,
        options: &Options,
    ) -> Result<(), Failure> {
        let time = self.clock.time();
        let now: Instant = self.clock.now();
        let until = now + self.draw(options.list_lag);
        let item = self.item_mut(key)?;
        let at = item
            .attachments
            .iter()
            .position(|other| other.key == attachment)
            .ok_or_else(Failure::not_found)?;
        let gone = item.attachments.remove(at);
        item.removed.retain(|(_, until)| *until > now);
        if !options.list_lag.is_zero() {
            item.removed.push((gone, until));
        }
        item.touch(time);
        Ok(())
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
        let now = self.clock.now();
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
        let created = self.clock.time();
        let expires_at = created
            .checked_add(options.session_ttl)
            .unwrap_or(jiff::Timestamp::MAX);
        let session = Session {
            id: id.clone(),
            token: self.issuer.upload(created, options.session_ttl),
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
        let file = session.file(content.clone());
        let item = session.item;
        match options.repeat_last {
            RepeatLast::Refuse => {
                self.sessions.remove(id);
            }
            RepeatLast::Attach => session.finished = Some(content),
        }
        Ok((item, self.attach_anyhow(item, file, options)?))
    }

    /// A bearer token for the Graph host.
    pub(crate) fn issue(&mut self, life: Duration, scopes: &str, user: bool) -> String {
        let now = self.clock.time();
        self.issuer.access(now, life, scopes, user)
    }
}

/// Where the options want content to be. A computer without a temporary directory, such as a container with
/// nothing in it, has memory.
pub(crate) fn arena(options: &Options) -> Option<Arc<Arena>> {
    match options.content {
        ContentStore::Memory => None,
        ContentStore::File | ContentStore::Hash => Arena::new().ok(),
    }
}
