//! The guild as last read, and whether every plan's roles can be granted.

use super::{RolesError, consent, refusal, switches};
use crate::db::dirty::{self, Lease};
use crate::db::{DbError, rearm};
use crate::discord::{GuildView, dangerous_in};
use crate::doctor::plans as doctor;
use crate::incidents;
use crate::state::AppState;
use sqlx::AnyConnection;

/// The gateway tells of changes; this catches what it did not.
const LOOK_AGAIN_MS: i64 = 10 * 60 * 1000;
/// While somebody waits for a role to be mended.
const LOOK_SOON_MS: i64 = 10 * 1000;

/// A role as last read.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct KnownRole {
    permissions: String,
}

impl KnownRole {
    /// Dangerous rights it carries, by name.
    #[must_use]
    pub fn dangers(&self) -> Vec<&'static str> {
        dangerous_in(&self.permissions)
    }
}

/// One known role.
pub async fn known(conn: &mut AnyConnection, role_id: &str) -> Result<Option<KnownRole>, DbError> {
    Ok(
        sqlx::query_as("SELECT permissions FROM guild_roles WHERE id = $1")
            .bind(role_id)
            .fetch_optional(conn)
            .await?,
    )
}

/// Reads the guild's roles under the lease. A change re-arms whoever waits for one.
pub async fn sync_guild(state: &AppState, lease: &Lease) -> Result<(), RolesError> {
    let (guild, bot_roles) = refusal::look(state).await?;
    switches::observe(state).await?;
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    let changed = learn(&mut tx, &guild, Some(&bot_roles), now, &lease.trace).await?;
    check_plans(&mut tx, &guild, &bot_roles, now).await?;
    let soon = refusal::anybody_waits(&mut tx).await?;
    let look_at = now + if soon { LOOK_SOON_MS } else { LOOK_AGAIN_MS };
    dirty::finish(&mut tx, lease, Some(look_at), now).await?;
    tx.commit().await?;
    if changed {
        state.work.notify_one();
    }
    Ok(())
}

/// Keeps what was read of the server and, where they were read too, of the bot's own roles. Answers
/// whether it differs from before; then whoever waits for a role is due. The guild's subject is held
/// ([`refusal::one_at_a_time`]).
pub async fn learn(
    conn: &mut AnyConnection,
    guild: &GuildView,
    bot_roles: Option<&[String]>,
    now: i64,
    trace: &str,
) -> Result<bool, DbError> {
    let roles_changed = write(conn, guild, now).await?;
    let changed = stands(conn, bot_roles, roles_changed, now).await?;
    if changed && refusal::anybody_waits(conn).await? {
        rearm::mark_waiting(conn, now, trace).await?;
    }
    Ok(changed)
}

/// Whatever the next look sees counts as changed.
pub async fn unseen(conn: &mut AnyConnection) -> Result<(), DbError> {
    sqlx::query("UPDATE guild_bot SET unseen = 1 WHERE id = 'bot'")
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps the bot's own roles; answers whether these, or anything of the server's, differ from
/// before.
async fn stands(
    conn: &mut AnyConnection,
    bot_roles: Option<&[String]>,
    roles_changed: bool,
    now: i64,
) -> Result<bool, DbError> {
    let old: Option<(String, i64)> =
        sqlx::query_as("SELECT roles, unseen FROM guild_bot WHERE id = 'bot'")
            .fetch_optional(&mut *conn)
            .await?;
    let read = bot_roles.map(|roles| {
        let mut sorted = roles.to_vec();
        sorted.sort_unstable();
        sorted.join(",")
    });
    let (changed, roles) = match (read, old) {
        // The first look at all is yet to come.
        (None, None) => return Ok(roles_changed),
        (None, Some((old, _))) => (roles_changed, old),
        (Some(read), None) => (true, read),
        (Some(read), Some((old, unseen))) => (roles_changed || unseen == 1 || old != read, read),
    };
    if changed {
        let unseen = i64::from(bot_roles.is_none());
        sqlx::query(
            "INSERT INTO guild_bot (id, roles, changed_at) VALUES ('bot', $1, $2) \
             ON CONFLICT (id) DO UPDATE SET roles = excluded.roles, changed_at = excluded.changed_at, \
             unseen = guild_bot.unseen * $3, changes = guild_bot.changes + 1",
        )
        .bind(&roles)
        .bind(now)
        .bind(unseen)
        .execute(conn)
        .await?;
    }
    Ok(changed)
}

/// Reads the guild's roles now, for a role nobody has seen yet.
pub async fn refresh(state: &AppState, trace: &str) -> Result<(), RolesError> {
    let guild = state.discord.guild().await?;
    let mut tx = state.db.begin().await?;
    refusal::one_at_a_time(&mut tx).await?;
    learn(&mut tx, &guild, None, state.clock.policy_ms(), trace).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// Makes our rows equal to the guild's roles; answers whether anything differed.
async fn write(conn: &mut AnyConnection, guild: &GuildView, now: i64) -> Result<bool, DbError> {
    let old: Vec<(String, String, i64, String)> =
        sqlx::query_as("SELECT id, name, position, permissions FROM guild_roles")
            .fetch_all(&mut *conn)
            .await?;
    let mut changed = old.len() != guild.roles.len();
    for role in &guild.roles {
        let row = (
            role.id.clone(),
            role.name.clone(),
            role.position,
            role.permissions.to_string(),
        );
        changed |= !old.contains(&row);
        sqlx::query(
            "INSERT INTO guild_roles (id, name, position, permissions, managed, read_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
             position = excluded.position, permissions = excluded.permissions, \
             managed = excluded.managed, read_at = excluded.read_at",
        )
        .bind(&row.0)
        .bind(&row.1)
        .bind(row.2)
        .bind(&row.3)
        .bind(i64::from(role.managed))
        .bind(now)
        .execute(&mut *conn)
        .await?;
    }
    for (id, ..) in old.iter().filter(|(id, ..)| guild.role(id).is_none()) {
        sqlx::query("DELETE FROM guild_roles WHERE id = $1")
            .bind(id)
            .execute(&mut *conn)
            .await?;
    }
    Ok(changed)
}

/// Says of every plan's role whether the bot can and may grant it, before a member needs it.
async fn check_plans(
    conn: &mut AnyConnection,
    guild: &GuildView,
    bot_roles: &[String],
    now: i64,
) -> Result<(), DbError> {
    let roles = doctor::given_roles(conn).await?;
    let consents = consent::all(conn).await?;
    for (role_id, plans) in &roles {
        match doctor::role_finding(guild, bot_roles, role_id, consents.get(role_id)) {
            Some(finding) => {
                let (plans, finding) = (doctor::of_plans(plans), finding.text());
                tracing::error!(plans = %plans, role = %role_id, finding = %finding, "a plan's role cannot be granted");
                let detail = format!("{plans}: {finding}");
                incidents::open(conn, "plan role", role_id, &detail, now).await?;
            }
            None => incidents::close(conn, "plan role", role_id, now).await?,
        }
    }
    Ok(())
}
