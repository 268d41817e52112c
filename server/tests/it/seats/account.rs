//! A holder's account moves, or goes; a company is never without an owner by it.

use crate::account::{carried_out, confirm, ticket};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use crate::support::acme::Colleague;
use app::account::{AccountError, AccountPort};
use app::invites::InvitesPort;
use server::account::Accounts;
use std::time::Duration;

const LINUS: &str = crate::account::LINUS;

fn colleague(user_id: &str, discord_id: &str) -> Colleague {
    Colleague {
        user_id: user_id.to_owned(),
        discord_id: discord_id.to_owned(),
        email: String::new(),
    }
}

async fn a_deleted_account_gives_its_seat_back(world: &World) {
    let acme = world.acme(2).await;
    let (ada, linus) = (world.colleague("ada").await, world.colleague("linus").await);
    acme.seat(&ada).await;
    world.advance(Duration::from_mins(5));
    acme.seat(&linus).await;
    acme.dashboard(1).await;
    world.advance(Duration::from_hours(73));
    world.settle().await;
    assert!(acme.has_roles(&ada) && !acme.has_roles(&linus));
    let accounts = Accounts(world.state.clone());
    let last = accounts.delete(&acme.owner.user_id, "delete").await;
    assert_eq!(last, Err(AccountError::LastOwner));
    let (seat, _) = acme.seat_of(&ada).await.unwrap();
    accounts.delete(&ada.user_id, "delete").await.unwrap();
    carried_out(world).await;
    assert!(!acme.has_roles(&ada));
    assert!(acme.has_roles(&linus), "who waited has it");
    let left: (String, Option<String>, Option<String>, Option<String>) =
        sqlx::query_as("SELECT state, because, user_id, email FROM seats WHERE id = $1")
            .bind(&seat)
            .fetch_one(world.state.db.reader())
            .await
            .unwrap();
    assert_eq!(left, ("revoked".into(), Some("deleted".into()), None, None));
}
on_both!(a_deleted_account_gives_its_seat_back);

async fn a_seat_moves_along_with_a_membership(world: &World) {
    let acme = world.acme(1).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let token = acme.token().await;
    acme.invites().claim(&ada.user_id, &token).await.unwrap();
    world.settle().await;
    let before = colleague(&ada.user_id, ADA);
    assert!(acme.has_roles(&before));
    let moving = ticket(world, &mut ada, LINUS).await;
    confirm(&mut ada, &moving).await;
    world.settle().await;
    let linus = crate::account::user(world, LINUS).await.unwrap();
    let after = colleague(&linus, LINUS);
    assert!(!acme.has_roles(&before), "off the one");
    assert!(acme.has_roles(&after), "and onto the other");
    assert_eq!(acme.pool().await.claimed, 1);
}
on_both!(a_seat_moves_along_with_a_membership);

/// Addresses of those who were invited in vain are forgotten with everything else.
async fn addresses_of_old_invites_are_forgotten(world: &World) {
    let acme = world.acme(2).await;
    let owner = &acme.owner.user_id;
    let list = "nobody@acme.test";
    acme.invites()
        .invite(owner, &acme.id, &acme.plan, list)
        .await
        .unwrap();
    world.settle().await;
    world.advance(Duration::from_hours(24 * 8));
    world.settle().await;
    let kept = || world.count("SELECT COUNT(*) FROM seats WHERE email IS NOT NULL");
    server::seats::tidy(&world.state).await.unwrap();
    assert_eq!(kept().await, 1);
    world.advance(Duration::from_hours(24 * 91));
    world.settle().await;
    server::seats::tidy(&world.state).await.unwrap();
    assert_eq!(kept().await, 0);
}
on_both!(addresses_of_old_invites_are_forgotten);
