//! Changes of a running subscription: the calls and their objects.
//!
//! The library's builders cannot clear a field, and its schedules are not compiled in: those
//! requests are small forms of ours.

use super::objects::{Expandable, Page, Price, Subscription};
use super::{StripeClient, StripeError};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stripe_billing::invoice::{
    CreatePreviewInvoice, CreatePreviewInvoiceSubscriptionDetails,
    CreatePreviewInvoiceSubscriptionDetailsItems,
    CreatePreviewInvoiceSubscriptionDetailsProrationBehavior as PreviewProration,
};
use stripe_billing::subscription::{
    ResumeSubscription, ResumeSubscriptionBillingCycleAnchor,
    ResumeSubscriptionBillingCycleAnchorType, ResumeSubscriptionPaymentBehavior,
    UpdateSubscription, UpdateSubscriptionItems, UpdateSubscriptionPaymentBehavior,
    UpdateSubscriptionProrationBehavior,
};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};

/// Another price for a subscription's one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPrice {
    pub subscription_id: String,
    pub item_id: String,
    pub price_id: String,
    pub quantity: i64,
    /// Unix seconds: what is shown and what is charged are reckoned from the same moment.
    pub proration_date: i64,
}

/// Where a schedule leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextPrice {
    pub price_id: String,
    pub quantity: i64,
    /// `month` or `year`: how long the price's own phase lasts before the schedule lets go.
    pub interval: &'static str,
}

/// What ends a subscription, to be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedEnd {
    CancelAt,
    CancelAtPeriodEnd,
}

/// Changes of subscriptions. Every call that changes takes a durable idempotency key.
#[async_trait]
pub trait ChangesApi: Send + Sync {
    /// The invoice a change at once would make (`always_invoice`), nothing happening.
    async fn preview_now(&self, change: &NewPrice) -> Result<PreviewInvoice, StripeError>;
    /// The next invoice if the price were the other one, without prorations.
    async fn preview_later(&self, change: &NewPrice) -> Result<PreviewInvoice, StripeError>;
    /// Changes at once; what has to be paid for it is paid first (`pending_if_incomplete`).
    async fn change_now(&self, change: &NewPrice, key: &str) -> Result<Subscription, StripeError>;
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
    /// Takes a planned end back.
    async fn keep(
        &self,
        subscription_id: &str,
        end: PlannedEnd,
        key: &str,
    ) -> Result<(), StripeError>;
    /// Pauses collection until `resumes_at` (Unix seconds); invoices meanwhile are voided.
    async fn pause(
        &self,
        subscription_id: &str,
        resumes_at: i64,
        key: &str,
    ) -> Result<(), StripeError>;
    /// Ends a pause of collection.
    async fn resume(&self, subscription_id: &str, key: &str) -> Result<(), StripeError>;
    /// Goes on with a subscription whose status is `paused`: a period begins now and is charged
    /// here; until that is paid it stays paused, and Stripe tries again.
    async fn go_on(&self, subscription_id: &str, key: &str) -> Result<Subscription, StripeError>;
    /// Why an invoice is not paid yet: Stripe's code, `authentication_required` where a bank asks.
    async fn unpaid_because(&self, invoice_id: &str) -> Result<Option<String>, StripeError>;
}

/// An invoice that was never made. Amounts in minor units.
#[derive(Clone, Debug, Deserialize)]
pub struct PreviewInvoice {
    pub currency: String,
    pub total: i64,
    #[serde(default)]
    pub amount_due: i64,
    #[serde(default)]
    pub total_discount_amounts: Option<Vec<Amount>>,
    #[serde(default)]
    pub total_taxes: Option<Vec<Amount>>,
    pub lines: Page<PreviewLine>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Amount {
    pub amount: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct PreviewLine {
    pub amount: i64,
    pub period: LinePeriod,
    #[serde(default)]
    pub pricing: Option<Pricing>,
}

/// Unix seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct LinePeriod {
    pub start: i64,
    pub end: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Pricing {
    #[serde(default)]
    pub price_details: Option<PriceDetails>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct PriceDetails {
    #[serde(default)]
    pub price: Option<String>,
}

impl PreviewLine {
    #[must_use]
    pub fn price_id(&self) -> Option<&str> {
        self.pricing
            .as_ref()?
            .price_details
            .as_ref()?
            .price
            .as_deref()
    }
}

/// `pause_collection`: nothing is collected until `resumes_at` (Unix seconds), if there is one.
#[derive(Clone, Debug, Deserialize)]
pub struct PauseCollection {
    /// `keep_as_draft`, `mark_uncollectible`, `void`.
    #[serde(default)]
    pub behavior: Option<String>,
    #[serde(default)]
    pub resumes_at: Option<i64>,
}

/// A change that counts once its invoice is paid, until it expires (Unix seconds).
#[derive(Clone, Deserialize)]
pub struct PendingUpdate {
    pub expires_at: i64,
    #[serde(default)]
    pub subscription_items: Option<Vec<PlannedItem>>,
}

/// An item of a phase or of a pending update.
#[derive(Clone, Deserialize)]
pub struct PlannedItem {
    pub price: Expandable<Price>,
    #[serde(default)]
    pub quantity: Option<i64>,
}

impl PlannedItem {
    #[must_use]
    pub fn price_id(&self) -> &str {
        match &self.price {
            Expandable::Id(id) => id,
            Expandable::Object(price) => &price.id,
        }
    }
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

fn path(collection: &str, id: &str, action: &str) -> RequestBuilder {
    RequestBuilder::new(StripeMethod::Post, format!("/{collection}/{id}{action}"))
}

fn preview(change: &NewPrice, proration: PreviewProration) -> RequestBuilder {
    let mut item = CreatePreviewInvoiceSubscriptionDetailsItems::new();
    item.id = Some(change.item_id.clone());
    item.price = Some(change.price_id.clone());
    item.quantity = u64::try_from(change.quantity).ok();
    let mut details = CreatePreviewInvoiceSubscriptionDetails::new();
    details.items = Some(vec![item]);
    if proration == PreviewProration::AlwaysInvoice {
        details.proration_date = Some(change.proration_date);
    }
    details.proration_behavior = Some(proration);
    CreatePreviewInvoice::new()
        .subscription(&change.subscription_id)
        .subscription_details(details)
        .build()
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

#[derive(Serialize)]
struct ClearCancelAt {
    /// Empty: no end any more.
    cancel_at: &'static str,
}

#[derive(Serialize)]
struct Renew {
    cancel_at_period_end: bool,
}

#[derive(Serialize)]
struct ClearPause {
    /// Empty: no pause any more.
    pause_collection: &'static str,
}

#[derive(Serialize)]
struct SetPause {
    pause_collection: Pause,
}

#[derive(Serialize)]
struct Pause {
    behavior: &'static str,
    resumes_at: i64,
}

#[derive(Deserialize)]
struct PaidWith {
    #[serde(default)]
    payments: Option<Page<InvoicePayment>>,
}

#[derive(Deserialize)]
struct InvoicePayment {
    payment: Payment,
}

#[derive(Deserialize)]
struct Payment {
    #[serde(default)]
    payment_intent: Option<Expandable<PaymentIntent>>,
}

#[derive(Deserialize)]
struct PaymentIntent {
    #[serde(default)]
    status: String,
    #[serde(default)]
    last_payment_error: Option<PaymentError>,
}

#[derive(Deserialize)]
struct PaymentError {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
}

impl PaymentIntent {
    fn because(&self) -> Option<String> {
        if self.status == "requires_action" {
            return Some("authentication_required".to_owned());
        }
        let error = self.last_payment_error.as_ref()?;
        match error.code.as_deref() {
            Some("card_declined") => error.decline_code.clone().or_else(|| error.code.clone()),
            _ => error.code.clone(),
        }
    }
}

#[async_trait]
impl ChangesApi for StripeClient {
    async fn preview_now(&self, change: &NewPrice) -> Result<PreviewInvoice, StripeError> {
        let request = preview(change, PreviewProration::AlwaysInvoice);
        self.transport.send(&request, None).await
    }

    async fn preview_later(&self, change: &NewPrice) -> Result<PreviewInvoice, StripeError> {
        let request = preview(change, PreviewProration::None);
        self.transport.send(&request, None).await
    }

    async fn change_now(&self, change: &NewPrice, key: &str) -> Result<Subscription, StripeError> {
        let mut item = UpdateSubscriptionItems::new();
        item.id = Some(change.item_id.clone());
        item.price = Some(change.price_id.clone());
        item.quantity = u64::try_from(change.quantity).ok();
        let request = UpdateSubscription::new(change.subscription_id.as_str())
            .items(vec![item])
            .proration_behavior(UpdateSubscriptionProrationBehavior::AlwaysInvoice)
            .payment_behavior(UpdateSubscriptionPaymentBehavior::PendingIfIncomplete)
            .proration_date(change.proration_date)
            .expand(["latest_invoice".to_owned()])
            .build();
        self.transport.send(&request, Some(key)).await
    }

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

    async fn keep(
        &self,
        subscription_id: &str,
        end: PlannedEnd,
        key: &str,
    ) -> Result<(), StripeError> {
        let request = path("subscriptions", subscription_id, "");
        let request = match end {
            PlannedEnd::CancelAt => request.form(&ClearCancelAt { cancel_at: "" }),
            PlannedEnd::CancelAtPeriodEnd => request.form(&Renew {
                cancel_at_period_end: false,
            }),
        };
        let _: serde_json::Value = self.transport.send(&request, Some(key)).await?;
        Ok(())
    }

    async fn pause(
        &self,
        subscription_id: &str,
        resumes_at: i64,
        key: &str,
    ) -> Result<(), StripeError> {
        let request = path("subscriptions", subscription_id, "").form(&SetPause {
            pause_collection: Pause {
                behavior: "void",
                resumes_at,
            },
        });
        let _: serde_json::Value = self.transport.send(&request, Some(key)).await?;
        Ok(())
    }

    async fn resume(&self, subscription_id: &str, key: &str) -> Result<(), StripeError> {
        let request = path("subscriptions", subscription_id, "").form(&ClearPause {
            pause_collection: "",
        });
        let _: serde_json::Value = self.transport.send(&request, Some(key)).await?;
        Ok(())
    }

    async fn go_on(&self, subscription_id: &str, key: &str) -> Result<Subscription, StripeError> {
        let request = ResumeSubscription::new(subscription_id)
            .billing_cycle_anchor(ResumeSubscriptionBillingCycleAnchor::new(
                ResumeSubscriptionBillingCycleAnchorType::Now,
            ))
            .payment_behavior(ResumeSubscriptionPaymentBehavior::ResumeOnPaymentSuccess)
            .build();
        self.transport.send(&request, Some(key)).await
    }

    async fn unpaid_because(&self, invoice_id: &str) -> Result<Option<String>, StripeError> {
        let mut request = RequestBuilder::new(StripeMethod::Get, format!("/invoices/{invoice_id}"));
        request.query = Some("expand[0]=payments.data.payment.payment_intent".to_owned());
        let Some(invoice) = self.found::<PaidWith>(&request).await? else {
            return Ok(None);
        };
        let payments = invoice.payments.map(|page| page.data).unwrap_or_default();
        Ok(payments
            .iter()
            .filter_map(|payment| payment.payment.payment_intent.as_ref()?.object())
            .find_map(PaymentIntent::because))
    }
}
