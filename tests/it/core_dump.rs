//! A crash leaves no copy of the memory, and so of the token, on the disk.

use std::process::Stdio;

use crate::support::{BINARY, Run, Stage, as_nobody, not_tried, until};

#[test]
fn a_core_dump_is_not_left_behind() {
    let stage = Stage::new();
    let print = "ulimit -Sc $(ulimit -Hc); echo before $(ulimit -Sc) >&2; exec \"$@\"";
    let ask = "sh -c 'echo after $(ulimit -Sc) >&2; echo token'";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", print, "sh", BINARY]);
    command.args(["auth", "status", "--token-command", ask]);
    command.env_clear().envs(stage.environment());
    Run::of(command.output().unwrap()).code(0).says("after 0\n");
}

/// Neither a dump that is piped to a program nor another process of the same user gets at the memory:
/// the kernel gives what belongs to such a process to root.
#[cfg(target_os = "linux")]
#[test]
fn nobody_else_reads_the_memory() {
    use std::os::unix::fs::MetadataExt;

    let stage = Stage::with_faults(&["put@1=stall:20"]);
    stage.file("f", 3_500_000);
    let Some(mut command) = as_nobody(&stage, 65_534, "", &["attach", "-q", "f"]) else {
        return not_tried("a process of another user: no way not to be root");
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until(|| !stage.requests("PUT").is_empty());
    let memory = format!("/proc/{}/mem", child.id());
    let owner = std::fs::metadata(memory).unwrap().uid();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(owner, 0);
}
