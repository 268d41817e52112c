//! Enough of RFC 5322, 2045–2047 to show a message: headers, encoded words, parts, transfer
//! encodings. What it cannot read it shows as it stands.

use base64::{Engine, engine::general_purpose::STANDARD};

/// How deep parts may lie in parts.
const DEPTH: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub headers: Vec<(String, String)>,
    pub text: String,
    pub html: String,
}

impl Parsed {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

pub(super) fn message(raw: &[u8]) -> Parsed {
    let (headers, body) = split(raw);
    let mut parsed = Parsed::default();
    part(&headers, body, &mut parsed, DEPTH);
    parsed.headers = headers
        .into_iter()
        .map(|(name, value)| (name, words(&value)))
        .collect();
    parsed
}

/// Headers, unfolded, and what follows the empty line.
fn split(raw: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut rest = raw;
    while !rest.is_empty() {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = headers.last_mut() {
                value.push(' ');
                value.push_str(line.trim_start());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    (headers, rest)
}

fn part(headers: &[(String, String)], body: &[u8], into: &mut Parsed, depth: usize) {
    let kind = find(headers, "content-type").unwrap_or("text/plain");
    let essence = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if essence.starts_with("multipart/") {
        if let (Some(boundary), Some(depth)) = (parameter(kind, "boundary"), depth.checked_sub(1)) {
            for inner in parts(body, &boundary) {
                let (headers, body) = split(inner);
                part(&headers, body, into, depth);
            }
        }
        return;
    }
    let attached = find(headers, "content-disposition")
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("attachment"));
    let slot = match essence.as_str() {
        _ if attached => return,
        "text/plain" => &mut into.text,
        "text/html" => &mut into.html,
        _ => return,
    };
    if slot.is_empty() {
        let encoding = find(headers, "content-transfer-encoding").unwrap_or("7bit");
        let bytes = decode(body, encoding);
        *slot = charset(
            &bytes,
            parameter(kind, "charset").as_deref().unwrap_or("utf-8"),
        )
        .replace("\r\n", "\n");
    }
}

/// A parameter of a header such as `text/plain; charset="utf-8"`.
fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|field| {
        let (key, value) = field.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let open = format!("--{boundary}");
    let close = format!("--{boundary}--");
    let mut found = Vec::new();
    let mut start = None;
    let mut at = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let read = String::from_utf8_lossy(line);
        let read = read.trim_end();
        if read == open || read == close {
            if let Some(from) = start {
                found.push(without_line_end(body.get(from..at).unwrap_or_default()));
            }
            start = (read == open).then_some(at + line.len());
            if read == close {
                return found;
            }
        }
        at += line.len();
    }
    // A message cut short still shows what came.
    if let Some(from) = start {
        found.push(body.get(from..).unwrap_or_default());
    }
    found
}

/// The line end before a boundary belongs to the boundary (RFC 2046, 5.1.1).
fn without_line_end(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

fn decode(body: &[u8], encoding: &str) -> Vec<u8> {
    match encoding.trim().to_ascii_lowercase().as_str() {
        "base64" => {
            let packed: Vec<u8> = body
                .iter()
                .copied()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect();
            STANDARD.decode(&packed).unwrap_or_else(|_| body.to_vec())
        }
        "quoted-printable" => quoted_printable(body),
        _ => body.to_vec(),
    }
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'=' {
            out.push(*byte);
        } else if let Some(after) = after
            .strip_prefix(b"\r\n")
            .or_else(|| after.strip_prefix(b"\n"))
        {
            rest = after;
        } else if let Some(byte) = after.get(..2).and_then(hex) {
            out.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            out.push(b'=');
        }
    }
    out
}

fn hex(pair: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}

fn charset(bytes: &[u8], name: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        "iso-8859-1" | "latin1" | "windows-1252" => {
            bytes.iter().map(|byte| char::from(*byte)).collect()
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Decodes `=?charset?B|Q?…?=`; white space between two encoded words is none (RFC 2047, 6.2).
fn words(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (plain, tail) = rest.split_at(start);
        let Some((word, len)) = encoded_word(tail) else {
            out.push_str(plain);
            out.push_str("=?");
            rest = tail.get(2..).unwrap_or_default();
            after_word = false;
            continue;
        };
        if !(after_word && plain.trim().is_empty()) {
            out.push_str(plain);
        }
        out.push_str(&word);
        rest = tail.get(len..).unwrap_or_default();
        after_word = true;
    }
    out.push_str(rest);
    out
}

/// The word's text and its length, when `tail` begins with one.
fn encoded_word(tail: &str) -> Option<(String, usize)> {
    let mut fields = tail.get(2..)?.splitn(3, '?');
    let (set, kind, rest) = (fields.next()?, fields.next()?, fields.next()?);
    let (data, _) = rest.split_once("?=")?;
    let bytes = match kind {
        "B" | "b" => STANDARD.decode(data).ok()?,
        "Q" | "q" => quoted_printable(data.replace('_', " ").as_bytes()),
        _ => return None,
    };
    let len = 2 + set.len() + 1 + kind.len() + 1 + data.len() + 2;
    Some((charset(&bytes, set), len))
}

#[cfg(test)]
mod tests {
    use super::{message, words};

    #[test]
    fn alternatives_in_their_encodings_are_read() {
        let raw = b"From: =?utf-8?Q?The_Revenue_Council?= <desk@example.test>\r\n\
            Subject: =?UTF-8?B?RMO8cmVy?=\r\n =?UTF-8?Q?_and_more?=\r\n\
            Content-Type: multipart/alternative;\r\n boundary=\"b1\"\r\n\r\n\
            --b1\r\nContent-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\n\
            29=E2=82=AC a mo=\r\nnth\r\n\
            --b1\r\nContent-Type: text/html; charset=utf-8\r\n\
            Content-Transfer-Encoding: base64\r\n\r\n\
            PHA+MjnigqwgYSBt\r\nb250aDwvcD4=\r\n--b1--\r\n";
        let parsed = message(raw);
        assert_eq!(
            parsed.header("from"),
            Some("The Revenue Council <desk@example.test>")
        );
        assert_eq!(parsed.header("subject"), Some("Dürer and more"));
        assert_eq!(parsed.text, "29€ a month");
        assert_eq!(parsed.html, "<p>29€ a month</p>");
    }

    #[test]
    fn what_cannot_be_read_stands_as_it_is() {
        assert_eq!(words("a =?b c"), "a =?b c");
        assert_eq!(words("=?utf-8?X?q?="), "=?utf-8?X?q?=");
        let parsed = message(b"Subject: s\n\nplain =41\n");
        assert_eq!(parsed.text, "plain =41\n");
    }

    #[test]
    fn attachments_are_not_taken_for_the_text() {
        let parsed = message(
            b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Disposition: attachment\n\
              Content-Type: text/plain\n\nno\n--x\n\nyes\n--x--\n",
        );
        assert_eq!(parsed.text, "yes");
    }
}
