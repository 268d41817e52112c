//! What people, the operator and banks do.

use super::cast::Offer;
use super::company;
use super::play::{Outcome, Play};
use super::weather::Weather;
use app::checkout::CheckoutNext;
use rand::Rng as _;
use sandbox::stripe::CardKind;
use serde_json::Value;
use server::checkout;
use server::state::AppState;
use std::ops::Range;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Ways to pay, those that pay more often.
const CARDS: [CardKind; 14] = [
    CardKind::Visa,
    CardKind::Visa,
    CardKind::Visa,
    CardKind::Mastercard,
    CardKind::Amex,
    CardKind::AuthenticateOnce,
    CardKind::AuthenticateAlways,
    CardKind::AttachThenFail,
    CardKind::AttachThenFail,
    CardKind::Declined,
    CardKind::AuthenticateThenFail,
    CardKind::Disputed,
    CardKind::BankDebit,
    CardKind::BankDebitFails,
];

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Play {
    /// One thing that somebody does, and a few moves of those at work.
    pub async fn act(&mut self) {
        for _ in 0..12 {
            // Most people pay at once or never.
            let open = self.people.iter().any(|person| !person.tabs.is_empty());
            if open && self.chance(65) && self.pay() {
                break;
            }
            let shown = self.people.iter().any(|person| !person.previews.is_empty());
            if shown && self.chance(55) && self.confirm_change().await || self.any_act().await {
                break;
            }
        }
        self.collect();
        let turns = self.below(12);
        self.turns(turns).await;
    }

    /// True when it could be done.
    async fn any_act(&mut self) -> bool {
        if self.company.busy && self.chance(60) {
            if self.chance(25) {
                self.let_pass(MINUTE..2 * HOUR).await;
            }
            return self.company_act().await;
        }
        match self.below(152) {
            0..11 => self.start_checkout().await,
            11..17 => self.pay(),
            17..23 => self.come_back().await,
            23..28 => self.change_card(),
            28 => self.take_cards_away(),
            29..33 => self.pay_open_invoice(),
            33..37 => self.end_or_keep(),
            37..43 => self.change_at_stripe(),
            43..45 => self.pause(),
            45..50 => self.look_at_change().await,
            50..54 => self.confirm_change().await,
            54..59 => self.take_back_or_pause().await,
            59..62 => self.refund(),
            62..66 => self.dispute(),
            66 => self.delete_customer(),
            67..71 => self.subscribe_by_hand(),
            71..74 => self.edit_catalogue(),
            74..80 => self.let_pass(MINUTE..2 * HOUR).await,
            80..88 => self.let_pass(DAY..9 * DAY).await,
            88..92 => self.let_pass(28 * DAY..40 * DAY).await,
            92..96 => {
                self.stop_process().await;
                true
            }
            96..100 => self.change_weather(),
            100..126 => self.server_act().await,
            _ => self.company_act().await,
        }
    }

    async fn let_pass(&mut self, between: Range<i64>) -> bool {
        let by = self.rng.random_range(between);
        self.pass(by).await;
        true
    }

    pub fn any_person(&mut self) -> usize {
        self.below(self.people.len())
    }

    /// A process that people reach.
    pub fn any_state(&mut self) -> (u32, AppState) {
        let at = self.below(self.processes.len());
        let process = &self.processes[at];
        (process.number, process.state.clone())
    }

    /// Seldom one that gives a person nothing.
    pub fn any_offer(&mut self) -> Offer {
        for _ in 0..3 {
            let at = self.below(self.catalogue.offers.len());
            let offer = &self.catalogue.offers[at];
            if self.catalogue.roles.contains_key(&offer.product) {
                return offer.clone();
            }
        }
        self.catalogue.offers[0].clone()
    }

    /// One that a subscription can be made of.
    pub fn any_recurring(&mut self) -> Offer {
        loop {
            let offer = self.any_offer();
            if offer.recurring {
                return offer;
            }
        }
    }

    async fn start_checkout(&mut self) -> bool {
        let person = self.any_person();
        let offer = self.any_offer();
        let user = self.people[person].user_id.clone();
        let what = format!("{} asks for {}", self.people[person].name, offer.price);
        let (number, state) = self.any_state();
        let work = async move {
            match checkout::start(&state, &user, &offer.price, None).await {
                Ok(CheckoutNext::Pay { url }) => {
                    Outcome::Told(person, "where to pay".into(), Some(url))
                }
                other => Outcome::Told(person, format!("{other:?}"), None),
            }
        };
        self.begin(number, what, None, work).await;
        true
    }

    /// Somebody's browser was sent to Stripe's page.
    pub fn led_to(&mut self, person: usize, address: Option<String>) {
        let Some(address) = address else { return };
        let Some(from) = address.find("cs_") else {
            return;
        };
        let session: String = address[from..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        self.people[person].tabs.push(session);
    }

    fn pay(&mut self) -> bool {
        let with_tabs: Vec<usize> = (0..self.people.len())
            .filter(|&at| !self.people[at].tabs.is_empty())
            .collect();
        if with_tabs.is_empty() {
            return false;
        }
        let person = with_tabs[self.below(with_tabs.len())];
        let tab = self.below(self.people[person].tabs.len());
        let session = self.people[person].tabs[tab].clone();
        let card = CARDS[self.below(CARDS.len())];
        let authenticate = self.chance(80);
        let (now, email) = (self.now(), self.people[person].email.clone());
        let paid = self
            .stage
            .world()
            .stripe
            .pay_session(now, &session, card, &email, authenticate);
        let name = self.people[person].name.clone();
        self.stage
            .tell(&name, format!("pays {session} with {card:?}: {paid:?}"));
        let over = paid
            .as_ref()
            .is_err_and(|told| told.contains("no longer open"));
        let me = &mut self.people[person];
        if paid.is_ok() || over {
            me.tabs.retain(|open| *open != session);
        }
        if paid.is_ok() {
            me.returning.push(session);
            self.check_subscriptions(person);
        }
        !over
    }

    /// Stripe does not prevent a second subscription; our checkout does.
    fn check_subscriptions(&mut self, person: usize) {
        let running: Vec<String> = self
            .subscriptions_of(person)
            .iter()
            .filter(|one| {
                one["metadata"]["rollcall_payer"].is_string()
                    && !matches!(
                        text(&one["status"]).as_str(),
                        "canceled" | "incomplete_expired"
                    )
            })
            .map(|one| text(&one["id"]))
            .collect();
        if running.len() > 1 {
            let name = self.people[person].name.clone();
            self.violated(format!(
                "{name} has two subscriptions by our checkout: {running:?}"
            ));
        }
    }

    async fn come_back(&mut self) -> bool {
        let person = self.any_person();
        let me = &mut self.people[person];
        let session = match (me.returning.pop(), me.tabs.last()) {
            (Some(session), _) => session,
            (None, Some(open)) => open.clone(),
            (None, None) => return false,
        };
        let user = me.user_id.clone();
        let what = format!("{} comes back from {session}", me.name);
        let (number, state) = self.any_state();
        let work = async move {
            let told = checkout::returned(&state, &user, &session).await;
            Outcome::Told(person, format!("{told:?}"), None)
        };
        self.begin(number, what, None, work).await;
        true
    }

    /// Every customer Stripe has, those that are gone too, with whose they are.
    pub fn learn_owners(&mut self) {
        let list = self.stage.ask("GET", "/v1/customers?limit=100", "");
        for customer in list["data"].as_array().unwrap() {
            let of = &customer["metadata"]["rollcall_discord_user"];
            if let Some(person) = self
                .people
                .iter()
                .position(|person| *of == person.discord_id.as_str())
            {
                self.owners.insert(text(&customer["id"]), person);
            }
            if customer["metadata"]["rollcall_payer"] == company::PAYER {
                self.owners.insert(text(&customer["id"]), company::OWNER);
            }
        }
    }

    pub fn customers_of(&mut self, person: usize) -> Vec<String> {
        self.learn_owners();
        let gone =
            |id: &str| self.stage.ask("GET", &format!("/v1/customers/{id}"), "")["deleted"] == true;
        self.owners
            .iter()
            .filter(|(id, owner)| **owner == person && !gone(id))
            .map(|(id, _)| id.clone())
            .collect()
    }

    pub fn subscriptions_of(&mut self, person: usize) -> Vec<Value> {
        let mut all = Vec::new();
        for customer in self.customers_of(person) {
            let path = format!("/v1/subscriptions?customer={customer}&status=all&limit=100");
            all.extend(
                self.stage.ask("GET", &path, "")["data"]
                    .as_array()
                    .unwrap()
                    .clone(),
            );
        }
        all
    }

    /// A person, or the company.
    fn any_payer(&mut self) -> usize {
        if self.chance(25) {
            return company::OWNER;
        }
        self.any_person()
    }

    fn any_customer(&mut self) -> Option<String> {
        let person = self.any_payer();
        let customers = self.customers_of(person);
        (!customers.is_empty()).then(|| customers[self.below(customers.len())].clone())
    }

    /// One subscription that is not over.
    pub fn any_running(&mut self) -> Option<Value> {
        let person = self.any_payer();
        let mut running = self.subscriptions_of(person);
        running.retain(|one| {
            !matches!(
                text(&one["status"]).as_str(),
                "canceled" | "incomplete_expired"
            )
        });
        (!running.is_empty()).then(|| running[self.below(running.len())].clone())
    }

    /// One that is behind with an invoice, of anybody.
    fn any_past_due(&mut self) -> Option<Value> {
        let mut behind: Vec<Value> = (0..self.people.len())
            .flat_map(|person| self.subscriptions_of(person))
            .collect();
        behind.retain(|one| one["status"] == "past_due");
        (!behind.is_empty()).then(|| behind[self.below(behind.len())].clone())
    }

    fn change_card(&mut self) -> bool {
        let Some(customer) = self.any_customer() else {
            return false;
        };
        let card = CARDS[self.below(CARDS.len())];
        let now = self.now();
        let changed = self
            .stage
            .world()
            .stripe
            .set_default_card(now, &customer, card);
        self.stage.tell(
            "portal",
            format!("{customer} pays with {card:?} now: {:?}", changed.is_ok()),
        );
        true
    }

    fn pay_open_invoice(&mut self) -> bool {
        let Some(customer) = self.any_customer() else {
            return false;
        };
        if self.chance(70) {
            let now = self.now();
            let visa = CardKind::Visa;
            let _ = self
                .stage
                .world()
                .stripe
                .set_default_card(now, &customer, visa);
        }
        let path = format!("/v1/invoices?customer={customer}&status=open&limit=100");
        let open = self.stage.ask("GET", &path, "")["data"]
            .as_array()
            .unwrap()
            .clone();
        if open.is_empty() {
            return false;
        }
        for invoice in &open {
            let id = text(&invoice["id"]);
            let paid = self
                .stage
                .ask("POST", &format!("/v1/invoices/{id}/pay"), "");
            self.stage.tell(
                "portal",
                format!("{customer} settles {id}: {}", paid["status"]),
            );
        }
        true
    }

    fn end_or_keep(&mut self) -> bool {
        let Some(one) = self.any_running() else {
            return false;
        };
        let (id, now) = (text(&one["id"]), self.now());
        let what = self.below(6);
        let mut world = self.stage.world();
        let stripe = &mut world.stripe;
        let (what, done) = match what {
            0 => ("ends now", stripe.cancel_now(now, &id)),
            1 | 2 => (
                "ends with its period",
                stripe.cancel_later(now, &id, false, false),
            ),
            3 => ("ends at a date", stripe.cancel_later(now, &id, true, false)),
            _ => ("is kept", stripe.cancel_later(now, &id, false, true)),
        };
        drop(world);
        self.stage.tell("portal", format!("{id} {what}: {done:?}"));
        true
    }

    fn change_at_stripe(&mut self) -> bool {
        let Some(one) = self.any_past_due().or_else(|| self.any_running()) else {
            return false;
        };
        let mut offer = self.any_recurring();
        let of_company = text(&one["customer"]);
        let companys = self.owners.get(&of_company) == Some(&company::OWNER);
        if companys && self.chance(80) {
            let at = self.below(self.company.prices.len());
            offer.price.clone_from(&self.company.prices[at]);
        }
        // Without it Stripe takes 1 for another price.
        let quantity = one["items"]["data"][0]["quantity"].as_i64().unwrap_or(1);
        let mut proration = ["create_prorations", "always_invoice", "none"][self.below(3)];
        let mut payment = [
            "allow_incomplete",
            "pending_if_incomplete",
            "error_if_incomplete",
        ][self.below(3)];
        // What is behind with one invoice gets a second, which is newer.
        if one["status"] == "past_due" && self.chance(75) {
            (proration, payment) = ("always_invoice", "allow_incomplete");
        }
        let (id, item) = (text(&one["id"]), text(&one["items"]["data"][0]["id"]));
        let form = format!(
            "items[0][id]={item}&items[0][price]={}&items[0][quantity]={quantity}&proration_behavior={proration}&payment_behavior={payment}",
            offer.price
        );
        let done = self
            .stage
            .ask("POST", &format!("/v1/subscriptions/{id}"), &form);
        self.stage.tell(
            "operator",
            format!(
                "{id} changes to {} ({proration}, {payment}): {} {}",
                offer.price, done["status"], done["error"]["code"]
            ),
        );
        true
    }

    fn pause(&mut self) -> bool {
        let Some(one) = self.any_running() else {
            return false;
        };
        let (id, now) = (text(&one["id"]), self.now());
        let behavior = ["void", "keep_as_draft", "mark_uncollectible"][self.below(3)];
        let resumes = self.chance(50).then(|| {
            let days = self.rng.random_range(2..50);
            now / 1000 + days * 86_400
        });
        let behavior = one["pause_collection"].is_null().then_some(behavior);
        let done = self.stage.world().stripe.pause(now, &id, behavior, resumes);
        self.stage.tell(
            "operator",
            format!("{id} paused {behavior:?} until {resumes:?}: {done:?}"),
        );
        true
    }

    fn refund(&mut self) -> bool {
        let Some(customer) = self.any_customer() else {
            return false;
        };
        let amount = if self.chance(50) {
            None
        } else {
            Some(self.rng.random_range(1..900))
        };
        let mut world = self.stage.world();
        let Some(charge) = world.stripe.latest_charge(&customer) else {
            return false;
        };
        let done = world.stripe.refund_charge(&charge, amount);
        drop(world);
        self.stage.tell(
            "operator",
            format!("{charge} refunded {amount:?}: {done:?}"),
        );
        true
    }

    fn dispute(&mut self) -> bool {
        let open: Vec<Value> = self.stage.ask("GET", "/v1/disputes?limit=100", "")["data"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dispute| dispute["status"] == "needs_response")
            .cloned()
            .collect();
        if !open.is_empty() && self.chance(60) {
            let id = text(&open[self.below(open.len())]["id"]);
            let won = self.chance(50);
            let done = self.stage.world().stripe.close_dispute(&id, won);
            let how = if won { "won" } else { "lost" };
            self.stage.tell("bank", format!("{id} is {how}: {done:?}"));
            return true;
        }
        let Some(customer) = self.any_customer() else {
            return false;
        };
        let mut world = self.stage.world();
        let Some(charge) = world.stripe.latest_charge(&customer) else {
            return false;
        };
        let done = world.stripe.open_dispute(&charge, "general");
        drop(world);
        self.stage
            .tell("bank", format!("{charge} is disputed: {done:?}"));
        true
    }

    fn delete_customer(&mut self) -> bool {
        let Some(customer) = self.any_customer() else {
            return false;
        };
        self.stage.world().stripe.delete_customer(&customer);
        self.stage
            .tell("operator", format!("{customer} is deleted"));
        true
    }

    /// The operator makes a subscription in Stripe's Dashboard, for a customer they have or a new
    /// one that names the person.
    fn subscribe_by_hand(&mut self) -> bool {
        let person = self.any_person();
        let customers = self.customers_of(person);
        let now = self.now();
        let (email, discord) = {
            let me = &self.people[person];
            (me.email.clone(), me.discord_id.clone())
        };
        let customer = match customers.first() {
            Some(customer) if self.chance(60) => customer.clone(),
            _ => self.stage.world().stripe.add_customer(
                now,
                &email,
                &[("rollcall_discord_user", &discord)],
            ),
        };
        let card = CARDS[self.below(9)];
        let offer = self.any_recurring();
        let mut world = self.stage.world();
        let _ = world.stripe.set_default_card(now, &customer, card);
        let done = world.stripe.subscribe(now, &customer, &offer.price, 1, &[]);
        drop(world);
        self.stage.tell(
            "operator",
            format!(
                "subscribes {customer} to {} with {card:?}: {done:?}",
                offer.price
            ),
        );
        true
    }

    fn edit_catalogue(&mut self) -> bool {
        let at = self.below(self.catalogue.offers.len());
        let offer = self.catalogue.offers[at].clone();
        let (path, form) = match self.below(6) {
            0 => (format!("/v1/prices/{}", offer.price), "active=false"),
            1 => (format!("/v1/prices/{}", offer.price), "active=true"),
            2 => (format!("/v1/products/{}", offer.product), "name=Renamed"),
            3 => (
                format!("/v1/products/{}", offer.product),
                "metadata[rollcall_order]=first",
            ),
            4 => (
                format!("/v1/products/{}", offer.product),
                "metadata[rollcall_order]=7",
            ),
            _ => (
                format!("/v1/products/{}", offer.product),
                if self.chance(50) {
                    "active=false"
                } else {
                    "active=true"
                },
            ),
        };
        let done = self.stage.ask("POST", &path, form);
        self.stage.tell(
            "operator",
            format!("{path} {form}: {}", done["error"]["message"]),
        );
        true
    }

    fn change_weather(&mut self) -> bool {
        let percent = |play: &mut Self| [0, 0, 5, 15, 40, 100][play.below(6)];
        let weather = Weather {
            stripe: percent(self),
            discord: percent(self),
            slow_events: [0, 2, 2][self.below(3)],
        };
        *self.stage.weather.lock().unwrap() = weather;
        self.stage.tell("weather", format!("{weather:?}"));
        true
    }
}
