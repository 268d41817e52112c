//! `/membership`: one's own state and why, with the way to the dashboard.

use super::super::marks::user_of;
use crate::billing::dashboard;
use crate::db::DbError;
use crate::state::AppState;
use app::billing::{Dashboard, Station, headline};

pub async fn say(state: &AppState, discord_id: &str) -> Result<String, DbError> {
    let user = {
        let mut conn = state.db.reader().acquire().await?;
        user_of(&mut conn, discord_id).await?
    };
    let Some(user) = user else {
        return Ok(format!(
            "You have no membership here yet. The plans: <{}>",
            state.config.own_url("/")
        ));
    };
    let dashboard = dashboard(state, &user).await?;
    Ok(text(&dashboard, &state.config.own_url("/billing")))
}

fn text(dashboard: &Dashboard, link: &str) -> String {
    let mut lines = vec![format!("**{}**", headline(dashboard))];
    for (name, station) in [
        ("Payment", &dashboard.payment),
        ("Membership", &dashboard.access),
        ("Discord", &dashboard.discord),
    ] {
        lines.push(format!("{name}: {}", sentence(station)));
    }
    if !dashboard.why.is_empty() {
        lines.push("Why:".to_owned());
        lines.extend(dashboard.why.iter().map(|step| format!("- {}", step.text)));
    }
    lines.push(format!("Everything else is on your page: <{link}>"));
    lines.join("\n")
}

fn sentence(station: &Station) -> String {
    match &station.advice {
        Some(advice) => format!("{} {advice}", station.text),
        None => station.text.clone(),
    }
}
