//! Wrong uses: one clear line, a hint, the documented exit code, and nothing lost.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
};

use crate::support::{Run, Stage};

/// Runs `attach` with these arguments; the stand-in must not hear of it.
fn refused(args: &[&str]) -> Run {
    let stage = Stage::new();
    stage.file("f", 10);
    fs::create_dir(stage.home.path().join("dir")).unwrap();
    let run = stage.run([&["attach"], args].concat());
    assert!(stage.sandbox.requests().is_empty(), "{run:#?}");
    assert!(run.stdout.is_empty(), "{run:#?}");
    assert!(run.stderr.contains("error: "), "{run:#?}");
    run
}

#[test]
fn files_that_are_none() {
    let stage = Stage::new();
    let fifo = stage.home.path().join("fifo");
    let made = std::process::Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .unwrap();
    assert!(made.success());
    for (path, says) in [
        ("none", "no such file: `none`"),
        (".", "`.` is a directory, not a file"),
        ("fifo", "`fifo` is a pipe, not a file"),
        ("/dev/null", "`/dev/null` is a device, not a file"),
        ("/proc/self/status", "has no size"),
    ] {
        let run = stage
            .run(["attach", "--name", "x", path])
            .code(8)
            .says(says);
        assert!(run.stdout.is_empty());
    }
    assert!(stage.sandbox.requests().is_empty());
}

#[test]
fn a_file_that_may_not_be_read() {
    let stage = Stage::new();
    let file = stage.file("secret", 10);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&file).is_ok() {
        // Root reads everything: be nobody.
        fs::set_permissions(stage.home.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let output = stage
            .process(["attach", "secret"])
            .uid(65_534)
            .gid(65_534)
            .output()
            .unwrap();
        Run::of(output).code(8).says("cannot read `secret`");
        return;
    }
    stage.run(["attach", "secret"]).code(8).says("cannot read");
}

#[test]
fn names() {
    let long = "x".repeat(256);
    for (name, says) in [
        ("", "the name is empty"),
        ("a/b", "holds no `/`"),
        ("a\nb", "control characters"),
        (&*long, "at most 255"),
    ] {
        refused(&["--name", name, "f"]).code(2).says(says);
    }
    refused(&["-"]).code(2).says("standard input has no name");
    refused(&["--name", "x", "-", "-"])
        .code(2)
        .says("once only");
    refused(&["--name", "x", "f", "f"])
        .code(2)
        .says("is for one file");
    refused(&["--inline", "--content-id", "x", "f", "f"])
        .code(2)
        .says("is for one file");
    refused(&["--content-id", "x", "f"])
        .code(2)
        .says("--inline");
    refused(&["--content-type", "pdf", "f"])
        .code(2)
        .says("application/pdf");
}

#[test]
fn items() {
    refused(&["--message", "a", "--event", "b", "f"])
        .code(2)
        .says("cannot be used with");
    refused(&["--message", "", "f"])
        .code(2)
        .says("the id is empty");
    refused(&["--message", "a b", "f"])
        .code(2)
        .says("no blanks");
    refused(&["--message", "..", "f"]).code(2);
    let stage = Stage::new();
    stage.file("f", 1);
    let output = stage
        .command(["attach", "f"])
        .env_remove("GRAPH_ATTACH_MESSAGE")
        .env_remove("GRAPH_ATTACH_EVENT")
        .output()
        .unwrap();
    Run::of(output)
        .code(2)
        .says("which message or event?")
        .says("--message ID");
}

#[test]
fn sizes_and_numbers() {
    for size in ["0", "5MiB", "x", "-1"] {
        refused(&[&format!("--chunk-size={size}"), "f"]).code(2);
    }
    refused(&["--timeout=0", "f"]).code(2);
    refused(&["--deadline=x", "f"]).code(2);
    refused(&["--max-retries=-1", "f"]).code(2);
    refused(&[]).code(2);
    refused(&["--no-such-flag", "f"]).code(2);
    refused(&["--messge", "x", "f"]).code(2).says("--message");
}

#[test]
fn endpoints() {
    for endpoint in [
        "nonsense",
        "ftp://h/v1.0",
        "http://graph.microsoft.com/v1.0",
        "https://",
    ] {
        refused(&["--endpoint", endpoint, "f"]).code(2);
    }
}

#[test]
fn tokens_that_are_none() {
    let stage = Stage::new();
    stage.file("f", 1);
    for token in ["two\nlines", " ", "a b"] {
        let output = stage
            .command(["attach", "f"])
            .env("GRAPH_ATTACH_TOKEN", token)
            .output()
            .unwrap();
        let run = Run::of(output);
        assert!(matches!(run.code, Some(2 | 4)), "{run:#?}");
        assert!(!run.stderr.contains("two"));
    }
    assert!(stage.sandbox.requests().is_empty());
}

#[test]
fn configuration_files() {
    let stage = Stage::new();
    stage.file("f", 1);
    let config = stage.home.path().join("config.toml");
    let attach = || stage.run(["attach", "--config", config.to_str().unwrap(), "f"]);
    attach().code(2);
    fs::write(&config, "endpoit = \"https://x/v1.0\"\n").unwrap();
    attach().code(2).says("endpoit").says("`endpoint`");
    fs::write(&config, "\nmax_retries = \"many\"\n").unwrap();
    attach()
        .code(2)
        .says("max_retries")
        .says("line 2, column 15");
    fs::write(&config, "token = \"abc\"\n").unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).unwrap();
    let output = stage
        .command(["attach", "--config", config.to_str().unwrap(), "f"])
        .env_remove("GRAPH_ATTACH_TOKEN")
        .output()
        .unwrap();
    let run = Run::of(output);
    assert!(matches!(run.code, Some(2 | 4)), "{run:#?}");
    assert!(stage.sandbox.requests().is_empty());
}

#[test]
fn state_that_cannot_be_used() {
    let stage = Stage::new();
    stage.file("f", 4_000_000);
    stage.file("in-the-way", 1);
    let args = ["attach", "--state-dir", "in-the-way", "f"];
    stage.run(args).code(0).says("cannot be resumed");
    assert_eq!(stage.held().len(), 1);
    stage
        .run([&args[..], &["--require-state", "--again"]].concat())
        .code(9)
        .says("--state-dir");
    assert_eq!(stage.held().len(), 1);
    stage.run(["status", "--state-dir", "in-the-way"]).code(9);
}

#[test]
fn a_corrupt_state_file_is_set_aside_and_told() {
    let stage = Stage::new();
    stage.file("f", 4_000_000);
    stage.run(["attach", "f"]).code(0);
    let file = stage.session_file();
    fs::write(&file, b"{\"schema\": 1, \"che").unwrap();
    stage.run(["status"]).code(0).says(".bad").says("damaged");
    assert!(!file.exists() && file.with_extension("bad").exists());
    // It is not attached again: the service knows it.
    stage.run(["attach", "f"]).code(0);
    assert_eq!(stage.held().len(), 1);
}

#[test]
fn a_command_for_the_sandbox_reaches_nothing_else() {
    let stage = Stage::new();
    stage.file("f", 10);
    for line in [
        "attach f",
        "resume",
        "find drafts",
        "status",
        "auth status --check",
    ] {
        let mut command = stage.command(line.split(' '));
        command.env("GRAPH_ATTACH_SANDBOX", "http://127.0.0.1:1/v1.0");
        let run = Run::of(command.output().unwrap()).code(2);
        run.says("GRAPH_ATTACH_SANDBOX");
    }
    assert!(stage.sandbox.requests().is_empty());
    let mut command = stage.command(["attach", "f"]);
    let endpoint = stage.environment().into_iter();
    let endpoint = endpoint.map(|(name, value)| (name.to_string(), value));
    let (_, endpoint) = endpoint
        .into_iter()
        .find(|(name, _)| name == "GRAPH_ATTACH_ENDPOINT")
        .unwrap();
    command.env("GRAPH_ATTACH_SANDBOX", endpoint);
    Run::of(command.output().unwrap()).code(0);
}

#[test]
fn times_have_units_and_help_is_a_command() {
    let stage = Stage::new();
    for time in ["90", "90s", "5m", "1h"] {
        let line = format!("find --timeout {time} --deadline {time}");
        stage.run(line.split(' ')).code(0);
    }
    for wrong in ["0", "1d", "soon"] {
        let line = format!("find --timeout {wrong}");
        stage.run(line.split(' ')).code(2).says("90s, 5m or 1h");
    }
    let help = stage.run(["help", "attach"]).code(0);
    assert!(help.stdout.starts_with("Examples:\n"), "{help:#?}");
    assert_eq!(help.stdout, stage.run(["attach", "--help"]).code(0).stdout);
}
