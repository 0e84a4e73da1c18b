//! Neither the token nor an upload URL shows anywhere but in the session's own file, and there only
//! as long as the session lives.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use graph_attach::session::{Record, State};
use graph_sandbox::Fault;

use crate::support::{BINARY, Stage, has, until};

/// Marks in the stand-in's upload URLs: the query that carries the credential.
const URL_MARK: &str = "authtoken";

fn assert_clean(text: &str, token: &str, what: &str) {
    for secret in [token, URL_MARK, "AttachmentSessions"] {
        assert!(!text.contains(secret), "{what} shows `{secret}`: {text}");
    }
}

/// Every file below `dir`.
fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path))
        } else {
            all.push(path)
        }
    }
    all
}

/// What can strike: the sandbox's whole grammar, with short waits.
const FAULTS: [&str; 13] = [
    "400", "401", "403", "404", "412", "429:0", "500", "503:0", "drop", "lost", "reset:10", "html",
    "expire",
];

const ATTACH: &str = "attach -vv --max-retries=1 --chunk-size=3MiB f.bin";
const ATTACH_TWO: &str = "attach -vv --max-retries=1 --json --progress=json g.txt f.bin";
const SEND_NEW: &str =
    "attach -vv --max-retries=1 --new --to a@contoso.com --subject S --verify --send f.bin";
const RESUME: &str = "resume -vv --max-retries=1 --all";
const CANCEL: &str = "cancel -vv --max-retries=1 --all";
const STATUS: &str = "status -vv --json";
const LS: &str = "ls -vv --max-retries=1 --json";
const FIND: &str = "find -vv --max-retries=1 drafts";
const SEND: &str = "send -vv --max-retries=1 --yes MSG";
const CHECK: &str = "auth status -vv --check";
const DETACH: &str = "detach -vv --max-retries=1 AAMkAGI2THVSAAA=";

/// What can be struck, and the commands that make such requests, one after another. `MSG` is the
/// message's id. Every command is struck at any request.
const PLACES: [(&str, &[&str]); 9] = [
    ("create", &[ATTACH, ATTACH_TWO]),
    ("put", &[ATTACH, STATUS, RESUME, ATTACH_TWO, CANCEL]),
    ("post", &[ATTACH_TWO]),
    ("status", &[ATTACH, RESUME]),
    ("delete", &[ATTACH, CANCEL, DETACH]),
    ("list", &[ATTACH, LS, RESUME]),
    ("get", &[SEND_NEW, FIND, CHECK]),
    ("send", &[SEND_NEW, SEND]),
    (
        "any",
        &[
            ATTACH,
            ATTACH_TWO,
            STATUS,
            "status -vv",
            RESUME,
            CANCEL,
            "prune -vv",
            LS,
            DETACH,
            FIND,
            "draft -vv --max-retries=1 --to ann@contoso.com --subject S",
            SEND_NEW,
            SEND,
            CHECK,
            "auth logout -vv",
            "attach -vv --dry-run f.bin g.txt",
        ],
    ),
];

/// Runs a command with everything turned on that could make it talk.
fn talk(stage: &Stage, line: &str) -> std::process::Output {
    let line = line.replace("MSG", stage.sandbox.message());
    let mut command = stage.command(line.split(' '));
    command
        .arg("--log-file")
        .arg(stage.home.path().join("requests.log"))
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .env("TMPDIR", stage.home.path());
    command.output().unwrap()
}

/// Neither stream of `output` and no file shows a secret, but the file of a session that goes on.
fn assert_nothing_leaks(stage: &Stage, output: &std::process::Output, what: &str) {
    let token = stage.sandbox.token();
    for stream in [&output.stdout, &output.stderr] {
        assert_clean(&String::from_utf8_lossy(stream), token, what);
    }
    for path in files(stage.home.path()) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        let unfinished = Record::from_json(text.as_bytes())
            .is_ok_and(|record| record.state == State::Unfinished);
        assert!(!text.contains(token), "{what}: the token is in {path:?}");
        assert!(
            unfinished || !text.contains(URL_MARK),
            "{what}: a URL is in {path:?}"
        );
    }
}

#[test]
fn no_command_shows_a_secret_whatever_happens() {
    let cases: Vec<(String, &[&str])> = PLACES
        .iter()
        .flat_map(|&(place, lines)| FAULTS.map(|fault| (format!("{place}@1x3={fault}"), lines)))
        .filter(|(fault, _)| fault.parse::<Fault>().is_ok())
        .collect();
    assert!(cases.len() > 100, "{cases:?}");
    let turn = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some((fault, lines)) = cases.get(turn.fetch_add(1, Ordering::Relaxed)) {
                    let stage = Stage::new();
                    stage.file("f.bin", 5_000_000);
                    stage.file("g.txt", 500);
                    // A session of an earlier command, for those that go on with one.
                    if lines[0] == ATTACH {
                        stage.sandbox.add_faults(["put@2=503".parse().unwrap()]);
                        talk(&stage, "attach -q --max-retries=0 --chunk-size=3MiB f.bin");
                    }
                    for line in *lines {
                        stage.sandbox.clear_faults();
                        stage.sandbox.add_faults([fault.parse().unwrap()]);
                        let output = talk(&stage, line);
                        assert_nothing_leaks(&stage, &output, &format!("{line}, {fault}"));
                    }
                }
            });
        }
    });
}

#[test]
fn help_and_completions_show_no_secret() {
    let stage = Stage::new();
    stage.file("f.bin", 5_000_000);
    stage.sandbox.add_faults(["put@2=503".parse().unwrap()]);
    stage.run(["attach", "--max-retries=0", "f.bin"]).code(5);
    for command in [
        "attach",
        "resume",
        "cancel",
        "status",
        "prune",
        "draft",
        "find",
        "send",
        "ls",
        "detach",
        "auth",
        "sandbox",
        "completions",
    ] {
        for help in ["-h", "--help"] {
            let output = talk(&stage, &format!("{command} {help}"));
            assert!(output.status.success());
            assert_nothing_leaks(&stage, &output, command);
        }
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = talk(&stage, &format!("completions {shell}"));
        assert_nothing_leaks(&stage, &output, shell);
    }
    // What a shell asks for while it completes a session's id.
    let output = talk(&stage, "status --quiet");
    assert!(!output.stdout.is_empty());
    assert_nothing_leaks(&stage, &output, "completing");
}

#[test]
fn a_panic_shows_no_secret() {
    if !has("strace", "panics") {
        return;
    }
    let panics = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        // The runtime panics when the kernel does not let it wait for the network any more, which
        // here happens earlier or later in an upload.
        for nth in [5, 8, 11, 14, 17, 20] {
            let panics = &panics;
            scope.spawn(move || {
                let stage = Stage::new();
                stage.file("f.bin", 5_000_000);
                let mut command = std::process::Command::new("strace");
                command
                    .args([
                        "-f",
                        "-qq",
                        "-o",
                        "/dev/null",
                        "-e",
                        "trace=epoll_wait",
                        "-e",
                    ])
                    .arg(format!("inject=epoll_wait:error=EBADF:when={nth}+"))
                    .arg(BINARY)
                    .args(["attach", "-vv", "--chunk-size=320KiB", "f.bin"])
                    .env_clear()
                    .envs(stage.environment())
                    .env("RUST_BACKTRACE", "full")
                    .current_dir(stage.home.path());
                let output = command.output().unwrap();
                let panicked = String::from_utf8_lossy(&output.stderr).contains("panicked at");
                panics.fetch_add(usize::from(panicked), Ordering::Relaxed);
                assert_nothing_leaks(&stage, &output, "a panic");
                // And it is a crash like any other.
                stage.run(["resume", "--quiet"]).code(0);
                stage.run(["attach", "--quiet", "f.bin"]).code(0);
                assert_eq!(stage.held().len(), 1);
            });
        }
    });
    assert!(panics.into_inner() > 3);
}

/// The arguments of a process and of all that it started, as any other process can read them.
#[cfg(target_os = "linux")]
fn arguments(pid: u32) -> Vec<String> {
    let read = |what: &str| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
    let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
    let children = String::from_utf8_lossy(&read(&format!("task/{pid}/children"))).into_owned();
    let mut all = vec![line];
    for child in children.split_whitespace() {
        all.extend(arguments(child.parse().unwrap()));
    }
    all
}

#[cfg(target_os = "linux")]
#[test]
fn no_argument_is_a_secret() {
    // While a command prints the token, and while the file is sent with it.
    for (ask, reached) in [("sleep 60 #", 0), ("true;", 1)] {
        let stage = Stage::with_faults(&["put@1=stall:60"]);
        stage.file("f.bin", 5_000_000);
        let token = stage.sandbox.token().to_owned();
        let file = stage.home.path().join("token");
        fs::write(&file, &token).unwrap();
        let ask = format!("sh -c '{ask} cat {}'", file.display());
        let mut child = stage
            .process(["attach", "-q", "--token-command", &ask, "f.bin"])
            .env_remove("GRAPH_ATTACH_TOKEN")
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        until(|| match reached {
            0 => arguments(child.id()).len() > 1,
            _ => !stage.requests("PUT").is_empty(),
        });
        let seen = arguments(child.id());
        assert!(seen[0].contains("--token-command"), "{seen:?}");
        for line in &seen {
            assert_clean(line, &token, "an argument");
        }
        // The token command ends with whoever wanted its token, or is ended here.
        let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn files_hold_the_url_as_long_as_it_is_needed_and_the_token_never() {
    let stage = Stage::with_faults(&["put@2x99=503:0"]);
    stage.file("f.bin", 5_000_000);
    let token = stage.sandbox.token().to_owned();
    stage.run(["attach", "--max-retries=0", "f.bin"]).code(5);
    let session = stage.session_file();
    for path in files(stage.home.path()) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains(&token), "{path:?}");
        assert_eq!(text.contains(URL_MARK), path == session, "{path:?}");
    }
    stage.sandbox.clear_faults();
    stage.run(["resume"]).code(0);
    for path in files(stage.home.path()) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert_clean(&text, &token, &path.display().to_string());
    }
}

#[test]
fn the_bearer_never_reaches_the_upload_url_and_nothing_else_is_said_there() {
    let stage = Stage::with_faults(&["put@2=lost"]);
    stage.file("f.bin", 9_000_000);
    stage.run(["attach", "f.bin"]).code(0);
    let seen = stage.sandbox.requests();
    let (uploads, graph): (Vec<_>, Vec<_>) = seen
        .into_iter()
        .partition(|seen| seen.path.contains("AttachmentSessions"));
    assert!(uploads.len() >= 4 && !graph.is_empty());
    assert!(uploads.iter().all(|seen| !seen.authorization));
    assert!(graph.iter().all(|seen| seen.authorization));
}
