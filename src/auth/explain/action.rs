//! What a token must be good for, and which permissions are. Pure.

use std::fmt;

/// Something that a token must be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Attach to a message, or make or change one.
    WriteMessage,
    /// Attach to an event.
    WriteEvent,
    /// List messages.
    ListMessages,
    /// List events.
    ListEvents,
    /// Read a message's attachments.
    ReadMessage,
    /// Read an event's attachments.
    ReadEvent,
    /// Send a message.
    Send,
}

/// What was, or is about to be, attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The action.
    pub action: Action,
    /// Whether a mailbox was named (`/users/…`), instead of the token's own (`/me`).
    pub mailbox: bool,
}

impl Action {
    /// The action that a request to Graph is: its method, and its path below the endpoint.
    pub fn of(method: &str, path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let mut segments = path.split('/').skip(1);
        // `/me` is one segment, `/users/…` two.
        if segments.next() == Some("users") {
            segments.next();
        }
        let is_event = segments.next() == Some("events");
        let is_deep = segments.nth(1) == Some("attachments");
        match (method, is_event) {
            ("GET", false) if is_deep => Action::ReadMessage,
            ("GET", true) if is_deep => Action::ReadEvent,
            ("GET", false) => Action::ListMessages,
            ("GET", true) => Action::ListEvents,
            _ if path.ends_with("/send") => Action::Send,
            (_, false) => Action::WriteMessage,
            (_, true) => Action::WriteEvent,
        }
    }

    /// The action that a command reads for, when it is one that writes.
    pub fn to_write(self) -> Self {
        match self {
            Action::ListMessages | Action::ReadMessage => Action::WriteMessage,
            Action::ListEvents | Action::ReadEvent => Action::WriteEvent,
            other => other,
        }
    }

    pub(super) fn permission(self) -> &'static str {
        match self {
            Action::WriteMessage => "Mail.ReadWrite",
            Action::WriteEvent => "Calendars.ReadWrite",
            Action::ListMessages => "Mail.ReadBasic",
            Action::ListEvents => "Calendars.ReadBasic",
            Action::ReadMessage => "Mail.Read",
            Action::ReadEvent => "Calendars.Read",
            Action::Send => "Mail.Send",
        }
    }

    /// Permissions that include this one.
    fn wider(self) -> &'static [&'static str] {
        match self {
            Action::ListMessages => &["Mail.Read", "Mail.ReadWrite"],
            Action::ListEvents => &["Calendars.Read", "Calendars.ReadWrite"],
            Action::ReadMessage => &["Mail.ReadWrite"],
            Action::ReadEvent => &["Calendars.ReadWrite"],
            Action::WriteMessage | Action::WriteEvent | Action::Send => &[],
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::WriteMessage => "attaching to a message",
            Action::WriteEvent => "attaching to an event",
            Action::ListMessages => "listing messages",
            Action::ListEvents => "listing events",
            Action::ReadMessage => "reading a message's attachments",
            Action::ReadEvent => "reading an event's attachments",
            Action::Send => "sending a message",
        })
    }
}

impl Attempt {
    /// The permission by its full name: for someone else's mailbox a user needs the shared one.
    pub(super) fn needed(self, app_only: bool) -> String {
        let suffix = if self.mailbox && !app_only {
            ".Shared"
        } else {
            ""
        };
        format!("{}{suffix}", self.action.permission())
    }

    /// `--mailbox` may name the user's own, for which the plain permission is enough.
    pub(super) fn is_covered_by(self, held: &[String], app_only: bool) -> bool {
        let enough = [self.action.permission()];
        let enough = || enough.iter().chain(self.action.wider());
        held.iter().any(|have| {
            let plain = match have.strip_suffix(".Shared") {
                Some(plain) if self.mailbox && !app_only => plain,
                _ => have,
            };
            enough().any(|name| plain.eq_ignore_ascii_case(name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_tells_what_it_is_for() {
        for (method, path, action) in [
            (
                "GET",
                "/me/messages/A/attachments?$select=id",
                Action::ReadMessage,
            ),
            (
                "GET",
                "/users/events/events/A/attachments/B/$value",
                Action::ReadEvent,
            ),
            ("GET", "/users/events/events/A", Action::ListEvents),
            ("GET", "/me/messages?$top=1", Action::ListMessages),
            ("GET", "/users/events/messages/A", Action::ListMessages),
            ("POST", "/me/messages/A/attachments", Action::WriteMessage),
            (
                "POST",
                "/me/events/A/attachments/createUploadSession",
                Action::WriteEvent,
            ),
            ("DELETE", "/me/events/A/attachments/B", Action::WriteEvent),
            ("POST", "/me/messages/A/send", Action::Send),
            ("POST", "/me/messages", Action::WriteMessage),
        ] {
            assert_eq!(Action::of(method, path), action, "{method} {path}");
        }
    }
}
