//! Several logins, one for each profile; what they may do; and what the configuration remembers.

use std::fs;

use serde_json::Value;

use crate::support::{
    Run, Stage,
    entra::{Entra, Manners, TENANT},
    sign_in::{SignIn, browse},
};

const CONFIG: &str = "\
# mine
[profile.work]
client_id = \"work-app\"   # of contoso

[profile.home]
client_id = \"home-app\"
tenant = \"consumers\"
";

fn stage() -> Stage {
    let stage = Stage::new();
    let directory = stage.home.path().join(".config/graph-attach");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("config.toml"), CONFIG).unwrap();
    stage
}

fn config(stage: &Stage) -> String {
    fs::read_to_string(stage.home.path().join(".config/graph-attach/config.toml")).unwrap()
}

fn login(stage: &Stage, entra: &Entra, more: &[&str]) -> Run {
    let login = SignIn::start(stage, entra, more);
    browse(&login.url);
    login.end()
}

fn run(stage: &Stage, args: &[&str]) -> Run {
    let mut command = stage.command(args);
    command.env_remove("GRAPH_ATTACH_TOKEN");
    Run::of(command.output().unwrap())
}

fn logins(run: &Run) -> Vec<(Value, Value, Value)> {
    let lines = run
        .json()
        .into_iter()
        .filter(|line| line["type"] == "login");
    lines
        .map(|line| {
            (
                line["profile"].clone(),
                line["account"].clone(),
                line["client_id"].clone(),
            )
        })
        .collect()
}

#[test]
fn each_profile_has_its_own_login_and_all_are_listed_and_forgotten() {
    let stage = stage();
    let account = |account| Manners {
        account,
        ..Manners::default()
    };
    let (one, two, three) = (
        Entra::start(account("one@contoso.com")),
        Entra::start(account("two@contoso.com")),
        Entra::start(account("three@example.org")),
    );
    login(&stage, &one, &["--client-id", "my-app"]).code(0);
    login(&stage, &two, &["--profile", "work"]).code(0);
    login(&stage, &three, &["--profile", "home"]).code(0);
    // Without a tenant anybody's work or school account.
    assert!(one.seen("/authorize")[0].line.contains("/organizations/"));
    assert!(three.seen("/authorize")[0].line.contains("/consumers/"));

    for (args, account) in [
        (&["auth", "status", "--json"][..], "one@contoso.com"),
        (
            &["--profile", "work", "auth", "status", "--json"],
            "two@contoso.com",
        ),
    ] {
        let status = run(&stage, args).code(0);
        assert_eq!(status.json()[0]["account"], account);
        assert_eq!(
            logins(&status),
            [
                (Value::Null, "one@contoso.com".into(), "my-app".into()),
                ("home".into(), "three@example.org".into(), "home-app".into()),
                ("work".into(), "two@contoso.com".into(), "work-app".into()),
            ]
        );
    }
    let people = run(&stage, &["auth", "status"]).code(0);
    for account in ["one@contoso.com", "two@contoso.com", "three@example.org"] {
        assert!(people.stdout.contains(account), "{people:?}");
    }
    assert!(!format!("{people:?}").contains("CANARY"));

    run(&stage, &["--profile", "work", "auth", "logout"]).code(0);
    let left = run(&stage, &["--profile", "work", "auth", "status", "--json"])
        .code(4)
        .says("no credentials");
    assert_eq!(logins(&left).len(), 2, "listed although this one is gone");
    run(&stage, &["auth", "logout", "--all"])
        .code(0)
        .says("2 saved logins are forgotten");
    let none = run(&stage, &["auth", "status", "--json"]).code(4);
    assert!(logins(&none).is_empty());
}

#[test]
fn app_and_tenant_can_be_remembered() {
    let stage = stage();
    let entra = Entra::start(Manners::default());
    let app = ["--client-id", "my-app", "--tenant", TENANT];
    login(&stage, &entra, &[&app[..], &["--save"]].concat())
        .code(0)
        .says("remembered in");
    assert!(config(&stage).contains("# mine"), "{}", config(&stage));
    // From now on nothing has to be said.
    login(&stage, &entra, &[]).code(0);
    let asked = entra.seen("/authorize");
    assert_eq!(asked[1].value("client_id"), Some("my-app"));
    assert_eq!(asked[1].value("login_hint"), Some("adele@contoso.com"));

    // A profile that is not there yet is made.
    let new = [&["--profile", "new"], &app[..], &["--save"]].concat();
    login(&stage, &entra, &new).code(0);
    assert!(config(&stage).contains("[profile.new]"));
    let status = run(&stage, &["--profile", "new", "auth", "status", "--json"]).code(0);
    assert_eq!(status.json()[0]["account"], "adele@contoso.com");
    run(&stage, &["--profile", "newer", "auth", "login"])
        .code(2)
        .says("no profile `newer`");
    assert!(!format!("{}{status:?}", config(&stage)).contains("CANARY"));
}

#[test]
fn a_first_login_makes_the_file() {
    let stage = Stage::new();
    let entra = Entra::start(Manners::default());
    let args = ["--config", "new/c.toml", "--client-id", "my-app", "--save"];
    login(&stage, &entra, &args).code(0);
    let text = fs::read_to_string(stage.home.path().join("new/c.toml")).unwrap();
    assert_eq!(
        text,
        "client_id = \"my-app\"\ntenant = \"organizations\"\nauth = \"browser\"\n"
    );
}

#[test]
fn a_login_for_another_tenant_than_the_profile_s_is_refused_before_it_begins() {
    let stage = stage();
    for (flag, value) in [("--tenant", "contoso.com"), ("--client-id", "another")] {
        run(&stage, &["--profile", "home", "auth", "login", flag, value])
            .code(2)
            .says("is not what the configuration says")
            .says("--save");
    }
}

#[test]
fn more_permissions_are_added_to_those_of_the_login() {
    let stage = stage();
    let entra = Entra::start(Manners::default());
    let graph = |name: &str| format!("https://graph.microsoft.com/{name}");
    login(&stage, &entra, &["--client-id", "my-app"]).code(0);
    login(&stage, &entra, &["--scopes", "send"]).code(0);
    login(&stage, &entra, &["--scopes", "events,Mail.Send.Shared"]).code(0);
    let asked: Vec<_> = entra
        .seen("/authorize")
        .iter()
        .map(|seen| seen.value("scope").unwrap().to_owned())
        .collect();
    assert!(!asked[0].contains("Mail.Send"));
    for name in ["Mail.ReadWrite", "Mail.Send"] {
        assert!(asked[1].contains(&graph(name)), "{}", asked[1]);
    }
    for name in [
        "Mail.ReadWrite",
        "Mail.Send",
        "Calendars.ReadWrite",
        "Mail.Send.Shared",
    ] {
        assert!(asked[2].contains(&graph(name)), "{}", asked[2]);
    }
    run(
        &stage,
        &[
            "auth",
            "login",
            "--client-id",
            "x",
            "--scopes",
            "everything",
        ],
    )
    .code(2)
    .says("`everything` cannot be asked for")
    .says("`mail`, `events`, `send`, `shared`");
}

#[test]
fn a_blocked_device_code_names_the_browser_and_the_other_way_round() {
    let stage = Stage::new();
    let entra = Entra::start(Manners {
        device_refusal: Some((
            "invalid_grant",
            "AADSTS530033: Access has been blocked: the device code flow is not allowed.",
        )),
        ..Manners::default()
    });
    let mut command = stage.command(["auth", "login", "--device-code", "--client-id", "my-app"]);
    command.env("AZURE_AUTHORITY_HOST", entra.url());
    Run::of(command.output().unwrap())
        .code(4)
        .says("blocks the device code flow")
        .says("graph-attach auth login --browser --client-id my-app");
}

#[test]
fn nothing_set_is_explained_in_a_few_lines() {
    let stage = Stage::new();
    let run = run(&stage, &["auth", "login"])
        .code(2)
        .says("--client-id")
        .says("docs/sign-in.md")
        .says("Microsoft Graph Command Line Tools")
        .says("--save");
    assert!(run.stderr.lines().count() <= 8, "{}", run.stderr);
}
