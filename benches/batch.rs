//! What `docs/performance.md` says of `batch`: drafts a second beside one command after another and beside
//! `xargs -P16`, the processor time of a mail, how long 10,000 rows take to be checked and in how much
//! memory, and what 200 kills leave behind. `cargo bench --bench batch` runs it; it prints figures and judges
//! only what must never happen.
//!
//! The stand-in runs in this process; processor times are of the commands alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark prints, and ends by a panic when it cannot run"
)]

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use graph_sandbox::{Options, Sandbox};

const BINARY: &str = env!("CARGO_BIN_EXE_graph-attach");
const MAILS: usize = 1_000;
const MAILBOXES: usize = 100;
const SIZE: usize = 1_000_000;
const LATENCY: Duration = Duration::from_millis(50);
/// Single commands that are enough to know their rate.
const SINGLE: usize = 40;
const SIDE_BY_SIDE: usize = 320;
const KILLS: usize = 200;

fn main() {
    // `cargo test --benches` only wants to know that it builds and starts.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    throughput();
    check();
    kills();
}

/// A stand-in on a thread of its own, until the sender is dropped.
fn sandbox(options: Options) -> (Sandbox, mpsc::Sender<()>) {
    let (give, take) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            give.send(Sandbox::start(options).await.unwrap()).unwrap();
            let _ = tokio::task::spawn_blocking(move || stopped.recv()).await;
        });
    });
    (take.recv().unwrap(), stop)
}

fn command(sandbox: &Sandbox, home: &Path, args: &[String]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(args)
        .env_clear()
        .current_dir(home)
        .envs(sandbox.variables());
    command
        .env("HOME", home)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Processor seconds of the children that ended, from `/proc/self/stat`.
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let ticks = |index: usize| fields[index].parse::<f64>().unwrap();
    // cutime and cstime are fields 16 and 17 of all, in hundredths.
    (ticks(13) + ticks(14)) / 100.0
}

fn files(home: &Path, count: usize, size: usize) {
    fs::create_dir_all(home.join("f")).unwrap();
    let mut content = vec![0; size];
    fastrand::Rng::with_seed(1).fill(&mut content);
    let mut table = "id,mailbox\n".to_owned();
    for id in 0..count {
        content[..8].copy_from_slice(&id.to_le_bytes());
        fs::write(home.join(format!("f/{id}.bin")), &content).unwrap();
        table += &format!("{id},box{}@example.com\n", id % MAILBOXES);
    }
    fs::write(home.join("rows.csv"), table).unwrap();
}

fn single(id: usize) -> Vec<String> {
    let mut args = words("attach --quiet --new --to a@example.com --mailbox");
    args.push(format!("box{}@example.com", id % MAILBOXES));
    args.push(format!("--subject=S{id}"));
    args.push(format!("f/{id}.bin"));
    args
}

fn throughput() {
    let options = || Options {
        latency: LATENCY,
        ..Options::default()
    };
    let home = tempfile::tempdir().unwrap();
    files(home.path(), MAILS, SIZE);
    let (server, stop) = sandbox(options());
    let (start, cpu) = (Instant::now(), children());
    for id in 0..SINGLE {
        assert!(
            command(&server, home.path(), &single(id))
                .status()
                .unwrap()
                .success()
        );
    }
    let one = (
        SINGLE as f64 / start.elapsed().as_secs_f64(),
        (children() - cpu) / SINGLE as f64,
    );
    drop(stop);

    let (server, stop) = sandbox(options());
    let (start, cpu, next) = (Instant::now(), children(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                loop {
                    let id = next.fetch_add(1, Ordering::Relaxed);
                    if id >= SIDE_BY_SIDE {
                        break;
                    }
                    assert!(
                        command(&server, home.path(), &single(id))
                            .status()
                            .unwrap()
                            .success()
                    );
                }
            });
        }
    });
    let many = (
        SIDE_BY_SIDE as f64 / start.elapsed().as_secs_f64(),
        (children() - cpu) / SIDE_BY_SIDE as f64,
    );
    drop(stop);

    for jobs in [16, 48] {
        let (server, stop) = sandbox(options());
        let (start, cpu) = (Instant::now(), children());
        let args = format!(
            "batch rows.csv --quiet --jobs {jobs} --run {jobs} --to a@example.com --subject S{{{{id}}}} --file f/{{{{id}}}}.bin"
        );
        assert!(
            command(&server, home.path(), &words(&args))
                .status()
                .unwrap()
                .success()
        );
        let batch = (
            MAILS as f64 / start.elapsed().as_secs_f64(),
            (children() - cpu) / MAILS as f64,
        );
        let made = server
            .items()
            .iter()
            .filter(|item| item.attachments.len() == 1)
            .count();
        assert_eq!(made, MAILS);
        drop(stop);
        println!(
            "{MAILS} drafts with 1 MB each, {MAILBOXES} mailboxes, 50 ms: batch --jobs {jobs} {:.1}/s, {:.1} ms CPU a mail",
            batch.0,
            batch.1 * 1e3
        );
        println!(
            "  one after another {:.1}/s, {:.1} ms ({:.1} x); xargs -P16 {:.1}/s, {:.1} ms ({:.1} x); CPU {:.2} of a single command's",
            one.0,
            one.1 * 1e3,
            batch.0 / one.0,
            many.0,
            many.1 * 1e3,
            batch.0 / many.0,
            batch.1 / one.1
        );
    }
}

/// Peak memory of a process, in KiB, looked at until it ends.
fn peak(child: &mut std::process::Child) -> u64 {
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = now.unwrap_or(0).max(peak);
        thread::sleep(Duration::from_millis(2));
    }
    peak
}

fn check() {
    let home = tempfile::tempdir().unwrap();
    files(home.path(), 10_000, 100);
    let (server, _stop) = sandbox(Options::default());
    let args = words(
        "batch rows.csv --quiet --dry-run --to a{{id}}@example.com --subject S --file f/{{id}}.bin",
    );
    let start = Instant::now();
    let mut child = command(&server, home.path(), &args).spawn().unwrap();
    let peak = peak(&mut child);
    assert!(child.wait().unwrap().success());
    println!(
        "10,000 rows checked: {:.2} s, peak {:.1} MiB",
        start.elapsed().as_secs_f64(),
        peak as f64 / 1024.0
    );
}

fn kills() {
    let (mut killed, mut runs, mut mails) = (0, 0, 0);
    let mut random = fastrand::Rng::with_seed(2);
    while killed < KILLS {
        let home = tempfile::tempdir().unwrap();
        files(home.path(), 60, 2_000);
        let (server, _stop) = sandbox(Options {
            latency: Duration::from_millis(20),
            ..Options::default()
        });
        let args = words(
            "batch rows.csv --quiet --send --send-rate 0 --timeout 5 --to a@example.com --subject S{{id}} --file f/{{id}}.bin",
        );
        let mut state = 0;
        for round in 0.. {
            let mut process = command(&server, home.path(), &args);
            process.env(
                "GRAPH_ATTACH_STATE_DIR",
                home.path().join(format!("state{state}")),
            );
            process.env("GRAPH_ATTACH_SEND_WATCH", "1500");
            let mut child = process.spawn().unwrap();
            if round < 10 {
                thread::sleep(Duration::from_millis(random.u64(5..400)));
                if child.try_wait().unwrap().is_none() {
                    child.kill().unwrap();
                    killed += 1;
                }
                // Half of them find no state.
                state += usize::from(random.bool());
            }
            if child.wait().unwrap().success() {
                break;
            }
            assert!(round < 40, "it does not end");
        }
        let mut sent: HashMap<String, usize> = HashMap::new();
        for item in server
            .items()
            .into_iter()
            .filter(|item| item.folder == "SentItems")
        {
            assert_eq!(
                item.attachments.len(),
                1,
                "{} is not complete",
                item.subject
            );
            *sent.entry(item.subject).or_default() += 1;
        }
        assert!(
            sent.len() == 60 && sent.values().all(|count| *count == 1),
            "{sent:?}"
        );
        runs += 1;
        mails += sent.len();
    }
    println!("{killed} kills in {runs} batches with --send: {mails} mails, each once and complete");
}
