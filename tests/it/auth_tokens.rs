//! The binary and its token: which source wins, what it says of a token that will not do, and bad
//! input, each with its exit code.

use std::{
    fs,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
    sync::mpsc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{Run, Stage};

/// A token that says these things of itself, and that the stand-in did not issue.
fn jwt(claims: &Value) -> String {
    format!(
        "eyJhbGciOiJub25lIn0.{}.CANARY",
        URL_SAFE_NO_PAD.encode(claims.to_string())
    )
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Runs `attach FILE` with these variables besides, and without a token of the stand-in's.
fn attach(stage: &Stage, env: &[(&str, &str)], args: &[&str]) -> Run {
    let file = stage.file("f.txt", 10);
    let mut command = stage.command(args);
    command
        .arg("attach")
        .arg(file)
        .env_remove("GRAPH_ATTACH_TOKEN");
    for (name, value) in env {
        command.env(name, value);
    }
    Run::of(command.output().unwrap())
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn every_simple_source_works() {
    let stage = Stage::new();
    let token = stage.sandbox.token().to_owned();
    let good = stage.home.path().join("token");
    write(&good, &format!("{token}\n"), 0o600);
    let json = stage.home.path().join("json");
    write(
        &json,
        &json!({"accessToken": token, "expires_on": now() + 3600}).to_string(),
        0o600,
    );
    let file = good.to_str().unwrap();
    let command = format!("cat {}", json.display());
    for (env, args) in [
        (vec![("GRAPH_ATTACH_TOKEN", token.as_str())], vec![]),
        (vec![("GRAPH_ATTACH_TOKEN_FILE", file)], vec![]),
        (
            vec![("GRAPH_ATTACH_TOKEN_COMMAND", command.as_str())],
            vec![],
        ),
        (vec![], vec!["--token-file", file]),
        (vec![], vec!["--token-command", &command]),
    ] {
        let run = attach(&stage, &env, &args);
        assert_eq!(run.code, Some(0), "{env:?} {args:?} {run:#?}");
    }
    let piped = stage
        .command(["--token-file", "-", "attach", "f.txt"])
        .env_remove("GRAPH_ATTACH_TOKEN")
        .write_stdin(token.as_str())
        .output();
    Run::of(piped.unwrap()).code(0);
}

#[test]
fn a_configuration_file_can_name_each_source() {
    let stage = Stage::new();
    let token = stage.sandbox.token().to_owned();
    let config = stage.home.path().join("config.toml");
    write(&stage.home.path().join("t"), &token, 0o600);
    for text in [
        "token_file = \"t\"".to_owned(),
        "token_command = [\"cat\", \"t\"]".to_owned(),
        "token_command = \"cat t\"".to_owned(),
        format!("token = \"{token}\""),
        format!("[profile.other]\ntoken = \"x\"\n[profile.work]\ntoken = \"{token}\""),
    ] {
        write(&config, &text, 0o600);
        let mut args = vec!["--config", config.to_str().unwrap()];
        if text.contains("work") {
            args.extend(["--profile", "work"]);
        }
        let run = attach(&stage, &[], &args);
        assert_eq!(run.code, Some(0), "{text} {run:#?}");
    }
}

#[test]
fn the_first_source_wins_even_when_it_fails() {
    let stage = Stage::new();
    let token = stage.sandbox.token().to_owned();
    let run = attach(
        &stage,
        &[
            ("GRAPH_ATTACH_TOKEN", &token),
            ("GRAPH_ATTACH_TOKEN_COMMAND", "echo x"),
        ],
        &["-v", "--token-command", "false"],
    )
    .code(4)
    .says("no token from --token-command: `false` failed")
    .says("token from --token-command")
    .says("GRAPH_ATTACH_TOKEN is set too, and ignored")
    .says("GRAPH_ATTACH_TOKEN_COMMAND is set too, and ignored");
    assert!(!run.stderr.contains(&token));
    attach(
        &stage,
        &[
            ("GRAPH_ATTACH_TOKEN", ""),
            ("GRAPH_ATTACH_TOKEN_COMMAND", "echo x"),
        ],
        &[],
    )
    .code(4)
    .says("no token from GRAPH_ATTACH_TOKEN: the token is empty");
    assert!(stage.sandbox.requests().is_empty());
}

#[test]
fn without_any_source_there_are_recipes() {
    let stage = Stage::new();
    let run = attach(&stage, &[], &[]).code(4).says("no credentials");
    let hints = run
        .stderr
        .lines()
        .filter(|line| line.starts_with("hint: "))
        .count();
    assert!(hints >= 3, "{run:#?}");
    attach(
        &stage,
        &[("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")],
        &[],
    )
    .code(4)
    .says(
        "(AZURE_TENANT_ID, AZURE_CLIENT_ID set, but not AZURE_CLIENT_SECRET or \
         AZURE_FEDERATED_TOKEN_FILE)",
    );
}

#[test]
fn a_token_command_sees_no_secrets_and_shows_its_complaints() {
    let stage = Stage::new();
    let script = stage.home.path().join("print");
    write(
        &script,
        "#!/bin/sh\nenv > seen\necho 'first log in' >&2\nexit 1\n",
        0o700,
    );
    attach(
        &stage,
        &[
            ("GRAPH_ATTACH_TOKEN", "CANARY-1"),
            ("AZURE_CLIENT_SECRET", "CANARY-2"),
            ("KEPT", "kept"),
        ],
        &["--token-command", "./print"],
    )
    .code(4)
    .says("first log in")
    .says("`./print` failed");
    let seen = fs::read_to_string(stage.home.path().join("seen")).unwrap();
    assert!(
        seen.contains("KEPT=kept") && !seen.contains("CANARY"),
        "{seen}"
    );
}

#[test]
fn a_token_command_gets_no_standard_input() {
    let stage = Stage::new();
    let run = stage
        .command(["auth", "status", "--token-command", "cat"])
        .env_remove("GRAPH_ATTACH_TOKEN")
        .write_stdin("CANARY")
        .output();
    Run::of(run.unwrap()).code(4).says("the token is empty");
}

#[test]
fn a_token_command_does_not_outlive_an_interrupted_run() {
    let stage = Stage::new();
    let started = stage.home.path().join("started");
    stage.file("f.txt", 10);
    // The signal goes to `graph-attach` alone, as from `kill`; a terminal would send it to both.
    let script = "#!/bin/sh\necho >started\nexec sleep 60\n";
    write(&stage.home.path().join("print"), script, 0o700);
    let mut child = stage
        .process(["attach", "f.txt", "--token-command", "./print"])
        .env_remove("GRAPH_ATTACH_TOKEN")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let patience = Instant::now();
    while !started.exists() {
        assert!(patience.elapsed() < Duration::from_secs(20), "it starts");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut stderr = child.stderr.take().unwrap();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = stderr.read_to_end(&mut Vec::new());
        let _ = tell.send(());
    });
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(!child.wait().unwrap().success());
    // The command writes its complaints to the same pipe, which ends when nobody holds it any more.
    let ended = told.recv_timeout(Duration::from_secs(10));
    assert!(ended.is_ok(), "the token command still runs");
}

#[test]
fn bad_sources_have_a_sentence_and_a_code() {
    let stage = Stage::new();
    let home = stage.home.path();
    fs::create_dir(home.join("directory")).unwrap();
    write(&home.join("empty"), "", 0o600);
    write(&home.join("lines"), "CANARY\nCANARY\n", 0o600);
    write(&home.join("page"), "<html>CANARY</html>", 0o600);
    for (code, args, sentence) in [
        (4, ["--token-file", "directory"], "directory is a directory"),
        (4, ["--token-file", "missing"], "cannot read `missing`"),
        (4, ["--token-file", "empty"], "the token is empty"),
        (4, ["--token-file", "lines"], "line break"),
        (4, ["--token-file", "page"], "a page of HTML"),
        (
            4,
            ["--token-command", "no-such-command"],
            "cannot run `no-such-command`",
        ),
        (4, ["--token-command", "echo"], "the token is empty"),
        (4, ["--token-command", "echo {}"], "`access_token`"),
        (2, ["--token-command", "echo 'x"], "unbalanced quote"),
        (2, ["--cloud", "USGov"], "`gcc-high`"),
        (2, ["--cloud", "chna"], "did you mean `china`?"),
        (2, ["--endpoint", "nonsense"], "not a URL"),
        (
            2,
            ["--endpoint", "http://graph.example/v1.0"],
            "plain `http://`",
        ),
        (2, ["--profile", "nobody"], "no profile `nobody`"),
        (
            2,
            ["--config", "missing"],
            "cannot read the configuration file missing",
        ),
        (2, ["--ca-file", "empty"], "CA file"),
    ] {
        let env = if code == 2 {
            vec![("GRAPH_ATTACH_TOKEN", "CANARY")]
        } else {
            vec![]
        };
        let run = attach(&stage, &env, &args).code(code).says(sentence);
        assert!(!run.stderr.contains("CANARY"), "{run:#?}");
        assert_eq!(run.stdout, "");
    }
    assert!(stage.sandbox.requests().is_empty());
}

#[test]
fn a_bad_configuration_file_names_its_line() {
    let stage = Stage::new();
    let path = stage.home.path().join("c.toml");
    for (text, mode, sentence) in [
        ("endpont = \"x\"", 0o600, "did you mean `endpoint`?"),
        (
            "\ncloud = 1",
            0o600,
            "c.toml, line 2, column 9: `cloud` must be a string",
        ),
        ("cloud = ", 0o600, "c.toml, line 1, column "),
        (
            "token = \"CANARY\"",
            0o644,
            "others can get at the file (mode 0644)",
        ),
        (
            "token = \"CANARY\"\ntoken_file = \"x\"",
            0o600,
            "only one of them",
        ),
    ] {
        write(&path, text, mode);
        let run = attach(&stage, &[], &["--config", "c.toml"])
            .code(2)
            .says(sentence);
        assert!(!run.stderr.contains("CANARY"), "{run:#?}");
    }
}

#[test]
fn a_token_file_that_others_can_read_is_worth_a_warning() {
    let stage = Stage::new();
    let path = stage.home.path().join("open");
    write(&path, stage.sandbox.token(), 0o644);
    attach(&stage, &[], &["--token-file", "open"])
        .code(0)
        .says("can be read by others");
    // Once by every command, however often it asks.
    stage.file("big", 5_000_000);
    stage
        .sandbox
        .add_faults(["put@2x4=503"].map(|fault| fault.parse().unwrap()));
    for name in ["one", "two"] {
        let line = ["attach", "--max-retries=0", "big", "--name", name];
        stage.run(line).code(5);
    }
    stage.sandbox.clear_faults();
    for line in [&["ls"][..], &["resume", "--all"]] {
        let mut command = stage.command(line);
        let output = command.args(["--token-file", "open"]).output().unwrap();
        let run = Run::of(output).code(0);
        assert_eq!(
            run.stderr.matches("can be read by others").count(),
            1,
            "{run:#?}"
        );
    }
    write(&path, stage.sandbox.token(), 0o600);
    let run = attach(&stage, &[], &["--again", "--token-file", "open"]);
    assert!(!run.stderr.contains("can be read by others"), "{run:#?}");
}

#[test]
fn a_token_for_something_else_is_not_even_sent() {
    let stage = Stage::new();
    let other_api = jwt(&json!({"aud": "https://management.azure.com/", "exp": now() + 3600}));
    let other_cloud = jwt(&json!({"aud": "https://graph.microsoft.us", "exp": now() + 3600}));
    let app = jwt(&json!({
        "aud": "https://graph.microsoft.com", "idtyp": "app", "roles": ["Mail.ReadWrite"],
    }));
    for (token, sentence, hint) in [
        (
            &other_api,
            "was issued for `https://management.azure.com/`",
            "graph.microsoft.com",
        ),
        (
            &other_cloud,
            "for the cloud `gcc-high`, and this is `public`",
            "--cloud gcc-high",
        ),
        (&app, "stands for an app, not for a person", "--mailbox"),
    ] {
        let run = attach(&stage, &[("GRAPH_ATTACH_TOKEN", token)], &[])
            .code(4)
            .says(sentence)
            .says(hint);
        assert!(!run.stderr.contains("CANARY"), "{run:#?}");
    }
    assert!(stage.sandbox.requests().is_empty());
    let mailbox = [
        ("GRAPH_ATTACH_TOKEN", app.as_str()),
        ("GRAPH_ATTACH_MAILBOX", "a@b.example"),
    ];
    attach(&stage, &mailbox, &[]).code(4);
    assert!(
        !stage.sandbox.requests().is_empty(),
        "an app may have a mailbox that is named"
    );
}

#[test]
fn a_refusal_is_explained_by_what_the_token_says() {
    let stage = Stage::new();
    let expired = jwt(&json!({"aud": "https://graph.microsoft.com", "exp": now() - 3 * 3600 - 60}));
    let run = attach(&stage, &[("GRAPH_ATTACH_TOKEN", &expired)], &[])
        .code(4)
        .says("the token expired 3 h ago");
    assert!(!run.stderr.contains("CANARY"), "{run:#?}");

    let stage = Stage::with_faults(&["any@1x9=403"]);
    let scopes = jwt(&json!({"scp": "Mail.Send User.Read", "exp": now() + 3600}));
    attach(&stage, &[("GRAPH_ATTACH_TOKEN", &scopes)], &[])
        .code(4)
        .says("the token has Mail.Send and User.Read; ")
        .says("Mail.ReadWrite");
    let cli = jwt(&json!({
        "appid": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "scp": "User.Read", "exp": now() + 3600,
    }));
    attach(&stage, &[("GRAPH_ATTACH_TOKEN", &cli)], &[])
        .code(4)
        .says("this is an Azure CLI user token, which cannot carry mail scopes");
}

#[test]
fn a_refused_token_is_asked_for_once_more() {
    let stage = Stage::new();
    write(
        &stage.home.path().join("token"),
        stage.sandbox.token(),
        0o600,
    );
    let script = "#!/bin/sh\necho >> runs\n[ $(wc -l < runs) = 1 ] && echo stale || cat token\n";
    write(&stage.home.path().join("print"), script, 0o700);
    attach(&stage, &[("GRAPH_ATTACH_TOKEN_COMMAND", "./print")], &[]).code(0);
    assert_eq!(
        fs::read_to_string(stage.home.path().join("runs"))
            .unwrap()
            .lines()
            .count(),
        2
    );
}

#[test]
fn status_says_who_and_never_the_token() {
    let stage = Stage::new();
    let run = stage.run(["auth", "status"]).code(0);
    let row = |name: &str| {
        let line = run
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{name}\t")));
        line.unwrap_or_else(|| panic!("{name}: {run:#?}"))
            .split_once('\t')
            .unwrap()
            .1
            .to_owned()
    };
    assert_eq!(row("source"), "GRAPH_ATTACH_TOKEN");
    assert_eq!(row("kind"), "user");
    assert!(row("scopes").contains("Mail.ReadWrite"));
    assert!(row("expires").contains("(in "));
    assert!(stage.sandbox.requests().is_empty());

    let run = stage.run(["auth", "status", "--json", "--check"]).code(0);
    let line = &run.json()[0];
    assert_eq!(line["type"], "auth");
    assert_eq!(line["source"], "GRAPH_ATTACH_TOKEN");
    assert_eq!(line["checked"], true);
    assert!(!run.stdout.contains(stage.sandbox.token()));
    assert!(!stage.sandbox.requests().is_empty());
}

#[test]
fn status_finds_a_token_that_will_not_do() {
    let stage = Stage::new();
    let with = |token: &str, args: &[&str]| {
        let mut command = stage.command(["auth", "status"]);
        command.args(args).env("GRAPH_ATTACH_TOKEN", token);
        Run::of(command.output().unwrap())
    };
    let expired = jwt(&json!({"exp": now() - 7300}));
    with(&expired, &[])
        .code(4)
        .says("the token expired 2 h ago");
    with("opaque-CANARY", &[]).code(0);
    let run = with("opaque-CANARY", &["--check", "--json"]).code(4);
    assert_eq!(run.json()[0]["checked"], false);
    assert!(!format!("{run:?}").contains("CANARY"));
    let none = stage
        .command(["auth", "status"])
        .env_remove("GRAPH_ATTACH_TOKEN")
        .output();
    Run::of(none.unwrap()).code(4).says("no credentials");
}
