//! Schedules: a change that happens when the running period ends.
//!
//! The library's schedules are not compiled in: the requests are small forms of ours.

use super::changes::{PlannedItem, path};
use super::objects::Expandable;
use super::{StripeClient, StripeError};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stripe_client_core::{RequestBuilder, StripeMethod};

/// Where a schedule leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextPrice {
    pub price_id: String,
    pub quantity: i64,
    /// `month` or `year`: how long the price's own phase lasts before the schedule lets go.
    pub interval: &'static str,
}

/// Every call takes a durable idempotency key.
#[async_trait]
pub trait SchedulesApi: Send + Sync {
    /// A schedule that begins with the subscription as it is.
    async fn schedule(&self, subscription_id: &str, key: &str) -> Result<Schedule, StripeError>;
    /// Lets a schedule's running phase end as planned and go over to another price.
    async fn schedule_price(
        &self,
        schedule: &Schedule,
        next: &NextPrice,
        key: &str,
    ) -> Result<Schedule, StripeError>;
    /// Detaches a schedule; the subscription stays as it is.
    async fn release_schedule(&self, schedule_id: &str, key: &str) -> Result<(), StripeError>;
}

/// A subscription schedule. Times are Unix seconds.
#[derive(Clone, Deserialize)]
pub struct Schedule {
    pub id: String,
    /// `not_started`, `active`, `completed`, `released`, `canceled`.
    pub status: String,
    #[serde(default)]
    pub phases: Vec<Phase>,
    #[serde(default)]
    pub current_phase: Option<CurrentPhase>,
}

#[derive(Clone, Deserialize)]
pub struct CurrentPhase {
    pub start_date: i64,
}

#[derive(Clone, Deserialize)]
pub struct Phase {
    pub start_date: i64,
    pub end_date: i64,
    #[serde(default)]
    pub items: Vec<PlannedItem>,
    #[serde(default)]
    pub discounts: Option<Vec<PhaseDiscount>>,
}

#[derive(Clone, Deserialize)]
pub struct PhaseDiscount {
    #[serde(default)]
    pub discount: Option<Expandable<serde_json::Value>>,
    #[serde(default)]
    pub coupon: Option<Expandable<serde_json::Value>>,
    #[serde(default)]
    pub promotion_code: Option<Expandable<serde_json::Value>>,
}

impl Schedule {
    /// The phase that follows the running one.
    #[must_use]
    pub fn next_phase(&self) -> Option<&Phase> {
        if !matches!(self.status.as_str(), "active" | "not_started") {
            return None;
        }
        let running = self.current_phase.as_ref().map(|phase| phase.start_date);
        self.phases
            .iter()
            .filter(|phase| running.is_none_or(|start| phase.start_date > start))
            .min_by_key(|phase| phase.start_date)
    }
}

#[derive(Serialize)]
struct FromSubscription<'a> {
    from_subscription: &'a str,
}

#[derive(Serialize)]
struct Phases<'a> {
    end_behavior: &'static str,
    phases: [PhaseForm<'a>; 2],
}

/// A phase is replaced whole: what it had and is not named here, it loses.
#[derive(Serialize)]
struct PhaseForm<'a> {
    items: [ItemForm<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    start_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<Duration>,
    proration_behavior: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    discounts: Vec<DiscountForm<'a>>,
}

#[derive(Serialize)]
struct Duration {
    interval: &'static str,
    interval_count: u8,
}

#[derive(Serialize)]
struct ItemForm<'a> {
    price: &'a str,
    quantity: i64,
}

#[derive(Clone, Serialize)]
struct DiscountForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    discount: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    promotion_code: Option<&'a str>,
}

fn id_of(field: Option<&Expandable<serde_json::Value>>) -> Option<&str> {
    match field? {
        Expandable::Id(id) => Some(id),
        Expandable::Object(value) => value.get("id")?.as_str(),
    }
}

fn discounts(phase: &Phase) -> Vec<DiscountForm<'_>> {
    let known = phase.discounts.as_deref().unwrap_or_default();
    known
        .iter()
        .filter_map(|known| {
            let discount = id_of(known.discount.as_ref());
            let promotion_code =
                id_of(known.promotion_code.as_ref()).filter(|_| discount.is_none());
            let coupon = id_of(known.coupon.as_ref())
                .filter(|_| discount.is_none() && promotion_code.is_none());
            let one = DiscountForm {
                discount,
                coupon,
                promotion_code,
            };
            (discount.or(promotion_code).or(coupon)).map(|_| one)
        })
        .collect()
}

#[async_trait]
impl SchedulesApi for StripeClient {
    async fn schedule(&self, subscription_id: &str, key: &str) -> Result<Schedule, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Post, "/subscription_schedules").form(
            &FromSubscription {
                from_subscription: subscription_id,
            },
        );
        self.transport.send(&request, Some(key)).await
    }

    async fn schedule_price(
        &self,
        schedule: &Schedule,
        next: &NextPrice,
        key: &str,
    ) -> Result<Schedule, StripeError> {
        let (Some(phase), Some(item)) = (
            schedule.phases.last(),
            schedule.phases.last().and_then(|phase| phase.items.first()),
        ) else {
            return Err(StripeError::Unreadable {
                what: "a schedule without a phase".to_owned(),
            });
        };
        let request = path("subscription_schedules", &schedule.id, "").form(&Phases {
            end_behavior: "release",
            phases: [
                PhaseForm {
                    items: [ItemForm {
                        price: item.price_id(),
                        quantity: item.quantity.unwrap_or(1),
                    }],
                    start_date: Some(phase.start_date),
                    end_date: Some(phase.end_date),
                    duration: None,
                    proration_behavior: "none",
                    discounts: discounts(phase),
                },
                PhaseForm {
                    items: [ItemForm {
                        price: &next.price_id,
                        quantity: next.quantity,
                    }],
                    start_date: None,
                    end_date: None,
                    duration: Some(Duration {
                        interval: next.interval,
                        interval_count: 1,
                    }),
                    proration_behavior: "none",
                    discounts: discounts(phase),
                },
            ],
        });
        self.transport.send(&request, Some(key)).await
    }

    async fn release_schedule(&self, schedule_id: &str, key: &str) -> Result<(), StripeError> {
        let request = path("subscription_schedules", schedule_id, "/release");
        let _: serde_json::Value = self.transport.send(&request, Some(key)).await?;
        Ok(())
    }
}
