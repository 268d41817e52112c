//! The token of a link: 32 random bytes, of which we keep a hash alone.

use crate::rng::Rng;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// Characters of a token.
const LENGTH: usize = 43;

/// A new token, and what is kept of it.
pub struct Token {
    pub token: SecretString,
    pub hash: String,
}

pub fn new(rng: &Rng) -> Token {
    let bytes: [u8; 32] = rng.bytes();
    let token = URL_SAFE_NO_PAD.encode(bytes);
    Token {
        hash: hashed(&token),
        token: token.into(),
    }
}

/// What is kept of a token; `None` for what cannot be one.
pub fn hash_of(token: &str) -> Option<String> {
    let fits = token.len() == LENGTH
        && token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    fits.then(|| hashed(token))
}

fn hashed(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_token_is_found_by_its_hash_alone() {
        let rng = Rng::seeded(1);
        let (one, two) = (new(&rng), new(&rng));
        let token = one.token.expose_secret();
        assert_eq!(hash_of(token), Some(one.hash.clone()));
        assert_ne!(one.hash, two.hash);
        assert!(!one.hash.contains(token));
        for bad in [
            "",
            "short",
            &format!("{token}x"),
            &token.replace(&token[..1], "/"),
        ] {
            assert_eq!(hash_of(bad), None, "{bad}");
        }
    }
}
