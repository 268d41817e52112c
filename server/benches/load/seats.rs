//! A company of many seats: its screen, a list of invites, and what everybody in it gets changed at
//! once.

use crate::Outcome;
use crate::installation::Installation;
use crate::roles::generous;
use crate::table::Table;
use app::invites::Sent;
use app::seats::SeatQuery;
use sandbox::stripe::CardKind;
use server::db::Db;
use server::db::dirty::{self, Class, SubjectKind};
use server::{invites, seats, sync};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

const COMPANY: &str = "com_bench";
const PAYER: &str = "pay_bench_company";
const LINES: usize = 1_000;
const SCREENS: usize = 60;
const MOST_SCREEN_MS: f64 = 100.0;
const MOST_INVITE_S: f64 = 2.0;
/// Somebody of the sandbox's demo.
const OWNER: &str = "1100000000000000101";

pub async fn run(house: &mut Installation, table: &mut Table) -> Outcome<()> {
    // What is measured is ours: nobody waits for Discord's limits.
    generous(house);
    let many = house.size.seats;
    let mut owner = Visitor::sign_in(house).await?;
    let plan = found(house, many).await?;
    let name = house.name;
    let from = Instant::now();
    sync::drain(&house.eager).await?;
    let took = format!("{:.2} s", from.elapsed().as_secs_f64());
    table.told(
        name,
        &format!("company of {many}: first sync with all its entitlements"),
        &took,
    );
    screens(house, &mut owner, table).await?;
    invite(house, &plan, table).await?;
    ending(house, &plan, table).await
}

async fn screens(house: &Installation, owner: &mut Visitor, table: &mut Table) -> Outcome<()> {
    let many = house.size.seats;
    for (what, tail) in [
        ("screen", ""),
        ("its last page", "?page=100"),
        ("search by a part of a name", "?q=_49"),
    ] {
        let path = format!("/company/{COMPANY}{tail}");
        owner.page(&path).await?;
        let mut times = Vec::with_capacity(SCREENS);
        for _ in 0..SCREENS {
            let from = Instant::now();
            owner.page(&path).await?;
            times.push(from.elapsed());
        }
        times.sort_unstable();
        let worst = times[times.len() - 1].as_secs_f64() * 1_000.0;
        table.at_most(
            house.name,
            &format!("company of {many}: {what}, worst of {SCREENS}"),
            worst,
            MOST_SCREEN_MS,
            " ms",
        );
    }
    Ok(())
}

async fn invite(house: &Installation, plan: &str, table: &mut Table) -> Outcome<()> {
    let lines: Vec<String> = (0..LINES)
        .map(|n| format!("guest{n}@example.org"))
        .collect();
    let list = lines.join("\n");
    let owner = owner_id(&house.eager.db).await?;
    let from = Instant::now();
    let sent = invites::invite(&house.mailing, &owner, COMPANY, plan, &list)
        .await
        .map_err(|error| format!("{error}"))?;
    let took = from.elapsed().as_secs_f64();
    if sent != Sent::All(LINES) {
        return Err(format!("not all were invited: {sent:?}").into());
    }
    table.at_most(
        house.name,
        &format!("{LINES} lines invited at once, with their mails"),
        took,
        MOST_INVITE_S,
        " s",
    );
    let query = SeatQuery {
        plan_id: plan.to_owned(),
        page: 1,
        ..SeatQuery::default()
    };
    let page = seats::list(&house.eager, &owner, COMPANY, &query)
        .await
        .map_err(|error| format!("{error}"))?;
    table.told(
        house.name,
        "seats in the table then",
        &page.found.to_string(),
    );
    Ok(())
}

/// Works on one subject alone; answers how long it took, s.
async fn work_on(house: &Installation, kind: SubjectKind, id: &str) -> Outcome<f64> {
    let state = &house.mailing;
    let claimed = dirty::claim_one(&state.db, &*state.clock, kind, id).await?;
    let lease = claimed.ok_or("somebody else works on it")?;
    let from = Instant::now();
    sync::work_on(state, lease).await;
    Ok(from.elapsed().as_secs_f64())
}

/// The company cancels: every seat gets an end, and everybody is told.
async fn ending(house: &Installation, plan: &str, table: &mut Table) -> Outcome<()> {
    let subscription: String =
        sqlx::query_scalar("SELECT id FROM subscriptions WHERE payer_id = $1")
            .bind(PAYER)
            .fetch_one(house.eager.db.reader())
            .await?;
    house.sandbox.with(|world| {
        let now = world.clock.now_ms();
        world.stripe.cancel_later(now, &subscription, false, false)
    })?;
    let mut tx = house.eager.db.begin().await?;
    let now = house.eager.clock.policy_ms();
    let (kind, class) = (SubjectKind::Payer, Class::Event);
    dirty::mark(&mut tx, kind, PAYER, now, class, "bench").await?;
    tx.commit().await?;
    let took = work_on(house, SubjectKind::Payer, PAYER).await?;
    let many = house.size.seats;
    let end: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM entitlements WHERE source = 'seat' AND until_at IS NOT NULL",
    )
    .fetch_one(house.eager.db.reader())
    .await?;
    if usize::try_from(end)? != many {
        return Err(format!("{end} of {many} seats got an end").into());
    }
    table.told(
        house.name,
        &format!("company of {many}: one sync that changes them all"),
        &format!("{took:.2} s"),
    );
    let took = work_on(house, SubjectKind::Holders, &format!("{COMPANY} {plan}")).await?;
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM mails WHERE kind = 'seat_ending'")
        .fetch_one(house.eager.db.reader())
        .await?;
    if usize::try_from(told)? != many {
        return Err(format!("{told} of {many} are told").into());
    }
    table.told(
        house.name,
        &format!("company of {many}: mails to all of them written, fifty at once"),
        &format!("{took:.2} s"),
    );
    Ok(())
}

async fn owner_id(db: &Db) -> Outcome<String> {
    Ok(
        sqlx::query_scalar("SELECT id FROM users WHERE discord_user_id = $1")
            .bind(OWNER)
            .fetch_one(db.reader())
            .await?,
    )
}

/// A company with so many claimed seats, and room for the lines. Answers its plan.
async fn found(house: &Installation, many: usize) -> Outcome<String> {
    let db = &house.eager.db;
    let (plan, price): (String, String) = sqlx::query_as(
        "SELECT plans.id, prices.id FROM plans JOIN prices ON prices.plan_id = plans.id \
         WHERE plans.audience = 'company' AND prices.period = 'month' AND prices.active = 1",
    )
    .fetch_one(db.reader())
    .await?;
    let now = house.eager.clock.policy_ms();
    let quantity = i64::try_from(many + LINES)?;
    let customer = house.sandbox.with(|world| -> Outcome<String> {
        let metadata = [("rollcall_payer", PAYER)];
        let customer = world
            .stripe
            .add_customer(now, "acme@example.org", &metadata);
        world
            .stripe
            .set_default_card(now, &customer, CardKind::Visa)?;
        world
            .stripe
            .subscribe(now, &customer, &price, quantity, &[])?;
        world.take_deliveries_even_if_paused(now);
        Ok(customer)
    })?;
    let owner = owner_id(db).await?;
    let mut tx = db.begin().await?;
    sqlx::query(
        "INSERT INTO companies (id, name, founded_by, created_at) VALUES ($1, 'Acme', $2, $3)",
    )
    .bind(COMPANY)
    .bind(&owner)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO company_people (company_id, user_id, role, since) VALUES ($1, $2, 'owner', $3)",
    )
    .bind(COMPANY)
    .bind(&owner)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    sqlx::query("INSERT INTO payers (id, company_id, created_at) VALUES ($1, $2, $3)")
        .bind(PAYER)
        .bind(COMPANY)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    sqlx::query("INSERT INTO customers (id, payer_id, deleted, created_at) VALUES ($1, $2, 0, $3)")
        .bind(&customer)
        .bind(PAYER)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    for number in 0..many {
        let user = format!("usr_seat_{number}");
        sqlx::query(
            "INSERT INTO users (id, discord_user_id, name, email, email_verified, in_guild, created_at, signed_in_at) \
             VALUES ($1, $2, $1, $3, 1, 0, $4, $4)",
        )
        .bind(&user)
        .bind(format!("33{number:017}"))
        .bind(format!("seat{number}@example.org"))
        .bind(now)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO seats (id, company_id, plan_id, state, user_id, made_by, created_at, claimed_at, changed_at) \
             VALUES ($1, $2, $3, 'claimed', $4, $5, $6, $6, $6)",
        )
        .bind(format!("seat_bench_{number}"))
        .bind(COMPANY)
        .bind(&plan)
        .bind(&user)
        .bind(&owner)
        .bind(now - i64::try_from(number)?)
        .execute(&mut *tx)
        .await?;
    }
    let (kind, class) = (SubjectKind::Payer, Class::Event);
    dirty::mark(&mut tx, kind, PAYER, now, class, "bench").await?;
    tx.commit().await?;
    Ok(plan)
}

/// Somebody with a browser.
struct Visitor {
    base: String,
    http: reqwest::Client,
    cookies: HashMap<String, String>,
}

impl Visitor {
    async fn sign_in(house: &Installation) -> Outcome<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()?;
        let mut visitor = Self {
            base: house.base.clone(),
            http,
            cookies: HashMap::new(),
        };
        let to_consent = visitor.led("/login?next=%2Fcompany").await?;
        let mut page = url::Url::parse(&to_consent)?;
        let mut form: Vec<(String, String)> = page.query_pairs().into_owned().collect();
        form.push(("user".to_owned(), OWNER.to_owned()));
        form.push(("decision".to_owned(), "authorize".to_owned()));
        page.set_query(None);
        let answer = visitor.http.post(page).form(&form).send().await?;
        let back = answer.headers()["location"].to_str()?.to_owned();
        let path = back.strip_prefix(&house.base).ok_or("led elsewhere")?;
        visitor.led(path).await?;
        Ok(visitor)
    }

    async fn get(&mut self, path: &str) -> Outcome<reqwest::Response> {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = self
            .http
            .get(format!("{}{path}", self.base))
            .header("accept", "text/html")
            .header("cookie", cookies.join("; "))
            .send()
            .await?;
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }

    /// Where a page leads to.
    async fn led(&mut self, path: &str) -> Outcome<String> {
        let answer = self.get(path).await?;
        let to = answer.headers().get("location").ok_or("led nowhere")?;
        Ok(to.to_str()?.to_owned())
    }

    /// A page, read to its end.
    async fn page(&mut self, path: &str) -> Outcome<()> {
        let answer = self.get(path).await?;
        if !answer.status().is_success() {
            return Err(format!("{path} answers {}", answer.status()).into());
        }
        answer.bytes().await?;
        Ok(())
    }
}
