//! A pasted list of people to invite, or a CSV of them: read line by line, on both sides alike.

use super::MOST_AT_ONCE;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The longest address (RFC 5321, section 4.5.3.1.3, without its brackets).
const LONGEST: usize = 254;

/// What is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineTrouble {
    /// There is no address in it, or more than one.
    NotAnAddress,
    /// The same as in an earlier line.
    Twice { line: usize },
    /// Beyond [`MOST_AT_ONCE`].
    TooMany,
    /// Somebody with that address is invited already.
    Invited,
    /// Somebody with that address has a seat already.
    HasSeat,
    /// More than there are free seats; `free` are.
    NoSeat { free: i64 },
}

/// A line that cannot be invited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineProblem {
    /// From 1.
    pub line: usize,
    /// As it was written.
    pub text: String,
    pub trouble: LineTrouble,
}

impl LineProblem {
    /// "Line 3, “ada”: there is no e-mail address in it."
    #[must_use]
    pub fn sentence(&self) -> String {
        let what = match &self.trouble {
            LineTrouble::NotAnAddress => "this is not one e-mail address.".to_owned(),
            LineTrouble::Twice { line } => format!("the same address stands in line {line}."),
            LineTrouble::TooMany => format!("no more than {MOST_AT_ONCE} at once."),
            LineTrouble::Invited => "is invited already.".to_owned(),
            LineTrouble::HasSeat => "has a seat already.".to_owned(),
            LineTrouble::NoSeat { free: 0 } => "no seat is free.".to_owned(),
            LineTrouble::NoSeat { free: 1 } => "only 1 seat is free.".to_owned(),
            LineTrouble::NoSeat { free } => format!("only {free} seats are free."),
        };
        format!("Line {}, “{}”: {what}", self.line, self.text)
    }
}

/// Somebody to invite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// From 1.
    pub line: usize,
    /// Lower case.
    pub email: String,
}

/// Reads a list: an address a line, alone, as `Ada <ada@example.org>`, or in a cell of a CSV
/// (comma, semicolon or tab). A first line without an address that speaks of mail is a heading.
/// What is wrong is told line by line, and then nothing of it is taken.
pub fn read(list: &str) -> Result<Vec<Line>, Vec<LineProblem>> {
    let mut lines = Vec::new();
    let mut problems = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut first = true;
    for (at, text) in list.lines().enumerate() {
        let line = at + 1;
        let text = text.trim().trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            continue;
        }
        if std::mem::take(&mut first) && is_heading(text) {
            continue;
        }
        let problem = |trouble| LineProblem {
            line,
            text: shortened(text),
            trouble,
        };
        match address_in(text) {
            None => problems.push(problem(LineTrouble::NotAnAddress)),
            Some(email) => match seen.get(&email) {
                Some(earlier) => problems.push(problem(LineTrouble::Twice { line: *earlier })),
                None if seen.len() >= MOST_AT_ONCE => problems.push(problem(LineTrouble::TooMany)),
                None => {
                    seen.insert(email.clone(), line);
                    lines.push(Line { line, email });
                }
            },
        }
    }
    if problems.is_empty() {
        Ok(lines)
    } else {
        Err(problems)
    }
}

fn is_heading(text: &str) -> bool {
    !text.contains('@') && text.to_lowercase().contains("mail")
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 60 {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(59).collect();
    short.push('…');
    short
}

/// The one address of a line, lower case.
fn address_in(text: &str) -> Option<String> {
    let mut found = text
        .split([',', ';', '\t'])
        .map(|cell| cell.trim().trim_matches(['"', '\'']).trim())
        .filter(|cell| cell.contains('@'));
    let cell = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let inner = match (cell.rfind('<'), cell.ends_with('>')) {
        (Some(open), true) => cell.get(open + 1..cell.len() - 1)?,
        (None, false) => cell,
        _ => return None,
    };
    address(inner)
}

/// An e-mail address as people write it, lower case; `None` for anything else.
#[must_use]
pub fn address(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, host) = text.rsplit_once('@')?;
    let bad = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"@".contains(c);
    let fits = !local.is_empty()
        && local.len() <= 64
        && text.len() <= LONGEST
        && !local.contains(bad)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    (fits && domain(host).as_deref() == Some(host)).then_some(text)
}

/// A domain as people write it (with or without `@`), lower case; `None` for anything else.
#[must_use]
pub fn domain(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('@').to_lowercase();
    let fits = text.contains('.')
        && text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
    fits.then_some(text)
}

/// Whether an address is at a domain; both lower case. A domain within it is another one.
#[must_use]
pub fn is_at(address: &str, domain: &str) -> bool {
    address
        .rsplit_once('@')
        .is_some_and(|(_, host)| host == domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn emails(list: &str) -> Vec<String> {
        let lines = read(list).unwrap();
        lines.into_iter().map(|line| line.email).collect()
    }

    #[test]
    fn lists_are_read_as_people_have_them() {
        for list in [
            "ada@example.org\nlinus@example.org",
            "\u{feff}Name;E-Mail\r\nAda;ADA@example.org\r\nLinus;linus@example.org\r\n",
            "  ada@example.org  \n\n\nLinus T <Linus@Example.org>\n",
            "email\nada@example.org\nlinus@example.org",
            "\"Lovelace, Ada\",\"ada@example.org\"\nlinus@example.org,Linus",
        ] {
            assert_eq!(
                emails(list),
                ["ada@example.org", "linus@example.org"],
                "{list}"
            );
        }
        assert!(emails("").is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line() {
        let problems =
            read("ada@example.org\nada\nADA@example.org\na@b.org, c@d.org\n<x@y.org").unwrap_err();
        let told: Vec<(usize, &LineTrouble)> = problems
            .iter()
            .map(|one| (one.line, &one.trouble))
            .collect();
        assert_eq!(
            told,
            [
                (2, &LineTrouble::NotAnAddress),
                (3, &LineTrouble::Twice { line: 1 }),
                (4, &LineTrouble::NotAnAddress),
                (5, &LineTrouble::NotAnAddress),
            ]
        );
        assert_eq!(
            problems[0].sentence(),
            "Line 2, “ada”: this is not one e-mail address."
        );
    }

    #[test]
    fn a_thousand_at_once_and_no_more() {
        let list = |n: usize| {
            let lines: Vec<String> = (0..n).map(|i| format!("p{i}@example.org")).collect();
            lines.join("\n")
        };
        assert_eq!(read(&list(MOST_AT_ONCE)).unwrap().len(), MOST_AT_ONCE);
        let problems = read(&list(MOST_AT_ONCE + 2)).unwrap_err();
        assert_eq!(problems.len(), 2);
        assert_eq!(problems[0].trouble, LineTrouble::TooMany);
    }

    #[test]
    fn a_domain_is_not_the_one_it_ends_with() {
        assert!(is_at("ada@example.org", "example.org"));
        assert!(!is_at("ada@evil-example.org", "example.org"));
        assert!(!is_at("ada@sub.example.org", "example.org"));
        assert!(!is_at("ada@example.org.evil.com", "example.org"));
        assert_eq!(domain(" @Example.ORG "), Some("example.org".to_owned()));
        for bad in ["", "org", "a..org", "-a.org", "a b.org", "@@a.org/x"] {
            assert_eq!(domain(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_address_holds_nothing_a_header_could_be_broken_by(text in "\\PC{0,40}@\\PC{0,20}") {
            if let Some(found) = address(&text) {
                prop_assert!(found.matches('@').count() == 1);
                prop_assert!(!found.contains(['\r', '\n', ' ', '<', '>', ',', ';', '"']));
            }
        }
    }
}
