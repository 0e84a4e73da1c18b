//! Every form of path that clients use, and those that nobody does.

use proptest::prelude::*;

use super::*;

fn target(path: &str) -> Target {
    parse(path)
        .unwrap_or_else(|failure| panic!("{path}: {failure:?}"))
        .target
}

#[test]
fn every_path_form_that_is_known_leads_to_the_action() {
    for (prefix, kind) in [
        ("/v1.0/me/messages", Kind::Message),
        ("/beta/me/messages", Kind::Message),
        ("/v1.0/users/a@b.com/messages", Kind::Message),
        ("/v1.0/users('a@b.com')/messages", Kind::Message),
        ("/v1.0/users/a%40b.com/messages", Kind::Message),
        ("/v1.0/me/mailFolders/AAMk1=/messages", Kind::Message),
        ("/v1.0/me/mailFolders('Drafts')/messages", Kind::Message),
        (
            "/v1.0/me/mailFolders/a/childFolders/b/messages",
            Kind::Message,
        ),
        ("/v1.0/me/events", Kind::Event),
        ("/v1.0/me/calendar/events", Kind::Event),
        ("/v1.0/users/x/calendars/AAMk2=/events", Kind::Event),
    ] {
        for action in [
            "createUploadSession",
            "createuploadsession",
            "microsoft.graph.createUploadSession",
        ] {
            for id in ["AAMk=", "AAMk%3D"] {
                let path = format!("{prefix}/{id}/attachments/{action}");
                assert_eq!(
                    target(&path),
                    Target::CreateSession(kind, "AAMk=".to_owned())
                );
            }
        }
    }
    for (path, expected) in [
        ("/v1.0/$batch", Target::Batch),
        ("/v1.0/me/sendMail", Target::SendMail),
        ("/v1.0/me/microsoft.graph.sendMail", Target::SendMail),
        ("/v1.0/me/messages/A=/$value", Target::Mime("A=".to_owned())),
        (
            "/v1.0/me/messages/A=/move",
            Target::Relocate(Relocation::Move, "A=".to_owned()),
        ),
        (
            "/v1.0/me/messages/A=/microsoft.graph.createReplyAll",
            Target::Respond(
                Respond {
                    how: Answer::ReplyAll,
                    draft: true,
                },
                "A=".to_owned(),
            ),
        ),
        (
            "/v1.0/me/messages/A=/forward",
            Target::Respond(
                Respond {
                    how: Answer::Forward,
                    draft: false,
                },
                "A=".to_owned(),
            ),
        ),
    ] {
        assert_eq!(target(path), expected, "{path}");
    }
    assert_eq!(
        target("/v1.0/me/messages('A=')/send"),
        Target::Send("A=".to_owned())
    );
    assert_eq!(
        target("/v1.0/me/messages/A=/attachments/B=/$value"),
        Target::Value(Kind::Message, "A=".to_owned(), "B=".to_owned())
    );
}

#[test]
fn a_slash_in_an_id_ends_it_unless_it_was_encoded_twice() {
    let failure = parse("/v1.0/me/messages/AAMk%2Fz/attachments").unwrap_err();
    assert_eq!(failure.code, "RequestBroker--ParseUri");
    assert_eq!(failure.message, "Resource not found for the segment 'z'.");
    assert_eq!(
        target("/v1.0/me/messages/AAMk%252Fz"),
        Target::Item(Kind::Message, "AAMk-z".to_owned())
    );
}

#[test]
fn what_is_not_there_is_named() {
    for (path, segment) in [
        ("/v1.0/me/contakts", "contakts"),
        ("/v1.0/me/events/A/send", "send"),
        ("/v1.0/me/messages/A/attachments/B/C", "C"),
        ("/v1.0/me/messages/A/send/B", "B"),
    ] {
        let failure = parse(path).unwrap_err();
        assert!(
            failure.message.contains(&format!("'{segment}'")),
            "{path}: {failure:?}"
        );
    }
    assert!(parse("/v2.0/me").is_err());
    for path in [
        "/v1.0/groups/x/events",
        "/v1.0/me/contacts",
        "/v1.0/me/calendarView",
        "/v1.0/me/messages/delta",
        "/v1.0/me/messages/$count",
        "/v1.0/me/events/A/accept",
    ] {
        let code = parse(path).map_err(|failure| failure.code);
        assert_eq!(code, Err("NotInSandbox".to_owned()), "{path}");
    }
}

#[test]
fn sessions_are_found_in_every_form_of_upload_url() {
    for path in [
        "/api/v2.0/Users('o@t')/Messages('M=')/AttachmentSessions('S=')",
        "/api/gv1.0/users('o@t')/events('M=')/AttachmentSessions('S=')",
        "/api/gv1.0/users(%27o%40t%27)/messages(%27M%3D%27)/AttachmentSessions(%27S%3D%27)",
    ] {
        assert_eq!(session_id(path).as_deref(), Some("S="), "{path}");
    }
    assert_eq!(session_id("/api/gv1.0/users('o@t')/messages('M=')"), None);
}

proptest! {
    #[test]
    fn no_path_makes_it_panic(path in "(/[a-zA-Z0-9%$.('=)]{0,12}){0,9}") {
        let _ = parse(&path);
        let _ = session_id(&path);
    }
}
