//! Which resource of the Graph host a path names.
//!
//! Pure. Takes the forms that real clients send: `/me` and `/users/{id}` and `users('id')`, folders
//! and calendars in between, actions with and without `microsoft.graph.`, any letter case.

use percent_encoding::percent_decode_str;

use crate::{failure::Failure, model::item::Kind, model::mailbox::Owner};

/// Where an item is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The whole mailbox.
    Mailbox,
    /// One folder, by id or by well-known name.
    Folder(String),
    /// One calendar, by id; none for the default one.
    Calendar(Option<String>),
}

/// An answer to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Reply,
    ReplyAll,
    Forward,
}

/// `createReply` and its kind make a draft; `reply` and its kind send at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Respond {
    pub(crate) how: Answer,
    pub(crate) draft: bool,
}

/// What becomes of a message in another folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relocation {
    Move,
    Copy,
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    User,
    Folders,
    Folder(String),
    ChildFolders,
    Calendars,
    Calendar(Option<String>),
    Items(Kind),
    Item(Kind, String),
    Send(String),
    /// A message as MIME.
    Mime(String),
    /// `reply` and its kind, for a message.
    Respond(Respond, String),
    /// `move` and `copy`.
    Relocate(Relocation, String),
    SendMail,
    /// Several requests in one; below the version, without an owner.
    Batch,
    Attachments(Kind, String),
    Attachment(Kind, String, String),
    Value(Kind, String, String),
    CreateSession(Kind, String),
}

/// A path, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// `v1.0` or `beta`.
    pub(crate) version: &'static str,
    pub(crate) owner: Owner,
    pub(crate) scope: Scope,
    pub(crate) target: Target,
}

/// The segments still to be read.
struct Segments {
    all: Vec<String>,
    next: usize,
}

impl Segments {
    /// Decodes once, then splits: so an encoded slash separates too, as the service has it.
    fn of(path: &str) -> Self {
        let decoded = percent_decode_str(path).decode_utf8_lossy();
        let mut all = Vec::new();
        for segment in decoded.split('/').filter(|segment| !segment.is_empty()) {
            // OData's key form: `users('x')` is `users/x`.
            match segment
                .split_once("('")
                .and_then(|(name, rest)| Some((name, rest.strip_suffix("')")?)))
            {
                Some((name, key)) => all.extend([name.to_owned(), key.replace("''", "'")]),
                None => all.push(segment.to_owned()),
            }
        }
        Segments { all, next: 0 }
    }

    fn take(&mut self) -> Option<String> {
        let segment = self.all.get(self.next).cloned();
        self.next += 1;
        segment
    }

    /// An id. One that was encoded twice still holds `%2F`, which the service reads as its own `-`.
    fn id(&mut self) -> Option<String> {
        Some(self.take()?.replace("%2F", "-").replace("%2f", "-"))
    }

    fn done(&self) -> bool {
        self.next >= self.all.len()
    }
}

/// Segments that the service has and the stand-in does not.
const ELSEWHERE: &[&str] = &[
    "$metadata",
    "$count",
    "$ref",
    "accept",
    "activities",
    "calendargroups",
    "calendarpermissions",
    "calendarview",
    "cancel",
    "chats",
    "communications",
    "contactfolders",
    "contacts",
    "decline",
    "delta",
    "directory",
    "dismissreminder",
    "drive",
    "drives",
    "extensions",
    "findmeetingtimes",
    "getmailtips",
    "getschedule",
    "groups",
    "inferenceclassification",
    "insights",
    "instances",
    "joinedteams",
    "manager",
    "mailboxsettings",
    "memberof",
    "messagerules",
    "multivalueextendedproperties",
    "onenote",
    "onlinemeetings",
    "organization",
    "outlook",
    "people",
    "permanentdelete",
    "photo",
    "photos",
    "places",
    "planner",
    "presence",
    "reminderview",
    "search",
    "settings",
    "singlevalueextendedproperties",
    "sites",
    "snoozereminder",
    "subscriptions",
    "teams",
    "tentativelyaccept",
    "todo",
    "translateexchangeids",
    "unsubscribe",
    "userconfigurations",
];

/// What is said to a segment that is not known here.
fn no_segment(segment: &str) -> Failure {
    let name = action(segment.split('(').next().unwrap_or_default());
    match ELSEWHERE.contains(&name.as_str()) {
        true => Failure::not_in_sandbox(&format!("requests with `{segment}` in their path")),
        false => Failure::no_segment(segment),
    }
}

/// Reads a path.
pub(crate) fn parse(path: &str) -> Result<Route, Failure> {
    let mut segments = Segments::of(path);
    let version = match segments.take().unwrap_or_default().as_str() {
        "v1.0" => "v1.0",
        "beta" => "beta",
        other => {
            return Err(Failure::new(
                400,
                "BadRequest",
                format!("Invalid version: {other}"),
            ));
        }
    };
    let first = segments.take().unwrap_or_default();
    let owner = match first.to_ascii_lowercase().as_str() {
        "me" => Owner::Me,
        "$batch" if segments.done() => {
            return Ok(Route {
                version,
                owner: Owner::Me,
                scope: Scope::Mailbox,
                target: Target::Batch,
            });
        }
        "users" => Owner::User(segments.take().ok_or_else(|| no_segment(&first))?),
        _ => return Err(no_segment(&first)),
    };
    let (scope, target) = resource(&mut segments)?;
    match segments.take() {
        Some(extra) => Err(no_segment(&extra)),
        None => Ok(Route {
            version,
            owner,
            scope,
            target,
        }),
    }
}

fn resource(segments: &mut Segments) -> Result<(Scope, Target), Failure> {
    let Some(name) = segments.take() else {
        return Ok((Scope::Mailbox, Target::User));
    };
    match action(&name).as_str() {
        "sendmail" => Ok((Scope::Mailbox, Target::SendMail)),
        "messages" => Ok((Scope::Mailbox, items(Kind::Message, segments)?)),
        "events" => Ok((Scope::Mailbox, items(Kind::Event, segments)?)),
        "mailfolders" => match segments.id() {
            None => Ok((Scope::Mailbox, Target::Folders)),
            Some(folder) => in_folder(folder, segments),
        },
        "calendar" => in_calendar(None, segments),
        "calendars" => match segments.id() {
            None => Ok((Scope::Mailbox, Target::Calendars)),
            Some(calendar) => in_calendar(Some(calendar), segments),
        },
        _ => Err(no_segment(&name)),
    }
}

fn in_folder(folder: String, segments: &mut Segments) -> Result<(Scope, Target), Failure> {
    let Some(name) = segments.take() else {
        return Ok((Scope::Mailbox, Target::Folder(folder)));
    };
    match name.to_ascii_lowercase().as_str() {
        "messages" => Ok((Scope::Folder(folder), items(Kind::Message, segments)?)),
        "childfolders" => match segments.id() {
            None => Ok((Scope::Folder(folder), Target::ChildFolders)),
            Some(child) => in_folder(child, segments),
        },
        _ => Err(no_segment(&name)),
    }
}

fn in_calendar(
    calendar: Option<String>,
    segments: &mut Segments,
) -> Result<(Scope, Target), Failure> {
    let Some(name) = segments.take() else {
        return Ok((Scope::Mailbox, Target::Calendar(calendar)));
    };
    match name.to_ascii_lowercase().as_str() {
        "events" => Ok((Scope::Calendar(calendar), items(Kind::Event, segments)?)),
        _ => Err(no_segment(&name)),
    }
}

fn items(kind: Kind, segments: &mut Segments) -> Result<Target, Failure> {
    let Some(id) = segments.id() else {
        return Ok(Target::Items(kind));
    };
    if ["delta", "$count"].contains(&action(&id).as_str()) {
        return Err(no_segment(&id));
    }
    let Some(name) = segments.take() else {
        return Ok(Target::Item(kind, id));
    };
    match (kind, action(&name).as_str()) {
        (Kind::Message, "send") => Ok(Target::Send(id)),
        (Kind::Message, "$value") => Ok(Target::Mime(id)),
        (Kind::Message, "move") => Ok(Target::Relocate(Relocation::Move, id)),
        (Kind::Message, "copy") => Ok(Target::Relocate(Relocation::Copy, id)),
        (Kind::Message, name) if respond(name).is_some() => respond(name)
            .map(|respond| Target::Respond(respond, id))
            .ok_or_else(|| no_segment(name)),
        (Kind::Event, "forward") => Err(Failure::not_in_sandbox("answering and forwarding events")),
        (_, "attachments") => attachments(kind, id, segments),
        _ => Err(no_segment(&name)),
    }
}

fn respond(name: &str) -> Option<Respond> {
    let (how, draft) = match name {
        "reply" => (Answer::Reply, false),
        "replyall" => (Answer::ReplyAll, false),
        "forward" => (Answer::Forward, false),
        "createreply" => (Answer::Reply, true),
        "createreplyall" => (Answer::ReplyAll, true),
        "createforward" => (Answer::Forward, true),
        _ => return None,
    };
    Some(Respond { how, draft })
}

fn attachments(kind: Kind, id: String, segments: &mut Segments) -> Result<Target, Failure> {
    let Some(name) = segments.id() else {
        return Ok(Target::Attachments(kind, id));
    };
    if action(&name) == "createuploadsession" {
        return Ok(Target::CreateSession(kind, id));
    }
    match segments.take() {
        None => Ok(Target::Attachment(kind, id, name)),
        Some(last) if last.eq_ignore_ascii_case("$value") => Ok(Target::Value(kind, id, name)),
        Some(last) => Err(no_segment(&last)),
    }
}

/// The name of an action without its namespace, in lower case.
fn action(segment: &str) -> String {
    let lower = segment.to_ascii_lowercase();
    lower
        .strip_prefix("microsoft.graph.")
        .map(str::to_owned)
        .unwrap_or(lower)
}

/// What an upload URL names: the session, after whatever form of path leads to it.
pub(crate) fn session_id(path: &str) -> Option<String> {
    let mut segments = Segments::of(path);
    while let Some(segment) = segments.take() {
        if segment.eq_ignore_ascii_case("attachmentsessions") {
            let id = segments.take()?;
            return segments.done().then_some(id);
        }
    }
    None
}

#[cfg(test)]
mod tests;
