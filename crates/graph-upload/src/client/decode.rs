//! Bodies that come compressed although nobody asked: some gateways do so whatever a request accepts.

use std::{
    io::{self, Write},
    mem,
    ops::ControlFlow,
};

use flate2::write::{MultiGzDecoder, ZlibDecoder};
use reqwest::header::HeaderMap;

use crate::{AnswerOrigin, Error, ErrorKind};

/// Compressed bytes that are taken at a time: at most a thousandfold comes out, which must fit in memory.
const STEP: usize = 4 * 1024;

/// Turns an answer's bytes into its content, as they come.
pub(super) struct Decoder(Option<Box<dyn Decode + Send>>);

impl Decoder {
    /// The decoder for an answer with these headers.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let coding = headers.get("content-encoding");
        let coding = coding.map_or("", |value| value.to_str().unwrap_or("?"));
        Ok(Decoder(match coding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => None,
            "gzip" | "x-gzip" => Some(Box::new(MultiGzDecoder::new(Vec::new()))),
            "deflate" => Some(Box::new(ZlibDecoder::new(Vec::new()))),
            _ => return Err(broken("in an encoding that nobody asked for")),
        }))
    }

    /// Hands on the content of the next bytes; ends when `sink` has had enough.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Error> {
        let Some(decoder) = &mut self.0 else {
            return Ok(sink(bytes));
        };
        for step in bytes.chunks(STEP) {
            let content = decoder.decode(step);
            let content = content.map_err(|_| broken("compressed, and damaged"))?;
            if !content.is_empty() && sink(&content).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The rest, once every byte has come.
    pub(super) fn finish(
        mut self,
        sink: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        if let Some(decoder) = &mut self.0 {
            let rest = decoder.rest();
            let rest = rest.map_err(|_| broken("compressed, and cut"))?;
            let _ = sink(&rest);
        }
        Ok(())
    }
}

/// The service does not do this: something in between did.
fn broken(how: &str) -> Error {
    let mut error = Error::local(ErrorKind::Intermediary, format!("the answer came {how}"));
    error.origin = Some(AnswerOrigin::Intermediary);
    error
}

/// One coding.
trait Decode {
    fn decode(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>>;
    fn rest(&mut self) -> io::Result<Vec<u8>>;
}

impl Decode for MultiGzDecoder<Vec<u8>> {
    fn decode(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.write_all(bytes)?;
        Ok(mem::take(self.get_mut()))
    }

    fn rest(&mut self) -> io::Result<Vec<u8>> {
        self.try_finish()?;
        Ok(mem::take(self.get_mut()))
    }
}

impl Decode for ZlibDecoder<Vec<u8>> {
    fn decode(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.write_all(bytes)?;
        Ok(mem::take(self.get_mut()))
    }

    fn rest(&mut self) -> io::Result<Vec<u8>> {
        self.try_finish()?;
        Ok(mem::take(self.get_mut()))
    }
}

#[cfg(test)]
mod tests {
    use flate2::{
        Compression,
        write::{GzEncoder, ZlibEncoder},
    };

    use super::*;

    fn headers(coding: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("content-encoding", coding.parse().unwrap());
        headers
    }

    fn read(coding: &str, bytes: &[u8], piece: usize) -> Result<Vec<u8>, Error> {
        let mut decoder = Decoder::of(&headers(coding))?;
        let mut content = Vec::new();
        let mut sink = |bytes: &[u8]| {
            content.extend_from_slice(bytes);
            ControlFlow::Continue(())
        };
        for piece in bytes.chunks(piece) {
            let _ = decoder.feed(piece, &mut sink)?;
        }
        decoder.finish(&mut sink)?;
        Ok(content)
    }

    #[test]
    fn what_came_compressed_is_read_in_any_pieces() {
        let content: Vec<u8> = (0..100_000u32).map(|n| (n / 7) as u8).collect();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&content).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&content).unwrap();
        let zlib = zlib.finish().unwrap();
        for piece in [1, 1_000, 1_000_000] {
            for (coding, bytes) in [
                ("gzip", &gzip),
                ("X-GZip", &gzip),
                ("deflate", &zlib),
                ("identity", &content),
            ] {
                assert!(
                    read(coding, bytes, piece).unwrap() == content,
                    "{coding} {piece}"
                );
            }
        }
        assert!(read("gzip", &gzip[..gzip.len() / 2], 1_000).is_err());
        let mut damaged = gzip.clone();
        damaged[500] ^= 1;
        assert!(read("gzip", &damaged, 1_000).is_err());
        assert_eq!(
            read("br", &gzip, 1_000).unwrap_err().kind,
            ErrorKind::Intermediary
        );
    }

    #[test]
    fn a_bomb_is_let_out_in_pieces() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..64 {
            gzip.write_all(&vec![0; 1024 * 1024]).unwrap();
        }
        let bomb = gzip.finish().unwrap();
        let mut decoder = Decoder::of(&headers("gzip")).unwrap();
        let (mut most, mut all) = (0, 0);
        let ended = decoder.feed(&bomb, &mut |bytes| {
            most = most.max(bytes.len());
            all += bytes.len();
            if all > 10_000_000 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(
            ended.unwrap().is_break() && most < 8 * 1024 * 1024 && all < 20_000_000,
            "{most} {all}"
        );
    }
}
