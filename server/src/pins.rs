//! Identity of the outside: the Stripe account, its mode and the guild of the first start are
//! the only ones this database ever follows.

use crate::db::DbError;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::db::installation::{Pin, pin, pinned};
use crate::discord::DiscordError;
use crate::plans;
use crate::roles;
use crate::state::AppState;
use crate::stripe::StripeError;

#[derive(Debug, thiserror::Error)]
pub enum PinError {
    #[error(
        "{variable} is for another {what} than this database was started with ({pinned}): use the old one, or a new database"
    )]
    Mismatch {
        variable: &'static str,
        what: &'static str,
        pinned: String,
    },
    #[error("Stripe could not be asked which account the key is for: {0}")]
    Stripe(#[from] StripeError),
    #[error("Discord could not be asked for the server: {0}")]
    Discord(#[from] DiscordError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl PinError {
    /// Whether waiting can help.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Mismatch { .. } => false,
            Self::Stripe(error) => error.class() == crate::stripe::FailureClass::Retry,
            Self::Discord(error) => {
                matches!(error.class(), crate::discord::FailureClass::Retry { .. })
            }
            Self::Db(error) => error.is_transient(),
        }
    }
}

/// What needs no outside: mode and guild id against what is pinned.
pub async fn check_configuration(state: &AppState) -> Result<(), PinError> {
    let mode = mode(state);
    for (which, variable, what, value) in [
        (Pin::StripeMode, "STRIPE_SECRET_KEY", "mode", mode),
        (
            Pin::Guild,
            "DISCORD_GUILD_ID",
            "server",
            &state.config.discord.guild_id,
        ),
    ] {
        if let Some(pinned) = pinned(&state.db, which).await?
            && pinned != value
        {
            return Err(PinError::Mismatch {
                variable,
                what,
                pinned,
            });
        }
    }
    Ok(())
}

fn mode(state: &AppState) -> &'static str {
    if state.config.stripe.live {
        "live"
    } else {
        "test"
    }
}

/// Asks Stripe and, on the first start, Discord who they are, pins it, and marks plans and guild
/// to be read. Later a bot that is thrown out, or a key that is refused, keeps nobody from the
/// pages and no event from the inbox: the workers meet it and tell the operator.
pub async fn check_outside(state: &AppState) -> Result<(), PinError> {
    let account = account(state).await?;
    // The configured id is the pinned one, or we would not be here.
    let guild = match pinned(&state.db, Pin::Guild).await? {
        Some(guild) => guild,
        None => state.discord.guild().await?.id,
    };
    if let Some(account) = &account {
        hold(
            state,
            Pin::StripeAccount,
            "STRIPE_SECRET_KEY",
            "account",
            account,
        )
        .await?;
    }
    for (which, variable, what, value) in [
        (Pin::StripeMode, "STRIPE_SECRET_KEY", "mode", mode(state)),
        (Pin::Guild, "DISCORD_GUILD_ID", "server", guild.as_str()),
    ] {
        hold(state, which, variable, what, value).await?;
    }
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::mark(
        &mut tx,
        SubjectKind::Plans,
        plans::SUBJECT,
        now,
        Class::Urgent,
        "start",
    )
    .await?;
    dirty::mark(
        &mut tx,
        SubjectKind::Guild,
        roles::GUILD_SUBJECT,
        now,
        Class::Urgent,
        "start",
    )
    .await?;
    tx.commit().await.map_err(DbError::from)?;
    state.work.notify_one();
    Ok(())
}

async fn hold(
    state: &AppState,
    which: Pin,
    variable: &'static str,
    what: &'static str,
    value: &str,
) -> Result<(), PinError> {
    let pinned = pin(&state.db, which, value).await?;
    if pinned == value {
        Ok(())
    } else {
        Err(PinError::Mismatch {
            variable,
            what,
            pinned,
        })
    }
}

/// The account's id. A restricted key may not be allowed to ask for it; then a customer of ours
/// tells: another account does not know it.
async fn account(state: &AppState) -> Result<Option<String>, PinError> {
    match state.stripe.account().await {
        Ok(account) => Ok(Some(account.id)),
        Err(StripeError::KeyLacksRight { .. }) => {
            let ours: Option<String> =
                sqlx::query_scalar("SELECT id FROM customers WHERE deleted = 0 LIMIT 1")
                    .fetch_optional(state.db.reader())
                    .await
                    .map_err(DbError::from)?;
            if let Some(id) = ours
                && state.stripe.customer(&id).await?.is_none()
            {
                return Err(PinError::Mismatch {
                    variable: "STRIPE_SECRET_KEY",
                    what: "account",
                    pinned: format!("the account of customer {id}"),
                });
            }
            tracing::warn!("the restricted key may not read the account; it is not pinned");
            Ok(None)
        }
        // Nothing can be read with it, so nothing of another account either.
        Err(error @ StripeError::KeyRefused)
            if pinned(&state.db, Pin::StripeAccount).await?.is_some() =>
        {
            tracing::error!(error = %error, "Stripe refuses the key; nothing is synced until there is a valid one");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
