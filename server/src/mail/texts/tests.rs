use super::super::letter::WIDTH;
use super::*;

/// 3 March 2027.
const MARCH: i64 = 1_804_032_000_000;

fn house() -> House {
    House {
        community: "The Revenue Council".to_owned(),
        plans: "https://m.example.org/".to_owned(),
        billing: "https://m.example.org/billing".to_owned(),
        account: "https://m.example.org/account".to_owned(),
        card: "https://m.example.org/billing/card".to_owned(),
        unsubscribe: "https://m.example.org/mail/unsubscribe?token=usr_1.x".to_owned(),
        has_card: true,
    }
}

fn price() -> Price {
    Price {
        minor: 2900,
        currency: "eur".to_owned(),
        period: Some("month".to_owned()),
    }
}

fn welcome_to(renews_at: Option<i64>, trial_ends_at: Option<i64>, ends_at: Option<i64>) -> About {
    About::Welcome(Welcome {
        source_id: "sub_1".to_owned(),
        plan: "Member".to_owned(),
        price: Some(price()),
        renews_at,
        trial_ends_at,
        ends_at,
    })
}

fn failed() -> About {
    About::PaymentFailed {
        source_id: "sub_1".to_owned(),
        plan: "Member".to_owned(),
        price: Some(price()),
        until: MARCH,
    }
}

fn ends_by(by: EndsBy) -> About {
    About::Ending {
        source_id: "sub_1".to_owned(),
        plan: "Member".to_owned(),
        until: MARCH,
        by,
    }
}

fn ended_for(reason: Reason) -> About {
    About::Ended {
        plan_id: "prod_1".to_owned(),
        plan: "Member".to_owned(),
        reason,
    }
}

fn trial_ends() -> About {
    About::TrialEnding {
        source_id: "sub_1".to_owned(),
        plan: "Member".to_owned(),
        price: Some(price()),
        at: MARCH,
    }
}

fn card() -> About {
    About::CardExpiring(Card {
        plan: "Member".to_owned(),
        brand: "Visa".to_owned(),
        last4: "4242".to_owned(),
        month: 2,
        year: 2027,
        renews_at: MARCH,
    })
}

fn desk_mail() -> About {
    About::Desk(Desk {
        matter: "brake".to_owned(),
        subject: "missing".to_owned(),
        opened_at: MARCH,
        title: "The brake holds".to_owned(),
        paragraphs: vec!["Twelve people.".to_owned()],
    })
}

fn all() -> Vec<About> {
    let mut all = vec![
        welcome_to(Some(MARCH), None, None),
        welcome_to(Some(MARCH), Some(MARCH), None),
        welcome_to(None, None, Some(MARCH)),
        welcome_to(None, None, None),
        failed(),
        ends_by(EndsBy::Cancelled),
        ends_by(EndsBy::PaymentMissing),
        ends_by(EndsBy::PassOver),
        trial_ends(),
        card(),
        desk_mail(),
    ];
    all.extend(Reason::ALL.map(ended_for));
    all
}

/// Subject and plain text.
fn read(about: &About) -> String {
    let letter = letter(about, &house());
    format!("{}\n\n{}", letter.subject, letter.text()).replace('\u{a0}', "_")
}

#[test]
fn a_welcome() {
    assert_eq!(
        read(&welcome_to(Some(MARCH), None, None)),
        "Welcome to The Revenue Council

You are in: Member, 29_€ a month.

It renews on 3 March 2027. You can cancel at any time.

Discord gives you your roles within moments. What you have, and why,
always stands on your page.

Your membership:
https://m.example.org/billing

--\x20
To get only what is essential:
https://m.example.org/mail/unsubscribe?token=usr_1.x

You get this once, because you joined The Revenue Council.
"
    );
}

#[test]
fn a_payment_that_failed() {
    assert_eq!(
        read(&failed()),
        "Your payment for Member did not go through

The payment for Member, 29_€ a month, did not go through.

Your access stays until 3 March 2027. Update your card before then, and
you keep it.

Update your card:
https://m.example.org/billing/card

--\x20
You get this because a payment for your membership of The Revenue
Council is missing.
"
    );
}

#[test]
fn access_that_is_to_end() {
    assert_eq!(
        read(&ends_by(EndsBy::Cancelled)),
        "Your access to Member ends on 3 March 2027

Your membership Member is cancelled. You are not charged again.

You keep your access and your roles in Discord until 3 March 2027. If
you change your mind, you can keep your membership until then.

Keep my membership:
https://m.example.org/billing

--\x20
You get this because your membership of The Revenue Council was
cancelled.
"
    );
    assert_eq!(
        read(&ends_by(EndsBy::PaymentMissing)),
        "Your access to Member ends on 3 March 2027

A payment for Member is still missing.

If it does not arrive, your access and your roles in Discord end on 3
March 2027.

Update your card:
https://m.example.org/billing/card

--\x20
You get this because your access to The Revenue Council is about to end.
"
    );
}

#[test]
fn access_that_ended() {
    assert_eq!(
        read(&ended_for(Reason::Ended)),
        "Your access to Member has ended

Your access to Member has ended, and Discord has confirmed that its
roles are gone.

The subscription has ended. Nothing more is charged for it. You can come
back at any time.

See the plans:
https://m.example.org/

--\x20
You get this because you had access to The Revenue Council.
"
    );
    let grace = read(&ended_for(Reason::GraceOver)).replace('\n', " ");
    assert!(
        grace.contains("When the payment arrives, your access comes back by itself."),
        "{grace}"
    );
    assert!(
        grace.contains("https://m.example.org/billing/card"),
        "{grace}"
    );
}

#[test]
fn a_trial_with_a_card_and_without() {
    assert_eq!(
        read(&trial_ends()),
        "Your free trial ends on 3 March 2027

Your free trial of Member ends on 3 March 2027.

After it your membership Member goes on for 29_€ a month. If you do not
want that, cancel before.

Your membership:
https://m.example.org/billing

--\x20
You get this because you have a free trial at The Revenue Council.
"
    );
    let without = House {
        has_card: false,
        ..house()
    };
    let text = letter(&trial_ends(), &without).text();
    assert!(
        text.contains("Add a card:\nhttps://m.example.org/billing/card"),
        "{text}"
    );
}

#[test]
fn a_card_that_expires() {
    assert_eq!(
        read(&card()),
        "Your card expires before your next payment

Your Visa card ending in 4242 is good until the end of February 2027.
Your membership Member renews on 3 March 2027.

Change the card before then, and nothing else changes.

Update your card:
https://m.example.org/billing/card

--\x20
To get only what is essential:
https://m.example.org/mail/unsubscribe?token=usr_1.x

You get this once for this card, because it pays for your membership of
The Revenue Council.
"
    );
}

#[test]
fn the_last_line_says_why_and_nothing_shouts() {
    for about in all() {
        let letter = letter(&about, &house());
        let (text, html) = (letter.text(), letter.html());
        assert!(
            !text.contains('!') && !letter.subject.contains('!'),
            "{text}"
        );
        assert!(letter.because.starts_with("You get this"), "{text}");
        let tail = text.trim_end().rsplit("\n\n").next().unwrap_or_default();
        let tail = tail.trim_start_matches("-- \n").replace('\n', " ");
        assert_eq!(tail, letter.because);
        assert!(
            !html.contains("<img") && html.contains(&letter.action.1),
            "{html}"
        );
        for line in text.lines() {
            assert!(
                line.chars().count() <= WIDTH || !line.contains(' '),
                "{line}"
            );
        }
        assert_eq!(letter.unsubscribe.is_none(), about.essential(), "{text}");
        assert_eq!(text.contains("unsubscribe"), !about.essential(), "{text}");
    }
}

#[test]
fn names_cannot_write_html() {
    let about = About::Ended {
        plan_id: "prod_1".to_owned(),
        plan: "<b>\"A & B\"".to_owned(),
        reason: Reason::Ended,
    };
    let html = letter(&about, &house()).html();
    assert!(
        html.contains("&lt;b&gt;&quot;A &amp; B&quot;") && !html.contains("<b>"),
        "{html}"
    );
}

#[test]
fn what_is_sealed_reads_as_it_was_written() {
    for about in all() {
        let text = serde_json::to_string(&about).unwrap();
        let read: About = serde_json::from_str(&text).unwrap();
        assert_eq!(read, about);
    }
}
