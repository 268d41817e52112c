//! A migrated database that is emptied before every history.

use crate::support::{Database, Kind};
use server::db::Db;
use sqlx::{AssertSqlSafe, Executor};

pub struct Room {
    db: Db,
    kind: Kind,
    tables: Vec<String>,
    database: Database,
}

impl Room {
    pub async fn open(kind: Kind) -> Self {
        let database = Database::in_memory(kind).await;
        let db = Db::connect(&database.url).await.unwrap();
        let listed = match kind {
            Kind::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlx%'"
            }
            Kind::Postgres => {
                "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '_sqlx%'"
            }
        };
        let tables: Vec<String> = sqlx::query_scalar(listed)
            .fetch_all(db.reader())
            .await
            .unwrap();
        let db = if kind == Kind::Postgres {
            simulated_time(&database, db).await
        } else {
            db
        };
        Self {
            db,
            kind,
            tables,
            database,
        }
    }

    pub async fn clean(&self) -> Db {
        let statements: Vec<String> = match self.kind {
            Kind::Sqlite => {
                // Children before their parents: the order of foreign keys, found by trying.
                let mut all = vec!["PRAGMA defer_foreign_keys = ON".to_owned()];
                all.extend(
                    self.tables
                        .iter()
                        .map(|table| format!("DELETE FROM {table}")),
                );
                all
            }
            Kind::Postgres => vec![
                format!("TRUNCATE {} CASCADE", self.tables.join(", ")),
                "UPDATE simulated_time SET now_ms = 0".to_owned(),
            ],
        };
        let mut tx = self.db.begin().await.unwrap();
        for statement in statements {
            tx.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        tx.commit().await.unwrap();
        self.db.clone()
    }

    pub async fn close(self) {
        self.db.close().await;
        self.database.drop().await;
    }
}

/// Leases are on the database's clock there: a function before PostgreSQL's own on the path reads
/// the simulation's.
async fn simulated_time(database: &Database, db: Db) -> Db {
    let mut tx = db.begin().await.unwrap();
    for statement in [
        "CREATE SCHEMA simulation".to_owned(),
        "CREATE TABLE simulation.simulated_time (now_ms BIGINT NOT NULL)".to_owned(),
        "INSERT INTO simulation.simulated_time VALUES (0)".to_owned(),
        "CREATE FUNCTION simulation.clock_timestamp() RETURNS TIMESTAMPTZ LANGUAGE SQL VOLATILE AS \
         'SELECT to_timestamp(now_ms / 1000.0) FROM simulation.simulated_time'"
            .to_owned(),
        format!(
            "ALTER DATABASE {} SET search_path = public, simulation, pg_catalog",
            database.name()
        ),
        format!("ALTER DATABASE {} SET synchronous_commit = off", database.name()),
    ] {
        tx.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    tx.commit().await.unwrap();
    db.close().await;
    Db::connect(&database.url).await.unwrap()
}
