//! Who may do what: the bearer token, its life, and its permissions.

use hyper::Method;

use super::route::{Route, Target};
use crate::{
    failure::Failure,
    model::{item::Kind, mailbox::Owner},
    server::head::Head,
    shared::{Grant, Shared},
};

/// What the request's token is good for.
pub(super) fn check_token(shared: &Shared, head: &Head) -> Result<Grant, Failure> {
    let refuse = |message: &str| Err(Failure::new(401, "InvalidAuthenticationToken", message));
    let token = match head
        .header("authorization")
        .and_then(|header| header.split_once(' '))
    {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => return refuse("Access token is empty."),
    };
    match shared.tokens().get(token) {
        None => refuse("CompactToken validation failed with reason code: 80049228."),
        Some(grant) if grant.expires <= shared.clock.now() => {
            refuse("Lifetime validation failed, the token is expired.")
        }
        Some(grant) => Ok(grant.clone()),
    }
}

/// Documented: the permissions of each request, any one of which is enough.
fn needed(target: &Target, method: &Method) -> &'static [&'static str] {
    const SEND: &[&str] = &["Mail.Send"];
    const MAIL: &[&str] = &["Mail.ReadWrite"];
    const READ_MAIL: &[&str] = &["Mail.ReadWrite", "Mail.Read", "Mail.ReadBasic"];
    const EVENTS: &[&str] = &["Calendars.ReadWrite"];
    const READ_EVENTS: &[&str] = &[
        "Calendars.ReadWrite",
        "Calendars.Read",
        "Calendars.ReadBasic",
    ];
    const USER: &[&str] = &[
        "User.Read",
        "User.Read.All",
        "User.ReadBasic.All",
        "User.ReadWrite",
        "Directory.Read.All",
    ];
    let kind = match target {
        Target::Batch => return &[],
        Target::User => return USER,
        Target::Send(_) | Target::SendMail => return SEND,
        Target::Respond(respond, _) => return if respond.draft { MAIL } else { SEND },
        Target::Calendars | Target::Calendar(_) => Kind::Event,
        Target::Items(kind)
        | Target::Item(kind, _)
        | Target::Attachments(kind, _)
        | Target::Attachment(kind, ..)
        | Target::Value(kind, ..)
        | Target::CreateSession(kind, _) => *kind,
        Target::Folders
        | Target::Folder(_)
        | Target::ChildFolders
        | Target::Mime(_)
        | Target::Relocate(..) => Kind::Message,
    };
    match (kind, method == Method::GET) {
        (Kind::Message, true) => READ_MAIL,
        (Kind::Message, false) => MAIL,
        (Kind::Event, true) => READ_EVENTS,
        (Kind::Event, false) => EVENTS,
    }
}

/// Refuses what the token does not allow.
pub(super) fn check_permission(
    grant: &Grant,
    route: &Route,
    method: &Method,
) -> Result<(), Failure> {
    if !grant.user && route.owner == Owner::Me && route.target != Target::Batch {
        return Err(Failure::new(
            400,
            "BadRequest",
            "/me request is only valid with delegated authentication flow.",
        ));
    }
    let needed = needed(&route.target, method);
    let has = grant.scopes.split_whitespace().any(|scope| {
        let scope = scope.strip_suffix(".Shared").unwrap_or(scope);
        needed
            .iter()
            .any(|needed| needed.eq_ignore_ascii_case(scope))
    });
    // An application is asked about users by its permission on mail.
    match has || needed.is_empty() || (!grant.user && route.target == Target::User) {
        true => Ok(()),
        false => Err(Failure::access_denied()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::graph::route;

    #[test]
    fn narrow_permissions_allow_little() {
        let grant = |scopes: &str, user| Grant {
            expires: Instant::now(),
            scopes: scopes.to_owned(),
            user,
        };
        for (scopes, user, method, path, code) in [
            (
                "Mail.Send",
                true,
                Method::POST,
                "/v1.0/me/messages/A/send",
                "",
            ),
            ("Mail.Send", true, Method::POST, "/v1.0/me/sendMail", ""),
            (
                "Mail.Send",
                true,
                Method::GET,
                "/v1.0/me/messages",
                "ErrorAccessDenied",
            ),
            (
                "Mail.Read",
                true,
                Method::GET,
                "/v1.0/me/messages/A/attachments",
                "",
            ),
            (
                "Mail.Read",
                true,
                Method::POST,
                "/v1.0/me/messages/A/attachments/createUploadSession",
                "ErrorAccessDenied",
            ),
            (
                "Mail.ReadWrite.Shared",
                true,
                Method::POST,
                "/v1.0/users/a@b.c/messages",
                "",
            ),
            (
                "Mail.ReadWrite",
                true,
                Method::POST,
                "/v1.0/me/events/A/attachments",
                "ErrorAccessDenied",
            ),
            (
                "Mail.ReadWrite",
                true,
                Method::POST,
                "/v1.0/me/messages/A/createReply",
                "",
            ),
            (
                "Mail.ReadWrite",
                true,
                Method::POST,
                "/v1.0/me/messages/A/reply",
                "ErrorAccessDenied",
            ),
            (
                "Mail.ReadWrite",
                false,
                Method::GET,
                "/v1.0/users/a@b.c/messages",
                "",
            ),
            (
                "Mail.ReadWrite",
                false,
                Method::GET,
                "/v1.0/me/messages",
                "BadRequest",
            ),
        ] {
            let route = route::parse(path).expect("a path");
            let checked = check_permission(&grant(scopes, user), &route, &method);
            assert_eq!(
                checked.map_or_else(|f| f.code, |()| String::new()),
                code,
                "{scopes} {path}"
            );
        }
    }
}
