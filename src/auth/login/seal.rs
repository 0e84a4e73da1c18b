//! Seals a login with a key that is kept elsewhere: AES-256-GCM of `aws-lc-rs`, with a new nonce each
//! time. So the system's store has to take 32 bytes only, however long the tokens are (Windows takes
//! 2,560 bytes at most), and has to be asked to write once for a login, not at every renewal.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use secrecy::{ExposeSecret, SecretSlice};

/// The length of a key.
const LENGTH: usize = 32;

/// A key. Has no `Debug`.
#[derive(Clone)]
pub(super) struct SealKey(SecretSlice<u8>);

impl SealKey {
    /// A new one; `None` where the system gives no randomness.
    pub(super) fn new() -> Option<Self> {
        let mut bytes = vec![0; LENGTH];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        Some(SealKey(bytes.into()))
    }

    /// One that was kept; `None` if it is none.
    pub(super) fn read(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == LENGTH).then(|| SealKey(bytes.into()))
    }

    /// The bytes, for the store.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

/// Seals `plain`, and `about` with it, which stays readable.
pub(super) fn seal(key: &SealKey, about: &[u8], plain: Vec<u8>) -> Option<String> {
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.bytes()).ok()?;
    let mut text = plain;
    let nonce = cipher
        .seal_in_place_append_tag(Aad::from(about), &mut text)
        .ok()?;
    let mut sealed = nonce.as_ref().to_vec();
    sealed.extend_from_slice(&text);
    Some(STANDARD_NO_PAD.encode(sealed))
}

/// Opens what was sealed with this key and beside this `about`.
pub(super) fn open(key: &SealKey, about: &[u8], sealed: &str) -> Option<SecretSlice<u8>> {
    let sealed = STANDARD_NO_PAD.decode(sealed).ok()?;
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.bytes()).ok()?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let plain = cipher
        .open_in_place(nonce, Aad::from(about), &mut text)
        .ok()?;
    Some(plain.to_vec().into())
}
