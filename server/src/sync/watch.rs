//! What somebody has to look at about a subscription: a state that is not understood, an invoice
//! that cannot be made.

use super::truth::Read;
use crate::db::DbError;
use crate::incidents;
use app::access::{Access, Decision};
use sqlx::AnyConnection;

/// Opens what is the matter, and closes what no longer is.
pub async fn subscription(
    conn: &mut AnyConnection,
    read: &Read,
    decided: Access,
    now: i64,
) -> Result<(), DbError> {
    let id = &read.id;
    let status = read.facts.status.as_str();
    if decided.decision == Decision::Hold {
        tracing::error!(subscription = %id, %status, "what Stripe says of a subscription is not understood: access stays as it is");
        let detail = format!(
            "Stripe says “{status}” of this subscription, which is not understood here: access stays as it is."
        );
        incidents::open(conn, "drift", id, &detail, now).await?;
    } else {
        incidents::close(conn, "drift", id, now).await?;
    }
    match &read.invoice_problem {
        None => incidents::close(conn, "invoice", id, now).await,
        Some(code) => {
            tracing::error!(subscription = %id, %code, "an invoice cannot be finalised");
            let detail = format!(
                "The newest invoice of this subscription cannot be finalised ({code}): mend it at Stripe and finalise it there. Nothing was charged, and access stays."
            );
            incidents::open(conn, "invoice", id, &detail, now).await
        }
    }
}
