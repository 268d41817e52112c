//! What became of payments, from our rows: whether the one that covers a period was kept.

use crate::db::DbError;
use app::access::PaymentFate;
use sqlx::{AnyConnection, FromRow};

/// A charge that was refunded in full, or is or was disputed. Times are UTC epoch ms.
#[derive(Clone, Debug, FromRow)]
pub struct MovedBack {
    pub subscription_id: Option<String>,
    pub covers_from: Option<i64>,
    pub covers_until: Option<i64>,
    pub refunded: i64,
    pub dispute: String,
}

impl MovedBack {
    fn fate(&self) -> PaymentFate {
        match (self.dispute.as_str(), self.refunded) {
            ("open" | "lost", _) => PaymentFate::Disputed,
            (_, 0) => PaymentFate::Kept,
            _ => PaymentFate::Refunded,
        }
    }

    fn covers(&self, subscription_id: &str, start: Option<i64>, end: Option<i64>) -> bool {
        self.subscription_id.as_deref() == Some(subscription_id)
            && reaches(self.covers_until, start)
            && reaches(end, self.covers_from)
    }
}

/// Whether something that lasts until `end` reaches past `start`; what is not known does not keep
/// a payment from counting.
fn reaches(end: Option<i64>, start: Option<i64>) -> bool {
    match (end, start) {
        (Some(end), Some(start)) => end > start,
        _ => true,
    }
}

fn worst(fates: impl Iterator<Item = PaymentFate>) -> PaymentFate {
    fates
        .max_by_key(|fate| match fate {
            PaymentFate::Kept => 0,
            PaymentFate::Refunded => 1,
            PaymentFate::Disputed => 2,
        })
        .unwrap_or_default()
}

/// What became of the payments for a subscription's current period. A renewal pays anew: what
/// happens to the payment of an earlier period says nothing of this one.
#[must_use]
pub fn fate(
    charges: &[MovedBack],
    subscription_id: &str,
    period_start: Option<i64>,
    period_end: Option<i64>,
) -> PaymentFate {
    worst(
        charges
            .iter()
            .filter(|charge| charge.covers(subscription_id, period_start, period_end))
            .map(MovedBack::fate),
    )
}

/// The charges of a payer's customers that were not simply kept.
pub async fn of_payer(conn: &mut AnyConnection, payer_id: &str) -> Result<Vec<MovedBack>, DbError> {
    Ok(sqlx::query_as(
        "SELECT charges.subscription_id, charges.covers_from, charges.covers_until, \
         charges.refunded, charges.dispute \
         FROM customers JOIN charges ON charges.customer_id = customers.id \
         WHERE customers.payer_id = $1 AND (charges.refunded = 1 OR charges.dispute <> 'none')",
    )
    .bind(payer_id)
    .fetch_all(conn)
    .await?)
}

/// What became of a one-time payment, by its payment intent.
pub async fn fate_of_intent(
    conn: &mut AnyConnection,
    payment_intent: &str,
) -> Result<PaymentFate, DbError> {
    let charges: Vec<MovedBack> = sqlx::query_as(
        "SELECT subscription_id, covers_from, covers_until, refunded, dispute FROM charges \
         WHERE payment_intent = $1",
    )
    .bind(payment_intent)
    .fetch_all(conn)
    .await?;
    Ok(worst(charges.iter().map(MovedBack::fate)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(from: i64, until: i64, refunded: i64, dispute: &str) -> MovedBack {
        MovedBack {
            subscription_id: Some("sub_1".into()),
            covers_from: Some(from),
            covers_until: Some(until),
            refunded,
            dispute: dispute.into(),
        }
    }

    #[test]
    fn only_what_pays_for_the_running_period_counts() {
        use PaymentFate::{Disputed, Kept, Refunded};
        for (charges, expected) in [
            (vec![], Kept),
            (vec![charge(100, 200, 0, "open")], Disputed),
            (vec![charge(100, 200, 0, "lost")], Disputed),
            (vec![charge(100, 200, 0, "won")], Kept),
            (vec![charge(100, 200, 1, "won")], Refunded),
            (vec![charge(100, 200, 1, "none")], Refunded),
            // The period before, which ended when this one began; and one that is to come.
            (vec![charge(0, 100, 0, "open")], Kept),
            (vec![charge(200, 300, 0, "open")], Kept),
            // An upgrade in the middle of the period.
            (vec![charge(150, 200, 0, "lost")], Disputed),
            (
                vec![charge(100, 200, 1, "none"), charge(150, 200, 0, "open")],
                Disputed,
            ),
        ] {
            assert_eq!(
                fate(&charges, "sub_1", Some(100), Some(200)),
                expected,
                "{charges:?}"
            );
        }
        let other = [charge(100, 200, 0, "open")];
        assert_eq!(fate(&other, "sub_2", Some(100), Some(200)), Kept);
    }
}
