//! Mail about a pass: that it has begun, that it is about to end, that it has ended.

use super::{again, empty, header, letters, row, rows, subjects};
use crate::login::site::ADA;
use crate::on_both_with_mail;
use crate::passes::{days, debit, spans};
use crate::support::World;
use sandbox::discord::{Effect, Fault};
use std::time::Duration;

const PASS: &str = "Season pass";

/// The last day of the pass that ends last, in words.
async fn last_day(world: &World) -> String {
    let ends = spans(world).await.last().unwrap().1.unwrap();
    app::page::dates::day(ends).unwrap()
}

/// The oldest letter's text, without its line breaks.
fn said(world: &World) -> String {
    let text = &letters(world)[0].text;
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn a_pass_is_welcomed_told_before_its_end_and_when_discord_confirms_it(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.buy_pass(PASS).await;
    again(world, &ada).await;
    assert_eq!(subjects(world), ["Welcome to The Revenue Council"]);
    let day = last_day(world).await;
    let text = said(world);
    assert!(text.contains("You are in: Season pass, 69 €."), "{text}");
    assert!(text.contains(&format!("It lasts until {day}.")), "{text}");
    empty(world);

    world.advance(days(86));
    world.settle().await;
    assert_eq!(subjects(world), [""; 0], "four days are early");
    world.advance(days(1));
    world.settle().await;
    again(world, &ada).await;
    assert_eq!(
        subjects(world),
        [format!("Your access to Season pass ends on {day}")]
    );
    let mail = &letters(world)[0];
    assert!(said(world).contains("Nothing is charged by itself."));
    assert_eq!(header(mail, "list-unsubscribe"), None, "it is essential");
    empty(world);

    // Over, and Discord does not answer: nobody is told that the role is gone.
    world.sandbox.with(|w| {
        w.discord.faults.add(Fault {
            method: Some("DELETE".into()),
            path: "/roles/".into(),
            times: 3,
            effect: Effect::Status {
                status: 502,
                code: 0,
                landed: false,
            },
        });
    });
    world.advance(days(3));
    world.settle().await;
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
    assert_eq!(subjects(world), [""; 0]);
    world.sandbox.with(|w| w.discord.faults.clear());
    world.advance(Duration::from_mins(16));
    world.settle().await;
    again(world, &ada).await;
    assert!(world.roles_of(ADA).is_empty());
    assert_eq!(subjects(world), ["Your access to Season pass has ended"]);
}
on_both_with_mail!(a_pass_is_welcomed_told_before_its_end_and_when_discord_confirms_it);

async fn who_extends_a_pass_is_told_of_its_last_day_alone(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.buy_pass(PASS).await;
    world.advance(days(30));
    ada.buy_pass(PASS).await;
    assert_eq!(subjects(world), ["Welcome to The Revenue Council"]);
    empty(world);
    world.advance(days(61));
    world.settle().await;
    assert_eq!(subjects(world), [""; 0], "the second goes on");
    assert!(rows(world).await.contains(&row("ending", "dropped")));
    world.advance(days(87));
    world.settle().await;
    let day = last_day(world).await;
    assert_eq!(
        subjects(world),
        [format!("Your access to Season pass ends on {day}")]
    );
}
on_both_with_mail!(who_extends_a_pass_is_told_of_its_last_day_alone);

async fn a_pass_by_debit_is_welcomed_when_the_bank_has_paid(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    debit::buy(world, &mut ada, debit::PAYS).await;
    assert_eq!(subjects(world), [""; 0], "nothing is paid yet");
    world.advance(days(5));
    world.settle().await;
    assert_eq!(subjects(world), ["Welcome to The Revenue Council"]);
}
on_both_with_mail!(a_pass_by_debit_is_welcomed_when_the_bank_has_paid);

async fn a_debit_that_is_turned_down_is_neither_a_welcome_nor_an_end(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    debit::buy(world, &mut ada, debit::IS_TURNED_DOWN).await;
    world.advance(days(5));
    world.settle().await;
    again(world, &ada).await;
    assert_eq!(subjects(world), [""; 0]);
}
on_both_with_mail!(a_debit_that_is_turned_down_is_neither_a_welcome_nor_an_end);
