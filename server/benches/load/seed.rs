//! Paying customers, made quickly: at Stripe by the sandbox's own hand, and here as the rows their
//! sign-in, checkout and first role sync would have left. Then one sync of all reads them, which
//! finds nothing to change.

use crate::Outcome;
use crate::installation::{Installation, Payer};
use sandbox::stripe::CardKind;
use server::db::Db;
use server::db::dirty::{self, Class, SubjectKind};
use server::sync;
use std::fmt;
use tokio::time::Instant;

/// How long the first sync of all took.
pub struct Seeded {
    customers: usize,
    seconds: f64,
}

impl fmt::Display for Seeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (customers, seconds) = (self.customers, self.seconds);
        let rate = f64::from(u32::try_from(customers).unwrap_or(u32::MAX)) / seconds;
        write!(f, "{customers} in {seconds:.1} s, {rate:.0} a second")
    }
}

pub async fn seed(house: &mut Installation) -> Outcome<Seeded> {
    let db = house.eager.db.clone();
    let (plan_id, price_id): (String, String) = sqlx::query_as(
        "SELECT plans.id, prices.id FROM plans JOIN prices ON prices.plan_id = plans.id \
         WHERE plans.name = 'Member' AND prices.period = 'month' AND prices.active = 1",
    )
    .fetch_one(db.reader())
    .await?;
    let now = house.eager.clock.policy_ms();
    let numbers: Vec<usize> = (0..house.size.customers).collect();
    for some in numbers.chunks(250) {
        let mut made = Vec::new();
        house.sandbox.with(|world| -> Outcome<()> {
            for number in some {
                let discord_id = format!("22{number:017}");
                let metadata = [
                    ("rollcall_payer", format!("pay_bench_{number}")),
                    ("rollcall_discord_user", discord_id.clone()),
                ];
                let metadata = metadata
                    .each_ref()
                    .map(|(key, value)| (*key, value.as_str()));
                let email = format!("payer{number}@example.org");
                let stripe = &mut world.stripe;
                let customer = stripe.add_customer(now, &email, &metadata);
                stripe.set_default_card(now, &customer, CardKind::Visa)?;
                let subscription = stripe.subscribe(now, &customer, &price_id, 1, &[])?;
                made.push((*number, discord_id, customer, subscription));
            }
            // Nobody is told of the past.
            world.take_deliveries_even_if_paused(now);
            Ok(())
        })?;
        rows(&db, &plan_id, &made, now).await?;
        house
            .payers
            .extend(made.into_iter().map(|(_, discord_id, customer, _)| Payer {
                customer,
                discord_id,
            }));
    }
    let from = Instant::now();
    sync::drain(&house.eager).await?;
    let seconds = from.elapsed().as_secs_f64();
    let users: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM dirty WHERE kind = 'user'")
        .fetch_one(db.reader())
        .await?;
    if users > 0 {
        return Err(
            format!("the rows do not fit Stripe: {users} people would be looked at").into(),
        );
    }
    Ok(Seeded {
        customers: house.payers.len(),
        seconds,
    })
}

/// Number, Discord account, customer and subscription of somebody who pays.
type Made = (usize, String, String, String);

/// What their sign-in and checkout would have left here; their sync is due.
async fn rows(db: &Db, plan_id: &str, made: &[Made], now: i64) -> Outcome<()> {
    let mut tx = db.begin().await?;
    for (number, discord_id, customer, subscription) in made {
        let user = format!("usr_bench_{number}");
        let payer = format!("pay_bench_{number}");
        sqlx::query(
            "INSERT INTO users (id, discord_user_id, name, email_verified, in_guild, created_at, signed_in_at) \
             VALUES ($1, $2, $1, 0, 1, $3, $3)",
        )
        .bind(&user)
        .bind(discord_id)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        sqlx::query("INSERT INTO payers (id, user_id, created_at) VALUES ($1, $2, $3)")
            .bind(&payer)
            .bind(&user)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "INSERT INTO customers (id, payer_id, deleted, created_at) VALUES ($1, $2, 0, $3)",
        )
        .bind(customer)
        .bind(&payer)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO entitlements (user_id, plan_id, source, source_id, state, reason, changed_at) \
             VALUES ($1, $2, 'subscription', $3, 'granted', 'paid', $4)",
        )
        .bind(&user)
        .bind(plan_id)
        .bind(subscription)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        dirty::mark(
            &mut tx,
            SubjectKind::Payer,
            &payer,
            now,
            Class::Bulk,
            "bench",
        )
        .await?;
    }
    tx.commit().await?;
    Ok(())
}
