//! Refunds and disputes that no event told of: where events are lost for good, each customer's
//! charges are listed once, and those that moved back are read as if an event had named them.

use super::SyncError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::db::{Db, DbError};
use crate::state::AppState;
use sqlx::AnyConnection;

/// Rows a transaction, so that none is long.
const AT_ONCE: i64 = 500;

/// A customer whose charges are to be listed, and the hint this listing will have seen.
pub struct Wanted {
    customer_id: String,
    hinted: i64,
}

/// What one listing found.
pub struct Found {
    of: Wanted,
    /// Charges of which money went back, or is asked back.
    charges: Vec<String>,
}

/// A customer of ours whose events nobody kept.
pub async fn hint(conn: &mut AnyConnection, customer_id: &str) -> Result<(), DbError> {
    sqlx::query("UPDATE customers SET charges_hinted = charges_hinted + 1 WHERE id = $1")
        .bind(customer_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Every customer, 500 a transaction. The syncs of their payers do it.
pub async fn hint_every(db: &Db) -> Result<(), DbError> {
    let mut after = String::new();
    loop {
        let mut tx = db.begin().await?;
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT id FROM customers WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(&after)
                .bind(AT_ONCE)
                .fetch_all(&mut *tx)
                .await?;
        let Some(last) = ids.last() else {
            return Ok(());
        };
        sqlx::query(
            "UPDATE customers SET charges_hinted = charges_hinted + 1 WHERE id > $1 AND id <= $2",
        )
        .bind(&after)
        .bind(last)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        last.clone_into(&mut after);
    }
}

/// Whose charges are still to be listed.
pub async fn left(conn: &mut AnyConnection) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM customers WHERE charges_hinted > charges_read AND deleted = 0",
    )
    .fetch_one(conn)
    .await?)
}

pub async fn wanted(conn: &mut AnyConnection, payer_id: &str) -> Result<Vec<Wanted>, DbError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT id, charges_hinted FROM customers \
         WHERE payer_id = $1 AND charges_hinted > charges_read AND deleted = 0 ORDER BY id",
    )
    .bind(payer_id)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(customer_id, hinted)| Wanted {
            customer_id,
            hinted,
        })
        .collect())
}

/// Lists the charges of the wanted customers, every page; `gone` are those Stripe no longer has.
pub async fn read(
    state: &AppState,
    lease: &Lease,
    wanted: Vec<Wanted>,
    gone: &[String],
) -> Result<Vec<Found>, SyncError> {
    let mut found = Vec::new();
    for of in wanted {
        let mut charges = Vec::new();
        if !gone.contains(&of.customer_id) {
            // The lease has to outlive the reading of them all.
            dirty::renew(&state.db, lease, state.clock.wall_ms()).await?;
            charges = state
                .stripe
                .charges(&of.customer_id)
                .await?
                .into_iter()
                .filter(|charge| charge.disputed || charge.amount_refunded > 0)
                .map(|charge| charge.id)
                .collect();
        }
        found.push(Found { of, charges });
    }
    Ok(found)
}

/// Marks what was found, and what we have known until now: a refund may have failed, a dispute may
/// have been won. The hints that this listing saw are answered by it.
pub async fn write(
    conn: &mut AnyConnection,
    lease: &Lease,
    found: &[Found],
    now: i64,
) -> Result<(), DbError> {
    for Found { of, charges } in found {
        let mut all: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM charges WHERE customer_id = $1 AND (refunded = 1 OR dispute <> 'none')",
        )
        .bind(&of.customer_id)
        .fetch_all(&mut *conn)
        .await?;
        all.extend(charges.iter().cloned());
        // Whoever marks several locks them in one order.
        all.sort();
        all.dedup();
        let kind = SubjectKind::Charge;
        for charge in &all {
            dirty::mark(conn, kind, charge, now, Class::Bulk, &lease.trace).await?;
        }
        sqlx::query("UPDATE customers SET charges_read = $1 WHERE id = $2")
            .bind(of.hinted)
            .bind(&of.customer_id)
            .execute(&mut *conn)
            .await?;
        tracing::info!(customer = %of.customer_id, charges = all.len(), trace = %lease.trace, "a customer's charges were listed");
    }
    Ok(())
}
