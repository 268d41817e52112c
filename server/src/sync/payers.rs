//! Payers and the Stripe customers linked to them.

use crate::db::DbError;
use crate::db::dirty::{self, Class, NEVER, SubjectKind};
use crate::rng::Rng;
use sqlx::AnyConnection;

/// The payer of a user, made when there is none. Also makes its dirty row, so that it can be
/// leased.
pub async fn of_user(
    conn: &mut AnyConnection,
    rng: &Rng,
    user_id: &str,
    now: i64,
    trace: &str,
) -> Result<String, DbError> {
    if let Some(id) = find_of_user(conn, user_id).await? {
        return Ok(id);
    }
    sqlx::query(
        "INSERT INTO payers (id, user_id, created_at) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO NOTHING",
    )
    .bind(rng.id("pay_"))
    .bind(user_id)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    let id = find_of_user(conn, user_id)
        .await?
        .ok_or_else(|| DbError::Impossible("a payer that was just made".to_owned()))?;
    dirty::mark(conn, SubjectKind::Payer, &id, NEVER, Class::Bulk, trace).await?;
    Ok(id)
}

pub async fn find_of_user(
    conn: &mut AnyConnection,
    user_id: &str,
) -> Result<Option<String>, DbError> {
    Ok(
        sqlx::query_scalar("SELECT id FROM payers WHERE user_id = $1")
            .bind(user_id)
            .fetch_optional(conn)
            .await?,
    )
}

/// The payer of a company, which is made with it.
pub async fn of_company(
    conn: &mut AnyConnection,
    company_id: &str,
) -> Result<Option<String>, DbError> {
    Ok(
        sqlx::query_scalar("SELECT id FROM payers WHERE company_id = $1")
            .bind(company_id)
            .fetch_optional(conn)
            .await?,
    )
}

/// The payer of a company that is founded now. Also makes its dirty row, so that it can be leased.
pub async fn found(
    conn: &mut AnyConnection,
    rng: &Rng,
    company_id: &str,
    now: i64,
    trace: &str,
) -> Result<String, DbError> {
    let id = rng.id("pay_");
    sqlx::query("INSERT INTO payers (id, company_id, created_at) VALUES ($1, $2, $3)")
        .bind(&id)
        .bind(company_id)
        .bind(now)
        .execute(&mut *conn)
        .await?;
    dirty::mark(conn, SubjectKind::Payer, &id, NEVER, Class::Bulk, trace).await?;
    Ok(id)
}

/// The user behind a payer; a company has none.
pub async fn user_of(conn: &mut AnyConnection, payer_id: &str) -> Result<Option<String>, DbError> {
    let row: Option<Option<String>> =
        sqlx::query_scalar("SELECT user_id FROM payers WHERE id = $1")
            .bind(payer_id)
            .fetch_optional(conn)
            .await?;
    Ok(row.flatten())
}

/// The company behind a payer; a person's has none.
pub async fn company_of(
    conn: &mut AnyConnection,
    payer_id: &str,
) -> Result<Option<String>, DbError> {
    let row: Option<Option<String>> =
        sqlx::query_scalar("SELECT company_id FROM payers WHERE id = $1")
            .bind(payer_id)
            .fetch_optional(conn)
            .await?;
    Ok(row.flatten())
}

/// The payer a customer is linked to.
pub async fn of_customer(
    conn: &mut AnyConnection,
    customer_id: &str,
) -> Result<Option<String>, DbError> {
    Ok(
        sqlx::query_scalar("SELECT payer_id FROM customers WHERE id = $1")
            .bind(customer_id)
            .fetch_optional(conn)
            .await?,
    )
}

/// Customers of a payer, oldest first, with whether Stripe has deleted them.
pub async fn customers(
    conn: &mut AnyConnection,
    payer_id: &str,
) -> Result<Vec<(String, bool)>, DbError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT id, deleted FROM customers WHERE payer_id = $1 ORDER BY created_at, id",
    )
    .bind(payer_id)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, deleted)| (id, deleted != 0))
        .collect())
}

/// Links a customer to a payer; a customer never moves to another payer by itself.
pub async fn link(
    conn: &mut AnyConnection,
    customer_id: &str,
    payer_id: &str,
    now: i64,
) -> Result<(), DbError> {
    sqlx::query(
        "INSERT INTO customers (id, payer_id, deleted, created_at) VALUES ($1, $2, 0, $3) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(customer_id)
    .bind(payer_id)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}
