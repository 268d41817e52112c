//! The chain Payment → Membership → Discord, each with its state, its words and what to do.

use super::passes::PassRow;
use super::rows::{GrantRow, Rows, SeatRow, SubscriptionRow};
use app::access::{Reason, Status};
use app::billing::{Away, RoleLine, Standing, Station, StationState};
use app::page::dates;

fn station(state: StationState, text: &str, at: Option<i64>, advice: Option<&str>) -> Station {
    Station {
        state,
        word: None,
        text: text.to_owned(),
        at,
        advice: advice.map(str::to_owned),
    }
}

/// Nothing is asked of anybody, and the usual word would alarm.
fn resting(word: &str, text: &str, at: Option<i64>) -> Station {
    Station {
        word: Some(word.to_owned()),
        ..station(StationState::Waiting, text, at, None)
    }
}

/// Until when what is paused rests.
fn rests_until(standing: Standing) -> &'static str {
    if standing == Standing::TrialOver {
        "you go on"
    } else {
        "payments resume"
    }
}

/// Discord has it as ours, until it says otherwise.
fn is_given(grant: &GrantRow) -> bool {
    grant.state.as_deref() == Some("granted")
}

fn rests(rows: &Rows) -> bool {
    let paused = Reason::Paused.as_str();
    rows.entitlements
        .iter()
        .any(|row| row.state == "denied" && row.reason == paused)
}

/// The trial is over and Stripe had nothing to charge. `waits`: going on was asked for since.
pub fn trial_over(subscription: &SubscriptionRow, has_card: bool, waits: bool) -> Station {
    let at = Some(subscription.read_at);
    let (text, advice) = match (waits, has_card) {
        (true, _) => ("The first payment is not through yet.", None),
        (false, true) => (
            "The trial ended, and there was no card to charge.",
            Some("There is one now. Nothing is due before you go on."),
        ),
        (false, false) => (
            "The trial ended, and there was no card to charge.",
            Some("Nothing is due. Go on when you like, with a card."),
        ),
    };
    station(StationState::Attention, text, at, advice)
}

pub fn payment(subscription: Option<&SubscriptionRow>, standing: Standing) -> Station {
    use StationState::{Attention, Ended, Granted, Idle, Waiting};
    if standing == Standing::Activating && subscription.is_none_or(|row| row.status().is_final()) {
        let advice = "It is looked up again by itself. Please do not pay twice.";
        let text = "Stripe has not confirmed your payment to us yet.";
        return station(Waiting, text, None, Some(advice));
    }
    let Some(subscription) = subscription else {
        return station(
            Idle,
            "No payment yet.",
            None,
            Some("Choose a plan to begin."),
        );
    };
    let at = Some(subscription.read_at);
    match subscription.status() {
        Status::Active | Status::Trialing | Status::PastDue
            if subscription.payment == "disputed" =>
        {
            station(
                Attention,
                "The payment is disputed at the bank.",
                at,
                Some(
                    "Nothing is asked of you here: the bank decides. The next payment counts anew.",
                ),
            )
        }
        Status::Active if subscription.invoice_problem.is_some() => station(
            Attention,
            "Your latest invoice could not be drawn up.",
            at,
            Some("You were not charged, and your access stays. The operator has been told."),
        ),
        Status::Active if subscription.collection_paused == 1 => {
            let text = match subscription.resumes_at.and_then(dates::day) {
                // Not broken within the date.
                Some(day) => format!("Payments rest until {}.", day.replace(' ', "\u{a0}")),
                None => "Payments rest.".to_owned(),
            };
            resting("Paused", &text, at)
        }
        Status::Active => station(Granted, "Paid through Stripe.", at, None),
        Status::Trialing => Station {
            word: Some("Nothing due".to_owned()),
            ..station(Granted, "The trial is free.", at, None)
        },
        Status::PastDue => station(
            Attention,
            "The last payment did not go through.",
            at,
            Some("Update the card at Stripe, and the payment is tried again."),
        ),
        Status::Unpaid => station(
            Ended,
            "Invoices stayed unpaid.",
            at,
            Some("Pay the open invoice at Stripe, or choose a plan again."),
        ),
        Status::Incomplete => station(
            Waiting,
            "The first payment is not confirmed yet.",
            at,
            Some(
                "If your bank asked you to confirm it, do so. A bank debit takes some days; there is nothing to do.",
            ),
        ),
        Status::Paused => station(
            Attention,
            "The subscription is paused at Stripe.",
            at,
            Some("The people who run this community paused it, and can let it go on."),
        ),
        Status::Canceled => station(
            Ended,
            "The subscription has ended.",
            at,
            Some("Choose a plan to come back."),
        ),
        Status::IncompleteExpired => station(
            Idle,
            "The first payment never went through. You were not charged.",
            at,
            Some("Choose a plan to try again."),
        ),
        Status::Unknown(_) => station(
            Waiting,
            "Stripe says something we do not know yet.",
            at,
            Some("Your access stays as it is while the operator looks at it."),
        ),
    }
}

pub fn paid_once(pass: &PassRow) -> Station {
    let text = "Paid once, through Stripe.";
    station(StationState::Granted, text, Some(pass.read_at), None)
}

/// What a company pays, for whoever pays nothing themselves and has a seat of it.
pub fn by_company(rows: &Rows, standing: Standing) -> Option<Station> {
    use StationState::{Attention, Ended, Granted, Waiting};
    if !matches!(standing, Standing::None | Standing::Ended) {
        return None;
    }
    let rank = |row: &SeatRow| match (row.state.as_str(), rows.given_by(row)) {
        ("claimed", Some("granted")) => 0,
        ("claimed", Some("grace")) => 1,
        ("claimed", Some("hold")) => 2,
        ("suspended", _) => 3,
        _ => 4,
    };
    let held = |row: &&SeatRow| matches!(row.state.as_str(), "claimed" | "suspended");
    let seat = rows
        .seats
        .iter()
        .filter(held)
        .min_by_key(|seat| rank(seat))?;
    let company = &seat.company;
    let own = Some("Ask who looks after it, or choose a plan of your own.");
    let (state, text, advice) = match rank(seat) {
        0 => (Granted, format!("{company} pays for your seat."), None),
        1 => (
            Attention,
            format!("A payment of {company} for its seats is missing."),
            Some("Its admins have been told. Nothing is asked of you."),
        ),
        2 => (
            Waiting,
            format!("What {company} pays is being checked."),
            None,
        ),
        3 => (
            Attention,
            format!("{company} pays for fewer seats than are held."),
            own,
        ),
        _ => (
            Ended,
            format!("{company} does not pay for its seats now."),
            own,
        ),
    };
    Some(station(state, &text, Some(seat.changed_at), advice))
}

pub fn pass_over() -> Station {
    let text = "It was paid once, and is used up.";
    let advice = "Choose a plan to come back.";
    station(StationState::Ended, text, None, Some(advice))
}

pub fn access(rows: &Rows, standing: Standing) -> Station {
    let best = rows
        .entitlements
        .iter()
        .min_by_key(|row| match row.state.as_str() {
            "granted" => 0,
            "grace" => 1,
            "hold" => 2,
            _ => 3,
        });
    let Some(row) = best else {
        return station(StationState::Idle, "No membership yet.", None, None);
    };
    let text = Reason::from_word(&row.reason).map_or("", Reason::sentence);
    let (state, advice) = match row.state.as_str() {
        "granted" => (StationState::Granted, None),
        "grace" if rows.is_of_a_seat(row) => (
            StationState::Attention,
            Some(row.until_at.and_then(dates::day).map_or_else(
                || "It goes on once the company has paid.".to_owned(),
                |day| format!("It goes on if the company pays by {day}."),
            )),
        ),
        "grace" => (
            StationState::Attention,
            Some(row.until_at.and_then(dates::day).map_or_else(
                || "Settle the open payment to keep your access.".to_owned(),
                |day| format!("Settle the open payment by {day} to keep your access."),
            )),
        ),
        "hold" => (StationState::Waiting, None),
        _ if row.reason == Reason::Paused.as_str() => {
            let text = format!("It rests until {}.", rests_until(standing));
            return resting("Resting", &text, Some(row.changed_at));
        }
        // It never was.
        _ if row.reason == Reason::NotPaid.as_str()
            || row.reason == Reason::FirstPaymentMissing.as_str() =>
        {
            (StationState::Idle, None)
        }
        _ => (StationState::Ended, None),
    };
    station(state, text, Some(row.changed_at), advice.as_deref())
}

fn line(grant: &GrantRow) -> RoleLine {
    use StationState::{Attention, Ended, Granted, Waiting};
    let name = grant
        .role_name
        .clone()
        .unwrap_or_else(|| format!("role {}", grant.role_id));
    let absent = grant.code == Some(10_007);
    let (state, text) = match grant.state.as_deref() {
        Some("granted") => (Granted, "Discord confirmed it.".to_owned()),
        Some("present") => (Granted, "You have it; it was there before.".to_owned()),
        Some("wanted") if absent => (Attention, "Waits for you to join the server.".to_owned()),
        Some("revoking") if grant.code.is_some() => (
            Attention,
            "Discord refused to take it away; the operator has been told.".to_owned(),
        ),
        Some("revoking") => (Waiting, "Being taken away.".to_owned()),
        Some("held") if grant.held_act.as_deref() == Some("give") => (
            Waiting,
            "Not set yet: the operator has to start that first.".to_owned(),
        ),
        Some("held") => (Waiting, "You keep it for now.".to_owned()),
        Some("gone") => (Ended, "Discord confirmed that it is gone.".to_owned()),
        Some("refused") => (
            Attention,
            "Discord refused it; the operator has been told, and it comes by itself once that is mended.".to_owned(),
        ),
        _ => (Waiting, "Asked for; Discord has not answered yet.".to_owned()),
    };
    RoleLine {
        name,
        state,
        text,
        at: grant.answered_at,
    }
}

pub fn roles(rows: &Rows) -> Vec<RoleLine> {
    rows.grants.iter().map(line).collect()
}

fn has_access(rows: &Rows) -> bool {
    rows.entitlements
        .iter()
        .any(|row| matches!(row.state.as_str(), "granted" | "grace"))
}

/// Access, not in the server, and nothing left to add the person with.
pub fn must_join(rows: &Rows) -> bool {
    has_access(rows)
        && rows.user.in_guild == Some(0)
        && rows.user.has_token == 0
        && away(rows) != Away::Banned
}

pub fn away(rows: &Rows) -> Away {
    match rows.user.in_guild {
        Some(1) => Away::Not,
        _ if rows.user.banned == 1 && has_access(rows) => Away::Banned,
        _ if rows.user.left_at.is_some() => Away::Left,
        _ => Away::Not,
    }
}

pub fn discord(rows: &Rows, roles: &[RoleLine], standing: Standing) -> Station {
    use StationState::{Attention, Ended, Granted, Idle, Waiting};
    let at = roles.iter().filter_map(|role| role.at).max();
    let wanted = rows.grants.iter().zip(roles).filter(|(grant, _)| {
        let held_on_to = grant.held_act.as_deref() == Some("take");
        !held_on_to && !matches!(grant.state.as_deref(), Some("gone" | "revoking"))
    });
    let worst = wanted
        .map(|(_, role)| role.state)
        .max_by_key(|state| match state {
            Attention => 3,
            Waiting => 2,
            Granted => 1,
            Ended | Idle => 0,
        });
    if !has_access(rows) {
        return match roles.first() {
            None => station(Idle, "No roles yet.", None, None),
            Some(_)
                if roles
                    .iter()
                    .any(|role| matches!(role.state, Waiting | Attention))
                    || rows.grants.iter().any(is_given) =>
            {
                station(Waiting, "Roles are being taken back.", at, None)
            }
            Some(_) if rests(rows) => {
                let text = format!("Your roles rest until {}.", rests_until(standing));
                resting("Resting", &text, at)
            }
            Some(_) => station(Ended, "No roles from us any more.", at, None),
        };
    }
    if away(rows) == Away::Banned {
        return station(
            Attention,
            "You are banned from the server.",
            at,
            Some("Only the people who run the server can lift the ban."),
        );
    }
    if must_join(rows) {
        return station(
            Attention,
            "You are not in the server.",
            at,
            Some("Join the server, and your roles come by themselves."),
        );
    }
    match worst {
        Some(Granted) => station(Granted, "Your roles are in place.", at, None),
        Some(Attention) => station(
            Attention,
            "A role could not be set.",
            at,
            Some("You need to do nothing: it is set as soon as the operator has mended it."),
        ),
        Some(Waiting) => station(Waiting, "Roles are being set.", at, None),
        Some(Ended | Idle) | None => station(Idle, "This plan gives no roles.", at, None),
    }
}
