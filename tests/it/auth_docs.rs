//! The block for `az` in `docs/sign-in.md` does what it says: it is run as it stands, with a stand-in for `az`
//! that takes the options which the real one has, and the line that it prints is one that this program takes.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use clap::Parser;
use graph_attach::args::Cli;

/// As much of `az` as is used; refuses what it does not know.
const AZ: &str = r#"#!/bin/sh
case "$*" in
"ad app create --display-name graph-attach --sign-in-audience AzureADMyOrg --public-client-redirect-uris http://localhost --is-fallback-public-client true --query appId --output tsv")
    echo 22222222-2222-3333-4444-555555555555 ;;
"ad sp show --id 00000003-0000-0000-c000-000000000000 --output tsv --query oauth2PermissionScopes[?value=='"*"'].id | [0]")
    echo "$*" | sed "s/.*value=='\(.*\)'.*/id-of-\1/" ;;
"ad app permission add --id 22222222-2222-3333-4444-555555555555 --api 00000003-0000-0000-c000-000000000000 --api-permissions id-of-"*"=Scope")
    echo "$*" >> "$LOG" ;;
"account show --query tenantId --output tsv")
    echo 11111111-2222-3333-4444-555555555555 ;;
*)
    echo "az: $*" >&2; exit 2 ;;
esac
"#;

#[test]
fn the_block_that_registers_an_app_ends_in_a_line_that_signs_in() {
    let text = include_str!("../../docs/sign-in.md");
    let blocks: Vec<_> = text.split("```").skip(1).step_by(2).collect();
    let block = blocks
        .iter()
        .find(|block| block.contains("az ad app create"))
        .unwrap();
    let home = tempfile::tempdir().unwrap();
    let (az, log) = (home.path().join("az"), home.path().join("log"));
    fs::write(&az, AZ).unwrap();
    fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!(
        "{}:{}",
        home.path().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new("bash")
        .args(["-euc", block.strip_prefix("sh\n").unwrap()])
        .env("PATH", path)
        .env("LOG", &log)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let added = fs::read_to_string(log).unwrap();
    for scope in ["Mail.ReadWrite", "Calendars.ReadWrite", "Mail.Send"] {
        assert!(added.contains(&format!("id-of-{scope}=Scope")), "{added}");
    }
    let printed = String::from_utf8(output.stdout).unwrap();
    let line = printed
        .lines()
        .find(|line| line.starts_with("graph-attach "))
        .unwrap();
    assert!(
        Cli::try_parse_from(shlex::split(line).unwrap()).is_ok(),
        "{line}"
    );
    assert!(
        line.contains("22222222-2222") && line.contains("11111111-2222"),
        "{line}"
    );
}

#[test]
fn every_login_line_in_the_page_is_one_that_this_program_takes() {
    let text = include_str!("../../docs/sign-in.md");
    let lines = text
        .lines()
        .filter(|line| line.starts_with("graph-attach auth "));
    let lines: Vec<_> = lines.map(|line| line.split('#').next().unwrap()).collect();
    assert!(lines.len() >= 5);
    for line in lines {
        assert!(
            Cli::try_parse_from(shlex::split(line).unwrap()).is_ok(),
            "{line}"
        );
    }
}
