//! The two standard streams as places to write that never panic and never stop an upload.
//!
//! A closed pipe or a full disk is remembered, not reported: whoever reads the stream is gone.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Where a [`Printer`](super::Printer) writes and what it can measure. Tests pass their own.
pub struct Streams {
    /// Takes results.
    pub out: Box<dyn Write + Send>,
    /// Takes everything else.
    pub err: Box<dyn Write + Send>,
    /// The size of the terminal as (rows, columns), if it tells one. Asked for each frame.
    pub size: Box<dyn Fn() -> Option<(u16, u16)> + Send + Sync>,
    /// The time.
    pub now: Box<dyn Fn() -> Instant + Send + Sync>,
}

impl Streams {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            size: Box::new(|| {
                let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
                // Serial lines and some containers say 0 by 0.
                (size.ws_col > 0).then_some((size.ws_row, size.ws_col))
            }),
            now: Box::new(Instant::now),
        }
    }
}

/// A stream shared by everything that writes to it; each write goes out whole.
pub(super) struct Stream {
    state: Mutex<State>,
}

struct State {
    writer: Box<dyn Write + Send>,
    failed: Option<ErrorKind>,
    /// Whether to go on after a failure.
    persistent: bool,
}

impl Stream {
    /// For results. After a failure nothing more is written: a result that ends early is noticed,
    /// one with a hole in it is not.
    pub(super) fn for_results(writer: Box<dyn Write + Send>) -> Self {
        Self::new(writer, false)
    }

    /// For people. A disk that was full may have room later, and the last lines matter most.
    pub(super) fn for_people(writer: Box<dyn Write + Send>) -> Self {
        Self::new(writer, true)
    }

    fn new(writer: Box<dyn Write + Send>, persistent: bool) -> Self {
        Self {
            state: Mutex::new(State {
                writer,
                failed: None,
                persistent,
            }),
        }
    }

    /// Writes all of `bytes` at once, and remembers a failure.
    pub(super) fn write(&self, bytes: &[u8]) {
        let mut state = lock(&self.state);
        if state.failed.is_some() && !state.persistent {
            return;
        }
        let result = state
            .writer
            .write_all(bytes)
            .and_then(|()| state.writer.flush());
        if let Err(error) = result {
            state.failed.get_or_insert(error.kind());
        }
    }

    /// The first failure.
    pub(super) fn failed(&self) -> Option<ErrorKind> {
        lock(&self.state).failed
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

/// Takes a lock even if a thread panicked while it held it: what it guards is only for show.
pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Takes `room` bytes, then fails until `room` grows.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut disk = self.0.lock().unwrap();
            let n = bytes.len().min(disk.1 - disk.0.len());
            if n == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            disk.0.extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn results_end_at_the_first_failure() {
        let disk = Disk::default();
        disk.0.lock().unwrap().1 = 6;
        let stream = Stream::for_results(Box::new(disk.clone()));
        stream.write(b"one\n");
        assert_eq!(stream.failed(), None);
        stream.write(b"two\n");
        assert_eq!(stream.failed(), Some(ErrorKind::StorageFull));
        disk.0.lock().unwrap().1 = 100;
        stream.write(b"three\n");
        assert_eq!(disk.0.lock().unwrap().0, b"one\ntw");
    }

    #[test]
    fn lines_for_people_go_on_after_a_failure() {
        let disk = Disk::default();
        let stream = Stream::for_people(Box::new(disk.clone()));
        stream.write(b"lost\n");
        disk.0.lock().unwrap().1 = 100;
        stream.write(b"seen\n");
        assert_eq!(disk.0.lock().unwrap().0, b"seen\n");
        assert_eq!(stream.failed(), Some(ErrorKind::StorageFull));
    }
}
