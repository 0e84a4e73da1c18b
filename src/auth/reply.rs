//! Reads a token from any source, with one function: a variable, a file, a command, standard input.
//! It may be bare, as people paste it, or in JSON as `az`, an OAuth 2.0 token endpoint, PowerShell and
//! Azure's identity libraries write it. Pure.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{
    CredentialError, Token,
    claims::Claims,
    token::{Malformed, bearer},
};
use crate::pasted;

/// Under which names JSON has the token: those of `az`, of OAuth 2.0, and of PowerShell.
const KEYS: [&str; 5] = [
    "accessToken",
    "access_token",
    "token",
    "Token",
    "AccessToken",
];

/// More than this is not a token. Entra's largest are some 16 KiB, because no header holds more.
pub(super) const LIMIT: usize = 64 * 1024;

/// Characters of an error description that are worth showing.
const DESCRIPTION: usize = 300;

/// A token, and when it ends, if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// The token.
    pub token: Token,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

impl AccessToken {
    /// A token of which nothing is known but what it says itself.
    pub fn bare(token: Token) -> Self {
        AccessToken {
            expires: Claims::of(&token).and_then(|claims| claims.expires),
            token,
        }
    }

    /// Reads output in any of the known forms; `now` is what `expires_in` counts from.
    pub(super) fn read(bytes: &[u8], now: Timestamp) -> Result<Self, CredentialError> {
        if bytes.len() > LIMIT {
            return Err(CredentialError::TooLong);
        }
        let text = pasted::text(bytes)?;
        let text = pasted::trimmed(&text);
        // Quotes may stand around JSON too, as in a file for `docker --env-file`.
        let inner = ['\'', '"'].into_iter().find_map(|quote| {
            let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
            inner.starts_with('{').then_some(inner)
        });
        let text = inner.unwrap_or(text);
        match text.chars().next() {
            Some('<') => Err(CredentialError::Html),
            Some('{' | '[') => Self::json(text, now),
            // A string of JSON, which has escapes, or just a token in quotes.
            Some('"') => match serde_json::from_str::<String>(text) {
                Ok(token) => Ok(Self::bare(bearer(&token)?)),
                Err(_) if text.len() > 1 && text.ends_with('"') => Ok(Self::bare(bearer(text)?)),
                Err(_) => Err(CredentialError::NotJson),
            },
            _ => Ok(Self::bare(bearer(text)?)),
        }
    }

    fn json(text: &str, now: Timestamp) -> Result<Self, CredentialError> {
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            return Err(CredentialError::NotJson);
        };
        let mut values = KEYS.iter().filter_map(|key| object.get(*key));
        // `ConvertTo-Json` writes a `SecureString` as an object with nothing but a length.
        if values.clone().any(|value| value.get("Length").is_some()) {
            return Err(Malformed::SecureString("token").into());
        }
        let token = values.find_map(Value::as_str);
        let Some(token) = token else {
            return Err(match object.get("error") {
                Some(error) => CredentialError::ErrorInJson(describe(error, &object)),
                None => CredentialError::NoTokenInJson,
            });
        };
        let issued = Self::bare(bearer(token)?);
        Ok(AccessToken {
            expires: expiry(&object, now).or(issued.expires),
            token: issued.token,
        })
    }
}

/// The error as an OAuth 2.0 endpoint (`error` is a word) or Graph (it is an object) reports it.
fn describe(error: &Value, object: &Map<String, Value>) -> String {
    let code = error
        .as_str()
        .or_else(|| error.get("code")?.as_str())
        .unwrap_or("unknown");
    let detail = object
        .get("error_description")
        .or_else(|| error.get("message"))
        .and_then(Value::as_str)
        .and_then(|text| text.lines().next())
        .map(|line| format!(": {}", line.chars().take(DESCRIPTION).collect::<String>()));
    format!("`{code}`{}", detail.unwrap_or_default())
}

fn expiry(object: &Map<String, Value>, now: Timestamp) -> Option<Timestamp> {
    let seconds = |value: &Value| {
        value
            .as_i64()
            .or_else(|| value.as_f64().map(|f| f as i64))
            .or_else(|| value.as_str()?.trim().parse::<i64>().ok())
    };
    let moment = |value: &Value| {
        let by_clock = || {
            let text = value.as_str()?.trim();
            // Windows PowerShell writes milliseconds as `/Date(1800000000000)/`.
            let millis = text
                .strip_prefix("/Date(")
                .and_then(|rest| rest.strip_suffix(")/"))
                .and_then(|digits| digits.parse().ok())
                .and_then(|millis| Timestamp::from_millisecond(millis).ok());
            millis.or_else(|| text.parse().ok())
        };
        seconds(value)
            .and_then(|second| Timestamp::from_second(second).ok())
            .or_else(by_clock)
    };
    let at = |key: &str| object.get(key).and_then(moment);
    // `az` writes `expiresOn` in local time without saying which; only a time with a zone, which
    // others write, is read. Its token says the same, and newer versions add `expires_on`.
    let named = ["expires_on", "expiresOn", "ExpiresOn"];
    named.into_iter().find_map(at).or_else(|| {
        let left = object.get("expires_in").and_then(seconds)?;
        now.checked_add(SignedDuration::from_secs(left)).ok()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn read(text: &str) -> Result<AccessToken, CredentialError> {
        AccessToken::read(text.as_bytes(), now())
    }

    fn token(text: &str) -> String {
        read(text).unwrap().token.expose().to_owned()
    }

    fn left(text: &str) -> Option<i64> {
        Some(read(text).unwrap().expires?.as_second() - now().as_second())
    }

    #[test]
    fn bare_quoted_and_json_tokens_are_read() {
        for text in [
            "abc.def",
            "  abc.def\r\n",
            "\u{feff}abc.def",
            "\"abc.def\"\n",
            "'abc.def'",
            r#"{"accessToken": "abc.def", "tokenType": "Bearer"}"#,
            r#"{"access_token":"abc.def"}"#,
            "{\n \"token\" : \"abc.def\"\n}",
            r#"{"accessToken":"abc.def","access_token":"other","token":"third"}"#,
            r#"{"Token":"abc.def","TenantId":"t"}"#,
            r#"'{"token":"abc.def"}'"#,
            r#"{"token":"Bearer abc.def"}"#,
            "Authorization: Bearer abc.def\r\n",
        ] {
            assert_eq!(token(text), "abc.def", "{text}");
        }
    }

    #[test]
    fn expiry_is_read_in_every_form() {
        let with = |rest: &str| left(&format!(r#"{{"token":"abc",{rest}}}"#));
        assert_eq!(with(r#""expires_on":1800000060"#), Some(60));
        assert_eq!(with(r#""expires_on":"1800000060""#), Some(60));
        assert_eq!(with(r#""expires_on":"2027-01-15T08:01:00Z""#), Some(60));
        assert_eq!(with(r#""expiresOn":"2027-01-15T09:01:00+01:00""#), Some(60));
        assert_eq!(with(r#""expiresOn":"2027-01-15 08:01:00.000000""#), None);
        assert_eq!(
            with(r#""ExpiresOn":"2027-01-15T08:01:00.0000000+00:00""#),
            Some(60)
        );
        assert_eq!(with(r#""ExpiresOn":"/Date(1800000060000)/""#), Some(60));
        assert_eq!(with(r#""expires_in":60"#), Some(60));
        assert_eq!(with(r#""expires_in":"60""#), Some(60));
        assert_eq!(with(r#""expires_in":60.0"#), Some(60));
        assert_eq!(with(r#""expires_in":9223372036854775807"#), None);
        assert_eq!(with(r#""expires_in":"soon""#), None);
        assert_eq!(with(r#""expires_on":1800000060,"expires_in":1"#), Some(60));
    }

    #[test]
    fn a_jwt_s_own_expiry_is_the_last_resort() {
        // {"exp":1800000300}
        let jwt = "eyJhbGciOiJub25lIn0.eyJleHAiOjE4MDAwMDAzMDB9.x";
        assert_eq!(left(jwt), Some(300));
        assert_eq!(left(&format!(r#"{{"token":"{jwt}"}}"#)), Some(300));
        assert_eq!(
            left(&format!(r#"{{"token":"{jwt}","expires_in":9}}"#)),
            Some(9)
        );
        assert_eq!(left("opaque"), None);
    }

    #[test]
    fn what_is_no_token_is_named() {
        let is = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(is(""), "the token is empty");
        assert_eq!(is(" \n\t "), "the token is empty");
        assert_eq!(is("\"\""), "the token is empty");
        assert!(is("<!DOCTYPE html><html>").contains("HTML"));
        assert!(is("abc\ndef").contains("line break"));
        assert!(is("Please run az login").contains("blank"));
        assert!(is("[\"abc\"]").contains("JSON"));
        assert!(is("{\"token\":").contains("JSON"));
        assert!(is("{\"tokn\":\"x\"}").contains("`access_token`"));
        assert!(is("{\"token\":7}").contains("`access_token`"));
        assert_eq!(
            is(r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid.\r\nx"}"#),
            "the JSON is an error report: `invalid_client`: AADSTS7000215: Invalid."
        );
        assert!(is(&"a".repeat(LIMIT + 1)).contains("64 KiB"));
        assert!(matches!(
            AccessToken::read(b"\xff\xfe\xff", now()),
            Err(CredentialError::NotText(_))
        ));
        assert!(is(r#"{"Token":{"Length":2048}}"#).contains("SecureString"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = AccessToken::read(&bytes, now());
        }

        #[test]
        fn any_json_values_are_read_or_refused(
            on in any::<i64>(), within in any::<i64>(), text in "\\PC{0,20}",
        ) {
            let json = serde_json::json!(
                {"token": "abc", "expires_on": on, "expires_in": within, "expiresOn": text});
            let issued = read(&json.to_string()).unwrap();
            prop_assert_eq!(issued.token.expose(), "abc");
        }

        #[test]
        fn no_refusal_quotes_what_it_read(secret in "[a-zA-Z0-9]{20}") {
            for text in [
                format!("{secret} x"), format!("{{\"tokn\":\"{secret}\"}}"),
                format!("\"{secret}"), format!("<{secret}>"), format!("{{\"token\":\"{secret}\n\"}}"),
            ] {
                let error = read(&text).unwrap_err();
                let shown = format!("{error} {error:?}");
                prop_assert!(!shown.contains(&secret));
            }
        }
    }
}
