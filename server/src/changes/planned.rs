//! What is planned with a subscription, beside what it is now.

use crate::db::DbError;
use crate::stripe::objects::{Expandable, Subscription};
use sqlx::AnyConnection;

/// Later than a date at Stripe by this, so that what falls due there has happened.
const AFTER_MS: i64 = 5 * 60 * 1000;

/// As the subscription's row keeps it. Times are UTC epoch ms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    pub item_id: Option<String>,
    /// A schedule that is attached, whether or not it still changes anything.
    pub schedule_id: Option<String>,
    /// The price the schedule leads to, and when.
    pub next_price_id: Option<String>,
    pub next_at: Option<i64>,
    /// Price and quantity of an update that waits for its payment, and until when it waits.
    pub pending_price_id: Option<String>,
    pub pending_quantity: Option<i64>,
    pub pending_until: Option<i64>,
    pub pause_behavior: Option<String>,
    pub resumes_at: Option<i64>,
}

impl Planned {
    #[must_use]
    pub fn of(subscription: &Subscription) -> Self {
        let ms = |seconds: i64| seconds.saturating_mul(1000);
        let item = subscription.items.data.first();
        let mut planned = Self {
            item_id: item.map(|item| item.id.clone()),
            ..Self::default()
        };
        match &subscription.schedule {
            Some(Expandable::Id(id)) => planned.schedule_id = Some(id.clone()),
            Some(Expandable::Object(schedule)) => {
                planned.schedule_id = Some(schedule.id.clone());
                let next = schedule
                    .next_phase()
                    .and_then(|phase| Some((phase.start_date, phase.items.first()?)));
                let now = item.map(|item| item.price.id.as_str());
                if let Some((at, next)) = next.filter(|(_, next)| Some(next.price_id()) != now) {
                    planned.next_price_id = Some(next.price_id().to_owned());
                    planned.next_at = Some(ms(at));
                }
            }
            None => {}
        }
        if let Some(pending) = &subscription.pending_update {
            planned.pending_until = Some(ms(pending.expires_at));
            let item = pending.subscription_items.as_ref();
            if let Some(item) = item.and_then(|items| items.first()) {
                planned.pending_price_id = Some(item.price_id().to_owned());
                planned.pending_quantity = item.quantity;
            }
        }
        if let Some(pause) = &subscription.pause_collection {
            planned.pause_behavior.clone_from(&pause.behavior);
            planned.resumes_at = pause.resumes_at.map(ms);
        }
        planned
    }

    /// When Stripe has to be read again even if it sends no news.
    fn look_again(&self) -> Option<i64> {
        [self.pending_until, self.resumes_at]
            .into_iter()
            .flatten()
            .min()
            .map(|at| at + AFTER_MS)
    }
}

/// Writes it to the subscription's row; answers when to look again, on the policy clock.
pub async fn keep(
    conn: &mut AnyConnection,
    subscription_id: &str,
    planned: &Planned,
) -> Result<Option<i64>, DbError> {
    sqlx::query(
        "UPDATE subscriptions SET item_id = $1, schedule_id = $2, next_price_id = $3, next_at = $4, \
         pending_price_id = $5, pending_until = $6, pause_behavior = $7, resumes_at = $8, \
         pending_quantity = $9 WHERE id = $10",
    )
    .bind(&planned.item_id)
    .bind(&planned.schedule_id)
    .bind(&planned.next_price_id)
    .bind(planned.next_at)
    .bind(&planned.pending_price_id)
    .bind(planned.pending_until)
    .bind(&planned.pause_behavior)
    .bind(planned.resumes_at)
    .bind(planned.pending_quantity)
    .bind(subscription_id)
    .execute(conn)
    .await?;
    Ok(planned.look_again())
}

#[cfg(test)]
mod tests {
    use super::Planned;
    use crate::stripe::objects::Subscription;
    use serde_json::{Value, json};

    fn read(more: &Value) -> Planned {
        let mut whole = json!({
            "id": "sub_1", "status": "active", "customer": "cus_1", "created": 1,
            "items": { "data": [{ "id": "si_1", "price": { "id": "price_patron", "product": "prod_1",
                "currency": "eur" } }] },
        });
        if let (Some(whole), Some(more)) = (whole.as_object_mut(), more.as_object()) {
            whole.extend(more.clone());
        }
        let subscription: Subscription = serde_json::from_value(whole).unwrap();
        Planned::of(&subscription)
    }

    fn schedule(status: &str, current: i64) -> Value {
        json!({ "schedule": { "id": "sub_sched_1", "status": status, "current_phase": { "start_date": current },
            "phases": [
                { "start_date": 10, "end_date": 20, "items": [{ "price": "price_patron" }] },
                { "start_date": 20, "end_date": 30, "items": [{ "price": "price_member", "quantity": 1 }] },
            ] } })
    }

    #[test]
    fn the_phase_after_the_running_one_tells_the_next_price() {
        let planned = read(&schedule("active", 10));
        assert_eq!(planned.next_price_id.as_deref(), Some("price_member"));
        assert_eq!(planned.next_at, Some(20_000));
        assert_eq!(planned.schedule_id.as_deref(), Some("sub_sched_1"));
        // In its last phase, or over, it changes nothing any more.
        for planned in [
            read(&schedule("active", 20)),
            read(&schedule("released", 10)),
        ] {
            assert_eq!(planned.next_at, None);
            assert!(planned.schedule_id.is_some());
        }
    }

    #[test]
    fn what_waits_and_what_rests_is_looked_at_when_it_ends() {
        let plain = read(&json!({ "schedule": "sub_sched_1" }));
        assert_eq!(plain.look_again(), None);
        let waiting = read(&json!({ "pending_update": { "expires_at": 50,
            "subscription_items": [{ "price": { "id": "price_x", "product": "p", "currency": "eur" },
                "quantity": 9 }] } }));
        assert_eq!(waiting.pending_price_id.as_deref(), Some("price_x"));
        assert_eq!(waiting.pending_quantity, Some(9));
        assert!(waiting.look_again().unwrap() > 50_000);
        let paused = read(&json!({ "pause_collection": { "behavior": "void", "resumes_at": 70 } }));
        assert!(paused.look_again().unwrap() > 70_000);
        let for_good =
            read(&json!({ "pause_collection": { "behavior": "void", "resumes_at": null } }));
        assert_eq!(for_good.look_again(), None);
    }
}
