//! A stored event, handled once more: whose truth it hinted at is marked again.

use super::envelope::Envelope;
use super::intake::{Outcome, mark_subject};
use crate::db::DbError;
use crate::db::dirty::Class;
use sqlx::{AnyConnection, FromRow};

/// What became of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    Marked,
    /// Nobody's truth is in an event of this type.
    NotForUs,
    /// An event of the other mode changes nothing, however often it is handled.
    WrongMode,
    /// No such event is stored.
    Unknown,
}

#[derive(FromRow)]
struct Row {
    id: String,
    r#type: String,
    created_at: i64,
    livemode: i64,
    object_id: Option<String>,
    customer_id: Option<String>,
    charge_id: Option<String>,
    outcome: String,
}

/// Marks the event's subject as its arrival did, in the caller's transaction. `now` is on the
/// policy clock. The caller wakes the worker after committing.
pub async fn replay(
    conn: &mut AnyConnection,
    event_id: &str,
    now: i64,
) -> Result<Replayed, DbError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, type, created_at, livemode, object_id, customer_id, charge_id, outcome \
         FROM inbox WHERE id = $1",
    )
    .bind(event_id)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else {
        return Ok(Replayed::Unknown);
    };
    if row.outcome == Outcome::WrongMode.as_str() {
        return Ok(Replayed::WrongMode);
    }
    let envelope = Envelope {
        id: row.id,
        r#type: row.r#type,
        created: row.created_at / 1000,
        livemode: row.livemode != 0,
        object_id: row.object_id,
        charge_id: row.charge_id,
        customer_id: row.customer_id,
    };
    if mark_subject(conn, &envelope, Class::Urgent, now).await? {
        Ok(Replayed::Marked)
    } else {
        Ok(Replayed::NotForUs)
    }
}
