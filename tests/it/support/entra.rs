//! A stand-in that plays Entra to a person who signs in: discovery, the login page, redirects, codes with
//! PKCE, device codes, refresh tokens that are good once. It is as strict as the real one where that matters:
//! a wrong redirect URI, verifier, code or refresh token is refused with Entra's number.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use url::Url;

use super::login_server::{Answer, LoginServer, Seen};

/// The tenant that accounts are of.
pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";

/// What the login page does.
#[derive(Clone, Debug)]
pub(crate) enum Page {
    /// Signs in at once, as a browser that is signed in already.
    SignedIn,
    /// Asks for an account and for consent, with a button each.
    Asks,
    /// Sends the browser back with an error and its description.
    Fails(&'static str, &'static str),
    /// Sends it back with a state that nobody asked for.
    OtherState,
    /// Shows an error and sends nobody anywhere, as for a redirect URI that it does not know.
    Stays,
}

/// How it behaves.
#[derive(Clone)]
pub(crate) struct Manners {
    pub(crate) page: Page,
    /// The access token; a JWT of its own if not set.
    pub(crate) access_token: Option<String>,
    pub(crate) account: &'static str,
    pub(crate) tenant: &'static str,
    /// Whether an id token comes, and with which nonce instead of the one that was sent.
    pub(crate) id_token: Option<Option<&'static str>>,
    /// By how many seconds its clock goes before ours.
    pub(crate) ahead: i64,
    pub(crate) expires_in: i64,
    /// What the device code flow ends with, instead of a login.
    pub(crate) device_refusal: Option<(&'static str, &'static str)>,
    /// Whether only a person can prove what a claims challenge asks for.
    pub(crate) claims_need_a_person: bool,
    /// What a refresh ends with, instead of a new token.
    pub(crate) refresh_refusal: Option<(&'static str, &'static str)>,
}

impl Default for Manners {
    fn default() -> Self {
        Manners {
            page: Page::SignedIn,
            access_token: None,
            account: "adele@contoso.com",
            tenant: TENANT,
            id_token: Some(None),
            ahead: 0,
            expires_in: 3600,
            device_refusal: None,
            claims_need_a_person: false,
            refresh_refusal: None,
        }
    }
}

/// A running stand-in.
pub(crate) struct Entra {
    pub(crate) server: LoginServer,
}

#[derive(Default)]
struct Memory {
    /// What each code was asked for with.
    codes: HashMap<String, HashMap<String, String>>,
    /// Refresh tokens that are still good, and their scopes.
    refresh: HashMap<String, String>,
    made: usize,
}

impl Entra {
    pub(crate) fn start(manners: Manners) -> Self {
        let memory = Arc::new(Mutex::new(Memory::default()));
        let server = LoginServer::start(move |_, seen| {
            let mut memory = memory.lock().unwrap();
            answer(&manners, &mut memory, seen)
        });
        Entra { server }
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// The requests whose path ends so.
    pub(crate) fn seen(&self, end: &str) -> Vec<Seen> {
        let path = |seen: &Seen| {
            let target = seen.line.split(' ').nth(1).unwrap_or_default();
            target.split('?').next().unwrap_or_default().to_owned()
        };
        let all = self.server.seen();
        all.into_iter()
            .filter(|seen| path(seen).ends_with(end))
            .collect()
    }
}

fn answer(manners: &Manners, memory: &mut Memory, seen: &Seen) -> Answer {
    let target = seen.line.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    match path.rsplit('/').next().unwrap_or_default() {
        "openid-configuration" => {
            let base = format!("http://{}", seen.header("host").unwrap_or_default());
            Answer::json(
                200,
                &json!({
                    "issuer": format!("{base}/{}/v2.0", manners.tenant),
                    "authorization_endpoint": format!("{base}/{}/oauth2/v2.0/authorize", manners.tenant),
                    "token_endpoint": format!("{base}/{}/oauth2/v2.0/token", manners.tenant),
                }),
            )
        }
        "authorize" => authorize(manners, memory, seen, target),
        "devicecode" => {
            let form = seen.form.iter().cloned().collect();
            memory.codes.insert("DEVICE-CODE".into(), form);
            Answer::device_code(0, 900)
        }
        "token" => token(manners, memory, seen),
        _ => Answer::html(404),
    }
}

fn authorize(manners: &Manners, memory: &mut Memory, seen: &Seen, target: &str) -> Answer {
    let value = |name: &str| seen.value(name).unwrap_or_default();
    let redirect = value("redirect_uri");
    // Any port, but no other name and no path.
    let known = Url::parse(redirect).is_ok_and(|url| {
        url.host_str() == Some("localhost") && url.scheme() == "http" && url.path() == "/"
    });
    if matches!(manners.page, Page::Stays) || !known {
        return Answer::page(
            "Sign in",
            "<h1>AADSTS50011: The redirect URI does not match.</h1>",
        );
    }
    for (name, wanted) in [
        ("response_type", "code"),
        ("code_challenge_method", "S256"),
        ("response_mode", "query"),
    ] {
        assert_eq!(value(name), wanted, "{name}");
    }
    assert!(value("code_challenge").len() >= 43 && value("state").len() >= 16);
    let back = |parameters: &[(&str, &str)]| {
        let mut url = Url::parse(redirect).unwrap();
        url.query_pairs_mut().extend_pairs(parameters);
        url.to_string()
    };
    let state = value("state");
    match manners.page {
        Page::Fails(error, description) => {
            return Answer::redirect_with(
                302,
                &back(&[
                    ("error", error),
                    ("error_description", description),
                    ("state", state),
                ]),
            );
        }
        Page::Asks if seen.value("step").is_none() => {
            return asks(target, "account", "Pick an account");
        }
        Page::Asks if seen.value("step") == Some("account") => {
            return asks(target, "consent", "Permissions requested");
        }
        _ => {}
    }
    memory.made += 1;
    let code = format!("CODE-{}", memory.made);
    memory
        .codes
        .insert(code.clone(), seen.form.iter().cloned().collect());
    let state = match manners.page {
        Page::OtherState => "another",
        _ => state,
    };
    Answer::redirect_with(
        302,
        &back(&[("code", &code), ("state", state), ("session_state", "s")]),
    )
}

/// A page with a button that goes on to the next step.
fn asks(target: &str, step: &str, title: &str) -> Answer {
    let base = target.split("&step=").next().unwrap_or_default();
    let link = format!("{base}&step={step}").replace('&', "&amp;");
    Answer::page(
        title,
        &format!("<h1>{title}</h1><a id=next href=\"{link}\">Next</a>"),
    )
}

fn token(manners: &Manners, memory: &mut Memory, seen: &Seen) -> Answer {
    let value = |name: &str| seen.value(name).unwrap_or_default();
    assert!(seen.line.starts_with("POST "), "{}", seen.line);
    let mut claims = seen.value("claims").map(str::to_owned);
    let (scope, nonce) = match value("grant_type") {
        "authorization_code" => {
            let Some(asked) = memory.codes.remove(value("code")) else {
                return Answer::error(
                    "invalid_grant",
                    "AADSTS54005: The code was redeemed already.",
                );
            };
            let of = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
            if of("redirect_uri") != value("redirect_uri") {
                return Answer::error(
                    "invalid_grant",
                    "AADSTS500112: The redirect URI is another.",
                );
            }
            if of("client_id") != value("client_id") {
                return Answer::error("invalid_grant", "AADSTS700005: The code is another app's.");
            }
            let digest = aws_lc_rs::digest::digest(
                &aws_lc_rs::digest::SHA256,
                value("code_verifier").as_bytes(),
            );
            if URL_SAFE_NO_PAD.encode(digest) != of("code_challenge") {
                return Answer::error("invalid_grant", "AADSTS50148: The verifier does not match.");
            }
            claims = asked.get("claims").cloned();
            (of("scope").to_owned(), asked.get("nonce").cloned())
        }
        "refresh_token" => {
            if let Some((error, description)) = manners.refresh_refusal {
                return Answer::error(error, description);
            }
            if claims.is_some() && manners.claims_need_a_person {
                return Answer::error("interaction_required", "AADSTS50076: Use another factor.");
            }
            match memory.refresh.remove(value("refresh_token")) {
                Some(scope) => (scope, None),
                None => {
                    return Answer::error("invalid_grant", "AADSTS700082: The token has expired.");
                }
            }
        }
        _ if seen.value("device_code").is_some() => {
            if let Some((error, description)) = manners.device_refusal {
                return Answer::error(error, description);
            }
            let asked = memory.codes.get("DEVICE-CODE");
            let scope = asked.and_then(|form| form.get("scope").cloned());
            (scope.unwrap_or_default(), None)
        }
        other => return Answer::error("unsupported_grant_type", &format!("AADSTS70003: {other}")),
    };
    memory.made += 1;
    let refresh = format!("CANARY-REFRESH-{}", memory.made);
    memory.refresh.insert(refresh.clone(), scope.clone());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    let now = now + manners.ahead;
    let scp = scope
        .split(' ')
        .filter_map(|scope| scope.strip_prefix("https://graph.microsoft.com/"))
        .collect::<Vec<_>>()
        .join(" ");
    let access = manners.access_token.clone().unwrap_or_else(|| {
        jwt(&json!({
            "aud": "https://graph.microsoft.com", "tid": manners.tenant, "upn": manners.account,
            "scp": scp, "iat": now, "nbf": now, "exp": now + manners.expires_in, "idtyp": "user",
            "appid": "my-app", "jti": memory.made,
            "acrs": claims.is_some().then_some("c1"),
        }))
    });
    let mut body = json!({
        "token_type": "Bearer", "scope": scp, "expires_in": manners.expires_in,
        "ext_expires_in": manners.expires_in, "access_token": access, "refresh_token": refresh,
    });
    if let Some(other) = manners.id_token {
        let nonce = other.map(str::to_owned).or(nonce);
        body["id_token"] = jwt(&json!({
            "aud": "my-app", "tid": manners.tenant, "preferred_username": manners.account,
            "nonce": nonce, "iat": now, "exp": now + 3600,
        }))
        .into();
    }
    Answer::json(200, &body)
}

/// A token that says this of itself, unsigned.
pub(crate) fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.sig", part(&json!({"alg": "none"})), part(claims))
}
