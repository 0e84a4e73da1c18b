//! INT, TERM and HUP; streams that are closed.

use std::{
    io::Read,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Stage, sha256};

const SIZE: usize = 12_000_000;

/// An upload whose third range hangs.
fn hanging() -> (Stage, Child) {
    let stage = Stage::with_faults(&["put@3=stall:60"]);
    let file = stage.file("big.bin", SIZE);
    let child = stage
        .process(["attach".as_ref(), file.as_os_str()])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    while stage.requests("PUT").len() < 3 {
        std::thread::sleep(Duration::from_millis(5));
    }
    (stage, child)
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn stderr(child: &mut Child) -> String {
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
fn a_signal_says_where_it_stopped_and_ends_the_process_by_itself() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (stage, mut child) = hanging();
        let id = stage.session();
        let since = Instant::now();
        send(&child, signal);
        let status = child.wait().unwrap();
        let took = since.elapsed();
        let said = stderr(&mut child);
        assert_eq!(status.signal(), Some(signal.as_raw()), "{said}");
        assert!(
            said.contains("interrupted: `big.bin` is at 7.8 of 12.0 MB"),
            "{said}"
        );
        assert!(
            said.contains(&format!("hint: graph-attach resume {id}")),
            "{said}"
        );
        // 200 ms are promised; a busy machine gets a second.
        assert!(took < Duration::from_secs(1), "{took:?}");
        stage.sandbox.clear_faults();
        stage.run(["resume"]).code(0);
        assert_eq!(
            stage.held()[0].sha256,
            sha256(&stage.home.path().join("big.bin"))
        );
    }
}

#[test]
fn an_ignored_signal_stays_ignored() {
    let stage = Stage::with_faults(&["put@2=stall:2"]);
    let file = stage.file("big.bin", SIZE);
    let mut command = std::process::Command::new("nohup");
    command
        .arg(crate::support::BINARY)
        .args(["attach".as_ref(), file.as_os_str()]);
    command
        .env_clear()
        .envs(stage.environment())
        .current_dir(stage.home.path());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while stage.requests("PUT").len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    send(&child, Signal::HUP);
    assert!(child.wait().unwrap().success());
    assert_eq!(stage.held().len(), 1);
}

#[test]
fn a_second_signal_ends_it_at_once_even_if_nobody_reads() {
    let stage = Stage::with_faults(&["put@3=stall:60"]);
    let file = stage.file("big.bin", SIZE);
    let (reader, writer) = std::io::pipe().unwrap();
    // A pipe that is full: whatever is said now blocks.
    let fill = writer.try_clone().unwrap();
    let mut child = stage
        .process([
            "attach".as_ref(),
            "--progress=none".as_ref(),
            file.as_os_str(),
        ])
        .stderr(writer)
        .process_group(0)
        .spawn()
        .unwrap();
    while stage.requests("PUT").len() < 3 {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::spawn(move || {
        use std::io::Write;
        let _ = (&fill).write_all(&[b'x'; 1 << 20]);
    });
    std::thread::sleep(Duration::from_millis(200));
    send(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    send(&child, Signal::INT);
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::INT.as_raw()));
    drop(reader);
}

#[test]
fn closed_and_full_streams_stop_nothing() {
    for closed in ["stdout", "stderr", "both"] {
        let stage = Stage::new();
        let file = stage.file("big.bin", SIZE);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = stage.process(["attach".as_ref(), "-vv".as_ref(), file.as_os_str()]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if closed != "stderr" {
            command.stdout(writer.try_clone().unwrap());
        }
        if closed != "stdout" {
            command.stderr(writer);
        }
        assert_eq!(command.status().unwrap().code(), Some(0), "{closed}");
        assert_eq!(stage.held().len(), 1);
    }
    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let stage = Stage::new();
        let file = stage.file("f", 10);
        let mut command = stage.process(["attach".as_ref(), file.as_os_str()]);
        let status = command
            .stdout(full.try_clone().unwrap())
            .stderr(full)
            .status()
            .unwrap();
        // It is attached, but whoever wanted the id did not get it.
        assert_eq!(status.code(), Some(1));
        assert_eq!(stage.held().len(), 1);
    }
}
