//! Logins that the system's store keeps: a real Secret Service where there is one to be had, and what
//! happens where there is none.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{
    Run, Stage,
    entra::{Entra, Manners},
    has,
    stage::BINARY,
};

const LOGIN: [&str; 5] = ["auth", "login", "--device-code", "--client-id", "my-app"];

fn run(stage: &Stage, entra: &Entra, bus: &str, args: &[&str]) -> Run {
    let mut command = stage.command(args);
    command
        .env_remove("GRAPH_ATTACH_TOKEN")
        .env("DBUS_SESSION_BUS_ADDRESS", bus)
        .env("AZURE_AUTHORITY_HOST", entra.url());
    Run::of(command.output().unwrap())
}

#[test]
fn without_a_store_the_login_stays_in_its_file_with_a_note() {
    let stage = Stage::new();
    let entra = Entra::start(Manners::default());
    let nowhere = format!("unix:path={}", stage.home.path().join("bus").display());
    let started = Instant::now();
    run(&stage, &entra, &nowhere, &LOGIN)
        .code(0)
        .says("the login is kept in")
        .says("the system's keyring cannot be used");
    assert!(started.elapsed() < Duration::from_secs(20));
    let kept = fs::read_to_string(stage.state_dir().join("login.json")).unwrap();
    assert!(kept.contains("CANARY-REFRESH"));
    run(&stage, &entra, &nowhere, &["auth", "status"]).code(0);
    let told = [&LOGIN[..], &["--no-keyring"]].concat();
    let run = run(&stage, &entra, &nowhere, &told).code(0);
    assert!(!run.stderr.contains("keyring"), "{run:?}");
}

#[test]
fn a_store_that_is_there_keeps_the_key() {
    let what = "a login in a real Secret Service";
    if !(has("dbus-run-session", what) && has("gnome-keyring-daemon", what)) {
        return;
    }
    let stage = Stage::new();
    let entra = Entra::start(Manners {
        // Renewed by each command.
        expires_in: 10,
        ..Manners::default()
    });
    // An old login moves in, once; a new one goes there; a locked-out file is told; the end is clean.
    let script = r#"
        set -e
        printf x | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
        "$BIN" auth login --device-code --client-id my-app
        grep -q '"store":"keyring"' "$STATE/login.json"
        ! grep -rq CANARY "$STATE"
        "$BIN" auth status
        ! grep -rq CANARY "$STATE"
        "$BIN" auth logout
        test ! -e "$STATE/login.json"
        printf '%s' "$FIRST" > "$STATE/login.json"
        "$BIN" auth status
        grep -q '"store":"keyring"' "$STATE/login.json"
        ! grep -rq CANARY "$STATE"
        cp "$STATE/login.json" "$STATE/../kept.json"
        "$BIN" auth logout --all
        cp "$STATE/../kept.json" "$STATE/login.json"
        chmod 600 "$STATE/login.json"
        if "$BIN" auth status; then exit 9; else test $? = 4; fi
    "#;
    let first = serde_json::json!({
        "schema": 1, "login_url": entra.url(), "tenant": "organizations", "client_id": "my-app",
        "scope": "https://graph.microsoft.com/.default offline_access",
        "refresh_token": "CANARY-FIRST", "access_token": "CANARY-ACCESS",
        "expires": "2126-01-01T00:00:00Z",
    });
    let home = stage.home.path();
    fs::create_dir_all(stage.state_dir()).unwrap();
    let output = Command::new("dbus-run-session")
        .args(["--", "bash", "-c", script])
        .env_clear()
        .envs(stage.environment())
        .env_remove("GRAPH_ATTACH_TOKEN")
        .env("XDG_RUNTIME_DIR", home)
        .env("XDG_DATA_HOME", home.join("data"))
        .env("BIN", BINARY)
        .env("STATE", stage.state_dir())
        .env("FIRST", first.to_string())
        .env("AZURE_AUTHORITY_HOST", entra.url())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Run::of(output)
        .code(0)
        .says("sealed with a key in the system's keyring now")
        .says("the system's keyring has forgotten the saved login");
}
