//! Claims challenges: Graph refuses a good token until its user has proved more (Conditional Access, continuous
//! access evaluation).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{
    Run, Stage,
    entra::{Entra, Manners, jwt},
    login_server::{Answer, LoginServer, Seen},
    sign_in::{SignIn, browse},
};

const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

/// A Graph host that takes tokens only of those who have proved `c1`.
fn graph() -> LoginServer {
    LoginServer::start(|_, seen| {
        if proved(seen) {
            Answer::json(200, &json!({"value": []}))
        } else {
            Answer::challenge(CLAIMS)
        }
    })
}

fn proved(seen: &Seen) -> bool {
    let bearer = seen.header("authorization").unwrap();
    let payload = bearer.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["acrs"] == "c1"
}

fn check(stage: &Stage, entra: &Entra, graph: &LoginServer, token: Option<&str>) -> Run {
    let mut command = stage.command(["auth", "status", "--check"]);
    command
        .env_remove("GRAPH_ATTACH_TOKEN")
        .env_remove("GRAPH_ATTACH_SANDBOX")
        .env("GRAPH_ATTACH_ENDPOINT", format!("{}/v1.0", graph.url))
        .env("AZURE_AUTHORITY_HOST", entra.url());
    if let Some(token) = token {
        command.env("GRAPH_ATTACH_TOKEN", token);
    }
    Run::of(command.output().unwrap())
}

fn login(stage: &Stage, entra: &Entra) -> String {
    let login = SignIn::start(stage, entra, &["--client-id", "my-app"]);
    browse(&login.url);
    let asked = login.asked("claims");
    login.end().code(0);
    asked
}

#[test]
fn what_the_refresh_token_can_prove_is_proved_and_kept() {
    let stage = Stage::new();
    let (entra, graph) = (Entra::start(Manners::default()), graph());
    login(&stage, &entra);
    check(&stage, &entra, &graph, None).code(0);
    let tokens = entra.seen("/token");
    assert_eq!(tokens.len(), 2);
    assert_eq!(tokens[1].value("grant_type"), Some("refresh_token"));
    assert_eq!(tokens[1].value("claims"), Some(CLAIMS));
    assert_eq!(graph.seen().len(), 2);
    // The next command has the better token already.
    check(&stage, &entra, &graph, None).code(0);
    assert_eq!((entra.seen("/token").len(), graph.seen().len()), (2, 3));
}

#[test]
fn what_takes_a_person_is_told_and_the_next_login_proves_it() {
    let stage = Stage::new();
    let entra = Entra::start(Manners {
        claims_need_a_person: true,
        ..Manners::default()
    });
    let graph = graph();
    assert_eq!(login(&stage, &entra), "");
    // Nobody is at the terminal.
    check(&stage, &entra, &graph, None)
        .code(4)
        .says("the service wants another sign-in")
        .says("graph-attach auth login --client-id my-app");
    assert_eq!(graph.seen().len(), 1);
    assert_eq!(login(&stage, &entra), CLAIMS);
    check(&stage, &entra, &graph, None).code(0);
    assert_eq!(login(&stage, &entra), "", "it has been met");
}

#[test]
fn a_token_from_elsewhere_cannot_be_improved_here() {
    let stage = Stage::new();
    let (entra, graph) = (Entra::start(Manners::default()), graph());
    let token = jwt(&json!({"scp": "Mail.ReadWrite", "aud": "https://graph.microsoft.com"}));
    check(&stage, &entra, &graph, Some(&token))
        .code(4)
        .says("the service wants another sign-in")
        .says("where the token comes from");
    assert_eq!(graph.seen().len(), 1);
}
