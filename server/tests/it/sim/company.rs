//! A company in the midst of it: seats, invites, and numbers cut and raised here and at Stripe.

use super::oracle::Given;
use super::play::{Outcome, Play};
use super::stage::{BEGINNING_MS, Stage};
use app::company::Purchase;
use app::invites::NewGroupLink;
use sandbox::stripe::CardKind;
use serde_json::Value;
use server::db::Db;
use server::{company, invites, seats};
use std::collections::{BTreeMap, BTreeSet};

/// Whose the company's customers are, beside the people.
pub const OWNER: usize = 1_000;
pub const ID: &str = "com_acme";
pub const PAYER: &str = "pay_acme";

/// What the company has of the world.
#[derive(Default)]
pub struct Company {
    /// Plans for companies, with their roles.
    pub plans: BTreeMap<String, BTreeSet<String>>,
    /// Recurring prices of these.
    pub prices: Vec<String>,
    /// Tokens that were handed out.
    pub tokens: Vec<String>,
    /// Sealed previews of another number.
    pub previews: Vec<String>,
    /// Sessions that stand open in a tab.
    pub tabs: Vec<String>,
    /// It is what the history is mostly about.
    pub busy: bool,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The demo's plan for teams and one more, with a role of its own.
pub fn plans(stage: &Stage) -> Company {
    let role = stage
        .world()
        .discord
        .create_role(BEGINNING_MS, "Enterprise", 0)
        .unwrap();
    let product = stage.ask(
        "POST",
        "/v1/products",
        &format!(
            "name=Enterprise&metadata[rollcall_audience]=company&metadata[rollcall_roles]={role}"
        ),
    );
    stage.ask(
        "POST",
        "/v1/prices",
        &format!(
            "product={}&currency=eur&unit_amount=4900&recurring[interval]=month",
            text(&product["id"])
        ),
    );
    let mut company = Company::default();
    let products = stage.ask("GET", "/v1/products?limit=100", "");
    for product in products["data"].as_array().unwrap() {
        let metadata = &product["metadata"];
        if metadata["rollcall_audience"] == "company" {
            let roles = text(&metadata["rollcall_roles"]);
            let roles = roles.split(',').map(str::to_owned).collect();
            company.plans.insert(text(&product["id"]), roles);
        }
    }
    let prices = stage.ask("GET", "/v1/prices?limit=100", "");
    for price in prices["data"].as_array().unwrap() {
        if company.plans.contains_key(&text(&price["product"])) {
            company.prices.push(text(&price["id"]));
        }
    }
    company
}

/// Its rows as founding leaves them: Ada owns it.
pub async fn found(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    for statement in [
        "INSERT INTO companies (id, name, founded_by, created_at) VALUES ('com_acme', 'Acme', 'usr_ada', $1)",
        "INSERT INTO company_people (company_id, user_id, role, since) VALUES ('com_acme', 'usr_ada', 'owner', $1)",
        "INSERT INTO payers (id, company_id, created_at) VALUES ('pay_acme', 'com_acme', $1)",
    ] {
        sqlx::query(statement)
            .bind(BEGINNING_MS)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    let (kind, class) = (
        server::db::dirty::SubjectKind::Payer,
        server::db::dirty::Class::Bulk,
    );
    let never = server::db::dirty::NEVER;
    server::db::dirty::mark(&mut tx, kind, PAYER, never, class, "founded")
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

impl Play {
    fn company_customers(&mut self) -> Vec<String> {
        self.customers_of(OWNER)
    }

    pub fn company_subscriptions(&mut self) -> Vec<Value> {
        let mut running = self.subscriptions_of(OWNER);
        running.retain(|one| {
            !matches!(
                text(&one["status"]).as_str(),
                "canceled" | "incomplete_expired"
            )
        });
        running
    }

    fn company_runs(&mut self) -> Option<Value> {
        let running = self.company_subscriptions();
        (!running.is_empty()).then(|| running[self.below(running.len())].clone())
    }

    /// Something that somebody does with the company.
    pub async fn company_act(&mut self) -> bool {
        if self.company_subscriptions().is_empty() && self.chance(70) {
            return match self.below(3) {
                0 => self.company_by_hand(),
                _ => self.company_pays() || self.company_buys().await,
            };
        }
        for _ in 0..6 {
            let done = match self.below(26) {
                0 => self.company_buys().await,
                1 => self.company_pays(),
                2..6 => self.company_invites().await,
                6..13 => self.claims().await,
                13..15 => self.takes().await,
                15..18 => self.frees().await,
                18 => self.undoes().await,
                19..21 => self.asks_number().await,
                21..23 => self.confirms_number().await,
                23..25 => self.dashboard_number(),
                _ => self.company_by_hand(),
            };
            if done {
                return true;
            }
        }
        false
    }

    /// In most histories it pays from the beginning.
    pub async fn company_begins(&mut self) {
        self.company.busy = self.chance(50);
        if self.company.busy || self.chance(50) {
            self.company_by_hand();
            // What is paid is known before anybody asks for it.
            let differences = self.settle().await;
            self.violations.extend(differences);
            self.company_invites().await;
            self.work_off(false).await;
        }
    }

    async fn company_buys(&mut self) -> bool {
        let at = self.below(self.company.prices.len());
        let price = self.company.prices[at].clone();
        let seats = 1 + i64::try_from(self.below(4)).unwrap();
        let (number, state) = self.any_state();
        let what = format!("Ada asks for {seats} seats of {price}");
        let work = async move {
            let purchase = Purchase {
                company_id: ID.to_owned(),
                name: None,
                price_id: price,
                seats,
            };
            match company::buy(&state, "usr_ada", &purchase).await {
                Ok(url) => Outcome::Told(OWNER, "where to pay".into(), Some(url)),
                other => Outcome::Told(OWNER, format!("{other:?}"), None),
            }
        };
        self.begin(number, what, None, work).await;
        true
    }

    fn company_pays(&mut self) -> bool {
        let Some(session) = self.company.tabs.pop() else {
            return false;
        };
        let card = [
            CardKind::Visa,
            CardKind::Visa,
            CardKind::Mastercard,
            CardKind::AttachThenFail,
            CardKind::AuthenticateAlways,
        ][self.below(5)];
        let now = self.now();
        let paid =
            self.stage
                .world()
                .stripe
                .pay_session(now, &session, card, "ada@example.org", true);
        self.stage
            .tell("Acme", format!("pays {session} with {card:?}: {paid:?}"));
        true
    }

    /// Mostly one that it pays for.
    fn any_company_plan(&mut self) -> String {
        let paid = self.chance(90);
        if let Some(one) = self.company_runs().filter(|_| paid) {
            let plan = text(&one["items"]["data"][0]["price"]["product"]);
            if self.company.plans.contains_key(&plan) {
                return plan;
            }
        }
        let plans: Vec<String> = self.company.plans.keys().cloned().collect();
        plans[self.below(plans.len())].clone()
    }

    /// A link for one or for a group.
    async fn company_invites(&mut self) -> bool {
        let plan = self.any_company_plan();
        let group = self.chance(40);
        let (number, state) = self.any_state();
        let what = format!("Ada makes a link for {plan}, group: {group}");
        let work = async move {
            let sealed = if group {
                let new = NewGroupLink {
                    plan_id: plan,
                    most: 3,
                    domain: None,
                };
                invites::group_link(&state, "usr_ada", ID, &new).await
            } else {
                invites::open_invite(&state, "usr_ada", ID, &plan, None).await
            };
            match sealed {
                Ok(sealed) => {
                    let fresh = invites::fresh(&state, "usr_ada", ID, &sealed);
                    let token =
                        fresh.and_then(|fresh| fresh.url.rsplit('/').next().map(str::to_owned));
                    Outcome::Linked(token.unwrap_or_default())
                }
                Err(error) => Outcome::Noted(format!("{error:?}")),
            }
        };
        self.begin(number, what, None, work).await;
        true
    }

    async fn claims(&mut self) -> bool {
        if self.company.tokens.is_empty() {
            return false;
        }
        let at = self.below(self.company.tokens.len());
        let token = self.company.tokens[at].clone();
        let person = self.any_person();
        let user = self.people[person].user_id.clone();
        let what = format!("{} claims by a link", self.people[person].name);
        let (number, state) = self.any_state();
        let work = async move {
            state.limits.forget();
            let told = invites::claim(&state, &user, &token).await;
            Outcome::Noted(format!("{told:?}"))
        };
        self.begin(number, what, None, work).await;
        true
    }

    async fn takes(&mut self) -> bool {
        let plan = self.any_company_plan();
        let (number, state) = self.any_state();
        let work = async move {
            let told = seats::take(&state, "usr_ada", ID, &plan).await;
            Outcome::Noted(format!("{told:?}"))
        };
        self.begin(number, "Ada takes a seat".into(), None, work)
            .await;
        true
    }

    async fn any_seat(&mut self, revoked: bool) -> Option<String> {
        let sql = if revoked {
            "SELECT id FROM seats WHERE state = 'revoked' ORDER BY id"
        } else {
            "SELECT id FROM seats WHERE state <> 'revoked' ORDER BY id"
        };
        let ids: Vec<String> = sqlx::query_scalar(sql)
            .fetch_all(self.db.reader())
            .await
            .unwrap();
        (!ids.is_empty()).then(|| ids[self.below(ids.len())].clone())
    }

    async fn frees(&mut self) -> bool {
        let Some(seat) = self.any_seat(false).await else {
            return false;
        };
        let (number, state) = self.any_state();
        let chosen = self.chance(30);
        let what = format!("Ada frees {seat}, or chooses it to make way: {chosen}");
        let plan: String = sqlx::query_scalar("SELECT plan_id FROM seats WHERE id = $1")
            .bind(&seat)
            .fetch_one(self.db.reader())
            .await
            .unwrap();
        let work = async move {
            let told = if chosen {
                seats::suspend(&state, "usr_ada", ID, &plan, &[seat]).await
            } else {
                seats::free(&state, "usr_ada", ID, &seat).await
            };
            Outcome::Noted(format!("{told:?}"))
        };
        self.begin(number, what, None, work).await;
        true
    }

    async fn undoes(&mut self) -> bool {
        let Some(seat) = self.any_seat(true).await else {
            return false;
        };
        let (number, state) = self.any_state();
        let what = format!("Ada gives {seat} back");
        let work = async move {
            let told = seats::undo(&state, "usr_ada", ID, &seat).await;
            Outcome::Noted(format!("{told:?}"))
        };
        self.begin(number, what, None, work).await;
        true
    }

    async fn asks_number(&mut self) -> bool {
        let count = 1 + i64::try_from(self.below(5)).unwrap();
        let (number, state) = self.any_state();
        let what = format!("Ada asks what {count} seats would cost");
        let work = async move {
            state.limits.forget();
            match seats::preview(&state, "usr_ada", ID, count).await {
                Ok(preview) => Outcome::Shown(OWNER, preview.seen),
                Err(error) => Outcome::Noted(format!("{error:?}")),
            }
        };
        self.begin(number, what, None, work).await;
        true
    }

    async fn confirms_number(&mut self) -> bool {
        if self.company.previews.is_empty() {
            return false;
        }
        let at = self.below(self.company.previews.len());
        let seen = self.company.previews[at].clone();
        if self.chance(70) {
            self.company.previews.remove(at);
        }
        let (number, state) = self.any_state();
        let work = async move {
            state.limits.forget();
            let told = seats::confirm(&state, "usr_ada", ID, &seen).await;
            Outcome::Noted(format!("{told:?}"))
        };
        self.begin(number, "Ada confirms a number of seats".into(), None, work)
            .await;
        true
    }

    /// Cut or raised in Stripe's Dashboard.
    fn dashboard_number(&mut self) -> bool {
        let Some(one) = self.company_runs() else {
            return false;
        };
        let quantity = i64::try_from(self.below(5)).unwrap();
        let (now, id) = (self.now(), text(&one["id"]));
        let done = self.stage.world().stripe.set_quantity(now, &id, quantity);
        self.stage
            .tell("operator", format!("{id} is for {quantity} now: {done:?}"));
        true
    }

    /// The operator subscribes it in Stripe's Dashboard.
    fn company_by_hand(&mut self) -> bool {
        let now = self.now();
        let customer = match self.company_customers().first() {
            Some(customer) => customer.clone(),
            None => self.stage.world().stripe.add_customer(
                now,
                "ada@example.org",
                &[("rollcall_payer", PAYER)],
            ),
        };
        let at = self.below(self.company.prices.len());
        let price = self.company.prices[at].clone();
        let seats = 1 + i64::try_from(self.below(4)).unwrap();
        let mut world = self.stage.world();
        let visa = CardKind::Visa;
        let _ = world.stripe.set_default_card(now, &customer, visa);
        let done = world.stripe.subscribe(now, &customer, &price, seats, &[]);
        drop(world);
        self.stage.tell(
            "operator",
            format!("subscribes Acme ({customer}) to {seats} of {price}: {done:?}"),
        );
        true
    }

    /// Somebody's browser was sent to Stripe's page, for the company.
    pub fn company_led_to(&mut self, address: Option<String>) {
        let Some(address) = address else { return };
        let Some(from) = address.find("cs_") else {
            return;
        };
        let session: String = address[from..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        self.company.tabs.push(session);
    }
}

/// (state, until), with how many seats count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    pub state: &'static str,
    pub until: Option<i64>,
    pub seats: i64,
}

/// What the company's subscriptions give together, by plan: written from the design's table.
pub fn together(given: &[(String, i64, Given)]) -> BTreeMap<String, Paid> {
    let mut plans: BTreeMap<String, Paid> = BTreeMap::new();
    let rank = |state: &str| i32::from(state == "granted");
    for (plan, seats, (state, until)) in given {
        let paid = plans.entry(plan.clone()).or_insert(Paid {
            state,
            until: *until,
            seats: 0,
        });
        paid.seats += seats;
        let longer = |a: Option<i64>, b: Option<i64>| a.unwrap_or(i64::MAX) > b.unwrap_or(i64::MAX);
        if rank(state) > rank(paid.state)
            || (rank(state) == rank(paid.state) && longer(*until, paid.until))
        {
            (paid.state, paid.until) = (state, *until);
        }
    }
    plans
}

#[derive(sqlx::FromRow)]
struct Pool {
    plan_id: String,
    paid: i64,
    ceiling: Option<i64>,
    state: String,
    until_at: Option<i64>,
    deadline: Option<i64>,
}

impl Play {
    /// Pools against Stripe's books, and what is held against what is paid.
    pub async fn pools_differ(&self, paid: &BTreeMap<String, Paid>) -> Vec<String> {
        let mut differences = Vec::new();
        let rows: Vec<Pool> = sqlx::query_as(
            "SELECT plan_id, paid, ceiling, state, until_at, deadline FROM seat_pools ORDER BY plan_id",
        )
        .fetch_all(self.db.reader())
        .await
        .unwrap();
        for plan in paid.keys() {
            if rows.iter().all(|row| row.plan_id != *plan) {
                differences.push(format!("{plan} is paid for and has no pool"));
            }
        }
        let mut fresh = 0;
        let mut stranded = 0;
        for row in rows {
            let plan = &row.plan_id;
            let theirs = paid.get(plan);
            let ours = (row.state != "denied").then(|| (row.state.clone(), row.until_at, row.paid));
            let oracle = theirs.map(|one| (one.state.to_owned(), one.until, one.seats));
            if ours != oracle {
                differences.push(format!(
                    "pool {plan}\n      ours:   {ours:?}\n      oracle: {oracle:?}"
                ));
            }
            if row.ceiling.is_some() {
                differences.push(format!(
                    "pool {plan} still has a ceiling: {:?}",
                    row.ceiling
                ));
            }
            let (held, suspended) = (
                self.seats_in(plan, false).await,
                self.seats_in(plan, true).await,
            );
            let open = row.state != "denied";
            let flagged = row.deadline.is_some_and(|at| at > self.now());
            if open && held > row.paid && !flagged {
                differences.push(format!(
                    "{plan}: {held} held, {} paid, and no deadline",
                    row.paid
                ));
            }
            if open && suspended > 0 && held < row.paid {
                differences.push(format!(
                    "{plan}: {suspended} wait, {held} held, {} paid",
                    row.paid
                ));
            }
            if (!open || held <= row.paid) && row.deadline.is_some() {
                differences.push(format!(
                    "{plan} is said to be over: {held} held, {} paid",
                    row.paid
                ));
            }
            fresh += usize::from(open && held + suspended == 0);
            stranded += usize::from(!open && held + suspended > 0);
        }
        if fresh > 0 && stranded > 0 {
            differences.push("seats of a plan that ended did not follow what is paid".to_owned());
        }
        differences
    }

    async fn seats_in(&self, plan: &str, suspended: bool) -> i64 {
        let sql = if suspended {
            "SELECT COUNT(*) FROM seats WHERE plan_id = $1 AND state = 'suspended'"
        } else {
            "SELECT COUNT(*) FROM seats WHERE plan_id = $1 AND state IN ('invited', 'claimed')"
        };
        sqlx::query_scalar(sql)
            .bind(plan)
            .fetch_one(self.db.reader())
            .await
            .unwrap()
    }

    /// (seat, person, plan) of every claimed seat.
    pub async fn claimed(&self) -> Vec<(String, usize, String)> {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT id, user_id, plan_id FROM seats WHERE state = 'claimed'")
                .fetch_all(self.db.reader())
                .await
                .unwrap();
        rows.into_iter()
            .map(|(seat, user, plan)| (seat, self.person_of(&user), plan))
            .collect()
    }
}
