//! `/verify-setup`: what keeps roles from being given, as far as it is known.

use crate::db::DbError;
use crate::state::AppState;
use app::admin::advice::advice;

/// One thing that is wrong, and the way to mend it.
struct Finding {
    what: String,
    todo: String,
}

/// Incidents that are about the installation rather than about one person.
const ABOUT_THE_SETUP: [&str; 8] = [
    "gateway",
    "plan role",
    "slash commands",
    "stripe_down",
    "stripe_key",
    "stripe_right",
    "webhook_secret",
    "wrong_mode",
];

/// What the readings of the server and of Stripe have found.
async fn findings(state: &AppState) -> Result<Vec<Finding>, DbError> {
    let mut findings = Vec::new();
    for kind in ABOUT_THE_SETUP {
        let details: Vec<String> = sqlx::query_scalar(
            "SELECT detail FROM incidents WHERE kind = $1 AND closed_at IS NULL ORDER BY subject",
        )
        .bind(kind)
        .fetch_all(state.db.reader())
        .await?;
        let advice = advice(kind);
        findings.extend(details.into_iter().map(|what| Finding {
            what,
            todo: advice.todo.to_owned(),
        }));
    }
    let guild: Option<(i64, Option<String>)> = sqlx::query_as(
        "SELECT attempts, last_error FROM dirty WHERE kind = 'guild' AND attempts > 0",
    )
    .fetch_optional(state.db.reader())
    .await?;
    if let Some((_, Some(error))) = guild {
        findings.push(Finding {
            what: format!("The server's roles cannot be read: {error}."),
            todo: "Look at DISCORD_BOT_TOKEN and DISCORD_GUILD_ID, and whether the bot is in the server.".to_owned(),
        });
    }
    Ok(findings)
}

pub async fn say(state: &AppState) -> Result<String, DbError> {
    let findings = findings(state).await?;
    let waiting: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM grants WHERE state = 'refused' OR (state = 'revoking' AND code IS NOT NULL)",
    )
    .fetch_one(state.db.reader())
    .await?;
    let mut lines = match findings.len() {
        0 => vec!["**Nothing keeps roles from being given.** Every plan's roles exist, stand below the bot's and carry no rights that wait for your yes.".to_owned()],
        1 => vec!["**One thing is to mend:**".to_owned()],
        many => vec![format!("**{many} things are to mend:**")],
    };
    lines.extend(
        findings
            .iter()
            .map(|finding| format!("- {} {}", finding.what, finding.todo)),
    );
    if waiting > 0 {
        lines.push(format!(
            "Roles that wait for it: {waiting}. They follow by themselves once it is mended."
        ));
    }
    lines.push(format!("The desk: <{}>", state.config.own_url("/admin")));
    Ok(lines.join("\n"))
}
