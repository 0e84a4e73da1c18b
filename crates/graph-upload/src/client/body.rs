//! A request body of exactly known length over one buffer, which counts what the network took.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Bytes handed over at a time: small enough that a slow link shows signs of life, large enough not
/// to cost a system call per kilobyte (measured best between 16 and 64 KiB).
const SLICE: usize = 64 * 1024;

/// Counts bytes that moved, in either direction: the clock of an idle connection and the progress display read
/// it.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    bytes: Arc<AtomicU64>,
    turns: Arc<AtomicU64>,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) bytes: u64,
    /// How often it has come to another part: its body has gone, an answer has come.
    pub(crate) turns: u64,
}

impl Meter {
    /// Bytes so far.
    pub fn read(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn position(&self) -> Position {
        Position {
            bytes: self.read(),
            turns: self.turns.load(Ordering::Relaxed),
        }
    }

    /// The request has come to another part, which is progress whatever its bytes.
    pub(crate) fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// Starts over, for the next request.
    pub fn reset(&self) {
        self.bytes.store(0, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A body over `Bytes`. Its size is exact, so that hyper writes `Content-Length` and never chunks.
#[derive(Debug)]
pub(crate) struct MeteredBody {
    rest: Bytes,
    /// The slice that was handed out last. It counts as moved only when the next one is asked for:
    /// until then it may still sit in a buffer of this process.
    handed: usize,
    meter: Meter,
}

impl MeteredBody {
    /// A body of these bytes; a clone of `bytes` is a reference, so a retry copies nothing.
    pub(crate) fn new(bytes: Bytes, meter: Meter) -> Self {
        MeteredBody {
            rest: bytes,
            handed: 0,
            meter,
        }
    }
}

impl Body for MeteredBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let handed = std::mem::take(&mut self.handed);
        self.meter.add(handed);
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let slice = self.rest.len().min(SLICE);
        self.handed = slice;
        let data = self.rest.split_to(slice);
        if self.rest.is_empty() {
            self.meter.turn();
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_once_and_counted_one_slice_late() {
        let content: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
        let meter = Meter::default();
        let mut body = MeteredBody::new(Bytes::from(content.clone()), meter.clone());
        assert_eq!(body.size_hint().exact(), Some(200_000));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut got = Vec::new();
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
            assert_eq!(meter.read(), got.len() as u64);
            got.extend_from_slice(&frame.into_data().unwrap());
        }
        assert_eq!(got, content);
        assert_eq!(meter.read(), 200_000);
    }
}
