//! What needs the operator's yes.

use super::{acts, desk, press};
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::World;
use app::admin::{AdminPort, RoleChange};

/// Sets a product's roles at Stripe.
async fn map(world: &World, plan: &str, roles: &str) -> String {
    let id: String = sqlx::query_scalar("SELECT id FROM plans WHERE name = $1")
        .bind(plan)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let answer = reqwest::Client::new()
        .post(format!("{}/v1/products/{id}", world.sandbox.base_url()))
        .bearer_auth("sk_test_sandbox")
        .form(&[("metadata[rollcall_roles]", roles)])
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success());
    world.settle().await;
    id
}

/// A role of the server that no plan has, below the bot's.
fn spare_role(world: &World) -> String {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.create_role(now, "Guests", 0).unwrap()
    })
}

async fn a_role_joins_and_leaves_a_plan_with_a_yes(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let mut grace = world.sign_in(GRACE).await;
    let old = world.plan_roles("Member").await;
    let new = spare_role(world);
    let plan = map(world, "Member", &format!("{},{new}", old.join(","))).await;
    assert!(
        !ada.has_roles(std::slice::from_ref(&new)),
        "not before the yes"
    );
    let waiting = desk(world).roles().await.unwrap().waiting;
    assert_eq!(waiting.len(), 1);
    assert_eq!(
        (waiting[0].change, waiting[0].people),
        (RoleChange::Joining, 1)
    );
    assert_eq!(waiting[0].role_name.as_deref(), Some("Guests"));
    let page = grace.page("/admin/roles").await;
    assert!(page.contains("Guests joins Member") && page.contains("1 person who has"));

    let answer = |yes| {
        [
            ("plan_id", plan.as_str()),
            ("role_id", new.as_str()),
            ("rights", ""),
            ("yes", yes),
        ]
    };
    let to = press(&mut grace, "desk_answer_role", &answer("true")).await;
    assert_eq!(to, "/admin/work?done=approved");
    let to = press(&mut grace, "desk_answer_role", &answer("false")).await;
    assert_eq!(to, "/admin/work?problem=changed", "answered once");
    world.settle().await;
    assert!(ada.has_roles(std::slice::from_ref(&new)));

    map(world, "Member", &old.join(",")).await;
    assert!(
        ada.has_roles(std::slice::from_ref(&new)),
        "nobody loses it before the yes"
    );
    assert_eq!(
        desk(world).roles().await.unwrap().waiting[0].change,
        RoleChange::Leaving
    );
    press(&mut grace, "desk_answer_role", &answer("false")).await;
    map(world, "Member", &old.join(",")).await;
    assert!(ada.has_roles(std::slice::from_ref(&new)));
    assert_eq!(
        desk(world).roles().await.unwrap().waiting,
        [],
        "a no is not asked again"
    );

    map(world, "Member", &format!("{},{new}", old.join(","))).await;
    map(world, "Member", &old.join(",")).await;
    press(&mut grace, "desk_answer_role", &answer("true")).await;
    world.settle().await;
    assert!(!ada.has_roles(std::slice::from_ref(&new)));
    assert!(ada.has_roles(&old));
    assert_eq!(
        acts(world).await,
        [("role answered".into(), new.clone())].into()
    );
    let details: Vec<String> =
        sqlx::query_scalar("SELECT detail FROM audit WHERE event = 'role answered' ORDER BY at")
            .fetch_all(world.state.db.reader())
            .await
            .unwrap();
    assert_eq!(details.len(), 3);
}
on_both!(a_role_joins_and_leaves_a_plan_with_a_yes);

async fn a_declined_role_is_not_asked_about_again(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let mut grace = world.sign_in(GRACE).await;
    let old = world.plan_roles("Member").await;
    let new = spare_role(world);
    let both = format!("{},{new}", old.join(","));
    let plan = map(world, "Member", &both).await;
    let no = [
        ("plan_id", plan.as_str()),
        ("role_id", new.as_str()),
        ("rights", ""),
        ("yes", "false"),
    ];
    let to = press(&mut grace, "desk_answer_role", &no).await;
    assert_eq!(to, "/admin/work?done=declined");
    map(world, "Member", &both).await;
    assert_eq!(desk(world).roles().await.unwrap().waiting, []);
    assert!(!ada.has_roles(std::slice::from_ref(&new)));
    // Taken out and put in again is another question.
    map(world, "Member", &old.join(",")).await;
    map(world, "Member", &both).await;
    assert_eq!(desk(world).roles().await.unwrap().waiting.len(), 1);
}
on_both!(a_declined_role_is_not_asked_about_again);

async fn dangerous_rights_need_a_yes_of_their_own(world: &World) {
    let role = world.plan_roles("Member").await.remove(0);
    let carries = |rights: u64| {
        world.sandbox.with(|w| {
            let now = w.clock.now_ms();
            w.discord.set_role_permissions(now, &role, rights).unwrap();
        });
    };
    carries(1 << 1);
    world.advance(std::time::Duration::from_mins(11));
    world.work().await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert!(world.roles_of(ADA).is_empty());
    let mut grace = world.sign_in(GRACE).await;
    let listed = desk(world).roles().await.unwrap().dangerous;
    assert_eq!(
        (listed[0].rights.clone(), listed[0].people),
        (vec!["Kick Members".to_owned()], 1)
    );
    let page = grace.page("/admin/roles").await;
    assert!(page.contains("Carries Kick Members"));

    // It got more rights after the page was shown: the yes was not to those.
    carries((1 << 1) | (1 << 2));
    world.advance(std::time::Duration::from_mins(11));
    world.work().await;
    let yes = |rights| {
        [
            ("role_id", role.as_str()),
            ("rights", rights),
            ("yes", "true"),
        ]
    };
    let to = press(&mut grace, "desk_allow_role", &yes("Kick Members")).await;
    assert_eq!(to, "/admin/work?problem=changed");
    assert!(world.roles_of(ADA).is_empty());

    let to = press(
        &mut grace,
        "desk_allow_role",
        &yes("Kick Members, Ban Members"),
    )
    .await;
    assert_eq!(to, "/admin/work?done=allowed");
    world.settle().await;
    assert!(ada.has_roles(std::slice::from_ref(&role)));
    let allowed = desk(world).roles().await.unwrap().dangerous[0]
        .allowed
        .clone();
    assert_eq!(allowed.unwrap().0, format!("operator:{GRACE}"));
    assert_eq!(desk(world).counts().await.unwrap().incidents, 0);

    // A right it gets later is not covered; who has the role keeps it.
    carries((1 << 1) | (1 << 2) | (1 << 3));
    world.advance(std::time::Duration::from_mins(11));
    world.work().await;
    assert_eq!(
        desk(world).roles().await.unwrap().dangerous[0].allowed,
        None
    );
    assert_eq!(desk(world).counts().await.unwrap().incidents, 1);
    assert!(ada.has_roles(std::slice::from_ref(&role)));
    carries(0);
    world.advance(std::time::Duration::from_mins(11));
    world.settle().await;
}
on_both!(dangerous_rights_need_a_yes_of_their_own);
