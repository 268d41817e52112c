//! Secrets at rest: AES-256-GCM under `ENCRYPTION_KEY`.

use crate::rng::Rng;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

const NONCE_LEN: usize = 12;

#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Sealed under another key, for another place, or damaged.
    #[error("a sealed value cannot be opened with this ENCRYPTION_KEY")]
    Unreadable,
    #[error("a value could not be sealed")]
    Unsealable,
}

/// Seals and opens. `place` says where the value lives (table, column and row), so that a
/// sealed value moved elsewhere does not open.
#[derive(Clone)]
pub struct Seal {
    cipher: Aes256Gcm,
    key: [u8; 32],
    rng: Rng,
}

impl Seal {
    /// `key` is 32 bytes.
    #[must_use]
    pub fn new(key: &[u8; 32], rng: Rng) -> Self {
        Self {
            cipher: Aes256Gcm::new(key.into()),
            key: *key,
            rng,
        }
    }

    /// The sealed form: base64 of nonce and ciphertext.
    pub fn seal(&self, place: &str, secret: &SecretString) -> Result<String, SealError> {
        let nonce: [u8; NONCE_LEN] = self.rng.bytes();
        let payload = Payload {
            msg: secret.expose_secret().as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(Nonce::from_slice(&nonce), payload)
            .map_err(|_| SealError::Unsealable)?;
        let mut whole = nonce.to_vec();
        whole.extend(sealed);
        Ok(STANDARD_NO_PAD.encode(whole))
    }

    /// A keyed digest (HMAC-SHA256, base64url): proves that we made it, tells nothing of `text`.
    /// `purpose` keeps digests of one use from passing for another's.
    pub fn digest(&self, purpose: &str, text: &str) -> Result<String, SealError> {
        let mut mac =
            <Hmac<Sha256> as Mac>::new_from_slice(&self.key).map_err(|_| SealError::Unsealable)?;
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        Ok(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    pub fn open(&self, place: &str, sealed: &str) -> Result<SecretString, SealError> {
        let whole = STANDARD_NO_PAD
            .decode(sealed)
            .map_err(|_| SealError::Unreadable)?;
        if whole.len() < NONCE_LEN {
            return Err(SealError::Unreadable);
        }
        let (nonce, msg) = whole.split_at(NONCE_LEN);
        let payload = Payload {
            msg,
            aad: place.as_bytes(),
        };
        let plain = self
            .cipher
            .decrypt(Nonce::from_slice(nonce), payload)
            .map_err(|_| SealError::Unreadable)?;
        String::from_utf8(plain)
            .map(SecretString::from)
            .map_err(|_| SealError::Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_in_its_place_and_under_its_key() {
        let rng = Rng::seeded(1);
        let seal = Seal::new(&[7; 32], rng.clone());
        let sealed = seal.seal("join_tokens/usr_1", &"token".into()).unwrap();
        assert!(!sealed.contains("token"));
        let opened = seal.open("join_tokens/usr_1", &sealed).unwrap();
        assert_eq!(opened.expose_secret(), "token");
        assert!(seal.open("join_tokens/usr_2", &sealed).is_err());
        assert!(
            Seal::new(&[8; 32], rng)
                .open("join_tokens/usr_1", &sealed)
                .is_err()
        );
        assert!(seal.open("join_tokens/usr_1", "").is_err());
        assert!(seal.open("join_tokens/usr_1", &sealed[..20]).is_err());
    }

    #[test]
    fn digests_differ_by_key_purpose_and_text() {
        let rng = Rng::seeded(1);
        let seal = Seal::new(&[7; 32], rng.clone());
        let digest = seal.digest("a", "text").unwrap();
        assert_eq!(digest, seal.digest("a", "text").unwrap());
        for other in [
            seal.digest("b", "text"),
            seal.digest("a", "texu"),
            seal.digest("at", "ext"),
            Seal::new(&[8; 32], rng).digest("a", "text"),
        ] {
            assert_ne!(digest, other.unwrap());
        }
    }
}
