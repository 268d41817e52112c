//! The switches of the brake, the freeze and observing, and what is held or refused.

use super::{Act, DeskError, actor};
use crate::db::DbError;
use crate::db::rearm;
use crate::doctor::{Finding, plans as doctor};
use crate::roles::switches::Switch;
use crate::roles::{brake, switches};
use crate::state::AppState;
use app::admin::{
    BrakePage, Done, HeldRole, LossCause, PlanHealth, Pulled, SHOWN, Sweep, Switched,
};
use sqlx::{AnyConnection, FromRow};

/// People named for each line; the rest are counted.
const NAMED: i64 = 5;

pub async fn page(state: &AppState) -> Result<BrakePage, DbError> {
    let mut conn = state.db.reader().acquire().await?;
    let conn = &mut *conn;
    Ok(BrakePage {
        observing: switches::observing(conn).await?.map(switched),
        frozen: switches::frozen(conn).await?.map(switched),
        pulled: pulled(conn).await?,
        held: held(conn).await?,
        plans: plans(conn, &state.config.discord.guild_id).await?,
        swept: swept(conn).await?,
    })
}

/// Brakes that hold, and observing.
pub async fn holding(conn: &mut AnyConnection) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar(
        "SELECT (SELECT COUNT(*) FROM brakes WHERE held_at IS NOT NULL) \
         + (SELECT COUNT(*) FROM switches WHERE name = 'mode' AND value = 'observe')",
    )
    .fetch_one(conn)
    .await?)
}

fn switched(switch: Switch) -> Switched {
    Switched {
        by: switch.changed_by,
        at: switch.changed_at,
    }
}

async fn pulled(conn: &mut AnyConnection) -> Result<Vec<Pulled>, DbError> {
    let mut found = Vec::new();
    for cause in LossCause::ALL {
        let since: Option<i64> = sqlx::query_scalar(
            "SELECT held_at FROM brakes WHERE cause = $1 AND held_at IS NOT NULL",
        )
        .bind(cause.word())
        .fetch_optional(&mut *conn)
        .await?;
        let Some(since) = since else { continue };
        let people = sqlx::query_scalar(
            "SELECT COUNT(DISTINCT user_id) FROM grants WHERE state = 'held' AND held_by = $1",
        )
        .bind(format!("brake {}", cause.word()))
        .fetch_one(&mut *conn)
        .await?;
        found.push(Pulled {
            cause,
            since,
            people,
        });
    }
    Ok(found)
}

#[derive(FromRow)]
struct HeldRow {
    role_id: String,
    role_name: Option<String>,
    state: String,
    code: Option<i64>,
    held_act: Option<String>,
    detail: String,
    people: i64,
}

async fn held(conn: &mut AnyConnection) -> Result<Vec<HeldRole>, DbError> {
    let rows: Vec<HeldRow> = sqlx::query_as(
        "SELECT grants.role_id, guild_roles.name AS role_name, grants.state, grants.code, \
         grants.held_act, COALESCE(grants.detail, '') AS detail, COUNT(*) AS people \
         FROM grants LEFT JOIN guild_roles ON guild_roles.id = grants.role_id \
         WHERE grants.state IN ('refused', 'held') \
         OR (grants.state = 'revoking' AND grants.code IS NOT NULL) \
         GROUP BY grants.role_id, guild_roles.name, grants.state, grants.code, grants.held_act, \
         grants.detail ORDER BY COUNT(*) DESC, grants.role_id LIMIT $1",
    )
    .bind(i64::try_from(SHOWN).unwrap_or(i64::MAX))
    .fetch_all(&mut *conn)
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let some = sqlx::query_as(
            "SELECT users.id, users.name FROM grants JOIN users ON users.id = grants.user_id \
             WHERE grants.state = $1 AND grants.role_id = $2 AND COALESCE(grants.detail, '') = $3 \
             ORDER BY users.name LIMIT $4",
        )
        .bind(&row.state)
        .bind(&row.role_id)
        .bind(&row.detail)
        .bind(NAMED)
        .fetch_all(&mut *conn)
        .await?;
        found.push(HeldRole {
            take: row.state == "revoking" || row.held_act.as_deref() == Some("take"),
            refused: row.state != "held",
            role_id: row.role_id,
            role_name: row.role_name,
            code: row.code,
            detail: row.detail,
            people: row.people,
            some,
        });
    }
    Ok(found)
}

/// The doctor's findings on the server's roles as they were last read.
async fn plans(conn: &mut AnyConnection, guild_id: &str) -> Result<Vec<PlanHealth>, DbError> {
    let rows: Vec<(String, String, i64, Option<String>)> =
        sqlx::query_as("SELECT id, name, active, problem FROM plans ORDER BY position, id")
            .fetch_all(&mut *conn)
            .await?;
    let findings = doctor::as_last_read(&mut *conn, guild_id).await?;
    let mut found = Vec::with_capacity(rows.len());
    for (id, name, active, problem) in rows {
        let roles: Vec<(String, String)> = sqlx::query_as(
            "SELECT plan_roles.role_id, COALESCE(guild_roles.name, plan_roles.role_id) \
             FROM plan_roles LEFT JOIN guild_roles ON guild_roles.id = plan_roles.role_id \
             WHERE plan_roles.plan_id = $1 AND plan_roles.state IN ('active', 'leaving', 'kept') \
             ORDER BY plan_roles.role_id",
        )
        .bind(&id)
        .fetch_all(&mut *conn)
        .await?;
        let of = |role: &str| match &findings {
            Some(findings) => findings.get(role).map(Finding::text),
            None => Some("The server’s roles were not read yet.".to_owned()),
        };
        found.push(PlanHealth {
            name,
            on_offer: active == 1,
            problem,
            roles: roles
                .into_iter()
                .map(|(role, name)| (name, of(&role)))
                .collect(),
        });
    }
    Ok(found)
}

async fn swept(conn: &mut AnyConnection) -> Result<Option<Sweep>, DbError> {
    let row: Option<(i64, Option<i64>, i64, i64, i64)> = sqlx::query_as(
        "SELECT began_at, ended_at, members, wrong, others FROM sweeps ORDER BY began_at DESC LIMIT 1",
    )
    .fetch_optional(conn)
    .await?;
    Ok(
        row.map(|(began_at, ended_at, members, wrong, others)| Sweep {
            began_at,
            ended_at,
            members,
            wrong,
            others,
        }),
    )
}

/// Turns the freeze on or off.
pub async fn freeze(state: &AppState, operator: &str, on: bool) -> Result<Done, DeskError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    if !switches::freeze(&mut tx, on, &actor(operator), now).await? {
        return Err(DeskError::Changed);
    }
    let detail = if on {
        "removals are held"
    } else {
        "removals go on"
    };
    act(&mut tx, operator, ("freeze", "roles", detail), now).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(if on { Done::Frozen } else { Done::Thawed })
}

/// Lifts the brake of a cause.
pub async fn lift(state: &AppState, operator: &str, cause: LossCause) -> Result<Done, DeskError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    if !brake::lift(&mut tx, cause, now).await? {
        return Err(DeskError::Changed);
    }
    act(&mut tx, operator, ("brake", cause.word(), "lifted"), now).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(Done::Lifted)
}

/// Ends observing, and looks at everybody.
pub async fn go(state: &AppState, operator: &str) -> Result<Done, DeskError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    if !switches::go(&mut tx, &actor(operator), now).await? {
        return Err(DeskError::Changed);
    }
    act(
        &mut tx,
        operator,
        ("observe", "roles", "ended: roles are given and taken"),
        now,
    )
    .await?;
    tx.commit().await?;
    rearm::mark_every(&state.db, "user", now, "observe").await?;
    state.work.notify_one();
    Ok(Done::Going)
}

async fn act(
    conn: &mut AnyConnection,
    operator: &str,
    (event, subject, detail): (&str, &str, &str),
    now: i64,
) -> Result<(), DbError> {
    Act {
        operator,
        user_id: None,
        event,
        subject,
        detail,
        trace: "desk",
    }
    .record(conn, now)
    .await
}
