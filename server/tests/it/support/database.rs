//! A database of its own for each test.

use sqlx::{AssertSqlSafe, Connection, Executor};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

static MADE: AtomicU32 = AtomicU32::new(0);
/// Where the tests' set-up has a throw-away cluster: `postgres://user@host:port`.
const CLUSTER: &str = "ROLLCALL_TEST_POSTGRES";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

pub struct Database {
    pub url: String,
    file: Option<PathBuf>,
    cluster: Option<(String, String)>,
}

impl Database {
    /// The same, in memory where the system has files there: for many short histories.
    pub async fn in_memory(kind: Kind) -> Self {
        let shared = PathBuf::from("/dev/shm");
        Self::create_in(
            kind,
            if shared.is_dir() {
                shared
            } else {
                std::env::temp_dir()
            },
        )
        .await
    }

    pub async fn create(kind: Kind) -> Self {
        Self::create_in(kind, std::env::temp_dir()).await
    }

    /// Its name in the cluster.
    pub fn name(&self) -> &str {
        self.cluster.as_ref().map_or("", |(_, name)| name)
    }

    async fn create_in(kind: Kind, folder: PathBuf) -> Self {
        let name = format!(
            "rollcall_{}_{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        match kind {
            Kind::Sqlite => {
                let file = folder.join(format!("{name}.db"));
                Self {
                    url: format!("sqlite:{}", file.display()),
                    file: Some(file),
                    cluster: None,
                }
            }
            Kind::Postgres => {
                let cluster = std::env::var(CLUSTER).unwrap_or_else(|_| {
                    panic!("{CLUSTER} is not set: `make test` starts a cluster and sets it")
                });
                run(&cluster, &format!("CREATE DATABASE {name}")).await;
                Self {
                    url: format!("{cluster}/{name}"),
                    file: None,
                    cluster: Some((cluster, name)),
                }
            }
        }
    }

    pub async fn drop(self) {
        if let Some((cluster, name)) = &self.cluster {
            run(cluster, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            for end in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{end}", file.display()));
            }
        }
    }
}

async fn run(cluster: &str, sql: &str) {
    sqlx::any::install_default_drivers();
    let mut conn = sqlx::AnyConnection::connect(&format!("{cluster}/postgres"))
        .await
        .unwrap();
    conn.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    conn.close().await.unwrap();
}
