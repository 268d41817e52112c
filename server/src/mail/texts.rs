//! What each mail says: a pure function of what it is about. One purpose each, readable as plain
//! text, no pictures; the last line says why it came.

#[path = "texts/seats.rs"]
mod seats;

use super::letter::Letter;
use app::access::Reason;
use app::money::Money;
use app::page::dates;
use serde::{Deserialize, Serialize};

pub use seats::{Invitation, Seats};

/// A plan's price as Stripe has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    pub minor: i64,
    pub currency: String,
    /// `month` or `year`; none for a pass.
    pub period: Option<String>,
}

/// Why access ends on a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndsBy {
    Cancelled,
    PaymentMissing,
    PassOver,
}

/// What a mail is about. `source_id` is the subscription or pass. Times are UTC epoch ms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum About {
    Welcome(Welcome),
    PaymentFailed {
        source_id: String,
        plan: String,
        price: Option<Price>,
        until: i64,
    },
    Ending {
        source_id: String,
        plan: String,
        until: i64,
        by: EndsBy,
    },
    Ended {
        plan_id: String,
        plan: String,
        reason: Reason,
    },
    TrialEnding {
        source_id: String,
        plan: String,
        price: Option<Price>,
        at: i64,
    },
    CardExpiring(Card),
    /// For an operator: an incident.
    Desk(Desk),
    Moved(Moved),
    /// The account is to be deleted.
    Leaving {
        begins_at: i64,
    },
    /// Seats of a company.
    Seats(Seats),
}

/// A membership that went from one account at Discord to another, by their names there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub from: String,
    pub to: String,
    /// It is told to the one who has it now.
    pub here: bool,
    pub by_operator: bool,
}

/// Somebody's first access by a subscription or pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    pub source_id: String,
    pub plan: String,
    pub price: Option<Price>,
    pub renews_at: Option<i64>,
    pub trial_ends_at: Option<i64>,
    pub ends_at: Option<i64>,
}

/// An incident, in the words of the desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desk {
    /// Its kind.
    pub matter: String,
    pub subject: String,
    pub opened_at: i64,
    pub title: String,
    pub paragraphs: Vec<String>,
}

/// A card that is not good any more when it is charged next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub plan: String,
    pub brand: String,
    pub last4: String,
    /// 1 to 12.
    pub month: u8,
    pub year: u16,
    pub renews_at: i64,
}

impl About {
    /// The word in rows and logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Welcome(_) => "welcome",
            Self::PaymentFailed { .. } => "payment_failed",
            Self::Ending { .. } => "ending",
            Self::Ended { .. } => "ended",
            Self::TrialEnding { .. } => "trial_ending",
            Self::CardExpiring(_) => "card_expiring",
            Self::Desk(_) => "desk",
            Self::Moved(_) => "moved",
            Self::Leaving { .. } => "leaving",
            Self::Seats(about) => about.kind(),
        }
    }

    /// Where it goes, if not to the address of the person it is written for.
    #[must_use]
    pub fn to(&self) -> Option<&str> {
        match self {
            Self::Seats(Seats::Invite(invitation)) => Some(&invitation.to),
            _ => None,
        }
    }

    /// About access that changes or money that is taken: sent to whoever unsubscribed, too.
    #[must_use]
    pub fn essential(&self) -> bool {
        !matches!(self, Self::Welcome(_) | Self::CardExpiring(_))
    }
}

/// Whose house it is, and where its pages are.
pub struct House {
    pub community: String,
    pub plans: String,
    pub billing: String,
    pub account: String,
    /// Leads by sign-in to where the card is changed; no secret in it.
    pub card: String,
    /// Where whoever gets this stops what is not essential.
    pub unsubscribe: String,
    /// The person has a card that can be charged.
    pub has_card: bool,
}

/// The words for what it is about.
#[must_use]
pub fn letter(about: &About, house: &House) -> Letter {
    let mut letter = match about {
        About::Welcome(about) => welcome(about, house),
        About::PaymentFailed {
            plan, price, until, ..
        } => payment_failed(plan, price.as_ref(), *until, house),
        About::Ending {
            plan, until, by, ..
        } => ending(plan, *until, *by, house),
        About::Ended { plan, reason, .. } => ended(plan, *reason, house),
        About::TrialEnding {
            plan, price, at, ..
        } => trial_ending(plan, price.as_ref(), *at, house),
        About::CardExpiring(card) => card_expiring(card, house),
        About::Desk(about) => desk(about, house),
        About::Moved(about) => moved(about, house),
        About::Leaving { begins_at } => leaving(*begins_at, house),
        About::Seats(about) => seats::letter(about, house),
    };
    if !about.essential() {
        letter.unsubscribe = Some(house.unsubscribe.clone());
    }
    letter
}

fn welcome(about: &Welcome, house: &House) -> Letter {
    let community = &house.community;
    let price = about.price.as_ref();
    let then = match (about.trial_ends_at, about.ends_at, about.renews_at) {
        (Some(at), _, _) => format!(
            "Your free trial runs until {}. After it your membership goes on{}, unless you cancel before.",
            day(at),
            charged(price),
        ),
        (None, Some(at), _) => format!("It lasts until {}.", day(at)),
        (None, None, Some(at)) => format!("It renews on {}. You can cancel at any time.", day(at)),
        (None, None, None) => "It does not end, and nothing more is charged.".to_owned(),
    };
    Letter {
        subject: format!("Welcome to {community}"),
        paragraphs: vec![
            format!("You are in: {}{}.", about.plan, priced(price)),
            then,
            "Discord gives you your roles within moments. What you have, and why, always stands \
             on your page."
                .to_owned(),
        ],
        action: ("Your membership", house.billing.clone()),
        because: format!("You get this once, because you joined {community}."),
        unsubscribe: None,
    }
}

fn payment_failed(plan: &str, price: Option<&Price>, until: i64, house: &House) -> Letter {
    Letter {
        subject: format!("Your payment for {plan} did not go through"),
        paragraphs: vec![
            match price {
                Some(price) => {
                    format!(
                        "The payment for {plan}, {}, did not go through.",
                        amount(price)
                    )
                }
                None => format!("The payment for {plan} did not go through."),
            },
            format!(
                "Your access stays until {}. Update your card before then, and you keep it.",
                day(until)
            ),
        ],
        action: ("Update your card", house.card.clone()),
        because: format!(
            "You get this because a payment for your membership of {} is missing.",
            house.community
        ),
        unsubscribe: None,
    }
}

fn ending(plan: &str, until: i64, by: EndsBy, house: &House) -> Letter {
    let date = day(until);
    let community = &house.community;
    let (paragraphs, action, because) = match by {
        EndsBy::Cancelled => (
            vec![
                format!("Your membership {plan} is cancelled. You are not charged again."),
                format!(
                    "You keep your access and your roles in Discord until {date}. If you change \
                     your mind, you can keep your membership until then."
                ),
            ],
            ("Keep my membership", house.billing.clone()),
            format!("You get this because your membership of {community} was cancelled."),
        ),
        EndsBy::PaymentMissing => (
            vec![
                format!("A payment for {plan} is still missing."),
                format!(
                    "If it does not arrive, your access and your roles in Discord end on {date}."
                ),
            ],
            ("Update your card", house.card.clone()),
            format!("You get this because your access to {community} is about to end."),
        ),
        EndsBy::PassOver => (
            vec![
                format!("Your pass for {plan} ends on {date}. Nothing is charged by itself."),
                "If you want to stay, choose a plan before then.".to_owned(),
            ],
            ("See the plans", house.plans.clone()),
            format!("You get this because your access to {community} is about to end."),
        ),
    };
    Letter {
        subject: format!("Your access to {plan} ends on {date}"),
        paragraphs,
        action,
        because,
        unsubscribe: None,
    }
}

fn ended(plan: &str, reason: Reason, house: &House) -> Letter {
    let (next, action) = match reason {
        Reason::GraceOver | Reason::Unpaid | Reason::FirstPaymentMissing => (
            "When the payment arrives, your access comes back by itself.",
            ("Update your card", house.card.clone()),
        ),
        Reason::Paused => (
            "Your access comes back when the membership goes on.",
            ("Your membership", house.billing.clone()),
        ),
        Reason::Disputed => (
            "If the bank decides that the payment stands, your access comes back by itself.",
            ("Your membership", house.billing.clone()),
        ),
        Reason::SeatSuspended => (
            "When a seat is free again, your access comes back by itself. Or take a membership of your own.",
            ("See the plans", house.plans.clone()),
        ),
        Reason::SeatEnded => (
            "You can come back with a membership of your own at any time.",
            ("See the plans", house.plans.clone()),
        ),
        Reason::Withheld => (
            "If you think that is a mistake, write to the people who run the community.",
            ("Your membership", house.billing.clone()),
        ),
        _ => (
            "Nothing more is charged for it. You can come back at any time.",
            ("See the plans", house.plans.clone()),
        ),
    };
    Letter {
        subject: format!("Your access to {plan} has ended"),
        paragraphs: vec![
            format!(
                "Your access to {plan} has ended, and Discord has confirmed that its roles are gone."
            ),
            format!("{} {next}", reason.sentence()),
        ],
        action,
        because: format!(
            "You get this because you had access to {}.",
            house.community
        ),
        unsubscribe: None,
    }
}

fn trial_ending(plan: &str, price: Option<&Price>, at: i64, house: &House) -> Letter {
    let charged = charged(price);
    let (then, action) = if house.has_card {
        (
            format!(
                "After it your membership {plan} goes on{charged}. If you do not want that, cancel before."
            ),
            ("Your membership", house.billing.clone()),
        )
    } else {
        (
            format!(
                "To stay in{charged}, add a card before. Without one your access ends with the trial, and nothing is charged."
            ),
            ("Add a card", house.card.clone()),
        )
    };
    Letter {
        subject: format!("Your free trial ends on {}", day(at)),
        paragraphs: vec![
            format!("Your free trial of {plan} ends on {}.", day(at)),
            then,
        ],
        action,
        because: format!(
            "You get this because you have a free trial at {}.",
            house.community
        ),
        unsubscribe: None,
    }
}

fn card_expiring(card: &Card, house: &House) -> Letter {
    Letter {
        subject: "Your card expires before your next payment".to_owned(),
        paragraphs: vec![
            format!(
                "Your {} card ending in {} is good until the end of {}. Your membership {} renews \
                 on {}.",
                card.brand,
                card.last4,
                month_of(card.month, card.year),
                card.plan,
                day(card.renews_at)
            ),
            "Change the card before then, and nothing else changes.".to_owned(),
        ],
        action: ("Update your card", house.card.clone()),
        because: format!(
            "You get this once for this card, because it pays for your membership of {}.",
            house.community
        ),
        unsubscribe: None,
    }
}

fn desk(about: &Desk, house: &House) -> Letter {
    Letter {
        subject: format!("{}: {}", house.community, about.title),
        paragraphs: about.paragraphs.clone(),
        action: ("At the desk", format!("{}admin/incidents", house.plans)),
        because: format!(
            "You get this once, because you are an operator of {}.",
            house.community
        ),
        unsubscribe: None,
    }
}

fn moved(about: &Moved, house: &House) -> Letter {
    let Moved {
        from,
        to,
        here,
        by_operator,
    } = about;
    let community = &house.community;
    let by = if *by_operator {
        format!("the people who run {community}")
    } else {
        "whoever was signed in with both accounts".to_owned()
    };
    let happened = format!(
        "Your membership of {community} was moved from the Discord account {from} to {to}, by {by}."
    );
    let (then, action) = if *here {
        (
            "Its roles in Discord come along within moments. Payments go on as they were, and nothing was charged."
                .to_owned(),
            ("Your membership", house.billing.clone()),
        )
    } else {
        (
            format!(
                "Its roles in Discord go with it. Payments go on as they were, and nothing was charged. If this was not \
                 you, tell the people who run {community} at once: they can move it back."
            ),
            ("Your account", house.account.clone()),
        )
    };
    Letter {
        subject: format!("Your membership was moved to {to}"),
        paragraphs: vec![happened, then],
        action,
        because: format!("You get this because you had or have a membership of {community}."),
        unsubscribe: None,
    }
}

fn leaving(begins_at: i64, house: &House) -> Letter {
    let community = &house.community;
    let at = dates::moment(begins_at).unwrap_or_else(|| "soon".to_owned());
    Letter {
        subject: format!("Your account at {community} will be deleted"),
        paragraphs: vec![
            format!(
                "You asked for your account at {community} to be deleted. It begins on {at}: your subscriptions end, your \
                 roles are taken, and what is known of you is erased."
            ),
            "Until then you can take it back. If this was not you, take it back now, and sign out everywhere in Discord."
                .to_owned(),
        ],
        action: ("Keep my account", house.account.clone()),
        because: format!("You get this because your account at {community} is to be deleted."),
        unsubscribe: None,
    }
}

fn day(ms: i64) -> String {
    dates::day(ms).unwrap_or_else(|| "the last day".to_owned())
}

fn month_of(month: u8, year: u16) -> String {
    let name =
        time::Month::try_from(month).map_or_else(|_| String::new(), |month| month.to_string());
    format!("{name} {year}").trim().to_owned()
}

/// "29 € a month"
fn amount(price: &Price) -> String {
    let money = Money::new(price.minor, &price.currency).display();
    match &price.period {
        Some(period) => format!("{money} a {period}"),
        None => money,
    }
}

/// ", 29 € a month"
fn priced(price: Option<&Price>) -> String {
    price
        .map(|price| format!(", {}", amount(price)))
        .unwrap_or_default()
}

/// " for 29 € a month"
fn charged(price: Option<&Price>) -> String {
    price
        .map(|price| format!(" for {}", amount(price)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
