//! The engine against a service that is not there: no network, and hardly any time.

use std::{
    cell::RefCell,
    future::pending,
    path::PathBuf,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    Cause, Earlier, Failure, Job, MailboxPacer, Outcome, Owned, Service, Services, Source,
};
use crate::{
    Attachment, Error, ErrorKind, ExpectedOffset, Host, Item, ItemKind, Route, UploadUrl,
    client::{AttachmentInfo, Created, Meter, PutReply, wire::SessionReply},
    protocol::step::Limits,
    store::{Record, State, Store},
};

/// How long the service may lag.
const LAG: Duration = Duration::from_millis(300);

/// What the service does with the next request that attaches.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Attaching {
    Answered,
    /// It is done, and the answer is lost.
    Lost,
    /// It is done, and the answer never comes.
    Silent,
    /// It is done, and another attachment's id is named.
    Misnamed,
    /// It is done, and an id is named that is in no item of ours.
    Misplaced,
    /// 200, as if more were wanted.
    Taken,
    /// The service itself says later, and does nothing.
    Throttled,
}

/// One attachment, and what reading it back gives, the last of these for ever.
struct Held {
    info: AttachmentInfo,
    listed: Instant,
    content: Vec<u8>,
    reads: RefCell<Vec<Vec<u8>>>,
}

/// The service.
struct Fake {
    held: RefCell<Vec<Held>>,
    attaching: RefCell<Vec<Attaching>>,
    session: RefCell<Vec<u8>>,
    name: RefCell<String>,
    lag: Duration,
    reads: RefCell<Vec<Vec<u8>>>,
    requests: RefCell<Vec<&'static str>>,
    /// Where `Location` says that it is.
    place: RefCell<Option<String>>,
}

impl Fake {
    fn new(attaching: &[Attaching]) -> Self {
        Fake {
            held: RefCell::default(),
            attaching: RefCell::new(attaching.to_vec()),
            session: RefCell::default(),
            name: RefCell::new("f.bin".to_owned()),
            lag: Duration::ZERO,
            reads: RefCell::default(),
            requests: RefCell::default(),
            place: RefCell::default(),
        }
    }

    fn count(&self, what: &str) -> usize {
        self.requests
            .borrow()
            .iter()
            .filter(|seen| **seen == what)
            .count()
    }

    fn add(&self, name: &str, content: Vec<u8>, listed: Instant) -> AttachmentInfo {
        let mut held = self.held.borrow_mut();
        let info = AttachmentInfo {
            id: format!("id{}", held.len() + 1),
            name: name.to_owned(),
            size: Some(content.len() as u64 + 237),
            content_type: None,
            is_inline: false,
            is_file: true,
        };
        held.push(Held {
            info: info.clone(),
            listed,
            content,
            reads: RefCell::new(self.reads.borrow().clone()),
        });
        info
    }

    /// Attaches, and answers as it should or as it should not.
    async fn attach<T>(
        &self,
        content: Vec<u8>,
        answer: impl FnOnce(AttachmentInfo) -> T,
        taken: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let attaching = match self.attaching.borrow_mut() {
            mut left if left.len() > 1 => left.remove(0),
            left => left[0],
        };
        if attaching == Attaching::Throttled {
            let body = br#"{"error":{"code":"ApplicationThrottled"}}"#;
            let mut error = Error::answer(Host::Graph, 429, body, false);
            error.retry_after = Some(Duration::from_millis(1));
            return Err(error);
        }
        let name = self.name.borrow().clone();
        let info = self.add(&name, content, Instant::now() + self.lag);
        match attaching {
            Attaching::Answered => Ok(answer(info)),
            Attaching::Misnamed => Ok(answer(AttachmentInfo {
                id: "id1".to_owned(),
                ..info
            })),
            Attaching::Misplaced => Ok(answer(AttachmentInfo {
                id: "elsewhere".to_owned(),
                ..info
            })),
            Attaching::Silent => pending().await,
            Attaching::Taken => taken(),
            _ => Err(Error::local(ErrorKind::Lost, "the connection broke")),
        }
    }
}

impl Service for &Fake {
    async fn attachments(&self, _: &Item) -> Result<Vec<AttachmentInfo>, Error> {
        self.requests.borrow_mut().push("list");
        let now = Instant::now();
        let held = self.held.borrow();
        let listed = held.iter().filter(|held| held.listed <= now);
        Ok(listed.map(|held| held.info.clone()).collect())
    }

    async fn attachment(&self, _: &Item, id: &str) -> Result<AttachmentInfo, Error> {
        self.requests.borrow_mut().push("get");
        let held = self.held.borrow();
        let held = held.iter().find(|held| held.info.id == id);
        held.map(|held| held.info.clone())
            .ok_or_else(|| Error::local(ErrorKind::NotFound, "gone"))
    }

    async fn content(
        &self,
        _: &Item,
        id: &str,
        most: u64,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<u64, Error> {
        self.requests.borrow_mut().push("content");
        let held = self.held.borrow();
        let held = held.iter().find(|held| held.info.id == id).unwrap();
        let content = match held.reads.borrow_mut() {
            reads if reads.is_empty() => held.content.clone(),
            mut reads => reads.remove(0),
        };
        let length = content.len().min(most as usize + 1);
        sink(&content[..length]);
        Ok(length as u64)
    }

    async fn post(&self, _: &Item, body: Bytes, _: &Meter) -> Result<AttachmentInfo, Error> {
        self.requests.borrow_mut().push("post");
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let engine = base64::engine::general_purpose::STANDARD;
        let content = body["contentBytes"].as_str().unwrap();
        let content = base64::Engine::decode(&engine, content).unwrap();
        self.attach(content, |info| info, || unreachable!()).await
    }

    async fn create(&self, _: &Item, _: &Attachment, _: u64) -> Result<Created, Error> {
        self.requests.borrow_mut().push("create");
        self.session.borrow_mut().clear();
        Ok(Created {
            url: UploadUrl::new("https://h/up?authtoken=x".to_owned()).unwrap(),
            expires: None,
            next: ExpectedOffset::At(0),
        })
    }

    async fn put(
        &self,
        _: &UploadUrl,
        start: u64,
        size: u64,
        bytes: Bytes,
        _: &Meter,
    ) -> Result<PutReply, Error> {
        self.requests.borrow_mut().push("put");
        assert_eq!(start, self.session.borrow().len() as u64);
        self.session.borrow_mut().extend_from_slice(&bytes);
        let more = |next| {
            Ok(PutReply::Continues {
                next,
                expires: None,
            })
        };
        let content = self.session.borrow().clone();
        let length = content.len() as u64;
        if length < size {
            return more(ExpectedOffset::At(length));
        }
        let answer = |info: AttachmentInfo| PutReply::Attached {
            id: Some(info.id),
            item: self.place.borrow().clone(),
        };
        self.attach(content, answer, || more(ExpectedOffset::Missing))
            .await
    }

    async fn status(&self, _: &UploadUrl) -> Result<SessionReply, Error> {
        Err(Error::local(ErrorKind::NotFound, "not known for sessions"))
    }

    async fn cancel(&self, _: &UploadUrl) -> Result<(), Error> {
        self.requests.borrow_mut().push("cancel");
        Ok(())
    }

    fn reconnect(&self) {}
}

/// A file, a state directory, and a mailbox that takes everything.
struct Stage {
    home: tempfile::TempDir,
    store: Store,
    file: PathBuf,
    owned: Owned,
    warned: AtomicBool,
    volume: MailboxPacer,
}

impl Stage {
    fn new(size: usize) -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("f.bin");
        let content: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        std::fs::write(&file, content).unwrap();
        let store = Store::open(&home.path().join("state")).unwrap();
        Stage {
            home,
            store,
            file,
            owned: Owned::default(),
            warned: AtomicBool::default(),
            volume: MailboxPacer::new(0, None),
        }
    }

    fn content(&self) -> Vec<u8> {
        std::fs::read(&self.file).unwrap()
    }

    fn record(&self) -> Option<Record> {
        self.store.inventory().unwrap().records.pop()
    }

    /// Attaches the file as a command would, going on with what is on disk.
    fn attach(&self, fake: &Fake) -> Result<Outcome, Failure> {
        self.attach_within(fake, None).expect("it ends")
    }

    /// The same, killed after so long.
    fn attach_within(
        &self,
        fake: &Fake,
        time: Option<Duration>,
    ) -> Option<Result<Outcome, Failure>> {
        let earlier = match self.record() {
            Some(record) if record.state == State::Unfinished => {
                Earlier::Unfinished(Box::new(record))
            }
            Some(record) => Earlier::Finished {
                attachment: record.attachment_id.unwrap(),
                session: record.id,
                sha256: record.sha256.unwrap(),
            },
            None => Earlier::Nothing,
        };
        let job = Job {
            item: Item {
                kind: ItemKind::Message,
                id: "m".to_owned(),
                mailbox: None,
            },
            attachment: Attachment {
                name: "f.bin".to_owned(),
                content_type: "application/octet-stream".to_owned(),
                is_inline: false,
                content_id: None,
            },
            source: Source::open(&self.file).unwrap(),
            again: false,
            is_empty: false,
            verify: false,
            spool: None,
            earlier,
        };
        let services = Services {
            service: fake,
            store: Some(&self.store),
            require_state: false,
            warned: &self.warned,
            observer: &(),
            endpoint: "https://graph.example/v1.0",
            limits: Limits {
                max_retries: 3,
                deadline: None,
                chunk: 1_000_000,
                lag: LAG,
            },
            started: Instant::now(),
            volume: &self.volume,
            owned: &self.owned,
            item_lock: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let attach = super::attach(&job, &services);
            match time {
                None => Some(attach.await),
                Some(time) => tokio::time::timeout(time, attach).await.ok(),
            }
        })
    }
}

#[test]
fn a_lost_answer_is_found_by_content_whatever_its_name() {
    for (size, posts, puts) in [(50_000, 1, 0), (3_100_000, 0, 4)] {
        let stage = Stage::new(size);
        let mut fake = Fake::new(&[Attaching::Lost, Attaching::Answered]);
        fake.lag = LAG / 3;
        fake.name.replace("another name entirely.bin".to_owned());
        let outcome = stage.attach(&fake).unwrap();
        assert_eq!(outcome.id.as_deref(), Some("id1"));
        assert_eq!((fake.count("post"), fake.count("put")), (posts, puts));
    }
}

#[test]
fn a_killed_post_leaves_a_record_that_is_gone_on_with() {
    let stage = Stage::new(50_000);
    let mut fake = Fake::new(&[Attaching::Silent, Attaching::Answered]);
    fake.lag = LAG / 2;
    let killed = stage.attach_within(&fake, Some(LAG / 10));
    assert!(killed.is_none());
    let record = stage.record().unwrap();
    assert!(record.in_doubt() && record.sha256.is_some());
    assert_eq!(record.route, Route::Post);
    // At once, when the list does not show it yet.
    let outcome = stage.attach(&fake).unwrap();
    assert_eq!(outcome.id.as_deref(), Some("id1"));
    assert_eq!(fake.count("post"), 1);
    assert_eq!(stage.record().unwrap().state, State::Finished);
}

#[test]
fn an_id_that_is_known_is_asked_for() {
    let stage = Stage::new(50_000);
    let mut fake = Fake::new(&[Attaching::Answered]);
    fake.lag = Duration::from_secs(60);
    assert!(!stage.attach(&fake).unwrap().already);
    let again = stage.attach(&fake).unwrap();
    assert!(again.already);
    assert_eq!(again.id.as_deref(), Some("id1"));
    assert_eq!((fake.count("post"), fake.count("get")), (1, 1));
}

#[test]
fn what_is_not_read_whole_is_read_again() {
    let stage = Stage::new(50_000);
    let fake = Fake::new(&[Attaching::Lost, Attaching::Answered]);
    let half = stage.content()[..25_000].to_vec();
    let page = b"<html><title>Sign in</title></html>".to_vec();
    fake.reads.replace(vec![half, Vec::new(), page]);
    assert_eq!(stage.attach(&fake).unwrap().id.as_deref(), Some("id1"));
    assert_eq!(fake.count("post"), 1);

    // And if it never comes whole, nothing is known.
    let stage = Stage::new(50_000);
    let fake = Fake::new(&[Attaching::Lost, Attaching::Answered]);
    fake.reads.replace(vec![Vec::new(); 100]);
    let failure = stage.attach(&fake).unwrap_err();
    assert!(matches!(failure.cause, Cause::NotKnown), "{failure:?}");
    assert!(failure.in_doubt && failure.session.is_some());
    assert_eq!(fake.count("post"), 1);
    // Until it does.
    fake.held.borrow()[0].reads.borrow_mut().clear();
    assert_eq!(stage.attach(&fake).unwrap().id.as_deref(), Some("id1"));
    assert_eq!(fake.count("post"), 1);
}

#[test]
fn an_id_that_was_there_before_is_not_ours() {
    for size in [50_000, 3_100_000] {
        let stage = Stage::new(size);
        let fake = Fake::new(&[Attaching::Misnamed]);
        fake.add("f.bin", b"x".to_vec(), Instant::now());
        assert_eq!(stage.attach(&fake).unwrap().id.as_deref(), Some("id2"));
    }
}

#[test]
fn an_id_in_another_item_is_not_ours() {
    let stage = Stage::new(3_100_000);
    let fake = Fake::new(&[Attaching::Misplaced]);
    fake.place.replace(Some("another item".to_owned()));
    assert_eq!(stage.attach(&fake).unwrap().id.as_deref(), Some("id1"));
    // The item's other id is no reason to look: the attachment is asked for.
    let stage = Stage::new(3_100_000);
    let fake = Fake::new(&[Attaching::Answered]);
    fake.place.replace(Some("its immutable id".to_owned()));
    assert_eq!(stage.attach(&fake).unwrap().id.as_deref(), Some("id1"));
    // Without a lock it is looked once more before the last range.
    assert_eq!((fake.count("list"), fake.count("get")), (2, 1));
}

#[test]
fn a_last_range_that_is_merely_taken_is_looked_for() {
    let stage = Stage::new(3_100_000);
    let mut fake = Fake::new(&[Attaching::Taken, Attaching::Answered]);
    fake.lag = LAG / 3;
    assert_eq!(stage.attach(&fake).unwrap().id.as_deref(), Some("id1"));
    assert_eq!(fake.count("create"), 1);
}

#[test]
fn an_upload_that_gave_up_is_finished_by_the_next_command() {
    let stage = Stage::new(50_000);
    let fake = Fake::new(&[Attaching::Throttled]);
    let failure = stage.attach(&fake).unwrap_err();
    assert!(matches!(failure.cause, Cause::RetriesSpent), "{failure:?}");
    // The service itself refused each time, and it was looked.
    assert!(!failure.in_doubt && failure.session.is_some());
    assert!(!stage.record().unwrap().in_doubt());
    fake.attaching.replace(vec![Attaching::Answered]);
    assert_eq!(stage.attach(&fake).unwrap().id.as_deref(), Some("id1"));
}

#[test]
fn the_content_s_digest_is_on_disk_before_the_second_range() {
    let stage = Stage::new(3_100_000);
    let fake = Fake::new(&[Attaching::Silent]);
    let killed = stage.attach_within(&fake, Some(Duration::from_secs(2)));
    assert!(killed.is_none());
    assert_eq!(fake.count("put"), 4);
    let record = stage.record().unwrap();
    assert!(record.sha256.is_some() && record.in_doubt());
    assert_eq!(record.sent.offset, record.size);
    assert!(stage.home.path().exists());
}
