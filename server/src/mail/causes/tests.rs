use super::*;

const NOW: i64 = 1_800_000_000_000;
const END: i64 = NOW + 20 * DAY_MS;

fn row(state: &str, reason: &str, until_at: Option<i64>) -> Row {
    Row {
        source: "subscription".to_owned(),
        source_id: "sub_1".to_owned(),
        plan_id: "prod_1".to_owned(),
        state: state.to_owned(),
        reason: reason.to_owned(),
        until_at,
        plan: "Member".to_owned(),
        unit_amount: Some(2900),
        quantity: Some(1),
        currency: Some("eur".to_owned()),
        period: Some("month".to_owned()),
        period_end: Some(END),
        trial_end: None,
        unpaid_since: None,
        own_checkouts: 1,
    }
}

fn paid() -> Row {
    row("granted", "paid", None)
}

fn grace(since: i64) -> Row {
    Row {
        unpaid_since: Some(since),
        ..row("grace", "payment_missing", Some(since + 7 * DAY_MS))
    }
}

/// Kinds and days from now of what a change causes.
fn kinds(before: &[Row], after: &[Row]) -> Vec<(&'static str, i64)> {
    after
        .iter()
        .flat_map(|row| of_row(before, after, row, NOW))
        .map(|cause| (cause.about.kind(), (cause.due_at - NOW) / DAY_MS))
        .collect()
}

#[test]
fn only_changes_cause_mail() {
    for state in [
        paid(),
        grace(NOW),
        row("granted", "ending", Some(END)),
        row("hold", "unknown_status", None),
    ] {
        assert_eq!(
            kinds(std::slice::from_ref(&state), std::slice::from_ref(&state)),
            []
        );
    }
}

#[test]
fn what_is_found_on_a_first_reading_causes_none() {
    for mut state in [paid(), grace(NOW), row("granted", "ending", Some(END))] {
        state.own_checkouts = 0;
        assert_eq!(kinds(&[], &[state]), []);
    }
}

#[test]
fn a_checkout_of_ones_own_is_welcomed_once() {
    assert_eq!(kinds(&[], &[paid()]), [("welcome", 0)]);
    let first = row("denied", "first_payment_missing", None);
    assert_eq!(kinds(&[first], &[paid()]), [("welcome", 0)]);
    // Back from a dispute, or another plan of the same subscription: no newcomer.
    assert_eq!(kinds(&[row("denied", "disputed", None)], &[paid()]), []);
    let other = Row {
        plan_id: "prod_2".to_owned(),
        ..paid()
    };
    assert_eq!(kinds(&[other], &[paid()]), []);
    // A second one beside the first.
    let second = Row {
        source_id: "sub_2".to_owned(),
        ..paid()
    };
    assert_eq!(kinds(&[paid()], &[paid(), second]), []);
}

#[test]
fn a_missing_payment_is_told_at_once_and_before_grace_ends() {
    let expected = [("payment_failed", 0), ("ending", 5)];
    assert_eq!(kinds(&[paid()], &[grace(NOW)]), expected);
    // Grace that is nearly over is told once.
    assert_eq!(
        kinds(&[paid()], &[grace(NOW - 4 * DAY_MS)]),
        [("payment_failed", 0)]
    );
    // A second failure of the same invoice, whatever the policy makes of its end.
    let mut longer = grace(NOW);
    longer.until_at = Some(NOW + 9 * DAY_MS);
    assert_eq!(kinds(&[grace(NOW)], &[longer]), []);
    // Another invoice, with the recovery in between unseen.
    assert_eq!(kinds(&[grace(NOW - 30 * DAY_MS)], &[grace(NOW)]), expected);
}

#[test]
fn an_end_is_told_when_it_is_set_or_moved() {
    let ending = row("granted", "ending", Some(END));
    assert_eq!(
        kinds(&[paid()], std::slice::from_ref(&ending)),
        [("ending", 0)]
    );
    let moved = row("granted", "ending", Some(END + DAY_MS));
    assert_eq!(
        kinds(std::slice::from_ref(&ending), &[moved]),
        [("ending", 0)]
    );
    assert_eq!(kinds(std::slice::from_ref(&ending), &[paid()]), []);
    // Another subscription gives the same plan for longer.
    let second = Row {
        source_id: "sub_2".to_owned(),
        ..paid()
    };
    assert_eq!(kinds(&[paid(), second.clone()], &[ending, second]), []);
}

#[test]
fn a_trial_is_told_of_three_days_before_it_ends() {
    let trial = |days| Row {
        trial_end: Some(NOW + days * DAY_MS),
        ..row("granted", "trial", None)
    };
    assert_eq!(
        kinds(&[], &[trial(14)]),
        [("welcome", 0), ("trial_ending", 11)]
    );
    assert_eq!(kinds(&[], &[trial(3)]), [("welcome", 0)]);
    assert_eq!(kinds(&[trial(14)], &[trial(14)]), []);
    // Made longer at Stripe.
    assert_eq!(kinds(&[trial(14)], &[trial(20)]), [("trial_ending", 17)]);
    let cancelled = Row {
        until_at: Some(NOW + 14 * DAY_MS),
        ..trial(14)
    };
    assert_eq!(kinds(&[trial(14)], &[cancelled]), [("ending", 0)]);
}

#[test]
fn a_pass_is_told_of_before_it_ends_if_it_lasts() {
    let pass = |days| Row {
        source: "pass".to_owned(),
        ..row("granted", "pass_running", Some(NOW + days * DAY_MS))
    };
    assert_eq!(kinds(&[], &[pass(30)]), [("welcome", 0), ("ending", 27)]);
    assert_eq!(kinds(&[], &[pass(5)]), [("welcome", 0)]);
    assert_eq!(kinds(&[pass(30)], &[pass(30)]), []);
}

#[test]
fn one_thing_has_one_key() {
    let causes = of_row(&[paid()], &[grace(NOW)], &grace(NOW), NOW);
    let keys: Vec<&str> = causes.iter().map(|cause| cause.once_key.as_str()).collect();
    assert_eq!(keys[0], format!("payment_failed:sub_1:{NOW}"));
    assert_eq!(keys[1], format!("ends:sub_1:{}:unpaid", NOW + 7 * DAY_MS));
}
