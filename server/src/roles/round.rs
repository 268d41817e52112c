//! One round of calls for one person, each answer recorded.

use super::brake::{self, Loss, Verdict};
use super::plan::{Calls, waits_for_replacement};
use super::record::{self, Act, Grant, GrantState, Step};
use super::refusal::{self, Refusal};
use super::sync::Known;
use super::{RolesError, consent, guild};
use crate::db::DbError;
use crate::db::dirty::{self, Lease};
use crate::discord::{DiscordError, FailureClass};
use crate::state::AppState;
use sqlx::{Any, AnyConnection, Transaction};
use std::collections::BTreeSet;

/// What Discord's audit log says of our calls.
const REASON: &str = "Rollcall: access follows the membership";

/// Who was refused while the server was being mended asks again after this, ms.
const MENDED_MS: i64 = 1_000;

pub struct Round<'a> {
    state: &'a AppState,
    lease: &'a Lease,
    known: &'a Known,
    /// Nothing is changed at Discord.
    observes: bool,
    confirmed: BTreeSet<String>,
    /// How often the server had changed when this round began.
    changes: Option<i64>,
    /// The first failure that passes by itself; the subject comes again for it.
    pub later: Option<DiscordError>,
    /// When to look again though nothing failed, on the policy clock.
    pub look_at: Option<i64>,
}

impl<'a> Round<'a> {
    pub fn new(state: &'a AppState, lease: &'a Lease, known: &'a Known, observes: bool) -> Self {
        Self {
            state,
            lease,
            known,
            observes,
            confirmed: BTreeSet::new(),
            changes: None,
            later: None,
            look_at: None,
        }
    }

    pub async fn work(
        &mut self,
        asked: &Calls,
        actual: &BTreeSet<String>,
        ours: &BTreeSet<String>,
    ) -> Result<(), RolesError> {
        let mut conn = self.state.db.reader().acquire().await?;
        self.changes = refusal::changes(&mut conn).await?;
        drop(conn);
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
        for role in self.known.given_up() {
            let state = if actual.contains(&role) {
                GrantState::Present
            } else {
                GrantState::Gone
            };
            self.answered(&role, state, None, None).await?;
        }
        for role in &asked.add {
            self.add(role).await?;
        }
        for role in &asked.remove {
            if waits_for_replacement(&self.known.wanted, role, &self.confirmed) {
                let detail = "stays until what replaces it is confirmed";
                tracing::warn!(role, detail, "a role is not taken away yet");
                self.hold(role, "replacement", Act::Take, detail).await?;
            } else {
                self.remove(role).await?;
            }
        }
        Ok(())
    }

    async fn add(&mut self, role: &str) -> Result<(), RolesError> {
        if self.observes {
            let detail = "would be given; nothing is changed until you say go";
            return self.hold(role, "observe", Act::Give, detail).await;
        }
        if self.waits_for_a_yes(role).await?
            || self.is_refused_to_all(role, GrantState::Refused).await?
        {
            return Ok(());
        }
        self.write(role, GrantState::Wanted, None, None, false)
            .await?;
        let asked = self.state.clock.policy_ms();
        let call = self
            .state
            .discord
            .add_role(&self.known.person.discord_id, role, REASON);
        match call.await {
            Ok(()) => {
                self.answered(role, GrantState::Granted, None, None).await?;
                self.confirmed.insert(role.to_owned());
                Ok(())
            }
            Err(error) => self.refused(role, GrantState::Refused, error, asked).await,
        }
    }

    async fn remove(&mut self, role: &str) -> Result<(), RolesError> {
        if self.is_refused_to_all(role, GrantState::Revoking).await? || !self.may_take(role).await?
        {
            return Ok(());
        }
        let asked = self.state.clock.policy_ms();
        let call = self
            .state
            .discord
            .remove_role(&self.known.person.discord_id, role, REASON);
        match call.await {
            Ok(()) | Err(DiscordError::UnknownRole) => {
                self.answered(role, GrantState::Gone, None, None).await
            }
            Err(error) => self.refused(role, GrantState::Revoking, error, asked).await,
        }
    }

    /// Counts the loss and writes the intent, or what holds it, in one transaction.
    async fn may_take(&mut self, role: &str) -> Result<bool, RolesError> {
        let grant = self.known.grants.get(role);
        let loss = Loss {
            user_id: &self.known.person.user_id,
            role_id: role,
            held_by: grant.and_then(|grant| grant.held_by.as_deref()),
        };
        let now = self.state.clock.policy_ms();
        let mut tx = self.state.db.begin().await?;
        let wall_ms = self.state.clock.wall_ms();
        dirty::check_fence(&self.state.db, &mut tx, self.lease, wall_ms).await?;
        let verdict = brake::ask(self.state, &mut tx, &loss, now).await?;
        let goes = verdict == Verdict::Go;
        let step = match &verdict {
            Verdict::Go => self.step(role, GrantState::Revoking, None, None, false),
            Verdict::Held {
                by,
                detail,
                again_at,
            } => {
                tracing::warn!(role, by, detail, "a role is not taken away");
                self.look_at = [self.look_at, *again_at].into_iter().flatten().min();
                Step {
                    held: Some((by.as_str(), Act::Take)),
                    ..self.step(role, GrantState::Held, None, Some(detail.as_str()), false)
                }
            }
        };
        record::step_in(self.state, &mut tx, self.lease, &step).await?;
        tx.commit().await?;
        Ok(goes)
    }

    /// A role that carries rights nobody has said yes to is not asked for.
    async fn waits_for_a_yes(&self, role: &str) -> Result<bool, RolesError> {
        let mut conn = self.state.db.reader().acquire().await?;
        if guild::known(&mut conn, role).await?.is_none() {
            drop(conn);
            guild::refresh(self.state, &self.lease.trace).await?;
            conn = self.state.db.reader().acquire().await?;
        }
        if lacking(&mut conn, role).await?.is_empty() {
            return Ok(false);
        }
        drop(conn);
        let mut tx = self.state.db.begin().await?;
        refusal::one_at_a_time(&mut tx).await?;
        let dangers = lacking(&mut tx, role).await?;
        if dangers.is_empty() {
            return Ok(false);
        }
        let detail = format!(
            "the role carries {} and waits for the operator's yes",
            dangers.join(", ")
        );
        tracing::error!(role, detail, "a role is not granted");
        let step = self.step(role, GrantState::Refused, None, Some(&detail), true);
        self.write_in(tx, &step).await?;
        Ok(true)
    }

    /// What Discord said of this role to somebody else it would say of this person too: they are
    /// not asked about, and wait for the same.
    async fn is_refused_to_all(
        &mut self,
        role: &str,
        grant: GrantState,
    ) -> Result<bool, RolesError> {
        let now = self.state.clock.policy_ms();
        let mut conn = self.state.db.reader().acquire().await?;
        if refusal::known(&mut conn, role, now).await?.is_none() {
            return Ok(false);
        }
        drop(conn);
        let mut tx = self.state.db.begin().await?;
        refusal::one_at_a_time(&mut tx).await?;
        let Some(known) = refusal::known(&mut tx, role, now).await? else {
            return Ok(false);
        };
        let step = self.step(role, grant, known.code, Some(&known.detail), false);
        self.write_in(tx, &step).await?;
        self.look_by(known.answered_at.unwrap_or(now) + refusal::BELIEVED_MS);
        Ok(true)
    }

    fn look_by(&mut self, at: i64) {
        self.look_at = Some(self.look_at.map_or(at, |sooner| sooner.min(at)));
    }

    /// A call that failed: a refusal is recorded; what passes waits until the other calls are
    /// made; what stops everything is the caller's.
    async fn refused(
        &mut self,
        role: &str,
        grant: GrantState,
        error: DiscordError,
        asked: i64,
    ) -> Result<(), RolesError> {
        if error.class() == FailureClass::NeedsPerson {
            tracing::error!(role, error = %error, "Discord refused a change of a role");
            let explained = refusal::explain(self.state, role, &error).await?;
            let Refusal { code, detail, .. } = &explained.refusal;
            let step = Step {
                as_of: Some(asked),
                ..self.step(role, grant, *code, Some(detail), true)
            };
            let before = self.known.grants.get(role);
            let again = before.is_some_and(Grant::is_refused);
            let (state, lease) = (self.state, self.lease);
            let changed =
                refusal::write(state, lease, &explained, &step, again, self.changes).await?;
            self.look_by(if changed {
                self.state.clock.policy_ms() + MENDED_MS
            } else {
                asked + refusal::BELIEVED_MS
            });
            return Ok(());
        }
        let of = (self.known.person.user_id.as_str(), role);
        let unknown = error == DiscordError::UnknownOutcome;
        record::failed(self.state, self.lease, of, unknown).await?;
        match error.class() {
            FailureClass::StopAll | FailureClass::Absent => Err(error.into()),
            FailureClass::Retry { .. } | FailureClass::NeedsPerson => {
                self.later.get_or_insert(error);
                Ok(())
            }
        }
    }

    async fn hold(&self, role: &str, by: &str, act: Act, detail: &str) -> Result<(), RolesError> {
        let step = Step {
            held: Some((by, act)),
            ..self.step(role, GrantState::Held, None, Some(detail), false)
        };
        Ok(record::step(self.state, self.lease, &step).await?)
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
        role: &str,
        grant: GrantState,
        code: Option<i64>,
        detail: Option<&str>,
        answered: bool,
    ) -> Result<(), RolesError> {
        let step = self.step(role, grant, code, detail, answered);
        Ok(record::step(self.state, self.lease, &step).await?)
    }

    /// Writes a step in a transaction that has looked why, under the lease.
    async fn write_in(
        &self,
        mut tx: Transaction<'static, Any>,
        step: &Step<'_>,
    ) -> Result<(), RolesError> {
        let wall_ms = self.state.clock.wall_ms();
        dirty::check_fence(&self.state.db, &mut tx, self.lease, wall_ms).await?;
        record::step_in(self.state, &mut tx, self.lease, step).await?;
        tx.commit().await?;
        Ok(())
    }

    fn step<'s>(
        &'s self,
        role_id: &'s str,
        state: GrantState,
        code: Option<i64>,
        detail: Option<&'s str>,
        answered: bool,
    ) -> Step<'s> {
        Step {
            user_id: &self.known.person.user_id,
            role_id,
            state,
            code,
            detail,
            answered,
            as_of: None,
            held: None,
        }
    }
}

/// Rights the role carries that nobody has said yes to. A role that is not there gives none: Discord
/// refuses it, and that is recorded.
async fn lacking(conn: &mut AnyConnection, role: &str) -> Result<Vec<&'static str>, DbError> {
    let known = guild::known(conn, role).await?;
    let dangers = known.map(|known| known.dangers()).unwrap_or_default();
    consent::lacking(conn, role, dangers).await
}
