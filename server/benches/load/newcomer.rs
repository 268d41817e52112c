//! Somebody who becomes a member over HTTP: sign-in, checkout, payment, and then the return page or
//! the webhook alone, until Discord has the role.

use crate::Outcome;
use crate::installation::Installation;
use crate::intake;
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use sandbox::clock::Clock as SandboxClock;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// What tells us of the payment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    Return,
    Webhook,
}

/// How long a newcomer is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Newcomer {
    pub discord_id: String,
    base: String,
    http: reqwest::Client,
    cookies: HashMap<String, String>,
}

impl Newcomer {
    /// A member of the server, signed in.
    pub async fn signed_in(house: &Installation, name: &str) -> Outcome<Self> {
        let discord_id = house.sandbox.with(|world| -> Outcome<String> {
            let now = world.clock.now_ms();
            let id = world.discord.create_user(now, name, true)?;
            world.discord.member_join(now, &id)?;
            Ok(id)
        })?;
        let mut newcomer = Self {
            discord_id,
            base: house.base.clone(),
            http: intake::client()?,
            cookies: HashMap::new(),
        };
        let authorize = newcomer.get("/login?next=%2Fbilling").await?;
        let back = newcomer.consents(&authorize).await?;
        let path = back.strip_prefix(&house.base).unwrap_or(&back).to_owned();
        newcomer.get(&path).await?;
        Ok(newcomer)
    }

    /// Agrees on Discord's page; answers where that leads.
    async fn consents(&self, authorize: &str) -> Outcome<String> {
        let mut form: Vec<(String, String)> = url::Url::parse(authorize)?
            .query_pairs()
            .into_owned()
            .collect();
        form.push(("user".to_owned(), self.discord_id.clone()));
        form.push(("decision".to_owned(), "authorize".to_owned()));
        let at = authorize.split('?').next().unwrap_or(authorize);
        let answer = self.http.post(at).form(&form).send().await?;
        location(&answer)
    }

    /// Pays, and answers how long it then takes until Discord has the role, s.
    pub async fn becomes_member(&mut self, house: &Installation, arrival: Arrival) -> Outcome<f64> {
        let price: String = sqlx::query_scalar(
            "SELECT prices.id FROM prices JOIN plans ON plans.id = prices.plan_id \
             WHERE plans.name = 'Member' AND prices.period = 'month' AND prices.active = 1",
        )
        .fetch_one(house.paced.db.reader())
        .await?;
        let checkout = self
            .post("/api/start_checkout", &[("price_id", &price)])
            .await?;
        let card = [
            ("card_number", "4242424242424242"),
            ("exp", "12/34"),
            ("cvc", "123"),
        ];
        let paid = self.http.post(&checkout).form(&card).send().await?;
        let back = location(&paid)?;
        let from = Instant::now();
        match arrival {
            Arrival::Return => {
                let path = back.strip_prefix(&house.base).unwrap_or(&back).to_owned();
                // The page is on its way while the role is waited for.
                let request = self.request(self.http.get(format!("{}{path}", self.base)));
                tokio::spawn(request.send());
            }
            Arrival::Webhook => {
                let now = SandboxClock::wall_ms();
                let due = house
                    .sandbox
                    .with(|world| world.take_deliveries_even_if_paused(now));
                let bodies: Vec<&str> = due.iter().map(|due| due.body.as_str()).collect();
                intake::deliver(house, &bodies).await?;
            }
        }
        while from.elapsed() < PATIENCE {
            let roles = house
                .sandbox
                .with(|world| world.discord.roles_of(&self.discord_id));
            if !roles.is_empty() {
                return Ok(from.elapsed().as_secs_f64());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err("a newcomer did not get the role within a minute".into())
    }

    /// Follows to nowhere: answers where a page leads.
    async fn get(&mut self, path: &str) -> Outcome<String> {
        location(&self.get_page(path).await?)
    }

    async fn get_page(&mut self, path: &str) -> Outcome<reqwest::Response> {
        let request = self.http.get(format!("{}{path}", self.base));
        self.send(request).await
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Outcome<String> {
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .header("origin", &self.base)
            .form(form);
        location(&self.send(request).await?)
    }

    /// As this browser sends it.
    fn request(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        request
            .header("accept", "text/html")
            .header(COOKIE, cookies.join("; "))
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Outcome<reqwest::Response> {
        let answer = self.request(request).send().await?;
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}

fn location(answer: &reqwest::Response) -> Outcome<String> {
    let to = answer
        .headers()
        .get(LOCATION)
        .ok_or_else(|| format!("{} leads nowhere ({})", answer.url(), answer.status()))?;
    Ok(to.to_str()?.to_owned())
}
