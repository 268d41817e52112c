//! Webhook endpoints, for `rollcall setup`.

use super::client::PAGE;
use super::events::SUBSCRIBED;
use super::{API_VERSION, StripeClient, StripeError};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stripe_client_core::{RequestBuilder, StripeMethod};

#[derive(Clone, Deserialize)]
pub struct Endpoint {
    pub id: String,
    pub url: String,
    /// `enabled`, `disabled`.
    pub status: String,
    pub enabled_events: Vec<String>,
    /// Fixed when it is made; none: the account's default.
    #[serde(default)]
    pub api_version: Option<String>,
    /// The signing secret, told when it is made and never again.
    #[serde(default)]
    pub secret: Option<String>,
}

impl Endpoint {
    /// What differs from an endpoint that is enabled for exactly [`SUBSCRIBED`].
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.status != "enabled" {
            wrong.push(format!("it is {}", self.status));
        }
        if self.enabled_events == ["*"] {
            wrong.push("it is for every event there is".to_owned());
            return wrong;
        }
        let has = |name: &&str| self.enabled_events.iter().any(|has| has == name);
        let missing: Vec<&str> = SUBSCRIBED.into_iter().filter(|name| !has(name)).collect();
        if !missing.is_empty() {
            wrong.push(format!("it misses {}", missing.join(", ")));
        }
        let others = self
            .enabled_events
            .iter()
            .filter(|name| !SUBSCRIBED.contains(&name.as_str()))
            .count();
        if others > 0 {
            wrong.push(format!("it is for {others} other events too"));
        }
        wrong
    }
}

#[async_trait]
pub trait EndpointsApi: Send + Sync {
    async fn webhook_endpoints(&self) -> Result<Vec<Endpoint>, StripeError>;
    /// One for [`SUBSCRIBED`] in our API version.
    async fn create_webhook_endpoint(&self, url: &str, key: &str) -> Result<Endpoint, StripeError>;
    /// Enabled, for exactly [`SUBSCRIBED`].
    async fn mend_webhook_endpoint(&self, id: &str, key: &str) -> Result<Endpoint, StripeError>;
}

#[derive(Serialize)]
struct Listed<'a> {
    limit: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    starting_after: Option<&'a str>,
}

#[derive(Serialize)]
struct Made<'a> {
    url: &'a str,
    api_version: &'a str,
    enabled_events: &'a [&'a str],
}

#[derive(Serialize)]
struct Mended<'a> {
    disabled: bool,
    enabled_events: &'a [&'a str],
}

#[async_trait]
impl EndpointsApi for StripeClient {
    async fn webhook_endpoints(&self) -> Result<Vec<Endpoint>, StripeError> {
        self.all(
            |endpoint: &Endpoint| &endpoint.id,
            |starting_after| {
                RequestBuilder::new(StripeMethod::Get, "/webhook_endpoints").query(&Listed {
                    limit: PAGE,
                    starting_after,
                })
            },
        )
        .await
    }

    async fn create_webhook_endpoint(&self, url: &str, key: &str) -> Result<Endpoint, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Post, "/webhook_endpoints").form(&Made {
            url,
            api_version: API_VERSION,
            enabled_events: &SUBSCRIBED,
        });
        self.transport.send(&request, Some(key)).await
    }

    async fn mend_webhook_endpoint(&self, id: &str, key: &str) -> Result<Endpoint, StripeError> {
        let path = format!("/webhook_endpoints/{id}");
        let request = RequestBuilder::new(StripeMethod::Post, path).form(&Mended {
            disabled: false,
            enabled_events: &SUBSCRIBED,
        });
        self.transport.send(&request, Some(key)).await
    }
}
