//! `/account/export`: everything that is kept about whoever is signed in, as one file. Names are
//! words, times are ISO 8601 in UTC. No token, no key and no digest is in it.

use super::Failure;
use crate::db::DbError;
use crate::state::AppState;
use crate::sync::payers;
use app::account::EXPORT;
use app::login::Viewer;
use app::page::dates;
use axum::Router;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{StatusCode, header};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Column, Row};

/// Wants the session's layers around it.
pub fn pages() -> Router<AppState> {
    Router::new().route(EXPORT, get(download))
}

async fn download(State(state): State<AppState>, viewer: Option<Extension<Viewer>>) -> Response {
    let Some(Extension(viewer)) = viewer else {
        let to = Redirect::to("/login?next=%2Faccount");
        return ([(header::CACHE_CONTROL, "no-store")], to).into_response();
    };
    match export(&state, &viewer.user_id).await {
        Ok(data) => {
            let headers = [
                (header::CONTENT_TYPE, "application/json; charset=utf-8"),
                (header::CACHE_CONTROL, "no-store"),
                (
                    header::CONTENT_DISPOSITION,
                    "attachment; filename=\"my-data.json\"",
                ),
            ];
            (headers, format!("{data:#}\n")).into_response()
        }
        Err(failure) => {
            let slug = failure.told("export").slug();
            let to = Redirect::to(&format!("/account?problem={slug}"));
            let headers = [(header::CACHE_CONTROL, "no-store")];
            (StatusCode::SEE_OTHER, headers, to).into_response()
        }
    }
}

/// Everything, by whose it is: the person's rows, and their payer's.
pub async fn export(state: &AppState, user_id: &str) -> Result<Value, Failure> {
    let mut conn = state.db.reader().acquire().await?;
    let mut data = Map::new();
    let now = dates::machine(state.clock.wall_ms());
    data.insert("exported_at".to_owned(), json!(now));
    for (name, sql) in OF_THE_USER {
        data.insert((*name).to_owned(), list(&mut conn, sql, user_id).await?);
    }
    let payer = payers::find_of_user(&mut conn, user_id).await?;
    let payer_id = payer.as_deref().unwrap_or_default();
    for (name, sql) in OF_THE_PAYER {
        data.insert((*name).to_owned(), list(&mut conn, sql, payer_id).await?);
    }
    let sealed: Option<(Option<String>, Option<String>)> =
        sqlx::query_as("SELECT card_sealed, invoices_sealed FROM payers WHERE id = $1")
            .bind(payer_id)
            .fetch_optional(&mut *conn)
            .await?;
    let (card, invoices) = sealed.unwrap_or_default();
    for (name, value) in [("card", card), ("invoices", invoices)] {
        let place = format!("payers/{payer_id}/{name}");
        let opened = match value {
            None => Value::Null,
            Some(sealed) => {
                let plain = state.seal.open(&place, &sealed)?;
                let mut value: Value =
                    serde_json::from_str(plain.expose_secret()).unwrap_or(Value::Null);
                times(&mut value);
                value
            }
        };
        data.insert(name.to_owned(), opened);
    }
    Ok(Value::Object(data))
}

/// The rows of a statement with one placeholder, each column under its name.
async fn list(conn: &mut AnyConnection, sql: &'static str, of: &str) -> Result<Value, DbError> {
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(of)
        .fetch_all(conn)
        .await?;
    rows.iter().map(object).collect()
}

/// A row as an object. Columns whose name ends in `_at`, `_from` or `_until` are times, those that
/// begin with `is_` are yes or no.
fn object(row: &AnyRow) -> Result<Value, DbError> {
    let mut object = Map::new();
    for column in row.columns() {
        let (name, at) = (column.name(), column.ordinal());
        let value = if let Ok(text) = row.try_get::<Option<String>, _>(at) {
            json!(text)
        } else {
            let number: Option<i64> = row.try_get(at)?;
            match number {
                None => Value::Null,
                Some(number) if is_time(name) => json!(dates::machine(number)),
                Some(number) if name.starts_with("is_") => json!(number != 0),
                Some(number) => json!(number),
            }
        };
        object.insert(name.to_owned(), value);
    }
    Ok(Value::Object(object))
}

fn is_time(name: &str) -> bool {
    ["_at", "_from", "_until"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// The same for what was sealed as JSON.
fn times(value: &mut Value) {
    match value {
        Value::Array(rows) => rows.iter_mut().for_each(times),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_i64().filter(|_| is_time(name)) {
                    Some(ms) => *field = json!(dates::machine(ms)),
                    None => times(field),
                }
            }
        }
        _ => {}
    }
}

const OF_THE_USER: &[(&str, &str)] = &[
    (
        "account",
        "SELECT id AS account_id, discord_user_id AS discord_id, name, avatar_url AS picture, email, \
         email_verified AS is_email_confirmed, in_guild AS is_in_the_discord_server, \
         banned AS is_banned_from_the_discord_server, left_at AS left_the_discord_server_at, \
         created_at, CASE WHEN signed_in_at = 0 THEN NULL ELSE signed_in_at END AS last_signed_in_at \
         FROM users WHERE id = $1",
    ),
    (
        "sessions",
        "SELECT expires_at FROM sessions WHERE user_id = $1 ORDER BY expires_at",
    ),
    (
        "permission_to_add_you_to_the_discord_server",
        "SELECT expires_at FROM join_tokens WHERE user_id = $1",
    ),
    (
        "access",
        "SELECT entitlements.plan_id, plans.name AS plan, entitlements.source AS given_by, \
         entitlements.source_id AS given_by_id, entitlements.state, entitlements.reason, \
         entitlements.until_at AS lasts_until, entitlements.changed_at FROM entitlements \
         LEFT JOIN plans ON plans.id = entitlements.plan_id \
         WHERE entitlements.user_id = $1 ORDER BY entitlements.changed_at, entitlements.source_id",
    ),
    (
        "roles",
        "SELECT grants.role_id, guild_roles.name AS role, grants.state, grants.detail, \
         grants.code AS discord_code, grants.answered_at AS discord_answered_at, grants.changed_at \
         FROM grants LEFT JOIN guild_roles ON guild_roles.id = grants.role_id \
         WHERE grants.user_id = $1 ORDER BY grants.changed_at, grants.role_id",
    ),
    (
        "roles_changed_by_others",
        "SELECT role_id, what, seen_at FROM role_changes WHERE user_id = $1 ORDER BY seen_at, role_id",
    ),
    (
        "mail",
        "SELECT kind, state, created_at, due_at, settled_at FROM mails WHERE user_id = $1 \
         ORDER BY created_at, id",
    ),
    (
        "mail_preferences",
        "SELECT essential_only AS is_essential_only, changed_at FROM mail_preferences WHERE user_id = $1",
    ),
    (
        "moves_to_another_account",
        "SELECT id AS move_id, moved_at FROM account_moves WHERE from_user = $1 AND moved_at IS NOT NULL \
         ORDER BY moved_at",
    ),
    (
        "moves_from_another_account",
        "SELECT id AS move_id, moved_at FROM account_moves WHERE to_user = $1 AND moved_at IS NOT NULL \
         ORDER BY moved_at",
    ),
    (
        "seats",
        "SELECT companies.name AS company, plans.name AS plan, seats.state, seats.because AS ended_because, \
         seats.claimed_at, seats.changed_at FROM seats JOIN companies ON companies.id = seats.company_id \
         LEFT JOIN plans ON plans.id = seats.plan_id WHERE seats.user_id = $1 ORDER BY seats.claimed_at, seats.id",
    ),
    (
        "companies",
        "SELECT companies.id AS company_id, companies.name AS company, company_people.role, \
         company_people.since AS since_at FROM company_people \
         JOIN companies ON companies.id = company_people.company_id \
         WHERE company_people.user_id = $1 ORDER BY company_people.since, companies.id",
    ),
    (
        "deletion",
        "SELECT stage, asked_at, begins_at FROM account_deletions WHERE user_id = $1",
    ),
    (
        "incidents",
        "SELECT kind, detail, opened_at, closed_at FROM incidents \
         WHERE kind IN ('mail_refused', 'join refused', 'account deletion') AND subject = $1 ORDER BY opened_at",
    ),
    (
        "history",
        "SELECT at AS happened_at, CASE WHEN actor LIKE 'operator:%' THEN 'operator' ELSE actor END AS actor, \
         event, subject, detail FROM audit WHERE user_id = $1 ORDER BY at",
    ),
];

const OF_THE_PAYER: &[(&str, &str)] = &[
    (
        "payer",
        "SELECT id AS payer_id, created_at, read_at AS last_read_from_stripe_at FROM payers WHERE id = $1",
    ),
    (
        "stripe_customers",
        "SELECT id AS customer_id, deleted AS is_deleted, created_at FROM customers \
         WHERE payer_id = $1 ORDER BY created_at, id",
    ),
    (
        "subscriptions",
        "SELECT subscriptions.id AS subscription_id, subscriptions.customer_id, plans.name AS plan, \
         subscriptions.price_id, subscriptions.status, subscriptions.quantity, \
         subscriptions.unit_amount AS amount_in_minor_units, subscriptions.currency, subscriptions.period, \
         subscriptions.period_start AS period_from, subscriptions.period_end AS period_until, \
         subscriptions.cancel_at AS ends_at, subscriptions.cancel_at_period_end AS is_ending_with_the_period, \
         subscriptions.ended_at, subscriptions.trial_end AS trial_until, \
         subscriptions.collection_paused AS is_paused, subscriptions.resumes_at, \
         subscriptions.unpaid_since AS unpaid_from, subscriptions.payment, subscriptions.created_at, \
         subscriptions.read_at FROM subscriptions LEFT JOIN plans ON plans.id = subscriptions.plan_id \
         WHERE subscriptions.payer_id = $1 ORDER BY subscriptions.created_at, subscriptions.id",
    ),
    (
        "passes",
        "SELECT passes.id AS checkout_session_id, passes.customer_id, plans.name AS plan, passes.days, \
         passes.state, passes.payment, passes.amount AS amount_in_minor_units, passes.currency, \
         passes.paid_at, passes.starts_at, passes.ends_at FROM passes \
         LEFT JOIN plans ON plans.id = passes.plan_id WHERE passes.payer_id = $1 \
         ORDER BY passes.paid_at, passes.id",
    ),
    (
        "refunds_and_disputes",
        "SELECT charges.id AS charge_id, charges.subscription_id, charges.covers_from, charges.covers_until, \
         charges.refunded AS is_refunded, charges.dispute, charges.read_at FROM charges \
         JOIN customers ON customers.id = charges.customer_id WHERE customers.payer_id = $1 \
         ORDER BY charges.read_at, charges.id",
    ),
    (
        "checkouts",
        "SELECT id AS checkout_id, price_id, pass_days, trial_days, promotion_id, \
         session_id AS checkout_session_id, state, created_at, expires_at FROM checkouts \
         WHERE payer_id = $1 ORDER BY created_at, id",
    ),
    (
        "changes",
        "SELECT id AS change_id, subscription_id, kind, from_price_id, price_id, state, reason, created_at, \
         settled_at FROM changes WHERE payer_id = $1 ORDER BY created_at, id",
    ),
    (
        "stripe_events",
        "SELECT inbox.id AS event_id, inbox.type AS kind, inbox.created_at, inbox.received_at, inbox.outcome \
         FROM inbox JOIN customers ON customers.id = inbox.customer_id WHERE customers.payer_id = $1 \
         ORDER BY inbox.received_at, inbox.id",
    ),
];

#[cfg(test)]
mod tests {
    use super::{OF_THE_PAYER, OF_THE_USER, is_time, times};
    use serde_json::json;

    #[test]
    fn nothing_that_opens_a_door_is_exported() {
        for (name, sql) in OF_THE_USER.iter().chain(OF_THE_PAYER) {
            for secret in [
                "sealed",
                "id_hash",
                "digest",
                "data",
                "fence",
                "refused_address",
            ] {
                assert!(!sql.contains(secret), "{name}: {secret}");
            }
        }
    }

    #[test]
    fn times_are_times_wherever_they_stand() {
        let mut value =
            json!([{ "created_at": 1_804_082_709_000_i64, "total": { "minor": 2900 } }]);
        times(&mut value);
        assert_eq!(
            value,
            json!([{ "created_at": "2027-03-03T14:05:09Z", "total": { "minor": 2900 } }])
        );
        assert!(is_time("period_from") && !is_time("amount_in_minor_units"));
    }
}
