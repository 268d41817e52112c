//! A holder's seats when their account moves or goes.

use super::acts::{SeatRow, has_seat, locked, revoke};
use super::entitle::{self, By};
use super::story;
use crate::db::DbError;
use crate::db::dirty::Class;
use sqlx::AnyConnection;

/// Seats somebody holds, suspended or not, in the order pools are locked.
async fn of(conn: &mut AnyConnection, user_id: &str) -> Result<Vec<(String, String)>, DbError> {
    Ok(sqlx::query_as(
        "SELECT id, company_id FROM seats WHERE user_id = $1 AND state IN ('claimed', 'suspended') \
         ORDER BY company_id, plan_id",
    )
    .bind(user_id)
    .fetch_all(conn)
    .await?)
}

/// Gives every seat back: the account is being deleted.
pub async fn give_up(
    conn: &mut AnyConnection,
    user_id: &str,
    trace: &str,
    now: i64,
) -> Result<(), DbError> {
    let by = By {
        actor: "rollcall",
        class: Class::Event,
        trace,
    };
    for (id, company) in of(conn, user_id).await? {
        if let Some((seat, pool)) = locked(conn, &company, &id, now).await?
            && seat.user_id.as_deref() == Some(user_id)
        {
            revoke(conn, &pool, &seat, "deleted", by, now).await?;
        }
    }
    Ok(())
}

/// Takes seats, and what somebody looks after, along to another account. Where that one has a seat
/// already, it keeps its own.
pub async fn take_along(
    conn: &mut AnyConnection,
    (from, to): (&str, &str),
    trace: &str,
    now: i64,
) -> Result<(), DbError> {
    let by = By {
        actor: "member",
        class: Class::Urgent,
        trace,
    };
    for (id, company) in of(conn, from).await? {
        let Some((SeatRow { id, .. }, pool)) = locked(conn, &company, &id, now).await? else {
            continue;
        };
        if has_seat(conn, &pool, to).await? {
            continue;
        }
        sqlx::query(
            "UPDATE seats SET user_id = $1, changed_at = $2 WHERE id = $3 AND user_id = $4",
        )
        .bind(to)
        .bind(now)
        .bind(&id)
        .bind(from)
        .execute(&mut *conn)
        .await?;
        entitle::one(conn, &pool, &id, by, now).await?;
        let told = "moved along to another account";
        story::tell(conn, &id, Some(to), by.actor, told, trace, now).await?;
    }
    sqlx::query(
        "UPDATE company_people SET user_id = $1 WHERE user_id = $2 AND company_id NOT IN \
         (SELECT company_id FROM company_people WHERE user_id = $1)",
    )
    .bind(to)
    .bind(from)
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether a company would be without an owner if this person went: one that pays, or that others
/// look after.
pub async fn last_owner(conn: &mut AnyConnection, user_id: &str) -> Result<bool, DbError> {
    let alone: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM company_people AS own WHERE own.user_id = $1 AND own.role = 'owner' \
         AND NOT EXISTS (SELECT 1 FROM company_people AS other WHERE other.company_id = own.company_id \
         AND other.user_id <> own.user_id AND other.role = 'owner') \
         AND (EXISTS (SELECT 1 FROM company_people AS other WHERE other.company_id = own.company_id \
         AND other.user_id <> own.user_id) \
         OR EXISTS (SELECT 1 FROM payers JOIN subscriptions ON subscriptions.payer_id = payers.id \
         WHERE payers.company_id = own.company_id \
         AND subscriptions.status NOT IN ('canceled', 'incomplete_expired'))) LIMIT 1",
    )
    .bind(user_id)
    .fetch_optional(conn)
    .await?;
    Ok(alone.is_some())
}
