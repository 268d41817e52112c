//! Two moves at once, a reading under way, a checkout that is open, a link that is lost.

use super::{LINUS, MARGARET, confirm, metadata, ticket, user};
use crate::lifecycle::support::ask;
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use app::account::AccountError;
use server::account;
use server::db::DbError;
use server::db::dirty::{self, SubjectKind};
use server::sync::{SyncError, sync_payer};

async fn payer(world: &World) -> (String, Option<String>) {
    sqlx::query_as("SELECT id, user_id FROM payers ORDER BY created_at LIMIT 1")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

/// Who holds the plan's roles, of the three.
async fn holders(world: &World) -> Vec<&'static str> {
    let roles = world.plan_roles("Member").await;
    [ADA, LINUS, MARGARET]
        .into_iter()
        .filter(|who| roles.iter().any(|role| world.roles_of(who).contains(role)))
        .collect()
}

async fn of_two_moves_at_once_one_counts(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let first = ticket(world, &mut ada, LINUS).await;
    let second = ticket(world, &mut ada, MARGARET).await;
    let beside = world.on(world.state.db.clone());
    let (one, other) = tokio::join!(
        account::confirm(&world.state, &ada.user_id, &first),
        account::confirm(&beside, &ada.user_id, &second)
    );
    let winner = match (one, other) {
        (Ok(_), Err(_)) => LINUS,
        (Err(_), Ok(_)) => MARGARET,
        both => panic!("{both:?}"),
    };
    world.settle().await;
    assert_eq!(holders(world).await, [winner]);
    assert_eq!(payer(world).await.1, user(world, winner).await);
    // The same one sent twice counts once.
    for ticket in [first, second] {
        let again = confirm(&mut ada, &ticket).await;
        assert!(again.contains("problem="), "{again}");
    }
    assert_eq!(holders(world).await, [winner]);
}
on_both!(of_two_moves_at_once_one_counts);

async fn an_account_gets_one_membership_of_two(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let mut margaret = world.sign_in(MARGARET).await;
    margaret.subscribe("Member").await;
    let first = ticket(world, &mut ada, LINUS).await;
    let second = ticket(world, &mut margaret, LINUS).await;
    let beside = world.on(world.state.db.clone());
    let (one, other) = tokio::join!(
        account::confirm(&world.state, &ada.user_id, &first),
        account::confirm(&beside, &margaret.user_id, &second)
    );
    let stays = match (one, other) {
        (Ok(_), Err(refused)) => (MARGARET, refused),
        (Err(refused), Ok(_)) => (ADA, refused),
        both => panic!("{both:?}"),
    };
    assert_eq!(stays.1.told("test"), AccountError::OtherPays);
    world.settle().await;
    let mut expected = vec![stays.0, LINUS];
    expected.sort_unstable();
    assert_eq!(holders(world).await, expected);
    let gives = "SELECT COUNT(*) FROM entitlements WHERE state <> 'denied'";
    assert_eq!(world.count(gives).await, 2);
}
on_both!(an_account_gets_one_membership_of_two);

async fn a_reading_that_began_before_writes_nothing(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let (id, _) = payer(world).await;
    let ticket = ticket(world, &mut ada, LINUS).await;
    let claim = dirty::claim_one(
        &world.state.db,
        &*world.state.clock,
        SubjectKind::Payer,
        &id,
    );
    let early = claim.await.unwrap().unwrap();
    // Its process stands still for longer than its lease.
    dirty::free_all_leases(&world.state.db).await.unwrap();
    assert_eq!(confirm(&mut ada, &ticket).await, "/account?moved=1");
    let late = sync_payer(&world.state, &early).await;
    assert!(
        matches!(late, Err(SyncError::Db(DbError::Fenced))),
        "{late:?}"
    );
    world.settle().await;
    assert_eq!(holders(world).await, [LINUS]);
    let gives = "SELECT COUNT(*) FROM entitlements WHERE state <> 'denied'";
    assert_eq!(world.count(gives).await, 1);
}
on_both!(a_reading_that_began_before_writes_nothing);

async fn whoever_holds_the_payer_is_waited_for(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let (id, _) = payer(world).await;
    let ticket = ticket(world, &mut ada, LINUS).await;
    let claim = dirty::claim_one(
        &world.state.db,
        &*world.state.clock,
        SubjectKind::Payer,
        &id,
    );
    let held = claim.await.unwrap().unwrap();
    let reading = async {
        sync_payer(&world.state, &held).await.unwrap();
    };
    let (moved, ()) = tokio::join!(confirm(&mut ada, &ticket), reading);
    assert_eq!(moved, "/account?moved=1");
    world.settle().await;
    assert_eq!(holders(world).await, [LINUS]);
}
on_both!(whoever_holds_the_payer_is_waited_for);

/// What was begun before is the membership's: paid afterwards, it counts for whoever has it then.
async fn an_open_checkout_goes_along(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let price = world.pass_price("Season pass").await;
    let checkout = ada.start_checkout(&price).await;
    let id = ticket(world, &mut ada, LINUS).await;
    assert_eq!(confirm(&mut ada, &id).await, "/account?moved=1");
    let session = ada.pay(&checkout, "4242424242424242").await;
    let page = ada.page(&format!("/billing?session_id={session}")).await;
    assert!(!page.contains("This checkout is not yours"));
    world.settle().await;
    let whose: String = sqlx::query_scalar(
        "SELECT users.discord_user_id FROM entitlements JOIN users ON users.id = entitlements.user_id \
         WHERE entitlements.source = 'pass' AND entitlements.state = 'granted'",
    )
    .fetch_one(world.state.db.reader())
    .await
    .unwrap();
    assert_eq!(whose, LINUS);
}
on_both!(an_open_checkout_goes_along);

/// The link is lost; from the customer's metadata it is rebuilt to whoever has it now.
async fn a_lost_link_is_rebuilt_to_the_new_account(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let customer = ada.customer().await;
    let (id, _) = payer(world).await;
    let ticket = ticket(world, &mut ada, LINUS).await;
    confirm(&mut ada, &ticket).await;
    world.settle().await;
    assert_eq!(metadata(world, &customer)["rollcall_discord_user"], LINUS);
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("DELETE FROM customers WHERE id = $1")
        .bind(&customer)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    // Not even our id of the payer is left at Stripe: the account at Discord alone.
    let path = format!("/v1/customers/{customer}");
    ask(world, "POST", &path, "metadata[rollcall_payer]=");
    let subscription = crate::lifecycle::support::subscription(world).await;
    let path = format!("/v1/subscriptions/{subscription}");
    ask(world, "POST", &path, "metadata[touched]=1");
    world.settle().await;
    let linked: String = sqlx::query_scalar("SELECT payer_id FROM customers WHERE id = $1")
        .bind(&customer)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    assert_eq!(linked, id);
    assert_eq!(holders(world).await, [LINUS]);
    assert_eq!(world.count("SELECT COUNT(*) FROM payers").await, 1);
}
on_both!(a_lost_link_is_rebuilt_to_the_new_account);
