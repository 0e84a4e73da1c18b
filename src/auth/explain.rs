//! Turns a refusal into the sentence that helps, with the help of what the token says of itself.
//!
//! Pure. Nothing here decides whether something is allowed, with two exceptions that spare a
//! request which cannot succeed: [`objection`].

use std::fmt;

use jiff::Timestamp;
use url::Url;

use super::claims::Claims;
use crate::config::{
    Cloud,
    cloud::{CLOUDS, PUBLIC},
    endpoint::is_loopback,
};

/// Graph's own app id, which is the audience of some of its tokens, in every cloud.
const GRAPH_APP: &str = "00000003-0000-0000-c000-000000000000";

/// More permissions than this are not listed one by one.
const LISTED: usize = 12;

/// Something that a token must be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Attach to a message, or make or change one.
    WriteMessage,
    /// Attach to an event.
    WriteEvent,
    /// List or read messages and their attachments.
    ReadMessage,
    /// List or read events and their attachments.
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

/// A sentence, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// One sentence in words for people. May quote the token's claims: escape before a terminal.
    pub sentence: String,
    /// Lines to run or to do, most useful first.
    pub hints: Vec<String>,
}

/// Why a token cannot be used for this at all; known before a byte is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// It was issued for another API.
    #[error("the token was issued for `{audience}`, not for Microsoft Graph")]
    OtherApi {
        /// Its audience.
        audience: String,
        /// The resource that it should have been asked for.
        resource: &'static str,
    },
    /// It was issued for Graph in another cloud.
    #[error("the token was issued for the cloud `{its}`, and this is `{ours}`")]
    OtherCloud {
        /// The token's cloud.
        its: &'static str,
        /// The cloud that is in use.
        ours: &'static str,
    },
    /// It stands for an app, which has no `/me`.
    #[error("the token stands for an app, not for a person: there is no mailbox of its own")]
    NoMailbox,
}

impl Objection {
    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Objection::OtherApi { resource, .. } => {
                vec![format!("ask for a token for {resource}/.default")]
            }
            Objection::OtherCloud { its, .. } => vec![format!("--cloud {its}")],
            Objection::NoMailbox => vec!["--mailbox USER@EXAMPLE.ORG".into()],
        }
    }
}

/// Whether a token is plainly not for this, so that it need not even be sent.
pub fn objection(
    claims: &Claims,
    cloud: &'static Cloud,
    endpoint: &Url,
    mailbox: bool,
) -> Option<Objection> {
    if let Some(audience) = &claims.audience
        && let Some(objection) = wrong_audience(audience, cloud, endpoint)
    {
        return Some(objection);
    }
    (!mailbox && claims.is_app_only()).then_some(Objection::NoMailbox)
}

fn wrong_audience(audience: &str, cloud: &'static Cloud, endpoint: &Url) -> Option<Objection> {
    let url = Url::parse(audience).ok();
    let host = url.as_ref().and_then(Url::host_str);
    if audience.eq_ignore_ascii_case(GRAPH_APP) || host == Some(cloud.graph_host()) {
        return None;
    }
    // A stand-in on this computer may play any cloud with the public cloud's tokens.
    if is_loopback(endpoint) && host == Some(PUBLIC.graph_host()) {
        return None;
    }
    if let Some(other) = host.and_then(Cloud::of_graph_host) {
        return Some(Objection::OtherCloud {
            its: other.name,
            ours: cloud.name,
        });
    }
    // A gateway of somebody's own in front of Graph may want tokens of its own.
    let endpoint_host = endpoint.host_str().unwrap_or_default();
    let gateway =
        !is_loopback(endpoint) && !CLOUDS.iter().any(|row| row.graph_host() == endpoint_host);
    // Other things than a URL or an app id are not plainly anything.
    let plain = url.is_some() || uuid::Uuid::parse_str(audience).is_ok();
    (plain && !gateway).then(|| Objection::OtherApi {
        audience: clip(audience),
        resource: cloud.graph,
    })
}

/// Explains a 401 or 403 of the service, as far as the token's claims can; `None` when they cannot,
/// as those of an opaque token.
///
/// `code` is the service's own, such as `ErrorAccessDenied`.
pub fn refusal(
    claims: Option<&Claims>,
    status: u16,
    code: &str,
    attempt: Attempt,
    now: Timestamp,
) -> Option<Explanation> {
    match (status, claims?) {
        (401, claims) => unauthorized(claims, now),
        (403, claims) if !claims.scopes.is_empty() || claims.is_app_only() => {
            Some(forbidden(claims, code, attempt))
        }
        _ => None,
    }
}

fn unauthorized(claims: &Claims, now: Timestamp) -> Option<Explanation> {
    if let Some(expires) = claims.expires
        && expires <= now
    {
        let ago = Span::between(expires, now);
        return Some(Explanation {
            sentence: format!("the token expired {ago} ago"),
            hints: vec!["graph-attach auth status    (says where the token came from)".into()],
        });
    }
    if let Some(begins) = claims.begins
        && begins > now
    {
        let ahead = Span::between(now, begins);
        return Some(Explanation {
            sentence: format!("the token is not valid for another {ahead}"),
            hints: vec!["check this computer's clock".into()],
        });
    }
    None
}

fn forbidden(claims: &Claims, code: &str, attempt: Attempt) -> Explanation {
    let action = attempt.action;
    let app_only = claims.is_app_only();
    let held = if app_only {
        &claims.roles
    } else {
        &claims.scopes
    };
    if !attempt.is_covered_by(held, app_only) {
        if let Some(tool) = claims.borrowed_app() {
            return Explanation {
                sentence: format!("this is an {tool} user token, which cannot carry mail scopes"),
                hints: vec!["graph-attach auth login --client-id APP_ID --tenant TENANT_ID".into()],
            };
        }
        let kind = if app_only { "application" } else { "delegated" };
        let needed = attempt.needed(app_only);
        return Explanation {
            sentence: format!("the token has {}; {action} needs {needed}", list(held)),
            hints: vec![format!(
                "grant the {kind} permission {needed} to the app{}, then get a new token",
                claims
                    .app
                    .as_deref()
                    .map(|id| format!(" {}", clip(id)))
                    .unwrap_or_default()
            )],
        };
    }
    let needed = attempt.needed(app_only);
    let (sentence, hint) = if app_only {
        (
            format!(
                "the app has the permission {needed}, but may not use it on this mailbox: a policy \
                 may keep it out, or there is no such mailbox"
            ),
            "Test-ApplicationAccessPolicy -Identity MAILBOX -AppId APP_ID    (Exchange PowerShell)",
        )
    } else if attempt.mailbox {
        (
            "the token's user may not write to this mailbox, or the service does not let delegated \
             tokens attach to shared or delegated mailboxes"
                .to_owned(),
            "give the user full access to the mailbox, or use an app with the application permission",
        )
    } else if code.eq_ignore_ascii_case("ErrorAccessDenied") {
        (
            format!("the token has the permission {needed}, but the mailbox refuses it"),
            "graph-attach auth status --check",
        )
    } else {
        (
            format!("the token has the permission {needed}, but a policy refuses it"),
            "graph-attach auth status --check",
        )
    };
    Explanation {
        sentence,
        hints: vec![hint.into()],
    }
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
        match (method, is_event) {
            ("GET", false) => Action::ReadMessage,
            ("GET", true) => Action::ReadEvent,
            _ if path.ends_with("/send") => Action::Send,
            (_, false) => Action::WriteMessage,
            (_, true) => Action::WriteEvent,
        }
    }

    /// The action that a command reads for, when it is one that writes.
    pub fn to_write(self) -> Self {
        match self {
            Action::ReadMessage => Action::WriteMessage,
            Action::ReadEvent => Action::WriteEvent,
            other => other,
        }
    }

    fn permission(self) -> &'static str {
        match self {
            Action::WriteMessage => "Mail.ReadWrite",
            Action::WriteEvent => "Calendars.ReadWrite",
            Action::ReadMessage => "Mail.Read",
            Action::ReadEvent => "Calendars.Read",
            Action::Send => "Mail.Send",
        }
    }

    /// Permissions that include this one.
    fn wider(self) -> Option<&'static str> {
        match self {
            Action::ReadMessage => Some("Mail.ReadWrite"),
            Action::ReadEvent => Some("Calendars.ReadWrite"),
            _ => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::WriteMessage => "attaching to a message",
            Action::WriteEvent => "attaching to an event",
            Action::ReadMessage => "reading messages",
            Action::ReadEvent => "reading events",
            Action::Send => "sending a message",
        })
    }
}

impl Attempt {
    /// The permission by its full name: for someone else's mailbox a user needs the shared one.
    fn needed(self, app_only: bool) -> String {
        let suffix = if self.mailbox && !app_only {
            ".Shared"
        } else {
            ""
        };
        format!("{}{suffix}", self.action.permission())
    }

    /// `--mailbox` may name the user's own, for which the plain permission is enough.
    fn is_covered_by(self, held: &[String], app_only: bool) -> bool {
        let enough = [Some(self.action.permission()), self.action.wider()];
        held.iter().any(|have| {
            let plain = match have.strip_suffix(".Shared") {
                Some(plain) if self.mailbox && !app_only => plain,
                _ => have,
            };
            enough
                .iter()
                .flatten()
                .any(|name| plain.eq_ignore_ascii_case(name))
        })
    }
}

/// `A`, `A and B`, `A, B and C`; with `no permissions` for none, and cut when it is long.
fn list(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().take(LISTED).map(|name| clip(name)).collect();
    let more = names.len() - shown.len();
    match shown.as_slice() {
        [] => "no permissions".into(),
        _ if more > 0 => format!("{} and {more} more", shown.join(", ")),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A claim as far as it is worth showing.
fn clip(text: &str) -> String {
    text.chars().take(120).collect()
}

/// A length of time in the unit that people would use; whole, and rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(i64);

impl Span {
    /// From one moment to a later one.
    pub fn between(from: Timestamp, to: Timestamp) -> Self {
        Span(to.duration_since(from).as_secs())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s @ ..120 => write!(f, "{s} s"),
            s @ 120..7_200 => write!(f, "{} min", s / 60),
            s @ 7_200..172_800 => write!(f, "{} h", s / 3_600),
            s => write!(f, "{} days", s / 86_400),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{super::claims::tests::claims, *};

    const NOW: i64 = 1_800_000_000;
    const MESSAGE: Attempt = Attempt {
        action: Action::WriteMessage,
        mailbox: false,
    };

    fn object(payload: &Value, endpoint: &str, mailbox: bool) -> Option<Objection> {
        objection(
            &claims(payload),
            PUBLIC,
            &Url::parse(endpoint).unwrap(),
            mailbox,
        )
    }

    fn explain(payload: &Value, status: u16, attempt: Attempt) -> String {
        let now = Timestamp::from_second(NOW).unwrap();
        refusal(
            Some(&claims(payload)),
            status,
            "ErrorAccessDenied",
            attempt,
            now,
        )
        .map(|explanation| explanation.sentence)
        .unwrap_or_default()
    }

    #[test]
    fn tokens_for_another_api_or_cloud_are_objected_to() {
        let graph = "https://graph.microsoft.com/v1.0";
        for endpoint in [graph, "http://127.0.0.1:1/v1.0"] {
            for fine in [
                "https://graph.microsoft.com",
                "https://graph.microsoft.com/",
                GRAPH_APP,
                "something",
            ] {
                assert_eq!(
                    object(&json!({"aud": fine}), endpoint, false),
                    None,
                    "{fine}"
                );
            }
            for other in [
                "https://management.azure.com/",
                "https://outlook.office365.com",
                "api://mine",
                "00000002-0000-0000-c000-000000000000",
            ] {
                let found = object(&json!({"aud": other}), endpoint, false);
                assert!(matches!(found, Some(Objection::OtherApi { .. })), "{other}");
            }
            assert_eq!(
                object(
                    &json!({"aud": "https://graph.microsoft.us"}),
                    endpoint,
                    true
                ),
                Some(Objection::OtherCloud {
                    its: "gcc-high",
                    ours: "public"
                })
            );
        }
        assert_eq!(object(&json!({}), graph, false), None);
    }

    #[test]
    fn a_stand_in_may_play_any_cloud_with_tokens_of_the_public_one() {
        let dod = Cloud::named("dod").unwrap();
        let token = claims(&json!({"aud": PUBLIC.graph}));
        let judge = |endpoint: &str| objection(&token, dod, &Url::parse(endpoint).unwrap(), false);
        assert_eq!(judge("http://127.0.0.1:1/v1.0"), None);
        assert_eq!(
            judge("https://dod-graph.microsoft.us/v1.0"),
            Some(Objection::OtherCloud {
                its: "public",
                ours: "dod"
            })
        );
    }

    #[test]
    fn a_gateway_may_want_tokens_of_its_own() {
        let gateway = "https://gateway.example/v1.0";
        assert_eq!(
            object(&json!({"aud": "api://gateway"}), gateway, false),
            None
        );
    }

    #[test]
    fn an_app_has_no_me() {
        let graph = "https://graph.microsoft.com/v1.0";
        let app = json!({"idtyp": "app", "roles": ["Mail.ReadWrite"]});
        assert_eq!(object(&app, graph, false), Some(Objection::NoMailbox));
        assert_eq!(object(&app, graph, true), None);
        assert_eq!(
            object(&json!({"scp": "Mail.ReadWrite"}), graph, false),
            None
        );
    }

    #[test]
    fn an_expired_token_says_since_when() {
        let expired = |ago: i64| explain(&json!({"exp": NOW - ago}), 401, MESSAGE);
        assert_eq!(expired(0), "the token expired 0 s ago");
        assert_eq!(expired(90), "the token expired 90 s ago");
        assert_eq!(expired(600), "the token expired 10 min ago");
        assert_eq!(expired(3 * 3600 + 60), "the token expired 3 h ago");
        assert_eq!(expired(3 * 86_400), "the token expired 3 days ago");
        assert_eq!(expired(-1), "");
        assert_eq!(
            explain(&json!({"exp": NOW + 999, "nbf": NOW + 300}), 401, MESSAGE),
            "the token is not valid for another 5 min"
        );
    }

    #[test]
    fn a_missing_permission_is_named_beside_those_that_are_there() {
        assert_eq!(
            explain(&json!({"scp": "Mail.Send User.Read"}), 403, MESSAGE),
            "the token has Mail.Send and User.Read; attaching to a message needs Mail.ReadWrite"
        );
        assert_eq!(
            explain(
                &json!({"scp": "Mail.ReadWrite"}),
                403,
                Attempt {
                    action: Action::WriteEvent,
                    mailbox: true
                }
            ),
            "the token has Mail.ReadWrite; attaching to an event needs Calendars.ReadWrite.Shared"
        );
        assert_eq!(
            explain(
                &json!({"idtyp": "app", "roles": ["User.Read.All"]}),
                403,
                Attempt {
                    action: Action::Send,
                    mailbox: true
                }
            ),
            "the token has User.Read.All; sending a message needs Mail.Send"
        );
        assert_eq!(
            explain(
                &json!({"idtyp": "app"}),
                403,
                Attempt {
                    mailbox: true,
                    ..MESSAGE
                }
            ),
            "the token has no permissions; attaching to a message needs Mail.ReadWrite"
        );
    }

    #[test]
    fn an_azure_cli_token_is_named_as_one() {
        let cli = json!({
            "appid": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
            "scp": "AuditLog.Read.All Directory.AccessAsUser.All email openid profile",
        });
        assert_eq!(
            explain(&cli, 403, MESSAGE),
            "this is an Azure CLI user token, which cannot carry mail scopes"
        );
    }

    #[test]
    fn with_the_permission_the_mailbox_is_the_reason() {
        let user = json!({"scp": "Mail.ReadWrite Mail.ReadWrite.Shared"});
        assert!(explain(&user, 403, MESSAGE).contains("the mailbox refuses it"));
        let other = Attempt {
            mailbox: true,
            ..MESSAGE
        };
        assert!(explain(&user, 403, other).contains("shared or delegated mailboxes"));
        let app = json!({"roles": ["Mail.ReadWrite"]});
        assert!(explain(&app, 403, other).contains("policy"));
        let shared_only = json!({"scp": "Mail.ReadWrite.Shared"});
        assert!(explain(&shared_only, 403, MESSAGE).contains("needs Mail.ReadWrite"));
        let reader = Attempt {
            action: Action::ReadMessage,
            mailbox: false,
        };
        assert!(explain(&user, 403, reader).contains("the mailbox refuses it"));
    }

    #[test]
    fn a_request_tells_what_it_is_for() {
        for (method, path, action) in [
            (
                "GET",
                "/me/messages/A/attachments?$select=id",
                Action::ReadMessage,
            ),
            ("GET", "/users/events/events/A", Action::ReadEvent),
            ("GET", "/users/events/messages/A", Action::ReadMessage),
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

    #[test]
    fn an_opaque_token_explains_nothing() {
        let now = Timestamp::from_second(NOW).unwrap();
        for status in [401, 403, 500] {
            assert_eq!(refusal(None, status, "", MESSAGE, now), None);
            assert_eq!(
                refusal(Some(&Claims::default()), status, "", MESSAGE, now),
                None
            );
        }
    }

    proptest! {
        #[test]
        fn any_claims_are_explained_briefly(
            scopes in prop::collection::vec("\\PC{0,300}", 0..40),
            roles in prop::collection::vec("\\PC{0,300}", 0..40),
            exp in any::<i64>(), status in 100u16..600, mailbox: bool,
        ) {
            let claims = Claims {
                scopes, roles, expires: Timestamp::from_second(exp).ok(), ..Claims::default()
            };
            let attempt = Attempt { action: Action::WriteEvent, mailbox };
            let now = Timestamp::from_second(NOW).unwrap();
            if let Some(found) = refusal(Some(&claims), status, "", attempt, now) {
                prop_assert!(found.sentence.chars().count() < 2048);
            }
        }

        #[test]
        fn any_audience_is_judged(audience in "\\PC{0,80}") {
            let claims = Claims { audience: Some(audience), ..Claims::default() };
            let endpoint = Url::parse(PUBLIC.graph).unwrap();
            let _ = objection(&claims, PUBLIC, &endpoint, false);
        }
    }
}
