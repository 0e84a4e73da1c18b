//! Exit codes, and the one place that turns an error into a code, a sentence and the next command.

use crate::{
    auth, config, graph,
    graph::{Item, ItemKind, Kind},
    output::Problem,
    session::{DirError, LockError, SessionId},
    upload::{Cause, Failure, SourceError},
    web::CaFile,
};

/// Everything attached, or already was.
pub const SUCCESS: u8 = 0;
/// Unclassified.
pub const FAILURE: u8 = 1;
/// Usage or configuration.
pub const USAGE: u8 = 2;
/// Some files attached, some not.
pub const PARTIAL: u8 = 3;
/// No, expired or insufficient credentials.
pub const CREDENTIALS: u8 = 4;
/// Temporary: network, throttling, 5xx, retries spent.
pub const TEMPORARY: u8 = 5;
/// Item or session not found, or expired.
pub const NOT_FOUND: u8 = 6;
/// Refused by the service or by a limit.
pub const REFUSED: u8 = 7;
/// Local file missing, unreadable, changed, or too large.
pub const FILE: u8 = 8;
/// State directory unusable, or session locked by another process.
pub const STATE: u8 = 9;
/// Verification failed, or the service contradicted itself.
pub const CONTRADICTION: u8 = 10;

/// What a person types was wrong in a way that clap cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Usage {
    /// What and why.
    pub message: String,
    /// The next command to run.
    pub hints: Vec<String>,
}

impl Usage {
    /// A usage error with hints.
    pub fn new(message: impl Into<String>, hints: &[&str]) -> Self {
        Usage {
            message: message.into(),
            hints: hints.iter().map(|&hint| hint.into()).collect(),
        }
    }
}

/// Something that was named is not there.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct NotFound {
    /// What.
    pub message: String,
    /// The next command to run.
    pub hints: Vec<String>,
}

/// Another process works on the same thing.
#[derive(Debug, thiserror::Error)]
#[error("{what} is in use by another graph-attach process{}", pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
pub struct Busy {
    /// `the message` or `session 7Q2KM4XA`.
    pub what: String,
    /// The process.
    pub pid: Option<u32>,
}

/// What to do about a record that cannot be taken away.
const WRITABLE: &str = "make the state directory writable again before you go on";

/// A session that may be alive can neither be cancelled nor forgotten.
#[derive(Debug, thiserror::Error)]
#[error(
    "session {id} could neither be cancelled at the service nor taken out of the state directory ({source}); another beside it could attach the file twice"
)]
pub struct Stuck {
    /// The session.
    pub id: SessionId,
    /// Why it stays on disk.
    pub source: std::io::Error,
}

/// The upload of one file failed.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` is not attached: {}", failure.cause)]
pub struct NotAttached {
    /// How it ended.
    pub failure: Failure,
    /// The attachment's name.
    pub name: String,
    /// Onto what.
    pub item: Item,
}

/// A request about an item failed, outside an upload.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub struct Request {
    /// What was tried: "cannot cancel session 7Q2KM4XA".
    pub what: String,
    /// The error.
    pub error: graph::Error,
    /// About which item.
    pub item: Option<Item>,
}

/// A request about mail, other than an upload, failed.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub struct MailRequest {
    /// What was tried: "cannot send the message".
    pub what: String,
    /// The error.
    pub error: graph::Error,
    /// About which item; none for a whole mailbox.
    pub item: Option<Item>,
    /// What it takes, least privileged.
    pub permission: &'static str,
}

/// This program refuses, because it would do harm or could not work.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What and why.
    pub message: String,
    /// The next command to run.
    pub hints: Vec<String>,
}

/// What a command's error comes to.
#[derive(Debug)]
pub struct Verdict {
    /// The exit code.
    pub code: u8,
    /// For people.
    pub problem: Problem,
    /// For programs: a name that does not change.
    pub name: String,
    /// HTTP status, if the service answered.
    pub status: Option<u16>,
    /// `request-id` of the answer.
    pub request_id: Option<String>,
    /// The session that `resume` goes on with.
    pub resume: Option<SessionId>,
}

impl Verdict {
    fn new(code: u8, name: &str, heading: impl Into<String>) -> Self {
        let problem = Problem {
            heading: heading.into(),
            causes: Vec::new(),
            advice: Vec::new(),
            hints: Vec::new(),
            request_ids: Vec::new(),
        };
        Verdict {
            code,
            problem,
            name: name.into(),
            status: None,
            request_id: None,
            resume: None,
        }
    }

    /// A file that was not reached, because of what ended the command with `code`.
    pub fn not_tried(shown: &str, code: u8) -> Self {
        Verdict::new(code, "NotTried", format!("`{shown}` was not tried"))
    }

    /// A file that was under way when a signal came.
    pub fn interrupted(text: String, code: u8, resume: Option<SessionId>) -> Self {
        let verdict = Verdict::new(code, "Interrupted", text);
        Verdict { resume, ..verdict }
    }

    fn cause(mut self, cause: impl Into<String>) -> Self {
        self.problem.causes.push(cause.into());
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.problem.suggest(hint.into());
        self
    }

    fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        hints
            .into_iter()
            .for_each(|hint| self.problem.suggest(hint));
        self
    }

    fn service(mut self, error: &graph::Error) -> Self {
        self.status = error.status;
        self.request_id.clone_from(&error.request_id);
        if !error.code.is_empty() {
            self.name.clone_from(&error.code);
        }
        let ids = [
            ("request-id", &error.request_id),
            ("client-request-id", &error.client_request_id),
            ("diagnostics", &error.diagnostics),
        ];
        for (name, id) in ids {
            if let Some(id) = id {
                self.problem.request_ids.push((name, id.clone()));
            }
        }
        self
    }
}

/// Sorts any error that a command ends with.
pub fn verdict(error: &anyhow::Error) -> Verdict {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<NotAttached>() {
            return not_attached(error);
        }
        if let Some(error) = cause.downcast_ref::<Request>() {
            return service(&error.error, error.item.as_ref(), &error.what);
        }
        if let Some(error) = cause.downcast_ref::<MailRequest>() {
            return mail(error);
        }
        if let Some(error) = cause.downcast_ref::<Refusal>() {
            return Verdict::new(REFUSED, "Refused", &error.message).hints(error.hints.clone());
        }
        if let Some(error) = cause.downcast_ref::<Usage>() {
            return Verdict::new(USAGE, "Usage", &error.message).hints(error.hints.clone());
        }
        if let Some(error) = cause.downcast_ref::<NotFound>() {
            return Verdict::new(NOT_FOUND, "NotFound", &error.message).hints(error.hints.clone());
        }
        if let Some(error) = cause.downcast_ref::<Busy>() {
            return Verdict::new(STATE, "Busy", error.to_string())
                .hint("`attach` and `resume` wait for it with `--wait`")
                .hint("graph-attach status");
        }
        if let Some(error) = cause.downcast_ref::<Stuck>() {
            return Verdict::new(STATE, "State", error.to_string()).hint(WRITABLE);
        }
        if let Some(error) = cause.downcast_ref::<auth::Error>() {
            return credentials(error);
        }
        if let Some(error) = cause.downcast_ref::<config::Error>() {
            return Verdict::new(USAGE, "Configuration", error.to_string()).hints(error.hints());
        }
        if let Some(error) = cause.downcast_ref::<CaFile>() {
            return Verdict::new(USAGE, "CaFile", error.to_string());
        }
        if let Some(error) = cause.downcast_ref::<DirError>() {
            return state(error);
        }
        if let Some(error) = cause.downcast_ref::<LockError>() {
            return Verdict::new(STATE, "Lock", error.to_string());
        }
        if let Some(error) = cause.downcast_ref::<SourceError>() {
            return source(error, error.to_string());
        }
    }
    let mut verdict = Verdict::new(FAILURE, "Failure", error.to_string());
    for cause in error.chain().skip(1) {
        verdict = verdict.cause(cause.to_string());
    }
    verdict
}

/// Results could not be written. What was done is done.
pub fn unwritten(kind: std::io::ErrorKind) -> Problem {
    Problem {
        heading: format!("the results could not be written to standard output: {kind}"),
        ..Problem::default()
    }
}

fn credentials(error: &auth::Error) -> Verdict {
    let code = match error.kind() {
        auth::Kind::Credentials => CREDENTIALS,
        auth::Kind::Configuration => USAGE,
        auth::Kind::Temporary => TEMPORARY,
        auth::Kind::State => STATE,
    };
    let name = match error {
        auth::Error::Objection(_) | auth::Error::Explained(_) => "WrongToken",
        _ => "NoToken",
    };
    let mut verdict = Verdict::new(code, name, error.to_string()).hints(error.hints());
    let mut next = std::error::Error::source(error).and_then(std::error::Error::source);
    while let Some(cause) = next {
        verdict = verdict.cause(cause.to_string());
        next = cause.source();
    }
    verdict
}

fn state(error: &DirError) -> Verdict {
    let verdict = Verdict::new(STATE, "StateDirectory", error.to_string())
        .hint("use another one with `--state-dir DIR`");
    match error {
        DirError::Unsafe { path, why } if *why == DirError::WRITABLE => {
            verdict.hint(format!("chmod 700 {}", shell(&path.to_string_lossy())))
        }
        _ => verdict,
    }
}

fn source(error: &SourceError, heading: String) -> Verdict {
    match error {
        SourceError::Missing(_) => Verdict::new(FILE, "FileMissing", heading),
        SourceError::NotAFile { path, kind } if *kind == SourceError::DIRECTORY => {
            let path = shell(&path.to_string_lossy());
            Verdict::new(FILE, "NotAFile", heading).hint(format!(
                "tar -czf - {path} | graph-attach attach --name NAME.tar.gz -"
            ))
        }
        SourceError::NotAFile { path, .. } | SourceError::Unsized(path) => {
            let path = shell(&path.to_string_lossy());
            Verdict::new(FILE, "NotAFile", heading)
                .hint(format!("cat {path} | graph-attach attach --name NAME -"))
        }
        SourceError::Unreadable { .. } => Verdict::new(FILE, "FileUnreadable", heading),
        SourceError::TooLarge { .. } => Verdict::new(FILE, "FileTooLarge", heading)
            .hint("share the file (OneDrive, SharePoint) and send a link"),
        SourceError::Changed { .. } => Verdict::new(FILE, "FileChanged", heading)
            .hint("attach it again once nobody writes to it"),
    }
}

fn not_attached(error: &NotAttached) -> Verdict {
    let NotAttached {
        failure,
        name,
        item,
    } = error;
    let heading = error.to_string();
    let last = failure.error.as_ref();
    let mut verdict = match &failure.cause {
        Cause::Source(cause) => source(cause, cause.to_string()),
        Cause::State(_) => Verdict::new(STATE, "State", heading)
            .hint("use another directory with `--state-dir DIR`, or leave `--require-state` out"),
        Cause::Stuck(_) => Verdict::new(STATE, "State", heading).hint(WRITABLE),
        Cause::Contradiction(_) => {
            let mut verdict = Verdict::new(CONTRADICTION, "Contradiction", heading);
            if let Some(last) = last {
                verdict = verdict.service(last);
                "Contradiction".clone_into(&mut verdict.name);
            }
            verdict.hint(format!(
                "see what the {} holds before trying again",
                item.kind
            ))
        }
        Cause::Twice(ids) => {
            let verdict = Verdict::new(CONTRADICTION, "AttachedTwice", heading);
            ids.iter()
                .fold(verdict, |verdict, id| {
                    verdict.cause(format!("attachment `{id}`"))
                })
                .hints(ids.last().map(|id| detach(item, id)))
        }
        Cause::Mismatch { id } => Verdict::new(
            CONTRADICTION,
            "VerificationFailed",
            format!("`{name}` is attached, but what was read back is not the file"),
        )
        .cause(format!("attachment `{id}`"))
        .hint(detach(item, id)),
        Cause::Deadline => {
            let mut verdict = Verdict::new(TEMPORARY, "Deadline", heading);
            if let Some(last) = last {
                verdict = verdict.cause(last.to_string());
                if let Some(wait) = last.retry_after {
                    verdict =
                        verdict.cause(format!("it asks to be left alone for {} s", wait.as_secs()));
                }
            }
            verdict
        }
        Cause::SessionsSpent => {
            let mut verdict = Verdict::new(TEMPORARY, "SessionsSpent", heading);
            if let Some(last) = last {
                if last.kind == Kind::NotFound {
                    verdict.code = NOT_FOUND;
                }
                verdict = verdict.cause(last.to_string()).service(last);
                if matches!(last.kind, Kind::Unauthorized | Kind::Forbidden) {
                    verdict = verdict.hint(
                        "the upload host refuses sessions that it opened itself: this is the \
                         service's fault, and has lasted for hours before; try again later",
                    );
                }
            }
            verdict
        }
        Cause::Unverified { id } => {
            let what = format!("`{name}` is attached, but could not be read back");
            let verdict = match last {
                Some(last) => service(last, Some(item), &what),
                None => Verdict::new(FAILURE, "Failure", what),
            };
            verdict.cause(format!("attachment `{id}`"))
        }
        Cause::RetriesSpent | Cause::Refused => match last {
            Some(last) => service(last, Some(item), &format!("`{name}` is not attached")),
            None => Verdict::new(FAILURE, "Failure", heading),
        },
    };
    if let Some(session) = failure.session {
        // Of a session that died, 404 says nothing about the item.
        let about_item = matches!(failure.cause, Cause::Refused | Cause::RetriesSpent);
        if verdict.code == NOT_FOUND && about_item {
            let kind = item.kind;
            let cause = format!("the {kind} may have been deleted, moved or sent meanwhile");
            verdict.problem.causes.insert(0, cause);
        }
        verdict.resume = Some(session);
        verdict = verdict.hint(format!("graph-attach resume {session}"));
    }
    verdict
}

/// The command that removes an attachment.
fn detach(item: &Item, id: &str) -> String {
    format!("graph-attach detach {} {}", flags(item), shell(id))
}

/// The same for what is no upload: other permissions, and mailboxes as well as items.
fn mail(error: &MailRequest) -> Verdict {
    let mut verdict = service(&error.error, error.item.as_ref(), &error.what);
    match (error.error.kind, &error.item) {
        (Kind::Forbidden, _) if error.error.explanation.is_none() => {
            verdict.problem.heading = format!("{}: the token does not allow it", error.what);
            verdict.problem.hints.clear();
            verdict.problem.advice = vec![format!(
                "it needs the permission {}, and in somebody else's mailbox that of its owner",
                error.permission
            )];
        }
        (Kind::NotFound, None) => {
            verdict.problem.heading = format!("{}: there is no such mailbox", error.what);
            verdict.problem.hints.clear();
            verdict.problem.advice = vec!["check `--mailbox`".to_owned()];
        }
        _ => {}
    }
    verdict
}

/// What an error of the service or the network means to a person.
fn service(error: &graph::Error, item: Option<&Item>, what: &str) -> Verdict {
    if let (Kind::Auth, Some(auth)) = (error.kind, &error.auth) {
        return credentials(auth);
    }
    let kind = item.map_or("item".to_owned(), |item| item.kind.to_string());
    let permission = item
        .map_or(ItemKind::Message, |item| item.kind)
        .permission();
    let new = |code, name, text: String| {
        Verdict::new(code, name, format!("{what}: {text}"))
            .cause(error.to_string())
            .service(error)
    };
    if let Some(explanation) = &error.explanation {
        let name = match error.kind {
            Kind::Unauthorized => "Unauthorized",
            _ => "Forbidden",
        };
        return new(CREDENTIALS, name, explanation.sentence.clone())
            .hints(explanation.hints.clone());
    }
    match error.kind {
        Kind::Connect => {
            Verdict::new(TEMPORARY, "Network", format!("{what}: {error}")).service(error)
        }
        Kind::Lost => Verdict::new(TEMPORARY, "Network", format!("{what}: {error}")).service(error),
        Kind::Deadline => Verdict::new(TEMPORARY, "Deadline", format!("{what}: {error}")),
        Kind::Certificate => {
            Verdict::new(TEMPORARY, "Certificate", format!("{what}: {error}"))
                .hint("if a proxy or a private authority signs it, name its certificate with `--ca-file PEM`")
        }
        Kind::Throttled => new(TEMPORARY, "Throttled", "the service is throttling".into())
            .hint("a mailbox takes 150 MB in 5 minutes from one app; wait, then go on"),
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

/// The options that name an item, as a shell takes them.
pub fn flags(item: &Item) -> String {
    let mut flags = format!("--{} {}", item.kind, shell(&item.id));
    if let Some(mailbox) = &item.mailbox {
        flags += &format!(" --mailbox {}", shell(mailbox));
    }
    flags
}

/// A word that a shell takes as it is: quoted only where it must be, so that ids stay readable.
pub fn shell(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&b);
    if !word.is_empty() && !word.starts_with('=') && word.bytes().all(plain) {
        return word.to_owned();
    }
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}
