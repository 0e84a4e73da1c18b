//! The upload host: PUT, GET and DELETE on upload URLs.
//!
//! It never sees a bearer token: the token is in the URL, and an `Authorization` header is refused.

mod range;

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::{
    failure::{Failure, status_refusal},
    graph::route,
    model::{
        content::Content,
        item::ItemKey,
        limits,
        session::{Place, Session},
        store::Store,
    },
    options::{Casing, Expired, LocationForm, Options, RefusedBytes, StatusAnswer, UploadAuth},
    server::{body::Read, head::Head, reply::Reply},
    shared::Shared,
    throttle::{Change, Permit},
    upload::range::Range,
};

/// The audience of the tokens in upload URLs.
pub(crate) const AUDIENCE: &str = "https://outlook.office.com/api/";
/// The audience of the tokens that do not belong here.
const GRAPH_AUDIENCE: &str = "https://graph.microsoft.com/";

/// A request that may be carried out.
#[derive(Debug)]
pub(crate) struct Admitted {
    session: String,
    item: ItemKey,
    mailbox: usize,
    pub(crate) permit: Permit,
}

/// The token of an upload URL: from its query, or, where that is taken, as a bearer.
fn token(head: &Head, options: &Options) -> Result<String, Failure> {
    let in_query = url::form_urlencoded::parse(head.query.as_bytes())
        .find(|(name, _)| name == "authtoken")
        .map(|(_, value)| value.into_owned());
    let Some(header) = head.header("authorization") else {
        return Ok(in_query.unwrap_or_default());
    };
    let bearer = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => "",
    };
    match options.upload_auth {
        // Seen: the header wins over a valid token in the URL.
        UploadAuth::Refuse => Err(Failure::audience(GRAPH_AUDIENCE)),
        UploadAuth::Own if in_query.as_deref().is_some_and(|token| token != bearer) => {
            Err(Failure::audience(GRAPH_AUDIENCE))
        }
        UploadAuth::Own => Ok(bearer.to_owned()),
    }
}

/// Checks everything that can be checked before the body is read.
pub(crate) fn admit(shared: &Shared, head: &Head) -> Result<Admitted, Failure> {
    let options = &shared.options;
    let token = token(head, options)?;
    if options.audience_incident && head.method == Method::PUT {
        return Err(Failure::audience(AUDIENCE));
    }
    if ![Method::PUT, Method::GET, Method::DELETE].contains(&head.method) {
        return Err(Failure::method_not_allowed("GET, PUT, DELETE"));
    }
    let id = route::session_id(&head.path).ok_or_else(Failure::not_found)?;
    let mut store = shared.store();
    let now = store.clock.now();
    let session = store.session_mut(&id).ok_or_else(Failure::not_found)?;
    if session.token != token {
        return Err(Failure::new(
            401,
            "InvalidAuthenticationToken",
            "Access token is empty.",
        ));
    }
    if head.expire {
        session.expires = now;
    }
    if session.expires <= now {
        return Err(match options.expired {
            Expired::NotFound => Failure::not_found(),
            Expired::Unauthorized => Failure::new(
                401,
                "InvalidAuthenticationToken",
                "Lifetime validation failed, the token is expired.",
            ),
        });
    }
    let key = session.item;
    let item = store.item(key)?;
    if head.method == Method::PUT && item.settled > now {
        return Err(Failure::not_found());
    }
    let mailbox = item.mailbox;
    drop(store);
    let change = (head.method != Method::GET).then(|| Change {
        item: key,
        session: Some(id.clone()),
    });
    let permit = shared.throttle.enter(mailbox, change, options)?;
    Ok(Admitted {
        session: id,
        item: key,
        mailbox,
        permit,
    })
}

/// Carries a request out.
pub(crate) fn act(
    shared: &Shared,
    head: &Head,
    admitted: &Admitted,
    read: Read,
) -> Result<Reply, Failure> {
    match head.method {
        Method::PUT => put(shared, head, admitted, read),
        Method::GET => status(shared, admitted),
        _ => match shared.store().close_session(&admitted.session) {
            true => Ok(Reply::empty(204)),
            false => Err(Failure::not_found()),
        },
    }
}

fn put(shared: &Shared, head: &Head, admitted: &Admitted, read: Read) -> Result<Reply, Failure> {
    let options = &shared.options;
    let count = || shared.throttle.upload(admitted.mailbox, read.len, options);
    if options.refused_bytes == RefusedBytes::Count {
        count()?;
    }
    // Documented as required; what the service says without them is assumed.
    if !head.headers.contains_key("content-length") {
        return Err(Failure::empty(411));
    }
    if head.headers.contains_key("content-encoding") {
        return Err(Failure::invalid(
            "Content-Encoding cannot be used in an upload session.",
        ));
    }
    let range = head
        .header("content-range")
        .and_then(Range::parse)
        .ok_or_else(|| Failure::invalid("The Content-Range header is missing or malformed."))?;
    if read.len == 0 {
        return Err(Failure::invalid("The range has no bytes."));
    }
    if let Some(most) = options.max_range.filter(|most| read.len > *most) {
        return Err(Failure::invalid(format!(
            "The range has {} bytes; at most {most} are allowed.",
            read.len
        )));
    }
    let mut store = shared.store();
    let session = store
        .session(&admitted.session)
        .ok_or_else(Failure::not_found)?;
    if let Some(content) = session.finished.clone() {
        // Only where the option asks for it does a finished session still exist.
        let again = range.is_last() && range.total == content.len() && range.len() == read.len;
        return match again {
            true => finish(&mut store, admitted, content, options),
            false => Err(Failure::not_found()),
        };
    }
    range::check(
        range,
        read.len,
        session.file.size,
        session.received,
        options.wrong_range,
    )?;
    let held = session.received;
    limits::check_room(store.item(admitted.item)?, held + read.len, options)?;
    if options.refused_bytes == RefusedBytes::Free {
        count()?;
    }
    let session = store
        .session_mut(&admitted.session)
        .ok_or_else(Failure::not_found)?;
    match session.append(read.pieces) {
        Some(content) => finish(&mut store, admitted, content, options),
        None => Ok(Reply::json(200, &Value::Object(progress(session, options)))),
    }
}

/// 201 with an empty body and no content type; the new attachment is named by `Location` only.
fn finish(
    store: &mut Store,
    admitted: &Admitted,
    content: Content,
    options: &Options,
) -> Result<Reply, Failure> {
    let session = store
        .session(&admitted.session)
        .ok_or_else(Failure::not_found)?;
    let Place {
        base, immutable, ..
    } = session.place.clone();
    let (item, key) = store.finish_session(&admitted.session, content, options)?;
    let item = store.item(item)?;
    let attachment = item
        .attachments
        .iter()
        .find(|attachment| attachment.key == key);
    let id = attachment
        .ok_or_else(Failure::not_found)?
        .id(item, immutable);
    let reply = Reply::empty(201);
    Ok(match options.location {
        LocationForm::Quoted => reply.header("location", &format!("{base}/Attachments('{id}')")),
        LocationForm::Path => reply.header("location", &format!("{base}/attachments/{id}")),
        LocationForm::Missing => reply,
    })
}

fn status(shared: &Shared, admitted: &Admitted) -> Result<Reply, Failure> {
    let options = &shared.options;
    if let Some(refusal) = status_refusal(options.status) {
        return Err(refusal);
    }
    if options.status == StatusAnswer::Unauthorized {
        return Err(Failure::audience(AUDIENCE));
    }
    let store = shared.store();
    let session = store
        .session(&admitted.session)
        .ok_or_else(Failure::not_found)?;
    if session.finished.is_some() {
        return Err(Failure::not_found());
    }
    Ok(Reply::json(200, &Value::Object(progress(session, options))))
}

/// Where a session stands, in the casing that the options ask for.
fn progress(session: &Session, options: &Options) -> Map<String, Value> {
    let (ranges, expiry) = match options.effective_casing() {
        Casing::Camel => ("nextExpectedRanges", "expirationDateTime"),
        Casing::Pascal => ("NextExpectedRanges", "ExpirationDateTime"),
        Casing::Doc => ("nextExpectedRanges", "ExpirationDateTime"),
    };
    let mut all = Map::new();
    all.insert("@odata.context".to_owned(), json!(session.place.context));
    all.insert(
        expiry.to_owned(),
        json!(crate::clock::precise(session.expires_at)),
    );
    if let Some(next) = range::expected(options.ranges, session.received, session.file.size) {
        all.insert(ranges.to_owned(), json!(next));
    }
    all
}

/// The headers that this host puts on every answer.
pub(crate) fn with_headers(reply: Reply, head: &Head) -> Reply {
    reply
        .header("server", "Microsoft-IIS/10.0")
        .header("x-powered-by", "ASP.NET")
        .header("request-id", &head.trace.request_id)
        .header("client-request-id", &head.trace.client_request_id)
}
