//! One page of members against our rows: whose roles are not what they should be.

use crate::db::DbError;
use crate::discord::ListedMember;
use crate::roles::{Wanted, calls};
use sqlx::{AnyConnection, AssertSqlSafe};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a page showed.
#[derive(Debug, Default)]
pub struct Found {
    /// Ours among them, by their id at Discord.
    pub seen: Vec<String>,
    pub wrong: Vec<Wrong>,
    /// Who holds a managed role that we never gave.
    pub others: i64,
}

/// Somebody to look at again, under their own lease.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    pub user_id: String,
    /// They would lose something by it.
    pub loses: bool,
}

/// A grant, as far as it matters here.
#[derive(Debug, Default)]
struct Grant {
    state: String,
    held_act: Option<String>,
    code: Option<i64>,
}

impl Grant {
    fn is_ours(&self) -> bool {
        matches!(self.state.as_str(), "wanted" | "granted" | "revoking")
            || (self.state == "held" && self.held_act.as_deref() == Some("take"))
    }

    /// What differs is known: somebody has to lift or mend something first.
    fn waits(&self) -> bool {
        matches!(self.state.as_str(), "held" | "refused")
            || (self.state == "revoking" && self.code.is_some())
    }
}

#[derive(Debug, Default)]
struct Ours {
    user_id: String,
    in_guild: bool,
    wanted: Wanted,
    grants: BTreeMap<String, Grant>,
}

/// Roles that plans give, and those of unfinished grants.
pub async fn managed(conn: &mut AnyConnection) -> Result<BTreeSet<String>, DbError> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT role_id FROM plan_roles WHERE state IN ('active', 'leaving', 'kept')",
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Compares one page. A handful of statements, however many members it has.
pub async fn page(
    conn: &mut AnyConnection,
    members: &[ListedMember],
    managed: &BTreeSet<String>,
) -> Result<Found, DbError> {
    let mut ours = ours(conn, members).await?;
    let mut found = Found::default();
    for member in members {
        let actual: BTreeSet<String> = member.roles.iter().cloned().collect();
        let known = ours.remove(&member.id);
        let strange = actual
            .iter()
            .filter(|role| managed.contains(*role))
            .any(|role| known.as_ref().is_none_or(|known| known.is_strange(role)));
        found.others += i64::from(strange);
        if let Some(known) = known {
            found.wrong.extend(known.wrong(&actual));
            found.seen.push(member.id.clone());
        }
    }
    Ok(found)
}

impl Ours {
    /// A role they hold that nothing of ours explains.
    fn is_strange(&self, role: &str) -> bool {
        !self.wanted.roles.contains(role)
            && !self.wanted.kept.contains(role)
            && !self.grants.get(role).is_some_and(Grant::is_ours)
    }

    fn wrong(self, actual: &BTreeSet<String>) -> Option<Wrong> {
        let ours = self
            .grants
            .iter()
            .filter(|(_, grant)| grant.is_ours())
            .map(|(role, _)| role.clone())
            .collect();
        let asked = calls(&self.wanted, actual, &ours);
        let is =
            |role: &String, state: fn(&Grant) -> bool| self.grants.get(role).is_some_and(state);
        let loses = asked.remove.iter().any(|role| !is(role, Grant::waits));
        let lacks = asked.add.iter().any(|role| !is(role, Grant::waits));
        let unheard = asked.confirmed.iter().any(|role| {
            !is(role, |grant| {
                matches!(grant.state.as_str(), "granted" | "present")
            })
        });
        let wrong = loses || lacks || unheard || !asked.gone.is_empty() || !self.in_guild;
        wrong.then_some(Wrong {
            user_id: self.user_id,
            loses,
        })
    }
}

/// `$1, $2, …`, as many.
fn places(count: usize) -> String {
    let places: Vec<String> = (1..=count).map(|at| format!("${at}")).collect();
    places.join(", ")
}

async fn ours(
    conn: &mut AnyConnection,
    members: &[ListedMember],
) -> Result<HashMap<String, Ours>, DbError> {
    if members.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
    let sql = format!(
        "SELECT id, discord_user_id, in_guild FROM users WHERE discord_user_id IN ({})",
        places(ids.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(sql));
    for id in ids {
        query = query.bind(id);
    }
    let users: Vec<(String, String, Option<i64>)> = query.fetch_all(&mut *conn).await?;
    let mut discord_id_of = HashMap::new();
    let mut ours = HashMap::new();
    for (user_id, discord_id, in_guild) in users {
        discord_id_of.insert(user_id.clone(), discord_id.clone());
        let known = Ours {
            user_id,
            in_guild: in_guild == Some(1),
            ..Ours::default()
        };
        ours.insert(discord_id, known);
    }
    if ours.is_empty() {
        return Ok(ours);
    }
    let users: Vec<&str> = discord_id_of.keys().map(String::as_str).collect();
    let of = |user_id: &str| discord_id_of.get(user_id);
    for (user_id, state, role) in wanted(conn, &users).await? {
        let Some(known) = of(&user_id).and_then(|id| ours.get_mut(id)) else {
            continue;
        };
        match state.as_str() {
            "hold" => known.wanted.kept.insert(role),
            _ => known.wanted.roles.insert(role),
        };
    }
    for (user_id, role, state, held_act, code) in grants(conn, &users).await? {
        if let Some(known) = of(&user_id).and_then(|id| ours.get_mut(id)) {
            let grant = Grant {
                state,
                held_act,
                code,
            };
            known.grants.insert(role, grant);
        }
    }
    for known in ours.values_mut() {
        let Wanted { roles, kept, .. } = &mut known.wanted;
        kept.retain(|role| !roles.contains(role));
    }
    Ok(ours)
}

async fn wanted(
    conn: &mut AnyConnection,
    users: &[&str],
) -> Result<Vec<(String, String, String)>, DbError> {
    let sql = format!(
        "SELECT entitlements.user_id, entitlements.state, plan_roles.role_id FROM entitlements \
         JOIN plan_roles ON plan_roles.plan_id = entitlements.plan_id \
         AND plan_roles.state IN ('active', 'leaving', 'kept') \
         WHERE entitlements.state <> 'denied' AND entitlements.user_id IN ({})",
        places(users.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(sql));
    for user in users {
        query = query.bind(*user);
    }
    Ok(query.fetch_all(conn).await?)
}

type GrantRow = (String, String, String, Option<String>, Option<i64>);

async fn grants(conn: &mut AnyConnection, users: &[&str]) -> Result<Vec<GrantRow>, DbError> {
    let sql = format!(
        "SELECT user_id, role_id, state, held_act, code FROM grants WHERE user_id IN ({})",
        places(users.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(sql));
    for user in users {
        query = query.bind(*user);
    }
    Ok(query.fetch_all(conn).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(roles: &[&str]) -> BTreeSet<String> {
        roles.iter().map(|role| (*role).to_owned()).collect()
    }

    fn ours(wanted: &[&str], grants: &[(&str, &str, Option<&str>)]) -> Ours {
        Ours {
            user_id: "usr_1".into(),
            in_guild: true,
            wanted: Wanted {
                roles: set(wanted),
                ..Wanted::default()
            },
            grants: grants
                .iter()
                .map(|(role, state, held_act)| {
                    let grant = Grant {
                        state: (*state).to_owned(),
                        held_act: held_act.map(str::to_owned),
                        code: (*state == "revoking").then_some(50_013),
                    };
                    ((*role).to_owned(), grant)
                })
                .collect(),
        }
    }

    #[test]
    fn only_what_nobody_knows_of_is_wrong() {
        for (case, wanted, grants, actual, wrong) in [
            (
                "as it should be",
                &["a"][..],
                &[("a", "granted", None)][..],
                &["a"][..],
                None,
            ),
            (
                "by hand before us",
                &["a"],
                &[("a", "present", None)],
                &["a"],
                None,
            ),
            (
                "lacking",
                &["a"],
                &[("a", "granted", None)],
                &[],
                Some(false),
            ),
            ("never asked", &["a"], &[], &[], Some(false)),
            (
                "there and unheard",
                &["a"],
                &[("a", "wanted", None)],
                &["a"],
                Some(false),
            ),
            (
                "not given back",
                &[],
                &[("a", "granted", None)],
                &["a"],
                Some(true),
            ),
            (
                "gone unheard",
                &[],
                &[("a", "granted", None)],
                &[],
                Some(false),
            ),
            (
                "refused, and known",
                &["a"],
                &[("a", "refused", None)],
                &[],
                None,
            ),
            (
                "held back, and known",
                &["a"],
                &[("a", "held", Some("give"))],
                &[],
                None,
            ),
            (
                "held on to, and known",
                &[],
                &[("a", "held", Some("take"))],
                &["a"],
                None,
            ),
            (
                "not to be taken, and known",
                &[],
                &[("a", "revoking", None)],
                &["a"],
                None,
            ),
            ("somebody else's", &[], &[], &["a"], None),
        ] {
            let found = ours(wanted, grants).wrong(&set(actual));
            assert_eq!(found.map(|wrong| wrong.loses), wrong, "{case}");
        }
        let away = Ours {
            in_guild: false,
            ..ours(&[], &[])
        };
        assert!(
            away.wrong(&set(&[])).is_some(),
            "there, and we did not know"
        );
    }

    #[test]
    fn a_role_that_nothing_explains_is_somebody_elses() {
        let known = ours(&["a"], &[("b", "held", Some("take")), ("c", "gone", None)]);
        assert!(!known.is_strange("a") && !known.is_strange("b"));
        assert!(known.is_strange("c") && known.is_strange("d"));
    }
}
