//! What ends a program from outside: signals, and on Windows the events of a console.

#[cfg(unix)]
mod unix {
    use std::{io, process::ExitStatus};

    use rustix::process::{Pid, kill_process};
    use tokio::{
        process::Child,
        signal::unix::{Signal, SignalKind, signal},
    };

    /// The signals that end a program from outside.
    pub(in crate::run) struct Signals {
        streams: Vec<(i32, Signal)>,
    }

    impl Signals {
        pub(in crate::run) fn listen() -> io::Result<Self> {
            let kinds = [
                SignalKind::interrupt(),
                SignalKind::terminate(),
                SignalKind::hangup(),
            ];
            let streams = kinds
                .into_iter()
                .map(|kind| Ok((kind.as_raw_value(), signal(kind)?)))
                .collect::<io::Result<_>>()?;
            Ok(Signals { streams })
        }

        /// The number of the next one.
        pub(in crate::run) async fn next(&mut self) -> i32 {
            std::future::poll_fn(|cx| {
                for (number, stream) in &mut self.streams {
                    if stream.poll_recv(cx).is_ready() {
                        return std::task::Poll::Ready(*number);
                    }
                }
                std::task::Poll::Pending
            })
            .await
        }
    }

    /// Hands a signal on.
    pub(in crate::run) fn forward(child: &Child, number: i32) {
        // An INT from the keyboard reaches the command by itself; twice would be too often.
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let (Some(pid), Some(signal)) = (pid, rustix::process::Signal::from_named_raw(number))
            && signal != rustix::process::Signal::INT
        {
            // It may have ended in the meantime.
            let _ = kill_process(pid, signal);
        }
    }

    /// As shells have it: the command's status, or 128 and the signal that ended it.
    pub(in crate::run) fn status(status: ExitStatus) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let signal = || 128 + status.signal().unwrap_or_default();
        status.code().unwrap_or_else(signal)
    }
}

#[cfg(windows)]
mod windows {
    use std::{io, process::ExitStatus};

    use tokio::{
        process::Child,
        signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown},
    };

    /// The events of the console, with the numbers of the signals that mean the same.
    pub(in crate::run) struct Signals {
        c: CtrlC,
        pause: CtrlBreak,
        close: CtrlClose,
        logoff: CtrlLogoff,
        shutdown: CtrlShutdown,
    }

    impl Signals {
        pub(in crate::run) fn listen() -> io::Result<Self> {
            use tokio::signal::windows;
            Ok(Signals {
                c: windows::ctrl_c()?,
                pause: windows::ctrl_break()?,
                close: windows::ctrl_close()?,
                logoff: windows::ctrl_logoff()?,
                shutdown: windows::ctrl_shutdown()?,
            })
        }

        /// The number of the next one.
        pub(in crate::run) async fn next(&mut self) -> i32 {
            tokio::select! {
                _ = self.c.recv() => 2,
                _ = self.pause.recv() => 15,
                _ = self.close.recv() => 1,
                _ = self.logoff.recv() => 1,
                _ = self.shutdown.recv() => 1,
            }
        }
    }

    /// Events of the console reach the command by themselves.
    pub(in crate::run) fn forward(_: &Child, _: i32) {}

    /// The command's status.
    pub(in crate::run) fn status(status: ExitStatus) -> i32 {
        status.code().unwrap_or(1)
    }
}

#[cfg(unix)]
pub(super) use unix::{Signals, forward, status};
#[cfg(windows)]
pub(super) use windows::{Signals, forward, status};
