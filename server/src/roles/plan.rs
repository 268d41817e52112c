//! What to ask of Discord: a pure function of what is wanted, what is there and what is ours.

use std::collections::{BTreeMap, BTreeSet};

/// What one person's entitlements say of roles.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Roles to have.
    pub roles: BTreeSet<String>,
    /// Roles to leave as they are, whatever that is (`Hold`).
    pub kept: BTreeSet<String>,
    /// For a role that is lost: the roles that replace it, because the same subscription now gives
    /// another plan, or another one took its place. It goes only when they are confirmed.
    pub replaced_by: BTreeMap<String, BTreeSet<String>>,
}

/// The calls to make, in order: additions first, then removals.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Calls {
    pub add: Vec<String>,
    pub remove: Vec<String>,
    /// Wanted and there already.
    pub confirmed: Vec<String>,
    /// Ours, not wanted, and not there any more.
    pub gone: Vec<String>,
}

/// `actual` is what Discord says; `ours` are the roles with a grant of ours that is not over.
#[must_use]
pub fn calls(wanted: &Wanted, actual: &BTreeSet<String>, ours: &BTreeSet<String>) -> Calls {
    let lost: Vec<&String> = ours
        .iter()
        .filter(|role| !wanted.roles.contains(*role) && !wanted.kept.contains(*role))
        .collect();
    Calls {
        add: wanted.roles.difference(actual).cloned().collect(),
        confirmed: wanted.roles.intersection(actual).cloned().collect(),
        remove: lost
            .iter()
            .filter(|role| actual.contains(**role))
            .map(|role| (*role).clone())
            .collect(),
        gone: lost
            .iter()
            .filter(|role| !actual.contains(**role))
            .map(|role| (*role).clone())
            .collect(),
    }
}

/// Whether a lost role has to stay because what replaces it is not confirmed.
#[must_use]
pub fn waits_for_replacement(wanted: &Wanted, role: &str, confirmed: &BTreeSet<String>) -> bool {
    wanted
        .replaced_by
        .get(role)
        .is_some_and(|replacements| !replacements.is_subset(confirmed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(roles: &[&str]) -> BTreeSet<String> {
        roles.iter().map(|role| (*role).to_owned()).collect()
    }

    fn wanting(roles: &[&str]) -> Wanted {
        Wanted {
            roles: set(roles),
            ..Wanted::default()
        }
    }

    #[test]
    fn only_the_difference_is_asked_for() {
        let asked = calls(
            &wanting(&["a", "b"]),
            &set(&["b", "c", "d"]),
            &set(&["b", "c"]),
        );
        assert_eq!(asked.add, ["a"]);
        assert_eq!(asked.confirmed, ["b"]);
        assert_eq!(asked.remove, ["c"]);
        assert!(asked.gone.is_empty());
    }

    #[test]
    fn a_held_role_is_neither_given_nor_taken() {
        let wanted = Wanted {
            kept: set(&["a", "b"]),
            ..Wanted::default()
        };
        assert_eq!(
            calls(&wanted, &set(&["a"]), &set(&["a", "b"])),
            Calls::default()
        );
    }

    #[test]
    fn a_replaced_role_waits_for_every_replacement() {
        let wanted = Wanted {
            replaced_by: BTreeMap::from([("old".to_owned(), set(&["new", "extra"]))]),
            ..wanting(&["new", "extra"])
        };
        assert!(waits_for_replacement(&wanted, "old", &set(&["new"])));
        assert!(!waits_for_replacement(
            &wanted,
            "old",
            &set(&["new", "extra"])
        ));
        assert!(!waits_for_replacement(&wanted, "other", &set(&[])));
    }

    fn roles() -> impl Strategy<Value = BTreeSet<String>> {
        prop::collection::btree_set("[a-f]", 0..6)
    }

    proptest! {
        /// Only ours are ever removed, nothing wanted or held is, and doing what was asked
        /// leaves nothing to ask.
        #[test]
        fn asking_converges_and_touches_only_ours(roles in roles(), kept in roles(), actual in roles(), ours in roles()) {
            let wanted = Wanted { roles, kept, ..Wanted::default() };
            let asked = calls(&wanted, &actual, &ours);
            for role in &asked.remove {
                prop_assert!(ours.contains(role) && !wanted.roles.contains(role) && !wanted.kept.contains(role));
            }
            let mut after = actual.clone();
            after.extend(asked.add.iter().cloned());
            for role in &asked.remove {
                after.remove(role);
            }
            prop_assert!(wanted.roles.is_subset(&after));
            let again = calls(&wanted, &after, &ours);
            prop_assert!(again.add.is_empty() && again.remove.is_empty());
        }
    }
}
