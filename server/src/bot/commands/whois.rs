//! `/whois`: the chain from payer to role, with what was last answered. No address, no card.

use super::super::marks::user_of;
use crate::account;
use crate::db::DbError;
use crate::state::AppState;
use app::access::Reason;
use app::page::dates;
use sqlx::{AnyConnection, FromRow};

pub async fn say(state: &AppState, discord_id: &str) -> Result<String, DbError> {
    let mut conn = state.db.reader().acquire().await?;
    let Some(user) = user_of(&mut conn, discord_id).await? else {
        return Ok(format!(
            "<@{discord_id}> has never signed in here. What roles they have, somebody gave them by hand."
        ));
    };
    let mut lines = vec![server(&mut conn, &user, discord_id).await?];
    let deletion = account::in_words(&mut conn, &user).await?;
    lines.extend(deletion.map(|told| format!("The account {told}.")));
    lines.extend(payer(&mut conn, &user).await?);
    lines.extend(entitlements(&mut conn, &user).await?);
    lines.extend(grants(&mut conn, &user).await?);
    lines.extend(work(&mut conn, &user).await?);
    lines.extend(story(&mut conn, &user).await?);
    Ok(lines.join("\n"))
}

fn at(ms: i64) -> String {
    dates::moment(ms).unwrap_or_default()
}

async fn server(conn: &mut AnyConnection, user: &str, discord_id: &str) -> Result<String, DbError> {
    let (there, left_at, banned): (Option<i64>, Option<i64>, i64) =
        sqlx::query_as("SELECT in_guild, left_at, banned FROM users WHERE id = $1")
            .bind(user)
            .fetch_one(conn)
            .await?;
    let place = match (there, banned, left_at) {
        (Some(1), ..) => "in the server".to_owned(),
        (_, 1, _) => "banned from the server".to_owned(),
        (_, _, Some(left)) => format!("left the server (seen {})", at(left)),
        (Some(_), ..) => "not in the server".to_owned(),
        (None, ..) => "not looked up in the server yet".to_owned(),
    };
    Ok(format!("**<@{discord_id}>** ({user}): {place}."))
}

async fn payer(conn: &mut AnyConnection, user: &str) -> Result<Vec<String>, DbError> {
    let payer: Option<(String, Option<i64>)> =
        sqlx::query_as("SELECT id, read_at FROM payers WHERE user_id = $1")
            .bind(user)
            .fetch_optional(&mut *conn)
            .await?;
    let Some((payer, read_at)) = payer else {
        return Ok(vec![
            "Payer: none; they have never begun to pay.".to_owned(),
        ]);
    };
    let customers: Vec<String> =
        sqlx::query_scalar("SELECT id FROM customers WHERE payer_id = $1 ORDER BY id")
            .bind(&payer)
            .fetch_all(&mut *conn)
            .await?;
    let read = read_at.map_or_else(|| "never".to_owned(), at);
    let mut lines = vec![format!(
        "Payer: {payer}, customers {}; Stripe read {read}.",
        if customers.is_empty() {
            "none".to_owned()
        } else {
            customers.join(", ")
        }
    )];
    let subscriptions: Vec<(String, Option<String>, String, Option<i64>)> = sqlx::query_as(
        "SELECT subscriptions.id, plans.name, subscriptions.status, subscriptions.period_end \
         FROM subscriptions LEFT JOIN plans ON plans.id = subscriptions.plan_id \
         WHERE subscriptions.payer_id = $1 ORDER BY subscriptions.created_at DESC LIMIT 5",
    )
    .bind(&payer)
    .fetch_all(&mut *conn)
    .await?;
    lines.extend(subscriptions.into_iter().map(|(id, plan, status, end)| {
        let plan = plan.unwrap_or_else(|| "another product".to_owned());
        let end = end.map_or_else(String::new, |end| format!(", period until {}", at(end)));
        format!(
            "- Subscription {id} to {plan}: {}{end}.",
            status.replace('_', " ")
        )
    }));
    let passes: Vec<(Option<String>, String, Option<i64>)> = sqlx::query_as(
        "SELECT plans.name, passes.state, passes.ends_at FROM passes \
         LEFT JOIN plans ON plans.id = passes.plan_id \
         WHERE passes.payer_id = $1 ORDER BY passes.starts_at DESC LIMIT 3",
    )
    .bind(&payer)
    .fetch_all(conn)
    .await?;
    lines.extend(passes.into_iter().map(|(plan, state, end)| {
        let plan = plan.unwrap_or_else(|| "another product".to_owned());
        let end = end.map_or_else(|| "for life".to_owned(), |end| format!("until {}", at(end)));
        format!("- Pass to {plan}: {state}, {end}.")
    }));
    Ok(lines)
}

#[derive(FromRow)]
struct Entitlement {
    plan: Option<String>,
    source_id: String,
    state: String,
    reason: String,
    until_at: Option<i64>,
}

async fn entitlements(conn: &mut AnyConnection, user: &str) -> Result<Vec<String>, DbError> {
    let rows: Vec<Entitlement> = sqlx::query_as(
        "SELECT plans.name AS plan, entitlements.source_id, entitlements.state, entitlements.reason, \
         entitlements.until_at FROM entitlements \
         LEFT JOIN plans ON plans.id = entitlements.plan_id \
         WHERE entitlements.user_id = $1 ORDER BY entitlements.changed_at DESC LIMIT 6",
    )
    .bind(user)
    .fetch_all(conn)
    .await?;
    if rows.is_empty() {
        return Ok(vec!["Access: no plan.".to_owned()]);
    }
    Ok(rows
        .into_iter()
        .map(|row| {
            let plan = row.plan.unwrap_or_else(|| "another product".to_owned());
            let why = Reason::from_word(&row.reason).map_or("", Reason::sentence);
            let until = row
                .until_at
                .map_or_else(String::new, |until| format!(" until {}", at(until)));
            format!(
                "Access to {plan} by {}: {}{until}. {why}",
                row.source_id, row.state
            )
        })
        .collect())
}

#[derive(FromRow)]
struct Grant {
    role_id: String,
    name: Option<String>,
    state: String,
    code: Option<i64>,
    detail: Option<String>,
    answered_at: Option<i64>,
}

async fn grants(conn: &mut AnyConnection, user: &str) -> Result<Vec<String>, DbError> {
    let rows: Vec<Grant> = sqlx::query_as(
        "SELECT grants.role_id, guild_roles.name, grants.state, grants.code, grants.detail, \
         grants.answered_at FROM grants LEFT JOIN guild_roles ON guild_roles.id = grants.role_id \
         WHERE grants.user_id = $1 ORDER BY grants.changed_at DESC LIMIT 8",
    )
    .bind(user)
    .fetch_all(conn)
    .await?;
    if rows.is_empty() {
        return Ok(vec!["Roles: none of ours.".to_owned()]);
    }
    Ok(rows
        .into_iter()
        .map(|grant| {
            let name = grant.name.unwrap_or(grant.role_id);
            let code = grant
                .code
                .map_or_else(String::new, |code| format!(" ({code})"));
            let detail = grant
                .detail
                .map_or_else(String::new, |detail| format!(": {detail}"));
            let when = grant.answered_at.map_or_else(
                || "Discord has not answered yet".to_owned(),
                |answered| format!("Discord answered {}", at(answered)),
            );
            format!("Role {name}: {}{code}{detail}; {when}.", grant.state)
        })
        .collect())
}

/// What is about to be read, or could not be.
async fn work(conn: &mut AnyConnection, user: &str) -> Result<Vec<String>, DbError> {
    let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(
        "SELECT kind, parked, last_error FROM dirty WHERE attempts > 0 AND \
         ((kind = 'user' AND id = $1) OR (kind = 'payer' AND id IN (SELECT id FROM payers WHERE user_id = $1)))",
    )
    .bind(user)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(kind, parked, error)| {
            let outside = if kind == "user" { "Discord" } else { "Stripe" };
            let next = if parked == 1 {
                "it waits for you"
            } else {
                "it comes again by itself"
            };
            format!(
                "Reading {outside} failed: {}; {next}.",
                error.unwrap_or_default()
            )
        })
        .collect())
}

async fn story(conn: &mut AnyConnection, user: &str) -> Result<Vec<String>, DbError> {
    let rows: Vec<(i64, String, String, String)> = sqlx::query_as(
        "SELECT at, actor, event, detail FROM audit WHERE user_id = $1 ORDER BY at DESC LIMIT 5",
    )
    .bind(user)
    .fetch_all(conn)
    .await?;
    let mut lines = Vec::new();
    if !rows.is_empty() {
        lines.push("Latest:".to_owned());
    }
    lines.extend(
        rows.into_iter().map(|(when, actor, event, detail)| {
            format!("- {}: {actor}, {event}: {detail}", at(when))
        }),
    );
    Ok(lines)
}
