//! The bytes of a file as they came in: pieces that are shared, never copied or joined.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use base64::{engine::general_purpose::STANDARD, write::EncoderStringWriter};
use bytes::Bytes;

/// The content of an attachment. Cloning it copies no bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    pieces: Arc<Vec<Bytes>>,
    len: u64,
    sha256: Arc<OnceLock<String>>,
}

impl Content {
    pub(crate) fn new(pieces: Vec<Bytes>) -> Self {
        let len = pieces.iter().map(|piece| piece.len() as u64).sum();
        Content {
            pieces: Arc::new(pieces),
            len,
            sha256: Arc::default(),
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = Bytes> + '_ {
        self.pieces.iter().cloned()
    }

    /// Lower-case hexadecimal. Computed when first asked for, so that no request waits for it.
    pub(crate) fn sha256(&self) -> String {
        self.sha256
            .get_or_init(|| {
                let mut context = digest::Context::new(&digest::SHA256);
                self.pieces.iter().for_each(|piece| context.update(piece));
                context
                    .finish()
                    .as_ref()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect()
            })
            .clone()
    }

    pub(crate) fn base64(&self) -> String {
        use std::io::Write;
        let room = usize::try_from(self.len / 3 * 4 + 4).unwrap_or_default();
        let mut writer = EncoderStringWriter::from_consumer(String::with_capacity(room), &STANDARD);
        for piece in self.pieces.iter() {
            // Writing into a String does not fail.
            let _ = writer.write_all(piece);
        }
        writer.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hashes_what_is_known() {
        assert_eq!(
            Content::new(vec!["a".into(), "bc".into()]).sha256(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(pieces in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..50), 0..8,
        )) {
            let whole: Vec<u8> = pieces.concat();
            let content = Content::new(pieces.into_iter().map(Bytes::from).collect());
            prop_assert_eq!(content.len(), whole.len() as u64);
            prop_assert_eq!(content.base64(), STANDARD.encode(&whole));
            prop_assert_eq!(content.sha256(), Content::new(vec![whole.into()]).sha256());
        }
    }
}
