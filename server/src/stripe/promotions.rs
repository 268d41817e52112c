//! Promotion codes, as Stripe keeps them.

use super::objects::{Expandable, Page};
use super::{StripeClient, StripeError};
use async_trait::async_trait;
use serde::Deserialize;
use stripe_client_core::{RequestBuilder, StripeMethod};

#[derive(Clone, Debug, Deserialize)]
pub struct PromotionCode {
    pub id: String,
    /// False when expired, used up or withdrawn, or when its coupon is.
    pub active: bool,
    pub code: String,
    #[serde(default)]
    pub customer: Option<Expandable<super::objects::Customer>>,
    pub promotion: PromotionOf,
    #[serde(default)]
    pub restrictions: Restrictions,
}

impl PromotionCode {
    /// The one customer it is for.
    #[must_use]
    pub fn customer_id(&self) -> Option<&str> {
        match self.customer.as_ref()? {
            Expandable::Id(id) => Some(id),
            Expandable::Object(customer) => Some(&customer.id),
        }
    }
}

/// What it gives: a coupon.
#[derive(Clone, Debug, Deserialize)]
pub struct PromotionOf {
    #[serde(default)]
    pub coupon: Option<Expandable<Coupon>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Restrictions {
    #[serde(default)]
    pub minimum_amount: Option<i64>,
    #[serde(default)]
    pub minimum_amount_currency: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Coupon {
    pub id: String,
    #[serde(default)]
    pub percent_off: Option<f64>,
    #[serde(default)]
    pub amount_off: Option<i64>,
    #[serde(default)]
    pub currency: Option<String>,
    /// `once`, `repeating`, `forever`.
    pub duration: String,
    #[serde(default)]
    pub duration_in_months: Option<u32>,
    /// Shown when asked for; none for every product.
    #[serde(default)]
    pub applies_to: Option<AppliesTo>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct AppliesTo {
    #[serde(default)]
    pub products: Vec<String>,
}

#[async_trait]
pub trait PromotionsApi: Send + Sync {
    /// Every promotion code that reads like that, with its coupon and what it applies to; case
    /// does not matter to Stripe. Those that are over are among them.
    async fn promotion_codes(&self, code: &str) -> Result<Vec<PromotionCode>, StripeError>;
}

#[derive(serde::Serialize)]
struct Like<'a> {
    code: &'a str,
    limit: i64,
    expand: [&'static str; 1],
}

#[async_trait]
impl PromotionsApi for StripeClient {
    async fn promotion_codes(&self, code: &str) -> Result<Vec<PromotionCode>, StripeError> {
        let query = Like {
            code,
            limit: super::client::PAGE,
            expand: ["data.promotion.coupon.applies_to"],
        };
        let request = RequestBuilder::new(StripeMethod::Get, "/promotion_codes").query(&query);
        let page: Page<PromotionCode> = self.transport.send(&request, None).await?;
        Ok(page.data)
    }
}
