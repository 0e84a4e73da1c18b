//! INT, TERM and HUP: told once, then obeyed.
//!
//! The first one is handed to the command, which says where it stopped; then the process dies by that
//! same signal, so that shells and schedulers see why. A second one ends the process at once, even
//! if the first is still being handled (a terminal that does not take output, say).

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag, low_level,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end a command.
#[derive(Debug)]
pub(crate) struct Signals {
    streams: Vec<(i32, Signal)>,
}

impl Signals {
    /// Begins to listen. A signal that the parent had set to be ignored (`nohup`, a background job
    /// of a script) stays ignored.
    pub(crate) fn listen() -> io::Result<Self> {
        let ignored = ignored_mask();
        let mut streams = Vec::new();
        for number in [SIGINT, SIGTERM, SIGHUP] {
            if ignored & (1 << (number - 1)) != 0 {
                continue;
            }
            let second = Arc::new(AtomicBool::new(false));
            flag::register_conditional_default(number, Arc::clone(&second))?;
            flag::register(number, second)?;
            streams.push((number, signal(SignalKind::from_raw(number))?));
        }
        Ok(Signals { streams })
    }

    /// Waits for the first of them and returns its number.
    pub(crate) async fn next(&mut self) -> i32 {
        std::future::poll_fn(|context| {
            for (number, stream) in &mut self.streams {
                if stream.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*number);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

/// Ends this process by `number`, as if it had never been caught. Returns only if that failed.
pub(crate) fn reraise(number: i32) {
    let _ = low_level::emulate_default_handler(number);
}

/// Bit `n - 1` is set when signal `n` is ignored. Zero where the kernel does not say.
fn ignored_mask() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
