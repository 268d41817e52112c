//! One round of calls for one person, each answer recorded.

use super::brake::{self, Loss, Verdict};
use super::plan::{Calls, waits_for_replacement};
use super::record::{self, Act, Grant, GrantState, Step};
use super::refusal::{self, Refusal};
use super::sync::Known;
use super::{RolesError, consent, guild};
use crate::db::dirty::{self, Lease};
use crate::discord::{DiscordError, FailureClass};
use crate::state::AppState;
use std::collections::BTreeSet;

/// What Discord's audit log says of our calls.
const REASON: &str = "Rollcall: access follows the membership";

/// Who was refused while the server was being mended asks again after this.
const MENDED_MS: i64 = 1_000;

pub struct Round<'a> {
    state: &'a AppState,
    lease: &'a Lease,
    known: &'a Known,
    /// Nothing is changed at Discord.
    observes: bool,
    confirmed: BTreeSet<String>,
    /// A refusal was written: somebody has to mend something.
    waits: bool,
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
            waits: false,
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
        let before = refusal::changes(self.state).await?;
        self.calls(asked, actual, ours).await?;
        // Mended meanwhile: whoever read that saw nobody waiting yet.
        if self.waits && refusal::changes(self.state).await? != before {
            self.look_at = Some(self.state.clock.policy_ms() + MENDED_MS);
        }
        Ok(())
    }

    async fn calls(
        &mut self,
        asked: &Calls,
        actual: &BTreeSet<String>,
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
        let dangers = self.dangers(role).await?;
        if !dangers.is_empty() {
            let detail = format!(
                "the role carries {} and waits for the operator's yes",
                dangers.join(", ")
            );
            tracing::error!(role, detail, "a role is not granted");
            return self
                .answered(role, GrantState::Refused, None, Some(&detail))
                .await;
        }
        if let Some(refusal) = self.refused_before(role).await? {
            return self.not_asked(role, GrantState::Refused, &refusal).await;
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
        if let Some(refusal) = self.refused_before(role).await? {
            return self.not_asked(role, GrantState::Revoking, &refusal).await;
        }
        if !self.may_take(role).await? {
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
                self.look_at = match (self.look_at, *again_at) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
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

    /// Rights the role carries that nobody has said yes to.
    async fn dangers(&self, role: &str) -> Result<Vec<&'static str>, RolesError> {
        let mut known = guild::known(&self.state.db, role).await?;
        if known.is_none() {
            guild::refresh(self.state, &self.lease.trace).await?;
            known = guild::known(&self.state.db, role).await?;
        }
        // One that is not there gives no rights: Discord refuses it, and that is recorded.
        let Some(known) = known else {
            return Ok(Vec::new());
        };
        let dangers = known.dangers();
        if dangers.is_empty() {
            return Ok(dangers);
        }
        let mut conn = self.state.db.reader().acquire().await?;
        Ok(consent::lacking(&mut conn, role, dangers).await?)
    }

    async fn refused_before(&self, role: &str) -> Result<Option<Refusal>, RolesError> {
        let mut conn = self.state.db.reader().acquire().await?;
        Ok(refusal::known(&mut conn, role).await?)
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
            let before = self.known.grants.get(role);
            let again = before.is_some_and(Grant::is_refused);
            let told = refusal::told(self.state, role, &error, again, &self.lease.trace).await?;
            let step = Step {
                as_of: Some(asked),
                ..self.step(role, grant, told.code, Some(&told.detail), true)
            };
            record::step(self.state, self.lease, &step).await?;
            self.waits = true;
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

    /// The same that Discord said to somebody else about this role.
    async fn not_asked(
        &mut self,
        role: &str,
        grant: GrantState,
        refusal: &Refusal,
    ) -> Result<(), RolesError> {
        self.waits = true;
        self.write(role, grant, refusal.code, Some(&refusal.detail), false)
            .await
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
