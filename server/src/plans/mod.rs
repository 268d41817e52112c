//! Plans, read from Stripe's products and prices. Metadata says what a plan means; unreadable
//! metadata keeps the last readable mapping and alerts.

mod metadata;
mod offered;
mod read;

pub use metadata::{MetadataError, PlanMeaning, meaning};
pub use offered::Plans;
pub use read::{PlansSyncError, sync_plans};

/// The one subject of kind `plans`.
pub const SUBJECT: &str = "all";

/// The roles of a plan that entitlements give now (state `active`), for a set of plans.
pub async fn active_roles(
    conn: &mut sqlx::AnyConnection,
    plan_id: &str,
) -> Result<Vec<String>, crate::db::DbError> {
    Ok(sqlx::query_scalar(
        "SELECT role_id FROM plan_roles WHERE plan_id = $1 AND state IN ('active', 'leaving') ORDER BY role_id",
    )
    .bind(plan_id)
    .fetch_all(conn)
    .await?)
}
