//! The way through the operator, for whoever lost their account at Discord.

use super::{LINUS, metadata, story, user};
use crate::login::site::{ADA, GRACE};
use crate::support::{Person, World};
use crate::{on_both, on_both_with_mail};

/// Somebody at Discord who has never been here.
const STRANGER: &str = "1100000000000000107";

/// Presses the page's button; answers where it leads.
async fn press(operator: &mut Person<'_>, form: &[(&str, &str); 3]) -> String {
    let back = format!("/admin/move?from={}&to={}", form[0].1, form[1].1);
    let mut form = form.to_vec();
    form.push(("back", &back));
    super::post(&mut operator.browser, "/api/desk_move", &form).await
}

async fn the_operator_moves_it_with_a_reason(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let customer = ada.customer().await;
    let roles = world.plan_roles("Member").await;
    world.sign_in(LINUS).await;
    let mut grace = world.sign_in(GRACE).await;
    let page = grace.page(&format!("/admin/people?q={ADA}")).await;
    assert!(page.contains("Move the membership to the account with this Discord id"));
    let from = ada.user_id.clone();
    let shown = grace
        .page(&format!("/admin/move?from={from}&to={LINUS}"))
        .await;
    for told in [
        "Member, a subscription",
        "Linus Pauling, Discord id 1100000000000000103",
        "A notice goes to the address on file.",
        "Reason",
    ] {
        assert!(shown.contains(told), "{told}");
    }
    assert!(!shown.contains("ada@example.org"));
    let without = press(
        &mut grace,
        &[("from", &from), ("to", LINUS), ("reason", " ")],
    )
    .await;
    assert_eq!(
        without,
        format!("/admin/move?from={from}&to={LINUS}&problem=no-reason")
    );
    world.sandbox.with(|w| w.mail.clear());
    let form = [
        ("from", from.as_str()),
        ("to", LINUS),
        ("reason", "lost the phone; named the card"),
    ];
    let done = press(&mut grace, &form).await;
    assert_eq!(done, format!("/admin/people?q={LINUS}&done=moved"));
    world.settle().await;
    assert!(world.roles_of(ADA).is_empty());
    assert!(
        roles
            .iter()
            .all(|role| world.roles_of(LINUS).contains(role))
    );
    assert_eq!(metadata(world, &customer)["rollcall_discord_user"], LINUS);
    let to = user(world, LINUS).await.unwrap();
    let actor = format!("operator:{GRACE}");
    assert_eq!(
        story(world, &from).await,
        [(
            actor.clone(),
            "move".to_owned(),
            format!("the membership moved to {to}: lost the phone; named the card")
        )]
    );
    assert_eq!(story(world, &to).await[0].0, actor);
    let told = grace.page(&done).await;
    assert!(told.contains("the membership moved here from"));
    let mails = world.sandbox.with(|w| w.mail.messages().to_vec());
    assert_eq!(mails.len(), 2);
    assert!(
        mails
            .iter()
            .all(|mail| mail.text.contains("by the people who run"))
    );
    // Sent twice it does nothing more; an operator is not bound to once a day.
    let again = press(&mut grace, &form).await;
    assert!(again.ends_with("problem=changed"), "{again}");
    let form = [
        ("from", to.as_str()),
        ("to", ADA),
        ("reason", "found it again"),
    ];
    let back = press(&mut grace, &form).await;
    assert_eq!(back, format!("/admin/people?q={ADA}&done=moved"));
    world.settle().await;
    assert!(ada.has_roles(&roles));
    assert_eq!(metadata(world, &customer)["rollcall_discord_user"], ADA);
    // The same move once more, within the day that Stripe remembers a key.
    let form = [
        ("from", from.as_str()),
        ("to", LINUS),
        ("reason", "lost it for good"),
    ];
    press(&mut grace, &form).await;
    world.settle().await;
    assert_eq!(metadata(world, &customer)["rollcall_discord_user"], LINUS);
}
on_both_with_mail!(the_operator_moves_it_with_a_reason);

async fn to_somebody_who_was_never_here(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let mut grace = world.sign_in(GRACE).await;
    let from = ada.user_id.clone();
    let shown = grace
        .page(&format!("/admin/move?from={from}&to={STRANGER}"))
        .await;
    assert!(shown.contains("who has never signed in here"));
    assert_eq!(user(world, STRANGER).await, None);
    let form = [
        ("from", from.as_str()),
        ("to", STRANGER),
        ("reason", "asked by mail"),
    ];
    let done = press(&mut grace, &form).await;
    assert_eq!(done, format!("/admin/people?q={STRANGER}&done=moved"));
    world.settle().await;
    assert!(world.roles_of(ADA).is_empty());
    assert!(grace.page(&done).await.contains("never signed in"));
    // Signing in brings them in, with name and roles.
    world.sign_in(STRANGER).await;
    world.settle().await;
    let roles = world.plan_roles("Member").await;
    assert!(
        roles
            .iter()
            .all(|role| world.roles_of(STRANGER).contains(role))
    );
}
on_both!(to_somebody_who_was_never_here);

async fn what_cannot_be_is_shown_before(world: &World) {
    let ada = world.sign_in(ADA).await;
    let mut grace = world.sign_in(GRACE).await;
    let from = ada.user_id.clone();
    let page = grace
        .page(&format!("/admin/move?from={from}&to={LINUS}"))
        .await;
    assert!(page.contains("nothing that could move"));
    let page = grace
        .page(&format!("/admin/move?from={from}&to=linus"))
        .await;
    assert!(page.contains("That is no id at Discord."));
    let form = [("from", from.as_str()), ("to", "linus"), ("reason", "x")];
    assert!(press(&mut grace, &form).await.ends_with("problem=changed"));
}
on_both!(what_cannot_be_is_shown_before);
