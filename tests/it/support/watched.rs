//! A process under watch: how long it lives, how much memory it takes, and its end whatever happens.

use std::{
    fs,
    io::Read,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::Run;

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Watched {
    /// Whether it had to be killed.
    pub(crate) late: bool,
    pub(crate) run: Run,
    pub(crate) time: Duration,
    /// The most memory that it held, in KiB; none where the system does not tell.
    pub(crate) peak: Option<u64>,
}

/// Runs a process to its end; one that is not over after `limit` is killed.
#[track_caller]
pub(crate) fn watch(command: &mut Command, limit: Duration) -> Watched {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let drain = |mut from: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut all = Vec::new();
            let _ = from.read_to_end(&mut all);
            all
        })
    };
    let stdout = drain(Box::new(child.stdout.take().unwrap()));
    let stderr = drain(Box::new(child.stderr.take().unwrap()));
    let mut peak = None;
    let (status, late) = loop {
        // The last word counts: before it is the new program, the process still is a copy of this one.
        peak = high_water(child.id()).or(peak);
        if let Some(status) = child.try_wait().unwrap() {
            break (status, false);
        }
        if started.elapsed() > limit {
            let _ = child.kill();
            break (child.wait().unwrap(), true);
        }
        thread::sleep(Duration::from_millis(4));
    };
    let run = Run::of(Output {
        status,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    });
    Watched {
        late,
        run,
        time: started.elapsed(),
        peak,
    }
}

/// `VmHWM` of a process, in KiB.
fn high_water(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
