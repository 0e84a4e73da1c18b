//! What Entra's login service means when it says no. Pure.
//!
//! The numbers are Entra's own (`AADSTS…`), listed on Microsoft's page of authentication error
//! codes; RFC 6749 and RFC 8628 have words for a few of them only.

use std::fmt;

use graph_upload::redact;
use serde_json::Value;

/// Entra's own page about one of its numbers.
const ERROR_PAGE: &str = "see https://login.microsoftonline.com/error?code=";

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
        // A login host may echo what it was sent.
        let (error, description) = (redact::clean(error), redact::clean(description));
        let line = description.lines().next().unwrap_or_default();
        Refusal {
            error: error.chars().take(DESCRIPTION).collect(),
            number: number(line),
            text: line.chars().take(DESCRIPTION).collect(),
        }
    }

    /// Reads the body of an answer; `None` if it is no refusal, neither of a login service nor of App
    /// Service's identity endpoint, which has a `message` only.
    pub fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        match text("error") {
            Some(error) => Some(Refusal::new(
                error,
                text("error_description").unwrap_or_default(),
            )),
            None => text("message")
                .filter(|message| !message.is_empty())
                .map(|message| Refusal::new("", message)),
        }
    }

    /// Whether a refresh token or a grant has come to its end, so that only a person can go on.
    pub fn needs_a_person(&self) -> bool {
        self.error == "invalid_grant" || self.error == "interaction_required"
    }

    /// Whether what an app signed is not good yet, or not any more: a clock may be wrong.
    pub fn is_out_of_time(&self) -> bool {
        self.number == Some(700_024)
    }

    /// Whether a policy of the tenant blocks this way to sign in, so that another may do.
    pub fn is_policy(&self) -> bool {
        let policies = KNOWN.iter().take(2).flat_map(|(numbers, ..)| *numbers);
        self.number
            .is_some_and(|number| policies.into_iter().any(|known| *known == number))
    }

    /// What to do about it. Of what is not known here, Entra has a page.
    pub fn hints(&self) -> Vec<String> {
        let known = self.known().map(|(_, hint)| hint.to_owned());
        let page = || Some(format!("{ERROR_PAGE}{}", self.number?));
        known.or_else(page).into_iter().collect()
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

/// What to do when a person has to sign in anew; whoever knows app and tenant puts them in.
pub(super) const NEW_LOGIN: &str = "graph-attach auth login --client-id APP_ID --tenant TENANT_ID";

/// What to do where only the device code flow is blocked.
pub(super) const BROWSER_LOGIN: &str =
    "graph-attach auth login --browser --client-id APP_ID --tenant TENANT_ID";

/// The fifteen refusals that people meet, by Entra's numbers: the person and the tenant's policies
/// first, then the app, its secret and its credentials, and the tenant. Of all others Entra's own
/// sentence and its page are shown.
const KNOWN: &[Known<&[u32]>] = &[
    (
        &[53000, 53001, 53002, 53003, 530_002, 530_003],
        "a Conditional Access policy of the tenant blocks this sign-in",
        "ask the tenant's administrator which device, network or sign-in the policy allows",
    ),
    (
        // The second is what a login that was made before the policy gets when it is renewed.
        &[530_033, 530_036],
        "a Conditional Access policy of the tenant blocks the device code flow",
        BROWSER_LOGIN,
    ),
    (
        &[50072, 50074, 50076, 50078, 50079, 50158],
        "the tenant asks for another factor",
        NEW_LOGIN,
    ),
    (
        &[
            50089, 50132, 50133, 50173, 70000, 70008, 70043, 700_082, 700_084,
        ],
        "the sign-in expired or was revoked",
        NEW_LOGIN,
    ),
    (&[65004], "the sign-in was declined", NEW_LOGIN),
    (
        &[50020, 50034, 50105],
        "the account is not in this tenant, or not assigned to the app",
        "sign in with an account of the tenant, or have an administrator add it (Enterprise \
         applications, the app, Users and groups)",
    ),
    (
        &[65001, 90094, 90095],
        "nobody has consented to the app's permissions yet",
        "app registration, API permissions: Grant admin consent",
    ),
    (
        &[700_016, 7_000_229],
        "the tenant does not know the app",
        "check the app (client) id and the tenant of its registration",
    ),
    (
        &[7_000_218],
        "the app is not registered as a public client",
        "app registration, Authentication: set `Allow public client flows` to Yes",
    ),
    (
        &[50011],
        "the app has no redirect URI for this",
        "app registration, Authentication, Add a platform, Mobile and desktop applications: \
         http://localhost",
    ),
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
        // 7002138: they differ in upper and lower case only.
        &[
            70021, 70025, 700_211, 700_212, 700_213, 7_000_226, 7_002_131, 7_002_137, 7_002_138,
        ],
        "the app trusts no token of this issuer, subject and audience",
        "app registration, Certificates & secrets, Federated credentials: compare them to the \
         token, upper and lower case too",
    ),
    (
        &[700_024],
        "what the app signs in with is expired, or not good yet",
        "get a fresh federated token right before (one of GitHub's lasts some five minutes), and check \
         this computer's clock",
    ),
    (
        // 900023, 90019: what was given is neither an id nor a domain that it knows. 50059, 50194:
        // `common` or `organizations`, for an app of one tenant.
        &[50059, 50194, 90002, 90019, 900_023],
        "there is no such tenant, or the app needs its own named",
        "check `--tenant`, and `--cloud`",
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
        "consent_required",
        "nobody has consented to the app's permissions yet",
        "app registration, API permissions: Grant admin consent",
    ),
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
    fn each_row_says_what_it_is_and_what_to_do() {
        for (number, sentence, hint) in [
            (53003, "blocks this sign-in", "administrator"),
            (530_033, "blocks the device code flow", "login --browser"),
            (530_036, "blocks the device code flow", "login --browser"),
            (50072, "another factor", "auth login"),
            (50132, "the sign-in expired or was revoked", "auth login"),
            (
                50020,
                "the account is not in this tenant",
                "an account of the tenant",
            ),
            (50105, "not assigned to the app", "Users and groups"),
            (65001, "nobody has consented", "admin consent"),
            (700_016, "does not know the app", "client"),
            (
                7_000_218,
                "not registered as a public client",
                "flows` to Yes",
            ),
            (50011, "no redirect URI", "http://localhost"),
            (7_000_215, "secret is wrong", "Value"),
            (7_000_222, "secret has expired", "New client secret"),
            (7_002_138, "trusts no token", "upper and lower case"),
            (700_024, "is expired", "clock"),
            (900_023, "no such tenant", "--tenant"),
            (50194, "needs its own named", "--tenant"),
        ] {
            let refusal = Refusal::new("some_error", &format!("AADSTS{number}: Something."));
            let said = refusal.to_string();
            assert!(said.contains(sentence), "{number}: {said}");
            assert!(said.ends_with(&format!("(AADSTS{number})")), "{said}");
            let hints = refusal.hints();
            assert!(hints[0].contains(hint), "{number}: {hints:?}");
        }
    }

    #[test]
    fn of_all_others_entra_s_own_words_and_page_are_shown() {
        // The assertion of an on-behalf-of request.
        let refusal = Refusal::new("invalid_grant", "AADSTS500133: Assertion is not within");
        assert_eq!(
            refusal.to_string(),
            "the login service refuses: AADSTS500133: Assertion is not within"
        );
        assert_eq!(
            refusal.hints(),
            ["see https://login.microsoftonline.com/error?code=500133"]
        );
    }

    #[test]
    fn words_without_a_number_are_known_too() {
        let declined = Refusal::new("authorization_declined", "AADSTS1: Something new.");
        assert_eq!(declined.to_string(), "the sign-in was declined (AADSTS1)");
        let mistyped = Refusal::new("bad_verification_code", "AADSTS70018: Invalid code.");
        assert!(mistyped.to_string().contains("does not know its own code"));
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
        assert_eq!(Refusal::read(b"{\"message\":\"\"}"), None);
    }

    #[test]
    fn app_service_has_a_form_of_its_own() {
        let unknown = Refusal::read(
            br#"{"statusCode":400,"message":"Unable to load requested managed identity.","correlationId":"x"}"#,
        );
        assert_eq!(
            unknown.unwrap().text,
            "Unable to load requested managed identity."
        );
    }

    #[test]
    fn fifteen_are_known_and_no_number_is_listed_twice() {
        assert_eq!(KNOWN.len(), 15);
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
