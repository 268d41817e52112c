//! Links: whom they are for, how often they work, and what they leave behind.

use crate::support::World;
use crate::support::acme::{Acme, Colleague};
use crate::{on_both, on_both_with_mail};
use app::company::CompanyError;
use app::invites::lines::LineTrouble;
use app::invites::{Bound, InviteError, InvitesPort, NewGroupLink, Sent};
use app::seats::{InviteMail, SeatState, SeatsPort};
use std::time::Duration;
use tokio::time::Instant;

const DAY: Duration = Duration::from_hours(24);

async fn claim(acme: &Acme<'_>, who: &Colleague, token: &str) -> Result<(), InviteError> {
    acme.invites().claim(&who.user_id, token).await.map(drop)
}

/// The tokens in mails to that address, oldest first.
fn mailed(world: &World, address: &str) -> Vec<String> {
    world.sandbox.with(|w| {
        let to = |mail: &&sandbox::mail::Message| mail.recipients.iter().any(|to| to == address);
        let texts = w.mail.messages().iter().filter(to).map(|mail| &mail.text);
        texts
            .filter_map(|text| {
                let from = text.find("/invite/")? + "/invite/".len();
                Some(text[from..].chars().take(43).collect())
            })
            .collect()
    })
}

async fn people_are_invited_by_mail_all_or_nobody(world: &World) {
    let acme = world.acme(3).await;
    let owner = acme.owner.user_id.clone();
    let invite = |list: &'static str| {
        let owner = owner.clone();
        let acme = &acme;
        async move {
            acme.invites()
                .invite(&owner, &acme.id, &acme.plan, list)
                .await
        }
    };
    let Sent::None(problems) = invite("ada@acme.test\nlinus").await.unwrap() else {
        panic!("half sent");
    };
    assert_eq!(problems[0].line, 2);
    assert_eq!(acme.pool().await.held(), 0);
    let list = "ada@acme.test\nlinus@acme.test\ngrace@acme.test\nalan@acme.test";
    let Sent::None(problems) = invite(list).await.unwrap() else {
        panic!("half sent");
    };
    assert_eq!((problems.len(), problems[0].line), (1, 4));
    assert_eq!(problems[0].trouble, LineTrouble::NoSeat { free: 3 });
    assert_eq!(acme.pool().await.held(), 0);

    assert_eq!(
        invite("ada@acme.test\nLinus <linus@acme.test>").await,
        Ok(Sent::All(2))
    );
    world.settle().await;
    let ada = world.colleague("ada").await;
    let tokens = mailed(world, "ada@acme.test");
    assert_eq!(tokens.len(), 1);
    let seen = acme.invites().look(&tokens[0], None).await.unwrap();
    assert_eq!(seen.bound, Bound::Address("ada@acme.test".to_owned()));
    assert_eq!((seen.company.as_str(), seen.refused), ("Acme", None));
    claim(&acme, &ada, &tokens[0]).await.unwrap();
    world.settle().await;
    assert!(acme.has_roles(&ada));
    let Sent::None(problems) = invite("linus@acme.test\nADA@acme.test").await.unwrap() else {
        panic!("twice");
    };
    let troubles: Vec<_> = problems.iter().map(|one| &one.trouble).collect();
    assert_eq!(troubles, [&LineTrouble::Invited, &LineTrouble::HasSeat]);
    let table = acme
        .seats()
        .seats(&owner, &acme.id, &acme.everything())
        .await
        .unwrap();
    let mails: Vec<_> = table.seats.iter().map(|seat| seat.mail).collect();
    assert!(mails.contains(&Some(InviteMail::Sent)), "{mails:?}");
}
on_both_with_mail!(people_are_invited_by_mail_all_or_nobody);

async fn an_address_that_takes_no_mail_is_seen_and_the_link_can_be_copied(world: &World) {
    let acme = world.acme(2).await;
    world.sandbox.with(|w| w.mail.refuse("nobody@acme.test"));
    let owner = &acme.owner.user_id;
    let list = "nobody@acme.test";
    acme.invites()
        .invite(owner, &acme.id, &acme.plan, list)
        .await
        .unwrap();
    world.settle().await;
    let table = acme
        .seats()
        .seats(owner, &acme.id, &acme.everything())
        .await
        .unwrap();
    assert_eq!(table.seats[0].mail, Some(InviteMail::Refused));
    let fresh = acme
        .invites()
        .link(owner, &acme.id, &table.seats[0].id)
        .await
        .unwrap();
    let token = acme.token_of(&fresh).await;
    assert!(acme.invites().look(&token, None).await.is_ok());
    let stranger = world.colleague("stranger").await;
    let foreign = acme
        .invites()
        .fresh(&stranger.user_id, &acme.id, &fresh)
        .await;
    assert!(foreign.is_none(), "shown to who made it alone");
}
on_both_with_mail!(an_address_that_takes_no_mail_is_seen_and_the_link_can_be_copied);

async fn a_new_link_ends_the_old_one(world: &World) {
    let acme = world.acme(1).await;
    let owner = acme.owner.user_id.clone();
    let list = "ada@acme.test";
    acme.invites()
        .invite(&owner, &acme.id, &acme.plan, list)
        .await
        .unwrap();
    world.settle().await;
    let ada = world.colleague("ada").await;
    let seat = acme
        .seats()
        .seats(&owner, &acme.id, &acme.everything())
        .await
        .unwrap()
        .seats[0]
        .id
        .clone();
    acme.invites()
        .resend(&owner, &acme.id, &seat)
        .await
        .unwrap();
    world.settle().await;
    let tokens = mailed(world, "ada@acme.test");
    assert_eq!(tokens.len(), 2);
    assert_eq!(
        claim(&acme, &ada, &tokens[0]).await,
        Err(InviteError::Replaced)
    );
    claim(&acme, &ada, &tokens[1]).await.unwrap();
    world.settle().await;
    let moved = acme.invites().resend(&owner, &acme.id, &seat).await;
    assert_eq!(moved, Err(CompanyError::SeatMoved));
}
on_both_with_mail!(a_new_link_ends_the_old_one);

async fn each_refusal_has_its_reason(world: &World) {
    let acme = world.acme(6).await;
    let (ada, linus) = (world.colleague("ada").await, world.colleague("linus").await);
    let owner = acme.owner.user_id.clone();
    let unknown = "A".repeat(43);
    for token in [unknown.as_str(), "short", "", "../../etc/passwd"] {
        assert_eq!(
            claim(&acme, &ada, token).await,
            Err(InviteError::Unknown),
            "{token}"
        );
    }
    let used = acme.token().await;
    claim(&acme, &ada, &used).await.unwrap();
    claim(&acme, &ada, &used).await.unwrap();
    assert_eq!(claim(&acme, &linus, &used).await, Err(InviteError::Used));
    let other = acme.token().await;
    assert_eq!(
        claim(&acme, &ada, &other).await,
        Err(InviteError::AlreadyMember)
    );

    let fresh = acme
        .invites()
        .open_invite(&owner, &acme.id, &acme.plan, Some("@Other.test"))
        .await
        .unwrap();
    let domain = acme.token_of(&fresh).await;
    assert_eq!(
        claim(&acme, &linus, &domain).await,
        Err(InviteError::OtherDomain)
    );
    say(world, &linus, Some("linus@sub.other.test"), 1).await;
    assert_eq!(
        claim(&acme, &linus, &domain).await,
        Err(InviteError::OtherDomain)
    );
    say(world, &linus, Some("linus@other.test"), 0).await;
    assert_eq!(
        claim(&acme, &linus, &domain).await,
        Err(InviteError::Unverified)
    );
    let list = "linus@acme.test";
    acme.invites()
        .invite(&owner, &acme.id, &acme.plan, list)
        .await
        .unwrap();
    world.settle().await;
    let named = mailed(world, "linus@acme.test").remove(0);
    say(world, &linus, Some("linus@other.test"), 1).await;
    assert_eq!(
        claim(&acme, &linus, &named).await,
        Err(InviteError::OtherAddress)
    );
    say(world, &linus, None, 0).await;
    assert_eq!(
        claim(&acme, &linus, &named).await,
        Err(InviteError::Unverified)
    );
}
on_both_with_mail!(each_refusal_has_its_reason);

async fn a_link_that_is_over_says_why(world: &World) {
    let acme = world.acme(3).await;
    let linus = world.colleague("linus").await;
    let owner = acme.owner.user_id.clone();
    let list = "linus@acme.test";
    acme.invites()
        .invite(&owner, &acme.id, &acme.plan, list)
        .await
        .unwrap();
    world.settle().await;
    let named = mailed(world, "linus@acme.test").remove(0);
    let table = acme
        .seats()
        .seats(&owner, &acme.id, &acme.everything())
        .await
        .unwrap();
    let invited = table
        .seats
        .iter()
        .find(|seat| seat.email.is_some())
        .unwrap();
    acme.seats()
        .free(&owner, &acme.id, &invited.id)
        .await
        .unwrap();
    assert_eq!(
        claim(&acme, &linus, &named).await,
        Err(InviteError::Revoked)
    );
    acme.seats()
        .undo(&owner, &acme.id, &invited.id)
        .await
        .unwrap();
    say(world, &linus, Some("LINUS@acme.test"), 1).await;
    claim(&acme, &linus, &named).await.unwrap();

    let late = acme.token().await;
    world.advance(DAY * 8);
    world.settle().await;
    let grace = world.colleague("grace").await;
    assert_eq!(claim(&acme, &grace, &late).await, Err(InviteError::Expired));
    let lapsed = acme.token().await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &acme.subscription).unwrap();
    });
    world.settle().await;
    assert_eq!(
        claim(&acme, &grace, &lapsed).await,
        Err(InviteError::Lapsed)
    );
    world.state.limits.forget();
    assert_eq!(
        acme.invites().look(&lapsed, None).await.unwrap().refused,
        Some(InviteError::Lapsed)
    );
}
on_both_with_mail!(a_link_that_is_over_says_why);

async fn say(world: &World, who: &Colleague, email: Option<&str>, verified: i64) {
    world.state.limits.forget();
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE users SET email = $1, email_verified = $2 WHERE id = $3")
        .bind(email)
        .bind(verified)
        .bind(&who.user_id)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn a_link_for_a_group_has_a_maximum_and_a_domain(world: &World) {
    let acme = world.acme(3).await;
    let owner = acme.owner.user_id.clone();
    let new = |most| NewGroupLink {
        plan_id: acme.plan.clone(),
        most,
        domain: Some("acme.test".to_owned()),
    };
    let none = acme.invites().group_link(&owner, &acme.id, &new(0)).await;
    assert_eq!(none, Err(CompanyError::BadNumber));
    let fresh = acme
        .invites()
        .group_link(&owner, &acme.id, &new(2))
        .await
        .unwrap();
    let token = acme.token_of(&fresh).await;
    assert_eq!(acme.pool().await.held(), 0, "it holds no seat");
    let people = world.colleagues("p", 3).await;
    let outsider = world.colleague("outsider").await;
    say(world, &outsider, Some("outsider@elsewhere.test"), 1).await;
    assert_eq!(
        claim(&acme, &outsider, &token).await,
        Err(InviteError::OtherDomain)
    );
    claim(&acme, &people[0], &token).await.unwrap();
    claim(&acme, &people[0], &token).await.unwrap();
    assert_eq!(acme.pool().await.held(), 1, "the same press");
    claim(&acme, &people[1], &token).await.unwrap();
    world.settle().await;
    assert!(acme.has_roles(&people[1]));
    assert_eq!(
        claim(&acme, &people[2], &token).await,
        Err(InviteError::UsedUp)
    );
    let links = acme.invites().group_links(&owner, &acme.id).await.unwrap();
    assert_eq!((links[0].claims, links[0].most), (2, 2));
    let fresh = acme
        .invites()
        .group_link(&owner, &acme.id, &new(9))
        .await
        .unwrap();
    let more = acme.token_of(&fresh).await;
    claim(&acme, &people[2], &more).await.unwrap();
    let extra = world.colleague("extra").await;
    assert_eq!(claim(&acme, &extra, &more).await, Err(InviteError::NoSeat));
    let links = acme.invites().group_links(&owner, &acme.id).await.unwrap();
    for link in links {
        acme.invites()
            .end_group_link(&owner, &acme.id, &link.id)
            .await
            .unwrap();
    }
    assert_eq!(claim(&acme, &extra, &more).await, Err(InviteError::Revoked));
    world.settle().await;
}
on_both!(a_link_for_a_group_has_a_maximum_and_a_domain);

/// Whoever does not look after the company gets what an id that is not there gets.
async fn strangers_are_told_nothing(world: &World) {
    let acme = world.acme(2).await;
    let other = world.company("other", crate::support::acme::TEAM, 2).await;
    let holder = world.colleague("holder").await;
    acme.seat(&holder).await;
    let token = acme.token().await;
    let (seat, _) = acme.seat_of(&holder).await.unwrap();
    for stranger in [
        &holder.user_id,
        &other.owner.user_id,
        &"usr_nobody".to_owned(),
    ] {
        for company in [acme.id.as_str(), "com_nothing", "", "com_' OR 1=1"] {
            let (seats, invites, plan) = (acme.seats(), acme.invites(), acme.plan.as_str());
            let answers = [
                seats
                    .seats(stranger, company, &acme.everything())
                    .await
                    .map(drop),
                seats.take(stranger, company, plan).await,
                seats.free(stranger, company, &seat).await,
                seats.undo(stranger, company, &seat).await,
                seats.fallback(stranger, company, plan).await.map(drop),
                seats
                    .suspend(stranger, company, plan, std::slice::from_ref(&seat))
                    .await,
                invites
                    .invite(stranger, company, plan, "a@b.test")
                    .await
                    .map(drop),
                invites
                    .open_invite(stranger, company, plan, None)
                    .await
                    .map(drop),
                invites.resend(stranger, company, &seat).await,
                invites.link(stranger, company, &seat).await.map(drop),
                invites.group_links(stranger, company).await.map(drop),
                invites.end_group_link(stranger, company, "inv_1").await,
                invites
                    .group_link(
                        stranger,
                        company,
                        &NewGroupLink {
                            plan_id: plan.to_owned(),
                            most: 1,
                            domain: None,
                        },
                    )
                    .await
                    .map(drop),
            ];
            for (at, answer) in answers.into_iter().enumerate() {
                assert_eq!(
                    answer,
                    Err(CompanyError::NotFound),
                    "{at} {stranger} {company}"
                );
            }
            world.state.limits.forget();
        }
    }
    // A seat of another company is not there, whoever asks.
    let owner = &other.owner.user_id;
    let freed = other.seats().free(owner, &other.id, &seat).await;
    assert_eq!(freed, Err(CompanyError::SeatMoved));
    assert!(acme.has_roles(&holder));
    assert!(acme.invites().look(&token, None).await.is_ok());
}
on_both!(strangers_are_told_nothing);

/// No row holds what opens a seat.
async fn no_row_holds_a_token(world: &World) {
    let acme = world.acme(4).await;
    let owner = acme.owner.user_id.clone();
    let list = "ada@acme.test";
    let open = acme.token().await;
    acme.invites()
        .invite(&owner, &acme.id, &acme.plan, list)
        .await
        .unwrap();
    let sealed: Vec<Option<String>> =
        sqlx::query_scalar("SELECT body_sealed FROM mails WHERE kind = 'invite'")
            .fetch_all(world.state.db.reader())
            .await
            .unwrap();
    assert!(sealed.iter().all(Option::is_some), "it waits, sealed");
    world.settle().await;
    let left: Vec<Option<String>> =
        sqlx::query_scalar("SELECT body_sealed FROM mails WHERE kind = 'invite'")
            .fetch_all(world.state.db.reader())
            .await
            .unwrap();
    assert!(left.iter().all(Option::is_none), "wiped once it is sent");
    let tokens = [open, mailed(world, "ada@acme.test").remove(0)];
    for (place, text) in crate::secrets::every_row(&world.state.db).await {
        for token in &tokens {
            assert!(!text.contains(token.as_str()), "{place} holds a token");
        }
    }
}
on_both_with_mail!(no_row_holds_a_token);

/// A list of a thousand is one transaction, and quick.
async fn a_thousand_are_invited_at_once(world: &World) {
    let acme = world.acme(1_000).await;
    let owner = &acme.owner.user_id;
    let lines: Vec<String> = (0..1_000).map(|n| format!("p{n}@acme.test")).collect();
    let list = lines.join("\n");
    let began = Instant::now();
    let sent = acme
        .invites()
        .invite(owner, &acme.id, &acme.plan, &list)
        .await;
    let took = began.elapsed();
    assert_eq!(sent, Ok(Sent::All(1_000)));
    println!("1,000 lines: {took:?}");
    assert_eq!(acme.pool().await.invited, 1_000);
    let table = acme
        .seats()
        .seats(owner, &acme.id, &acme.everything())
        .await
        .unwrap();
    assert_eq!(
        (table.found, table.pages, table.seats.len()),
        (1_000, 20, 50)
    );
    assert!(
        table
            .seats
            .iter()
            .all(|seat| seat.state == SeatState::Invited)
    );
    let query = app::seats::SeatQuery {
        search: "P999@".to_owned(),
        ..acme.everything()
    };
    let found = acme.seats().seats(owner, &acme.id, &query).await.unwrap();
    assert_eq!(found.found, 1);
}
on_both!(a_thousand_are_invited_at_once);
