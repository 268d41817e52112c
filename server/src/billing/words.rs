//! The answer to *why*, link by link: subscription → entitlement → role → what Discord said.

use super::rows::Rows;
use app::access::Reason;
use app::billing::{RoleLine, WhyStep};

pub fn why(rows: &Rows, roles: &[RoleLine]) -> Vec<WhyStep> {
    let mut steps: Vec<WhyStep> = rows
        .subscriptions
        .iter()
        .map(|row| WhyStep {
            kind: "subscription".to_owned(),
            text: format!(
                "Stripe’s subscription {} to {} is “{}”.",
                row.id,
                row.plan_name.as_deref().unwrap_or("another product"),
                row.status.replace('_', " ")
            ),
            at: Some(row.read_at),
        })
        .collect();
    steps.extend(rows.passes.iter().map(|row| {
        let day = |at: i64| app::page::dates::day(at).unwrap_or_default();
        let span = match row.ends_at {
            None => "for life".to_owned(),
            Some(end) => format!("from {} to {}", day(row.starts_at), day(end)),
        };
        WhyStep {
            kind: "pass".to_owned(),
            text: match row.state.as_str() {
                "paid" => format!("Your {} is paid, {span}.", row.name()),
                "waiting" => format!("Your {} waits for the bank to pay it.", row.name()),
                _ => format!("The payment of your {} failed.", row.name()),
            },
            at: Some(row.read_at),
        }
    }));
    steps.extend(rows.seats.iter().map(|row| {
        let plan = row.plan_name.as_deref().unwrap_or("a membership");
        let company = &row.company;
        let paid = match row.paid.unwrap_or(0) {
            0 => format!("{company} does not pay for seats of {plan} now"),
            1 => format!("{company} pays for 1 seat of {plan}"),
            paid => format!("{company} pays for {paid} seats of {plan}"),
        };
        let yours = match row.state.as_str() {
            "claimed" => "one of them is yours",
            "suspended" => "yours waits until one is free",
            _ => "the one you had is not yours any more",
        };
        WhyStep {
            kind: "seat".to_owned(),
            text: match (row.state.as_str(), row.paid.unwrap_or(0)) {
                ("claimed", 0) => format!("{paid}; you hold one."),
                _ => format!("{paid}; {yours}."),
            },
            at: Some(row.changed_at),
        }
    }));
    steps.extend(rows.entitlements.iter().map(|row| {
        let plan = row.plan_name.as_deref().unwrap_or(&row.plan_id);
        let verdict = match row.state.as_str() {
            "granted" => "gives you",
            "grace" => "still gives you",
            "hold" => "leaves as it is",
            _ => "does not give you",
        };
        WhyStep {
            kind: "entitlement".to_owned(),
            text: format!(
                "That {verdict} the plan {plan}. {}",
                Reason::from_word(&row.reason).map_or("", Reason::sentence)
            ),
            at: Some(row.changed_at),
        }
    }));
    steps.extend(rows.grants.iter().zip(roles).map(|(grant, role)| WhyStep {
        kind: "role".to_owned(),
        text: match &grant.detail {
            Some(detail) if grant.code != Some(10_007) => {
                format!("Role {}: {} ({detail})", role.name, role.text)
            }
            _ => format!("Role {}: {}", role.name, role.text),
        },
        at: role.at,
    }));
    steps
}
