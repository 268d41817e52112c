//! Discord: many changes of roles within its limits, how soon the first call is sent after a sync,
//! and a look at everybody.

use crate::Outcome;
use crate::installation::Installation;
use crate::table::Table;
use crate::wave::ratio;
use sandbox::discord::Limit;
use sandbox::stripe::CardKind;
use server::db::dirty::{self, Class, SubjectKind};
use server::{reconcile, sync};
use std::time::Duration;
use tokio::time::Instant;

/// The sandbox's own bucket of role changes is 10 in 10 s; here it is so many times as fast.
const FASTER: i64 = 20;
const CHANGES: Limit = Limit {
    requests: 10,
    per_ms: 10_000 / FASTER,
};
const READS: Limit = Limit {
    requests: 5,
    per_ms: 1_000 / FASTER,
};
/// Of what the headers allow.
const LEAST_USED: f64 = 0.95;
/// From the end of a sync to the role's call, ms.
const MOST_TO_CALL_MS: f64 = 100.0;
const NEWCOMERS: usize = 20;
const PATIENCE: Duration = Duration::from_mins(20);
const ROLE_ROUTE: &str = "/guilds/{guild}/members/{id}/roles/{id}";

/// Whose roles are to follow, as rows leave them.
struct Who {
    user_id: String,
    discord_id: String,
}

pub async fn run(house: &mut Installation, table: &mut Table) -> Outcome<()> {
    drain(house, table).await?;
    newcomers(house, table).await?;
    sweep(house, table).await
}

async fn drain(house: &Installation, table: &mut Table) -> Outcome<()> {
    limits(house, CHANGES, READS);
    let who = members(house, "drain", house.size.changes).await?;
    entitle(house, &who, false).await?;
    house.sandbox.with(|world| world.discord.calls.clear());
    let ageing = house.goes_on();
    let working = tokio::spawn(sync::run(house.eager.clone()));
    let from = Instant::now();
    mark(house, &who).await?;
    let changed = |status: u16| {
        house.sandbox.with(|world| {
            let calls = world.discord.calls.iter();
            calls
                .filter(|call| call.route == ROLE_ROUTE && call.status == status)
                .count()
        })
    };
    while changed(204) < who.len() && from.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = from.elapsed().as_secs_f64();
    let done = changed(204);
    working.abort();
    ageing.abort();
    let throttled = house.sandbox.with(|world| {
        let calls = world.discord.calls.iter();
        calls.filter(|call| call.status == 429).count()
    });
    // A window that began has all its places.
    let windows = (took * 1_000.0 / ratio(u64::try_from(CHANGES.per_ms)?, 1)).ceil();
    let allowed = windows * f64::from(CHANGES.requests);
    let name = house.name;
    let figure = |what: &str| format!("{} role changes: {what}", who.len());
    table.at_least(
        name,
        &figure("used of what the headers allow"),
        ratio(u64::try_from(done)?, 1) / allowed,
        LEAST_USED,
    );
    table.at_most(
        name,
        &figure("answers of 429"),
        ratio(u64::try_from(throttled)?, 1),
        0.0,
        "",
    );
    table.told(name, &figure("took"), &format!("{took:.1} s"));
    Ok(())
}

async fn newcomers(house: &Installation, table: &mut Table) -> Outcome<()> {
    generous(house);
    // The window the changes before have used up is over; waiting for it is not our own time.
    tokio::time::sleep(Duration::from_millis(u64::try_from(CHANGES.per_ms)?)).await;
    let who = members(house, "newcomer", NEWCOMERS).await?;
    let price: String = sqlx::query_scalar(
        "SELECT prices.id FROM prices JOIN plans ON plans.id = prices.plan_id \
         WHERE plans.name = 'Member' AND prices.period = 'month' AND prices.active = 1",
    )
    .fetch_one(house.eager.db.reader())
    .await?;
    let working = tokio::spawn(sync::run(house.eager.clone()));
    let mut worst = 0.0_f64;
    for one in &who {
        let payer = pays(house, one, &price).await?;
        house.counts.clear();
        let mut tx = house.eager.db.begin().await?;
        let now = house.eager.clock.policy_ms();
        let (kind, class) = (SubjectKind::Payer, Class::Urgent);
        dirty::mark(&mut tx, kind, &payer, now, class, "bench").await?;
        tx.commit().await?;
        house.eager.work.notify_one();
        let from = Instant::now();
        let ms = loop {
            if let Some(ms) = house.counts.stripe_to_role_ms() {
                break ms;
            }
            if from.elapsed() > PATIENCE {
                return Err("a newcomer did not get the role".into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        worst = worst.max(ms);
    }
    working.abort();
    table.at_most(
        house.name,
        &format!(
            "Stripe's last answer → role call sent, its writing included, worst of {NEWCOMERS}"
        ),
        worst,
        MOST_TO_CALL_MS,
        " ms",
    );
    Ok(())
}

async fn sweep(house: &Installation, table: &mut Table) -> Outcome<()> {
    generous(house);
    let who = members(house, "sweep", house.size.members).await?;
    entitle(house, &who, true).await?;
    let role = member_role(house).await?;
    // One of a hundred is wrong: half of them lack the role, half have left.
    let wrong: Vec<&Who> = who.iter().step_by(100).collect();
    house.sandbox.with(|world| -> Outcome<()> {
        let now = world.clock.now_ms();
        for (at, one) in who.iter().enumerate() {
            if at % 200 == 100 {
                world.discord.member_leave(&one.discord_id)?;
            } else if at % 100 != 0 {
                let id = &one.discord_id;
                world.discord.add_role_by_hand(now, id, &role)?;
            }
        }
        world.discord.calls.clear();
        Ok(())
    })?;
    let inside = house
        .sandbox
        .with(|world| world.discord.guild.members.len());
    let from = Instant::now();
    reconcile::soon(&house.eager, "bench").await?;
    sync::drain(&house.eager).await?;
    let took = from.elapsed().as_secs_f64();
    let count = |method: &str, route: &str| {
        house
            .sandbox
            .with(|world| world.discord.calls.count(method, route))
    };
    let name = house.name;
    let figure = |what: &str| format!("look at {inside} members, {} wrong: {what}", wrong.len());
    let number = |count: usize| ratio(u64::try_from(count).unwrap_or(u64::MAX), 1);
    table.at_most(
        name,
        &figure("pages read"),
        number(count("GET", "/guilds/{guild}/members")),
        number(inside / 1_000 + 1),
        "",
    );
    let left = who.len() / 200;
    table.at_most(
        name,
        &figure("members read one by one (the bot among them)"),
        number(count("GET", "/guilds/{guild}/members/{id}")),
        number(wrong.len() + left + 2),
        "",
    );
    table.at_most(
        name,
        &figure("roles written"),
        number(count("PUT", ROLE_ROUTE) + count("DELETE", ROLE_ROUTE)),
        number(wrong.len() - left),
        "",
    );
    table.told(name, &figure("took"), &format!("{took:.1} s"));
    Ok(())
}

fn limits(house: &Installation, changes: Limit, reads: Limit) {
    house.sandbox.with(|world| {
        let limits = &mut world.discord.limits;
        limits.global_per_second = 1_000_000;
        limits.set("member-roles", changes);
        limits.set("member", reads);
    });
}

pub fn generous(house: &Installation) {
    let any = Limit {
        requests: 1_000_000,
        per_ms: 1_000,
    };
    limits(house, any, any);
}

async fn member_role(house: &Installation) -> Outcome<String> {
    Ok(sqlx::query_scalar(
        "SELECT role_id FROM plan_roles JOIN plans ON plans.id = plan_roles.plan_id WHERE plans.name = 'Member'",
    )
    .fetch_one(house.eager.db.reader())
    .await?)
}

/// Members of the server with a row of ours.
async fn members(house: &Installation, prefix: &str, many: usize) -> Outcome<Vec<Who>> {
    let who: Vec<Who> = house.sandbox.with(|world| -> Outcome<Vec<Who>> {
        let now = world.clock.now_ms();
        let mut who = Vec::with_capacity(many);
        for number in 0..many {
            let name = format!("{prefix} {number}");
            let discord_id = world.discord.create_user(now, &name, false)?;
            world.discord.member_join(now, &discord_id)?;
            who.push(Who {
                user_id: format!("usr_{prefix}_{number}"),
                discord_id,
            });
        }
        Ok(who)
    })?;
    let now = house.eager.clock.policy_ms();
    for some in who.chunks(250) {
        let mut tx = house.eager.db.begin().await?;
        for one in some {
            sqlx::query(
                "INSERT INTO users (id, discord_user_id, name, email_verified, in_guild, created_at, signed_in_at) \
                 VALUES ($1, $2, $1, 0, 1, $3, $3)",
            )
            .bind(&one.user_id)
            .bind(&one.discord_id)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
    }
    Ok(who)
}

/// Gives them the plan, and with `granted` says that Discord gave them its role.
async fn entitle(house: &Installation, who: &[Who], granted: bool) -> Outcome<()> {
    let role = member_role(house).await?;
    let now = house.eager.clock.policy_ms();
    for some in who.chunks(250) {
        let mut tx = house.eager.db.begin().await?;
        for one in some {
            sqlx::query(
                "INSERT INTO entitlements (user_id, plan_id, source, source_id, state, reason, changed_at) \
                 SELECT $1, id, 'subscription', $2, 'granted', 'paid', $3 FROM plans WHERE name = 'Member'",
            )
            .bind(&one.user_id)
            .bind(format!("sub_{}", one.user_id))
            .bind(now)
            .execute(&mut *tx)
            .await?;
            if granted {
                sqlx::query(
                    "INSERT INTO grants (user_id, role_id, state, changed_at) VALUES ($1, $2, 'granted', $3)",
                )
                .bind(&one.user_id)
                .bind(&role)
                .bind(now)
                .execute(&mut *tx)
                .await?;
            }
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn mark(house: &Installation, who: &[Who]) -> Outcome<()> {
    let now = house.eager.clock.policy_ms();
    for some in who.chunks(250) {
        let mut tx = house.eager.db.begin().await?;
        for one in some {
            let (kind, class) = (SubjectKind::User, Class::Bulk);
            dirty::mark(&mut tx, kind, &one.user_id, now, class, "bench").await?;
        }
        tx.commit().await?;
        house.eager.work.notify_one();
    }
    Ok(())
}

/// Somebody's customer at Stripe with a running subscription that nobody here has read yet.
async fn pays(house: &Installation, one: &Who, price: &str) -> Outcome<String> {
    let payer = format!("pay_{}", one.user_id);
    let customer = house.sandbox.with(|world| -> Outcome<String> {
        let now = world.clock.now_ms();
        let metadata = [
            ("rollcall_payer", payer.as_str()),
            ("rollcall_discord_user", one.discord_id.as_str()),
        ];
        let stripe = &mut world.stripe;
        let customer = stripe.add_customer(now, "newcomer@example.org", &metadata);
        stripe.set_default_card(now, &customer, CardKind::Visa)?;
        stripe.subscribe(now, &customer, price, 1, &[])?;
        world.take_deliveries_even_if_paused(now);
        Ok(customer)
    })?;
    let now = house.eager.clock.policy_ms();
    let mut tx = house.eager.db.begin().await?;
    sqlx::query("INSERT INTO payers (id, user_id, created_at) VALUES ($1, $2, $3)")
        .bind(&payer)
        .bind(&one.user_id)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    sqlx::query("INSERT INTO customers (id, payer_id, deleted, created_at) VALUES ($1, $2, 0, $3)")
        .bind(&customer)
        .bind(&payer)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(payer)
}
