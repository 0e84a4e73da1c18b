//! The library as a stranger uses it, against the stand-in: attach, watch, stop, resume.

#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

use std::path::PathBuf;

use graph_sandbox::{Options, Sandbox};
use graph_upload::{BearerToken, Item, UploadErrorKind, Uploader, UploaderBuilder};

struct Place {
    sandbox: Sandbox,
    home: tempfile::TempDir,
}

impl Place {
    async fn new(options: Options) -> Self {
        Place {
            sandbox: Sandbox::start(options).await.unwrap(),
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn builder(&self) -> UploaderBuilder {
        Uploader::builder(BearerToken::new(self.sandbox.token()).unwrap())
            .endpoint(self.sandbox.endpoint())
            .state_dir(self.home.path().join("state"))
    }

    fn message(&self) -> Item {
        Item::message(self.sandbox.message())
    }

    fn file(&self, size: usize) -> PathBuf {
        let path = self.home.path().join("report.bin");
        let content: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        std::fs::write(&path, content).unwrap();
        path
    }

    fn held(&self) -> Vec<(String, u64, String)> {
        let items = self.sandbox.items();
        let files = items.into_iter().flat_map(|item| item.attachments);
        files
            .map(|file| (file.id, file.size, file.sha256))
            .collect()
    }
}

#[tokio::test]
async fn a_file_is_attached_once_and_watched_on_a_thread_of_the_runtime() {
    let place = Place::new(Options::default()).await;
    let file = place.file(5_000_000);
    let uploader = place.builder().build().unwrap();
    let (upload, handle) = uploader.attach(place.message(), &file).verify().start();
    let attached = tokio::spawn(upload).await.unwrap().unwrap();
    assert!(attached.verified && !attached.already && !attached.unsaved);
    let progress = handle.progress();
    assert_eq!(
        (progress.size, progress.acknowledged),
        (5_000_000, 5_000_000)
    );
    let held = place.held();
    assert_eq!(held.len(), 1);
    assert_eq!(Some(&held[0].0), attached.id.as_ref());
    assert_eq!(held[0].2, attached.sha256.to_string());

    let (again, _) = uploader.attach(place.message(), &file).start();
    let again = again.await.unwrap();
    assert!(again.already);
    assert_eq!(again.id, attached.id);
    assert_eq!(place.held().len(), 1);
}

#[tokio::test]
async fn what_was_stopped_is_resumed_by_another_uploader() {
    let place = Place::new(Options {
        latency: std::time::Duration::from_millis(50),
        ..Options::default()
    })
    .await;
    let file = place.file(20_000_000);
    let uploader = place.builder().build().unwrap();
    let (upload, handle) = uploader.attach(place.message(), &file).start();
    let upload = tokio::spawn(upload);
    let mut progress = handle.watch();
    progress.wait_for(|now| now.acknowledged > 0).await.unwrap();
    handle.cancel();
    let error = upload.await.unwrap().unwrap_err();
    assert_eq!(error.kind, UploadErrorKind::Cancelled);
    assert!(place.held().is_empty());

    let (upload, _) = place
        .builder()
        .build()
        .unwrap()
        .attach(place.message(), &file)
        .start();
    let attached = upload.await.unwrap();
    assert!(attached.resumed);
    assert_eq!(place.held().len(), 1);
}

#[tokio::test]
async fn failures_are_told_by_kind() {
    let place = Place::new(Options::default()).await;
    let uploader = place.builder().max_retries(0).build().unwrap();
    let kind = async |item: Item, file: PathBuf| {
        let (upload, _) = uploader.attach(item, file).start();
        upload.await.unwrap_err().kind
    };
    let missing = place.home.path().join("missing");
    assert_eq!(kind(place.message(), missing).await, UploadErrorKind::File);
    let file = place.file(10);
    assert_eq!(
        kind(Item::message("AAMkNone"), file.clone()).await,
        UploadErrorKind::NotFound
    );
    let stranger = Uploader::builder(BearerToken::new("other").unwrap())
        .endpoint(place.sandbox.endpoint())
        .build()
        .unwrap();
    let (upload, _) = stranger.attach(place.message(), file).start();
    assert_eq!(upload.await.unwrap_err().kind, UploadErrorKind::Credentials);
    assert!(
        Uploader::builder(BearerToken::new("t").unwrap())
            .endpoint("http://example.org/v1.0")
            .build()
            .is_err()
    );
}
