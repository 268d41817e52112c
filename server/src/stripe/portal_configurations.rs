//! What the customer portal offers, for `rollcall setup`.

use super::client::PAGE;
use super::{StripeClient, StripeError};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use stripe_client_core::{RequestBuilder, StripeMethod};

/// Our mark: metadata `rollcall` = `portal`.
const MARK: (&str, &str) = ("rollcall", "portal");
const AT_PERIOD_END: &str = "at_period_end";
/// What stands on invoices: whoever pays mends it there themselves.
const ON_INVOICES: [&str; 3] = ["address", "name", "tax_id"];

#[derive(Clone, Debug, Deserialize)]
pub struct PortalConfiguration {
    pub id: String,
    pub active: bool,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
    #[serde(default)]
    pub default_return_url: Option<String>,
    pub features: Features,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Features {
    #[serde(default)]
    customer_update: Updates,
    #[serde(default)]
    invoice_history: Switch,
    #[serde(default)]
    payment_method_update: Switch,
    #[serde(default)]
    subscription_cancel: Cancel,
    #[serde(default)]
    subscription_update: Switch,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Switch {
    enabled: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Updates {
    enabled: bool,
    #[serde(default)]
    allowed_updates: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Cancel {
    enabled: bool,
    #[serde(default)]
    mode: Option<String>,
}

impl PortalConfiguration {
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.metadata
            .get(MARK.0)
            .is_some_and(|value| value == MARK.1)
    }

    /// Whether it is active, offers cards, invoices and what stands on them, cancelling at the end
    /// of the period, and nothing else: plans and seats change here, where their meaning is known.
    #[must_use]
    pub fn is_right(&self, return_url: &str) -> bool {
        let Features {
            customer_update,
            invoice_history,
            payment_method_update,
            subscription_cancel,
            subscription_update,
        } = &self.features;
        self.active
            && self.default_return_url.as_deref() == Some(return_url)
            && invoice_history.enabled
            && payment_method_update.enabled
            && subscription_cancel.enabled
            && subscription_cancel.mode.as_deref() == Some(AT_PERIOD_END)
            && !subscription_update.enabled
            && customer_update.enabled
            && customer_update.allowed_updates.len() == ON_INVOICES.len()
            && ON_INVOICES.iter().all(|what| {
                customer_update
                    .allowed_updates
                    .iter()
                    .any(|one| one == what)
            })
    }
}

#[async_trait]
pub trait PortalConfigurationsApi: Send + Sync {
    async fn portal_configurations(&self) -> Result<Vec<PortalConfiguration>, StripeError>;
    async fn create_portal_configuration(
        &self,
        return_url: &str,
        key: &str,
    ) -> Result<PortalConfiguration, StripeError>;
    async fn mend_portal_configuration(
        &self,
        id: &str,
        return_url: &str,
        key: &str,
    ) -> Result<PortalConfiguration, StripeError>;
}

#[derive(Serialize)]
struct Listed<'a> {
    limit: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    starting_after: Option<&'a str>,
}

#[derive(Serialize)]
struct Wanted<'a> {
    /// Only of one that exists: a new one is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
    default_return_url: &'a str,
    features: WantedFeatures,
    metadata: HashMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct WantedFeatures {
    customer_update: WantedUpdates,
    invoice_history: Switch,
    payment_method_update: Switch,
    subscription_cancel: WantedCancel,
    subscription_update: Switch,
}

#[derive(Serialize)]
struct WantedUpdates {
    enabled: bool,
    allowed_updates: [&'static str; 3],
}

#[derive(Serialize)]
struct WantedCancel {
    enabled: bool,
    mode: &'static str,
}

fn wanted(return_url: &str, active: Option<bool>) -> Wanted<'_> {
    let on = || Switch { enabled: true };
    Wanted {
        active,
        default_return_url: return_url,
        features: WantedFeatures {
            customer_update: WantedUpdates {
                enabled: true,
                allowed_updates: ON_INVOICES,
            },
            invoice_history: on(),
            payment_method_update: on(),
            subscription_cancel: WantedCancel {
                enabled: true,
                mode: AT_PERIOD_END,
            },
            subscription_update: Switch { enabled: false },
        },
        metadata: HashMap::from([MARK]),
    }
}

const PATH: &str = "/billing_portal/configurations";

#[async_trait]
impl PortalConfigurationsApi for StripeClient {
    async fn portal_configurations(&self) -> Result<Vec<PortalConfiguration>, StripeError> {
        self.all(
            |configuration: &PortalConfiguration| &configuration.id,
            |starting_after| {
                RequestBuilder::new(StripeMethod::Get, PATH).query(&Listed {
                    limit: PAGE,
                    starting_after,
                })
            },
        )
        .await
    }

    async fn create_portal_configuration(
        &self,
        return_url: &str,
        key: &str,
    ) -> Result<PortalConfiguration, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Post, PATH).form(&wanted(return_url, None));
        self.transport.send(&request, Some(key)).await
    }

    async fn mend_portal_configuration(
        &self,
        id: &str,
        return_url: &str,
        key: &str,
    ) -> Result<PortalConfiguration, StripeError> {
        let path = format!("{PATH}/{id}");
        let request =
            RequestBuilder::new(StripeMethod::Post, path).form(&wanted(return_url, Some(true)));
        self.transport.send(&request, Some(key)).await
    }
}
