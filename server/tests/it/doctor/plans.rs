//! What can be wrong with what plans give.

use super::{advises, found, is_right, keeps_out, look};
use crate::on_both;
use crate::support::World;
use sandbox::discord::{GUILD, ROLE_BOT, ROLE_MODERATOR};
use server::doctor::Severity;

const PATRON: &str = "1100000000000000022";

fn move_role(world: &World, role: &str, position: i64) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.move_role(now, role, position).unwrap();
    });
}

/// A product at Stripe that our rows know nothing of yet, with a monthly price; its id.
async fn product(world: &World, name: &str, roles: &str) -> String {
    let form = [
        ("name", name),
        ("metadata[rollcall_audience]", "individual"),
        ("metadata[rollcall_roles]", roles),
    ];
    let made = world.at_stripe("/v1/products", &form).await;
    let id = made["id"].as_str().unwrap().to_owned();
    let form = [
        ("product", id.as_str()),
        ("currency", "eur"),
        ("unit_amount", "900"),
        ("recurring[interval]", "month"),
    ];
    world.at_stripe("/v1/prices", &form).await;
    id
}

async fn a_role_above_the_bots(world: &World) {
    move_role(world, PATRON, 6);
    let report = look(world).await;
    keeps_out(
        &report,
        "Plan Patron: The role ‘Patron’ stands above the bot's own, ‘Rollcall’",
        "Discord → Server Settings → Roles: drag ‘Rollcall’ above ‘Patron’",
    );
    move_role(world, &ROLE_BOT.to_string(), 6);
    assert!(!look(world).await.keeps_out());
}
on_both!(a_role_above_the_bots);

async fn a_role_that_was_deleted(world: &World) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.delete_role(now, PATRON).unwrap();
    });
    keeps_out(
        &look(world).await,
        "Plan Patron: The role was deleted at Discord",
        "put it into rollcall_roles",
    );
}
on_both!(a_role_that_was_deleted);

async fn a_role_of_an_integration(world: &World) {
    product(world, "Robots", &ROLE_BOT.to_string()).await;
    keeps_out(
        &look(world).await,
        "Plan Robots: The role ‘Rollcall’ belongs to an integration",
        "put it into rollcall_roles",
    );
}
on_both!(a_role_of_an_integration);

async fn a_role_that_everybody_has(world: &World) {
    product(world, "All", &GUILD.to_string()).await;
    keeps_out(
        &look(world).await,
        "Plan All: The plan names @everyone",
        "make a role of its own",
    );
}
on_both!(a_role_that_everybody_has);

async fn a_role_with_dangerous_rights(world: &World) {
    let role = ROLE_MODERATOR.to_string();
    product(world, "Helpers", &role).await;
    keeps_out(
        &look(world).await,
        "Plan Helpers: The role ‘Moderator’ carries Manage Roles, Manage Messages, Kick Members, Ban Members",
        "allow it at the desk",
    );
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("INSERT INTO role_consents (role_id, rights, given_by, given_at) VALUES ($1, $2, 'operator:1', 1)")
        .bind(&role)
        .bind("Manage Roles, Manage Messages, Kick Members, Ban Members")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(!look(world).await.keeps_out(), "with a yes");
}
on_both!(a_role_with_dangerous_rights);

async fn a_role_that_waits_for_a_yes(world: &World) {
    let role = world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.create_role(now, "Guests", 0).unwrap()
    });
    let plan: String = sqlx::query_scalar("SELECT id FROM plans WHERE name = 'Member'")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let roles = format!("{},{role}", world.plan_roles("Member").await.join(","));
    let path = format!("/v1/products/{plan}");
    let form = [("metadata[rollcall_roles]", roles.as_str())];
    world.at_stripe(&path, &form).await;
    world.settle().await;
    advises(
        &look(world).await,
        "Plan Member: the role ‘Guests’ joined it and waits",
        "/admin/roles → Guests: Give the role",
    );
}
on_both!(a_role_that_waits_for_a_yes);

async fn metadata_that_cannot_be_read(world: &World) {
    product(world, "Odd", "not-a-role").await;
    let report = look(world).await;
    keeps_out(
        &report,
        "Plan Odd: its metadata cannot be read, so nobody can buy it",
        "Odd → Metadata: rollcall_roles must be Discord role ids",
    );
}
on_both!(metadata_that_cannot_be_read);

async fn metadata_that_could_be_read_before(world: &World) {
    let plan: String = sqlx::query_scalar("SELECT id FROM plans WHERE name = 'Member'")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let path = format!("/v1/products/{plan}");
    world
        .at_stripe(&path, &[("metadata[rollcall_order]", "first")])
        .await;
    advises(
        &look(world).await,
        "Plan Member: its metadata cannot be read, so it stays what it last was",
        "rollcall_order must be a whole number",
    );
}
on_both!(metadata_that_could_be_read_before);

async fn a_plan_without_a_price(world: &World) {
    let form = [
        ("name", "Someday"),
        ("metadata[rollcall_audience]", "individual"),
        ("metadata[rollcall_roles]", PATRON),
    ];
    world.at_stripe("/v1/products", &form).await;
    advises(
        &look(world).await,
        "Plan Someday (prod_",
        "add a price each month or each year",
    );
}
on_both!(a_plan_without_a_price);

async fn nothing_to_buy(world: &World) {
    let plans: Vec<String> = sqlx::query_scalar("SELECT id FROM plans")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap();
    for plan in plans {
        let path = format!("/v1/products/{plan}");
        world.at_stripe(&path, &[("active", "false")]).await;
    }
    keeps_out(
        &look(world).await,
        "There is no plan that anybody could buy",
        "rollcall_audience and rollcall_roles",
    );
}
on_both!(nothing_to_buy);

async fn the_desk_says_the_same_as_the_doctor(world: &World) {
    move_role(world, PATRON, 6);
    world.advance(std::time::Duration::from_mins(11));
    world.settle().await;
    let (_, finding) = (
        0,
        found(&look(world).await, "‘Patron’ stands above").1.clone(),
    );
    let mut grace = world.sign_in(crate::login::site::GRACE).await;
    let page = grace.page("/admin/brake").await;
    assert!(page.contains(&finding.todo), "{}", finding.todo);
    let detail: String = sqlx::query_scalar(
        "SELECT detail FROM incidents WHERE kind = 'plan role' AND closed_at IS NULL",
    )
    .fetch_one(world.state.db.reader())
    .await
    .unwrap();
    assert_eq!(detail, finding.text(), "and so does the incident");
    assert_eq!(finding.severity, Severity::KeepsOut);
    move_role(world, &ROLE_BOT.to_string(), 6);
    world.advance(std::time::Duration::from_mins(11));
    world.settle().await;
    let page = grace.page("/admin/brake").await;
    assert!(!page.contains("drag ‘Rollcall’"));
    is_right(&look(world).await, "and the bot can give them");
}
on_both!(the_desk_says_the_same_as_the_doctor);
