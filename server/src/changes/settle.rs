//! What became of a change, found out by reading: part of every sync of a payer.

use super::go_on;
use crate::db::DbError;
use crate::db::dirty::Lease;
use crate::sync::truth::{Read, Truth};
use app::access::Status;
use sqlx::{AnyConnection, FromRow};

/// The word of another number of seats in `changes.kind`.
pub const SEATS: &str = "seats";
/// By then a request whose answer was lost can no longer land at Stripe.
pub const LANDS_MS: i64 = 60_000;
/// An invoice that is void needs no event of its subscription: what waits for one is read at this pace.
const WAITS_MS: i64 = 6 * 60 * 60 * 1000;

#[derive(FromRow)]
struct Open {
    id: String,
    subscription_id: String,
    kind: String,
    price_id: Option<String>,
    quantity: Option<i64>,
    state: String,
    created_at: i64,
}

/// Settles what was asked and not answered, and what waited for its payment. Answers when to look
/// again for what is still open.
pub async fn settle(
    conn: &mut AnyConnection,
    lease: &Lease,
    truth: &Truth,
    now: i64,
) -> Result<Option<i64>, DbError> {
    let open: Vec<Open> = sqlx::query_as(
        "SELECT id, subscription_id, kind, price_id, quantity, state, created_at FROM changes \
         WHERE payer_id = $1 AND state IN ('asked', 'waiting')",
    )
    .bind(&lease.id)
    .fetch_all(&mut *conn)
    .await?;
    let mut next: Option<i64> = None;
    for change in open {
        let read = truth
            .subscriptions
            .iter()
            .find(|read| read.id == change.subscription_id);
        let lands_until = change.created_at + LANDS_MS;
        let state = match read.map(|read| outcome(read, &change)) {
            Some(Some(state)) => state,
            _ if change.state == "asked" && now < lands_until => {
                next = Some(next.map_or(lands_until, |next| next.min(lands_until)));
                continue;
            }
            _ => "lapsed",
        };
        if state == "waiting" && change.kind == go_on::KIND {
            next = Some(next.map_or(now + WAITS_MS, |next| next.min(now + WAITS_MS)));
        }
        if state == change.state {
            continue;
        }
        tracing::info!(change = %change.id, kind = %change.kind, from = %change.state, to = state, trace = %lease.trace, "a change is settled");
        sqlx::query("UPDATE changes SET state = $1, settled_at = $2 WHERE id = $3")
            .bind(state)
            .bind(now)
            .bind(&change.id)
            .execute(&mut *conn)
            .await?;
    }
    Ok(next)
}

/// What Stripe shows of a change; `None`: nothing of it.
fn outcome(read: &Read, change: &Open) -> Option<&'static str> {
    let planned = &read.planned;
    let wanted = change.price_id.as_deref();
    let has = read.price_id.as_deref() == wanted;
    let over = read.facts.status.is_final();
    let done = match change.kind.as_str() {
        "now" if planned.pending_price_id.as_deref() == wanted => return Some("waiting"),
        "now" => has,
        SEATS if change.quantity.is_some() && planned.pending_quantity == change.quantity => {
            return Some("waiting");
        }
        SEATS => change.quantity == Some(read.quantity),
        "later" => has || planned.next_price_id.as_deref() == wanted,
        "stay" => planned.next_at.is_none(),
        "keep" => !over && read.facts.ends_at().is_none(),
        "pause" => read.facts.collection_paused,
        go_on::KIND if read.resuming => return Some("waiting"),
        go_on::KIND => !over && read.facts.status != Status::Paused,
        "resume" => !over && !read.facts.collection_paused,
        _ => false,
    };
    done.then_some("done")
}
