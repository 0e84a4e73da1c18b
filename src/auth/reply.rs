//! Reads what a token command printed or a token file holds: a bare token, a quoted one, or JSON
//! as `az`, an OAuth 2.0 token endpoint and Azure's identity libraries write it. Pure.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{Problem, Token, claims::Claims};

/// More than this is not a token. Entra's largest are some 16 KiB, because no header holds more.
pub(super) const LIMIT: usize = 64 * 1024;

/// Characters of an error description that are worth showing.
const DESCRIPTION: usize = 300;

/// A token, and when it ends, if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The token.
    pub token: Token,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

impl Issued {
    /// A token of which nothing is known but what it says itself.
    pub fn bare(token: Token) -> Self {
        Issued {
            expires: Claims::of(&token).and_then(|claims| claims.expires),
            token,
        }
    }

    /// Reads output in any of the known forms; `now` is what `expires_in` counts from.
    pub(super) fn read(bytes: &[u8], now: Timestamp) -> Result<Self, Problem> {
        if bytes.len() > LIMIT {
            return Err(Problem::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Problem::NotText)?;
        // An editor on Windows may have put a byte order mark there.
        let text = text.trim_start_matches('\u{feff}').trim();
        match text.chars().next() {
            Some('<') => Err(Problem::Html),
            Some('{' | '[') => Self::json(text, now),
            Some('"') => match serde_json::from_str(text) {
                Ok(Value::String(token)) => Ok(Self::bare(Token::new(&token)?)),
                _ => Err(Problem::NotJson),
            },
            Some('\'') => {
                let inner = text
                    .strip_prefix('\'')
                    .and_then(|rest| rest.strip_suffix('\''));
                Ok(Self::bare(Token::new(inner.unwrap_or(text))?))
            }
            _ => Ok(Self::bare(Token::new(text)?)),
        }
    }

    fn json(text: &str, now: Timestamp) -> Result<Self, Problem> {
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            return Err(Problem::NotJson);
        };
        let token = ["accessToken", "access_token", "token"]
            .iter()
            .find_map(|key| object.get(*key)?.as_str());
        let Some(token) = token else {
            return Err(match object.get("error") {
                Some(error) => Problem::ErrorInJson(describe(error, &object)),
                None => Problem::NoTokenInJson,
            });
        };
        let issued = Self::bare(Token::new(token)?);
        Ok(Issued {
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
        let by_clock = || value.as_str()?.trim().parse::<Timestamp>().ok();
        seconds(value)
            .and_then(|second| Timestamp::from_second(second).ok())
            .or_else(by_clock)
    };
    let at = |key: &str| object.get(key).and_then(moment);
    // `az` writes `expiresOn` in local time without saying which; only a time with a zone, which
    // others write, is read. Its token says the same, and newer versions add `expires_on`.
    at("expires_on").or_else(|| at("expiresOn")).or_else(|| {
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

    fn read(text: &str) -> Result<Issued, Problem> {
        Issued::read(text.as_bytes(), now())
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
            Issued::read(b"\xff\xfe", now()),
            Err(Problem::NotText)
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Issued::read(&bytes, now());
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
