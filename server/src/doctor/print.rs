//! The report on a terminal, or in a file: a line each, and the counts.

use super::{Checked, Report, Severity};
use std::io::{self, Write};

/// Where the text begins: after the state and the area.
const TEXT_AT: usize = 8 + 15;

/// Writes the report. `width`: lines are folded to that many characters, for a person's eyes;
/// otherwise each is one line.
pub fn print(report: &Report, out: &mut impl Write, width: Option<usize>) -> io::Result<()> {
    for (area, checked) in &report.lines {
        let (state, text) = match checked {
            Checked::Right(text) => ("right", text.clone()),
            Checked::Wrong(finding) => (
                match finding.severity {
                    Severity::KeepsOut => "wrong",
                    Severity::Advice => "advice",
                },
                finding.text(),
            ),
        };
        let mut head = format!("{state:<8}{:<15}", area.name());
        let room = width.map(|width| width.saturating_sub(TEXT_AT));
        for line in folded(&text, room) {
            writeln!(out, "{head}{line}")?;
            head = " ".repeat(TEXT_AT);
        }
    }
    writeln!(out, "{}", counts(report))
}

fn counts(report: &Report) -> String {
    let wrong = report.findings(Severity::KeepsOut).len();
    let advice = report.findings(Severity::Advice).len();
    let right = report.lines.len() - wrong - advice;
    let said = format!("{right} right, {advice} to consider, {wrong} wrong");
    if wrong > 0 {
        format!("{said}: somebody who pays would be kept out.")
    } else {
        format!("{said}: nothing would keep a payer out.")
    }
}

/// At spaces; a word that is longer than the room stands by itself.
fn folded(text: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room else {
        return vec![text.replace('\n', " ")];
    };
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::{Area, Finding};
    use super::*;

    fn report() -> Report {
        Report {
            lines: vec![
                (Area::Configuration, Checked::right("everything is set")),
                (
                    Area::Plans,
                    Finding::keeps_out("Nobody gets ‘Gold’.", "Drag ‘Rollcall’ above ‘Gold’.")
                        .into(),
                ),
                (
                    Area::Mail,
                    Finding::advice("It is down.", "Look at it.").into(),
                ),
            ],
        }
    }

    fn printed(report: &Report, width: Option<usize>) -> String {
        let mut out = Vec::new();
        print(report, &mut out, width).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_each_and_the_counts() {
        assert_eq!(
            printed(&report(), None),
            "right   configuration  everything is set\n\
             wrong   plans          Nobody gets ‘Gold’. Drag ‘Rollcall’ above ‘Gold’.\n\
             advice  mail           It is down. Look at it.\n\
             1 right, 1 to consider, 1 wrong: somebody who pays would be kept out.\n"
        );
        let mut fine = report();
        fine.lines.remove(1);
        assert!(
            printed(&fine, None)
                .ends_with("1 right, 1 to consider, 0 wrong: nothing would keep a payer out.\n")
        );
    }

    #[test]
    fn lines_are_folded_under_their_text() {
        assert!(printed(&report(), Some(50)).contains(
            "wrong   plans          Nobody gets ‘Gold’. Drag\n                       ‘Rollcall’ above ‘Gold’.\n"
        ));
        let long = "https://discord.com/oauth2/authorize?client_id=1100000000000000001";
        assert_eq!(
            folded(&format!("Open {long} now"), Some(20)),
            ["Open", long, "now"]
        );
    }
}
