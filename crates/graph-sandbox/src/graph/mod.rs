//! The Graph host: who may come in, and which file answers what.
//!
//! Every request here needs the bearer token. What a path names is `route`'s; this folder has one
//! file per family of resources.

mod attachments;
mod filter;
mod folders;
mod items;
pub(crate) mod query;
pub(crate) mod route;
mod search;
mod sessions;

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::{
    failure::Failure,
    graph::query::Query,
    graph::route::{Route, Scope, Target},
    model::item::{ItemKey, Kind},
    options::{OtherMailboxes, TooLarge},
    server::body::Read,
    server::reply::Reply,
    shared::{Head, Shared},
    throttle::Permit,
};

/// A request that may be carried out.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) route: Route,
    pub(crate) query: Query,
    pub(crate) mailbox: usize,
    /// The item that the path names, if it names one.
    pub(crate) item: Option<ItemKey>,
    pub(crate) immutable: bool,
    pub(crate) permit: Permit,
}

impl Admitted {
    fn item(&self) -> Result<ItemKey, Failure> {
        self.item.ok_or_else(Failure::not_found)
    }

    /// `@odata.context` for what stands behind `fragment` in the mailbox.
    fn context(&self, shared: &Shared, fragment: &str) -> Value {
        let user = match &self.route.owner {
            crate::model::mailbox::Owner::Me => "sandbox%40example.com".to_owned(),
            crate::model::mailbox::Owner::User(name) => {
                percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            }
        };
        let Shared { graph, .. } = shared;
        let version = self.route.version;
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
    check_token(shared, head)?;
    let route = route?;
    let query = Query::parse(&head.query)?;
    let mut store = shared.store();
    let mailbox = store.mailbox(&route.owner)?;
    let denied = match shared.options.other_mailboxes {
        OtherMailboxes::Allow => false,
        OtherMailboxes::NoSessions => matches!(route.target, Target::CreateSession(..)),
        OtherMailboxes::Deny => true,
    };
    if mailbox != 0 && denied {
        return Err(Failure::access_denied());
    }
    if !allows(&head.method, &route) {
        return Err(Failure::method_not_allowed());
    }
    if head.method == Method::POST && !head.has_length() {
        return Err(Failure::empty(411));
    }
    let item = match &route.target {
        Target::Item(kind, id)
        | Target::Attachments(kind, id)
        | Target::Attachment(kind, id, _)
        | Target::Value(kind, id, _)
        | Target::CreateSession(kind, id) => Some(store.find(mailbox, *kind, id)?),
        Target::Send(id) => Some(store.find(mailbox, Kind::Message, id)?),
        _ => None,
    };
    if let Some(key) = item {
        items::check_scope(&store, key, &route.scope)?;
        let about_attachments = !matches!(route.target, Target::Item(..));
        if about_attachments && store.item(key)?.settled > std::time::Instant::now() {
            return Err(Failure::not_found());
        }
    }
    drop(store);
    let writing = item.filter(|_| head.method != Method::GET);
    let permit = shared.throttle.enter(mailbox, writing, &shared.options)?;
    let immutable = head.wants_immutable_ids();
    Ok(Admitted {
        route,
        query,
        mailbox,
        item,
        immutable,
        permit,
    })
}

fn check_token(shared: &Shared, head: &Head) -> Result<(), Failure> {
    let refuse = |message: &str| Err(Failure::new(401, "InvalidAuthenticationToken", message));
    let Some(header) = head.header("authorization") else {
        return refuse("Access token is empty.");
    };
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            match token.trim() == shared.token {
                true => Ok(()),
                false => refuse("CompactToken validation failed with reason code: 80049228."),
            }
        }
        _ => refuse("Access token is empty."),
    }
}

/// Which methods a resource has.
fn allows(method: &Method, route: &Route) -> bool {
    let allowed: &[Method] = match &route.target {
        Target::User
        | Target::Folders
        | Target::Folder(_)
        | Target::ChildFolders
        | Target::Calendars
        | Target::Calendar(_)
        | Target::Value(..) => &[Method::GET],
        Target::Items(_) | Target::Attachments(..) => &[Method::GET, Method::POST],
        Target::Item(..) => &[Method::GET, Method::PATCH, Method::DELETE],
        // Attachments cannot be changed once they are there.
        Target::Attachment(..) => &[Method::GET, Method::DELETE],
        Target::CreateSession(..) => &[Method::POST],
        // Seen: a message cannot be sent through its folder.
        Target::Send(_) if route.scope != Scope::Mailbox => &[],
        Target::Send(_) => &[Method::POST],
    };
    allowed.contains(method)
}

/// Carries a request out.
pub(crate) fn act(
    shared: &Shared,
    head: &Head,
    admitted: &Admitted,
    read: Read,
) -> Result<Reply, Failure> {
    let write = head.method == Method::POST || head.method == Method::PATCH;
    if write {
        shared
            .throttle
            .upload(admitted.mailbox, read.len, &shared.options)?;
    }
    match (&admitted.route.target, head.method.as_str()) {
        (Target::User, _) => Ok(folders::user(shared, admitted)),
        (Target::Folders, _) => folders::list(shared, admitted),
        (Target::Folder(name), _) => folders::get(shared, admitted, name),
        (Target::ChildFolders, _) => Ok(folders::no_children(shared, admitted)),
        (Target::Calendars, _) => Ok(folders::calendars(shared, admitted)),
        (Target::Calendar(id), _) => folders::calendar(shared, admitted, id.as_deref()),
        (Target::Items(kind), "GET") => items::list(shared, head, admitted, *kind),
        (Target::Items(kind), _) => items::create(shared, admitted, *kind, &json_body(read)?),
        (Target::Item(..), "GET") => items::get(shared, admitted),
        (Target::Item(..), "PATCH") => items::patch(shared, admitted, &json_body(read)?),
        (Target::Item(..), _) => items::delete(shared, admitted),
        (Target::Send(_), _) => items::send(shared, admitted),
        (Target::Attachments(..), "GET") => attachments::list(shared, head, admitted),
        (Target::Attachments(..), _) => attachments::create(shared, admitted, &json_body(read)?),
        (Target::Attachment(_, _, id), "GET") => attachments::get(shared, admitted, id),
        (Target::Attachment(_, _, id), _) => attachments::delete(shared, admitted, id),
        (Target::Value(_, _, id), _) => attachments::value(shared, admitted, id),
        (Target::CreateSession(..), _) => {
            sessions::create(shared, head, admitted, &json_body(read)?)
        }
    }
}

/// The request's body as a JSON object.
fn json_body(read: Read) -> Result<Map<String, Value>, Failure> {
    let body = match <[bytes::Bytes; 1]>::try_from(read.pieces) {
        Ok([whole]) => whole,
        Err(pieces) => pieces.concat().into(),
    };
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
    match head.wants_immutable_ids() {
        true => reply.header("preference-applied", "IdType=ImmutableId"),
        false => reply,
    }
}
