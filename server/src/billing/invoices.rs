//! Invoices for the page: asked from Stripe when something may have changed, kept sealed.

use super::rows::PayerRow;
use crate::db::DbError;
use crate::state::AppState;
use crate::sync::payers;
use app::billing::{Card, InvoiceLine};
use app::money::Money;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

const SHOWN: u8 = 12;
/// A page waits for invoices no longer than this; the rest of it is ours already.
const PATIENCE: Duration = Duration::from_secs(3);

/// The invoices, newest first; `None` when Stripe could not be asked and none were kept.
pub async fn recent(
    state: &AppState,
    payer: &PayerRow,
) -> Result<Option<Vec<InvoiceLine>>, DbError> {
    let kept = opened(state, payer);
    let fresh = payer.invoices_read_at >= payer.read_at && payer.invoices_read_at.is_some();
    if fresh && kept.is_some() {
        return Ok(kept);
    }
    let read_at = payer.read_at;
    match tokio::time::timeout(PATIENCE, ask(state, &payer.id)).await {
        Ok(Some(lines)) => {
            keep(state, &payer.id, &lines, read_at).await?;
            Ok(Some(lines))
        }
        Ok(None) | Err(_) => Ok(kept),
    }
}

async fn ask(state: &AppState, payer_id: &str) -> Option<Vec<InvoiceLine>> {
    let customers = {
        let mut conn = state.db.reader().acquire().await.ok()?;
        payers::customers(&mut conn, payer_id).await.ok()?
    };
    let mut lines = Vec::new();
    for (customer, _) in customers.iter().filter(|(_, deleted)| !deleted) {
        let invoices = match state.stripe.recent_invoices(customer, SHOWN).await {
            Ok(invoices) => invoices,
            Err(error) => {
                tracing::warn!(error = %error, "invoices could not be read");
                return None;
            }
        };
        lines.extend(invoices.into_iter().map(|invoice| InvoiceLine {
            number: invoice.number,
            created_at: invoice.created.saturating_mul(1000),
            total: Money::new(invoice.total, &invoice.currency),
            status: invoice.status.unwrap_or_else(|| "draft".to_owned()),
            url: invoice.hosted_invoice_url,
        }));
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.created_at));
    lines.truncate(usize::from(SHOWN));
    Some(lines)
}

fn place(payer_id: &str) -> String {
    format!("payers/{payer_id}/invoices")
}

fn opened(state: &AppState, payer: &PayerRow) -> Option<Vec<InvoiceLine>> {
    let opened = state
        .seal
        .open(&place(&payer.id), payer.invoices_sealed.as_ref()?)
        .ok()?;
    serde_json::from_str(opened.expose_secret()).ok()
}

async fn keep(
    state: &AppState,
    payer_id: &str,
    lines: &[InvoiceLine],
    read_at: Option<i64>,
) -> Result<(), DbError> {
    let plain = serde_json::to_string(lines).map_err(|e| DbError::Impossible(e.to_string()))?;
    let sealed = state
        .seal
        .seal(&place(payer_id), &SecretString::from(plain))
        .map_err(|e| DbError::Impossible(e.to_string()))?;
    let mut tx = state.db.begin().await?;
    sqlx::query("UPDATE payers SET invoices_sealed = $1, invoices_read_at = $2 WHERE id = $3")
        .bind(sealed)
        .bind(read_at)
        .bind(payer_id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// The card, as the last sync sealed it.
pub fn card(state: &AppState, payer: &PayerRow) -> Option<Card> {
    opened_card(state, &payer.id, payer.card_sealed.as_ref()?)
}

pub fn opened_card(state: &AppState, payer_id: &str, sealed: &str) -> Option<Card> {
    let opened = state
        .seal
        .open(&format!("payers/{payer_id}/card"), sealed)
        .ok()?;
    let mut card: Card = serde_json::from_str(opened.expose_secret()).ok()?;
    card.brand = brand(&card.brand);
    Some(card)
}

/// A card's name as people know it, from Stripe's word.
pub fn brand(word: &str) -> String {
    match word {
        "amex" => "American Express".to_owned(),
        "cartes_bancaires" => "Cartes Bancaires".to_owned(),
        "diners" => "Diners Club".to_owned(),
        "eftpos_au" => "eftpos".to_owned(),
        "jcb" => "JCB".to_owned(),
        "unionpay" => "UnionPay".to_owned(),
        "unknown" => "Card".to_owned(),
        other => {
            let mut letters = other.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(letters).collect()
            })
        }
    }
}
