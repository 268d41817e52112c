//! What companies, their holders and those they invite are told.

use super::{House, Letter, day};
use serde::{Deserialize, Serialize};

/// What a mail about seats is about. Times are UTC epoch ms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "matter", rename_all = "snake_case")]
pub enum Seats {
    Invite(Invitation),
    /// To those who look after a company that holds more seats than it pays for.
    Over {
        company_id: String,
        company: String,
        plan_id: String,
        plan: String,
        held: i64,
        paid: i64,
        deadline: i64,
    },
    /// To the same: so many made way.
    MadeWay {
        company_id: String,
        company: String,
        plan: String,
        count: i64,
    },
    /// To the same: what is paid ends, or a payment is missing.
    PaidUntil {
        company_id: String,
        company: String,
        plan_id: String,
        plan: String,
        until: i64,
        payment_missing: bool,
    },
    /// To a holder: the seat gives access until then.
    Ending {
        seat_id: String,
        company: String,
        plan: String,
        until: i64,
    },
}

/// To whom an invite is for; whoever invites need not have an address. Holds the link: it is sealed,
/// and gone once it was sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub invite_id: String,
    pub to: String,
    pub token: String,
    pub company: String,
    pub inviter: String,
    pub plan: String,
    pub expires_at: i64,
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation")
            .field("invite_id", &self.invite_id)
            .finish_non_exhaustive()
    }
}

impl Seats {
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Invite(_) => "invite",
            Self::Over { .. } => "seats_over",
            Self::MadeWay { .. } => "seats_made_way",
            Self::PaidUntil { .. } => "seats_paid_until",
            Self::Ending { .. } => "seat_ending",
        }
    }
}

pub(super) fn letter(about: &Seats, house: &House) -> Letter {
    let page = |company_id: &str| format!("{}company/{company_id}", house.plans);
    let community = &house.community;
    match about {
        Seats::Invite(invitation) => invite(invitation, house),
        Seats::Over {
            company_id,
            company,
            plan,
            held,
            paid,
            deadline,
            ..
        } => Letter {
            subject: format!("{company} has more people than seats"),
            paragraphs: vec![
                format!("{company} pays for {paid} seats of {plan}, and {held} are held."),
                format!(
                    "Nobody loses access before {}. Until then choose who makes way, or add seats. After that pending \
                     invites wait first, and then the people who came last.",
                    day(*deadline)
                ),
            ],
            action: ("Your seats", page(company_id)),
            because: format!("You get this because you look after {company} at {community}."),
            unsubscribe: None,
        },
        Seats::MadeWay {
            company_id,
            company,
            plan,
            count,
        } => Letter {
            subject: format!("{company}: {} without a seat now", people(*count)),
            paragraphs: vec![
                format!(
                    "{company} pays for fewer seats of {plan} than were held, and the time to choose is over: {} wait for \
                     a seat now.",
                    people(*count)
                ),
                "Add seats, or free some, and they come back by themselves, those who were there first before the others."
                    .to_owned(),
            ],
            action: ("Your seats", page(company_id)),
            because: format!("You get this because you look after {company} at {community}."),
            unsubscribe: None,
        },
        Seats::PaidUntil {
            company_id,
            company,
            plan,
            until,
            payment_missing,
            ..
        } => paid_until((company, plan), *until, *payment_missing, page(company_id), house),
        Seats::Ending {
            company,
            plan,
            until,
            ..
        } => Letter {
            subject: format!("Your seat at {company} lasts until {}", day(*until)),
            paragraphs: vec![
                format!(
                    "{company} pays for your access to {plan}. As things stand, that ends on {}.",
                    day(*until)
                ),
                "If you want to stay, take a membership of your own before then: your roles in Discord go on without a \
                 gap. If the company goes on paying, nothing changes and there is nothing to do."
                    .to_owned(),
            ],
            action: ("See the plans", house.plans.clone()),
            because: format!("You get this because you have a seat at {company}."),
            unsubscribe: None,
        },
    }
}

fn paid_until(
    (company, plan): (&str, &str),
    until: i64,
    payment_missing: bool,
    page: String,
    house: &House,
) -> Letter {
    let community = &house.community;
    let date = day(until);
    let (subject, first) = if payment_missing {
        (
            format!("{company}: a payment for {plan} did not go through"),
            format!(
                "The payment for {plan} did not go through. Everybody with a seat stays in until {date}. Settle it \
                 before then, and nothing changes."
            ),
        )
    } else {
        (
            format!("{company}: {plan} ends on {date}"),
            format!("{plan} is set to end. Everybody with a seat stays in until {date}."),
        )
    };
    Letter {
        subject,
        paragraphs: vec![
            first,
            "The people with seats are told the same day, so that nobody is surprised.".to_owned(),
        ],
        action: ("Your company", page),
        because: format!("You get this because you look after {company} at {community}."),
        unsubscribe: None,
    }
}

fn invite(invitation: &Invitation, house: &House) -> Letter {
    let Invitation {
        token,
        company,
        inviter,
        plan,
        expires_at,
        ..
    } = invitation;
    let community = &house.community;
    Letter {
        subject: format!("{inviter} invites you to {community}"),
        paragraphs: vec![
            format!("{inviter} has a seat for you at {community}: {plan}, paid by {company}."),
            format!(
                "Claim it with your Discord account until {}. The link is for you alone and works once.",
                day(*expires_at)
            ),
        ],
        action: ("Claim your seat", format!("{}invite/{token}", house.plans)),
        because: format!(
            "You get this because somebody who looks after {company} entered this address. If you do not know them, \
             ignore it: nothing happens."
        ),
        unsubscribe: None,
    }
}

fn people(count: i64) -> String {
    if count == 1 {
        "1 person".to_owned()
    } else {
        format!("{count} people")
    }
}
