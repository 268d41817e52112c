//! Sync of one person's roles: read Discord, ask for the difference, record each answer.

use super::plan::{Calls, Wanted, calls, waits_for_replacement};
use super::record::{GrantState, Step, in_guild, ours, step};
use super::{RolesError, consent, desired, guild};
use crate::db::DbError;
use crate::db::dirty::{self, Lease};
use crate::discord::{DiscordError, FailureClass, Joined};
use crate::incidents;
use crate::state::AppState;
use secrecy::SecretString;
use std::collections::BTreeSet;

/// What Discord's audit log says of our calls.
const REASON: &str = "Rollcall: access follows the membership";
/// A person who left while we worked is looked at again after this.
const LEFT_MS: i64 = 5_000;

struct Person {
    user_id: String,
    discord_id: String,
}

/// Makes Discord's roles of one user follow their entitlements, and gives the lease back. On an
/// error the lease is still held; the caller decides what becomes of it.
pub async fn sync_user(state: &AppState, lease: &Lease) -> Result<(), RolesError> {
    let Some((person, wanted, ours)) = rows(state, &lease.id).await? else {
        return finish(state, lease, None).await;
    };
    if wanted == Wanted::default() && ours.is_empty() {
        return nothing_to_do(state, lease, &person).await;
    }
    let Some(actual) = in_the_server(state, lease, &person, &wanted).await? else {
        absent(state, lease, &person, &wanted, &ours).await?;
        return finish(state, lease, None).await;
    };
    let asked = calls(&wanted, &actual, &ours);
    let mut round = Round {
        state,
        lease,
        person: &person,
        confirmed: BTreeSet::new(),
        later: None,
    };
    match round.work(&wanted, &asked, &ours).await {
        Ok(()) => {}
        Err(RolesError::Discord(DiscordError::UnknownMember { .. })) => {
            let again = state.clock.policy_ms() + LEFT_MS;
            return finish(state, lease, Some(again)).await;
        }
        Err(error) => return Err(error),
    }
    match round.later {
        Some(error) => Err(error.into()),
        None => finish(state, lease, None).await,
    }
}

/// Nothing is wanted and nothing is ours. A token is kept only while it may be needed: whoever is
/// in the server already needs none.
async fn nothing_to_do(state: &AppState, lease: &Lease, person: &Person) -> Result<(), RolesError> {
    if let Some(token) = join_token(state, &person.user_id).await? {
        let there = state.discord.member(&person.discord_id).await?.is_some();
        in_guild(&state.db, &person.user_id, there).await?;
        if there {
            forget_token(state, &person.user_id, &token.sealed).await?;
        }
    }
    finish(state, lease, None).await
}

async fn rows(
    state: &AppState,
    user_id: &str,
) -> Result<Option<(Person, Wanted, BTreeSet<String>)>, DbError> {
    let mut conn = state.db.reader().acquire().await?;
    let discord_id: Option<String> =
        sqlx::query_scalar("SELECT discord_user_id FROM users WHERE id = $1")
            .bind(user_id)
            .fetch_optional(&mut *conn)
            .await?;
    let Some(discord_id) = discord_id else {
        return Ok(None);
    };
    let wanted = desired::wanted(&mut conn, user_id).await?;
    let ours = ours(&mut conn, user_id).await?;
    let person = Person {
        user_id: user_id.to_owned(),
        discord_id,
    };
    Ok(Some((person, wanted, ours)))
}

async fn finish(state: &AppState, lease: &Lease, next: Option<i64>) -> Result<(), RolesError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    dirty::finish(&mut tx, lease, next, state.clock.policy_ms()).await?;
    tx.commit().await?;
    state.released.notify_waiters();
    Ok(())
}

/// The person's roles in the server, after adding them to it with their token when they have
/// something to get there. `None`: not in the server.
async fn in_the_server(
    state: &AppState,
    lease: &Lease,
    person: &Person,
    wanted: &Wanted,
) -> Result<Option<BTreeSet<String>>, RolesError> {
    let mut member = state.discord.member(&person.discord_id).await?;
    let token = join_token(state, &person.user_id).await?;
    if member.is_none()
        && !wanted.roles.is_empty()
        && let Some(token) = &token
    {
        match state.discord.join(&person.discord_id, &token.secret).await {
            Ok(Joined::Added | Joined::AlreadyMember) => {
                tracing::info!(trace = %lease.trace, "the person was added to the server");
                member = state.discord.member(&person.discord_id).await?;
            }
            Err(error) if error.class() == FailureClass::NeedsPerson => {
                tracing::warn!(error = %error, trace = %lease.trace, "the person could not be added to the server");
                if error == DiscordError::InvalidUserToken {
                    forget_token(state, &person.user_id, &token.sealed).await?;
                } else {
                    let mut tx = state.db.begin().await?;
                    let now = state.clock.policy_ms();
                    let subject = &person.user_id;
                    incidents::open(&mut tx, "join refused", subject, &error.advice(), now).await?;
                    tx.commit().await?;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    in_guild(&state.db, &person.user_id, member.is_some()).await?;
    if let (Some(_), Some(token)) = (&member, &token) {
        // The token has done what it was for.
        forget_token(state, &person.user_id, &token.sealed).await?;
    }
    Ok(member.map(|member| member.roles.into_iter().collect()))
}

/// A `guilds.join` token, and the sealed form that names it in its row.
struct JoinToken {
    secret: SecretString,
    sealed: String,
}

async fn join_token(state: &AppState, user_id: &str) -> Result<Option<JoinToken>, DbError> {
    let row: Option<(String, i64)> =
        sqlx::query_as("SELECT sealed, expires_at FROM join_tokens WHERE user_id = $1")
            .bind(user_id)
            .fetch_optional(state.db.reader())
            .await?;
    let Some((sealed, expires_at)) = row else {
        return Ok(None);
    };
    if expires_at <= state.clock.wall_ms() {
        forget_token(state, user_id, &sealed).await?;
        return Ok(None);
    }
    match state.seal.open(&format!("join_tokens/{user_id}"), &sealed) {
        Ok(secret) => Ok(Some(JoinToken { secret, sealed })),
        Err(error) => {
            tracing::warn!(error = %error, "a join token was dropped");
            forget_token(state, user_id, &sealed).await?;
            Ok(None)
        }
    }
}

/// Deletes that token; one that a newer sign-in brought meanwhile stays.
async fn forget_token(state: &AppState, user_id: &str, sealed: &str) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    sqlx::query("DELETE FROM join_tokens WHERE user_id = $1 AND sealed = $2")
        .bind(user_id)
        .bind(sealed)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Who is not in the server has no roles there: what we granted went with them, and what is
/// wanted waits for the join. An absence, not a failure.
async fn absent(
    state: &AppState,
    lease: &Lease,
    person: &Person,
    wanted: &Wanted,
    ours: &BTreeSet<String>,
) -> Result<(), DbError> {
    let waiting = wanted.roles.iter().map(|role| (role, GrantState::Wanted));
    let over = ours
        .iter()
        .filter(|role| !wanted.roles.contains(*role))
        .map(|role| (role, GrantState::Gone));
    for (role_id, grant) in waiting.chain(over) {
        let absence = Step {
            user_id: &person.user_id,
            role_id,
            state: grant,
            code: Some(10_007),
            detail: Some("not in the server"),
            answered: true,
        };
        step(state, lease, &absence).await?;
    }
    Ok(())
}

/// One round of calls for one person.
struct Round<'a> {
    state: &'a AppState,
    lease: &'a Lease,
    person: &'a Person,
    confirmed: BTreeSet<String>,
    /// The first failure that passes by itself; the subject comes again for it.
    later: Option<DiscordError>,
}

impl Round<'_> {
    async fn work(
        &mut self,
        wanted: &Wanted,
        asked: &Calls,
        ours: &BTreeSet<String>,
    ) -> Result<(), RolesError> {
        for role in &asked.confirmed {
            // There before we ever asked: not ours to take one day.
            let state = if ours.contains(role) {
                GrantState::Granted
            } else {
                GrantState::Present
            };
            self.answered(role, state, None, None).await?;
            self.confirmed.insert(role.clone());
        }
        for role in &asked.gone {
            self.answered(role, GrantState::Gone, None, None).await?;
        }
        for role in &asked.add {
            self.add(role).await?;
        }
        for role in &asked.remove {
            if waits_for_replacement(wanted, role, &self.confirmed) {
                self.keep_for_now(role).await?;
            } else {
                self.remove(role).await?;
            }
        }
        Ok(())
    }

    async fn add(&mut self, role: &str) -> Result<(), RolesError> {
        let mut known = guild::known(&self.state.db, role).await?;
        if known.is_none() {
            guild::refresh(self.state).await?;
            known = guild::known(&self.state.db, role).await?;
        }
        let dangers = known.map(|known| known.dangers()).unwrap_or_default();
        let dangers = if dangers.is_empty() {
            dangers
        } else {
            let mut conn = self.state.db.reader().acquire().await?;
            consent::lacking(&mut conn, role, dangers).await?
        };
        if !dangers.is_empty() {
            let detail = format!(
                "the role carries {} and waits for the operator's yes",
                dangers.join(", ")
            );
            tracing::error!(role, detail, "a role is not granted");
            return self.refused(role, None, &detail).await;
        }
        self.intend(role, GrantState::Wanted).await?;
        match self
            .state
            .discord
            .add_role(&self.person.discord_id, role, REASON)
            .await
        {
            Ok(()) => {
                self.answered(role, GrantState::Granted, None, None).await?;
                self.close_incident(role).await?;
                self.confirmed.insert(role.to_owned());
                Ok(())
            }
            Err(error) if error.class() == FailureClass::NeedsPerson => {
                tracing::error!(role, error = %error, "Discord refused a role");
                self.refused(role, error.code(), &error.advice()).await
            }
            Err(error) => self.passing(error),
        }
    }

    async fn remove(&mut self, role: &str) -> Result<(), RolesError> {
        self.intend(role, GrantState::Revoking).await?;
        match self
            .state
            .discord
            .remove_role(&self.person.discord_id, role, REASON)
            .await
        {
            Ok(()) | Err(DiscordError::UnknownRole) => {
                self.answered(role, GrantState::Gone, None, None).await?;
                self.close_incident(role).await
            }
            Err(error) if error.class() == FailureClass::NeedsPerson => {
                tracing::error!(role, error = %error, "Discord refused to take a role away");
                self.answered(
                    role,
                    GrantState::Revoking,
                    error.code(),
                    Some(&error.advice()),
                )
                .await?;
                self.open_incident(role, &error.advice()).await
            }
            Err(error) => self.passing(error),
        }
    }

    /// A failure that stops everything is the caller's; one that passes waits until the other
    /// calls are made.
    fn passing(&mut self, error: DiscordError) -> Result<(), RolesError> {
        match error.class() {
            FailureClass::StopAll | FailureClass::Absent => Err(error.into()),
            FailureClass::Retry { .. } | FailureClass::NeedsPerson => {
                self.later.get_or_insert(error);
                Ok(())
            }
        }
    }

    async fn keep_for_now(&self, role: &str) -> Result<(), RolesError> {
        let detail = "stays until what replaces it is confirmed";
        tracing::warn!(role, detail, "a role is not taken away yet");
        self.open_incident(role, detail).await
    }

    async fn refused(&self, role: &str, code: Option<i64>, detail: &str) -> Result<(), RolesError> {
        self.answered(role, GrantState::Refused, code, Some(detail))
            .await?;
        self.open_incident(role, detail).await
    }

    async fn intend(&self, role: &str, grant: GrantState) -> Result<(), RolesError> {
        self.write(role, grant, None, None, false).await
    }

    async fn answered(
        &self,
        role: &str,
        grant: GrantState,
        code: Option<i64>,
        detail: Option<&str>,
    ) -> Result<(), RolesError> {
        self.write(role, grant, code, detail, true).await
    }

    async fn write(
        &self,
        role_id: &str,
        grant: GrantState,
        code: Option<i64>,
        detail: Option<&str>,
        answered: bool,
    ) -> Result<(), RolesError> {
        let written = Step {
            user_id: &self.person.user_id,
            role_id,
            state: grant,
            code,
            detail,
            answered,
        };
        Ok(step(self.state, self.lease, &written).await?)
    }

    fn incident(&self, role: &str) -> String {
        format!("{} {role}", self.person.user_id)
    }

    async fn open_incident(&self, role: &str, detail: &str) -> Result<(), RolesError> {
        let mut tx = self.state.db.begin().await?;
        let now = self.state.clock.policy_ms();
        incidents::open(&mut tx, "role refused", &self.incident(role), detail, now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn close_incident(&self, role: &str) -> Result<(), RolesError> {
        let mut tx = self.state.db.begin().await?;
        let now = self.state.clock.policy_ms();
        incidents::close(&mut tx, "role refused", &self.incident(role), now).await?;
        tx.commit().await?;
        Ok(())
    }
}
