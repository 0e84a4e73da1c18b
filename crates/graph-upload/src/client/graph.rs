//! The Graph host: the operations that this tool needs, with the bearer. The only holder of a token.

use std::{ops::ControlFlow, sync::Arc};

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use reqwest::{
    Method,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
use url::Url;

use super::{
    body::Meter,
    client_request_id,
    reply::Reply,
    token::{BearerToken, Refusal, TokenProvider, TokenRequest, claims_challenge},
    transport::{self, HttpRequest, Transport},
    wire::{self, AttachmentInfo, ListPage, SessionReply},
};
use crate::{
    Attachment, Error, ErrorKind, ExpectedOffset, Host, Item, Page, UploadUrl,
    item::{self, segment},
    json,
};

/// Longest answer that is read. 250 attachments (the most a message can have) with names of 255
/// characters are under 1 MiB; a POST's answer may repeat the content of a file of 3 MB.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Most pages of one list that are followed: a list that never ends is a contradiction.
pub(super) const MOST_PAGES: usize = 100;

/// Longest list that is read, all pages together: 500 attachments with the longest names and ids are
/// under 2 MiB.
const LONGEST_LIST: usize = 4 * 1024 * 1024;

/// Speaks to Graph.
pub struct GraphClient {
    transport: Arc<Transport>,
    endpoint: Url,
    tokens: Arc<dyn TokenProvider>,
    /// Whether the command changes nothing.
    reading: bool,
}

/// A session that the service opened.
#[derive(Debug, Clone)]
pub struct Created {
    /// Where the ranges go.
    pub url: UploadUrl,
    /// When it ends, if the service says so.
    pub expires: Option<jiff::Timestamp>,
    /// Where it wants the first byte from.
    pub next: ExpectedOffset,
}

impl GraphClient {
    /// A client for `endpoint` (with version, such as `https://graph.microsoft.com/v1.0`).
    pub fn new(transport: Arc<Transport>, endpoint: Url, tokens: Arc<dyn TokenProvider>) -> Self {
        GraphClient {
            transport,
            endpoint,
            tokens,
            reading: false,
        }
    }

    /// For a command that only reads: a refusal is then explained by the permission to read.
    pub fn reading(self) -> Self {
        GraphClient {
            reading: true,
            ..self
        }
    }

    /// Asks for the token now, and looks whether it can be for this mailbox: an error here is an
    /// error before anything was done.
    pub async fn check_token(&self, mailbox: Option<&str>) -> Result<(), Error> {
        self.token(&self.url(&item::owner(mailbox))).await.map(drop)
    }

    /// Asks the service for the least that a token for mail or for events can see.
    pub async fn probe(&self, mailbox: Option<&str>) -> Result<(), Error> {
        let owner = item::owner(mailbox);
        let least = |collection| self.url(&format!("{owner}/{collection}?$top=1&$select=id"));
        let ask = async |url: String| {
            let reply = self
                .call(Method::GET, &url, None, &Meter::default())
                .await?;
            self.ok(reply).map(drop)
        };
        match ask(least("messages")).await {
            Err(error) if error.kind == ErrorKind::Forbidden => ask(least("events")).await,
            answer => answer,
        }
    }

    /// The token for a request to `url`.
    async fn token(&self, url: &str) -> Result<BearerToken, Error> {
        let token = self.tokens.token(self.request(url)).await;
        token.map_err(Error::no_token)
    }

    fn request<'u>(&'u self, url: &'u str) -> TokenRequest<'u> {
        let endpoint = self.endpoint.as_str().trim_end_matches('/');
        TokenRequest {
            endpoint: &self.endpoint,
            path: url.strip_prefix(endpoint).unwrap_or(url),
        }
    }

    /// A 401 or 403, with what the token's provider says of it.
    fn refused(&self, reply: &Reply, method: &Method, url: &str, token: &BearerToken) -> Error {
        let mut error = reply.error(Host::Graph);
        error.token = self.tokens.explain(&Refusal {
            request: self.request(url),
            method: method.as_str(),
            status: reply.status,
            code: &error.code,
            read_only: self.reading,
            token,
        });
        error
    }

    /// Forgets open connections: Microsoft asks for a new one after a 503.
    pub fn reconnect(&self) {
        self.transport.reconnect();
    }

    /// The item's attachments, without their content.
    pub async fn attachments(&self, item: &Item) -> Result<Vec<AttachmentInfo>, Error> {
        let mut url = self.url(&format!(
            "{}/attachments?$select=id,name,size,contentType,isInline",
            item.path()
        ));
        let (mut all, mut room) = (Vec::new(), LONGEST_LIST);
        for _ in 0..MOST_PAGES {
            let reply = self.ok(self
                .call_for(room, Method::GET, &url, None, &Meter::default(), &[])
                .await?)?;
            room = room.saturating_sub(reply.body.len());
            let page = ListPage::read(&reply.body)
                .ok_or_else(|| unreadable(&reply, "the list of attachments"))?;
            all.extend(page.attachments);
            match page.next_link {
                None => return Ok(all),
                Some(next) => url = self.below_endpoint(&next)?,
            }
        }
        Err(Error::contradiction("the list of attachments does not end"))
    }

    /// One attachment, without its content.
    pub async fn attachment(&self, item: &Item, id: &str) -> Result<AttachmentInfo, Error> {
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

    /// Reads an attachment's exact bytes into `sink`, in order; returns how many there were. Ends
    /// early, with more than `most`, when there are more: content may be of any length, or endless.
    pub async fn content(
        &self,
        item: &Item,
        id: &str,
        most: u64,
        mut sink: impl FnMut(&[u8]) + Send,
    ) -> Result<u64, Error> {
        let url = self.url(&format!(
            "{}/attachments/{}/$value",
            item.path(),
            segment(id)
        ));
        sendable(&url)?;
        let mut read = 0;
        let mut token = self.token(&url).await?;
        let meter = Meter::default();
        let mut take = |bytes: &[u8]| {
            read += bytes.len() as u64;
            sink(bytes);
            if read > most {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let first = self.outgoing(Method::GET, &url, None, &token, &meter)?;
        let mut reply = self.transport.download(first, &mut take).await?;
        if let Some(another) = self.renewed(&reply, &token).await? {
            token = another;
            let again = self.outgoing(Method::GET, &url, None, &token, &meter)?;
            reply = self.transport.download(again, &mut take).await?;
        }
        if matches!(reply.status, 401 | 403) {
            return Err(self.refused(&reply, &Method::GET, &url, &token));
        }
        let reply = self.ok(reply)?;
        // The file may be a page itself: it is one of something in between if its size is not the file's.
        if read != most && reply.is_page() && Page::is_markup(&reply.body) {
            return Err(reply.unreadable("the content cannot be read".to_owned()));
        }
        Ok(read)
    }

    /// Attaches content of up to 3 MB in one request, whose body `wire` made.
    pub async fn post_attachment(
        &self,
        item: &Item,
        body: Bytes,
        meter: &Meter,
    ) -> Result<AttachmentInfo, Error> {
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
        let reply = self
            .call(Method::POST, &url, Some(body), &Meter::default())
            .await?;
        let reply = self.ok(reply).map_err(|mut error| {
            // The item's attachments were listed under the same id: what is unknown is the action.
            if error.kind == ErrorKind::MalformedId {
                error.kind = ErrorKind::NoSessions;
            }
            error
        })?;
        let said =
            SessionReply::read(&reply.body).ok_or_else(|| unreadable(&reply, "the session"))?;
        let Some(text) = said.upload_url else {
            return Err(reply.describe(Error::contradiction("the session has no `uploadUrl`")));
        };
        let url = UploadUrl::received(text, &self.endpoint).map_err(|why| {
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
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoint.as_str().trim_end_matches('/'))
    }

    /// A link that the service sent, if it leads to the service itself, below the endpoint's path: the bearer
    /// goes with it.
    pub(super) fn below_endpoint(&self, link: &str) -> Result<String, Error> {
        match Url::parse(link) {
            Ok(url) if is_below(&self.endpoint, &url) => Ok(link.to_owned()),
            _ => Err(Error::contradiction(
                "the list continues at another host, or outside of the endpoint",
            )),
        }
    }

    async fn call(
        &self,
        method: Method,
        url: &str,
        body: Option<Bytes>,
        meter: &Meter,
    ) -> Result<Reply, Error> {
        self.call_with(method, url, body, meter, &[]).await
    }

    /// The same with headers of the caller's.
    pub(super) async fn call_with(
        &self,
        method: Method,
        url: &str,
        body: Option<Bytes>,
        meter: &Meter,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Reply, Error> {
        self.call_for(LONGEST_ANSWER, method, url, body, meter, headers)
            .await
    }

    /// The same, of whose answer at most `longest` bytes are read.
    async fn call_for(
        &self,
        longest: usize,
        method: Method,
        url: &str,
        body: Option<Bytes>,
        meter: &Meter,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Reply, Error> {
        sendable(url)?;
        let mut token = self.token(url).await?;
        let mut first = self.outgoing(method.clone(), url, body.clone(), &token, meter)?;
        first.headers.extend_from_slice(headers);
        let mut reply = self.transport.exchange(first, longest).await?;
        if let Some(another) = self.renewed(&reply, &token).await? {
            token = another;
            let mut again = self.outgoing(method.clone(), url, body, &token, meter)?;
            again.headers.extend_from_slice(headers);
            reply = self.transport.exchange(again, longest).await?;
        }
        match reply.status {
            401 | 403 => Err(self.refused(&reply, &method, url, &token)),
            _ => Ok(reply),
        }
    }

    /// Another token when `reply` says that this one is not good and the source has another.
    async fn renewed(
        &self,
        reply: &Reply,
        token: &BearerToken,
    ) -> Result<Option<BearerToken>, Error> {
        if reply.status != 401 {
            return Ok(None);
        }
        let another = match claims_challenge(&reply.headers) {
            Some(claims) => self.tokens.challenged(token, &claims).await,
            None => self.tokens.renew(token).await,
        };
        another.map_err(Error::no_token)
    }

    fn outgoing<'a>(
        &self,
        method: Method,
        url: &'a str,
        body: Option<Bytes>,
        token: &BearerToken,
        meter: &'a Meter,
    ) -> Result<HttpRequest<'a>, Error> {
        let mut headers: Vec<(HeaderName, HeaderValue)> = vec![client_request_id()];
        let mut bearer =
            HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
                Error::local(ErrorKind::Refused, "the token cannot be sent in a header")
            })?;
        bearer.set_sensitive(true);
        headers.push((AUTHORIZATION, bearer));
        if body.as_ref().is_some_and(|body| !body.is_empty()) {
            headers.push(transport::json());
        }
        Ok(HttpRequest {
            method,
            url,
            headers,
            body,
            meter,
            secret: false,
            near: false,
        })
    }

    pub(super) fn ok(&self, reply: Reply) -> Result<Reply, Error> {
        match reply.status {
            200..=299 => Ok(reply),
            _ => Err(reply.error(Host::Graph)),
        }
    }
}

/// Whether `url` is below the endpoint, however it is spelled. What a server may decode once more counts as
/// decoded: `..%2f` leads up for some.
fn is_below(endpoint: &Url, url: &Url) -> bool {
    let path = percent_decode_str(url.path()).decode_utf8_lossy();
    let climbs = path.split(['/', '\\']).any(|part| part == "..");
    let base = endpoint.path().trim_end_matches('/');
    let rest = url.path().strip_prefix(base);
    url.origin() == endpoint.origin()
        && url.username().is_empty()
        && url.password().is_none()
        && rest.is_some_and(|rest| rest.starts_with('/'))
        && !climbs
}

/// Refuses a path with `.` or `..` for an id, wherever the id came from: it would lead elsewhere.
fn sendable(url: &str) -> Result<(), Error> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    match path.split('/').any(|part| part == "." || part == "..") {
        true => Err(Error::local(
            ErrorKind::MalformedId,
            "an id that is `.` or `..` is not one",
        )),
        false => Ok(()),
    }
}

fn read_attachment(reply: &Reply) -> Result<AttachmentInfo, Error> {
    json::parse(&reply.body)
        .and_then(|value| wire::listed(&value))
        .ok_or_else(|| unreadable(reply, "the attachment"))
}

/// A success whose body cannot be read: cut short, or a page of something in between. The outcome is unknown.
pub(super) fn unreadable(reply: &Reply, what: &str) -> Error {
    reply.unreadable(format!("the answer about {what} cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bearer_stays_below_the_endpoint() {
        let endpoint = Url::parse("https://graph.microsoft.com/v1.0").unwrap();
        let below = |link: &str| Url::parse(link).is_ok_and(|url| is_below(&endpoint, &url));
        for link in [
            "https://graph.microsoft.com/v1.0/me/messages?$skip=10",
            "https://GRAPH.microsoft.com:443/v1.0/users/a@b/messages?$skiptoken=x/../y",
        ] {
            assert!(below(link), "{link}");
        }
        for link in [
            "https://graph.microsoft.com/beta/me/messages",
            "https://graph.microsoft.com/v1.0",
            "https://graph.microsoft.com/v1.0x/me",
            "https://graph.microsoft.com/v1.0/../beta/me",
            "https://graph.microsoft.com/v1.0/%2e%2e/beta/me",
            "https://graph.microsoft.com/v1.0/..%2fbeta/me",
            "https://graph.microsoft.com/v1.0/..%5cbeta/me",
            "https://graph.microsoft.com:444/v1.0/me",
            "http://graph.microsoft.com/v1.0/me",
            "https://u@graph.microsoft.com/v1.0/me",
            "https://graph.microsoft.com.example/v1.0/me",
            "/v1.0/me",
        ] {
            assert!(!below(link), "{link}");
        }
        let stand_in = Url::parse("http://127.0.0.1:1/").unwrap();
        let url = Url::parse("http://127.0.0.1:1/me").unwrap();
        assert!(is_below(&stand_in, &url));
    }

    #[test]
    fn no_id_leads_up() {
        let url = |id: &str| {
            format!(
                "https://g/v1.0/me/messages/{}/attachments?$top=1",
                segment(id)
            )
        };
        for id in [".", ".."] {
            assert!(sendable(&url(id)).is_err(), "{id}");
        }
        for id in ["...", "a..b", "../..", "a/../b", "AAMk="] {
            assert!(sendable(&url(id)).is_ok(), "{id}");
        }
        assert!(sendable("https://g/v1.0/me/messages?$filter=a/../b").is_ok());
    }
}
