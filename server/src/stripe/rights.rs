//! What a restricted key may read, for `rollcall doctor`.

use super::{StripeClient, StripeError};
use async_trait::async_trait;
use serde::Serialize;
use serde::de::IgnoredAny;
use stripe_client_core::{RequestBuilder, StripeMethod};

#[async_trait]
pub trait RightsApi: Send + Sync {
    /// Lists one object of a resource, such as `/customers`.
    async fn may_read(&self, path: &'static str) -> Result<(), StripeError>;
}

#[derive(Serialize)]
struct One {
    limit: i64,
}

#[async_trait]
impl RightsApi for StripeClient {
    async fn may_read(&self, path: &'static str) -> Result<(), StripeError> {
        let request = RequestBuilder::new(StripeMethod::Get, path).query(&One { limit: 1 });
        self.transport.send::<IgnoredAny>(&request, None).await?;
        Ok(())
    }
}
