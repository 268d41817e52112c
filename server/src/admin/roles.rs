//! What needs the operator's yes: roles that join or leave a plan, and dangerous rights.

use super::{Act, DeskError, actor};
use crate::db::DbError;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::discord::dangerous_in;
use crate::roles::{GUILD_SUBJECT, consent};
use crate::state::AppState;
use crate::{incidents, plans};
use app::admin::{DangerousRole, Done, RoleChange, Roles, WaitingRole};
use sqlx::{AnyConnection, FromRow};

#[derive(FromRow)]
struct Row {
    plan_id: String,
    plan_name: String,
    role_id: String,
    state: String,
    role_name: Option<String>,
    permissions: Option<String>,
}

/// Rights as the page shows them and the form gives them back.
fn rights_of(permissions: Option<&str>) -> Vec<&'static str> {
    permissions.map(dangerous_in).unwrap_or_default()
}

pub async fn roles(state: &AppState) -> Result<Roles, DbError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT plan_roles.plan_id, plans.name AS plan_name, plan_roles.role_id, plan_roles.state, \
         guild_roles.name AS role_name, guild_roles.permissions FROM plan_roles \
         JOIN plans ON plans.id = plan_roles.plan_id \
         LEFT JOIN guild_roles ON guild_roles.id = plan_roles.role_id \
         ORDER BY plans.position, plans.id, plan_roles.role_id",
    )
    .fetch_all(state.db.reader())
    .await?;
    let mut conn = state.db.reader().acquire().await?;
    let mut found = Roles {
        waiting: Vec::new(),
        dangerous: Vec::new(),
    };
    for row in rows {
        let rights = rights_of(row.permissions.as_deref());
        let change = match row.state.as_str() {
            "joining" => Some(RoleChange::Joining),
            "leaving" => Some(RoleChange::Leaving),
            _ => None,
        };
        if let Some(change) = change {
            found.waiting.push(WaitingRole {
                people: holders(&mut conn, &row.plan_id).await?,
                plan_id: row.plan_id.clone(),
                plan_name: row.plan_name.clone(),
                role_id: row.role_id.clone(),
                role_name: row.role_name.clone(),
                change,
                rights: rights.iter().map(|right| (*right).to_owned()).collect(),
            });
        }
        if plans::GIVEN.contains(&row.state.as_str()) && !rights.is_empty() {
            dangerous_role(&mut conn, &mut found.dangerous, row, &rights).await?;
        }
    }
    Ok(found)
}

/// Adds a role that carries dangerous rights, or one more plan to it.
async fn dangerous_role(
    conn: &mut AnyConnection,
    found: &mut Vec<DangerousRole>,
    row: Row,
    rights: &[&'static str],
) -> Result<(), DbError> {
    let people = holders(conn, &row.plan_id).await?;
    if let Some(known) = found.iter_mut().find(|known| known.role_id == row.role_id) {
        known.plans.push(row.plan_name);
        known.people += people;
        return Ok(());
    }
    let allowed = consent::given(conn, &row.role_id)
        .await?
        .filter(|given| given.covers(rights))
        .map(|given| (given.given_by, given.given_at));
    found.push(DangerousRole {
        role_name: row.role_name.unwrap_or_else(|| row.role_id.clone()),
        role_id: row.role_id,
        plans: vec![row.plan_name],
        rights: rights.iter().map(|right| (*right).to_owned()).collect(),
        people,
        allowed,
    });
    Ok(())
}

/// How many people a plan gives something to now.
async fn holders(conn: &mut AnyConnection, plan_id: &str) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(DISTINCT user_id) FROM entitlements \
         WHERE plan_id = $1 AND state IN ('granted', 'grace', 'hold')",
    )
    .bind(plan_id)
    .fetch_one(conn)
    .await?)
}

/// An operator's answer about a role. `seen` are the rights the page showed.
pub struct Answer<'a> {
    pub operator: &'a str,
    pub role_id: &'a str,
    pub seen: &'a str,
    pub yes: bool,
}

impl Answer<'_> {
    /// A yes to the rights the role carries.
    async fn consent(
        &self,
        conn: &mut AnyConnection,
        rights: &[&str],
        now: i64,
    ) -> Result<(), DbError> {
        consent::give(conn, self.role_id, rights, &actor(self.operator), now).await
    }

    async fn record(
        &self,
        conn: &mut AnyConnection,
        event: &str,
        detail: &str,
        trace: &str,
        now: i64,
    ) -> Result<(), DbError> {
        let act = Act {
            operator: self.operator,
            user_id: None,
            event,
            subject: self.role_id,
            detail,
            trace,
        };
        act.record(conn, now).await
    }
}

/// What can be granted is looked at anew. Marked before anybody who holds a plan: subjects are taken
/// in one order.
async fn mark_guild(conn: &mut AnyConnection, now: i64, trace: &str) -> Result<(), DbError> {
    let kind = SubjectKind::Guild;
    dirty::mark(conn, kind, GUILD_SUBJECT, now, Class::Event, trace).await
}

/// Answers a role that joins or leaves a plan. A yes to one that joins is a yes to the dangerous
/// rights the page showed with it.
pub async fn answer(
    state: &AppState,
    plan_id: &str,
    answer: &Answer<'_>,
) -> Result<Done, DeskError> {
    let now = state.clock.policy_ms();
    let trace = format!("role:{}", answer.role_id);
    let mut tx = state.db.begin().await?;
    if answer.yes {
        mark_guild(&mut tx, now, &trace).await?;
    }
    let was: Option<String> =
        sqlx::query_scalar("SELECT state FROM plan_roles WHERE plan_id = $1 AND role_id = $2")
            .bind(plan_id)
            .bind(answer.role_id)
            .fetch_optional(&mut *tx)
            .await?;
    let (joins, becomes) = match (was.as_deref(), answer.yes) {
        (Some("joining"), true) => (true, Some("active")),
        (Some("joining"), false) => (true, Some("declined")),
        (Some("leaving"), true) => (false, None),
        (Some("leaving"), false) => (false, Some("kept")),
        _ => return Err(DeskError::Changed),
    };
    let rights = current_rights(&mut tx, answer).await?;
    if joins && answer.yes && !rights.is_empty() {
        answer.consent(&mut tx, &rights, now).await?;
    }
    match becomes {
        Some(becomes) => plans::set_role(&mut tx, plan_id, answer.role_id, becomes).await?,
        None => forget_role(&mut tx, plan_id, answer.role_id, now).await?,
    }
    if answer.yes {
        plans::mark_holders(&mut tx, plan_id, now, &trace).await?;
    }
    let verb = if joins { "joins" } else { "leaves" };
    let word = if answer.yes { "yes" } else { "no" };
    let said = format!("{word}: it {verb} plan {plan_id}{}", carrying(&rights));
    answer
        .record(&mut tx, "role answered", &said, &trace, now)
        .await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(if answer.yes {
        Done::Approved
    } else {
        Done::Declined
    })
}

/// Says yes to the dangerous rights of a role, or takes it back.
pub async fn allow(state: &AppState, answer: &Answer<'_>) -> Result<Done, DeskError> {
    let now = state.clock.policy_ms();
    let trace = format!("role:{}", answer.role_id);
    let mut tx = state.db.begin().await?;
    mark_guild(&mut tx, now, &trace).await?;
    let rights = current_rights(&mut tx, answer).await?;
    if answer.yes {
        if rights.is_empty() {
            return Err(DeskError::Changed);
        }
        answer.consent(&mut tx, &rights, now).await?;
    } else if !consent::withdraw(&mut tx, answer.role_id).await? {
        return Err(DeskError::Changed);
    }
    let plans: Vec<String> =
        sqlx::query_scalar("SELECT plan_id FROM plan_roles WHERE role_id = $1")
            .bind(answer.role_id)
            .fetch_all(&mut *tx)
            .await?;
    if answer.yes {
        for plan_id in &plans {
            plans::mark_holders(&mut tx, plan_id, now, &trace).await?;
        }
    }
    let verb = if answer.yes {
        "allowed"
    } else {
        "no longer allowed"
    };
    let said = format!("{verb}{}", carrying(&rights));
    answer
        .record(&mut tx, "role rights", &said, &trace, now)
        .await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(if answer.yes {
        Done::Allowed
    } else {
        Done::Withdrawn
    })
}

fn carrying(rights: &[&str]) -> String {
    if rights.is_empty() {
        String::new()
    } else {
        format!(", carrying {}", rights.join(", "))
    }
}

/// The dangerous rights the role carries now. A yes to others than the page showed is none.
async fn current_rights(
    conn: &mut AnyConnection,
    answer: &Answer<'_>,
) -> Result<Vec<&'static str>, DeskError> {
    let permissions: Option<String> =
        sqlx::query_scalar("SELECT permissions FROM guild_roles WHERE id = $1")
            .bind(answer.role_id)
            .fetch_optional(conn)
            .await?;
    let rights = rights_of(permissions.as_deref());
    if answer.yes && rights.join(", ") != answer.seen {
        return Err(DeskError::Changed);
    }
    Ok(rights)
}

/// The plan gives the role no more; what was open about granting it is closed when no other
/// plan gives it either.
async fn forget_role(
    conn: &mut AnyConnection,
    plan_id: &str,
    role_id: &str,
    now: i64,
) -> Result<(), DbError> {
    sqlx::query("DELETE FROM plan_roles WHERE plan_id = $1 AND role_id = $2")
        .bind(plan_id)
        .bind(role_id)
        .execute(&mut *conn)
        .await?;
    let others: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM plan_roles WHERE role_id = $1")
        .bind(role_id)
        .fetch_one(&mut *conn)
        .await?;
    if others == 0 {
        incidents::close(conn, "plan role", role_id, now).await?;
    }
    Ok(())
}
