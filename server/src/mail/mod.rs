//! Mail: an outbox filled by what changes, and one mail at a time handed to the mail server.

mod account;
mod card;
mod card_link;
mod causes;
mod ended;
mod holders;
mod letter;
mod moot;
mod operators;
mod outbox;
mod seats;
mod send;
mod smtp;
mod texts;
mod unsubscribe;

pub use account::{leaving, moved};
pub use card_link::{CARD, pages};
pub use causes::{Before, before, caused};
pub use ended::role_gone;
pub use holders::sync_holders;
pub use letter::Letter;
pub use operators::to_operator;
pub use seats::{invited, seats_made_way, seats_over, seats_paid_until};
pub use send::{SendError, sync_mail};
pub use smtp::{MailDoor, MailError, Outgoing, Smtp};
pub use texts::{Invitation, Moved};
pub use unsubscribe::{Mails, PATH as UNSUBSCRIBE, routes};

use crate::db::DbError;
use crate::incidents;
use crate::state::AppState;
use app::mail::Trouble;
use sqlx::AnyConnection;

/// Says once, at the start, whether there is mail.
pub fn announce(state: &AppState) {
    if state.mail.is_some() {
        tracing::info!("mail is on");
    } else {
        tracing::warn!("mail is off: set SMTP_URL and MAIL_FROM to switch it on");
    }
}

/// What the dashboard tells a person of their mail.
async fn trouble(state: &AppState, user_id: &str) -> Result<Option<Trouble>, DbError> {
    let mut conn = state.db.reader().acquire().await?;
    if unreachable(state, &mut conn, user_id).await? {
        return Ok(Some(Trouble::AddressRefused));
    }
    let waiting: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM mails WHERE user_id = $1 AND settled_at IS NULL AND attempts > 0 AND due_at <= $2",
    )
    .bind(user_id)
    .bind(state.clock.policy_ms() - send::DOWN_AFTER_MS)
    .fetch_one(&mut *conn)
    .await?;
    Ok((waiting > 0).then_some(Trouble::Delayed))
}

/// Whether the last mail that was tried came back because of the address, and the person still
/// has that one.
async fn unreachable(
    state: &AppState,
    conn: &mut AnyConnection,
    user_id: &str,
) -> Result<bool, DbError> {
    let last: Option<Option<String>> = sqlx::query_scalar(
        "SELECT refused_address FROM mails WHERE user_id = $1 AND state IN ('sent', 'refused') AND kind <> 'invite' \
         ORDER BY settled_at DESC LIMIT 1",
    )
    .bind(user_id)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(Some(refused)) = last else {
        return Ok(false);
    };
    let Some(address) = outbox::address(conn, user_id).await? else {
        return Ok(false);
    };
    Ok(outbox::address_digest(state, &address)? == refused)
}

/// A person signed in: one whose address is no longer the refused one is reachable again, for
/// all we know.
pub async fn signed_in(
    state: &AppState,
    conn: &mut AnyConnection,
    user_id: &str,
    now: i64,
) -> Result<(), DbError> {
    if state.mail.is_some() && !unreachable(state, conn, user_id).await? {
        incidents::close(conn, "mail_refused", user_id, now).await?;
    }
    Ok(())
}
