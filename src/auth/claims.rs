//! What a token says of itself: read, never trusted.
//!
//! No signature is checked, because nothing is granted on the strength of these: they only help to
//! ask for a token in time, to explain a refusal, and to spare a request that cannot succeed. A
//! token that says nothing (Graph's are opaque by contract) is as good as any.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Token;

/// A JWT's base 64 has no padding; some libraries add it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The Azure CLI's own app id, the same in every tenant.
const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// Azure PowerShell's.
const AZURE_POWERSHELL: &str = "1950a258-227b-4e31-a9cf-717495945fc2";

/// The claims that are of use here; each is absent when the token lacks it or has it in another
/// shape than Entra gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// For which API it was issued (`aud`): a URL or an app id.
    pub audience: Option<String>,
    /// When it ends (`exp`).
    pub expires: Option<Timestamp>,
    /// When it begins (`nbf`).
    pub begins: Option<Timestamp>,
    /// The tenant's id (`tid`).
    pub tenant: Option<String>,
    /// The id of the app that asked for it (`appid` or `azp`).
    pub app: Option<String>,
    /// The app's name (`app_displayname`).
    pub app_name: Option<String>,
    /// The user's sign-in name (`upn`, `preferred_username` or `unique_name`).
    pub user: Option<String>,
    /// Delegated permissions (`scp`).
    pub scopes: Vec<String>,
    /// Application permissions (`roles`).
    pub roles: Vec<String>,
    /// What an id token was asked for with (`nonce`).
    pub nonce: Option<String>,
    /// `app` or `user` (`idtyp`).
    pub kind: Option<String>,
}

impl Claims {
    /// Reads a token's claims; `None` if it is opaque.
    pub fn of(token: &Token) -> Option<Claims> {
        let mut parts = token.expose().split('.');
        let (_header, payload) = (parts.next()?, parts.next()?);
        // A signed token has three parts; an encrypted one five, and nothing to read.
        parts.next()?;
        if parts.next().is_some() {
            return None;
        }
        let bytes = BASE64.decode(payload).ok()?;
        let Ok(Value::Object(claims)) = serde_json::from_slice(&bytes) else {
            return None;
        };
        Some(Claims {
            audience: match claims.get("aud") {
                Some(Value::Array(several)) => several.first().and_then(text),
                one => one.and_then(text),
            },
            expires: time(&claims, "exp"),
            begins: time(&claims, "nbf"),
            tenant: first(&claims, &["tid"]),
            app: first(&claims, &["appid", "azp"]),
            app_name: first(&claims, &["app_displayname"]),
            user: first(&claims, &["upn", "preferred_username", "unique_name"]),
            scopes: first(&claims, &["scp"])
                .map(|list| list.split_whitespace().map(String::from).collect())
                .unwrap_or_default(),
            roles: match claims.get("roles") {
                Some(Value::Array(list)) => list.iter().filter_map(text).collect(),
                _ => Vec::new(),
            },
            nonce: first(&claims, &["nonce"]),
            kind: first(&claims, &["idtyp"]),
        })
    }

    /// Whether it stands for an app by itself, without a user behind it.
    pub fn is_app_only(&self) -> bool {
        match self.kind.as_deref() {
            Some("app") => true,
            Some("user") => false,
            _ => self.scopes.is_empty() && !self.roles.is_empty(),
        }
    }

    /// The tool whose own app asked for this token on behalf of a user. Their tokens for Graph have
    /// a fixed set of scopes, none of which opens a mailbox.
    pub fn borrowed_app(&self) -> Option<&'static str> {
        match self.app.as_deref() {
            _ if self.is_app_only() => None,
            Some(AZURE_CLI) => Some("Azure CLI"),
            Some(AZURE_POWERSHELL) => Some("Azure PowerShell"),
            _ => None,
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(String::from)
}

fn first(claims: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names
        .iter()
        .find_map(|name| claims.get(*name).and_then(text))
}

fn time(claims: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    Timestamp::from_second(claims.get(name)?.as_i64()?).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    pub(in crate::auth) fn jwt(payload: &Value) -> Token {
        let payload = URL_SAFE_NO_PAD.encode(payload.to_string());
        Token::new(&format!("eyJhbGciOiJub25lIn0.{payload}.sig")).unwrap()
    }

    pub(in crate::auth) fn claims(payload: &Value) -> Claims {
        Claims::of(&jwt(payload)).unwrap()
    }

    #[test]
    fn entra_s_claims_are_read() {
        let read = claims(&json!({
            "aud": "https://graph.microsoft.com", "exp": 1_800_000_000, "nbf": 1_700_000_000,
            "tid": "t", "appid": "a", "app_displayname": "n", "upn": "u@example.org",
            "scp": "Mail.Send User.Read", "idtyp": "user",
        }));
        assert_eq!(
            read.audience.as_deref(),
            Some("https://graph.microsoft.com")
        );
        assert_eq!(read.expires, Timestamp::from_second(1_800_000_000).ok());
        assert_eq!(read.scopes, ["Mail.Send", "User.Read"]);
        assert_eq!(read.user.as_deref(), Some("u@example.org"));
        assert!(!read.is_app_only());
        let v2 = claims(&json!({"azp": "a", "preferred_username": "u", "aud": ["x", "y"]}));
        assert_eq!(
            (
                v2.app.as_deref(),
                v2.user.as_deref(),
                v2.audience.as_deref()
            ),
            (Some("a"), Some("u"), Some("x"))
        );
    }

    #[test]
    fn an_app_by_itself_is_known_by_its_kind_or_its_roles() {
        assert!(claims(&json!({"idtyp": "app"})).is_app_only());
        assert!(claims(&json!({"roles": ["Mail.ReadWrite"]})).is_app_only());
        assert!(!claims(&json!({"roles": ["x"], "scp": "Mail.ReadWrite"})).is_app_only());
        assert!(!claims(&json!({"roles": ["x"], "idtyp": "user"})).is_app_only());
        assert!(!claims(&json!({})).is_app_only());
    }

    #[test]
    fn the_azure_cli_is_known_by_its_app_unless_it_is_an_app_itself() {
        assert_eq!(
            claims(&json!({"appid": AZURE_CLI})).borrowed_app(),
            Some("Azure CLI")
        );
        assert_eq!(
            claims(&json!({"appid": AZURE_CLI, "idtyp": "app"})).borrowed_app(),
            None
        );
        assert_eq!(claims(&json!({"appid": "other"})).borrowed_app(), None);
    }

    #[test]
    fn opaque_tokens_say_nothing() {
        for text in [
            "opaque",
            "a.b",
            "a.b.c",
            "a.e30",
            "a.e30.b.c.d",
            "a.W10.b",
            "EwB4A8l6BAAU...",
        ] {
            assert_eq!(Claims::of(&Token::new(text).unwrap()), None, "{text}");
        }
        assert_eq!(
            Claims::of(&Token::new("a.e30.").unwrap()),
            Some(Claims::default())
        );
    }

    #[test]
    fn padding_does_not_matter() {
        let padded = URL_SAFE.encode(json!({"tid": "t"}).to_string());
        assert!(padded.ends_with('='));
        let token = Token::new(&format!("a.{padded}.c")).unwrap();
        assert_eq!(Claims::of(&token).unwrap().tenant.as_deref(), Some("t"));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-z]{1,4}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_token_is_read_or_opaque(text in "[!-~]{1,200}") {
            let _ = Claims::of(&Token::new(&text).unwrap());
        }

        #[test]
        fn any_bytes_inside_a_token_are_read_or_opaque(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for payload in [URL_SAFE_NO_PAD.encode(&bytes), STANDARD_NO_PAD.encode(&bytes)] {
                let _ = Claims::of(&Token::new(&format!("a.{payload}.b")).unwrap());
            }
        }

        #[test]
        fn claims_of_any_shape_are_read_or_left_out(
            values in prop::collection::vec(any_json(), 12),
        ) {
            let names = ["aud", "exp", "nbf", "tid", "appid", "azp", "app_displayname", "upn",
                "scp", "roles", "idtyp", "unique_name"];
            let payload = Value::Object(names.map(String::from).into_iter().zip(values).collect());
            prop_assert!(Claims::of(&jwt(&payload)).is_some());
        }
    }
}
