//! Roles of ours that somebody else gave or took, as a fresh reading shows it. Ours are put
//! right; those we never granted are told to the operator or taken away (`HEAL`). A third such
//! change of one role within an hour is no mistake: that role is left alone, and the operator
//! told.

use super::plan::Wanted;
use super::record::{Act, GrantState, Step, put};
use crate::audit;
use crate::db::DbError;
use crate::db::dirty::{self, Lease};
use crate::incidents;
use crate::state::AppState;
use sqlx::AnyConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Healing of one role of one person was stopped. Subject: user and role.
pub const STOPPED: &str = "role by hand";
/// Somebody has a managed role that we did not give. Subject: user and role.
pub const NOT_OURS: &str = "role not ours";

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The change at which healing stops.
const TOO_MANY: i64 = 3;

/// What differs from what we left behind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Differences {
    /// Granted, wanted, and not there.
    taken: BTreeSet<String>,
    /// There, managed, neither wanted nor of ours.
    strangers: BTreeSet<String>,
    /// There before we asked once, and not there any more.
    vanished: BTreeSet<String>,
}

/// The roles that were there before we asked count as strangers only where they are to go.
fn differences(
    wanted: &Wanted,
    actual: &BTreeSet<String>,
    grants: &BTreeMap<String, String>,
    managed: &BTreeSet<String>,
    heal: bool,
) -> Differences {
    let grant = |role: &String| grants.get(role).map(String::as_str);
    let of_state = |state: &'static str| {
        grants
            .iter()
            .filter(move |(_, known)| *known == state)
            .map(|(role, _)| role.clone())
    };
    Differences {
        taken: of_state(GrantState::Granted.as_str())
            .filter(|role| wanted.roles.contains(role) && !actual.contains(role))
            .collect(),
        strangers: managed
            .intersection(actual)
            .filter(|role| !wanted.roles.contains(*role) && !wanted.kept.contains(*role))
            .filter(|role| match grant(role) {
                None | Some("gone" | "refused") => true,
                Some("present") => heal,
                Some(_) => false,
            })
            .cloned()
            .collect(),
        vanished: of_state(GrantState::Present.as_str())
            .filter(|role| !wanted.roles.contains(role) && !actual.contains(role))
            .collect(),
    }
}

/// Compares a fresh reading with what we left behind, writes what somebody else did, and answers
/// what is to be made of it: the wishes and the roles that count as ours.
pub async fn seen(
    state: &AppState,
    lease: &Lease,
    wanted: Wanted,
    ours: BTreeSet<String>,
    actual: &BTreeSet<String>,
) -> Result<(Wanted, BTreeSet<String>), DbError> {
    let (differences, open) = {
        let mut conn = state.db.reader().acquire().await?;
        let managed = managed(&mut conn).await?;
        let grants = grants(&mut conn, &lease.id).await?;
        let heal = state.config.heal;
        (
            differences(&wanted, actual, &grants, &managed, heal),
            open(&mut conn, &lease.id).await?,
        )
    };
    if differences == Differences::default() && open.is_empty() {
        return Ok((wanted, ours));
    }
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    let mut round = Round {
        state,
        lease,
        now: state.clock.policy_ms(),
        open,
        wanted,
        ours,
    };
    round
        .close_what_is_over(&mut tx, &differences, actual)
        .await?;
    for role in &differences.taken {
        round.taken(&mut tx, role).await?;
    }
    for role in &differences.strangers {
        round.given(&mut tx, role).await?;
    }
    for role in &differences.vanished {
        round
            .grant(
                &mut tx,
                role,
                GrantState::Gone,
                "taken away by somebody else",
            )
            .await?;
    }
    round.leave_alone();
    tx.commit().await?;
    Ok((round.wanted, round.ours))
}

/// Somebody who is not in the server has no roles there, whoever gave them.
pub async fn left(state: &AppState, lease: &Lease) -> Result<(), DbError> {
    let open = {
        let mut conn = state.db.reader().acquire().await?;
        open(&mut conn, &lease.id).await?
    };
    if open.is_empty() {
        return Ok(());
    }
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    over(&mut tx, &lease.id, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Whatever was told about a person's roles is over.
pub async fn over(conn: &mut AnyConnection, user_id: &str, now: i64) -> Result<(), DbError> {
    for (kind, role) in open(&mut *conn, user_id).await? {
        incidents::close(&mut *conn, kind, &subject(user_id, &role), now).await?;
    }
    Ok(())
}

/// The operator has looked: what was left alone is put right again.
pub async fn forgive(conn: &mut AnyConnection, user_id: &str, now: i64) -> Result<(), DbError> {
    sqlx::query("DELETE FROM role_changes WHERE user_id = $1")
        .bind(user_id)
        .execute(&mut *conn)
        .await?;
    for (kind, role) in open(&mut *conn, user_id).await? {
        if kind == STOPPED {
            incidents::close(&mut *conn, kind, &subject(user_id, &role), now).await?;
        }
    }
    Ok(())
}

/// Roles that are in a plan now, or wait to leave one.
pub async fn managed(conn: &mut AnyConnection) -> Result<BTreeSet<String>, DbError> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT role_id FROM plan_roles WHERE state IN ('active', 'leaving', 'kept')",
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Every grant of a person, by role.
pub async fn grants(
    conn: &mut AnyConnection,
    user_id: &str,
) -> Result<BTreeMap<String, String>, DbError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT role_id, state FROM grants WHERE user_id = $1")
            .bind(user_id)
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().collect())
}

fn subject(user_id: &str, role: &str) -> String {
    format!("{user_id} {role}")
}

/// The open incidents of these kinds about a person, with their roles.
pub async fn open(
    conn: &mut AnyConnection,
    user_id: &str,
) -> Result<BTreeSet<(&'static str, String)>, DbError> {
    let mut all = BTreeSet::new();
    for kind in [STOPPED, NOT_OURS] {
        let subjects: Vec<String> = sqlx::query_scalar(
            "SELECT subject FROM incidents WHERE kind = $1 AND closed_at IS NULL \
             AND subject > $2 AND subject < $3",
        )
        .bind(kind)
        .bind(format!("{user_id} "))
        .bind(format!("{user_id} :"))
        .fetch_all(&mut *conn)
        .await?;
        all.extend(subjects.iter().filter_map(|subject| {
            let (_, role) = subject.split_once(' ')?;
            Some((kind, role.to_owned()))
        }));
    }
    Ok(all)
}

struct Round<'a> {
    state: &'a AppState,
    lease: &'a Lease,
    now: i64,
    open: BTreeSet<(&'static str, String)>,
    wanted: Wanted,
    ours: BTreeSet<String>,
}

impl Round<'_> {
    /// What was told and is right by now.
    async fn close_what_is_over(
        &mut self,
        conn: &mut AnyConnection,
        differences: &Differences,
        actual: &BTreeSet<String>,
    ) -> Result<(), DbError> {
        for (kind, role) in std::mem::take(&mut self.open) {
            let lasts = if kind == NOT_OURS {
                differences.strangers.contains(&role) && !self.state.config.heal
            } else {
                differences.strangers.contains(&role)
                    || (self.wanted.roles.contains(&role) && !actual.contains(&role))
            };
            if lasts {
                self.open.insert((kind, role));
            } else {
                incidents::close(conn, kind, &self.subject(&role), self.now).await?;
            }
        }
        Ok(())
    }

    async fn taken(&mut self, conn: &mut AnyConnection, role: &str) -> Result<(), DbError> {
        let count = self.count(conn, role, "taken").await?;
        if count < TOO_MANY {
            let detail = "taken away by somebody else; put back";
            return self.audit(conn, role, detail).await;
        }
        let detail = "taken away by somebody else three times within an hour; left so";
        self.grant(conn, role, GrantState::Held, detail).await?;
        self.stop(conn, role, "was taken away by hand three times within an hour, and put back twice. It is left as it is now, though the membership gives it.").await
    }

    async fn given(&mut self, conn: &mut AnyConnection, role: &str) -> Result<(), DbError> {
        if self.open.contains(&(STOPPED, role.to_owned())) {
            return Ok(());
        }
        if !self.state.config.heal {
            if !self.open.contains(&(NOT_OURS, role.to_owned())) {
                self.audit(conn, role, "given by somebody else; left as it is")
                    .await?;
                let detail = format!(
                    "The role {} belongs to a plan, and somebody has it whom no plan gives it. We did not give it, so it stays: take it away in Discord, or set HEAL=heal.",
                    self.name(conn, role).await?
                );
                incidents::open(conn, NOT_OURS, &self.subject(role), &detail, self.now).await?;
            }
            return Ok(());
        }
        let count = self.count(conn, role, "given").await?;
        if count < TOO_MANY {
            self.ours.insert(role.to_owned());
            let detail = "given by somebody else; taken away";
            return self.audit(conn, role, detail).await;
        }
        self.audit(
            conn,
            role,
            "given by somebody else three times within an hour; left so",
        )
        .await?;
        self.stop(conn, role, "was given by hand three times within an hour, and taken away twice. It is left as it is now, though no membership gives it.").await
    }

    /// What is left alone is neither given nor taken.
    fn leave_alone(&mut self) {
        for (_, role) in self.open.iter().filter(|(kind, _)| *kind == STOPPED) {
            if self.wanted.roles.remove(role) {
                self.wanted.kept.insert(role.clone());
            }
        }
    }

    async fn stop(
        &mut self,
        conn: &mut AnyConnection,
        role: &str,
        what: &str,
    ) -> Result<(), DbError> {
        let name = self.name(conn, role).await?;
        tracing::error!(
            role,
            "a role is changed by hand again and again; it is left alone"
        );
        let detail = format!(
            "The role {name} {what} Find out who changes it, and why; then `/resync` in Discord puts it right."
        );
        incidents::open(conn, STOPPED, &self.subject(role), &detail, self.now).await?;
        self.open.insert((STOPPED, role.to_owned()));
        Ok(())
    }

    /// Writes a change, and answers how many there were within the hour.
    async fn count(
        &self,
        conn: &mut AnyConnection,
        role: &str,
        what: &str,
    ) -> Result<i64, DbError> {
        sqlx::query(
            "DELETE FROM role_changes WHERE user_id = $1 AND role_id = $2 AND seen_at < $3",
        )
        .bind(&self.lease.id)
        .bind(role)
        .bind(self.now - DAY_MS)
        .execute(&mut *conn)
        .await?;
        sqlx::query(
            "INSERT INTO role_changes (user_id, role_id, seen_at, what) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (user_id, role_id, seen_at) DO NOTHING",
        )
        .bind(&self.lease.id)
        .bind(role)
        .bind(self.now)
        .bind(what)
        .execute(&mut *conn)
        .await?;
        Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM role_changes WHERE user_id = $1 AND role_id = $2 AND seen_at > $3",
        )
        .bind(&self.lease.id)
        .bind(role)
        .bind(self.now - HOUR_MS)
        .fetch_one(conn)
        .await?)
    }

    async fn grant(
        &self,
        conn: &mut AnyConnection,
        role_id: &str,
        state: GrantState,
        detail: &str,
    ) -> Result<(), DbError> {
        let step = Step {
            user_id: &self.lease.id,
            role_id,
            state,
            code: None,
            detail: Some(detail),
            answered: true,
            as_of: None,
            held: (state == GrantState::Held).then_some((STOPPED, Act::Give)),
        };
        put(self.state, conn, self.lease, &step, self.now).await
    }

    async fn audit(
        &self,
        conn: &mut AnyConnection,
        role: &str,
        detail: &str,
    ) -> Result<(), DbError> {
        audit::record(
            conn,
            &audit::Entry {
                user_id: Some(&self.lease.id),
                at: self.now,
                actor: "discord",
                event: "role by hand",
                subject: role,
                detail,
                trace: &self.lease.trace,
            },
        )
        .await
    }

    async fn name(&self, conn: &mut AnyConnection, role: &str) -> Result<String, DbError> {
        let name: Option<String> = sqlx::query_scalar("SELECT name FROM guild_roles WHERE id = $1")
            .bind(role)
            .fetch_optional(conn)
            .await?;
        Ok(name.unwrap_or_else(|| role.to_owned()))
    }

    fn subject(&self, role: &str) -> String {
        subject(&self.lease.id, role)
    }
}

#[cfg(test)]
mod tests;
