//! The Graph host: who may come in, and which file answers what.
//!
//! Every request here needs the bearer token. What a path names is `route`'s; this folder has one
//! file per family of resources.

mod access;
pub(crate) mod attachments;
mod batch;
mod filter;
pub(crate) mod folders;
mod items;
mod mail;
mod mime;
pub(crate) mod query;
pub(crate) mod route;
mod search;
mod sessions;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::{
    failure::Failure,
    model::item::{ItemKey, Kind},
    options::{OtherMailboxes, TooLarge},
    server::{
        body::Read,
        head::Head,
        outgoing::Part,
        reply::{Contents, Reply},
    },
    shared::Shared,
    throttle::{Change, Permit},
};
use query::Query;
use route::{Route, Scope, Target};

/// A request that may be carried out.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) route: Route,
    pub(crate) query: Query,
    pub(crate) mailbox: usize,
    /// The item that the path names, if it names one.
    pub(crate) item: Option<ItemKey>,
    pub(crate) immutable: bool,
    /// The Graph host as the client calls it.
    pub(crate) graph: String,
    /// None for what only holds other requests.
    pub(crate) permit: Option<Permit>,
}

impl Admitted {
    fn item(&self) -> Result<ItemKey, Failure> {
        self.item.ok_or_else(Failure::not_found)
    }

    /// `@odata.context` for what stands behind `fragment` in the mailbox.
    fn context(&self, fragment: &str) -> Value {
        let user = match &self.route.owner {
            crate::model::mailbox::Owner::Me => "sandbox%40example.com".to_owned(),
            crate::model::mailbox::Owner::User(name) => {
                percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            }
        };
        let (graph, version) = (&self.graph, self.route.version);
        json!(format!(
            "{graph}/{version}/$metadata#users('{user}')/{fragment}"
        ))
    }
}

/// Checks everything that can be checked before the body is read.
pub(crate) fn admit(
    shared: &Shared,
    head: &Head,
    route: Result<Route, Failure>,
) -> Result<Admitted, Failure> {
    let grant = access::check_token(shared, head)?;
    let route = route?;
    let query = Query::parse(&head.query)?.paged(head.page_size());
    let allowed = allowed(&route);
    if !allowed
        .split(", ")
        .any(|method| method == head.method.as_str())
    {
        return Err(Failure::method_not_allowed(allowed));
    }
    head.check()?;
    query.check_use(&route.target, &head.method)?;
    access::check_permission(&grant, &route, &head.method)?;
    if head.method == Method::POST && !head.has_length() {
        return Err(Failure::empty(411));
    }
    let mut admitted = Admitted {
        query,
        mailbox: 0,
        item: None,
        immutable: head.wants_immutable_ids(),
        graph: head.graph.clone(),
        permit: None,
        route,
    };
    if admitted.route.target == Target::Batch {
        return Ok(admitted);
    }
    let mut store = shared.store();
    let mailbox = store.mailbox(&admitted.route.owner)?;
    let denied = match shared.options.other_mailboxes {
        OtherMailboxes::Allow => false,
        OtherMailboxes::NoSessions => matches!(admitted.route.target, Target::CreateSession(..)),
        OtherMailboxes::Deny => true,
    };
    if mailbox != 0 && denied {
        return Err(Failure::access_denied());
    }
    let item = match &admitted.route.target {
        Target::Item(kind, id)
        | Target::Attachments(kind, id)
        | Target::Attachment(kind, id, _)
        | Target::Value(kind, id, _)
        | Target::CreateSession(kind, id) => Some(store.find(mailbox, *kind, id)?),
        Target::Send(id) | Target::Mime(id) | Target::Respond(_, id) | Target::Relocate(_, id) => {
            Some(store.find(mailbox, Kind::Message, id)?)
        }
        _ => None,
    };
    if let Some(key) = item {
        items::check_scope(&store, key, &admitted.route.scope)?;
        let about_attachments = matches!(
            admitted.route.target,
            Target::Attachments(..)
                | Target::Attachment(..)
                | Target::Value(..)
                | Target::CreateSession(..)
                | Target::Send(_)
        );
        let item = store.item(key)?;
        if about_attachments && item.settled > store.clock.now() {
            return Err(Failure::not_found());
        }
        if head.method != Method::GET
            && let Some(tag) = head.header("if-match")
            && tag != "*"
            && tag != item.etag()
        {
            return Err(Failure::conflict(412));
        }
    }
    drop(store);
    let change = item
        .filter(|_| head.method != Method::GET)
        .map(|item| Change {
            item,
            session: None,
        });
    admitted.permit = Some(shared.throttle.enter(mailbox, change, &shared.options)?);
    admitted.mailbox = mailbox;
    admitted.item = item;
    Ok(admitted)
}

/// Which methods a resource has.
fn allowed(route: &Route) -> &'static str {
    match &route.target {
        Target::User
        | Target::Folders
        | Target::Folder(_)
        | Target::ChildFolders
        | Target::Calendars
        | Target::Calendar(_)
        | Target::Mime(_)
        | Target::Value(..) => "GET",
        Target::Items(_) | Target::Attachments(..) => "GET, POST",
        Target::Item(..) => "GET, PATCH, DELETE",
        // Attachments cannot be changed once they are there.
        Target::Attachment(..) => "GET, DELETE",
        // Seen: a message cannot be sent through its folder.
        Target::Send(_) if route.scope != Scope::Mailbox => "",
        Target::CreateSession(..)
        | Target::Send(_)
        | Target::SendMail
        | Target::Respond(..)
        | Target::Relocate(..)
        | Target::Batch => "POST",
    }
}

/// Answers one request of a `$batch`, with all that belongs to an exchange.
pub(crate) type AnswerBatched = fn(&Arc<Shared>, Head, String, Read) -> Reply;

/// Carries a request out.
pub(crate) fn act(
    shared: &Arc<Shared>,
    head: &Head,
    admitted: &Admitted,
    read: Read,
    answer_batched: AnswerBatched,
) -> Result<Reply, Failure> {
    let options = &shared.options;
    let write = head.method == Method::POST || head.method == Method::PATCH;
    if write && admitted.permit.is_some() {
        shared
            .throttle
            .upload(admitted.mailbox, read.len, options)?;
    }
    let body = || json_body(head, &read);
    match (&admitted.route.target, head.method.as_str()) {
        (Target::Batch, _) => batch::run(shared, head, &body()?, answer_batched),
        (Target::User, _) => folders::user(shared, admitted),
        (Target::Folders, _) => folders::list(shared, head, admitted),
        (Target::Folder(name), _) => folders::get(shared, admitted, name),
        (Target::ChildFolders, _) => Ok(folders::no_children(admitted)),
        (Target::Calendars, _) => Ok(folders::calendars(shared, admitted)),
        (Target::Calendar(id), _) => folders::calendar(shared, admitted, id.as_deref()),
        (Target::Items(kind), "GET") => items::list(shared, head, admitted, *kind),
        (Target::Items(kind), _) => items::create(shared, admitted, *kind, &body()?),
        (Target::Item(..), "GET") => items::get(shared, head, admitted),
        (Target::Item(..), "PATCH") => items::patch(shared, admitted, &body()?),
        (Target::Item(..), _) => items::delete(shared, admitted),
        (Target::Send(_), _) => mail::send(shared, admitted),
        (Target::SendMail, _) => mail::send_mail(shared, admitted, &body()?),
        (Target::Respond(respond, _), _) => {
            let body = match read.len {
                0 => Map::new(),
                _ => body()?,
            };
            mail::respond(shared, admitted, *respond, &body)
        }
        (Target::Relocate(how, _), _) => mail::relocate(shared, admitted, *how, &body()?),
        (Target::Mime(_), _) => mime::get(shared, admitted),
        (Target::Attachments(..), "GET") => attachments::list(shared, head, admitted),
        (Target::Attachments(..), _) => attachments::create(shared, admitted, &body()?),
        (Target::Attachment(_, _, id), "GET") => attachments::get(shared, admitted, id),
        (Target::Attachment(_, _, id), _) => attachments::delete(shared, admitted, id),
        (Target::Value(_, _, id), _) => attachments::value(shared, admitted, id),
        (Target::CreateSession(..), _) => sessions::create(shared, head, admitted, &body()?),
    }
}

/// The request's body as a JSON object.
fn json_body(head: &Head, read: &Read) -> Result<Map<String, Value>, Failure> {
    let kind = head
        .header("content-type")
        .unwrap_or("application/json")
        .to_ascii_lowercase();
    if kind.starts_with("text/plain") {
        return Err(Failure::not_in_sandbox("messages as MIME in a request"));
    }
    let parts = read.pieces.iter().cloned().map(Part::Plain).collect();
    let body = Part::collect(parts).unwrap_or_default();
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::new(
            400,
            "BadRequest",
            "Empty Payload. JSON content expected.",
        ));
    }
    serde_json::from_slice(&body).map_err(|_| {
        Failure::new(
            400,
            "UnableToDeserializePostBody",
            "were unable to deserialize ",
        )
    })
}

/// What the host says to a body over its limit.
pub(crate) fn too_large(how: TooLarge) -> Failure {
    match how {
        TooLarge::Empty | TooLarge::Reset => Failure::empty(413),
        TooLarge::Text => Failure::new(
            400,
            "BadRequest",
            "The maximum request length supported is 4MB.",
        ),
        TooLarge::Server => Failure::empty(500),
    }
}

/// The headers that this host puts on every answer.
pub(crate) fn with_headers(reply: Reply, head: &Head) -> Reply {
    let reply = reply
        .header("cache-control", "private")
        .header("strict-transport-security", "max-age=31536000")
        .header("request-id", &head.trace.request_id)
        .header("client-request-id", &head.trace.client_request_id)
        .header(
            "x-ms-ags-diagnostic",
            "{\"ServerInfo\":{\"DataCenter\":\"Sandbox\",\"Slice\":\"E\",\"Ring\":\"5\",\
             \"ScaleUnit\":\"003\",\"RoleInstance\":\"SB4PEPF0000050E\"}}",
        );
    let applied: Vec<String> = head
        .preferences()
        .into_iter()
        .filter_map(|(name, value)| match name.as_str() {
            "idtype" => Some(format!("IdType={value}")),
            "outlook.timezone" | "outlook.body-content-type" => Some(format!("{name}=\"{value}\"")),
            "odata.maxpagesize" | "return" => Some(format!("{name}={value}")),
            _ => None,
        })
        .collect();
    match applied.is_empty() {
        false => reply.header("preference-applied", &applied.join(", ")),
        true => reply,
    }
}
