//! Founding a company, and buying its first seats, or its first anew.

use super::guard::{self, Admin};
use super::{Failure, Step, tell};
use crate::checkout::{self, Buyer, Company, Order};
use crate::db::dirty::Lease;
use crate::guards::LimitKind;
use crate::patience::lease;
use crate::state::AppState;
use crate::sync::payers;
use app::checkout::CheckoutNext;
use app::company::{CompanyError, FEWEST, MOST, Purchase, name};

/// Ids of companies: this, and as much chance as [`crate::rng::Rng::id`] gives.
pub const PREFIX: &str = "com_";
const CHANCE: usize = 20;

pub async fn buy(state: &AppState, user_id: &str, purchase: &Purchase) -> Result<String, Failure> {
    state
        .limits
        .check(LimitKind::CheckoutUser, user_id, state.clock.wall_ms())
        .map_err(|_| CompanyError::TooMany)?;
    let id = &purchase.company_id;
    let founded_as = match &purchase.name {
        // Of one that is not theirs nothing is told, not even what is wrong with the rest.
        None => {
            let mut conn = state.db.reader().acquire().await?;
            guard::admin(&mut conn, user_id, id).await?;
            None
        }
        Some(_) if !is_new_id(id) => return Err(CompanyError::NotFound.into()),
        Some(text) => Some(name::name(text).ok_or(CompanyError::NameMissing)?),
    };
    if !(FEWEST..=MOST).contains(&purchase.seats) {
        return Err(CompanyError::BadNumber.into());
    }
    if checkout::leaving(state, user_id).await? {
        return Err(CompanyError::Leaving.into());
    }
    let mut buyer = Buyer {
        user_id: user_id.to_owned(),
        company: Some(Company {
            id: id.clone(),
            name: String::new(),
        }),
    };
    // Nothing is founded for a price that is gone.
    let offer = checkout::offer(state, &purchase.price_id, &buyer).await?;
    if let Some(name) = &founded_as {
        found(state, user_id, id, name).await?;
    }
    let admin = {
        let mut conn = state.db.reader().acquire().await?;
        let admin = guard::admin(&mut conn, user_id, id).await?;
        let name = sqlx::query_scalar("SELECT name FROM companies WHERE id = $1")
            .bind(id)
            .fetch_one(&mut *conn)
            .await?;
        buyer.company = Some(Company {
            id: id.clone(),
            name,
        });
        admin
    };
    let order = Order {
        buyer,
        offer,
        code: None,
        seats: Some(purchase.seats),
    };
    let held = lease::take(state, &admin.payer_id).await?;
    let url = under_lease(state, &held, &admin, &order).await;
    lease::give_back(state, &held).await;
    url
}

/// Whether a form of ours could have come with it.
fn is_new_id(id: &str) -> bool {
    id.strip_prefix(PREFIX).is_some_and(|chance| {
        chance.len() == CHANCE
            && chance
                .bytes()
                .all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b))
    })
}

async fn under_lease(
    state: &AppState,
    held: &Lease,
    admin: &Admin,
    order: &Order,
) -> Result<String, Failure> {
    // Since it was looked at before the lease, they may have been dismissed.
    {
        let mut conn = state.db.reader().acquire().await?;
        guard::admin(&mut conn, &admin.user_id, &admin.company_id).await?;
    }
    match checkout::sell(state, held, order).await? {
        CheckoutNext::Pay { url } => Ok(url),
        // What was begun before and is paid is the company's one subscription.
        CheckoutNext::AlreadyMember | CheckoutNext::AlreadyPaid => {
            Err(CompanyError::PaysAlready.into())
        }
    }
}

/// Founds the company with its first owner and its payer, unless it is there. Whose it is, is asked
/// afterwards.
async fn found(state: &AppState, user_id: &str, id: &str, name: &str) -> Result<(), Failure> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    let founded = sqlx::query(
        "INSERT INTO companies (id, name, founded_by, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(id)
    .bind(name)
    .bind(user_id)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    if founded.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO company_people (company_id, user_id, role, since) VALUES ($1, $2, 'owner', $3)",
    )
    .bind(id)
    .bind(user_id)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    payers::found(&mut tx, &state.rng, id, now, id).await?;
    let step = Step {
        company_id: id,
        by: user_id,
        about: None,
        detail: "founded, and its owner",
        trace: id,
    };
    tell(&mut tx, &step, now).await?;
    tx.commit().await?;
    tracing::info!(company = id, "a company was founded");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PREFIX, is_new_id};
    use crate::rng::Rng;

    #[test]
    fn only_ids_of_our_forms_found_a_company() {
        assert!(is_new_id(&Rng::seeded(1).id(PREFIX)));
        for id in [
            "",
            "com_",
            "com_short",
            "pay_aaaaaaaaaaaaaaaaaaaa",
            "com_AAAAAAAAAAAAAAAAAAAA",
            "com_aaaaaaaaaaaaaaaaaaa8",
            "com_aaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(!is_new_id(id), "{id}");
        }
    }
}
