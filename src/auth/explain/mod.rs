//! Turns a refusal into the sentence that helps, with the help of what the token says of itself.
//!
//! Pure. Nothing here decides whether something is allowed, with two exceptions that spare a
//! request which cannot succeed: [`preflight`].

mod action;
mod preflight;

use std::fmt;

use jiff::Timestamp;

pub use action::{Action, Attempt};
pub use preflight::{PreflightError, preflight};

use super::claims::Claims;

/// More permissions than this are not listed one by one.
const LISTED: usize = 12;

/// A sentence, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// One sentence in words for people. May quote the token's claims: escape before a terminal.
    pub sentence: String,
    /// Lines to run or to do, most useful first.
    pub hints: Vec<String>,
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
            hints: vec!["graph-attach auth status".into()],
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
            hints: sign_in(&needed, app_only)
                .into_iter()
                .chain([format!(
                    "grant the {kind} permission {needed} to the app{}, then get a new token",
                    claims
                        .app
                        .as_deref()
                        .map(|id| format!(" {}", clip(id)))
                        .unwrap_or_default()
                )])
                .collect(),
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

/// The login that adds a permission, for a person.
#[cfg(feature = "login")]
fn sign_in(permission: &str, app_only: bool) -> Option<String> {
    let scope = super::login::short_scope(permission);
    (!app_only).then(|| format!("graph-attach auth login --scopes {scope}"))
}

#[cfg(not(feature = "login"))]
fn sign_in(_: &str, _: bool) -> Option<String> {
    None
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
    }
}
