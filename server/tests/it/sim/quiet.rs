//! After a history: calm, until nothing is due, and then the comparison with the oracle.

use super::cast::Person;
use super::company;
use super::oracle::{Books, Expected, Given, Row, expected};
use super::play::Play;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How long nothing may have happened at Stripe before our rows have to say the same: longer than
/// any back-off, and than an event may be missing from Stripe's list.
const QUIET_MS: i64 = 75 * 60 * 1000;
const HOPS: usize = 400;

impl Play {
    /// Lets everything come to rest and answers every difference.
    pub async fn settle(&mut self) -> Vec<String> {
        self.calm();
        self.wake();
        self.help_bot();
        self.make_edits_readable();
        self.stage.tell("quiet", "the weather is calm");
        self.work_off(true).await;
        let mut since = self.now();
        for _ in 0..HOPS {
            let now = self.now();
            let stripe = self.stage.world().stripe.next_due_ms();
            let ours: Option<i64> = sqlx::query_scalar(
                "SELECT MIN(due_at) FROM dirty WHERE parked = 0 AND due_at > $1",
            )
            .bind(now)
            .fetch_one(self.db.reader())
            .await
            .unwrap();
            let done = since + QUIET_MS;
            let next = [Some(done), stripe, ours, self.stage.next_late()]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(done);
            if stripe.is_some_and(|at| at <= next)
                || self.stage.next_late().is_some_and(|at| at <= next)
            {
                since = next.max(now);
            }
            self.move_to(next.max(now)).await;
            self.connect();
            self.work_off(true).await;
            if self.now() >= since + QUIET_MS {
                if self.answer_every_role().await {
                    since = self.now();
                    continue;
                }
                let edited = std::mem::take(&mut self.catalogue.edited);
                self.catalogue.roles.extend(edited);
                return self.differences().await;
            }
        }
        vec!["Stripe never came to rest".into()]
    }

    fn everything(&self, path: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let after = all
                .last()
                .map(|last| format!("&starting_after={}", last["id"].as_str().unwrap()))
                .unwrap_or_default();
            let page = self
                .stage
                .ask("GET", &format!("{path}{join}limit=100{after}"), "");
            all.extend(page["data"].as_array().unwrap().iter().cloned());
            if page["has_more"] != true {
                return all;
            }
        }
    }

    async fn differences(&mut self) -> Vec<String> {
        self.learn_owners();
        self.forget_unheard().await;
        let company_plans: BTreeSet<String> = self.company.plans.keys().cloned().collect();
        let books = Books {
            subscriptions: &self.everything("/v1/subscriptions?status=all&expand[]=data.schedule"),
            invoices: &self.everything("/v1/invoices"),
            payments: &self.everything("/v1/invoice_payments"),
            charges: &self.everything("/v1/charges"),
            disputes: &self.everything("/v1/disputes"),
            sessions: &self.passes_known().await,
            owners: &self.owners,
            catalogue: &self.catalogue,
            company_plans: &company_plans,
            now_ms: self.now(),
        };
        let mut expected = expected(&books);
        let shown = books.shown();
        let mut differences = std::mem::take(&mut self.violations);
        let paid = company::together(&expected.company);
        differences.extend(self.pools_differ(&paid).await);
        for (seat, person, plan) in self.claimed().await {
            if let Some(paid) = paid.get(&plan) {
                let roles = self.company.plans[&plan].iter().cloned();
                expected.roles.entry(person).or_default().extend(roles);
                let given = (paid.state, paid.until);
                expected.given.insert((person, plan, seat), given);
            }
        }
        differences.extend(self.rows_differ(&expected).await);
        differences.extend(self.given_differs(&expected).await);
        differences.extend(self.roles_differ(&expected).await);
        differences.extend(self.left_behind().await);
        if !differences.is_empty() {
            differences.push(format!(
                "at {}, and Stripe's books say:{shown}",
                self.now() / 1000
            ));
        }
        differences
    }

    /// A customer that was deleted before we ever read it told nobody whose it was.
    async fn forget_unheard(&mut self) {
        let known: Vec<String> = sqlx::query_scalar("SELECT id FROM customers")
            .fetch_all(self.db.reader())
            .await
            .unwrap();
        let stage = self.stage.clone();
        self.owners.retain(|id, _| {
            known.contains(id)
                || stage.ask("GET", &format!("/v1/customers/{id}"), "")["deleted"] != true
        });
    }

    /// Complete sessions; of a customer that was deleted, only those we had read as paid before.
    async fn passes_known(&self) -> Vec<Value> {
        let read: Vec<String> = sqlx::query_scalar("SELECT id FROM passes WHERE state = 'paid'")
            .fetch_all(self.db.reader())
            .await
            .unwrap();
        let mut sessions = self.everything("/v1/checkout/sessions?status=complete");
        sessions.retain(|session| {
            let customer = session["customer"].as_str().unwrap_or_default();
            let path = format!("/v1/customers/{customer}");
            read.contains(&session["id"].as_str().unwrap().to_owned())
                || self.stage.ask("GET", &path, "")["deleted"] != true
        });
        sessions
    }

    pub fn person_of(&self, user_id: &str) -> usize {
        if user_id == company::ID {
            return company::OWNER;
        }
        self.people
            .iter()
            .position(|person| person.user_id == user_id)
            .unwrap()
    }

    async fn rows_differ(&self, expected: &Expected) -> Vec<String> {
        let rows: Vec<OurRow> = sqlx::query_as(
            "SELECT subscriptions.id, COALESCE(user_id, company_id) AS user_id, customer_id, plan_id, price_id, status, quantity, period_end, \
             cancel_at, cancel_at_period_end, ended_at, trial_end, collection_paused, next_price_id, \
             next_at, pending_price_id FROM subscriptions JOIN payers ON payers.id = payer_id",
        )
        .fetch_all(self.db.reader())
        .await
        .unwrap();
        let mut ours: BTreeMap<String, Row> = rows
            .into_iter()
            .map(|row| {
                let view = Row {
                    person: self.person_of(&row.user_id),
                    customer: row.customer_id,
                    product: row.plan_id.unwrap_or_default(),
                    price: row.price_id.unwrap_or_default(),
                    status: row.status,
                    quantity: row.quantity,
                    period_end: row.period_end.unwrap_or(0),
                    cancel_at: row.cancel_at,
                    cancel_at_period_end: row.cancel_at_period_end != 0,
                    ended_at: row.ended_at,
                    trial_end: row.trial_end,
                    paused: row.collection_paused != 0,
                    next: row.next_price_id.zip(row.next_at),
                    pending: row.pending_price_id,
                };
                (row.id, view)
            })
            .collect();
        // With its customer a subscription leaves Stripe's lists: that it is over is all there is
        // to know of it.
        let mut theirs = expected.rows.clone();
        ours.retain(|_, row| !self.went_with_its_customer(row));
        theirs.retain(|_, row| !self.went_with_its_customer(row));
        differ("subscription", &ours, &theirs)
    }

    fn went_with_its_customer(&self, row: &Row) -> bool {
        let path = format!("/v1/customers/{}", row.customer);
        matches!(row.status.as_str(), "canceled" | "incomplete_expired")
            && self.stage.ask("GET", &path, "")["deleted"] == true
    }

    async fn given_differs(&self, expected: &Expected) -> Vec<String> {
        let rows: Vec<(String, String, String, String, Option<i64>)> = sqlx::query_as(
            "SELECT user_id, plan_id, source_id, state, until_at FROM entitlements WHERE state <> 'denied'",
        )
        .fetch_all(self.db.reader())
        .await
        .unwrap();
        let ours: BTreeMap<(usize, String, String), Given> = rows
            .into_iter()
            .map(|(user, plan, source, state, until)| {
                let state = ["granted", "grace", "hold"]
                    .into_iter()
                    .find(|known| *known == state)
                    .unwrap();
                ((self.person_of(&user), plan, source), (state, until))
            })
            .collect();
        differ("entitlement", &ours, &expected.given)
    }

    /// In the server: what Discord has. Outside: what waits for the join.
    async fn roles_differ(&self, expected: &Expected) -> Vec<String> {
        let mut differences = Vec::new();
        let managed = &self.catalogue.managed;
        for (at, person) in self.people.iter().enumerate() {
            let mut want = expected.roles.get(&at).cloned().unwrap_or_default();
            let have: BTreeSet<String> = if person.in_server {
                want.extend(person.by_hand.iter().cloned());
                let roles = self.stage.world().discord.roles_of(&person.discord_id);
                roles
                    .into_iter()
                    .filter(|role| managed.contains(role))
                    .collect()
            } else {
                let rows: Vec<String> = sqlx::query_scalar(
                    "SELECT role_id FROM grants WHERE user_id = $1 AND state IN ('wanted', 'granted', 'present')",
                )
                .bind(&person.user_id)
                .fetch_all(self.db.reader())
                .await
                .unwrap();
                rows.into_iter().collect()
            };
            if person.in_server {
                differences.extend(self.records_differ(person, &have).await);
            }
            if have != want {
                differences.push(format!(
                    "roles of {}: has {have:?}, is to have {want:?}",
                    person.name
                ));
            }
        }
        differences
    }

    /// What we say Discord answered, against what it has.
    async fn records_differ(&self, person: &Person, have: &BTreeSet<String>) -> Vec<String> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT role_id, state FROM grants WHERE user_id = $1")
                .bind(&person.user_id)
                .fetch_all(self.db.reader())
                .await
                .unwrap();
        let has = |role: &String| have.contains(role);
        rows.into_iter()
            .filter(|(role, state)| match state.as_str() {
                "granted" | "present" => !has(role),
                // Somebody else may have given it since.
                "gone" => has(role) && !person.by_hand.contains(role),
                _ => true,
            })
            .map(|(role, state)| {
                let name = &person.name;
                format!("{name}'s {role} is said to be {state}; there are {have:?}")
            })
            .collect()
    }

    /// Work that stands still, and events that were answered and are not there.
    async fn left_behind(&self) -> Vec<String> {
        let mut differences = Vec::new();
        let parked: Vec<(String, String, Option<String>)> =
            sqlx::query_as("SELECT kind, id, last_error FROM dirty WHERE parked = 1")
                .fetch_all(self.db.reader())
                .await
                .unwrap();
        for (kind, id, error) in parked {
            differences.push(format!("{kind} {id} is parked: {error:?}"));
        }
        let open: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT changes.id, kind, state FROM changes LEFT JOIN subscriptions \
             ON subscriptions.id = subscription_id WHERE state = 'asked' \
             OR (state = 'waiting' AND pending_price_id IS NULL)",
        )
        .fetch_all(self.db.reader())
        .await
        .unwrap();
        for (id, kind, state) in open {
            differences.push(format!("the change {id} ({kind}) is still {state}"));
        }
        let stopped: Vec<(String, String)> = sqlx::query_as(
            "SELECT subject, detail FROM incidents WHERE kind = 'role by hand' AND closed_at IS NULL",
        )
        .fetch_all(self.db.reader())
        .await
        .unwrap();
        for (subject, detail) in stopped {
            differences.push(format!("{subject} is left alone: {detail}"));
        }
        let inbox: Vec<String> = sqlx::query_scalar("SELECT id FROM inbox")
            .fetch_all(self.db.reader())
            .await
            .unwrap();
        let inbox: BTreeSet<String> = inbox.into_iter().collect();
        for lost in self.accepted.difference(&inbox) {
            differences.push(format!("event {lost} was answered and is not in the inbox"));
        }
        differences
    }
}

#[derive(sqlx::FromRow)]
struct OurRow {
    id: String,
    user_id: String,
    customer_id: String,
    plan_id: Option<String>,
    price_id: Option<String>,
    status: String,
    quantity: i64,
    period_end: Option<i64>,
    cancel_at: Option<i64>,
    cancel_at_period_end: i64,
    ended_at: Option<i64>,
    trial_end: Option<i64>,
    collection_paused: i64,
    next_price_id: Option<String>,
    next_at: Option<i64>,
    pending_price_id: Option<String>,
}

fn differ<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    ours: &BTreeMap<K, V>,
    theirs: &BTreeMap<K, V>,
) -> Vec<String> {
    let keys: BTreeSet<&K> = ours.keys().chain(theirs.keys()).collect();
    keys.into_iter()
        .filter(|key| ours.get(key) != theirs.get(key))
        .map(|key| {
            format!(
                "{what} {key:?}\n      ours:   {:?}\n      oracle: {:?}",
                ours.get(key),
                theirs.get(key)
            )
        })
        .collect()
}
