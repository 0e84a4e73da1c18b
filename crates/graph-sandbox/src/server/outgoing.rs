//! Answers' bodies going out: from memory, from disk, or as base64 of either, without being held whole.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::body::Pace;
use crate::model::content::Piece;

/// Small enough for a slow answer to flow instead of coming in lumps.
const SLICE: usize = 16 * 1024;
/// A multiple of three, so that base64 of the parts is base64 of the whole.
const BLOCK: usize = 48 * 1024;
/// Time for what was written to leave before the connection is ended.
const LAST_WORDS: Duration = Duration::from_millis(30);

/// A part of a body.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Plain(Piece),
    Base64(VecDeque<Piece>),
}

impl From<Bytes> for Part {
    fn from(bytes: Bytes) -> Self {
        Part::Plain(Piece::Memory(bytes))
    }
}

impl Part {
    pub(crate) fn base64(pieces: Vec<Piece>) -> Self {
        Part::Base64(pieces.into())
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Part::Plain(piece) => piece.len(),
            Part::Base64(pieces) => pieces.iter().map(Piece::len).sum::<u64>().div_ceil(3) * 4,
        }
    }

    /// The next bytes; none when there are no more.
    fn take(&mut self, most: usize) -> io::Result<Bytes> {
        let pieces = match self {
            Part::Plain(piece) => return piece.take(most),
            Part::Base64(pieces) => pieces,
        };
        let mut block = BytesMut::with_capacity(BLOCK);
        while block.len() < BLOCK
            && let Some(piece) = pieces.front_mut()
        {
            if piece.len() == 0 {
                pieces.pop_front();
                continue;
            }
            block.extend_from_slice(&piece.take(BLOCK - block.len())?);
        }
        Ok(STANDARD.encode(&block).into())
    }

    /// All of it in memory.
    pub(crate) fn collect(parts: Vec<Part>) -> io::Result<Bytes> {
        let mut all = BytesMut::new();
        for mut part in parts {
            loop {
                let bytes = part.take(usize::MAX)?;
                if bytes.is_empty() {
                    break;
                }
                all.extend_from_slice(&bytes);
            }
        }
        Ok(all.freeze())
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Outgoing {
    parts: VecDeque<Part>,
    /// What a part gave and has not gone yet.
    ready: Bytes,
    /// How much is announced; an answer that breaks off has less.
    left: u64,
    breaks_off: Option<u64>,
    pace: Pace,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Outgoing {
    /// With `breaks_off` it ends after so many bytes, and takes the connection with it.
    pub(crate) fn new(parts: Vec<Part>, bandwidth: Option<u64>, breaks_off: Option<u64>) -> Self {
        Outgoing {
            left: parts.iter().map(Part::len).sum(),
            parts: parts.into(),
            ready: Bytes::new(),
            breaks_off,
            pace: Pace::new(bandwidth),
            wait: None,
        }
    }

    fn next(&mut self) -> io::Result<Option<Bytes>> {
        while self.ready.is_empty() {
            let Some(part) = self.parts.front_mut() else {
                return Ok(None);
            };
            self.ready = part.take(64 * 1024)?;
            if self.ready.is_empty() {
                self.parts.pop_front();
            }
        }
        let most = match self.pace.is_limited() {
            true => SLICE,
            false => usize::MAX,
        };
        Ok(Some(self.ready.split_to(most.min(self.ready.len()))))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if let Some(wait) = &mut this.wait {
            std::task::ready!(wait.as_mut().poll(cx));
            this.wait = None;
            if this.breaks_off == Some(0) {
                return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
            }
        }
        if this.breaks_off == Some(0) {
            this.wait = Some(Box::pin(tokio::time::sleep(LAST_WORDS)));
            return Pin::new(this).poll_frame(cx);
        }
        let mut piece = match this.next() {
            Ok(Some(piece)) => piece,
            Ok(None) => return Poll::Ready(None),
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        if let Some(until) = &mut this.breaks_off {
            piece.truncate(usize::try_from(*until).unwrap_or(usize::MAX));
            *until -= piece.len() as u64;
        }
        this.left = this.left.saturating_sub(piece.len() as u64);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn base64_of_pieces_is_base64_of_the_whole(pieces in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..70_000), 0..4,
        )) {
            let whole = pieces.concat();
            let part = Part::base64(pieces.into_iter().map(|p| Piece::Memory(p.into())).collect());
            prop_assert_eq!(part.len(), STANDARD.encode(&whole).len() as u64);
            let all = Part::collect(vec![Bytes::from_static(b"<").into(), part]).expect("memory");
            let expected = format!("<{}", STANDARD.encode(&whole));
            prop_assert_eq!(&all[..], expected.as_bytes());
        }
    }
}
