//! Request bodies coming in and answers going out, at the pace that the options ask for.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

/// Small enough for a slow answer to flow instead of coming in lumps.
const SLICE: usize = 16 * 1024;

/// A body as it was read.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Empty when the body was over the limit: it is then read to its end but not kept.
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) len: u64,
}

/// How reading ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The whole body is there.
    Whole(Read),
    /// As many bytes as were waited for are there, or the body is shorter.
    Enough,
    /// The client went away in the middle.
    Broken,
}

/// Reads a body, keeping at most `keep` bytes of it, and stopping after `stop` if that is given.
pub(crate) async fn read(
    mut body: Incoming,
    keep: u64,
    stop: Option<u64>,
    bandwidth: Option<u64>,
) -> Ended {
    let mut pace = Pace::new(bandwidth);
    let mut read = Read::default();
    while stop.is_none_or(|stop| read.len < stop) {
        let data = match body.frame().await {
            None => break,
            Some(Err(_)) => return Ended::Broken,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                Err(_trailers) => continue,
            },
        };
        read.len += data.len() as u64;
        if let Some(until) = pace.after(data.len()) {
            tokio::time::sleep_until(until).await;
        }
        if stop.is_some() {
            continue;
        }
        if read.len <= keep {
            read.pieces.push(data);
        } else {
            read.pieces = Vec::new();
        }
    }
    match stop {
        Some(_) => Ended::Enough,
        None => Ended::Whole(read),
    }
}

/// Turns a rate into the moments at which bytes may have passed.
#[derive(Debug)]
struct Pace {
    rate: Option<u64>,
    start: Instant,
    passed: u64,
}

impl Pace {
    fn new(rate: Option<u64>) -> Self {
        Pace {
            rate,
            start: Instant::now(),
            passed: 0,
        }
    }

    /// Counts `bytes`; when they may count as passed.
    fn after(&mut self, bytes: usize) -> Option<Instant> {
        let rate = self.rate.filter(|rate| *rate > 0)?;
        self.passed += bytes as u64;
        Some(self.start + Duration::from_secs_f64(self.passed as f64 / rate as f64))
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pieces: VecDeque<Bytes>,
    left: u64,
    pace: Pace,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Outgoing {
    pub(crate) fn new(pieces: Vec<Bytes>, bandwidth: Option<u64>) -> Self {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        Outgoing {
            pieces: pieces.into(),
            left,
            pace: Pace::new(bandwidth),
            wait: None,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if let Some(wait) = &mut this.wait {
            std::task::ready!(wait.as_mut().poll(cx));
            this.wait = None;
        }
        let Some(mut piece) = this.pieces.pop_front() else {
            return Poll::Ready(None);
        };
        if this.pace.rate.is_some() && piece.len() > SLICE {
            let rest = piece.split_off(SLICE);
            this.pieces.push_front(rest);
        }
        this.left -= piece.len() as u64;
        this.wait = this
            .pace
            .after(piece.len())
            .map(|at| Box::pin(tokio::time::sleep_until(at)));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
