//! What the service's answers, and the lack of one, mean to a person.

use super::{
    CONTRADICTION, CREDENTIALS, ExitReport, MailRequest, NOT_FOUND, REFUSED, TEMPORARY, USAGE,
    credentials,
};
use crate::{
    auth,
    graph::{self, Item, ItemKind, Kind},
};

/// The same for what is no upload: other permissions, and mailboxes as well as items.
pub(super) fn mail(error: &MailRequest) -> ExitReport {
    let mut report = service(&error.error, error.item.as_ref(), &error.what);
    match (error.error.kind, &error.item) {
        (Kind::Forbidden, _) if error.error.token.is_none() => {
            report.problem.heading = format!("{}: the token does not allow it", error.what);
            report.problem.hints.clear();
            report.problem.advice = vec![format!(
                "it needs the permission {}, and in somebody else's mailbox that of its owner",
                error.permission
            )];
        }
        (Kind::NotFound, None) => {
            report.problem.heading = format!("{}: there is no such mailbox", error.what);
            report.problem.hints.clear();
            report.problem.advice = vec!["check `--mailbox`".to_owned()];
        }
        _ => {}
    }
    report
}

/// What an error of the service or the network means to a person.
pub(super) fn service(error: &graph::Error, item: Option<&Item>, what: &str) -> ExitReport {
    let token_error = error.token.as_ref();
    let token_error = token_error.and_then(|token| token.downcast_ref::<auth::Error>());
    if let (Kind::Auth, Some(token_error)) = (error.kind, token_error) {
        return credentials(token_error);
    }
    let kind = item.map_or("item".to_owned(), |item| item.kind.to_string());
    let permission = item
        .map_or(ItemKind::Message, |item| item.kind)
        .permission();
    let new = |code, name, text: String| {
        ExitReport::new(code, name, format!("{what}: {text}"))
            .cause(error.to_string())
            .service(error)
    };
    if let Some(token_error) = token_error {
        let name = match error.kind {
            Kind::Unauthorized => "Unauthorized",
            _ => "Forbidden",
        };
        return new(CREDENTIALS, name, token_error.to_string()).hints(token_error.hints());
    }
    match error.kind {
        Kind::Connect => {
            ExitReport::new(TEMPORARY, "Network", format!("{what}: {error}")).service(error)
        }
        Kind::Lost => ExitReport::new(TEMPORARY, "Network", format!("{what}: {error}")).service(error),
        Kind::Deadline => ExitReport::new(TEMPORARY, "Deadline", format!("{what}: {error}")),
        Kind::Certificate => ExitReport::new(USAGE, "Certificate", format!("{what}: {error}"))
            .service(error)
            .hint("if a proxy or a private authority signs it, name its certificate with `--ca-file PEM`"),
        Kind::Proxy => ExitReport::new(USAGE, "Proxy", format!("{what}: {error}"))
            .service(error)
            .hint("set `HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT`, or name the host in `NO_PROXY` if it is reached without a proxy"),
        Kind::Intermediary => ExitReport::new(TEMPORARY, "Intermediary", format!("{what}: {error}"))
            .service(error)
            .hint("a proxy, a gateway or a network that wants a sign-in gave it: open the host in a browser, or ask whoever runs the network to let it through"),
        Kind::NoMailbox => new(
            REFUSED,
            "NoMailbox",
            "the mailbox cannot be reached through Microsoft Graph".into(),
        )
        .hint("Graph reaches active, licensed mailboxes in Exchange Online: not those on premises, and not a guest's"),
        Kind::SendLimit => new(
            TEMPORARY,
            "SendLimit",
            "the mailbox has reached a limit on sending".into(),
        )
        .hint("Exchange Online takes 30 messages a minute and 10,000 recipients a day from a mailbox; if an administrator has blocked it, only he can lift that"),
        Kind::Blocked => new(
            REFUSED,
            "Blocked",
            "the service will not send this message".into(),
        )
        .hint("its protection against spam (WASCL) or a rule of the organisation stopped it: look at the content, or ask an administrator to release the mailbox"),
        Kind::Throttled => new(TEMPORARY, "Throttled", "the service is throttling".into())
            .hint("a mailbox takes 150 MB in 5 minutes from one app; wait, then go on"),
        Kind::Unavailable if error.is("ErrorMailboxMoveInProgress") => {
            new(TEMPORARY, "Unavailable", "the mailbox is being moved".into())
                .hint("it is there again when the move is over: try again later")
        }
        Kind::Unavailable => {
            new(TEMPORARY, "Unavailable", "the service is not available".into())
        }
        Kind::Unauthorized => {
            new(CREDENTIALS, "Unauthorized", "the service does not take the token".into())
                .hint("get a new token: it may have expired, or be meant for another service")
        }
        Kind::Forbidden if item.is_some_and(|item| item.mailbox.is_some()) => new(
            CREDENTIALS,
            "Forbidden",
            "the token may not change this mailbox".into(),
        )
        .hint(format!(
            "a shared or delegated mailbox needs an application permission ({permission}) or \
             {permission}.Shared; with delegated tokens Microsoft lists this as a known issue"
        )),
        Kind::Forbidden => {
            new(CREDENTIALS, "Forbidden", format!("the token may not change the {kind}"))
                .hint(format!("attaching to a {kind} needs the permission {permission}"))
        }
        Kind::NotFound => new(NOT_FOUND, "NotFound", format!("the {kind} is not there"))
            .hint(format!(
                "check the id and the mailbox: ids are case-sensitive, and change when a {kind} moves"
            )),
        Kind::MalformedId => new(NOT_FOUND, "NotFound", format!("that is not the id of a {kind}"))
            .hint("copy the id as Graph gives it, such as AAMkAGI2…="),
        Kind::TooLarge if error.is("ErrorAttachmentSizeLimitExceeded") => new(
            REFUSED,
            "TooLarge",
            "it is larger than the organisation allows an attachment to be".into(),
        )
        .hint("share the file (OneDrive, SharePoint) and send a link"),
        Kind::TooLarge => new(
            REFUSED,
            "TooLarge",
            format!("the {kind} would be larger than the mailbox allows"),
        )
        .hint(
            "the limit is 35 MB unless an administrator raised it (up to 150 MB), other \
             attachments included; share a link instead",
        ),
        Kind::RangeTooLarge => new(
            REFUSED,
            "TooLarge",
            "something in between takes smaller requests only".into(),
        )
        .hint("send smaller ranges with `--chunk-size 320KiB`"),
        Kind::BodyTooLarge => {
            new(REFUSED, "TooLarge", "the service does not take a request of that size".into())
        }
        Kind::SessionTooSmall => {
            new(REFUSED, "TooSmall", "the service takes neither route for this size".into())
        }
        Kind::NoSessions => new(
            REFUSED,
            "NoSessions",
            "this cloud has no upload sessions for it".into(),
        )
        .hint("only files under 3 MB can be attached there: share a link, or split the file"),
        Kind::Quota => new(REFUSED, "Quota", "the mailbox is full".into()),
        Kind::Conflict => {
            new(TEMPORARY, "Conflict", format!("the {kind} is being changed by somebody else"))
        }
        Kind::Range | Kind::Refused | Kind::Auth => {
            new(REFUSED, "Refused", "the service refused".into())
        }
        Kind::Contradiction => {
            new(CONTRADICTION, "Contradiction", "the service contradicted itself".into())
        }
    }
}
