//! Request bodies coming in, at the pace that the options ask for, and not for ever.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::{
    model::content::{Piece, Sink},
    throttle::Permit,
};

/// A body as it was read.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Empty when the body was over the limit: it is then read to its end but not kept.
    pub(crate) pieces: Vec<Piece>,
    pub(crate) len: u64,
}

/// How reading ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The whole body is there.
    Whole(Read),
    /// As many bytes as were waited for are there, or the body is shorter.
    Enough,
    /// The client went away in the middle, or stood still for too long.
    Broken,
    /// There is no room for it.
    NoRoom,
}

/// How a body is read.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    /// Where it goes.
    pub(crate) sink: Sink,
    /// The most that is kept.
    pub(crate) keep: u64,
    /// Stop after so many bytes.
    pub(crate) stop: Option<u64>,
    pub(crate) bandwidth: Option<u64>,
    /// How long no byte may come.
    pub(crate) idle: Duration,
    /// What it holds while it comes.
    pub(crate) permit: Option<&'a Permit>,
}

impl Reading<'_> {
    /// Reads what nobody wants.
    pub(crate) fn away(idle: Duration, bandwidth: Option<u64>) -> Self {
        Reading {
            sink: Sink::Nothing,
            keep: 0,
            stop: None,
            bandwidth,
            idle,
            permit: None,
        }
    }

    pub(crate) async fn read(mut self, mut body: Incoming) -> Ended {
        let mut pace = Pace::new(self.bandwidth);
        let mut len = 0;
        while self.stop.is_none_or(|stop| len < stop) {
            let data = match tokio::time::timeout(self.idle, body.frame()).await {
                Ok(None) => break,
                Ok(Some(Err(_))) | Err(_) => return Ended::Broken,
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => data,
                    Err(_trailers) => continue,
                },
            };
            len += data.len() as u64;
            let until = pace.after(data.len());
            let moved = until.unwrap_or_else(Instant::now).into_std();
            // Whoever was overtaken reads to the end, and keeps nothing.
            if self.permit.is_some_and(|permit| !permit.moved(moved)) || len > self.keep {
                self.sink = Sink::Nothing;
            }
            if self.stop.is_none() && self.sink.push(data).is_err() {
                return Ended::NoRoom;
            }
            if let Some(until) = until {
                tokio::time::sleep_until(until).await;
            }
        }
        match self.stop {
            Some(_) => Ended::Enough,
            None => Ended::Whole(Read {
                pieces: self.sink.into_pieces(),
                len,
            }),
        }
    }
}

/// Turns a rate into the moments at which bytes may have passed.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Option<u64>,
    start: Instant,
    passed: u64,
}

impl Pace {
    pub(crate) fn new(rate: Option<u64>) -> Self {
        Pace {
            rate: rate.filter(|rate| *rate > 0),
            start: Instant::now(),
            passed: 0,
        }
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.rate.is_some()
    }

    /// Counts `bytes`; when they may count as passed.
    pub(crate) fn after(&mut self, bytes: usize) -> Option<Instant> {
        let rate = self.rate?;
        self.passed += bytes as u64;
        Some(self.start + Duration::from_secs_f64(self.passed as f64 / rate as f64))
    }
}
