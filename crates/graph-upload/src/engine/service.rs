//! What the engine asks of the service: both hosts behind one trait, so that a test can stand in for them
//! without a network.

use bytes::Bytes;

use crate::{
    Attachment, Error, Item, UploadUrl,
    client::{
        AttachmentInfo, Created, GraphClient, Meter, PutReply, UploadClient, wire::SessionReply,
    },
};

/// The service, as one upload needs it.
pub trait Service {
    /// The item's attachments.
    fn attachments(&self, item: &Item) -> impl Future<Output = Result<Vec<AttachmentInfo>, Error>>;

    /// One attachment, by its id.
    fn attachment(
        &self,
        item: &Item,
        id: &str,
    ) -> impl Future<Output = Result<AttachmentInfo, Error>>;

    /// An attachment's bytes, handed to `sink` in order; ends early after more than `most`. Returns how many
    /// there were.
    fn content(
        &self,
        item: &Item,
        id: &str,
        most: u64,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> impl Future<Output = Result<u64, Error>>;

    /// Attaches in one request.
    fn post(
        &self,
        item: &Item,
        body: Bytes,
        meter: &Meter,
    ) -> impl Future<Output = Result<AttachmentInfo, Error>>;

    /// Opens a session.
    fn create(
        &self,
        item: &Item,
        attachment: &Attachment,
        size: u64,
    ) -> impl Future<Output = Result<Created, Error>>;

    /// Sends a range that begins at `start` of a file of `size` bytes.
    fn put(
        &self,
        url: &UploadUrl,
        start: u64,
        size: u64,
        bytes: Bytes,
        meter: &Meter,
    ) -> impl Future<Output = Result<PutReply, Error>>;

    /// Asks where a session stands.
    fn status(&self, url: &UploadUrl) -> impl Future<Output = Result<SessionReply, Error>>;

    /// Ends a session.
    fn cancel(&self, url: &UploadUrl) -> impl Future<Output = Result<(), Error>>;

    /// Forgets open connections.
    fn reconnect(&self);
}

/// The service over HTTP: the client that owns the token, and the one that never sees it.
#[derive(Clone, Copy)]
pub struct Http<'a> {
    /// The Graph host.
    pub graph: &'a GraphClient,
    /// Upload URLs.
    pub uploads: &'a UploadClient,
}

impl Service for Http<'_> {
    async fn attachments(&self, item: &Item) -> Result<Vec<AttachmentInfo>, Error> {
        self.graph.attachments(item).await
    }

    async fn attachment(&self, item: &Item, id: &str) -> Result<AttachmentInfo, Error> {
        self.graph.attachment(item, id).await
    }

    async fn content(
        &self,
        item: &Item,
        id: &str,
        most: u64,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<u64, Error> {
        self.graph.content(item, id, most, sink).await
    }

    async fn post(&self, item: &Item, body: Bytes, meter: &Meter) -> Result<AttachmentInfo, Error> {
        self.graph.post_attachment(item, body, meter).await
    }

    async fn create(
        &self,
        item: &Item,
        attachment: &Attachment,
        size: u64,
    ) -> Result<Created, Error> {
        self.graph.create_session(item, attachment, size).await
    }

    async fn put(
        &self,
        url: &UploadUrl,
        start: u64,
        size: u64,
        bytes: Bytes,
        meter: &Meter,
    ) -> Result<PutReply, Error> {
        self.uploads.put(url, start, size, bytes, meter).await
    }

    async fn status(&self, url: &UploadUrl) -> Result<SessionReply, Error> {
        self.uploads.ask(url).await
    }

    async fn cancel(&self, url: &UploadUrl) -> Result<(), Error> {
        self.uploads.delete(url).await
    }

    fn reconnect(&self) {
        self.graph.reconnect();
    }
}
