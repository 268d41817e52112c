//! The one Stripe customer of a payer.

use super::Failure;
use super::buyer::Buyer;
use crate::db::dirty::{self, Lease};
use crate::state::AppState;
use crate::stripe::objects::Customer;
use crate::stripe::{CustomerOf, NewCustomer, StripeError};
use crate::sync::payers;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The payer's customer, made under its lease when there is none. The durable key makes a lost
/// answer harmless: asking again brings the same customer.
pub async fn ensure(state: &AppState, lease: &Lease, buyer: &Buyer) -> Result<String, Failure> {
    let payer_id = &lease.id;
    let (known, named) = {
        let mut conn = state.db.reader().acquire().await?;
        let known = payers::customers(&mut conn, payer_id).await?;
        (known, buyer.named(&mut conn).await?)
    };
    if let Some((id, _)) = known.iter().find(|(_, deleted)| !deleted) {
        return Ok(id.clone());
    }
    let new = NewCustomer {
        payer_id: payer_id.clone(),
        of: named.of,
        name: named.name,
        email: named.email,
    };
    let customer = made(state, &new, &key(&new, known.len())).await?;
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    payers::link(&mut tx, &customer.id, payer_id, now).await?;
    tx.commit().await?;
    Ok(customer.id)
}

/// Makes the customer. A key that was spent on something else is spent for a day: then another one,
/// as durable, is taken.
async fn made(state: &AppState, new: &NewCustomer, key: &str) -> Result<Customer, StripeError> {
    match state.stripe.create_customer(new, key).await {
        Err(StripeError::KeyReused) => {
            tracing::warn!(payer = %new.payer_id, "the key of a new customer was used for something else; it is made by another");
            state
                .stripe
                .create_customer(new, &format!("{key}-again"))
                .await
        }
        made => made,
    }
}

/// Whether Stripe has the customer no more; the row then says so, and the payer may get another.
pub async fn is_gone(state: &AppState, lease: &Lease, customer_id: &str) -> Result<bool, Failure> {
    let there = state.stripe.customer(customer_id).await?;
    if there.is_some_and(|customer| !customer.deleted) {
        return Ok(false);
    }
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    sqlx::query("UPDATE customers SET deleted = 1 WHERE id = $1")
        .bind(customer_id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// Stripe refuses a key with other parameters, and name or address can change between two tries:
/// the key covers them, and how many customers came before.
fn key(new: &NewCustomer, before: usize) -> String {
    let mut hash = Sha256::new();
    let of = match &new.of {
        CustomerOf::Person { discord_user_id } => discord_user_id,
        CustomerOf::Company { company_id } => company_id,
    };
    for part in [of, &new.name, new.email.as_ref().unwrap_or(&String::new())] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut tail = String::new();
    for byte in hash.finalize().iter().take(8) {
        let _ = write!(tail, "{byte:02x}");
    }
    format!("customer-{}-{before}-{tail}", new.payer_id)
}
