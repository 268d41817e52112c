//! Slash commands, over the gateway and back.

use super::{asked, commands_path, run, start, until};
use crate::account;
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::World;
use sandbox::clock::Clock as SandboxClock;
use sandbox::discord::PERSON_OWNER;
use serde_json::{Value, json};

/// The operator, who is in the server.
const OPERATOR: u64 = PERSON_OWNER;

/// The operator uses a command; answers what is said.
pub async fn ask(world: &World, command: &str, options: &Value) -> String {
    used(world, &OPERATOR.to_string(), command, options).await
}

/// Somebody uses a command; answers what is said to them alone.
async fn used(world: &World, user: &str, command: &str, options: &Value) -> String {
    let id = world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord
            .use_command(now, SandboxClock::wall_ms(), user, command, options)
            .unwrap()
    });
    let said = || {
        world.sandbox.with(|w| {
            let known = w
                .discord
                .interactions()
                .iter()
                .find(|known| known.id.to_string() == id)?;
            assert!(known.callback.is_none() || known.ephemeral());
            let message = known.original?;
            w.discord
                .messages()
                .iter()
                .find(|known| known.id == message)
                .map(|message| message.content.clone())
        })
    };
    until("the command is answered", || async { said().is_some() }).await;
    said().unwrap()
}

fn about(user: &str) -> Value {
    json!([{"name": "user", "type": 6, "value": user}])
}

async fn membership_says_ones_own_state_and_why(world: &World) {
    let bot = start(world).await;
    let none = used(world, ADA, "membership", &json!([])).await;
    assert!(none.contains("no membership here yet"), "{none}");
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let text = used(world, ADA, "membership", &json!([])).await;
    for part in [
        "**You’re in. Renews on",
        "Payment: Paid through Stripe.",
        "Discord: Your roles are in place.",
        "gives you the plan Member",
        &format!("{}/billing", world.base),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("4242") && !text.contains('@'), "{text}");
    bot.stop(world).await;
}
on_both!(membership_says_ones_own_state_and_why);

async fn operators_commands_are_refused_to_everybody_else(world: &World) {
    let bot = start(world).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let generation = "SELECT generation FROM dirty WHERE kind = 'user'";
    let before = world.count(generation).await;
    for (command, options) in [
        ("whois", about(ADA)),
        ("resync", about(ADA)),
        ("verify-setup", json!([])),
    ] {
        let text = used(world, GRACE, command, &options).await;
        assert!(
            text.contains("for the people who run this community"),
            "{text}"
        );
        assert!(!text.contains("sub_") && !text.contains("usr_"), "{text}");
    }
    assert_eq!(world.count(generation).await, before, "nobody was marked");
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM audit WHERE event = 'resync'")
            .await,
        0
    );
    bot.stop(world).await;
}
on_both!(
    operators_commands_are_refused_to_everybody_else,
    "OPERATOR_DISCORD_IDS" = "1100000000000000100"
);

async fn whois_shows_the_chain_and_no_address_or_card(world: &World) {
    let bot = start(world).await;
    let stranger = ask(world, "whois", &about(GRACE)).await;
    assert!(stranger.contains("has never signed in here"), "{stranger}");
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let text = ask(world, "whois", &about(ADA)).await;
    for part in [
        "in the server.",
        "Payer: pay_",
        &ada.customer().await,
        "Subscription sub_",
        "Access to Member by sub_",
        "granted",
        "Role Member: granted; Discord answered",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    for hidden in ["ada@example.org", "example.org", "4242", "Visa"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    bot.stop(world).await;
}
on_both!(
    whois_shows_the_chain_and_no_address_or_card,
    "OPERATOR_DISCORD_IDS" = "1100000000000000100"
);

async fn resync_marks_and_writes_who_asked(world: &World) {
    let bot = start(world).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let due = "SELECT COUNT(*) FROM dirty WHERE class = 0 AND trace LIKE 'resync_%' AND kind IN ('user', 'payer')";
    let text = ask(world, "resync", &about(ADA)).await;
    assert!(
        text.contains("Stripe and Discord are read again now"),
        "{text}"
    );
    assert_eq!(world.count(due).await, 2);
    let actor: String = sqlx::query_scalar("SELECT actor FROM audit WHERE event = 'resync'")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    assert_eq!(actor, format!("operator:{OPERATOR}"));
    world.settle().await;
    bot.stop(world).await;
}
on_both!(
    resync_marks_and_writes_who_asked,
    "OPERATOR_DISCORD_IDS" = "1100000000000000100"
);

async fn verify_setup_says_what_to_mend(world: &World) {
    let bot = start(world).await;
    let text = ask(world, "verify-setup", &json!([])).await;
    assert!(
        text.contains("**Nothing would keep a payer out.**"),
        "{text}"
    );
    let move_bot = |position| {
        world.sandbox.with(|w| {
            let now = w.clock.now_ms();
            w.discord
                .move_role(now, &sandbox::discord::ROLE_BOT.to_string(), position)
                .unwrap();
        });
    };
    move_bot(1);
    let wrong = || {
        world.count("SELECT COUNT(*) FROM incidents WHERE kind = 'plan role' AND closed_at IS NULL")
    };
    super::worked_until(world, "it is seen", || async { wrong().await > 0 }).await;
    let text = ask(world, "verify-setup", &json!([])).await;
    assert!(
        text.contains("things would keep a payer out:**")
            && text.contains("Server Settings → Roles: drag ‘Rollcall’ above ‘Patron’"),
        "{text}"
    );
    move_bot(6);
    super::worked_until(world, "it is mended", || async { wrong().await == 0 }).await;
    bot.stop(world).await;
}
on_both!(
    verify_setup_says_what_to_mend,
    "OPERATOR_DISCORD_IDS" = "1100000000000000100"
);

async fn commands_are_registered_once(world: &World) {
    let path = commands_path(world);
    let first = start(world).await;
    until("they are registered", || async {
        asked(world, "PUT", &path) == 1
    })
    .await;
    first.stop(world).await;
    let second = run(&world.state);
    super::connected(world, 2).await;
    world.settle().await;
    assert_eq!(asked(world, "PUT", &path), 1, "they differ in nothing");
    second.stop(world).await;
}
on_both!(commands_are_registered_once);

async fn whois_tells_of_a_move_and_of_a_deletion(world: &World) {
    let bot = start(world).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let id = account::ticket(world, &mut ada, account::LINUS).await;
    assert_eq!(account::confirm(&mut ada, &id).await, "/account?moved=1");
    world.settle().await;
    let to = account::user(world, account::LINUS).await.unwrap();
    let text = ask(world, "whois", &about(ADA)).await;
    for part in [
        "Payer: none",
        "The membership was moved to another Discord account.",
        &format!("member, move: the membership moved to {to}"),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let mut linus = world.sign_in(account::LINUS).await;
    account::ask_deletion(&mut linus).await;
    let text = ask(world, "whois", &about(account::LINUS)).await;
    for part in [
        "The account is to be deleted; they can still take it back.",
        "member, account: asked for the account to be deleted",
        &format!("the membership moved here from {}", ada.user_id),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let kept = account::post(&mut linus.browser, "/api/keep_account", &[]).await;
    assert_eq!(kept, "/account?kept=1");
    bot.stop(world).await;
}
on_both!(
    whois_tells_of_a_move_and_of_a_deletion,
    "OPERATOR_DISCORD_IDS" = "1100000000000000100"
);
