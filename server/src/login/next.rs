//! Where to go after signing in: own paths only.

use url::Url;

const LONGEST: usize = 512;
/// Stands for our own host while a path is read the way a browser does.
const SOMEWHERE: &str = "http://own.invalid";

/// The wanted address as a browser would read it, percent-encoded, if it is a path of this
/// site that can be landed on. Anything that could lead elsewhere, or back into a sign-in, is
/// `None`.
#[must_use]
pub fn own_path(wanted: &str) -> Option<String> {
    if wanted.len() > LONGEST || !path_absolute(wanted.as_bytes()) {
        return None;
    }
    let decoded = percent_decoded(wanted);
    if !path_absolute(&decoded) {
        return None;
    }
    let base = Url::parse(SOMEWHERE).ok()?;
    let url = base.join(wanted).ok()?;
    if url.origin() != base.origin() || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    // Dot segments are resolved now, and may have uncovered a second slash.
    let path = url.path();
    if !path_absolute(path.as_bytes()) || is_sign_in(path) {
        return None;
    }
    let mut own = path.to_owned();
    if let Some(query) = url.query() {
        own.push('?');
        own.push_str(query);
    }
    if let Some(fragment) = url.fragment() {
        own.push('#');
        own.push_str(fragment);
    }
    (own.len() <= LONGEST * 3).then_some(own)
}

/// One slash first, not two; no backslash, which browsers read as a slash; no control
/// characters, which they drop.
fn path_absolute(path: &[u8]) -> bool {
    path.first() == Some(&b'/')
        && path.get(1) != Some(&b'/')
        && !path
            .iter()
            .any(|byte| *byte == b'\\' || byte.is_ascii_control())
}

fn is_sign_in(path: &str) -> bool {
    ["/login", "/logout", "/auth"].iter().any(|own| {
        path.strip_prefix(own)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let hex = |at: usize| {
        bytes
            .get(at)
            .and_then(|byte| char::from(*byte).to_digit(16))
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%'
            && let (Some(high), Some(low)) = (hex(at + 1), hex(at + 2))
        {
            decoded.push(high << 4 | low);
            at += 3;
        } else {
            decoded.push(*byte);
            at += 1;
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn own_paths_are_kept() {
        for (wanted, kept) in [
            ("/", "/"),
            ("/billing", "/billing"),
            (
                "/billing?session_id=cs_1&x=%20y",
                "/billing?session_id=cs_1&x=%20y",
            ),
            ("/invite/abc#top", "/invite/abc#top"),
            ("/a/../b", "/b"),
            ("/plans?next=//evil.example", "/plans?next=//evil.example"),
            ("/größe", "/gr%C3%B6%C3%9Fe"),
            ("/a b", "/a%20b"),
            ("/100%", "/100%"),
            ("/loginx", "/loginx"),
            ("/@evil.example", "/@evil.example"),
        ] {
            assert_eq!(own_path(wanted).as_deref(), Some(kept), "{wanted}");
        }
    }

    #[test]
    fn whatever_could_lead_elsewhere_is_not() {
        let long = format!("/{}", "a".repeat(LONGEST));
        for wanted in [
            "",
            "billing",
            "https://evil.example/",
            "javascript:alert(1)",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/a\\..\\..//evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/%2fevil.example",
            "/%2Fevil.example",
            "/%5cevil.example",
            "/a%5c..",
            "%2f%2fevil.example",
            "/%0d%0aset-cookie:x",
            "/%00",
            "/\u{7f}",
            "/.//evil.example",
            "/..//evil.example",
            "/a/..//evil.example",
            "/%2e//evil.example",
            "/%2e%2e//evil.example",
            "/login",
            "/login?next=/login",
            "/login/problem?reason=denied",
            "/logout",
            "/auth/callback?code=x",
            "/x/../login",
            long.as_str(),
        ] {
            assert_eq!(own_path(wanted), None, "{wanted:?}");
        }
    }

    proptest! {
        #[test]
        fn a_kept_path_stays_here_and_fits_a_header(
            wanted in prop_oneof![
                "[/\\\\.%a-f0-9?#@: \t]{0,24}",
                "/[^a]{0,40}",
            ]
        ) {
            if let Some(kept) = own_path(&wanted) {
                let base = Url::parse("https://members.example.org/login").unwrap();
                let there = base.join(&kept).unwrap();
                prop_assert_eq!(there.origin(), base.origin());
                prop_assert!(http::HeaderValue::from_str(&kept).is_ok());
                prop_assert!(!kept.starts_with("//"));
                prop_assert!(!there.path().starts_with("//"));
            }
        }
    }
}
