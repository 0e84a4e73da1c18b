//! The Graph host: the operations that this tool needs, with the bearer. The only holder of a token.

use std::{rc::Rc, sync::Arc};

use bytes::Bytes;
use reqwest::{
    Method,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
use serde_json::Value;
use url::Url;

use super::{
    body::Meter,
    client_request_id,
    error::{Error, Kind, Side},
    http::{self, Outgoing, Reply, Transport},
    item::{Item, segment},
    ranges::Next,
    upload_url::UploadUrl,
    wire::{self, Attachment, ListPage, Listed, SessionReply},
};
use crate::auth::{self, Provider, Token};

/// Longest answer that is read. 250 attachments (the most a message can have) with names of 255
/// characters are under 1 MiB; a POST's answer may repeat the content of a file of 3 MB.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Most pages of one list that are followed: a list that never ends is a contradiction.
const MOST_PAGES: usize = 100;

/// Speaks to Graph.
pub struct GraphClient {
    transport: Rc<Transport>,
    endpoint: Url,
    /// Or why there are none, for the first request that needs one.
    tokens: Result<Provider, Arc<auth::Error>>,
}

/// A session that the service opened.
#[derive(Debug, Clone)]
pub struct Created {
    /// Where the ranges go.
    pub url: UploadUrl,
    /// When it ends, if the service says so.
    pub expires: Option<jiff::Timestamp>,
    /// Where it wants the first byte from.
    pub next: Next,
}

impl GraphClient {
    /// A client for `endpoint` (with version, such as `https://graph.microsoft.com/v1.0`).
    ///
    /// Without a token the client exists all the same: a live session resumes without one.
    pub fn new(
        transport: Rc<Transport>,
        endpoint: Url,
        tokens: Result<Provider, auth::Error>,
    ) -> Self {
        GraphClient {
            transport,
            endpoint,
            tokens: tokens.map_err(Arc::new),
        }
    }

    /// The token, asked for now: an error here is an error before anything was done.
    pub async fn token(&self) -> Result<Token, Error> {
        Ok(self.provider()?.token().await?)
    }

    fn provider(&self) -> Result<&Provider, Error> {
        self.tokens
            .as_ref()
            .map_err(|error| Error::auth(Arc::clone(error)))
    }

    /// Forgets open connections: Microsoft asks for a new one after a 503.
    pub fn reconnect(&self) {
        self.transport.reconnect();
    }

    /// The item's attachments, without their content.
    pub async fn attachments(&self, item: &Item) -> Result<Vec<Listed>, Error> {
        let mut url = self.url(&format!(
            "{}/attachments?$select=id,name,size,contentType,isInline",
            item.path()
        ));
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let reply = self.ok(self
                .call(Method::GET, &url, None, &Meter::default())
                .await?)?;
            let page = ListPage::read(&reply.body)
                .ok_or_else(|| unreadable(&reply, "the list of attachments"))?;
            all.extend(page.attachments);
            match page.next_link {
                None => return Ok(all),
                Some(next) => url = self.same_origin(&next)?,
            }
        }
        Err(Error::contradiction("the list of attachments does not end"))
    }

    /// One attachment, without its content.
    pub async fn attachment(&self, item: &Item, id: &str) -> Result<Listed, Error> {
        let url = self.url(&format!(
            "{}/attachments/{}?$select=id,name,size,contentType,isInline",
            item.path(),
            segment(id)
        ));
        let reply = self.ok(self
            .call(Method::GET, &url, None, &Meter::default())
            .await?)?;
        read_attachment(&reply)
    }

    /// Reads an attachment's exact bytes into `sink`, in order; returns how many there were.
    pub async fn content(
        &self,
        item: &Item,
        id: &str,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<u64, Error> {
        let url = self.url(&format!(
            "{}/attachments/{}/$value",
            item.path(),
            segment(id)
        ));
        let mut read = 0;
        let token = self.token().await?;
        let meter = Meter::default();
        let mut take = |bytes: &[u8]| {
            read += bytes.len() as u64;
            sink(bytes);
        };
        let first = self.outgoing(Method::GET, &url, None, &token, &meter)?;
        let mut reply = self.transport.download(first, &mut take).await?;
        if let Some(token) = self.renewed(&reply, &token).await? {
            let again = self.outgoing(Method::GET, &url, None, &token, &meter)?;
            reply = self.transport.download(again, &mut take).await?;
        }
        self.ok(reply)?;
        Ok(read)
    }

    /// Attaches content of up to 3 MB in one request, whose body `wire` made.
    pub async fn post_attachment(
        &self,
        item: &Item,
        body: Bytes,
        meter: &Meter,
    ) -> Result<Listed, Error> {
        let url = self.url(&format!("{}/attachments", item.path()));
        let reply = self.ok(self.call(Method::POST, &url, Some(body), meter).await?)?;
        read_attachment(&reply)
    }

    /// Opens an upload session.
    pub async fn create_session(
        &self,
        item: &Item,
        attachment: &Attachment,
        size: u64,
    ) -> Result<Created, Error> {
        let url = self.url(&format!("{}/attachments/createUploadSession", item.path()));
        let body = Bytes::from(wire::create_session_body(attachment, size));
        let reply = self.ok(self
            .call(Method::POST, &url, Some(body), &Meter::default())
            .await?)?;
        let said =
            SessionReply::read(&reply.body).ok_or_else(|| unreadable(&reply, "the session"))?;
        let Some(text) = said.upload_url else {
            return Err(reply.describe(Error::contradiction("the session has no `uploadUrl`")));
        };
        let url = UploadUrl::new(text).map_err(|why| {
            let mut error =
                Error::contradiction(format!("the session's `uploadUrl` is not used: {why}"));
            // A lost or cut answer is worth another try; an answer that is wrong is not.
            error.code = "UploadUrlRefused".to_owned();
            reply.describe(error)
        })?;
        Ok(Created {
            url,
            expires: said.expires,
            next: said.next,
        })
    }

    /// Removes an attachment.
    pub async fn delete_attachment(&self, item: &Item, id: &str) -> Result<(), Error> {
        let url = self.url(&format!("{}/attachments/{}", item.path(), segment(id)));
        self.ok(self
            .call(Method::DELETE, &url, None, &Meter::default())
            .await?)?;
        Ok(())
    }

    /// The URL of `path` (which begins with a slash) below the endpoint.
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoint.as_str().trim_end_matches('/'))
    }

    /// A link that the service sent, if it leads to the service itself: the bearer goes with it.
    fn same_origin(&self, link: &str) -> Result<String, Error> {
        match Url::parse(link) {
            Ok(url) if url.origin() == self.endpoint.origin() && url.username().is_empty() => {
                Ok(link.to_owned())
            }
            _ => Err(Error::contradiction("the list goes on at another host")),
        }
    }

    /// One request with the bearer; a second one with a new bearer when the first was a 401.
    async fn call(
        &self,
        method: Method,
        url: &str,
        body: Option<Bytes>,
        meter: &Meter,
    ) -> Result<Reply, Error> {
        let token = self.token().await?;
        let first = self.outgoing(method.clone(), url, body.clone(), &token, meter)?;
        let reply = self.transport.exchange(first, LONGEST_ANSWER).await?;
        match self.renewed(&reply, &token).await? {
            None => Ok(reply),
            Some(token) => {
                let again = self.outgoing(method, url, body, &token, meter)?;
                self.transport.exchange(again, LONGEST_ANSWER).await
            }
        }
    }

    /// Another token when `reply` says that this one is not good and the source has another.
    async fn renewed(&self, reply: &Reply, token: &Token) -> Result<Option<Token>, Error> {
        match reply.status {
            401 => Ok(self.provider()?.renew(token).await?),
            _ => Ok(None),
        }
    }

    fn outgoing<'a>(
        &self,
        method: Method,
        url: &'a str,
        body: Option<Bytes>,
        token: &Token,
        meter: &'a Meter,
    ) -> Result<Outgoing<'a>, Error> {
        let mut headers: Vec<(HeaderName, HeaderValue)> = vec![client_request_id()];
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| Error::local(Kind::Refused, "the token cannot be sent in a header"))?;
        bearer.set_sensitive(true);
        headers.push((AUTHORIZATION, bearer));
        if body.as_ref().is_some_and(|body| !body.is_empty()) {
            headers.push(http::json());
        }
        Ok(Outgoing {
            method,
            url,
            headers,
            body,
            meter,
        })
    }

    fn ok(&self, reply: Reply) -> Result<Reply, Error> {
        match reply.status {
            200..=299 => Ok(reply),
            status => Err(reply.describe(Error::answer(Side::Graph, status, &reply.body))),
        }
    }
}

fn read_attachment(reply: &Reply) -> Result<Listed, Error> {
    serde_json::from_slice::<Value>(wire::strip_bom(&reply.body))
        .ok()
        .and_then(|value| wire::listed(&value))
        .ok_or_else(|| unreadable(reply, "the attachment"))
}

/// A success whose body cannot be read: cut short, a proxy's page. The outcome is unknown.
fn unreadable(reply: &Reply, what: &str) -> Error {
    let mut error = Error::contradiction(format!("the answer about {what} cannot be read"));
    error.status = Some(reply.status);
    reply.describe(error)
}
