//! Tokens that look like the service's: three base64 parts, with claims that can be read.
//!
//! They are not signed. What makes them valid is that the stand-in issued them.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    model::mailbox::{OWN_UPN, OWN_USER, TENANT},
    random::uuid,
};

/// The permissions that everything here needs.
pub(crate) const ALL_SCOPES: &str = "Calendars.ReadWrite Mail.ReadWrite Mail.Send User.Read";

/// From when to when the tokens of a seeded stand-in are valid: they must be the same every time.
const SEEDED: (i64, i64) = (1_577_836_800, 4_102_444_800);

/// Makes tokens.
#[derive(Debug)]
pub(crate) struct Issuer {
    rng: fastrand::Rng,
    seeded: bool,
}

impl Issuer {
    pub(crate) fn new(seed: u64, seeded: bool) -> Self {
        Issuer {
            rng: fastrand::Rng::with_seed(seed),
            seeded,
        }
    }

    fn times(&self, now: Timestamp, life: Duration) -> (i64, i64) {
        match self.seeded {
            true => SEEDED,
            false => {
                let life = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
                (now.as_second(), now.as_second().saturating_add(life))
            }
        }
    }

    /// A bearer token for the Graph host. One without a user has its permissions as `roles`.
    pub(crate) fn access(
        &mut self,
        now: Timestamp,
        life: Duration,
        scopes: &str,
        user: bool,
    ) -> String {
        let (from, until) = self.times(now, life);
        let mut claims = json!({
            "aud": "https://graph.microsoft.com",
            "iss": format!("https://sts.windows.net/{TENANT}/"),
            "iat": from,
            "nbf": from,
            "exp": until,
            "app_displayname": "graph-attach sandbox",
            "appid": uuid(&mut self.rng).to_string(),
            "oid": OWN_USER.to_string(),
            "tid": TENANT.to_string(),
            "ver": "1.0",
        });
        if let Some(claims) = claims.as_object_mut() {
            match user {
                true => {
                    claims.insert("idtyp".to_owned(), json!("user"));
                    claims.insert("scp".to_owned(), json!(scopes));
                    claims.insert("upn".to_owned(), json!(OWN_UPN));
                }
                false => {
                    let roles: Vec<&str> = scopes
                        .split(' ')
                        .filter(|scope| *scope != "User.Read")
                        .collect();
                    claims.insert("idtyp".to_owned(), json!("app"));
                    claims.insert("roles".to_owned(), json!(roles));
                }
            }
        }
        self.encode(&claims)
    }

    /// The token within an upload URL.
    pub(crate) fn upload(&mut self, now: Timestamp, life: Duration) -> String {
        let (from, until) = self.times(now, life);
        let appctx = uuid(&mut self.rng).to_string();
        self.encode(&json!({
            "aud": "https://outlook.office.com/api/",
            "iss": format!("https://outlook.office.com/{TENANT}"),
            "iat": from,
            "nbf": from,
            "exp": until,
            "appctx": appctx,
            "oid": OWN_USER.to_string(),
            "scp": "AttachmentSession.ReadWrite",
            "tid": TENANT.to_string(),
            "ver": "ExchangeSelfIssued.V1",
        }))
    }

    fn encode(&mut self, claims: &Value) -> String {
        let kid = uuid(&mut self.rng).simple().to_string();
        let header = json!({"alg": "RS256", "kid": kid, "typ": "JWT"});
        // As long as an RSA signature of 2048 bits, because clients must cope with the length.
        let mut signature = [0; 256];
        self.rng.fill(&mut signature);
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (header, claims) = (header.to_string(), claims.to_string());
        format!(
            "{}.{}.{}",
            part(header.as_bytes()),
            part(claims.as_bytes()),
            part(&signature)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(token: &str) -> Value {
        let part = token.split('.').nth(1).expect("three parts");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
    }

    #[test]
    fn a_seed_makes_the_same_tokens() {
        let token = |seed, now: &str| {
            let now: Timestamp = now.parse().expect("a time");
            Issuer::new(seed, true).access(now, Duration::from_secs(60), ALL_SCOPES, true)
        };
        let first = token(1, "2026-01-01T00:00:00Z");
        assert_eq!(token(1, "2027-01-01T00:00:00Z"), first);
        assert_ne!(token(2, "2026-01-01T00:00:00Z"), first);
        assert_eq!(first.split('.').nth(2).map(str::len), Some(342));
    }

    #[test]
    fn permissions_are_a_user_s_or_an_application_s() {
        let mut issuer = Issuer::new(1, false);
        let (now, life) = (Timestamp::now(), Duration::from_secs(3600));
        let user = claims(&issuer.access(now, life, ALL_SCOPES, true));
        assert_eq!(user["scp"], ALL_SCOPES);
        assert_eq!(user["exp"].as_i64(), Some(now.as_second() + 3600));
        let app = claims(&issuer.access(now, life, ALL_SCOPES, false));
        assert_eq!(
            app["roles"],
            json!(["Calendars.ReadWrite", "Mail.ReadWrite", "Mail.Send"])
        );
        assert!(app.get("scp").is_none());
    }
}
