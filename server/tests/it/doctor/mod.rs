//! The doctor: one test for each finding, and the doors it stands behind.

mod command;
mod desk;
mod discord;
mod plans;
mod stripe;

use crate::on_both;
use crate::support::World;
use server::doctor::{self, Area, Checked, Patient, Report, Severity};
use server::setup;

/// A look of a process that was just started, so that nothing of an earlier one is remembered.
async fn look(world: &World) -> Report {
    look_with(world, &[]).await
}

async fn look_with(world: &World, own: &[(&str, &str)]) -> Report {
    let state = world.process(own);
    doctor::look(&Patient::from(&state)).await
}

/// Makes what `rollcall setup` makes.
async fn set_up(world: &World) {
    setup::run(&world.state, &mut Vec::new(), |_| Ok(true))
        .await
        .unwrap();
}

/// The one finding that has these words.
#[track_caller]
fn found<'a>(report: &'a Report, what: &str) -> (Area, &'a doctor::Finding) {
    let all: Vec<_> = report
        .lines
        .iter()
        .filter_map(|(area, checked)| match checked {
            Checked::Wrong(finding) if finding.what.contains(what) => Some((*area, finding)),
            _ => None,
        })
        .collect();
    assert_eq!(all.len(), 1, "{what}: {report:#?}");
    all[0]
}

/// That one finding would keep a payer out, with these words in what to do; and nothing else would.
#[track_caller]
fn keeps_out(report: &Report, what: &str, todo: &str) {
    let (_, finding) = found(report, what);
    assert_eq!(finding.severity, Severity::KeepsOut, "{finding:?}");
    assert!(finding.todo.contains(todo), "{todo}: {finding:?}");
    let all = report.findings(Severity::KeepsOut);
    assert_eq!(all.len(), 1, "{all:#?}");
}

/// That there is this advice, and nothing that would keep a payer out.
#[track_caller]
fn advises(report: &Report, what: &str, todo: &str) {
    let (_, finding) = found(report, what);
    assert_eq!(finding.severity, Severity::Advice, "{finding:?}");
    assert!(finding.todo.contains(todo), "{todo}: {finding:?}");
    assert!(!report.keeps_out(), "{report:#?}");
}

#[track_caller]
fn is_right(report: &Report, text: &str) {
    assert!(
        report
            .lines
            .iter()
            .any(|(_, checked)| matches!(checked, Checked::Right(right) if right.contains(text))),
        "{text}: {report:#?}"
    );
}

async fn where_all_is_right_there_is_nothing_to_mend(world: &World) {
    let bot = crate::bot::start(world).await;
    set_up(world).await;
    let report = look(world).await;
    let findings: Vec<_> = [Severity::KeepsOut, Severity::Advice]
        .into_iter()
        .flat_map(|severity| report.findings(severity))
        .collect();
    assert_eq!(findings, Vec::<&doctor::Finding>::new());
    for text in [
        "everything is set; people come to",
        "its schema is this program's",
        "the key is of the account acct_",
        "the webhook endpoint is enabled, for the 31 events",
        "the customer portal is configured",
        "DISCORD_BOT_TOKEN is that of the bot ‘rollcall’",
        "Server Members Intent is on",
        "sign-in leads back to",
        "the bot is in the server ‘The Revenue Council’",
        "the bot has Manage Roles and Create Invite",
        "the slash commands are registered",
        "plans are on offer",
        "and the bot can give them",
        "off; SMTP_URL and MAIL_FROM",
        "nothing waits for an operator",
    ] {
        is_right(&report, text);
    }
    bot.stop(world).await;
}
on_both!(where_all_is_right_there_is_nothing_to_mend);

async fn secrets_are_in_no_line(world: &World) {
    let report = look(world).await;
    let said = format!("{report:?}");
    let variables = world.variables();
    for name in [
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRETS",
        "DISCORD_CLIENT_SECRET",
        "DISCORD_BOT_TOKEN",
        "ENCRYPTION_KEY",
    ] {
        assert!(!said.contains(variables[name].as_str()), "{name}");
    }
}
on_both!(secrets_are_in_no_line);
