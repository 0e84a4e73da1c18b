//! Kill -9 at chosen points of an upload, then `resume`: at every boundary of every range, and at
//! every system call that touches the state directory.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use graph_sandbox::{
    Options,
    options::{RepeatLast, StatusAnswer},
};

use crate::support::{BINARY, Stage, figure, has, sha256};

const RANGES: usize = 40;
const CHUNK: usize = 75_000;
const SIZE: usize = RANGES * CHUNK;

/// Uploads at a time: they mostly wait.
const AT_ONCE: usize = 8;

/// A point in the life of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Point {
    /// The service has read nothing of it, and never will.
    Before,
    /// The service has read half of it, and the connection is gone.
    In,
    /// The service has it, and has not answered.
    After,
    /// The answer is on its way, or has arrived.
    Answered,
}

impl Point {
    const ALL: [Point; 4] = [Point::Before, Point::In, Point::After, Point::Answered];

    /// What makes range `number` (from 1) stop there.
    fn fault(self, number: usize) -> Option<String> {
        match self {
            Point::Before => Some(format!("put@{number}=reset:0")),
            Point::In => Some(format!("put@{number}=reset:{}", CHUNK / 2)),
            Point::After => Some(format!("put@{number}=stall:60")),
            Point::Answered => None,
        }
    }

    /// Whether that point of the request `put` is reached.
    fn reached(self, put: &graph_sandbox::Seen) -> bool {
        match self {
            Point::Before | Point::In => true,
            Point::After => put.bytes == CHUNK as u64,
            Point::Answered => put.status.is_some(),
        }
    }
}

#[test]
fn killed_at_any_point_of_any_range_it_resumes() {
    let points: Vec<(usize, Point)> = (1..=RANGES)
        .flat_map(|number| Point::ALL.map(|point| (number, point)))
        .collect();
    let again = each(&points, |&(number, point)| {
        let stage = killed_at(number, point, Options::default());
        stage.run(["resume"]).code(0);
        assert_whole(&stage, &format!("range {number}, {point:?}"));
        let sent_again = stage.requests("PUT").len() - RANGES;
        assert!(
            sent_again <= 1,
            "range {number}, {point:?}: {sent_again} ranges sent again"
        );
        sent_again
    });
    let again: usize = again.iter().sum();
    figure(
        "kill before, in, after and after the answer to each of 40 ranges, then `resume`",
        points.len(),
        points.len(),
        &format!("{again} ranges sent again in all, never two for one kill"),
    );
}

/// Where the service does not say how far a session is, it is never assumed: the session may be
/// replaced, and the last range, which attaches, is looked for before it goes again.
#[test]
fn killed_where_nobody_tells_how_far_it_is_it_resumes_too() {
    let points: Vec<(usize, Point, RepeatLast)> = [1, 2, 20, 39, 40]
        .into_iter()
        .flat_map(|number| Point::ALL.map(|point| (number, point)))
        .flat_map(|(number, point)| {
            [RepeatLast::Refuse, RepeatLast::Attach].map(|repeat| (number, point, repeat))
        })
        .collect();
    each(&points, |&(number, point, repeat_last)| {
        let options = Options {
            status: StatusAnswer::NotAllowed,
            repeat_last,
            ..Options::default()
        };
        let stage = killed_at(number, point, options);
        stage.run(["resume"]).code(0);
        assert_whole(&stage, &format!("range {number}, {point:?}, {repeat_last}"));
    });
}

/// A stage on which an upload was killed at that point of that range.
fn killed_at(number: usize, point: Point, options: Options) -> Stage {
    let faults = point.fault(number).map(|fault| fault.parse().unwrap());
    let stage = Stage::with(Options {
        faults: faults.into_iter().collect(),
        ..options
    });
    stage.file("f.bin", SIZE);
    let mut child = stage
        .process(["attach", "f.bin", &format!("--chunk-size={CHUNK}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let since = Instant::now();
    loop {
        let reached = stage
            .sandbox
            .requests()
            .iter()
            .filter(|seen| seen.method == "PUT")
            .nth(number - 1)
            .is_some_and(|put| point.reached(put));
        if reached {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "range {number}");
        thread::sleep(Duration::from_micros(200));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    settle(&stage);
    stage.sandbox.clear_faults();
    stage
}

/// Waits until the service has carried out what the dead process had handed to the network.
fn settle(stage: &Stage) {
    thread::sleep(Duration::from_millis(10));
    while stage.sandbox.connections() > 0 {
        thread::sleep(Duration::from_millis(2));
    }
}

/// One attachment, with the file's bytes, and nothing unfinished.
#[track_caller]
fn assert_whole(stage: &Stage, what: &str) {
    let held = stage.held();
    assert_eq!(held.len(), 1, "{what}");
    assert_eq!(
        held[0].sha256,
        sha256(&stage.home.path().join("f.bin")),
        "{what}"
    );
    let status = stage.run(["status", "--json"]).code(0);
    assert!(!status.stderr.contains("not used"), "{what}: {status:#?}");
    let unfinished = status
        .json()
        .into_iter()
        .find(|line| line["state"] != "finished");
    assert_eq!(unfinished, None, "{what}");
}

/// Does `work` with each item, several at a time.
fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    let mut results = Vec::new();
                    while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                        results.push(work(item));
                    }
                    results
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    })
}

/// System calls that change files, locks or directories, or open them.
const CALLS: &str = "open,openat,creat,write,pwrite64,writev,ftruncate,fsync,fdatasync,rename,\
                     renameat,renameat2,link,linkat,unlink,unlinkat,flock,fcntl,mkdir,mkdirat,\
                     chmod,fchmod,fchmodat,close,getdents64,lstat,newfstatat,statx,fstat";

/// A system call of the main thread: its name, and which one of that name.
type Call = (String, usize);

#[test]
fn killed_at_any_system_call_on_its_state_it_recovers() {
    if !has("strace", "kills at single system calls") {
        figure(
            "kill at each system call on the state directory",
            0,
            0,
            "not run: no strace",
        );
        return;
    }
    let calls = state_calls();
    assert!(calls.len() > 50, "{calls:?}");
    // Wake-ups of other threads are writes too, and not always as many: some kills take a few tries.
    let hits = each(&calls, |call| (0..8).any(|_| killed_at_call(call)));
    let killed = hits.iter().filter(|hit| **hit).count();
    figure(
        "kill at each system call on the state directory, then `resume` or again",
        killed,
        calls.len(),
        "no state file unreadable",
    );
    assert!(
        killed * 10 >= calls.len() * 9,
        "{killed} of {}",
        calls.len()
    );
}

/// Kills an upload at a call, and sees to it that nothing is lost. Whether it was that call.
fn killed_at_call((name, nth): &Call) -> bool {
    let stage = Stage::new();
    three_ranges(&stage);
    let inject = format!("inject={name}:signal=SIGKILL:when={nth}");
    let status = traced(&stage, &["-e", &format!("trace={name}"), "-e", &inject]);
    let trace = read(&stage.home.path().join("trace"));
    let last = trace.lines().rfind(|line| line.contains(name.as_str()));
    let there = last.is_some_and(|line| line.contains(stage.state_dir().to_str().unwrap()));
    settle(&stage);
    // As a user would: `resume`, and `attach` again where there is nothing to resume.
    stage.run(["resume"]).code(0);
    if stage.held().is_empty() {
        stage.run(ARGS).code(0);
    }
    assert_whole(&stage, &format!("{name} {nth}"));
    // And then it knows that it is done.
    stage.run(ARGS).code(0).says("already attached");
    assert_eq!(stage.held().len(), 1, "{name} {nth}");
    status.signal() == Some(9) && there
}

const ARGS: [&str; 3] = ["attach", "f.bin", "--chunk-size=1200000"];

fn three_ranges(stage: &Stage) -> PathBuf {
    stage.file("f.bin", 3_600_000)
}

/// Runs the upload under strace, which ends as its tracee does.
fn traced(stage: &Stage, options: &[&str]) -> ExitStatus {
    let mut command = Command::new("strace");
    command
        .args(["-qq", "-y", "-o", "trace"])
        .args(options)
        .arg(BINARY)
        .args(ARGS)
        .env_clear()
        .envs(stage.environment())
        .current_dir(stage.home.path())
        .stdout(Stdio::null())
        .stderr(File::create(stage.home.path().join("err")).unwrap());
    command.status().unwrap()
}

/// The system calls of an undisturbed upload that touch the state directory.
fn state_calls() -> Vec<Call> {
    let stage = Stage::new();
    three_ranges(&stage);
    let status = traced(&stage, &["-f", "-e", &format!("trace={CALLS}")]);
    assert!(status.success(), "{}", read(&stage.home.path().join("err")));
    let trace = read(&stage.home.path().join("trace"));
    let state = stage.state_dir();
    let state = state.to_str().unwrap();
    let main = trace.split_whitespace().next().unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some(call) = line.strip_prefix(main) else {
            // Another thread: it reads the file, and leaves the state alone.
            assert!(!line.contains(state), "{line}");
            continue;
        };
        let Some((name, _)) = call.trim_start().split_once('(') else {
            continue;
        };
        if name.contains(' ') {
            // `<... resumed>`, `+++ exited`.
            continue;
        }
        let count = counts.entry(name).or_default();
        *count += 1;
        if call.contains(state) {
            calls.push((name.to_owned(), *count));
        }
    }
    calls
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}
