//! Tokens and secrets as people paste them and programs save them, from every source: one reading.

use std::{ffi::OsString, fs, os::unix::ffi::OsStringExt, os::unix::fs::PermissionsExt};

use crate::support::{
    Run, Stage,
    login_server::{Answer, LoginServer},
};

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// What a token can look like where it was saved, and be meant for certain.
fn forms(token: &str) -> Vec<(&'static str, Vec<u8>)> {
    let text = |name, text: String| (name, text.into_bytes());
    vec![
        text("bare", format!("{token}\n")),
        text("CR and blanks", format!("  {token} \r\n")),
        text("mark", format!("\u{feff}{token}")),
        ("UTF-16 of PowerShell", utf16(&format!("{token}\r\n"))),
        text("quotes", format!("\"{token}\"\n")),
        text("single quotes", format!("'{token}'")),
        text("typographic quotes", format!("\u{201c}{token}\u{201d}")),
        text(
            "zero width",
            format!("{}\u{200b}{}\u{feff}", &token[..9], &token[9..]),
        ),
        text("Bearer", format!("Bearer {token}")),
        text("header", format!("Authorization: Bearer {token}\r\n")),
        text("az", format!("{{\"accessToken\": \"{token}\"}}")),
        text(
            "PowerShell",
            format!("{{\"Token\": \"{token}\", \"UserId\": \"x\"}}"),
        ),
    ]
}

#[test]
fn a_token_is_read_from_every_source_in_every_form() {
    let stage = Stage::new();
    let path = stage.home.path().join("t");
    for (name, bytes) in forms(stage.sandbox.token()) {
        fs::write(&path, &bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let mut runs = vec![
            vec!["--token-file", "t", "auth", "status", "--check"],
            vec!["--token-command", "cat t", "auth", "status", "--check"],
        ];
        // A variable cannot hold a zero byte.
        if !bytes.contains(&0) {
            runs.push(vec!["auth", "status", "--check"]);
        }
        for args in runs {
            let mut command = stage.command(&args);
            command.env("GRAPH_ATTACH_TOKEN", OsString::from_vec(bytes.clone()));
            if bytes.contains(&0) {
                command.env_remove("GRAPH_ATTACH_TOKEN");
            }
            let run = Run::of(command.output().unwrap());
            assert_eq!(run.code, Some(0), "{name} {args:?} {run:?}");
        }
    }
}

#[test]
fn what_is_doubtful_is_refused_with_its_reason() {
    let stage = Stage::new();
    for (text, reason) in [
        (
            "System.Security.SecureString",
            "PowerShell prints instead of the token",
        ),
        (
            "{\"Token\": {\"Length\": 1745}}",
            "PowerShell prints instead of the token",
        ),
        ("Basic CANARYdXNlcg==", "without a bearer token"),
        ("Authorization: CANARY", "without a bearer token"),
        ("CANARY CANARY", "holds a blank"),
        ("CANARY\nCANARY", "holds a blank"),
        ("Bearer", "is empty"),
        ("<html>CANARY", "a page of HTML"),
    ] {
        let mut command = stage.command(["auth", "status"]);
        command.env("GRAPH_ATTACH_TOKEN", text);
        let run = Run::of(command.output().unwrap()).code(4).says(reason);
        assert!(!format!("{run:?}").contains("CANARY"), "{run:?}");
        assert!(stage.sandbox.requests().is_empty());
    }
}

#[test]
fn client_secrets_are_read_the_same_way_and_their_files_looked_at() {
    let stage = Stage::new();
    let host = LoginServer::start(|_, seen| {
        assert_eq!(seen.value("client_secret"), Some("s~e.c-ret"));
        Answer::token("token", 3600)
    });
    let path = stage.home.path().join("secret");
    fs::write(
        stage.home.path().join("c.toml"),
        "auth = \"client-secret\"\ntenant = \"t\"\nclient_id = \"c\"\nclient_secret_file = \"secret\"\n",
    )
    .unwrap();
    for (bytes, mode) in [
        (b"s~e.c-ret\r\n".to_vec(), 0o600),
        (utf16("s~e.c-ret\r\n"), 0o600),
        (b"\"s~e.c-ret\"".to_vec(), 0o640),
    ] {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = stage.command(["--config", "c.toml", "auth", "status"]);
        command
            .env_remove("GRAPH_ATTACH_TOKEN")
            .env("AZURE_AUTHORITY_HOST", &host.url);
        let run = Run::of(command.output().unwrap()).code(0);
        let warned = run.stderr.contains("the client secret file");
        assert_eq!(warned, mode != 0o600, "{run:?}");
    }
    assert_eq!(host.seen().len(), 3);
}

#[test]
fn a_token_command_that_wants_a_shell_is_told_how_to_have_one() {
    let stage = Stage::new();
    for line in [
        "az account get-access-token | jq -r .accessToken",
        "~/bin/token",
        "$HOME/token",
    ] {
        let mut command = stage.command(["--token-command", line, "auth", "status"]);
        command.env_remove("GRAPH_ATTACH_TOKEN");
        Run::of(command.output().unwrap())
            .code(2)
            .says("no shell runs the token command")
            .says("sh -c 'COMMAND | FILTER'");
    }
    let token = stage.sandbox.token();
    fs::write(stage.home.path().join("t"), format!("x {token}")).unwrap();
    let line = "sh -c 'cat \"$HOME/t\" | cut -d \" \" -f 2'";
    let mut command = stage.command(["--token-command", line, "auth", "status", "--check"]);
    command.env_remove("GRAPH_ATTACH_TOKEN");
    Run::of(command.output().unwrap()).code(0);
}
