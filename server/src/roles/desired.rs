//! What a person's entitlements say of roles, from our rows.

use super::plan::Wanted;
use crate::db::DbError;
use crate::plans::active_roles;
use sqlx::AnyConnection;
use std::collections::BTreeSet;

/// Reads entitlements and plan roles. A user's roles are the union over plans; per plan the best
/// entitlement counts.
pub async fn wanted(conn: &mut AnyConnection, user_id: &str) -> Result<Wanted, DbError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT plan_id, state, source_id FROM entitlements WHERE user_id = $1 ORDER BY plan_id, source_id",
    )
    .bind(user_id)
    .fetch_all(&mut *conn)
    .await?;
    let mut wanted = Wanted::default();
    let mut held = BTreeSet::new();
    for (plan_id, state, _) in &rows {
        let roles = active_roles(conn, plan_id).await?;
        match state.as_str() {
            "granted" | "grace" => wanted.roles.extend(roles),
            "hold" => held.extend(roles),
            "denied" => {}
            other => return Err(DbError::Impossible(format!("entitlements.state {other}"))),
        }
    }
    wanted.kept = held.difference(&wanted.roles).cloned().collect();
    for (plan_id, _, source_id) in rows.iter().filter(|(_, state, _)| state == "denied") {
        let mut replacements = BTreeSet::new();
        for (other, _, _) in rows.iter().filter(|(_, state, source)| {
            source == source_id && matches!(state.as_str(), "granted" | "grace")
        }) {
            replacements.extend(active_roles(conn, other).await?);
        }
        if replacements.is_empty() {
            continue;
        }
        for role in active_roles(conn, plan_id).await? {
            if !wanted.roles.contains(&role) {
                wanted
                    .replaced_by
                    .entry(role)
                    .or_default()
                    .extend(replacements.iter().cloned());
            }
        }
    }
    Ok(wanted)
}
