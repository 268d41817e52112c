//! What a person's entitlements say of roles, from our rows.

use super::plan::Wanted;
use crate::db::DbError;
use crate::plans::active_roles;
use sqlx::AnyConnection;
use std::collections::BTreeSet;

/// Something else that began to give within this time of an end takes its place: one subscription
/// for another, and not only one plan for another.
const HANDOVER_MS: i64 = 60 * 60 * 1000;

/// Reads entitlements and plan roles. A user's roles are the union over plans; per plan the best
/// entitlement counts.
pub async fn wanted(conn: &mut AnyConnection, user_id: &str) -> Result<Wanted, DbError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT plan_id, state, source_id, changed_at FROM entitlements \
         WHERE user_id = $1 ORDER BY plan_id, source_id",
    )
    .bind(user_id)
    .fetch_all(&mut *conn)
    .await?;
    let mut wanted = Wanted::default();
    let mut held = BTreeSet::new();
    for row in &rows {
        let roles = active_roles(conn, &row.plan_id).await?;
        match row.state.as_str() {
            "granted" | "grace" => wanted.roles.extend(roles),
            "hold" => held.extend(roles),
            "denied" => {}
            other => return Err(DbError::Impossible(format!("entitlements.state {other}"))),
        }
    }
    wanted.kept = held.difference(&wanted.roles).cloned().collect();
    for lost in rows.iter().filter(|row| row.state == "denied") {
        let mut replacements = BTreeSet::new();
        for other in rows.iter().filter(|row| row.takes_over(lost)) {
            replacements.extend(active_roles(conn, &other.plan_id).await?);
        }
        if replacements.is_empty() {
            continue;
        }
        for role in active_roles(conn, &lost.plan_id).await? {
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

#[derive(sqlx::FromRow)]
struct Row {
    plan_id: String,
    state: String,
    source_id: String,
    changed_at: i64,
}

impl Row {
    fn takes_over(&self, lost: &Self) -> bool {
        let gives = matches!(self.state.as_str(), "granted" | "grace");
        gives
            && (self.source_id == lost.source_id
                || self.changed_at.abs_diff(lost.changed_at) <= HANDOVER_MS.unsigned_abs())
    }
}
