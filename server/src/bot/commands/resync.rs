//! `/resync`: everything about somebody is read again, and what was left alone is put right.

use super::super::marks::user_of;
use crate::audit;
use crate::db::DbError;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::roles::by_hand;
use crate::state::AppState;

pub async fn say(state: &AppState, operator: &str, discord_id: &str) -> Result<String, DbError> {
    let now = state.clock.policy_ms();
    let trace = state.rng.id("resync_");
    let mut tx = state.db.begin().await?;
    let Some(user) = user_of(&mut tx, discord_id).await? else {
        return Ok(format!(
            "<@{discord_id}> has never signed in here, so there is nothing to read."
        ));
    };
    let payers: Vec<String> = sqlx::query_scalar("SELECT id FROM payers WHERE user_id = $1")
        .bind(&user)
        .fetch_all(&mut *tx)
        .await?;
    for payer in &payers {
        dirty::mark(
            &mut tx,
            SubjectKind::Payer,
            payer,
            now,
            Class::Urgent,
            &trace,
        )
        .await?;
    }
    dirty::mark(
        &mut tx,
        SubjectKind::User,
        &user,
        now,
        Class::Urgent,
        &trace,
    )
    .await?;
    by_hand::forgive(&mut tx, &user, now).await?;
    audit::record(
        &mut tx,
        &audit::Entry {
            user_id: Some(&user),
            at: now,
            actor: &format!("operator:{operator}"),
            event: "resync",
            subject: &user,
            detail: "asked in Discord that Stripe and Discord be read again",
            trace: &trace,
        },
    )
    .await?;
    tx.commit().await?;
    state.work.notify_one();
    let stripe = if payers.is_empty() {
        "Discord is read again now; at Stripe there is nothing of theirs."
    } else {
        "Stripe and Discord are read again now."
    };
    Ok(format!(
        "<@{discord_id}>: {stripe} A role that was left alone because it was changed by hand again and again is put right. `/whois` shows what came of it."
    ))
}
