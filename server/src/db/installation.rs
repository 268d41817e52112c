//! What the first start pinned of the outside, so that another Stripe account, another mode or
//! another guild is refused instead of being taken for everybody having left.

use super::{Db, DbError};

/// A pinned fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    StripeAccount,
    /// `live` or `test`.
    StripeMode,
    Guild,
}

impl Pin {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StripeAccount => "stripe_account",
            Self::StripeMode => "stripe_mode",
            Self::Guild => "guild",
        }
    }
}

/// The portal's configuration at Stripe, as `rollcall setup` made it. Not pinned: it may change.
pub const PORTAL_CONFIGURATION: &str = "portal_configuration";

/// A value kept beside what is pinned.
pub async fn value(db: &Db, name: &str) -> Result<Option<String>, DbError> {
    Ok(
        sqlx::query_scalar("SELECT value FROM installation WHERE name = $1")
            .bind(name)
            .fetch_optional(db.reader())
            .await?,
    )
}

/// Keeps a value; the same again writes nothing.
pub async fn set_value(db: &Db, name: &str, new: &str) -> Result<(), DbError> {
    if value(db, name).await?.as_deref() == Some(new) {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    sqlx::query(
        "INSERT INTO installation (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(new)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Pins `value` if nothing is pinned yet; answers what is pinned now.
pub async fn pin(db: &Db, pin: Pin, value: &str) -> Result<String, DbError> {
    let mut tx = db.begin().await?;
    sqlx::query(
        "INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
    )
    .bind(pin.name())
    .bind(value)
    .execute(&mut *tx)
    .await?;
    let pinned = sqlx::query_scalar("SELECT value FROM installation WHERE name = $1")
        .bind(pin.name())
        .fetch_one(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(pinned)
}

/// What is pinned, if anything.
pub async fn pinned(db: &Db, pin: Pin) -> Result<Option<String>, DbError> {
    Ok(
        sqlx::query_scalar("SELECT value FROM installation WHERE name = $1")
            .bind(pin.name())
            .fetch_optional(db.reader())
            .await?,
    )
}
