//! The database: SQLite in a file, or PostgreSQL by URL, through one portable schema.

pub mod dirty;
pub mod installation;
pub mod rearm;

use futures::future::BoxFuture;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyConnection, AnyPool, Executor, Transaction};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// How often SQLite's log is moved into its file.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);
/// A commit moves the log into the file itself, and waits for that, only past this many pages:
/// where nothing [tends](Db::tend) the file, or writing never pauses.
const LAST_RESORT: &str = "PRAGMA wal_autocheckpoint = 16000";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// What was done of [`MIGRATIONS`]. SQLite's booleans are none that `Any` reads.
const STEPS: &str = "SELECT version, CAST(CASE WHEN success THEN 1 ELSE 0 END AS BIGINT) \
                     FROM _sqlx_migrations ORDER BY version";

/// How a database's schema stands to this program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrated {
    /// It was never started with.
    Empty,
    Whole,
    /// So many steps are to come.
    Behind {
        by: usize,
    },
    /// A newer program was here.
    Ahead,
    /// A step failed half way.
    Broken,
}

#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("the database did not answer: {0}")]
    Sqlx(#[from] sqlx::Error),
    #[error("the database could not be migrated: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A row that the schema and our own code rule out.
    #[error("the database holds an impossible row: {0}")]
    Impossible(String),
    /// The lease was lost to another worker; nothing was written.
    #[error("the lease on this subject was lost")]
    Fenced,
    /// The transaction this shared with others failed; nothing of it was written.
    #[error("the transaction this was a part of failed: {0}")]
    Together(String),
}

impl DbError {
    /// Whether the same statement may do better a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Sqlx(_) | Self::Fenced | Self::Together(_))
    }
}

/// One database. SQLite has one writing connection, so that writers queue here and never meet
/// `SQLITE_BUSY`; PostgreSQL shares one pool.
#[derive(Clone)]
pub struct Db {
    kind: Kind,
    readers: AnyPool,
    writer: AnyPool,
    pace: Option<Arc<dyn Pace>>,
}

/// Decides when a writing transaction may begin: the simulation, which tries every order.
pub trait Pace: Send + Sync {
    fn before_writing(&self) -> BoxFuture<'_, ()>;
}

impl Db {
    /// Connects and migrates. `url` is `sqlite:PATH` or `postgres://…`.
    pub async fn connect(url: &str) -> Result<Self, DbError> {
        sqlx::any::install_default_drivers();
        let kind = if url.starts_with("sqlite:") {
            Kind::Sqlite
        } else {
            Kind::Postgres
        };
        let (readers, writer) = match kind {
            Kind::Sqlite => {
                let url = if url.contains('?') {
                    url.to_owned()
                } else {
                    format!("{url}?mode=rwc")
                };
                let options = AnyConnectOptions::from_str(&url)?;
                let writer = sqlite_pool(1).connect_with(options.clone()).await?;
                MIGRATIONS.run(&writer).await?;
                let readers = sqlite_pool(4).connect_with(options).await?;
                (readers, writer)
            }
            Kind::Postgres => {
                let pool = AnyPoolOptions::new()
                    .max_connections(10)
                    .acquire_timeout(Duration::from_secs(5))
                    .connect_with(AnyConnectOptions::from_str(url)?)
                    .await?;
                MIGRATIONS.run(&pool).await?;
                (pool.clone(), pool)
            }
        };
        Ok(Self {
            kind,
            readers,
            writer,
            pace: None,
        })
    }

    /// Connects for reading alone: nothing is made or migrated, and what writes fails. A server may
    /// be writing to it meanwhile.
    pub async fn open_to_read(url: &str) -> Result<Self, DbError> {
        sqlx::any::install_default_drivers();
        let pool = |readonly: &'static str| {
            AnyPoolOptions::new()
                .max_connections(2)
                .acquire_timeout(Duration::from_secs(5))
                .after_connect(move |conn, _| {
                    Box::pin(async move {
                        conn.execute(readonly).await?;
                        Ok(())
                    })
                })
        };
        let (kind, pool) = if url.starts_with("sqlite:") {
            let path = url.split('?').next().unwrap_or(url);
            let options = AnyConnectOptions::from_str(&format!("{path}?mode=ro"))?;
            let pool = pool("PRAGMA query_only = ON").connect_with(options).await?;
            (Kind::Sqlite, pool)
        } else {
            let options = AnyConnectOptions::from_str(url)?;
            let only = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
            (Kind::Postgres, pool(only).connect_with(options).await?)
        };
        Ok(Self {
            kind,
            readers: pool.clone(),
            writer: pool,
            pace: None,
        })
    }

    /// How its schema stands to this program's.
    pub async fn migrated(&self) -> Result<Migrated, DbError> {
        let table = match self.kind {
            Kind::Sqlite => "SELECT name FROM sqlite_master WHERE name = '_sqlx_migrations'",
            Kind::Postgres => {
                "SELECT CAST(to_regclass('_sqlx_migrations') AS TEXT) WHERE to_regclass('_sqlx_migrations') IS NOT NULL"
            }
        };
        let there: Option<String> = sqlx::query_scalar(table)
            .fetch_optional(&self.readers)
            .await?;
        if there.is_none() {
            return Ok(Migrated::Empty);
        }
        let done: Vec<(i64, i64)> = sqlx::query_as(STEPS).fetch_all(&self.readers).await?;
        let known: Vec<i64> = MIGRATIONS.iter().map(|step| step.version).collect();
        let missing = known
            .iter()
            .filter(|version| !done.iter().any(|(done, _)| done == *version))
            .count();
        Ok(if done.iter().any(|(_, success)| *success == 0) {
            Migrated::Broken
        } else if done.iter().any(|(version, _)| !known.contains(version)) {
            Migrated::Ahead
        } else if missing > 0 {
            Migrated::Behind { by: missing }
        } else {
            Migrated::Whole
        })
    }

    /// The same database, where every writing transaction waits for `pace` to begin.
    #[must_use]
    pub fn paced(&self, pace: Arc<dyn Pace>) -> Self {
        Self {
            pace: Some(pace),
            ..self.clone()
        }
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// For reading outside a transaction.
    #[must_use]
    pub fn reader(&self) -> &AnyPool {
        &self.readers
    }

    /// Begins a transaction that will write.
    pub async fn begin(&self) -> Result<Transaction<'static, Any>, DbError> {
        if let Some(pace) = &self.pace {
            pace.before_writing().await;
        }
        Ok(match self.kind {
            Kind::Sqlite => self.writer.begin_with("BEGIN IMMEDIATE").await?,
            Kind::Postgres => self.writer.begin().await?,
        })
    }

    /// The time leases are measured by: the database's own on PostgreSQL, where several
    /// machines share it; this machine's on SQLite.
    pub async fn lease_now(&self, conn: &mut AnyConnection, wall_ms: i64) -> Result<i64, DbError> {
        match self.kind {
            Kind::Sqlite => Ok(wall_ms),
            Kind::Postgres => Ok(sqlx::query_scalar(
                "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
            )
            .fetch_one(conn)
            .await?),
        }
    }

    /// Moves SQLite's log into its file now and then, beside those who write, so that no commit
    /// waits for it. Ends at once on PostgreSQL, which does so itself, and with the connections.
    pub async fn tend(&self) {
        if self.kind != Kind::Sqlite {
            return;
        }
        let mut every = tokio::time::interval(CHECKPOINT_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            match self.readers.execute("PRAGMA wal_checkpoint(PASSIVE)").await {
                Ok(_) => {}
                Err(sqlx::Error::PoolClosed) => return,
                Err(error) => {
                    tracing::warn!(error = %error, "the database's log could not be moved into its file");
                }
            }
        }
    }

    /// Closes every connection; what follows fails.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn sqlite_pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5))
        .after_connect(|conn, _| {
            Box::pin(async move {
                for pragma in [
                    "PRAGMA journal_mode = WAL",
                    "PRAGMA synchronous = FULL",
                    "PRAGMA foreign_keys = ON",
                    "PRAGMA busy_timeout = 5000",
                    LAST_RESORT,
                ] {
                    conn.execute(pragma).await?;
                }
                Ok(())
            })
        })
}
