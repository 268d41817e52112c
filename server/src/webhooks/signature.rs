//! Stripe's signature: HMAC-SHA256 over `"{t}.{raw body}"`, header `t=…,v1=…[,v1=…]`.
//! Source: Stripe's documentation, "Verify webhook signatures manually".

use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How far a signature's time may be from ours, seconds, either way.
pub const TOLERANCE_S: i64 = 300;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature is missing")]
    Missing,
    #[error("the signature header cannot be read")]
    Malformed,
    #[error("the signature is too old, or from the future")]
    Stale,
    #[error("no signature matches")]
    Wrong,
}

/// Checks the header against the raw body and each secret, in constant time per signature.
/// `now_s` is wall time in Unix seconds.
pub fn verify(
    header: Option<&str>,
    body: &[u8],
    secrets: &[SecretString],
    now_s: i64,
) -> Result<(), SignatureError> {
    let header = header.ok_or(SignatureError::Missing)?;
    let mut time: Option<&str> = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => time = Some(value),
            Some(("v1", value)) => signatures.push(value),
            Some(_) => {}
            None => return Err(SignatureError::Malformed),
        }
    }
    let time = time.ok_or(SignatureError::Malformed)?;
    let at: i64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    if signatures.is_empty() {
        return Err(SignatureError::Malformed);
    }
    let mut matched = false;
    for secret in secrets {
        let expected = sign(secret.expose_secret().as_bytes(), time, body)?;
        for signature in &signatures {
            matched |= bool::from(expected.as_bytes().ct_eq(signature.as_bytes()));
        }
    }
    if !matched {
        return Err(SignatureError::Wrong);
    }
    if now_s.abs_diff(at) > TOLERANCE_S.unsigned_abs() {
        return Err(SignatureError::Stale);
    }
    Ok(())
}

fn sign(secret: &[u8], time: &str, body: &[u8]) -> Result<String, SignatureError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| SignatureError::Malformed)?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    let mut hex = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn header(secret: &str, at: i64, body: &[u8]) -> String {
        let signature = sign(secret.as_bytes(), &at.to_string(), body).unwrap();
        format!("t={at},v1={signature}")
    }

    fn check(header: Option<&str>, body: &[u8]) -> Result<(), SignatureError> {
        let secrets = ["whsec_new".into(), "whsec_old".into()];
        verify(header, body, &secrets, NOW)
    }

    #[test]
    fn a_known_answer() {
        // printf 1.body | openssl dgst -sha256 -hmac key
        assert_eq!(
            sign(b"key", "1", b"body").unwrap(),
            "91b5374b153842ad05b2c4eab9349b8321b14703165bd3fb8b034dfb8be98ae5"
        );
    }

    #[test]
    fn either_secret_signs_and_either_signature_counts() {
        assert_eq!(check(Some(&header("whsec_new", NOW, BODY)), BODY), Ok(()));
        assert_eq!(
            check(Some(&header("whsec_old", NOW - 300, BODY)), BODY),
            Ok(())
        );
        let two = header("whsec_other", NOW, BODY)
            + ","
            + header("whsec_old", NOW, BODY).split_once(',').unwrap().1;
        assert_eq!(check(Some(&two), BODY), Ok(()));
        let with_v0 = header("whsec_new", NOW, BODY) + ",v0=abc";
        assert_eq!(check(Some(&with_v0), BODY), Ok(()));
    }

    #[test]
    fn what_is_forged_stale_or_malformed_is_refused() {
        use SignatureError::{Malformed, Missing, Stale, Wrong};
        let good = header("whsec_new", NOW, BODY);
        assert_eq!(check(None, BODY), Err(Missing));
        assert_eq!(check(Some(&good), b"{}"), Err(Wrong));
        assert_eq!(
            check(Some(&header("whsec_evil", NOW, BODY)), BODY),
            Err(Wrong)
        );
        assert_eq!(
            check(Some(&header("whsec_new", NOW - 301, BODY)), BODY),
            Err(Stale)
        );
        assert_eq!(
            check(Some(&header("whsec_new", NOW + 301, BODY)), BODY),
            Err(Stale)
        );
        for bad in [
            "",
            "t",
            "t=,v1=",
            "t=soon,v1=00",
            "v1=00",
            &format!("t={NOW}"),
            "t=1;v1=2",
        ] {
            assert_eq!(check(Some(bad), BODY), Err(Malformed), "{bad}");
        }
        // A time moved after signing.
        let moved = good.replace(&NOW.to_string(), &(NOW - 1).to_string());
        assert_eq!(check(Some(&moved), BODY), Err(Wrong));
    }
}
