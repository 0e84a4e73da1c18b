//! The token endpoint: enough of Microsoft's sign-in for clients that get their tokens themselves.
//!
//! Nobody is asked for anything here: every secret, code and refresh token is taken. What a test can control
//! is what comes out: permissions, how long a token lives, and faults at the place `token`.

use hyper::Method;
use serde_json::{Value, json};

use crate::{
    failure::Failure,
    model::mailbox::{OWN_UPN, OWN_USER, TENANT},
    server::{body::Read, head::Head, outgoing::Part, reply::Reply},
    shared::Shared,
    tokens,
};

/// What a path below a tenant names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Token,
    DeviceCode,
    Configuration,
}

/// `/{tenant}/oauth2/v2.0/token` and the like; the tenant is not looked at.
pub(crate) fn endpoint(path: &str) -> Option<Endpoint> {
    let mut segments = path.trim_start_matches('/').splitn(2, '/');
    let (tenant, rest) = (segments.next()?, segments.next()?);
    if tenant.is_empty() {
        return None;
    }
    match rest.to_ascii_lowercase().as_str() {
        "oauth2/v2.0/token" => Some(Endpoint::Token),
        "oauth2/v2.0/devicecode" => Some(Endpoint::DeviceCode),
        "v2.0/.well-known/openid-configuration" => Some(Endpoint::Configuration),
        _ => None,
    }
}

/// Answers a request to it.
pub(crate) fn answer(
    shared: &Shared,
    head: &Head,
    endpoint: Endpoint,
    read: Read,
) -> Result<Reply, Failure> {
    let tenant = head
        .path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    let base = format!("{}/{tenant}", head.graph);
    match (endpoint, &head.method) {
        (Endpoint::Configuration, &Method::GET) => Ok(Reply::json(200, &configuration(&base))),
        (Endpoint::Token | Endpoint::DeviceCode, &Method::POST) => {
            let body = Part::collect(read.pieces.into_iter().map(Part::Plain).collect())
                .unwrap_or_default();
            let form: Vec<(String, String)> =
                url::form_urlencoded::parse(&body).into_owned().collect();
            match endpoint {
                Endpoint::Token => Ok(token(shared, &form)),
                _ => Ok(Reply::json(200, &device_code(&base))),
            }
        }
        (Endpoint::Configuration, _) => Err(Failure::method_not_allowed("GET")),
        _ => Err(Failure::method_not_allowed("POST")),
    }
}

fn configuration(base: &str) -> Value {
    json!({
        "issuer": format!("{base}/v2.0"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn device_code(base: &str) -> Value {
    json!({
        "device_code": "sandbox-device-code",
        "user_code": "SANDBOX1",
        "verification_uri": format!("{base}/oauth2/v2.0/devicecode"),
        "expires_in": 900,
        "interval": 1,
        "message": "Nothing to do: the sandbox signs in whoever asks.",
    })
}

fn token(shared: &Shared, form: &[(String, String)]) -> Reply {
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let refuse = |code: &str, description: &str| {
        let body = json!({"error": code, "error_description": description, "error_codes": [], "trace_id": shared.random.uuid().to_string()});
        Reply::json(400, &body)
    };
    let user = match field("grant_type") {
        Some("client_credentials") => false,
        Some(
            "refresh_token"
            | "authorization_code"
            | "password"
            | "urn:ietf:params:oauth:grant-type:device_code"
            | "device_code",
        ) => true,
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => true,
        Some(other) => {
            return refuse(
                "unsupported_grant_type",
                &format!("AADSTS70003: The app requested an unsupported grant type '{other}'."),
            );
        }
        None => {
            return refuse(
                "invalid_request",
                "AADSTS900144: The request body must contain the following parameter: 'grant_type'.",
            );
        }
    };
    if field("client_id").is_none() {
        return refuse(
            "invalid_request",
            "AADSTS900144: The request body must contain the following parameter: 'client_id'.",
        );
    }
    let granted = shared
        .options
        .scopes
        .as_deref()
        .unwrap_or(tokens::ALL_SCOPES);
    let asked: Vec<String> = field("scope")
        .unwrap_or_default()
        .split_whitespace()
        .map(|scope| scope.rsplit('/').next().unwrap_or_default().to_owned())
        .collect();
    let named: Vec<&str> = granted
        .split_whitespace()
        .filter(|scope| asked.iter().any(|asked| asked.eq_ignore_ascii_case(scope)))
        .collect();
    // `.default`, and a refresh that names none, mean all that was consented to.
    let scopes = match named.is_empty() || asked.iter().any(|scope| scope == ".default") {
        true => granted.to_owned(),
        false => named.join(" "),
    };
    let life = shared.options.token_ttl;
    let mut body = json!({
        "token_type": "Bearer",
        "expires_in": life.as_secs(),
        "ext_expires_in": life.as_secs(),
        "access_token": shared.issue(life, &scopes, user),
    });
    if let (true, Some(body)) = (user, body.as_object_mut()) {
        body.insert("scope".to_owned(), json!(scopes));
        if asked.iter().any(|scope| scope == "offline_access")
            || field("grant_type") == Some("refresh_token")
        {
            body.insert(
                "refresh_token".to_owned(),
                json!(format!("0.sandbox-{}", shared.random.uuid())),
            );
        }
        body.insert(
            "id_token".to_owned(),
            json!(id_token(field("client_id").unwrap_or_default())),
        );
    }
    Reply::json(200, &body)
}

/// An unsigned one, which says who signed in.
fn id_token(client: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "aud": client, "oid": OWN_USER.to_string(), "tid": TENANT.to_string(),
        "preferred_username": OWN_UPN, "name": "sandbox", "ver": "2.0",
    });
    format!(
        "{}.{}.",
        part(&json!({"alg": "none", "typ": "JWT"})),
        part(&claims)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_stand_below_any_tenant() {
        assert_eq!(endpoint("/common/oauth2/v2.0/token"), Some(Endpoint::Token));
        assert_eq!(
            endpoint("/t/oauth2/v2.0/DeviceCode"),
            Some(Endpoint::DeviceCode)
        );
        assert_eq!(
            endpoint("/t/v2.0/.well-known/openid-configuration"),
            Some(Endpoint::Configuration)
        );
        for path in [
            "/v1.0/me",
            "/oauth2/v2.0/token",
            "//oauth2/v2.0/token",
            "/t/oauth2/token",
            "",
        ] {
            assert_eq!(endpoint(path), None, "{path}");
        }
    }
}
