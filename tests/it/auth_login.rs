//! The binary signing in, using that login, and signing out.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
    time::Duration,
};

use crate::support::{
    Run, Stage,
    login_server::{Answer, LoginServer},
    stage::BINARY,
};

const LOGIN: [&str; 7] = [
    "auth",
    "login",
    "--client-id",
    "my-app",
    "--tenant",
    "my-tenant",
    "--no-keyring",
];

/// A login host whose tokens are the stand-in's.
fn host(stage: &Stage) -> LoginServer {
    let token = stage.sandbox.token().to_owned();
    LoginServer::start(move |_, seen| {
        if seen.line.ends_with("/devicecode") {
            Answer::device_code(0, 900)
        } else {
            Answer::login(&token, 3600, "CANARY-REFRESH")
        }
    })
}

fn run(stage: &Stage, host: &LoginServer, args: &[&str]) -> Run {
    let mut command = stage.command(args);
    command
        .env_remove("GRAPH_ATTACH_TOKEN")
        .env("AZURE_AUTHORITY_HOST", &host.url);
    Run::of(command.output().unwrap())
}

/// Which files below a directory hold a text.
fn holding(directory: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(text) {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

#[test]
fn a_login_is_made_used_and_forgotten() {
    let stage = Stage::new();
    let host = host(&stage);
    let made = run(&stage, &host, &LOGIN)
        .code(0)
        .says("open https://login.example/device and enter the code ABCD1234")
        .says("signed in as ");
    assert_eq!(made.stdout, "");
    assert_eq!(holding(stage.home.path(), "CANARY"), ["login.json"]);

    let status = run(&stage, &host, &["auth", "status", "--json"]).code(0);
    assert_eq!(status.json()[0]["source"], "the saved login");
    stage.file("f.txt", 10);
    let attached = run(&stage, &host, &["-vv", "attach", "f.txt"]).code(0);
    assert_eq!(stage.held().len(), 1);
    let forgotten = run(&stage, &host, &["auth", "logout"])
        .code(0)
        .says("forgotten");
    assert_eq!(holding(stage.home.path(), "CANARY"), [""; 0]);
    run(&stage, &host, &["auth", "logout"])
        .code(0)
        .says("there was no saved login");
    run(&stage, &host, &["attach", "f.txt"])
        .code(4)
        .says("no credentials");
    let said = format!("{made:?} {status:?} {attached:?} {forgotten:?}");
    for secret in ["CANARY", "DEVICE-CODE", stage.sandbox.token()] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn quiet_and_json_still_show_the_code() {
    let stage = Stage::new();
    let host = host(&stage);
    let quiet: Vec<_> = ["--quiet"].into_iter().chain(LOGIN).collect();
    run(&stage, &host, &quiet).code(0).says("ABCD1234");
    let json: Vec<_> = ["--json"].into_iter().chain(LOGIN).collect();
    let lines = run(&stage, &host, &json).code(0).json();
    assert_eq!(lines[0]["type"], "device_code");
    assert_eq!(lines[0]["code"], "ABCD1234");
    assert_eq!(lines[1]["type"], "auth");
}

#[test]
fn app_and_tenant_may_come_from_the_profile_and_must_come_from_somewhere() {
    let stage = Stage::new();
    let host = host(&stage);
    run(&stage, &host, &["auth", "login"])
        .code(2)
        .says("`auth login` needs the id of an app: `--client-id`")
        .says("14d82eec-204b-4c2f-b7e8-296a70dab67e");
    let config = "[profile.work]\nauth = \"device-code\"\nclient_id = \"a\"\ntenant = \"t\"\n";
    fs::write(stage.home.path().join("c.toml"), config).unwrap();
    let work = ["--config", "c.toml", "--profile", "work"];
    let with = |args: &[&'static str]| [args, &work].concat();
    run(&stage, &host, &with(&["auth", "status"]))
        .code(4)
        .says("there is no saved login for the profile `work`")
        .says("graph-attach auth login --client-id a --tenant t");
    run(&stage, &host, &with(&["auth", "login", "--no-keyring"])).code(0);
    assert_eq!(host.seen()[0].line, "POST /t/oauth2/v2.0/devicecode");
    run(&stage, &host, &with(&["auth", "status"])).code(0);
}

#[test]
fn a_token_variable_that_hides_the_login_is_pointed_out() {
    let stage = Stage::new();
    let host = host(&stage);
    let mut command = stage.command(LOGIN);
    command.args(["--login-url", &host.url]);
    Run::of(command.output().unwrap())
        .code(0)
        .says("GRAPH_ATTACH_TOKEN is set, and goes before the saved login");
}

#[test]
fn failures_have_their_codes() {
    let stage = Stage::new();
    for (code, error, description, sentence) in [
        (
            4,
            "authorization_declined",
            "The end user declined.",
            "the sign-in was declined",
        ),
        (4, "expired_token", "AADSTS70020: late", "the code expired"),
        (
            4,
            "invalid_grant",
            "AADSTS53003: blocked",
            "a Conditional Access policy",
        ),
    ] {
        let host = LoginServer::start(move |before, _| match before {
            0 => Answer::device_code(0, 900),
            _ => Answer::error(error, description),
        });
        run(&stage, &host, &LOGIN).code(code).says(sentence);
    }
    let busy = LoginServer::start(|_, _| Answer::html(503));
    run(&stage, &busy, &LOGIN)
        .code(5)
        .says("the login service answered 503");
    fs::write(stage.home.path().join("file"), "").unwrap();
    let nowhere: Vec<_> = ["--state-dir", "file"].into_iter().chain(LOGIN).collect();
    run(&stage, &busy, &nowhere).code(9);
    assert!(holding(stage.home.path(), "CANARY").is_empty());
}

#[test]
fn an_interrupted_login_leaves_nothing() {
    let stage = Stage::new();
    let host = LoginServer::start(|before, _| match before {
        0 => Answer::device_code(0, 900),
        _ => Answer::error("authorization_pending", "AADSTS70016: pending"),
    });
    let mut child = stage
        .process(LOGIN)
        .env("AZURE_AUTHORITY_HOST", &host.url)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("ABCD1234"), "{line}");
    std::thread::sleep(Duration::from_millis(300));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success());
    assert!(!stage.state_dir().join("login.json").exists());
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    use std::os::unix::fs::MetadataExt;
    for umask in ["000", "077"] {
        let stage = Stage::new();
        let host = host(&stage);
        let script = format!("umask {umask}; exec \"$@\"");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script, "sh", BINARY]).args(LOGIN);
        command
            .env_clear()
            .envs(stage.environment())
            .env("AZURE_AUTHORITY_HOST", &host.url);
        Run::of(command.output().unwrap()).code(0);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&stage.state_dir()), 0o700);
        assert_eq!(mode(&stage.state_dir().join("login.json")), 0o600);
    }
}
