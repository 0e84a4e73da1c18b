//! Completion scripts at work: a real bash completes options, and the ids of sessions.

use std::{path::Path, process::Command};

use crate::support::{BINARY, Stage};

/// What bash offers for the last of these words.
fn bash(stage: &Stage, words: &[&str]) -> Vec<String> {
    let script = r#"
        source "$SCRIPT"
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        cur="${COMP_WORDS[COMP_CWORD]}"
        prev="${COMP_WORDS[COMP_CWORD - 1]}"
        function="$(complete -p graph-attach | sed -E 's/.*-F ([^ ]+).*/\1/')"
        "$function" graph-attach "$cur" "$prev"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output = Command::new("bash")
        .args(["--norc", "-c", script, "bash"])
        .args(words)
        .env_clear()
        .envs(stage.environment())
        .env("PATH", path())
        .env(
            "SCRIPT",
            concat!(env!("CARGO_MANIFEST_DIR"), "/completions/graph-attach.bash"),
        )
        .output()
        .expect("bash runs");
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// With the binary under test in front.
fn path() -> String {
    let folder = Path::new(BINARY).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}

#[test]
fn bash_completes_commands_options_and_sessions() {
    let stage = Stage::with_faults(&["put@4=503:0"]);
    let finished = stage.file("done.bin", 4_000_000);
    stage.run(["attach".as_ref(), finished.as_os_str()]).code(0);
    let done = stage.session();
    let file = stage.file("big.bin", 9_000_000);
    let args = [
        "attach".as_ref(),
        "--max-retries=0".as_ref(),
        file.as_os_str(),
    ];
    stage.run(args).code(5);
    let status = stage.run(["status", "--json"]).json();
    let open = status
        .iter()
        .find(|line| line["state"] == "resumable")
        .unwrap();
    let open = open["id"].as_str().unwrap();

    assert_eq!(bash(&stage, &["graph-attach", "att"]), ["attach"]);
    assert_eq!(
        bash(&stage, &["graph-attach", "attach", "--verif"]),
        ["--verify"]
    );
    assert_eq!(bash(&stage, &["graph-attach", "resume", "--al"]), ["--all"]);
    for before in [
        &["resume"][..],
        &["cancel"],
        &["-v", "cancel"],
        &["--cloud", "public", "resume"],
    ] {
        let words: Vec<&str> = [&["graph-attach"], before, &[""]].concat();
        assert_eq!(bash(&stage, &words), [open], "{words:?}");
    }
    let lower = open[..3].to_lowercase();
    assert_eq!(bash(&stage, &["graph-attach", "resume", &lower]), [open]);
    let mut both = bash(&stage, &["graph-attach", "status", ""]);
    both.sort();
    let mut expected = [done.as_str(), open];
    expected.sort();
    assert_eq!(both, expected);
    // Where a value of an option belongs, no session does.
    let color = bash(&stage, &["graph-attach", "resume", "--color", ""]);
    assert_eq!(color, ["auto", "always", "never"]);
}

#[test]
fn zsh_and_fish_ask_for_sessions_in_the_same_places() {
    let script = |shell| graph_attach::args::completions::script(shell);
    let zsh = script(clap_complete::Shell::Zsh);
    for action in ["resumable", "unfinished", "sessions"] {
        let action = format!(":_graph-attach_{action}' \\\n");
        assert_eq!(zsh.matches(&action).count(), 1, "{action}");
    }
    let fish = script(clap_complete::Shell::Fish);
    for command in ["resume", "cancel", "status sessions"] {
        let condition = format!("using_subcommand {command}\" ");
        let line = fish.lines().find(|line| {
            line.contains(&condition) && line.contains("(__fish_graph_attach_sessions")
        });
        assert!(line.is_some(), "{command}");
    }
}
