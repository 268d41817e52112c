//! What the running server holds back, and what waits for an operator.

use super::{Checked, Finding, Patient, unread};
use crate::db::{Db, DbError};
use crate::roles::switches;
use app::admin::LossCause;
use app::admin::advice::advice;
use sqlx::AnyConnection;

/// Incidents that only the running server finds out.
const FOUND_RUNNING: [(&str, bool); 5] = [
    // Who joins later is not noticed.
    ("gateway", true),
    ("join refused", true),
    ("webhook_secret", false),
    ("wrong_mode", false),
    ("role by hand", false),
];

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Checked> {
    let Some(db) = patient.db else {
        return Vec::new();
    };
    match read(patient, db).await {
        Ok(checked) if checked.is_empty() => {
            vec![Checked::right(
                "nothing is held back, and nothing waits for an operator",
            )]
        }
        Ok(checked) => checked,
        Err(error) => vec![unread("what waits for an operator", &error)],
    }
}

async fn read(patient: &Patient<'_>, db: &Db) -> Result<Vec<Checked>, DbError> {
    let mut conn = db.reader().acquire().await?;
    let at = |page: &str| patient.config.own_url(page);
    let mut checked = Vec::new();
    held_back(&mut conn, &at("/admin/brake"), &mut checked).await?;
    for (kind, keeps_out) in FOUND_RUNNING {
        let details: Vec<String> = sqlx::query_scalar(
            "SELECT detail FROM incidents WHERE kind = $1 AND closed_at IS NULL ORDER BY subject LIMIT 5",
        )
        .bind(kind)
        .fetch_all(&mut *conn)
        .await?;
        let advice = advice(kind);
        checked.extend(details.into_iter().map(|detail| {
            let what = format!("{}. {detail}", advice.title);
            let finding = if keeps_out {
                Finding::keeps_out(what, advice.todo)
            } else {
                Finding::advice(what, advice.todo)
            };
            finding.into()
        }));
    }
    let parked: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM dirty WHERE parked = 1 AND kind IN ('payer', 'user', 'customer', 'plans')",
    )
    .fetch_one(&mut *conn)
    .await?;
    if parked > 0 {
        checked.push(
            Finding::keeps_out(
                format!("Work stands still until somebody acts: {parked} of it."),
                format!("{} says why; mend that and press Retry.", at("/admin/work")),
            )
            .into(),
        );
    }
    for operator in deaf(&mut conn, &patient.config.operator_discord_ids).await? {
        checked.push(
            Finding::advice(
                format!("The operator {operator} takes no direct messages from the bot."),
                "As them: Discord → right-click the server → Privacy Settings: switch on Direct Messages.",
            )
            .into(),
        );
    }
    Ok(checked)
}

/// Observing, the freeze, brakes, and what Discord refuses.
async fn held_back(
    conn: &mut AnyConnection,
    page: &str,
    checked: &mut Vec<Checked>,
) -> Result<(), DbError> {
    if switches::observing(conn).await?.is_some() {
        checked.push(
            Finding::keeps_out(
                "Rollcall only observes: it gives no roles until an operator says go.",
                format!("{page} → Go: give and take roles."),
            )
            .into(),
        );
    }
    if switches::frozen(conn).await?.is_some() {
        checked.push(
            Finding::advice(
                "Removals are frozen: nobody loses a role.",
                format!("{page} → Let removals go on, when that is over."),
            )
            .into(),
        );
    }
    let pulled: Vec<String> =
        sqlx::query_scalar("SELECT cause FROM brakes WHERE held_at IS NOT NULL ORDER BY cause")
            .fetch_all(&mut *conn)
            .await?;
    for cause in pulled.iter().filter_map(|word| LossCause::from_word(word)) {
        checked.push(
            Finding::advice(
                format!("A brake holds: {}.", cause.held()),
                format!("{page} → Lift the brake, if it is right that they lose it."),
            )
            .into(),
        );
    }
    let refused: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM grants WHERE state = 'refused'")
        .fetch_one(&mut *conn)
        .await?;
    if refused > 0 {
        checked.push(
            Finding::keeps_out(
                format!("Roles that Discord refuses to be given: {refused}."),
                format!("{page} says which, to whom and why. They follow by themselves once it is mended."),
            )
            .into(),
        );
    }
    Ok(())
}

/// Operators who refused the latest message.
async fn deaf(conn: &mut AnyConnection, operators: &[String]) -> Result<Vec<String>, DbError> {
    let mut deaf = Vec::new();
    for operator in operators {
        let last: Option<String> = sqlx::query_scalar(
            "SELECT state FROM messages WHERE operator = $1 AND settled_at IS NOT NULL \
             AND state IN ('sent', 'refused') ORDER BY settled_at DESC LIMIT 1",
        )
        .bind(operator)
        .fetch_optional(&mut *conn)
        .await?;
        if last.as_deref() == Some("refused") {
            deaf.push(operator.clone());
        }
    }
    Ok(deaf)
}
