//! Finding somebody, and what happened to their access.

use super::overview::AuditRow;
use crate::account;
use crate::db::DbError;
use crate::state::AppState;
use app::admin::{AuditLine, PersonFound, SHOWN};
use sqlx::FromRow;

/// People shown when a name is not one person's alone.
const MOST: i64 = 20;

#[derive(FromRow)]
struct Row {
    id: String,
    discord_user_id: String,
    name: String,
    in_guild: Option<i64>,
    signed_in_at: i64,
}

/// By our id, an id at Discord, a Stripe customer, or the whole name whatever its case; each is
/// an index. With one found, their audit comes along.
pub async fn search(state: &AppState, search: &str) -> Result<Vec<PersonFound>, DbError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, discord_user_id, name, in_guild, signed_in_at FROM users WHERE id IN \
         (SELECT id FROM users WHERE id = $1 \
         UNION SELECT id FROM users WHERE discord_user_id = $1 \
         UNION SELECT id FROM users WHERE LOWER(name) = LOWER($1) \
         UNION SELECT payers.user_id FROM customers JOIN payers ON payers.id = customers.payer_id WHERE customers.id = $1) \
         ORDER BY signed_in_at DESC LIMIT $2",
    )
    .bind(search)
    .bind(MOST)
    .fetch_all(state.db.reader())
    .await?;
    if rows.is_empty() {
        return gone(state, search).await;
    }
    let alone = rows.len() == 1;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let customers = sqlx::query_scalar(
            "SELECT customers.id FROM payers JOIN customers ON customers.payer_id = payers.id \
             WHERE payers.user_id = $1 ORDER BY customers.created_at, customers.id",
        )
        .bind(&row.id)
        .fetch_all(state.db.reader())
        .await?;
        let lines = if alone {
            story(state, &row.id).await?
        } else {
            Vec::new()
        };
        let deletion = {
            let mut conn = state.db.reader().acquire().await?;
            account::in_words(&mut conn, &row.id).await?
        };
        found.push(PersonFound {
            deletion,
            user_id: row.id,
            discord_id: row.discord_user_id,
            name: row.name,
            in_guild: row.in_guild.map(|there| there != 0),
            signed_in_at: row.signed_in_at,
            customers,
            lines,
        });
    }
    Ok(found)
}

/// Somebody whose account was deleted: the id and what happened to their access is all there is.
async fn gone(state: &AppState, id: &str) -> Result<Vec<PersonFound>, DbError> {
    let deletion = {
        let mut conn = state.db.reader().acquire().await?;
        account::in_words(&mut conn, id).await?
    };
    if deletion.is_none() {
        return Ok(Vec::new());
    }
    Ok(vec![PersonFound {
        user_id: id.to_owned(),
        discord_id: "not known".to_owned(),
        name: "Deleted account".to_owned(),
        in_guild: None,
        signed_in_at: 0,
        deletion,
        customers: Vec::new(),
        lines: story(state, id).await?,
    }])
}

async fn story(state: &AppState, user_id: &str) -> Result<Vec<AuditLine>, DbError> {
    let rows: Vec<AuditRow> = sqlx::query_as(
        "SELECT at, actor, event, subject, detail, trace FROM audit \
         WHERE user_id = $1 ORDER BY at DESC LIMIT $2",
    )
    .bind(user_id)
    .bind(i64::try_from(SHOWN).unwrap_or(i64::MAX))
    .fetch_all(state.db.reader())
    .await?;
    Ok(rows.into_iter().map(AuditLine::from).collect())
}
