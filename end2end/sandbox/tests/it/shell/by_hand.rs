//! The control API's hands on Stripe and Discord.

use sandbox::{
    discord::{PERSON_ADA, PERSON_BARBARA, ROLE_BOT, ROLE_MEMBER, ROLE_PATRON},
    shell::Options,
};
use serde_json::{Value, json};

use super::{Outside, TestResult, quiet};

async fn demo() -> TestResult<Outside> {
    Outside::start(Options {
        demo: true,
        ..quiet()
    })
    .await
}

impl Outside {
    async fn ordered(&self, path: &str, body: &Value) -> TestResult<Value> {
        let (status, told) = self.control(path, body).await?;
        assert_eq!(status, 200, "{path} {body}: {told}");
        Ok(told)
    }

    /// A customer whose card pays for the dearest monthly plan: customer, subscription.
    async fn subscribed(&self) -> TestResult<(String, String)> {
        let state = self.get("/_sandbox/state").await?;
        let price = state["stripe"]["prices"]
            .as_array()
            .and_then(|prices| {
                prices
                    .iter()
                    .find(|price| price["recurring"]["interval"] == "month")
            })
            .map(|price| price["id"].clone())
            .ok_or("no monthly price")?;
        let made = self
            .ordered(
                "stripe/customer",
                &json!({"email": "ada@x.test", "metadata": {"payer": "p"}}),
            )
            .await?;
        let customer = &made["customer"];
        self.ordered(
            "stripe/card",
            &json!({"customer": customer, "kind": "visa"}),
        )
        .await?;
        let made = self
            .ordered(
                "stripe/subscribe",
                &json!({"customer": customer, "price": price}),
            )
            .await?;
        Ok((text(customer)?, text(&made["subscription"])?))
    }

    async fn subscription(&self, id: &str) -> TestResult<Value> {
        let asked = self.stripe("GET", &format!("/v1/subscriptions/{id}"))?;
        Ok(asked.send().await?.json().await?)
    }
}

fn text(value: &Value) -> TestResult<String> {
    Ok(value.as_str().ok_or("not a text")?.to_owned())
}

#[tokio::test]
async fn a_subscription_is_ended_kept_and_paused() -> TestResult {
    let world = demo().await?;
    let (_, id) = world.subscribed().await?;
    let named = json!({"subscription": id});
    assert_eq!(world.subscription(&id).await?["status"], "active");
    world.ordered("stripe/cancel_at_period_end", &named).await?;
    assert_eq!(world.subscription(&id).await?["cancel_at_period_end"], true);
    world.ordered("stripe/keep", &named).await?;
    assert_eq!(
        world.subscription(&id).await?["cancel_at_period_end"],
        false
    );
    let as_portal = json!({"subscription": id, "by_cancel_at": true});
    world
        .ordered("stripe/cancel_at_period_end", &as_portal)
        .await?;
    let planned = world.subscription(&id).await?;
    assert!(planned["cancel_at"].is_i64());
    assert_eq!(planned["cancel_at_period_end"], false);
    world.ordered("stripe/keep", &named).await?;
    assert!(world.subscription(&id).await?["cancel_at"].is_null());
    world.ordered("stripe/pause", &named).await?;
    let paused = world.subscription(&id).await?;
    assert_eq!(paused["pause_collection"]["behavior"], "void");
    world.ordered("stripe/resume", &named).await?;
    assert!(world.subscription(&id).await?["pause_collection"].is_null());
    let three = json!({"subscription": id, "quantity": 3});
    world.ordered("stripe/quantity", &three).await?;
    assert_eq!(
        world.subscription(&id).await?["items"]["data"][0]["quantity"],
        3
    );
    world.ordered("stripe/cancel", &named).await?;
    assert_eq!(world.subscription(&id).await?["status"], "canceled");
    let (status, told) = world.control("stripe/cancel", &named).await?;
    assert_eq!(status, 409, "{told}");
    let (status, _) = world
        .control("stripe/cancel", &json!({"subscription": "sub_no"}))
        .await?;
    assert_eq!(status, 404);
    Ok(())
}

#[tokio::test]
async fn a_payment_is_refunded_and_disputed() -> TestResult {
    let world = demo().await?;
    let (customer, id) = world.subscribed().await?;
    let named = json!({"subscription": id});
    let part = json!({"customer": customer, "amount": 100});
    let refunded = world.ordered("stripe/refund", &part).await?;
    let failed = json!({"refund": refunded["refund"]});
    world.ordered("stripe/refund_fail", &failed).await?;
    assert_eq!(world.control("stripe/refund_fail", &failed).await?.0, 409);
    let asked = json!({"subscription": id, "inquiry": true});
    let disputed = world.ordered("stripe/dispute", &asked).await?;
    let escalated = json!({"dispute": disputed["dispute"]});
    world.ordered("stripe/dispute_escalate", &escalated).await?;
    let state = world.get("/_sandbox/state").await?;
    assert_eq!(state["stripe"]["refunds"][0]["amount"], 100);
    assert_eq!(state["stripe"]["disputes"][0]["id"], disputed["dispute"]);
    assert_eq!(state["stripe"]["disputes"][0]["status"], "needs_response");
    let won = json!({"subscription": id, "won": true});
    world.ordered("stripe/dispute_close", &won).await?;
    let state = world.get("/_sandbox/state").await?;
    assert_eq!(state["stripe"]["disputes"][0]["status"], "won");
    assert_eq!(world.control("stripe/dispute", &named).await?.0, 409);
    Ok(())
}

#[tokio::test]
async fn a_card_that_fails_makes_the_renewal_past_due() -> TestResult {
    let world = demo().await?;
    let (_, id) = world.subscribed().await?;
    let named = json!({"subscription": id});
    world.ordered("stripe/card_declines", &named).await?;
    world
        .ordered("clock", &json!({"advance_months": 1, "advance_hours": 2}))
        .await?;
    assert_eq!(world.subscription(&id).await?["status"], "past_due");
    world.ordered("stripe/card_works", &named).await?;
    world.ordered("clock", &json!({"advance_days": 4})).await?;
    assert_eq!(world.subscription(&id).await?["status"], "active");
    let (status, told) = world
        .control("stripe/card", &json!({"subscription": id, "kind": "gold"}))
        .await?;
    assert_eq!(status, 400);
    assert!(
        told["error"]
            .as_str()
            .is_some_and(|told| told.contains("visa"))
    );
    Ok(())
}

#[tokio::test]
async fn people_come_go_and_hold_roles() -> TestResult {
    let world = demo().await?;
    let (ada, barbara) = (PERSON_ADA.to_string(), PERSON_BARBARA.to_string());
    let (member, patron) = (ROLE_MEMBER.to_string(), ROLE_PATRON.to_string());
    let give = json!({"user": ada, "role": member});
    world.ordered("discord/role_add", &give).await?;
    world
        .ordered("discord/role_add", &json!({"user": ada, "role": patron}))
        .await?;
    world.ordered("discord/role_remove", &give).await?;
    let roles = world.sandbox.with(|inner| inner.discord.roles_of(&ada));
    assert_eq!(roles, [patron]);
    let away = json!({"user": barbara, "role": member});
    assert_eq!(world.control("discord/role_add", &away).await?.0, 409);
    world
        .ordered("discord/join", &json!({"user": barbara}))
        .await?;
    assert_eq!(
        world
            .control("discord/join", &json!({"user": barbara}))
            .await?
            .0,
        409
    );
    world
        .ordered("discord/leave", &json!({"user": barbara}))
        .await?;
    world
        .ordered("discord/ban", &json!({"user": barbara}))
        .await?;
    assert_eq!(
        world
            .control("discord/join", &json!({"user": barbara}))
            .await?
            .0,
        409
    );
    world
        .ordered("discord/unban", &json!({"user": barbara}))
        .await?;
    let bots = json!({"user": ada, "role": ROLE_BOT.to_string()});
    assert_eq!(world.control("discord/role_add", &bots).await?.0, 409);
    assert_eq!(
        world
            .control("discord/join", &json!({"user": "1"}))
            .await?
            .0,
        404
    );
    let new = json!({"name": "Emmy Noether", "email": "emmy@x.test", "join": true});
    let made = world.ordered("discord/user", &new).await?;
    let id = text(&made["user"])?;
    assert!(world.sandbox.with(|inner| inner.discord.is_member(&id)));
    let state = world.get("/_sandbox/state").await?;
    let users = state["discord"]["users"].as_array().ok_or("no users")?;
    let emmy = users
        .iter()
        .find(|user| user["id"] == id.as_str())
        .ok_or("no Emmy")?;
    assert_eq!(emmy["email"], "emmy@x.test");
    assert_eq!(emmy["verified"], true);
    Ok(())
}

#[tokio::test]
async fn discord_fails_as_ordered() -> TestResult {
    let world = demo().await?;
    let token = world.sandbox.with(|inner| inner.discord.bot_token());
    let guild = world.sandbox.with(|inner| inner.discord.guild_id());
    let ask = async || -> TestResult<reqwest::Response> {
        Ok(world
            .http
            .get(world.at(&format!("/api/v10/guilds/{guild}/roles")))
            .header("authorization", format!("Bot {token}"))
            .send()
            .await?)
    };
    let limited = json!({
        "target": "discord", "path": "/roles",
        "effect": {"kind": "rate_limit", "scope": "user", "retry_after_ms": 1500},
    });
    world.ordered("faults", &limited).await?;
    let answer = ask().await?;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["x-ratelimit-scope"], "user");
    assert_eq!(ask().await?.status(), 200, "once");
    let broken = json!({"target": "discord", "effect": {"kind": "nonsense"}});
    assert_eq!(world.control("faults", &broken).await?.0, 400);
    world
        .ordered(
            "faults",
            &json!({"target": "discord", "kind": "answer", "status": 500}),
        )
        .await?;
    assert_eq!(ask().await?.status(), 500);
    assert_eq!(ask().await?.status(), 500);
    world
        .ordered("faults/clear", &json!({"target": "discord"}))
        .await?;
    assert_eq!(ask().await?.status(), 200);
    world
        .ordered("discord/bot_token", &json!({"token": "another"}))
        .await?;
    assert_eq!(ask().await?.status(), 401);
    Ok(())
}

#[tokio::test]
async fn a_bank_answers_at_once_and_a_status_of_later_years_is_said() -> TestResult {
    let world = demo().await?;
    let (customer, id) = world.subscribed().await?;
    let debit = json!({"customer": customer, "kind": "bank_debit_fails"});
    world.ordered("stripe/card", &debit).await?;
    let named = json!({"subscription": id});
    // Nothing is under way yet.
    assert_eq!(world.control("stripe/debit_settles", &named).await?.0, 404);
    world
        .ordered("clock", &json!({"advance_months": 1, "advance_hours": 2}))
        .await?;
    assert_eq!(world.subscription(&id).await?["status"], "active");
    world.ordered("stripe/debit_settles", &named).await?;
    assert_eq!(world.subscription(&id).await?["status"], "past_due");
    let said = json!({"subscription": id, "status": "dormant"});
    world.ordered("stripe/say", &said).await?;
    assert_eq!(world.subscription(&id).await?["status"], "dormant");
    world.ordered("stripe/say", &named).await?;
    assert_eq!(world.subscription(&id).await?["status"], "past_due");
    let settings =
        json!({"finalization_error": "customer_tax_location_invalid", "debit_activates": true});
    world.ordered("stripe/settings", &settings).await?;
    let unknown = json!({"finalization_error": "bad_weather"});
    assert_eq!(world.control("stripe/settings", &unknown).await?.0, 400);
    Ok(())
}
