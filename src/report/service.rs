//! What the service's answers, and the lack of one, mean to a person.

use super::{CONTRADICTION, CREDENTIALS, ExitReport, Hint, NOT_FOUND, REFUSED, TEMPORARY, USAGE};
use crate::graph::{self, Item, ItemKind, Kind};

/// What an error means about a request that is not an upload: it needs `permission`, and may be about a
/// whole mailbox instead of an `item`.
pub fn mail(error: &graph::Error, item: Option<&Item>, what: &str, permission: &str) -> ExitReport {
    let mut report = service(error, item, what);
    let (text, advice) = match (error.kind, item) {
        (Kind::Forbidden, _) if error.token.is_none() => (
            "the token does not allow it",
            format!(
                "it needs the permission {permission}, and in somebody else's mailbox that of its owner"
            ),
        ),
        (Kind::NotFound, None) => ("there is no such mailbox", "check `--mailbox`".to_owned()),
        _ => return report,
    };
    report.heading = format!("{what}: {text}");
    report.hints = vec![Hint::Advice(advice)];
    report
}

/// What an error of the service or the network means. `what` was tried: "cannot cancel session 7Q2KM4XA".
pub fn service(error: &graph::Error, item: Option<&Item>, what: &str) -> ExitReport {
    let token_error = error.token.as_ref();
    let token_error = token_error.and_then(|token| token.downcast_ref::<ExitReport>());
    match (error.kind, token_error) {
        (Kind::Auth, Some(token_error)) => return token_error.clone(),
        (_, Some(token_error)) => {
            let name = match error.kind {
                Kind::Unauthorized => "Unauthorized",
                _ => "Forbidden",
            };
            return ExitReport::new(
                CREDENTIALS,
                name,
                format!("{what}: {}", token_error.heading),
            )
            .cause(error.to_string())
            .service(error)
            .hints(token_error.hints.iter().cloned());
        }
        (_, None) => {}
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
    match error.kind {
        Kind::Connect => {
            ExitReport::new(TEMPORARY, "Network", format!("{what}: {error}")).service(error)
        }
        Kind::Lost => ExitReport::new(TEMPORARY, "Network", format!("{what}: {error}")).service(error),
        Kind::Deadline => ExitReport::new(TEMPORARY, "Deadline", format!("{what}: {error}")),
        Kind::Certificate => ExitReport::new(USAGE, "Certificate", format!("{what}: {error}"))
            .service(error)
            .advise("if a proxy or a private authority signs it, name its certificate with `--ca-file PEM`"),
        Kind::Proxy => ExitReport::new(USAGE, "Proxy", format!("{what}: {error}"))
            .service(error)
            .advise("set `HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT`, or name the host in `NO_PROXY` if it is reached without a proxy"),
        Kind::Intermediary => ExitReport::new(TEMPORARY, "Intermediary", format!("{what}: {error}"))
            .service(error)
            .advise("a proxy, a gateway or a network that wants a sign-in gave it: open the host in a browser, or ask whoever runs the network to let it through"),
        Kind::NoMailbox => new(
            REFUSED,
            "NoMailbox",
            "the mailbox cannot be reached through Microsoft Graph".into(),
        )
        .advise("Graph reaches active, licensed mailboxes in Exchange Online: not those on premises, and not a guest's"),
        Kind::SendLimit => new(
            TEMPORARY,
            "SendLimit",
            "the mailbox has reached a limit on sending".into(),
        )
        .advise("Exchange Online takes 30 messages a minute and 10,000 recipients a day from a mailbox; if an administrator has blocked it, only an administrator can lift that"),
        Kind::Blocked => new(
            REFUSED,
            "Blocked",
            "the service will not send this message".into(),
        )
        .advise("its protection against spam (WASCL) or a rule of the organisation stopped it: look at the content, or ask an administrator to release the mailbox"),
        Kind::Throttled => new(TEMPORARY, "Throttled", "the service is throttling".into())
            .advise("a mailbox takes 150 MB in 5 minutes from one app; wait, then resume"),
        Kind::Unavailable if error.is("ErrorMailboxMoveInProgress") => {
            new(TEMPORARY, "Unavailable", "the mailbox is being moved".into())
                .advise("it is there again when the move is over: try again later")
        }
        Kind::Unavailable => {
            new(TEMPORARY, "Unavailable", "the service is not available".into())
        }
        Kind::Unauthorized => {
            new(CREDENTIALS, "Unauthorized", "the service does not take the token".into())
                .advise("get a new token: it may have expired, or be meant for another service")
        }
        Kind::Forbidden if item.is_some_and(|item| item.mailbox.is_some()) => new(
            CREDENTIALS,
            "Forbidden",
            "the token may not change this mailbox".into(),
        )
        .advise(format!(
            "a shared or delegated mailbox needs an application permission ({permission}) or \
             {permission}.Shared; with delegated tokens Microsoft lists this as a known issue"
        )),
        Kind::Forbidden => {
            new(CREDENTIALS, "Forbidden", format!("the token may not change the {kind}"))
                .advise(format!("attaching to a {kind} needs the permission {permission}"))
        }
        Kind::NotFound => new(NOT_FOUND, "NotFound", format!("the {kind} is not there"))
            .advise(format!(
                "check the id and the mailbox: ids are case-sensitive, and change when a {kind} moves"
            )),
        Kind::MalformedId => new(NOT_FOUND, "NotFound", format!("that is not the id of a {kind}"))
            .advise("copy the id as Graph gives it, such as AAMkAGI2…="),
        Kind::TooLarge if error.is("ErrorAttachmentSizeLimitExceeded") => new(
            REFUSED,
            "TooLarge",
            "it is larger than the organisation allows an attachment to be".into(),
        )
        .advise("share the file (OneDrive, SharePoint) and send a link"),
        Kind::TooLarge => new(
            REFUSED,
            "TooLarge",
            format!("the {kind} would be larger than the mailbox allows"),
        )
        .advise(
            "the limit is 35 MB unless an administrator raised it (up to 150 MB), other \
             attachments included; share a link instead",
        ),
        Kind::RangeTooLarge => new(
            REFUSED,
            "TooLarge",
            "something in between takes smaller requests only".into(),
        )
        .advise("send smaller ranges with `--chunk-size 320KiB`"),
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
        .advise("only files under 3 MB can be attached there: share a link, or split the file"),
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
