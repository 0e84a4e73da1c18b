//! Disks that fill up, fail or turn read-only: any error of any operation, once and for good.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{ATTACH, SIZE, as_nobody, one_warning, run, stage, state_dir, warnings};
use crate::support::{BINARY, Run, Stage, figure, not_tried};

#[test]
fn an_upload_that_was_begun_goes_on_where_nothing_can_be_written_any_more() {
    let stage = stage();
    let faults = ["put@2=503"].map(|fault| fault.parse().unwrap());
    stage.sandbox.add_faults(faults);
    let stop: Vec<&str> = ATTACH.into_iter().chain(["--max-retries", "0"]).collect();
    let Some(command) = as_nobody(&stage, 65_534, "", &stop) else {
        return not_tried("a state directory that loses its permission: no way not to be root");
    };
    run(command).code(5);
    fs::set_permissions(stage.state_dir(), fs::Permissions::from_mode(0o500)).unwrap();
    let command = as_nobody(&stage, 65_534, "", &["resume", "--quiet"]).unwrap();
    one_warning(&stage, run(command));
    fs::set_permissions(stage.state_dir(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_disk_that_is_full() {
    // A disk of one page, in a world of its own: full from the start, or after a few files.
    let world = |stage: &Stage, options: &str, args: &[&str]| {
        let script = format!(
            "mount -t tmpfs -o mode=0700,{options} none {} && exec \"$0\" \"$@\"",
            state_dir(stage).display()
        );
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.arg("-r");
        }
        command
            .args(["--mount", "sh", "-c", &script, BINARY])
            .args(args)
            .env_clear()
            .envs(stage.environment())
            .current_dir(stage.home.path());
        command
    };
    let works = run(world(&stage(), "size=1m", &["--version"]));
    if works.code != Some(0) {
        return not_tried("a full disk: a small one cannot be mounted here");
    }
    for options in [
        "nr_inodes=1",
        "nr_inodes=2",
        "nr_inodes=3",
        "size=4k,nr_inodes=50",
    ] {
        let stage = stage();
        let run = run(world(&stage, options, &ATTACH)).code(0);
        assert!(warnings(&run) <= 1, "{options}: {run:#?}");
        assert!(warnings(&run) == 1 || options != "nr_inodes=1", "{run:#?}");
        assert_eq!(stage.held().len(), 1, "{options}");
    }
    let required: Vec<&str> = ATTACH.into_iter().chain(["--require-state"]).collect();
    let stage = stage();
    run(world(&stage, "nr_inodes=1", &required)).code(9);
    assert!(stage.held().is_empty());
    // Standard input does not fit either, and goes elsewhere.
    let mut command = world(&stage, "size=64k", &["attach", "-q", "--name", "n", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let content = crate::support::content("n", SIZE);
    child.stdin.take().unwrap().write_all(&content).unwrap();
    one_warning(&stage, Run::of(child.wait_with_output().unwrap()));
    let right = graph_attach::digest::Digest::of(&content).to_string();
    assert_eq!(stage.held()[0].sha256, right);
}

/// What a failing disk answers.
const ERRORS: [&str; 5] = ["ENOSPC", "EIO", "EROFS", "EACCES", "EMFILE"];

/// System calls that the program makes for nothing but its state.
const ONLY_STATE: [&str; 9] = [
    "fdatasync",
    "flock",
    "fsync",
    "ftruncate",
    "getdents64",
    "mkdir",
    "pwrite64",
    "renameat",
    "unlink",
];

/// Where the content comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Content {
    File,
    /// Kept in the state directory while it is uploaded.
    Stdin,
}

impl Content {
    fn args(self) -> &'static [&'static str] {
        match self {
            Content::File => &ATTACH,
            Content::Stdin => &[
                "attach",
                "--chunk-size",
                "1MiB",
                "--quiet",
                "--name",
                "f",
                "-",
            ],
        }
    }

    /// What is at the other end of standard input.
    fn stdin(self, stage: &Stage) -> Stdio {
        match self {
            Content::File => Stdio::null(),
            Content::Stdin => fs::File::open(stage.home.path().join("f")).unwrap().into(),
        }
    }
}

/// System calls that touch the state directory, or of a piped upload its spool: name, and which one of
/// its name in its thread.
fn state_calls(content: Content) -> Vec<(String, usize)> {
    let stage = stage();
    let log = stage.home.path().join("strace");
    let options = [
        "-o".as_ref(),
        log.as_os_str(),
        "-e".as_ref(),
        "trace=all".as_ref(),
    ];
    traced(&stage, &options, content, &[]).code(0);
    let dir = stage.state_dir().to_string_lossy().into_owned();
    let mark = match content {
        Content::File => dir.as_str(),
        Content::Stdin => ".spool",
    };
    let text = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    let (mut counts, mut calls) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((name, _)) = rest.trim_start().split_once('(') else {
            continue;
        };
        if name.contains(' ') {
            continue;
        }
        let count: &mut usize = counts
            .entry((thread.to_owned(), name.to_owned()))
            .or_default();
        *count += 1;
        // Closing cannot fail in a way that matters, and nobody looks. Writing is also how threads wake
        // each other; a spool that cannot be written is what a full disk shows. One that cannot be read
        // is a file that cannot be read.
        if rest.contains(mark) && !["close", "fcntl", "pread64", "write"].contains(&name) {
            calls.push((name.to_owned(), *count));
        }
    }
    calls
}

/// Runs the upload under strace.
fn traced(stage: &Stage, options: &[&OsStr], content: Content, more: &[&str]) -> Run {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-y", "--signal=none", "--seccomp-bpf"])
        .args(options)
        .arg(BINARY)
        .args(content.args())
        .args(more)
        .env_clear()
        .envs(stage.environment())
        .current_dir(stage.home.path())
        .stdin(content.stdin(stage));
    Run::of(command.output().expect("strace runs"))
}

/// What is injected into one upload.
struct Case {
    content: Content,
    /// System calls, with commas.
    names: String,
    /// strace's `error=…:when=…`.
    what: String,
    required: bool,
}

/// Every error at every operation, once and from then on; and of all that is only for the state at
/// once, from the first, second, … of each on.
fn cases(content: Content, calls: &[(String, usize)]) -> Vec<Case> {
    let mut cases = Vec::new();
    let both = std::env::var_os("STATE_ERRORS").is_some_and(|all| all == "all");
    let mut add = |names: &str, what: String| {
        let turn = cases.len() % 2 == 1;
        for required in [turn, !turn].into_iter().take(if both { 2 } else { 1 }) {
            let (names, what) = (names.to_owned(), what.clone());
            cases.push(Case {
                content,
                names,
                what,
                required,
            });
        }
    };
    for error in ERRORS {
        for (name, nth) in calls {
            for from_then_on in ["", "+"] {
                add(name, format!("error={error}:when={nth}{from_then_on}"));
            }
        }
        for nth in 1..=4 {
            add(&ONLY_STATE.join(","), format!("error={error}:when={nth}+"));
        }
    }
    cases
}

/// What is wrong with how an upload into which an error was injected ended; and how often it warned.
fn judge(case: &Case) -> (Option<String>, usize) {
    let stage = stage();
    let trace = format!("trace={}", case.names);
    let inject = format!("inject={}:{}", case.names, case.what);
    let options = ["-o", "/dev/null", "-e", &trace, "-e", &inject].map(OsStr::new);
    let required = ["--require-state"];
    let more = if case.required { &required[..] } else { &[] };
    let run = traced(&stage, &options, case.content, more);
    let held = stage.held().len();
    let only_state = case.names.split(',').all(|name| ONLY_STATE.contains(&name));
    let fine = match run.code {
        Some(0) => held == 1 && warnings(&run) <= 1,
        Some(9) => case.required && held == 0 && run.stderr.contains("error: "),
        // Files are opened and looked at elsewhere too: the one to attach, certificates, settings.
        Some(1 | 2 | 8) => !only_state && held == 0 && run.stderr.contains("error: "),
        // Even the program's own libraries.
        Some(127) => !only_state && held == 0,
        _ => false,
    };
    // Whatever it was, it is over; and the next command of a user does not attach a second time.
    let resumed = stage.run(["resume", "--all", "--quiet"]);
    let mut again = stage.process(case.content.args());
    let again = Run::of(again.stdin(case.content.stdin(&stage)).output().unwrap());
    let once = resumed.code == Some(0) && again.code == Some(0) && stage.held().len() == 1;
    let wrong = (!fine || !once).then(|| {
        let (what, required) = (&case.what, case.required);
        format!(
            "{}:{what}, required: {required}: {run:#?}\n{resumed:#?}\n{again:#?}",
            case.names
        )
    });
    (wrong, warnings(&run))
}

#[test]
fn any_operation_fails() {
    let works = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output();
    if !works.is_ok_and(|output| output.status.success()) {
        return not_tried("errors of single system calls: there is no strace, or it may not trace");
    }
    let (calls, spool) = (state_calls(Content::File), state_calls(Content::Stdin));
    assert!(calls.len() > 40, "{calls:?}");
    for name in ["pwrite64", "renameat", "fsync"] {
        assert!(calls.iter().any(|call| call.0 == name), "{name}: {calls:?}");
    }
    assert!(spool.iter().any(|call| call.0 == "fsync"), "{spool:?}");
    let mut cases = self::cases(Content::File, &calls);
    cases.extend(self::cases(Content::Stdin, &spool));
    let (turn, wrong, warned) = (
        AtomicUsize::new(0),
        Mutex::new(Vec::new()),
        AtomicUsize::new(0),
    );
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(turn.fetch_add(1, Ordering::Relaxed)) {
                    let (error, warnings) = judge(case);
                    warned.fetch_add(warnings, Ordering::Relaxed);
                    wrong.lock().unwrap().extend(error);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    // Most of them mattered.
    assert!(warned.into_inner() > cases.len() / 4);
    let details = format!(
        "{} at each of {} system calls, once and for good; then `resume` and the same again",
        ERRORS.join(", "),
        calls.len() + spool.len()
    );
    figure(
        "errors of the state directory",
        cases.len(),
        cases.len(),
        &details,
    );
}
