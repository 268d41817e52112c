//! Whether the signing secret seems wrong. Anybody can post rubbish here: one forged post says
//! nothing, several in a row without a good one between are told once, the next good one takes it
//! back, and it is not told again for ten minutes, so that a stranger cannot make us write.

use crate::incidents;
use crate::state::AppState;
use std::sync::{Mutex, PoisonError};

const KIND: &str = "webhook_secret";
const SUBJECT: &str = "STRIPE_WEBHOOK_SECRETS";
const IN_A_ROW: u32 = 5;
const QUIET_MS: i64 = 10 * 60 * 1000;

/// What came since the last good one, in this process.
#[derive(Debug, Default)]
pub struct Signatures(Mutex<Row>);

#[derive(Debug, Default)]
struct Row {
    wrong: u32,
    /// Wall clock.
    told_at: Option<i64>,
    /// An incident may be open: this process opened it, or has not had a good one yet.
    settled: bool,
}

impl Signatures {
    /// Answers whether somebody has to be told.
    fn wrong(&self, now: i64) -> bool {
        let mut row = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        row.wrong = row.wrong.saturating_add(1);
        let quiet = row.told_at.is_none_or(|told| now - told >= QUIET_MS);
        let tell = row.wrong == IN_A_ROW || (row.wrong > IN_A_ROW && row.settled);
        if tell && quiet {
            row.told_at = Some(now);
            row.settled = false;
            return true;
        }
        false
    }

    /// Answers whether what was told is to be taken back.
    fn right(&self) -> bool {
        let mut row = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        row.wrong = 0;
        !std::mem::replace(&mut row.settled, true)
    }
}

/// A post whose signature no secret of ours made.
pub(super) async fn wrong(state: &AppState) {
    if !state.signatures.wrong(state.clock.wall_ms()) {
        return;
    }
    tracing::error!(
        in_a_row = IN_A_ROW,
        "webhooks arrive with signatures that STRIPE_WEBHOOK_SECRETS does not make, and none that it does"
    );
    let detail = "Posts arrive whose signature no secret of STRIPE_WEBHOOK_SECRETS makes, and none that one makes. \
         Either the secret is wrong or was rolled (Stripe's dashboard, Developers, Webhooks shows it), or a stranger \
         posts forgeries. Nothing is lost: Stripe's events are read by the cursor meanwhile. This closes with the \
         first good one.";
    let now = state.clock.policy_ms();
    let written = async {
        let mut tx = state.db.begin().await?;
        incidents::open(&mut tx, KIND, SUBJECT, detail, now).await?;
        tx.commit().await?;
        Ok::<_, crate::db::DbError>(())
    };
    if let Err(error) = written.await {
        tracing::error!(error = %error, "the incident could not be written");
    }
}

/// A good one.
pub(super) async fn right(state: &AppState) {
    if !state.signatures.right() {
        return;
    }
    let now = state.clock.policy_ms();
    let written = async {
        let mut tx = state.db.begin().await?;
        incidents::close(&mut tx, KIND, SUBJECT, now).await?;
        tx.commit().await?;
        Ok::<_, crate::db::DbError>(())
    };
    if let Err(error) = written.await {
        tracing::error!(error = %error, "the incident could not be closed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_in_a_row_are_told_once_and_a_stranger_cannot_make_us_write() {
        let signatures = Signatures::default();
        assert!(signatures.right(), "one of an earlier process may be open");
        let mut written = 0;
        // Forgeries all hour, thousands between two good ones a minute.
        for minute in 0..60 {
            for _ in 0..1000 {
                written += u32::from(signatures.wrong(minute * 60_000));
            }
            written += u32::from(signatures.right());
        }
        assert_eq!(written, 12, "told and taken back every ten minutes at most");
    }

    #[test]
    fn with_the_wrong_secret_it_is_told_and_stays_told() {
        let signatures = Signatures::default();
        for n in 1..200 {
            assert_eq!(signatures.wrong(n * 60_000), n == 5, "{n}");
        }
        assert!(signatures.right());
        assert!(!signatures.right());
    }
}
