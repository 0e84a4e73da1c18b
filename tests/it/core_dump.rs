//! A crash leaves no copy of the memory, and so of the token, on the disk.

use crate::support::{BINARY, Run, Stage};

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
