//! Roles: joining, refusals, replacement, and that a refusal is never recorded as done.

mod handover;
mod refused;

use crate::login::site::ADA;
use crate::on_both;
use crate::support::{OUTSIDE, World};
use sandbox::discord::{Effect, Fault};

async fn grants(world: &World) -> Vec<(String, Option<i64>)> {
    sqlx::query_as("SELECT state, code FROM grants ORDER BY role_id")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}

fn role_calls(world: &World) -> usize {
    world.sandbox.with(|w| {
        w.discord
            .calls
            .iter()
            .filter(|call| call.path.contains("/members/") && call.method != "GET")
            .count()
    })
}

async fn a_payer_outside_is_added_and_the_token_is_deleted(world: &World) {
    let mut person = world.sign_in(OUTSIDE).await;
    assert_eq!(world.count("SELECT COUNT(*) FROM join_tokens").await, 1);
    person.subscribe("Member").await;
    assert!(world.sandbox.with(|w| w.discord.is_member(OUTSIDE)));
    assert!(person.has_roles(&world.plan_roles("Member").await));
    assert_eq!(world.count("SELECT COUNT(*) FROM join_tokens").await, 0);
}
on_both!(a_payer_outside_is_added_and_the_token_is_deleted);

async fn a_token_is_not_kept_for_somebody_who_is_there(world: &World) {
    world.sign_in(ADA).await;
    assert_eq!(world.count("SELECT COUNT(*) FROM join_tokens").await, 0);
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM users WHERE in_guild = 1")
            .await,
        1
    );
}
on_both!(a_token_is_not_kept_for_somebody_who_is_there);

async fn syncing_again_asks_for_nothing(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let before = role_calls(world);
    let mut tx = world.state.db.begin().await.unwrap();
    let now = world.state.clock.policy_ms();
    for (kind, id) in [
        (server::db::dirty::SubjectKind::User, ada.user_id.as_str()),
        (
            server::db::dirty::SubjectKind::Plans,
            server::plans::SUBJECT,
        ),
    ] {
        server::db::dirty::mark(
            &mut tx,
            kind,
            id,
            now,
            server::db::dirty::Class::Bulk,
            "test",
        )
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    world.work().await;
    assert_eq!(role_calls(world), before);
    assert_eq!(grants(world).await, [("granted".to_owned(), None)]);
}
on_both!(syncing_again_asks_for_nothing);

async fn a_refusal_is_shown_and_healed_when_the_server_is_mended(world: &World) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.set_bot_permissions(now, 0).unwrap();
    });
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert!(world.roles_of(ADA).is_empty());
    assert_eq!(grants(world).await, [("refused".to_owned(), Some(50_013))]);
    assert!(
        world
            .count(
                "SELECT COUNT(*) FROM incidents WHERE closed_at IS NULL AND kind = 'role refused'"
            )
            .await
            == 1
    );
    let page = ada.page("/billing").await;
    assert!(page.contains("operator"), "the person is told who mends it");
    // Mended: the next look at the guild re-arms whoever waits.
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.set_bot_permissions(now, (1 << 28) | 1).unwrap();
    });
    world.advance(std::time::Duration::from_mins(11));
    world.settle().await;
    assert!(ada.has_roles(&world.plan_roles("Member").await));
    assert_eq!(grants(world).await, [("granted".to_owned(), None)]);
}
on_both!(a_refusal_is_shown_and_healed_when_the_server_is_mended);

async fn an_unanswered_call_is_looked_up_before_it_is_believed(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    world.sandbox.with(|w| {
        w.discord.faults.add(Fault {
            method: Some("PUT".into()),
            path: "/roles/".into(),
            times: 10,
            effect: Effect::Status {
                status: 502,
                code: 0,
                landed: true,
            },
        });
    });
    ada.subscribe("Member").await;
    // It landed at Discord, and we do not say so yet.
    assert!(ada.has_roles(&world.plan_roles("Member").await));
    assert_eq!(grants(world).await, [("wanted".to_owned(), None)]);
    world.sandbox.with(|w| w.discord.faults.clear());
    world.advance(std::time::Duration::from_mins(16));
    world.settle().await;
    assert_eq!(grants(world).await, [("granted".to_owned(), None)]);
}
on_both!(an_unanswered_call_is_looked_up_before_it_is_believed);

async fn a_dangerous_role_is_not_granted(world: &World) {
    let role = world.plan_roles("Member").await.remove(0);
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        // Kick Members.
        w.discord.set_role_permissions(now, &role, 1 << 1).unwrap();
    });
    world.advance(std::time::Duration::from_mins(11));
    world.work().await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert!(world.roles_of(ADA).is_empty());
    assert_eq!(grants(world).await, [("refused".to_owned(), None)]);
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.set_role_permissions(now, &role, 0).unwrap();
    });
    world.advance(std::time::Duration::from_mins(11));
    world.settle().await;
    assert!(ada.has_roles(&[role]));
}
on_both!(a_dangerous_role_is_not_granted);

async fn a_replaced_role_goes_only_when_its_replacement_is_there(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let (old, new) = (
        world.plan_roles("Member").await,
        world.plan_roles("Patron").await,
    );
    let only_new: Vec<String> = new
        .iter()
        .filter(|role| !old.contains(role))
        .cloned()
        .collect();
    let only_old: Vec<String> = old
        .iter()
        .filter(|role| !new.contains(role))
        .cloned()
        .collect();
    assert!(
        !only_new.is_empty() && !only_old.is_empty(),
        "{old:?} {new:?}"
    );
    let subscription: String = sqlx::query_scalar("SELECT id FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let price = world.price("Patron").await;
    world.sandbox.with(|w| {
        w.discord.faults.add(Fault {
            method: Some("PUT".into()),
            path: "/roles/".into(),
            times: 10,
            effect: Effect::Status {
                status: 403,
                code: 50_013,
                landed: false,
            },
        });
    });
    change_plan(world, &subscription, &price).await;
    world.settle().await;
    assert!(
        ada.has_roles(&only_old),
        "the old role stays while the new one is refused"
    );
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.faults.clear();
        w.discord.rename_role(now, &only_new[0], "Patrons").unwrap();
    });
    world.advance(std::time::Duration::from_mins(11));
    world.settle().await;
    assert!(ada.has_roles(&only_new));
    assert!(!ada.has_roles(&only_old));
}
on_both!(a_replaced_role_goes_only_when_its_replacement_is_there);

/// Changes the plan at Stripe, over its API.
pub async fn change_plan(world: &World, subscription: &str, price: &str) {
    let at = format!(
        "{}/v1/subscriptions/{subscription}",
        world.sandbox.base_url()
    );
    let http = reqwest::Client::new();
    let now: serde_json::Value = serde_json::from_str(
        &http
            .get(&at)
            .bearer_auth("sk_test_sandbox")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
    )
    .unwrap();
    let item = now["items"]["data"][0]["id"].as_str().unwrap().to_owned();
    let form = [("items[0][id]", item.as_str()), ("items[0][price]", price)];
    let changed = http
        .post(&at)
        .bearer_auth("sk_test_sandbox")
        .form(&form)
        .send()
        .await
        .unwrap();
    assert!(
        changed.status().is_success(),
        "{}",
        changed.text().await.unwrap()
    );
}
