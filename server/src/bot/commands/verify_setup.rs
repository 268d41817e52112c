//! `/verify-setup`: what would keep a payer out, looked at afresh.

use crate::db::DbError;
use crate::doctor::{self, Finding, Patient, Report, Severity};
use crate::state::AppState;

pub async fn say(state: &AppState) -> Result<String, DbError> {
    let report = doctor::look(&Patient::from(state)).await;
    Ok(text(&report, &state.config.own_url("/admin")))
}

/// What keeps somebody out comes first: Discord takes no more than 2,000 characters.
fn text(report: &Report, desk: &str) -> String {
    let wrong = report.findings(Severity::KeepsOut);
    let advice = report.findings(Severity::Advice);
    let mut lines = vec![match wrong.len() {
        0 => format!(
            "**Nothing would keep a payer out.** Looked at: {} things.",
            report.lines.len()
        ),
        1 => "**One thing would keep a payer out:**".to_owned(),
        many => format!("**{many} things would keep a payer out:**"),
    }];
    lines.extend(wrong.into_iter().map(bullet));
    if !advice.is_empty() {
        lines.push("**To consider:**".to_owned());
        lines.extend(advice.into_iter().map(bullet));
    }
    lines.push(format!("The desk: <{desk}>"));
    lines.join("\n")
}

fn bullet(finding: &Finding) -> String {
    format!("- {} **→** {}", finding.what, finding.todo)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Area, Checked};

    #[test]
    fn what_keeps_out_comes_first() {
        let line = |checked: Checked| (Area::Discord, checked);
        let report = Report {
            lines: vec![
                line(Checked::Right("well".to_owned())),
                line(Finding::advice("A.", "Do a.").into()),
                line(Finding::keeps_out("B.", "Do b.").into()),
            ],
        };
        assert_eq!(
            text(&report, "https://x/admin"),
            "**One thing would keep a payer out:**\n- B. **→** Do b.\n**To consider:**\n\
             - A. **→** Do a.\nThe desk: <https://x/admin>"
        );
    }
}
