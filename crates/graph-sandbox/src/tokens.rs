//! Tokens that look like the service's: three base64 parts, with claims that can be read.
//!
//! They are not signed. What makes them valid is that the stand-in issued them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::mailbox::{OWN_UPN, OWN_USER, TENANT};

/// Long enough for any trial; a real access token lives for about an hour.
const ACCESS_LIFETIME_SECS: i64 = 24 * 60 * 60;

/// A bearer token for the Graph host, with the permissions that attaching and sending need.
pub(crate) fn access(now: Timestamp) -> String {
    encode(&json!({
        "aud": "https://graph.microsoft.com",
        "iss": format!("https://sts.windows.net/{TENANT}/"),
        "iat": now.as_second(),
        "nbf": now.as_second(),
        "exp": now.as_second() + ACCESS_LIFETIME_SECS,
        "app_displayname": "graph-attach sandbox",
        "appid": Uuid::new_v4().to_string(),
        "idtyp": "user",
        "oid": OWN_USER.to_string(),
        "scp": "Calendars.ReadWrite Mail.ReadWrite Mail.Send User.Read",
        "tid": TENANT.to_string(),
        "upn": OWN_UPN,
        "ver": "1.0",
    }))
}

/// The token within an upload URL.
pub(crate) fn upload(now: Timestamp, expires: Timestamp) -> String {
    encode(&json!({
        "aud": "https://outlook.office.com/api/",
        "iss": format!("https://outlook.office.com/{TENANT}"),
        "iat": now.as_second(),
        "nbf": now.as_second(),
        "exp": expires.as_second(),
        "appctx": Uuid::new_v4().to_string(),
        "oid": OWN_USER.to_string(),
        "scp": "AttachmentSession.ReadWrite",
        "tid": TENANT.to_string(),
        "ver": "ExchangeSelfIssued.V1",
    }))
}

fn encode(claims: &Value) -> String {
    let header = json!({"alg": "RS256", "kid": Uuid::new_v4().simple().to_string(), "typ": "JWT"});
    // As long as an RSA signature of 2048 bits, because clients must cope with the length.
    let signature: Vec<u8> = (0..16).flat_map(|_| *Uuid::new_v4().as_bytes()).collect();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (header, claims) = (header.to_string(), claims.to_string());
    format!(
        "{}.{}.{}",
        part(header.as_bytes()),
        part(claims.as_bytes()),
        part(&signature)
    )
}
