//! What counts as somebody else's doing.

use super::*;

fn set(roles: &[&str]) -> BTreeSet<String> {
    roles.iter().map(|role| (*role).to_owned()).collect()
}

fn grants(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter()
        .map(|(role, state)| ((*role).to_owned(), (*state).to_owned()))
        .collect()
}

fn wanting(roles: &[&str]) -> Wanted {
    Wanted {
        roles: set(roles),
        ..Wanted::default()
    }
}

#[test]
fn what_we_left_behind_is_no_difference() {
    let all = grants(&[
        ("a", "granted"),
        ("b", "revoking"),
        ("c", "wanted"),
        ("d", "present"),
    ]);
    let managed = set(&["a", "b", "c", "d"]);
    let found = differences(
        &wanting(&["a", "c"]),
        &set(&["a", "b", "d", "free"]),
        &all,
        &managed,
        false,
    );
    assert_eq!(found, Differences::default());
}

#[test]
fn what_somebody_took_or_gave_is_told_apart() {
    let all = grants(&[("a", "granted"), ("b", "gone"), ("p", "present")]);
    let managed = set(&["a", "b", "c", "p"]);
    let there = set(&["b", "c"]);
    let found = differences(&wanting(&["a"]), &there, &all, &managed, false);
    assert_eq!(found.taken, set(&["a"]));
    assert_eq!(found.strangers, set(&["b", "c"]));
    assert_eq!(found.vanished, set(&["p"]));
}

#[test]
fn a_role_that_was_there_before_goes_only_where_strangers_go() {
    let all = grants(&[("p", "present")]);
    let managed = set(&["p"]);
    let found =
        |heal| differences(&Wanted::default(), &set(&["p"]), &all, &managed, heal).strangers;
    assert!(found(false).is_empty());
    assert_eq!(found(true), set(&["p"]));
}

#[test]
fn a_held_role_is_nobodys_business() {
    let wanted = Wanted {
        kept: set(&["a"]),
        ..Wanted::default()
    };
    let managed = set(&["a"]);
    let all = grants(&[]);
    assert_eq!(
        differences(&wanted, &set(&["a"]), &all, &managed, true),
        Differences::default()
    );
}
