//! Plans, read from Stripe's products and prices. Metadata says what a plan means; unreadable
//! metadata keeps the last readable mapping and alerts.

mod metadata;
mod offered;
pub(crate) mod promotion;
mod read;

pub use metadata::{MetadataError, PlanMeaning, meaning};
pub use offered::Plans;
pub use read::{PlansSyncError, sync_plans};
pub(crate) use read::{mark_holders, sells, set_role};

/// The one subject of kind `plans`.
pub const SUBJECT: &str = "all";

/// States of a role in a plan that entitlements give: mapped, or mapped until the operator says
/// that it may leave, or kept by the operator although Stripe's metadata leaves it out. `joining`
/// and `declined` are not given.
pub const GIVEN: [&str; 3] = ["active", "leaving", "kept"];

/// The roles of a plan that entitlements give now (see [`GIVEN`]).
pub async fn active_roles(
    conn: &mut sqlx::AnyConnection,
    plan_id: &str,
) -> Result<Vec<String>, crate::db::DbError> {
    Ok(sqlx::query_scalar(
        "SELECT role_id FROM plan_roles WHERE plan_id = $1 AND state IN ('active', 'leaving', 'kept') ORDER BY role_id",
    )
    .bind(plan_id)
    .fetch_all(conn)
    .await?)
}
