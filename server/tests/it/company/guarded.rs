//! Every function, asked by somebody who may not: the same answer as of a company that is not there.

use super::{company, confirm, port, preview, purchase};
use crate::login::site::Browser;
use crate::on_both;
use crate::support::World;
use crate::support::acme::{Acme, Colleague};
use app::company::{CompanyError, CompanyPort, CompanyRole, Purchase, Seen};
use app::seats::SeatsPort;
use reqwest::StatusCode;

/// Asks for everything that is asked of one company; answers what each was told.
async fn everything(
    world: &World,
    acme: &Acme<'_>,
    asker: &str,
    id: &str,
    whom: &str,
    seen: &str,
) -> Vec<(&'static str, Option<CompanyError>)> {
    world.state.limits.forget();
    let (port, seats) = (port(world), acme.seats());
    let purchase = Purchase {
        company_id: id.to_owned(),
        name: None,
        ..purchase(world, "", 3).await
    };
    let mut told = vec![
        ("buy", port.buy(asker, &purchase).await.err()),
        ("company", port.company(asker, id).await.err()),
        ("returned", port.returned(asker, id).await.err()),
        ("portal", port.portal(asker, id).await.err()),
        ("rename", port.rename(asker, id, "Theirs").await.err()),
        ("dismiss", port.dismiss(asker, id, whom).await.err()),
        ("dismiss self", port.dismiss(asker, id, asker).await.err()),
        ("preview", seats.preview(asker, id, 9).await.err()),
        ("preview fewer", seats.preview(asker, id, 1).await.err()),
        ("preview badly", seats.preview(asker, id, -1).await.err()),
        ("confirm", seats.confirm(asker, id, seen).await.err()),
        ("confirm nothing", seats.confirm(asker, id, "x").await.err()),
    ];
    for role in [CompanyRole::Admin, CompanyRole::Owner] {
        let made = port.appoint(asker, id, whom, role).await.err();
        told.push(("appoint", made));
        let made = port.appoint(asker, id, asker, role).await.err();
        told.push(("appoint self", made));
    }
    let number = seats.seen_number(asker, id, seen).await;
    assert_eq!(number, None, "{asker} {id}");
    told
}

async fn a_company_of_others_is_not_there(world: &World) {
    let acme = world.acme(5).await;
    let other = world.company("other", super::TEAM, 3).await;
    let stranger = world.colleague("stranger").await;
    let leaver = world.colleague("leaver").await;
    acme.seat(&leaver).await;
    acme.free(&leaver).await;
    let seen = preview(&acme, 9).await.unwrap().seen;
    let guessed = port(world).new_id();
    let rows = |world: &World| {
        let state = world.state.clone();
        async move {
            let mut counts = Vec::new();
            for table in [
                "companies",
                "company_people",
                "changes",
                "checkouts",
                "seats",
                "audit",
            ] {
                let sql = format!("SELECT COUNT(*) FROM {table}");
                let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                    .fetch_one(state.db.reader())
                    .await
                    .unwrap();
                counts.push(count);
            }
            counts
        }
    };
    let before = rows(world).await;
    let owner = acme.owner.user_id.as_str();
    let askers: [&Colleague; 3] = [&stranger, &leaver, &other.owner];
    for asker in askers {
        let asker = asker.user_id.as_str();
        let theirs = everything(world, &acme, asker, &acme.id, owner, &seen).await;
        for (what, told) in &theirs {
            assert_eq!(*told, Some(CompanyError::NotFound), "{asker}: {what}");
        }
        for id in [guessed.as_str(), "com_", "", "com_\0", "com_' OR 1=1"] {
            let unknown = everything(world, &acme, asker, id, owner, &seen).await;
            assert_eq!(unknown, theirs, "{asker}: {id:?}");
        }
    }
    assert_eq!(rows(world).await, before, "nothing was written");
    // The owner of the one is nobody in the other, and a sealed preview stays where it was made.
    let told = everything(world, &other, owner, &other.id, owner, &seen).await;
    assert!(
        told.iter()
            .all(|(_, told)| *told == Some(CompanyError::NotFound))
    );
    assert_eq!(
        acme.seats().seen_number(owner, &acme.id, &seen).await,
        Some(9)
    );
    world.state.limits.forget();
    confirm(&acme, &seen).await.unwrap();
    world.settle().await;
}
on_both!(a_company_of_others_is_not_there);

async fn a_holder_sees_their_seat_and_nothing_else(world: &World) {
    let acme = world.acme(5).await;
    let ada = world.colleague("ada").await;
    acme.seat(&ada).await;
    let seen = preview(&acme, 9).await.unwrap().seen;
    let (asker, owner) = (ada.user_id.as_str(), acme.owner.user_id.as_str());
    for (what, told) in everything(world, &acme, asker, &acme.id, owner, &seen).await {
        let expected = (what != "company").then_some(CompanyError::NotFound);
        assert_eq!(told, expected, "{what}");
    }
    let seen = port(world).company(asker, &acme.id).await.unwrap();
    assert!(matches!(seen, Seen::Holder(_)), "{seen:?}");
    world.settle().await;
}
on_both!(a_holder_sees_their_seat_and_nothing_else);

async fn who_was_dismissed_may_no_more(world: &World) {
    let acme = world.acme(5).await;
    let ada = world.colleague("ada").await;
    acme.seat(&ada).await;
    let port = port(world);
    let owner = acme.owner.user_id.as_str();
    port.appoint(owner, &acme.id, &ada.user_id, CompanyRole::Admin)
        .await
        .unwrap();
    // An admin pays and changes the number like an owner.
    let seats = acme.seats();
    let shown = seats.preview(&ada.user_id, &acme.id, 9).await.unwrap();
    assert_eq!(
        company(world, &ada.user_id, &acme.id).await.role,
        CompanyRole::Admin
    );
    port.dismiss(owner, &acme.id, &ada.user_id).await.unwrap();
    let refused = seats.confirm(&ada.user_id, &acme.id, &shown.seen).await;
    assert_eq!(refused, Err(CompanyError::NotFound));
    assert_eq!(world.count("SELECT COUNT(*) FROM changes").await, 0);
    world.settle().await;
}
on_both!(who_was_dismissed_may_no_more);

async fn what_reaches_stripe_counts_against_the_address(world: &World) {
    for path in ["buy_seats", "company_portal", "confirm_number"] {
        world.state.limits.forget();
        let mut browser = Browser::new(&world.base, &world.base);
        let mut refused = 0;
        for _ in 0..31 {
            let form = [("company", "com_x"), ("seen", "x")];
            let answer = browser.post_form(&format!("/api/{path}"), &form).await;
            refused += usize::from(answer.status() == StatusCode::TOO_MANY_REQUESTS);
        }
        assert_eq!(refused, 1, "{path}");
    }
}
on_both!(what_reaches_stripe_counts_against_the_address);
