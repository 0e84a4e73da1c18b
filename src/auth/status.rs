//! Who a token says that it stands for, for `auth status`. Never the token itself.

use jiff::Timestamp;
use serde::Serialize;

use super::{claims::Claims, reply::AccessToken};

/// What is known of the credentials in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Which source gave the token.
    pub source: String,
    /// Sources that are set too, and have no say.
    pub ignored: Vec<String>,
    /// `user`, `app`, or `unknown` when the token does not say.
    pub kind: &'static str,
    /// The user's sign-in name.
    pub account: Option<String>,
    /// The app's name.
    pub app: Option<String>,
    /// The app's id.
    pub app_id: Option<String>,
    /// The tenant's id.
    pub tenant: Option<String>,
    /// The API that the token is for.
    pub audience: Option<String>,
    /// Delegated permissions.
    pub scopes: Vec<String>,
    /// Application permissions.
    pub roles: Vec<String>,
    /// When the token ends.
    pub expires: Option<Timestamp>,
}

impl Status {
    /// Reads what a token says of itself.
    pub fn of(issued: &AccessToken, source: String, ignored: Vec<String>) -> Self {
        let claims = Claims::of(&issued.token);
        let kind = match &claims {
            None => "unknown",
            Some(claims) if claims.is_app_only() => "app",
            Some(_) => "user",
        };
        let claims = claims.unwrap_or_default();
        Status {
            source,
            ignored,
            kind,
            account: claims.user,
            app: claims.app_name,
            app_id: claims.app,
            tenant: claims.tenant,
            audience: claims.audience,
            scopes: claims.scopes,
            roles: claims.roles,
            expires: issued.expires.or(claims.expires),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{Token, claims::tests::jwt},
        *,
    };

    #[test]
    fn a_status_has_what_the_token_says_and_not_the_token() {
        let token = jwt(&json!({
            "upn": "u@example.org", "appid": "a", "tid": "t", "scp": "Mail.Send", "exp": 1_800_000_000,
        }));
        let status = Status::of(
            &AccessToken::bare(token.clone()),
            "source".into(),
            vec!["x".into()],
        );
        assert_eq!(status.kind, "user");
        assert_eq!(status.account.as_deref(), Some("u@example.org"));
        assert_eq!(status.scopes, ["Mail.Send"]);
        assert_eq!(status.expires.unwrap().as_second(), 1_800_000_000);
        let shown = format!("{status:?}{}", serde_json::to_string(&status).unwrap());
        assert!(!shown.contains(token.expose().rsplit('.').next().unwrap()));
    }

    #[test]
    fn an_opaque_token_has_a_source_at_least() {
        let issued = AccessToken::bare(Token::new("opaque").unwrap());
        let status = Status::of(&issued, "source".into(), Vec::new());
        assert_eq!((status.kind, status.source.as_str()), ("unknown", "source"));
        assert_eq!(status.expires, None);
    }
}
