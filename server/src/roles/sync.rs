//! Sync of one person's roles: read Discord, ask for the difference, record each answer.

use super::plan::{Wanted, calls};
use super::record::{Grant, GrantState, Step, grants, may_still_land, step};
use super::round::Round;
use super::{RolesError, by_hand, desired, join, switches};
use crate::db::DbError;
use crate::db::dirty::{self, Lease};
use crate::discord::DiscordError;
use crate::state::AppState;
use std::collections::{BTreeMap, BTreeSet};

/// A person who left while we worked is looked at again after this.
const LEFT_MS: i64 = 5_000;

pub struct Person {
    pub user_id: String,
    pub discord_id: String,
}

/// What our rows say of a person.
pub struct Known {
    pub person: Person,
    pub wanted: Wanted,
    pub grants: BTreeMap<String, Grant>,
}

impl Known {
    fn roles_that(&self, are: impl Fn(&Grant) -> bool) -> BTreeSet<String> {
        self.grants
            .iter()
            .filter(|(_, grant)| are(grant))
            .map(|(role, _)| role.clone())
            .collect()
    }

    /// What waited to be given, and is not wanted any more.
    pub fn given_up(&self) -> BTreeSet<String> {
        let mut roles = self.roles_that(Grant::is_idle);
        roles.retain(|role| !self.wanted.roles.contains(role) && !self.wanted.kept.contains(role));
        roles
    }
}

/// Makes Discord's roles of one user follow their entitlements, and gives the lease back. On an
/// error the lease is still held; the caller decides what becomes of it.
pub async fn sync_user(state: &AppState, lease: &Lease) -> Result<(), RolesError> {
    let Some(mut known) = rows(state, &lease.id).await? else {
        return finish(state, lease, None).await;
    };
    if let Some(left) = may_still_land(&known.grants, state.clock.wall_ms()) {
        // What is read now may be over in a moment.
        return finish(state, lease, Some(state.clock.policy_ms() + left)).await;
    }
    let ours = known.roles_that(Grant::is_ours);
    let observes = switches::observe(state).await?;
    let joins = !known.wanted.roles.is_empty() && !observes;
    let Some(actual) = join::in_the_server(state, lease, &known.person, joins).await? else {
        by_hand::left(state, lease).await?;
        absent(state, lease, &known, &ours).await?;
        return finish(state, lease, None).await;
    };
    let wanted = std::mem::take(&mut known.wanted);
    let (wanted, ours) = by_hand::seen(state, lease, wanted, ours, &actual).await?;
    known.wanted = wanted;
    let asked = calls(&known.wanted, &actual, &ours);
    let mut round = Round::new(state, lease, &known, observes);
    match round.work(&asked, &actual, &ours).await {
        Ok(()) => {}
        Err(RolesError::Discord(DiscordError::UnknownMember { .. })) => {
            let again = state.clock.policy_ms() + LEFT_MS;
            return finish(state, lease, Some(again)).await;
        }
        Err(error) => return Err(error),
    }
    match round.later.take() {
        Some(error) => Err(error.into()),
        None => finish(state, lease, round.look_at).await,
    }
}

async fn rows(state: &AppState, user_id: &str) -> Result<Option<Known>, DbError> {
    let mut conn = state.db.reader().acquire().await?;
    let discord_id: Option<String> =
        sqlx::query_scalar("SELECT discord_user_id FROM users WHERE id = $1")
            .bind(user_id)
            .fetch_optional(&mut *conn)
            .await?;
    let Some(discord_id) = discord_id else {
        return Ok(None);
    };
    Ok(Some(Known {
        wanted: desired::wanted(&mut conn, user_id).await?,
        grants: grants(&mut conn, user_id).await?,
        person: Person {
            user_id: user_id.to_owned(),
            discord_id,
        },
    }))
}

async fn finish(state: &AppState, lease: &Lease, next: Option<i64>) -> Result<(), RolesError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    dirty::finish(&mut tx, lease, next, state.clock.policy_ms()).await?;
    tx.commit().await?;
    state.released.notify_waiters();
    Ok(())
}

/// Who is not in the server has no roles there: what they had, whoever gave it, went with them, and
/// what is wanted waits for the join. An absence, not a failure.
async fn absent(
    state: &AppState,
    lease: &Lease,
    known: &Known,
    ours: &BTreeSet<String>,
) -> Result<(), DbError> {
    let wanted = &known.wanted.roles;
    let given_up = known.given_up();
    let of_others = known.roles_that(|grant| grant.state == GrantState::Present.as_str());
    let waiting = wanted.iter().map(|role| (role, GrantState::Wanted));
    let over = ours
        .union(&given_up)
        .chain(&of_others)
        .filter(|role| !wanted.contains(*role))
        .map(|role| (role, GrantState::Gone));
    for (role_id, grant) in waiting.chain(over) {
        let absence = Step {
            user_id: &known.person.user_id,
            role_id,
            state: grant,
            code: Some(10_007),
            detail: Some("not in the server"),
            answered: true,
            as_of: None,
            held: None,
        };
        step(state, lease, &absence).await?;
    }
    Ok(())
}
