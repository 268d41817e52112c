//! The row of one entitlement: why a user is to have a plan, or not, and the story of its changes.

use crate::db::DbError;
use crate::db::dirty::Lease;
use app::access::Reason;
use sqlx::AnyConnection;

/// One entitlement as the row keeps it.
pub struct Entitled<'a> {
    pub user_id: &'a str,
    pub plan_id: &'a str,
    /// `subscription` or `pass`.
    pub source: &'a str,
    pub source_id: &'a str,
    /// `granted`, `grace`, `hold`, `denied`.
    pub state: &'a str,
    pub reason: Reason,
    /// Until when what is given is given, UTC epoch ms; none is without end.
    pub until: Option<i64>,
    pub proof: Proof,
}

/// How it is known, which decides whom the brake counts when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Stripe, or time, said so of the subscription or pass.
    Read,
    /// Stripe does not know the customer, and nobody said it was deleted.
    Missing,
}

impl Proof {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "ended",
            Self::Missing => "missing",
        }
    }
}

/// Who makes a change, and what follows it through the logs.
#[derive(Clone, Copy)]
pub struct By<'a> {
    /// As [`crate::audit::Entry::actor`].
    pub actor: &'a str,
    /// Said in the audit beside the reason.
    pub note: Option<&'a str>,
    pub trace: &'a str,
}

/// Writes an entitlement as Stripe has it. Answers whether what it means for roles changed.
pub async fn put(
    conn: &mut AnyConnection,
    entitled: &Entitled<'_>,
    lease: &Lease,
    now: i64,
) -> Result<bool, DbError> {
    let by = By {
        actor: "stripe",
        note: None,
        trace: &lease.trace,
    };
    put_by(conn, entitled, by, now).await
}

/// Writes an entitlement. Answers whether what it means for roles changed.
pub async fn put_by(
    conn: &mut AnyConnection,
    entitled: &Entitled<'_>,
    by: By<'_>,
    now: i64,
) -> Result<bool, DbError> {
    let old: Option<(String, String, Option<i64>)> = sqlx::query_as(
        "SELECT state, reason, until_at FROM entitlements \
         WHERE user_id = $1 AND plan_id = $2 AND source = $3 AND source_id = $4",
    )
    .bind(entitled.user_id)
    .bind(entitled.plan_id)
    .bind(entitled.source)
    .bind(entitled.source_id)
    .fetch_optional(&mut *conn)
    .await?;
    if old.as_ref().is_some_and(|(state, reason, until)| {
        state == entitled.state && reason == entitled.reason.as_str() && *until == entitled.until
    }) {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO entitlements (user_id, plan_id, source, source_id, state, reason, until_at, changed_at, proof) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (user_id, plan_id, source, source_id) DO UPDATE SET state = excluded.state, \
         reason = excluded.reason, until_at = excluded.until_at, changed_at = excluded.changed_at, \
         proof = excluded.proof",
    )
    .bind(entitled.user_id)
    .bind(entitled.plan_id)
    .bind(entitled.source)
    .bind(entitled.source_id)
    .bind(entitled.state)
    .bind(entitled.reason.as_str())
    .bind(entitled.until)
    .bind(now)
    .bind(entitled.proof.as_str())
    .execute(&mut *conn)
    .await?;
    let old_state = old.map(|(state, _, _)| state);
    let mut detail = format!(
        "{}: {} → {} ({})",
        entitled.plan_id,
        old_state.as_deref().unwrap_or("none"),
        entitled.state,
        entitled.reason.as_str()
    );
    if let Some(note) = by.note {
        detail.push_str(": ");
        detail.push_str(note);
    }
    crate::audit::record(
        conn,
        &crate::audit::Entry {
            user_id: Some(entitled.user_id),
            at: now,
            actor: by.actor,
            event: "entitlement",
            subject: entitled.source_id,
            detail: &detail,
            trace: by.trace,
        },
    )
    .await?;
    Ok(gives(old_state.as_deref()) != gives(Some(entitled.state)))
}

/// What a state means for roles; granted and grace mean the same.
fn gives(state: Option<&str>) -> &'static str {
    match state {
        Some("granted" | "grace") => "gives",
        Some("hold") => "holds",
        _ => "nothing",
    }
}
