//! Tokens that are plainly not for this: known before a byte is sent. Pure.

use url::Url;

use super::clip;
use crate::{
    auth::claims::Claims,
    settings::{
        Cloud,
        cloud::{CLOUDS, PUBLIC},
        endpoint::is_loopback,
    },
};

/// Graph's own app id, which is the audience of some of its tokens, in every cloud.
const GRAPH_APP: &str = "00000003-0000-0000-c000-000000000000";

/// Why a token cannot be used for this at all; known before a byte is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreflightError {
    /// It was issued for another API.
    #[error("the token was issued for `{audience}`, not for Microsoft Graph")]
    OtherApi {
        /// Its audience.
        audience: String,
        /// The resource that it should have been asked for.
        resource: &'static str,
    },
    /// It was issued for Graph in another cloud.
    #[error("the token was issued for the cloud `{its}`, and this is `{ours}`")]
    OtherCloud {
        /// The token's cloud.
        its: &'static str,
        /// The cloud that is in use.
        ours: &'static str,
    },
    /// It stands for an app, which has no `/me`.
    #[error("the token stands for an app, not for a person: there is no mailbox of its own")]
    NoMailbox,
}

impl PreflightError {
    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            PreflightError::OtherApi { resource, .. } => {
                vec![format!("ask for a token for {resource}/.default")]
            }
            PreflightError::OtherCloud { its, .. } => vec![format!("--cloud {its}")],
            PreflightError::NoMailbox => vec!["--mailbox USER@EXAMPLE.ORG".into()],
        }
    }
}

/// Whether a token is plainly not for this, so that it need not even be sent.
pub fn preflight(
    claims: &Claims,
    cloud: &'static Cloud,
    endpoint: &Url,
    mailbox: bool,
) -> Option<PreflightError> {
    if let Some(audience) = &claims.audience
        && let Some(objection) = wrong_audience(audience, cloud, endpoint)
    {
        return Some(objection);
    }
    (!mailbox && claims.is_app_only()).then_some(PreflightError::NoMailbox)
}

fn wrong_audience(audience: &str, cloud: &'static Cloud, endpoint: &Url) -> Option<PreflightError> {
    let url = Url::parse(audience).ok();
    let host = url.as_ref().and_then(Url::host_str);
    if audience.eq_ignore_ascii_case(GRAPH_APP) || host == Some(cloud.graph_host()) {
        return None;
    }
    // A stand-in on this computer may play any cloud with the public cloud's tokens.
    if is_loopback(endpoint) && host == Some(PUBLIC.graph_host()) {
        return None;
    }
    if let Some(other) = host.and_then(Cloud::of_graph_host) {
        return Some(PreflightError::OtherCloud {
            its: other.name,
            ours: cloud.name,
        });
    }
    // A gateway of somebody's own in front of Graph may want tokens of its own.
    let endpoint_host = endpoint.host_str().unwrap_or_default();
    let gateway =
        !is_loopback(endpoint) && !CLOUDS.iter().any(|row| row.graph_host() == endpoint_host);
    // Other things than a URL or an app id are not plainly anything.
    let plain = url.is_some() || uuid::Uuid::parse_str(audience).is_ok();
    (plain && !gateway).then(|| PreflightError::OtherApi {
        audience: clip(audience),
        resource: cloud.graph,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::auth::claims::tests::claims;

    fn object(payload: &Value, endpoint: &str, mailbox: bool) -> Option<PreflightError> {
        preflight(
            &claims(payload),
            PUBLIC,
            &Url::parse(endpoint).unwrap(),
            mailbox,
        )
    }

    #[test]
    fn tokens_for_another_api_or_cloud_are_objected_to() {
        let graph = "https://graph.microsoft.com/v1.0";
        for endpoint in [graph, "http://127.0.0.1:1/v1.0"] {
            for fine in [
                "https://graph.microsoft.com",
                "https://graph.microsoft.com/",
                GRAPH_APP,
                "something",
            ] {
                assert_eq!(
                    object(&json!({"aud": fine}), endpoint, false),
                    None,
                    "{fine}"
                );
            }
            for other in [
                "https://management.azure.com/",
                "https://outlook.office365.com",
                "api://mine",
                "00000002-0000-0000-c000-000000000000",
            ] {
                let found = object(&json!({"aud": other}), endpoint, false);
                assert!(
                    matches!(found, Some(PreflightError::OtherApi { .. })),
                    "{other}"
                );
            }
            assert_eq!(
                object(
                    &json!({"aud": "https://graph.microsoft.us"}),
                    endpoint,
                    true
                ),
                Some(PreflightError::OtherCloud {
                    its: "gcc-high",
                    ours: "public"
                })
            );
        }
        assert_eq!(object(&json!({}), graph, false), None);
    }

    #[test]
    fn a_stand_in_may_play_any_cloud_with_tokens_of_the_public_one() {
        let dod = Cloud::named("dod").unwrap();
        let token = claims(&json!({"aud": PUBLIC.graph}));
        let judge = |endpoint: &str| preflight(&token, dod, &Url::parse(endpoint).unwrap(), false);
        assert_eq!(judge("http://127.0.0.1:1/v1.0"), None);
        assert_eq!(
            judge("https://dod-graph.microsoft.us/v1.0"),
            Some(PreflightError::OtherCloud {
                its: "public",
                ours: "dod"
            })
        );
    }

    #[test]
    fn a_gateway_may_want_tokens_of_its_own() {
        let gateway = "https://gateway.example/v1.0";
        assert_eq!(
            object(&json!({"aud": "api://gateway"}), gateway, false),
            None
        );
    }

    #[test]
    fn an_app_has_no_me() {
        let graph = "https://graph.microsoft.com/v1.0";
        let app = json!({"idtyp": "app", "roles": ["Mail.ReadWrite"]});
        assert_eq!(object(&app, graph, false), Some(PreflightError::NoMailbox));
        assert_eq!(object(&app, graph, true), None);
        assert_eq!(
            object(&json!({"scp": "Mail.ReadWrite"}), graph, false),
            None
        );
    }

    proptest! {
        #[test]
        fn any_audience_is_judged(audience in "\\PC{0,80}") {
            let claims = Claims { audience: Some(audience), ..Claims::default() };
            let endpoint = Url::parse(PUBLIC.graph).unwrap();
            let _ = preflight(&claims, PUBLIC, &endpoint, false);
        }
    }
}
