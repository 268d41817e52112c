//! What an incident means and what to do about it, by its kind.

/// For whoever runs the community.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What happened, in a few words.
    pub title: &'static str,
    pub meaning: &'static str,
    pub todo: &'static str,
    /// It closes when what it is about is mended; closing it by hand would only hide it.
    pub closes_itself: bool,
}

/// Kinds nobody wrote words for are told by their detail, and can be closed by hand.
#[must_use]
pub fn advice(kind: &str) -> Advice {
    of_stripe(kind)
        .or_else(|| of_discord(kind))
        .or_else(|| of_the_gateway(kind))
        .unwrap_or_else(|| of_the_rest(kind))
}

/// What stands between us and Stripe.
fn of_stripe(kind: &str) -> Option<Advice> {
    Some(match kind {
        "stripe_key" => Advice {
            title: "Stripe refuses the key",
            meaning: "Nothing is read from Stripe, so nobody’s access changes, and nobody can pay.",
            todo: "Make a key in Stripe’s dashboard, set STRIPE_SECRET_KEY and start the server again.",
            closes_itself: true,
        },
        "stripe_right" => Advice {
            title: "The restricted key lacks a right",
            meaning: "What needs that right waits. The rest goes on.",
            todo: "Give the key the right in Stripe’s dashboard. What waits comes again by itself.",
            closes_itself: true,
        },
        "stripe_down" => Advice {
            title: "Stripe does not answer",
            meaning: "Payments and changes are not read. Access stays as it was.",
            todo: "Look at Stripe’s status page. It is tried again by itself.",
            closes_itself: true,
        },
        "stripe_unreadable" => Advice {
            title: "A period ended, and Stripe could not be read",
            meaning: "The person keeps access for up to 24 hours, for time alone takes nothing away before a fresh look at Stripe.",
            todo: "See why Stripe cannot be read: its status page, the key, the network. This closes when it can.",
            closes_itself: true,
        },
        "missed_events" => Advice {
            title: "Events were missed for too long",
            meaning: "Stripe no longer has them, so every payer is read again. Access is right once all have been.",
            todo: "Nothing; this closes when all are read. Look at why the server stood still.",
            closes_itself: true,
        },
        "webhook_secret" => Advice {
            title: "Webhooks arrive with the wrong signature",
            meaning: "The signing secret is wrong or was rolled, or a stranger posts forgeries. No event is lost: they are read from Stripe’s list every few minutes.",
            todo: "Compare STRIPE_WEBHOOK_SECRETS with the endpoint in Stripe’s dashboard, and start the server again. This closes with the first good one.",
            closes_itself: true,
        },
        "wrong_mode" => Advice {
            title: "Events of Stripe’s other mode arrive",
            meaning: "They are recorded and change nothing.",
            todo: "Delete the endpoint of the other mode that points here. This closes a day after the last one.",
            closes_itself: true,
        },
        _ => return None,
    })
}

/// What stands between us and Discord, and what holds roles back.
fn of_discord(kind: &str) -> Option<Advice> {
    Some(match kind {
        "brake" => Advice {
            title: "The brake holds",
            meaning: "Many would lose a role within an hour for one cause, so nobody else does.",
            todo: "Look under Brake whether that is right. If it is, lift it there; if not, mend what caused it first.",
            closes_itself: true,
        },
        "observe" => Advice {
            title: "Nothing is changed at Discord yet",
            meaning: "Roles of your plans had holders before Rollcall came. It only shows what it would do.",
            todo: "Look at it under Brake, then say go there.",
            closes_itself: true,
        },
        "discord_token" => Advice {
            title: "Discord refuses the bot’s token",
            meaning: "Nobody’s roles change, and nothing is recorded of anybody.",
            todo: "Copy the token again from the application’s page at Discord, set DISCORD_BOT_TOKEN and start the server again.",
            closes_itself: true,
        },
        "discord_access" => Advice {
            title: "The bot is not in the server",
            meaning: "Nobody’s roles change, and nothing is recorded of anybody.",
            todo: "Invite it again with the link that `rollcall setup` prints. Everybody who waits is looked at by itself then.",
            closes_itself: true,
        },
        "discord_blocked" => Advice {
            title: "Discord refuses this server’s address",
            meaning: "Nobody’s roles change until it answers again.",
            todo: "Wait an hour. If it goes on, look for another program that uses the same address or token.",
            closes_itself: true,
        },
        "discord_refusals" => Advice {
            title: "Discord refuses too many requests",
            meaning: "Only what a person waits for is asked, so that Discord does not ban this address.",
            todo: "The other incidents say what it refuses: mend that. This closes when the refusals are ten minutes old.",
            closes_itself: true,
        },
        "members_intent" => Advice {
            title: "The bot may not list the members",
            meaning: "Roles follow payments as before, but nobody looks at everybody every few hours.",
            todo: "Do what the detail says. It is tried again by itself.",
            closes_itself: true,
        },
        _ => return None,
    })
}

/// What stands between us and Discord's gateway, and what people change there by hand.
fn of_the_gateway(kind: &str) -> Option<Advice> {
    Some(match kind {
        "gateway" => Advice {
            title: "Discord’s gateway does not let the bot in",
            meaning: "Roles follow payments as before. That somebody joined or left, or that a role was changed by hand, is not heard of.",
            todo: "Do what the detail says, and start the server again. This closes when the bot is in.",
            closes_itself: true,
        },
        "slash commands" => Advice {
            title: "Discord did not take the slash commands",
            meaning: "They are missing or old in the server. Nobody’s access depends on them.",
            todo: "Invite the bot again with the link that `rollcall setup` prints. This closes when they are taken.",
            closes_itself: true,
        },
        "role by hand" => Advice {
            title: "A role is changed by hand again and again",
            meaning: "It was put right twice within an hour and changed a third time, so it is left as it is. The person’s other roles are kept right.",
            todo: "Find out in the server’s audit log who changes it: another bot, or a moderator. Then use /resync in Discord. This closes when the role is as it should be.",
            closes_itself: true,
        },
        "role not ours" => Advice {
            title: "Somebody has a plan’s role without the plan",
            meaning: "We did not give it, so it is not taken away.",
            todo: "Take it away in Discord, or give the person the plan. With HEAL=heal such roles are taken away. This closes when they are gone.",
            closes_itself: true,
        },
        _ => return None,
    })
}

fn of_the_rest(kind: &str) -> Advice {
    match kind {
        "parked" => Advice {
            title: "Work stands still",
            meaning: "A reading failed in a way that waiting does not mend. The access it is about stays as it was.",
            todo: "Mend what the error names, then press Retry under Work. This closes when it succeeds.",
            closes_itself: true,
        },
        "invoice" => Advice {
            title: "Stripe cannot finalise an invoice",
            meaning: "The person was not charged, and will not be until it is mended. The detail says what is wrong.",
            todo: "Open the invoice in Stripe’s dashboard and mend what it names, mostly an address or a tax setting.",
            closes_itself: true,
        },
        "dispute" => Advice {
            title: "A payment is disputed",
            meaning: "The bank takes the money back until it is decided. The detail says what that means for access.",
            todo: "Answer the dispute in Stripe’s dashboard before its deadline.",
            closes_itself: false,
        },
        "refund" => Advice {
            title: "A payment was refunded in full",
            meaning: "The detail says whether access stays; that is the policy ON_REFUND.",
            todo: "If they shall not keep access, cancel the subscription at Stripe. Then close this.",
            closes_itself: false,
        },
        "drift" => Advice {
            title: "Stripe says something that is not known here",
            meaning: "What was known stays as it is: nobody loses access because of it.",
            todo: "Look at the object in Stripe’s dashboard, and whether there is a newer version of Rollcall.",
            closes_itself: true,
        },
        "mail_down" => Advice {
            title: "Mail is not going out",
            meaning: "The mail server does not take it. Mail is kept and tried for three days; access and payments do not depend on it.",
            todo: "Look at the mail server, and at SMTP_URL and MAIL_FROM. This closes with the first mail that is sent.",
            closes_itself: true,
        },
        "mail_refused" => Advice {
            title: "Somebody cannot be reached by mail",
            meaning: "A mail to them was not taken and is not tried again. Their dashboard says so; their access is right.",
            todo: "Nothing, or write to them in Discord. It closes when a mail reaches them, or they sign in with another address.",
            closes_itself: false,
        },
        "role refused" => Advice {
            title: "Discord refused a role",
            meaning: "Whoever is to have the role does not get it, or whoever lost it still has it. Under Brake stands who.",
            todo: "Do what the detail says. It is tried again by itself within seconds of a change to the server’s roles, and every six hours.",
            closes_itself: true,
        },
        "plan role" => Advice {
            title: "A plan’s role cannot be granted",
            meaning: "Everybody who buys this plan would miss the role.",
            todo: "Do what the detail says; a role with dangerous rights can be allowed under Roles.",
            closes_itself: true,
        },
        "account deletion" => Advice {
            title: "A deletion does not come to its end",
            meaning: "The person wants to be gone and pays nothing any more. What is known of them is kept until Discord confirms that their roles are.",
            todo: "Do what the detail says of their roles: a refusal, a brake, the freeze or observing stands in the way. This closes when they are gone.",
            closes_itself: true,
        },
        "join refused" => Advice {
            title: "Discord did not let somebody into the server",
            meaning: "They have paid and are not in the server, so they have no roles.",
            todo: "Do what the detail says, or send them an invite. Close this when they are in.",
            closes_itself: false,
        },
        _ => Advice {
            title: "Something to look at",
            meaning: "Nothing is taken from anybody because of it.",
            todo: "The detail says what was found. Close it when it is settled.",
            closes_itself: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::advice;

    #[test]
    fn what_mends_itself_is_not_closed_by_hand() {
        assert!(advice("role refused").closes_itself);
        assert!(advice("stripe_key").closes_itself);
        assert!(!advice("join refused").closes_itself);
        assert!(!advice("a kind nobody knows").closes_itself);
    }
}
