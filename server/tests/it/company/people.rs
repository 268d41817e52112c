//! Who looks after a company: made, unmade, and never without an owner.

use super::{company, port};
use crate::on_both;
use crate::support::World;
use crate::support::acme::{Acme, Colleague};
use app::company::{CompanyError, CompanyPort, CompanyRole};
use std::time::Duration;

use CompanyRole::{Admin, Owner};

async fn roles(world: &World, acme: &Acme<'_>) -> Vec<(String, String)> {
    sqlx::query_as(
        "SELECT user_id, role FROM company_people WHERE company_id = $1 ORDER BY user_id",
    )
    .bind(&acme.id)
    .fetch_all(world.state.db.reader())
    .await
    .unwrap()
}

async fn audit(world: &World, acme: &Acme<'_>) -> Vec<(String, Option<String>, String)> {
    sqlx::query_as(
        "SELECT actor, user_id, detail FROM audit WHERE event = 'company' AND subject = $1 ORDER BY at",
    )
    .bind(&acme.id)
    .fetch_all(world.state.db.reader())
    .await
    .unwrap()
}

async fn appoint(
    world: &World,
    acme: &Acme<'_>,
    by: &Colleague,
    whom: &Colleague,
    role: CompanyRole,
) -> Result<(), CompanyError> {
    // So that time tells the order of the audit.
    world.advance(Duration::from_secs(1));
    let port = port(world);
    port.appoint(&by.user_id, &acme.id, &whom.user_id, role)
        .await
}

async fn dismiss(
    world: &World,
    acme: &Acme<'_>,
    by: &Colleague,
    whom: &Colleague,
) -> Result<(), CompanyError> {
    world.advance(Duration::from_secs(1));
    let port = port(world);
    port.dismiss(&by.user_id, &acme.id, &whom.user_id).await
}

async fn ownership_is_handed_over_step_by_step(world: &World) {
    let acme = world.acme(5).await;
    let owner = acme.owner.clone();
    let ada = world.colleague("ada").await;
    let bob = world.colleague("bob").await;
    // Only whoever holds a seat is made an admin.
    let refused = appoint(world, &acme, &owner, &ada, Admin).await;
    assert_eq!(refused, Err(CompanyError::Stranger));
    acme.seat(&ada).await;
    acme.seat(&bob).await;
    let refused = appoint(world, &acme, &owner, &ada, Owner).await;
    assert_eq!(refused, Err(CompanyError::Outdated));
    for _ in 0..2 {
        appoint(world, &acme, &owner, &ada, Admin).await.unwrap();
    }
    // An admin decides over seats and money, not over people.
    let theirs = CompanyError::OwnersOnly;
    assert_eq!(appoint(world, &acme, &ada, &bob, Admin).await, Err(theirs));
    assert_eq!(appoint(world, &acme, &ada, &ada, Owner).await, Err(theirs));
    assert_eq!(dismiss(world, &acme, &ada, &owner).await, Err(theirs));
    // The last owner neither leaves nor steps back.
    let last = CompanyError::LastOwner;
    assert_eq!(dismiss(world, &acme, &owner, &owner).await, Err(last));
    assert_eq!(
        appoint(world, &acme, &owner, &owner, Admin).await,
        Err(last)
    );
    appoint(world, &acme, &owner, &ada, Owner).await.unwrap();
    appoint(world, &acme, &owner, &owner, Admin).await.unwrap();
    assert_eq!(dismiss(world, &acme, &ada, &ada).await, Err(last));
    let seen = company(world, &ada.user_id, &acme.id).await;
    let people: Vec<(&str, CompanyRole, bool)> = seen
        .people
        .iter()
        .map(|one| (one.user_id.as_str(), one.role, one.own))
        .collect();
    assert_eq!(
        people,
        [
            (ada.user_id.as_str(), Owner, true),
            (owner.user_id.as_str(), Admin, false)
        ]
    );
    // An admin gives it up; nobody is dismissed twice for it.
    dismiss(world, &acme, &owner, &owner).await.unwrap();
    let gone = dismiss(world, &acme, &owner, &owner).await;
    assert_eq!(gone, Err(CompanyError::NotFound));
    dismiss(world, &acme, &ada, &owner).await.unwrap();
    // Who steps back keeps the seat.
    appoint(world, &acme, &ada, &bob, Admin).await.unwrap();
    dismiss(world, &acme, &ada, &bob).await.unwrap();
    assert!(acme.has_roles(&bob));
    assert_eq!(acme.seat_of(&bob).await.unwrap().1, "claimed");
    let told = audit(world, &acme).await;
    let by = |user: &Colleague| format!("company:{}", user.user_id);
    let line = |actor: &Colleague, about: &Colleague, detail: &str| {
        (by(actor), Some(about.user_id.clone()), detail.to_owned())
    };
    assert_eq!(
        told,
        [
            line(&owner, &ada, "made admin"),
            line(&owner, &ada, "made owner"),
            line(&owner, &owner, "made admin"),
            line(&owner, &owner, "looks after it no more, by their own wish"),
            line(&ada, &bob, "made admin"),
            line(&ada, &bob, "looks after it no more"),
        ]
    );
}
on_both!(ownership_is_handed_over_step_by_step);

async fn however_many_leave_at_once_an_owner_stays(world: &World) {
    let acme = world.acme(5).await;
    let owner = acme.owner.clone();
    let ada = world.colleague("ada").await;
    acme.seat(&ada).await;
    acme.seat(&owner).await;
    for round in 0..8 {
        world.state.limits.forget();
        appoint(world, &acme, &owner, &ada, Admin).await.unwrap();
        appoint(world, &acme, &owner, &ada, Owner).await.unwrap();
        // Both step back, or both leave, or each turns the other out.
        let (one, other) = match round % 3 {
            0 => futures::join!(
                dismiss(world, &acme, &owner, &owner),
                dismiss(world, &acme, &ada, &ada),
            ),
            1 => futures::join!(
                appoint(world, &acme, &owner, &owner, Admin),
                appoint(world, &acme, &ada, &ada, Admin),
            ),
            _ => futures::join!(
                dismiss(world, &acme, &owner, &ada),
                dismiss(world, &acme, &ada, &owner),
            ),
        };
        let done = [&one, &other].iter().filter(|one| one.is_ok()).count();
        assert_eq!(done, 1, "{round}: {one:?} {other:?}");
        let owners: Vec<String> = roles(world, &acme)
            .await
            .into_iter()
            .filter(|(_, role)| role == "owner")
            .map(|(user, _)| user)
            .collect();
        assert_eq!(owners.len(), 1, "{round}");
        // The first owner has it again.
        if owners[0] == ada.user_id {
            appoint(world, &acme, &ada, &owner, Admin).await.unwrap();
            appoint(world, &acme, &ada, &owner, Owner).await.unwrap();
        }
        if roles(world, &acme)
            .await
            .iter()
            .any(|(user, _)| *user == ada.user_id)
        {
            dismiss(world, &acme, &owner, &ada).await.unwrap();
        }
    }
}
on_both!(however_many_leave_at_once_an_owner_stays);

async fn a_name_is_changed_and_told(world: &World) {
    let acme = world.acme(5).await;
    let owner = &acme.owner.user_id;
    let port = port(world);
    port.rename(owner, &acme.id, "  Analytical\n Engines ")
        .await
        .unwrap();
    let seen = company(world, owner, &acme.id).await;
    assert_eq!(seen.name, "Analytical Engines");
    // The same again is no step.
    port.rename(owner, &acme.id, "Analytical Engines")
        .await
        .unwrap();
    let refused = port.rename(owner, &acme.id, " \t ").await;
    assert_eq!(refused, Err(CompanyError::NameMissing));
    let told = audit(world, &acme).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].2, "renamed from “Acme” to “Analytical Engines”");
}
on_both!(a_name_is_changed_and_told);
