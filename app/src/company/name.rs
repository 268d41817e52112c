//! A company's name, as people type it: read on both sides alike.

use super::LONGEST_NAME;

/// The name without what cannot be seen; `None` where nothing is left of it, or it is too long.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let name = words.join(" ");
    let length = name.chars().count();
    let fits = (1..=LONGEST_NAME).contains(&length) && name.chars().any(char::is_alphanumeric);
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_NAME, name};

    #[test]
    fn a_name_is_what_can_be_seen_of_it() {
        for (typed, kept) in [
            (
                "  Analytical   Engines\t& Co. ",
                Some("Analytical Engines & Co."),
            ),
            ("Ada\r\nBcc: x", Some("Ada Bcc: x")),
            ("東京", Some("東京")),
            ("", None),
            (" \u{0} ", None),
            ("—", None),
        ] {
            assert_eq!(name(typed).as_deref(), kept, "{typed:?}");
        }
        assert!(name(&"x".repeat(LONGEST_NAME)).is_some());
        assert!(name(&"x".repeat(LONGEST_NAME + 1)).is_none());
    }
}
