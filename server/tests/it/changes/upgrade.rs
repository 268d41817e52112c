//! Up at once, down when the period ends, and taking it back.

use super::{
    DAY, changes, charged, confirm, dashboard, port, post, posts, preview, price, price_at_stripe,
    row, stripe, subscription, subscription_id,
};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use app::billing::Standing;
use app::changes::{ChangesPort, Direction};
use sandbox::discord::CallRecord;
use sandbox::faults::{Fault, FaultRule, Target};

/// Role calls since the log was `before` long: (method, role).
fn role_calls(world: &World, before: usize) -> Vec<(String, String)> {
    let roles = |call: &&CallRecord| call.path.contains("/roles/") && call.status == 204;
    world.sandbox.with(|w| {
        w.discord
            .calls
            .iter()
            .skip(before)
            .filter(roles)
            .map(|call| {
                let role = call.path.rsplit('/').next().unwrap();
                (call.method.clone(), role.to_owned())
            })
            .collect()
    })
}

fn calls_so_far(world: &World) -> usize {
    world.sandbox.with(|w| w.discord.calls.iter().count())
}

async fn an_upgrade_costs_what_was_shown_and_no_role_is_missing_on_the_way(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    world.advance(DAY * 10);
    world.settle().await;
    let before = charged(world, &ada).await;
    let discord = calls_so_far(world);

    let seen = preview(world, &ada, "Patron", "month").await;
    assert_eq!(seen.direction, Direction::Now);
    // Two thirds of the period are left: of 79 less what is left of 29.
    assert!(
        (3_200..3_500).contains(&seen.today.minor),
        "{:?}",
        seen.today
    );
    let total: i64 = seen.lines.iter().map(|line| line.amount.minor).sum();
    assert_eq!(total, seen.today.minor, "{:?}", seen.lines);
    assert_eq!(seen.card.as_ref().unwrap().last4, "4242");
    let to = price(world, "Patron", "month").await;
    let page = ada.page(&format!("/billing/change?to={to}")).await;
    assert!(page.contains("Today: ") && page.contains("Nothing has happened yet."));
    // Looking changes nothing.
    assert_eq!(charged(world, &ada).await, before);
    assert_ne!(price_at_stripe(world).await, to);
    assert_eq!(changes(world).await, []);

    // Time passes while the person reads; the sum stays what was shown.
    world.advance(DAY / 24 / 10);
    assert_eq!(confirm(&mut ada, &seen.seen).await, "/billing?changed=1");
    world.settle().await;
    assert_eq!(price_at_stripe(world).await, to);
    assert_eq!(charged(world, &ada).await, before + seen.today.minor);
    assert_eq!(changes(world).await, [row("now", "done")]);
    let page = ada.page("/billing?changed=1").await;
    assert!(page.contains("You have Patron now."));

    // The old role went only after the new one was confirmed.
    let (member, patron) = (
        world.plan_roles("Member").await,
        world.plan_roles("Patron").await,
    );
    let calls = role_calls(world, discord);
    assert_eq!(
        calls,
        [
            ("PUT".to_owned(), patron[0].clone()),
            ("DELETE".to_owned(), member[0].clone()),
        ]
    );
    assert!(ada.has_roles(&patron));
    // A second sync has nothing to do.
    let discord = calls_so_far(world);
    world.settle().await;
    assert_eq!(role_calls(world, discord), []);
}
on_both!(an_upgrade_costs_what_was_shown_and_no_role_is_missing_on_the_way);

async fn a_new_role_that_is_refused_leaves_the_old_one(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let (member, patron) = (
        world.plan_roles("Member").await,
        world.plan_roles("Patron").await,
    );
    let seen = preview(world, &ada, "Patron", "month").await;
    let fault = sandbox::faults::Fault::Answer {
        status: 500,
        effect: false,
    };
    let rule = sandbox::faults::FaultRule::always(sandbox::faults::Target::Discord, fault);
    world
        .sandbox
        .with(|w| w.faults.add(rule.at("PUT", "/roles/")));
    confirm(&mut ada, &seen.seen).await;
    world.sandbox.deliver_now().await;
    world.work().await;
    assert!(ada.has_roles(&member), "neither role is no way in");
    assert!(!ada.has_roles(&patron));
    world.sandbox.with(|w| w.faults.clear());
    world.advance(DAY / 24);
    world.settle().await;
    assert!(ada.has_roles(&patron) && !ada.has_roles(&member));
}
on_both!(a_new_role_that_is_refused_leaves_the_old_one);

async fn a_downgrade_waits_for_the_period_shows_its_date_and_is_taken_back(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let before = charged(world, &ada).await;
    let (member, patron) = (
        world.plan_roles("Member").await,
        world.plan_roles("Patron").await,
    );
    let seen = preview(world, &ada, "Member", "month").await;
    assert_eq!(seen.direction, Direction::Later);
    assert_eq!((seen.today.minor, seen.first.clone()), (0, None));
    let end = subscription(world).await["items"]["data"][0]["current_period_end"]
        .as_i64()
        .unwrap();
    assert_eq!(seen.from_at, end * 1000);
    assert_eq!(confirm(&mut ada, &seen.seen).await, "/billing?changed=1");
    world.settle().await;
    let board = dashboard(world, &ada).await;
    assert_eq!(board.standing, Standing::Active);
    let scheduled = board.membership.unwrap().scheduled.unwrap();
    assert_eq!(
        (scheduled.to.plan_name.as_str(), scheduled.at),
        ("Member", end * 1000)
    );
    let page = ada.page("/billing?changed=1").await;
    for text in ["You go to Member on", "Stay on Patron", "From then on"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(ada.has_roles(&patron));

    // Taken back: the schedule is gone at Stripe too.
    let id = subscription_id(world).await;
    let form = [("subscription", id.as_str())];
    assert_eq!(
        post(&mut ada, "/api/stay_on_plan", &form).await,
        "/billing?changed=1"
    );
    world.settle().await;
    assert!(subscription(world).await["schedule"].is_null());
    let board = dashboard(world, &ada).await;
    assert_eq!(board.membership.unwrap().scheduled, None);
    // A second press finds nothing, and says so.
    let again = post(&mut ada, "/api/stay_on_plan", &form).await;
    assert_eq!(again, "/billing?change=nothing-to-undo");

    // Chosen again, and let come.
    let seen = preview(world, &ada, "Member", "month").await;
    confirm(&mut ada, &seen.seen).await;
    world.settle().await;
    assert_eq!(
        charged(world, &ada).await,
        before,
        "nothing is charged for it"
    );
    world.advance(DAY * 32);
    world.settle().await;
    assert_eq!(
        price_at_stripe(world).await,
        price(world, "Member", "month").await
    );
    assert_eq!(charged(world, &ada).await, before + 2_900);
    assert!(ada.has_roles(&member) && !ada.has_roles(&patron));
    let board = dashboard(world, &ada).await;
    assert_eq!(board.membership.unwrap().scheduled, None);
    assert_eq!(
        changes(world).await,
        [
            row("later", "done"),
            row("later", "done"),
            row("stay", "done")
        ]
    );
}
on_both!(a_downgrade_waits_for_the_period_shows_its_date_and_is_taken_back);

async fn monthly_to_yearly_is_paid_at_once_and_back_waits(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    world.advance(DAY * 10);
    world.settle().await;
    let before = charged(world, &ada).await;
    let up = preview(world, &ada, "Member", "year").await;
    assert_eq!(up.direction, Direction::Now);
    assert!((27_000..27_500).contains(&up.today.minor), "{:?}", up.today);
    // The year begins today.
    let now = world.state.clock.policy_ms();
    let days = (up.from_at - now) / 86_400_000;
    assert!((364..=366).contains(&days), "{days}");
    confirm(&mut ada, &up.seen).await;
    world.settle().await;
    assert_eq!(charged(world, &ada).await, before + up.today.minor);
    let down = preview(world, &ada, "Patron", "month").await;
    assert_eq!(down.direction, Direction::Later, "yearly to monthly waits");
    confirm(&mut ada, &down.seen).await;
    world.settle().await;
    let board = dashboard(world, &ada).await;
    let scheduled = board.membership.unwrap().scheduled.unwrap();
    assert_eq!(
        scheduled.to.display().replace('\u{a0}', " "),
        "79 € a month"
    );
}
on_both!(monthly_to_yearly_is_paid_at_once_and_back_waits);

async fn another_change_first_releases_the_schedule(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let down = preview(world, &ada, "Member", "month").await;
    confirm(&mut ada, &down.seen).await;
    world.settle().await;
    let page = ada.page("/billing/change").await;
    assert!(page.contains("You are set to go to Member on"));
    let up = preview(world, &ada, "Patron", "year").await;
    assert!(up.scheduled.is_some());
    confirm(&mut ada, &up.seen).await;
    world.settle().await;
    assert_eq!(posts(world, "/release"), 1);
    let row = subscription(world).await;
    assert!(row["schedule"].is_null());
    assert_eq!(
        price_at_stripe(world).await,
        price(world, "Patron", "year").await
    );
    // The year's end comes and nothing of the old schedule does.
    world.advance(DAY * 370);
    world.settle().await;
    assert_eq!(
        price_at_stripe(world).await,
        price(world, "Patron", "year").await
    );
}
on_both!(another_change_first_releases_the_schedule);

/// The planned change had to make way before Stripe could be asked: the person is told.
async fn a_refusal_after_the_release_says_that_the_planned_change_is_gone(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let down = preview(world, &ada, "Member", "month").await;
    confirm(&mut ada, &down.seen).await;
    world.settle().await;
    let up = preview(world, &ada, "Patron", "year").await;
    let path = format!("/v1/subscriptions/{}", subscription_id(world).await);
    let fault = Fault::Answer {
        status: 400,
        effect: false,
    };
    world.sandbox.with(|w| {
        w.faults.add(
            FaultRule::always(Target::Stripe, fault)
                .at("POST", &path)
                .times(1),
        );
    });
    let to = confirm(&mut ada, &up.seen).await;
    assert!(to.ends_with("change=planned-taken-back"), "{to}");
    let page = ada.page(&to).await;
    assert!(
        page.contains("the one you had planned is taken back"),
        "{page}"
    );
    world.settle().await;
    assert!(subscription(world).await["schedule"].is_null());
    let board = dashboard(world, &ada).await;
    assert!(board.membership.unwrap().scheduled.is_none());
    assert_eq!(
        price_at_stripe(world).await,
        price(world, "Patron", "month").await
    );
}
on_both!(a_refusal_after_the_release_says_that_the_planned_change_is_gone);

async fn a_race_of_confirmations_is_one_change(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let before = charged(world, &ada).await;
    let seen = preview(world, &ada, "Patron", "month").await;
    let presses = (0..4).map(|_| {
        let mut browser = ada.browser.clone();
        let seen = seen.seen.clone();
        async move {
            let form = [("seen", seen.as_str())];
            let answer = browser.post_form("/api/confirm_change", &form).await;
            answer.headers()["location"].to_str().unwrap().to_owned()
        }
    });
    let to = futures::future::join_all(presses).await;
    assert!(
        to.iter().all(|to| to.ends_with("/billing?changed=1")),
        "{to:?}"
    );
    world.settle().await;
    let id = subscription_id(world).await;
    assert_eq!(posts(world, &format!("/v1/subscriptions/{id}")), 1);
    assert_eq!(charged(world, &ada).await, before + seen.today.minor);
    assert_eq!(changes(world).await, [row("now", "done")]);
}
on_both!(a_race_of_confirmations_is_one_change);

async fn in_a_trial_every_change_counts_at_once_and_costs_nothing(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let plan: String = sqlx::query_scalar("SELECT id FROM plans WHERE name = 'Patron'")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let trial = [("metadata[rollcall_trial_days]", "14")];
    stripe(world, "POST", &format!("/products/{plan}"), &trial).await;
    world.settle().await;
    ada.subscribe("Patron").await;
    assert_eq!(dashboard(world, &ada).await.standing, Standing::Trial);
    let seen = preview(world, &ada, "Member", "month").await;
    assert_eq!((seen.direction, seen.today.minor), (Direction::Now, 0));
    let row = subscription(world).await;
    assert_eq!(seen.from_at, row["trial_end"].as_i64().unwrap() * 1000);
    confirm(&mut ada, &seen.seen).await;
    world.settle().await;
    assert_eq!(charged(world, &ada).await, 0);
    let after = subscription(world).await;
    assert_eq!(
        (&after["status"], &after["trial_end"]),
        (&row["status"], &row["trial_end"])
    );
    assert!(ada.has_roles(&world.plan_roles("Member").await));
    assert!(!ada.has_roles(&world.plan_roles("Patron").await));
}
on_both!(in_a_trial_every_change_counts_at_once_and_costs_nothing);

async fn a_discount_outlives_a_downgrade(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let coupon = [("percent_off", "50"), ("duration", "forever")];
    let coupon = stripe(world, "POST", "/coupons", &coupon).await;
    let id = subscription_id(world).await;
    let form = [("discounts[0][coupon]", coupon["id"].as_str().unwrap())];
    stripe(world, "POST", &format!("/subscriptions/{id}"), &form).await;
    world.settle().await;
    let before = charged(world, &ada).await;
    let seen = preview(world, &ada, "Member", "month").await;
    assert_eq!(seen.first.as_ref().unwrap().minor, 1_450, "half of 29");
    confirm(&mut ada, &seen.seen).await;
    world.advance(DAY * 32);
    world.settle().await;
    assert_eq!(charged(world, &ada).await, before + 1_450);
}
on_both!(a_discount_outlives_a_downgrade);

async fn the_choices_are_the_other_plans_for_people(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let choices = port(world).choices(&ada.user_id).await.unwrap();
    assert_eq!(choices.current.plan_name, "Member");
    let offers: Vec<(String, i64)> = choices
        .offers
        .iter()
        .map(|offer| (offer.price.plan_name.clone(), offer.price.amount.minor))
        .collect();
    assert_eq!(
        offers,
        [
            ("Member".to_owned(), 29_000),
            ("Patron".to_owned(), 7_900),
            ("Patron".to_owned(), 79_000),
        ]
    );
    let page = ada.page("/billing/change").await;
    for text in [
        "Change your plan",
        "Paid monthly",
        "Paid yearly",
        "See what it costs",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("Team seats"));
}
on_both!(the_choices_are_the_other_plans_for_people);
