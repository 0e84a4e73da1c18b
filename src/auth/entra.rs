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

/// What to do when a person has to sign in anew; whoever knows app and tenant puts them in.
pub(super) const NEW_LOGIN: &str = "graph-attach auth login --client-id APP_ID --tenant TENANT_ID";

/// Entra's numbers, what they come to, and what to do: the person and the tenant's policies first,
/// then the app, its secret, its federated credentials, and the tenant.
const KNOWN: &[Known<&[u32]>] = &[
    (
        &[
            50005, 50097, 50131, 53000, 53001, 53002, 53003, 53011, 530_002, 530_003, 530_004,
            530_031, 530_032, 530_035,
        ],
        "a Conditional Access policy of the tenant blocks this sign-in",
        "ask the tenant's administrator which device, network or sign-in the policy allows",
    ),
    (
        // The second is what a login that was made before the policy gets when it is renewed.
        &[530_033, 530_036],
        "a Conditional Access policy of the tenant blocks the device code flow",
        "ask the tenant's administrator to allow it, or sign in as an app",
    ),
    (
        &[50072, 50074, 50076, 50078, 50079, 50158],
        "the tenant asks for another factor",
        NEW_LOGIN,
    ),
    (
        &[50089, 50132, 50133, 50173, 70008, 70043, 700_082, 700_084],
        "the sign-in expired or was revoked",
        NEW_LOGIN,
    ),
    (
        &[70000],
        "the sign-in is not valid any more, or lacks consent",
        NEW_LOGIN,
    ),
    (&[65004], "the sign-in was declined", NEW_LOGIN),
    (
        &[50057],
        "the account is disabled",
        "ask the tenant's administrator to enable it, or sign in with another account",
    ),
    (
        &[50053],
        "the account is locked, or the sign-in came from a suspicious address",
        "wait a while; the tenant's administrator sees the reason in the sign-in logs",
    ),
    (
        &[50055],
        "the account's password has expired",
        "sign in with a browser to set a new one",
    ),
    (
        &[50020, 50034, 51004],
        "the account is not in this tenant",
        "sign in with an account of the tenant, or name the account's own: --tenant TENANT_ID",
    ),
    (
        &[50105],
        "the account is not assigned to the app",
        "Enterprise applications, the app, Users and groups: Add user/group",
    ),
    (
        &[65001, 90094, 90095],
        "nobody has consented to the app's permissions yet",
        "app registration, API permissions: Grant admin consent",
    ),
    (
        &[65002],
        "the app is one of Microsoft's own, which cannot be used for this",
        "register an app of your own, and give its id",
    ),
    (
        &[700_016],
        "the tenant does not know the app",
        "check the app (client) id and the tenant of its registration",
    ),
    (
        &[700_011, 7_000_229],
        "the app is not installed in this tenant",
        "app registration, API permissions: Grant admin consent, in this tenant",
    ),
    (
        &[70001, 7_000_112],
        "the app is disabled in the tenant",
        "Enterprise applications, the app, Properties: set `Enabled for users to sign-in` to Yes",
    ),
    (
        &[7_000_218],
        "the app is not registered as a public client",
        "app registration, Authentication: set `Allow public client flows` to Yes",
    ),
    (
        &[700_025],
        "the app is registered as a public client, and may not send a secret",
        "app registration, Authentication: set `Allow public client flows` to No",
    ),
    (
        &[9_002_331],
        "the app is for personal accounts only",
        "--tenant consumers",
    ),
    (
        &[9_002_332],
        "the app is for work and school accounts only",
        "--tenant TENANT_ID instead of `consumers`",
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
        &[70025, 7_000_226],
        "the app has no federated credential",
        "app registration, Certificates & secrets, Federated credentials: Add credential",
    ),
    (
        // 7002138: they differ in upper and lower case only.
        &[
            70021, 700_211, 700_212, 700_213, 7_002_131, 7_002_137, 7_002_138,
        ],
        "the app trusts no token of this issuer, subject and audience",
        "app registration, Certificates & secrets, Federated credentials: compare them to the \
         token, upper and lower case too",
    ),
    (
        &[700_223, 700_238],
        "the tenant allows no federated credentials, or none of this issuer",
        "ask the tenant's administrator to allow the issuer",
    ),
    (
        &[700_222, 700_229],
        "the federated token is one of Entra's own, or a person's, which the app may not use",
        "AZURE_FEDERATED_TOKEN_FILE: a token that the workload's own platform issued",
    ),
    (
        &[7_000_272],
        "the issuer does not publish the key that signed the federated token",
        "check the keys of the issuer's OpenID configuration; a new cluster's take some minutes",
    ),
    (
        &[700_021],
        "the federated token names another app than the client id",
        "check AZURE_CLIENT_ID",
    ),
    (
        &[700_024],
        "the federated token is expired, or not good yet",
        "get a fresh federated token right before (one of GitHub's lasts some five minutes)",
    ),
    (
        &[700_027],
        "the federated token is not valid",
        "check that AZURE_FEDERATED_TOKEN_FILE holds the token as it was issued",
    ),
    (
        // 900023, 90019, 50128: what was given is neither an id nor a domain that it knows.
        &[50128, 90002, 90019, 900_023],
        "there is no such tenant",
        "check the tenant id or domain, and --cloud",
    ),
    (
        &[90038, 900_382, 900_439, 900_440],
        "the tenant or the app is in another cloud",
        "--cloud NAME, for the cloud of the tenant",
    ),
    (
        &[50059, 50194, 90130, 9_001_023],
        "the app needs its own tenant named",
        "--tenant TENANT_ID instead of `common` or `consumers`",
    ),
    (
        &[90013],
        "the login service cannot make sense of the request",
        "check tenant, client id and secret for stray characters",
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
    fn each_row_says_what_it_is_and_what_to_do() {
        for (number, sentence, hint) in [
            (53011, "blocks this sign-in", "administrator"),
            (530_035, "blocks this sign-in", "administrator"),
            (530_033, "blocks the device code flow", "sign in as an app"),
            (530_036, "blocks the device code flow", "administrator"),
            (50072, "another factor", "auth login"),
            (50078, "another factor", "auth login"),
            (50132, "the sign-in expired or was revoked", "auth login"),
            (70000, "not valid any more, or lacks consent", "auth login"),
            (50057, "the account is disabled", "enable"),
            (50053, "the account is locked", "sign-in logs"),
            (50055, "password has expired", "set a new one"),
            (50020, "the account is not in this tenant", "--tenant"),
            (50105, "not assigned to the app", "Users and groups"),
            (65002, "one of Microsoft's own", "register an app"),
            (7_000_229, "not installed in this tenant", "consent"),
            (7_000_112, "the app is disabled", "Properties"),
            (700_025, "may not send a secret", "flows` to No"),
            (9_002_331, "personal accounts only", "--tenant consumers"),
            (9_002_332, "work and school accounts only", "TENANT_ID"),
            (70025, "no federated credential", "Add credential"),
            (7_002_138, "trusts no token", "upper and lower case"),
            (700_223, "allows no federated credentials", "administrator"),
            (700_238, "none of this issuer", "administrator"),
            (700_222, "one of Entra's own", "own platform"),
            (7_000_272, "does not publish the key", "some minutes"),
            (700_021, "another app", "AZURE_CLIENT_ID"),
            (700_024, "is expired", "fresh"),
            (700_027, "is not valid", "as it was issued"),
            (900_023, "no such tenant", "tenant id or domain"),
            (900_439, "another cloud", "--cloud"),
            (9_001_023, "its own tenant named", "`consumers`"),
            (90013, "cannot make sense of the request", "stray"),
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
    fn what_we_never_send_is_not_explained() {
        // The assertion of an on-behalf-of request.
        let refusal = Refusal::new("invalid_grant", "AADSTS500133: Assertion is not within");
        assert!(refusal.to_string().contains("the login service refuses"));
        assert!(refusal.hints().is_empty());
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
