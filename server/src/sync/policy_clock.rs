//! Development only: the policy clock follows the sandbox's (`CLOCK_URL`).

use crate::clock::SystemClock;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

const EVERY: Duration = Duration::from_millis(500);

#[derive(serde::Deserialize)]
struct Reading {
    now_ms: i64,
}

/// Asks until the task is dropped. While nobody answers, the last offset stays.
pub async fn follow(clock: Arc<SystemClock>, http: reqwest::Client, url: Url) {
    loop {
        if let Err(error) = once(&clock, &http, &url).await {
            tracing::debug!(error = %error, "the sandbox's clock did not answer");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// One reading.
pub async fn once(
    clock: &SystemClock,
    http: &reqwest::Client,
    url: &Url,
) -> Result<(), reqwest::Error> {
    let reading: Reading = http
        .get(url.clone())
        .timeout(Duration::from_secs(2))
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    clock.follow(reading.now_ms);
    Ok(())
}
