//! What Entra's login service means when it says no. Pure.
//!
//! The numbers are Entra's own (`AADSTS…`), listed on Microsoft's page of authentication error
//! codes; RFC 6749 and RFC 8628 have words for a few of them only.

use std::fmt;

use serde_json::Value;

/// Characters of a description that are worth showing.
const DESCRIPTION: usize = 400;

/// A refusal by the login service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// OAuth 2.0's word for it, such as `invalid_grant`; may be empty.
    pub error: String,
    /// Entra's number for it, without `AADSTS`.
    pub number: Option<u32>,
    /// The service's own sentence. From outside: escape before a terminal.
    pub text: String,
}

impl Refusal {
    /// Takes the service's word and sentence; finds the number in the sentence.
    pub fn new(error: &str, description: &str) -> Self {
        let line = description.lines().next().unwrap_or_default();
        Refusal {
            error: error.chars().take(DESCRIPTION).collect(),
            number: number(line),
            text: line.chars().take(DESCRIPTION).collect(),
        }
    }

    /// Reads the body of an answer; `None` if it is no refusal of a login service.
    pub fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let error = value.get("error")?.as_str()?;
        let description = value.get("error_description").and_then(Value::as_str);
        Some(Refusal::new(error, description.unwrap_or_default()))
    }

    /// Whether a refresh token or a grant has come to its end, so that only a person can go on.
    pub fn needs_a_person(&self) -> bool {
        self.error == "invalid_grant" || self.error == "interaction_required"
    }

    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        self.known()
            .map(|(_, hint)| hint.to_owned())
            .into_iter()
            .collect()
    }

    /// The sentence and the hint for a refusal that is known.
    fn known(&self) -> Option<(&'static str, &'static str)> {
        let by_number = self
            .number
            .and_then(|number| KNOWN.iter().find(|(numbers, ..)| numbers.contains(&number)));
        let by_word = || WORDS.iter().find(|(word, ..)| *word == self.error);
        by_number
            .map(|(_, sentence, hint)| (*sentence, *hint))
            .or_else(|| by_word().map(|(_, sentence, hint)| (*sentence, *hint)))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.known(), self.number) {
            (Some((sentence, _)), Some(number)) => write!(f, "{sentence} (AADSTS{number})"),
            (Some((sentence, _)), None) => f.write_str(sentence),
            (None, _) if self.text.is_empty() => {
                write!(f, "the login service refuses (`{}`)", self.error)
            }
            (None, _) => write!(f, "the login service refuses: {}", self.text),
        }
    }
}

impl std::error::Error for Refusal {}

fn number(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("AADSTS")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

type Known<K> = (K, &'static str, &'static str);

const NEW_LOGIN: &str = "graph-attach auth login --client-id APP_ID --tenant TENANT_ID";

/// Entra's numbers, what they come to, and what to do.
const KNOWN: &[Known<&[u32]>] = &[
    (
        &[
            53000, 53001, 53002, 53003, 530_002, 530_003, 530_004, 530_031, 530_032,
        ],
        "a Conditional Access policy of the tenant blocks this sign-in",
        "ask the tenant's administrator which device, network or sign-in the policy allows",
    ),
    (
        &[50076, 50079, 50158, 50074],
        "the tenant asks for another factor",
        NEW_LOGIN,
    ),
    (
        &[7_000_218],
        "the app is not registered as a public client",
        "app registration, Authentication: set `Allow public client flows` to Yes",
    ),
    (
        &[700_016],
        "the tenant does not know the app",
        "check the app (client) id and the tenant of its registration",
    ),
    (
        &[90002, 90013],
        "there is no such tenant",
        "check the tenant id or domain, and --cloud",
    ),
    (
        &[50059, 50194],
        "the app needs its own tenant named",
        "--tenant TENANT_ID instead of `common`",
    ),
    (
        &[65001, 90094, 90095],
        "nobody has consented to the app's permissions yet",
        "app registration, API permissions: Grant admin consent",
    ),
    (&[65004], "the sign-in was declined", NEW_LOGIN),
    (
        &[7_000_215],
        "the client secret is wrong",
        "use the secret's Value, not its Secret ID",
    ),
    (
        &[7_000_222],
        "the client secret has expired",
        "app registration, Certificates & secrets: New client secret",
    ),
    (
        &[70021, 700_211, 700_212, 700_213, 7_002_131, 700_223],
        "the app trusts no token of this issuer, subject and audience",
        "app registration, Certificates & secrets, Federated credentials: compare them to the token",
    ),
    (
        &[700_024, 700_027, 700_021],
        "the workload's own token is expired or not valid",
        "check AZURE_FEDERATED_TOKEN_FILE and this computer's clock",
    ),
    (
        &[50173, 70000, 70008, 70043, 700_082, 700_084, 50078, 500_133],
        "it expired or was revoked",
        NEW_LOGIN,
    ),
];

/// The words of RFC 6749, RFC 8628 and Entra that a device code login can end with.
const WORDS: &[Known<&str>] = &[
    (
        "authorization_declined",
        "the sign-in was declined",
        NEW_LOGIN,
    ),
    ("access_denied", "the sign-in was declined", NEW_LOGIN),
    (
        "expired_token",
        "the code expired before anybody entered it",
        NEW_LOGIN,
    ),
    (
        "code_expired",
        "the code expired before anybody entered it",
        NEW_LOGIN,
    ),
    (
        "bad_verification_code",
        "the login service does not know its own code any more",
        NEW_LOGIN,
    ),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entra_s_numbers_become_sentences() {
        let policy = Refusal::read(
            br#"{"error":"invalid_grant","error_description":"AADSTS53003: Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.\r\nTrace ID: x","error_codes":[53003]}"#,
        )
        .unwrap();
        assert_eq!(
            policy.to_string(),
            "a Conditional Access policy of the tenant blocks this sign-in (AADSTS53003)"
        );
        assert!(policy.hints()[0].contains("administrator"));
        let public = Refusal::new(
            "invalid_client",
            "AADSTS7000218: The request body must contain",
        );
        assert!(public.hints()[0].contains("public client"));
    }

    #[test]
    fn words_without_a_number_are_known_too() {
        let declined = Refusal::new("authorization_declined", "AADSTS70018 or so");
        assert_eq!(
            declined.to_string(),
            "the sign-in was declined (AADSTS70018)"
        );
        let expired = Refusal::new("expired_token", "");
        assert_eq!(
            expired.to_string(),
            "the code expired before anybody entered it"
        );
    }

    #[test]
    fn the_unknown_keeps_the_service_s_words() {
        let unknown = Refusal::new("server_busy", "AADSTS1: Something new.\r\nTrace");
        assert_eq!(
            unknown.to_string(),
            "the login service refuses: AADSTS1: Something new."
        );
        assert_eq!(
            Refusal::new("odd", "").to_string(),
            "the login service refuses (`odd`)"
        );
        assert_eq!(Refusal::read(b"<html>"), None);
        assert_eq!(Refusal::read(b"{\"error\":{\"code\":\"x\"}}"), None);
    }

    #[test]
    fn no_number_is_listed_twice() {
        let mut all: Vec<_> = KNOWN.iter().flat_map(|(numbers, ..)| *numbers).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_not(body in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,900}") {
            let _ = Refusal::read(&body);
            let refusal = Refusal::new("invalid_grant", &format!("AADSTS{text}"));
            prop_assert!(refusal.to_string().chars().count() < 600);
        }
    }
}
