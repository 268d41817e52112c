//! `rollcall doctor`, the program: beside a live server, before the first start, and where little
//! is right.

use crate::on_both;
use crate::support::{Kind, World};
use sqlx::AssertSqlSafe;
use std::collections::HashMap;

/// The program itself; its exit code and what it printed.
async fn doctor(variables: HashMap<String, String>) -> (Option<i32>, String) {
    let done = tokio::process::Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .arg("doctor")
        .env_clear()
        .envs(variables)
        .current_dir(std::env::temp_dir())
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .unwrap();
    assert_eq!(String::from_utf8(done.stderr).unwrap(), "");
    (done.status.code(), String::from_utf8(done.stdout).unwrap())
}

fn with(world: &World, own: &[(&str, &str)]) -> HashMap<String, String> {
    let mut variables = world.variables();
    for (name, value) in own {
        variables.insert((*name).to_owned(), (*value).to_owned());
    }
    variables
}

/// Every row of every table that a look could be tempted to write.
async fn rows(world: &World) -> Vec<i64> {
    let mut counted = Vec::new();
    for table in [
        "installation",
        "dirty",
        "incidents",
        "guild_roles",
        "plans",
        "messages",
        "mails",
        "stripe_budget",
    ] {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let count = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(world.state.db.reader())
            .await
            .unwrap();
        counted.push(count);
    }
    let spent = "SELECT CAST(SUM(spent_until) AS BIGINT) FROM stripe_budget";
    counted.push(world.count(spent).await);
    counted
}

async fn it_tells_a_line_each_beside_a_live_server_and_writes_nothing(world: &World) {
    let before = rows(world).await;
    // A transaction of the server's is under way meanwhile.
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("INSERT INTO installation (name, value) VALUES ('under_way', '1')")
        .execute(&mut *tx)
        .await
        .unwrap();
    let (code, said) = doctor(with(world, &[])).await;
    tx.rollback().await.unwrap();
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    let (last, lines) = lines.split_last().unwrap();
    for line in lines {
        assert!(
            ["right   ", "advice  "]
                .iter()
                .any(|state| line.starts_with(state)),
            "{line}"
        );
        assert_ne!(line.chars().nth(23), Some(' '), "{line}");
    }
    assert!(
        last.ends_with("0 wrong: nothing would keep a payer out."),
        "{last}"
    );
    assert_eq!(rows(world).await, before);
}
on_both!(it_tells_a_line_each_beside_a_live_server_and_writes_nothing);

async fn something_wrong_is_exit_code_1(world: &World) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.move_role(now, "1100000000000000022", 6).unwrap();
    });
    let (code, said) = doctor(with(world, &[])).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("wrong   plans          Plan Patron: The role ‘Patron’ stands above")
            && said.contains("drag ‘Rollcall’ above ‘Patron’, press Save Changes.\n"),
        "{said}"
    );
    assert!(
        said.trim_end()
            .ends_with("1 wrong: somebody who pays would be kept out."),
        "{said}"
    );
}
on_both!(something_wrong_is_exit_code_1);

async fn missing_variables_are_told_all_at_once(world: &World) {
    let mut variables = world.variables();
    for name in ["DISCORD_BOT_TOKEN", "ENCRYPTION_KEY", "PUBLIC_URL"] {
        variables.remove(name);
    }
    let (code, said) = doctor(variables).await;
    assert_eq!(code, Some(1));
    assert_eq!(said.lines().count(), 4, "{said}");
    for name in ["DISCORD_BOT_TOKEN", "ENCRYPTION_KEY", "PUBLIC_URL"] {
        assert!(
            said.contains(&format!(
                "wrong   configuration  {name} is missing, so the server does not start. Set it: "
            )),
            "{said}"
        );
    }
    let (code, said) = doctor(with(world, &[("STRIPE_WEBHOOK_SECRETS", "")])).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("STRIPE_WEBHOOK_SECRETS is missing"), "{said}");
    assert!(
        said.contains("right   Discord"),
        "the rest is looked at: {said}"
    );
}
on_both!(missing_variables_are_told_all_at_once);

async fn advice_on_the_configuration(world: &World) {
    let own = [
        ("OPERATOR_DISCORD_IDS", ""),
        ("PUBLIC_URL", "http://members.example.org"),
    ];
    let (_, said) = doctor(with(world, &own)).await;
    assert!(
        said.contains("advice  configuration  OPERATOR_DISCORD_IDS is empty"),
        "{said}"
    );
    assert!(
        said.contains("advice  configuration  People come to http://members.example.org/ without"),
        "{said}"
    );
}
on_both!(advice_on_the_configuration);

#[tokio::test]
async fn before_the_first_start_no_database_is_made() {
    let world = World::start(Kind::Sqlite).await;
    let file = std::env::temp_dir().join(format!("rollcall_none_{}.db", std::process::id()));
    let url = format!("sqlite:{}", file.display());
    let (code, said) = doctor(with(&world, &[("DATABASE_URL", &url)])).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("right   database       there is none yet"),
        "{said}"
    );
    assert!(
        said.contains("and the bot can give them"),
        "roles are told by Stripe: {said}"
    );
    assert!(!file.exists());
    let (code, said) = doctor(with(
        &world,
        &[("DATABASE_URL", "sqlite:/nowhere/at/all.db")],
    ))
    .await;
    assert_eq!(code, Some(1));
    assert!(
        said.contains("wrong   database       The folder /nowhere/at does not exist"),
        "{said}"
    );
    world.finish().await;
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_one_finding_of_many() {
    let world = World::start(Kind::Sqlite).await;
    let own = [(
        "DATABASE_URL",
        "postgres://rollcall:hush@127.0.0.1:9/rollcall",
    )];
    let (code, said) = doctor(with(&world, &own)).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("wrong   database       The database cannot be read"),
        "{said}"
    );
    assert!(
        said.contains("right   Stripe") && said.contains("right   Discord"),
        "{said}"
    );
    assert!(!said.contains("hush"), "{said}");
    world.finish().await;
}

async fn an_empty_an_older_and_a_newer_schema(world: &World) {
    let change = async |sql: &'static str| {
        let mut tx = world.state.db.begin().await.unwrap();
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    change("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1").await;
    let (code, said) = doctor(with(world, &[])).await;
    assert_eq!(code, Some(1));
    assert!(
        said.contains("wrong   database       Its schema is newer than this program"),
        "{said}"
    );
    change("UPDATE _sqlx_migrations SET version = 1 WHERE version = 9999").await;
    change("UPDATE _sqlx_migrations SET success = FALSE WHERE version = 2").await;
    let (code, said) = doctor(with(world, &[])).await;
    assert_eq!(code, Some(1));
    assert!(
        said.contains("A step of its schema failed half way"),
        "{said}"
    );
    change("UPDATE _sqlx_migrations SET success = TRUE WHERE version = 2").await;
    change("DELETE FROM _sqlx_migrations WHERE version > 12").await;
    let (code, said) = doctor(with(world, &[])).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("advice  database       Its schema is older than this program"),
        "{said}"
    );
    change("DROP TABLE _sqlx_migrations").await;
    let (code, said) = doctor(with(world, &[])).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("right   database       it answers and is empty"),
        "{said}"
    );
}
on_both!(an_empty_an_older_and_a_newer_schema);
