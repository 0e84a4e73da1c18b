//! What the README quotes: one file of 150,000,000 bytes to the stand-in on this machine, and how
//! long `--help` takes. `cargo bench` runs it; it prints figures and judges nothing.
//!
//! Peak memory is the kernel's own high-water mark of the process (`VmHWM`, Linux only), looked at
//! until it ends. The stand-in runs in this process, so its memory does not count.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends by a panic when it cannot run"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use graph_sandbox::{Options, Sandbox};

const BINARY: &str = env!("CARGO_BIN_EXE_graph-attach");
const SIZE: usize = 150_000_000;
const RUNS: usize = 7;

fn main() {
    // `cargo test --benches` only wants to know that it builds and starts.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file.bin");
    let mut content = vec![0; SIZE];
    fastrand::Rng::with_seed(1).fill(&mut content);
    fs::write(&file, &content).unwrap();
    drop(content);

    let mut uploads = Vec::new();
    for run in 0..=RUNS {
        let measured = upload(home.path(), &file, run);
        // The first one warms the page cache.
        if run > 0 {
            uploads.push(measured);
        }
    }
    let wall = median(
        uploads
            .iter()
            .map(|upload| upload.wall.as_secs_f64() * 1e3)
            .collect(),
    );
    let memory = uploads
        .iter()
        .map(|upload| upload.peak_kib)
        .max()
        .unwrap_or(0);
    let requests = uploads[0].requests;
    println!("150,000,000 bytes in {requests} requests: median {wall:.0} ms of {RUNS} runs,");
    println!(
        "  peak memory {:.1} MiB (largest of {RUNS} runs)",
        memory as f64 / 1024.0
    );

    let help = median((0..50).map(|_| help().as_secs_f64() * 1e3).collect());
    println!("--help: median {help:.1} ms of 50 runs");
}

struct Upload {
    wall: Duration,
    peak_kib: u64,
    requests: usize,
}

fn upload(home: &Path, file: &Path, run: usize) -> Upload {
    let (give, take) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();
    let server = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            give.send(Sandbox::start(Options::default()).await.unwrap())
                .unwrap();
            let _ = tokio::task::spawn_blocking(move || stopped.recv()).await;
        });
    });
    let sandbox = take.recv().unwrap();
    let started = Instant::now();
    let mut child = Command::new(BINARY)
        .args(["attach", "--quiet"])
        .arg(file)
        .env_clear()
        .envs(sandbox.variables())
        .env("GRAPH_ATTACH_STATE_DIR", home.join(format!("state-{run}")))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(high_water_mark(&status_file));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        thread::sleep(Duration::from_millis(1));
    };
    let wall = started.elapsed();
    assert!(status.success());
    let requests = sandbox.requests().len();
    drop((sandbox, stop));
    server.join().unwrap();
    Upload {
        wall,
        peak_kib,
        requests,
    }
}

fn high_water_mark(status: &str) -> u64 {
    let text = fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

fn help() -> Duration {
    let started = Instant::now();
    let status = Command::new(BINARY)
        .arg("--help")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    started.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
