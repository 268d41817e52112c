//! The database: reached, migrated, and of the same outside as the configuration.

use super::{Checked, Finding, Patient, unread};
use crate::config::Config;
use crate::db::installation::{Pin, pinned};
use crate::db::{Db, DbError, Migrated};
use std::path::Path;

/// What the look at a database that may not be there brought.
pub(super) enum Opened {
    Db(Db),
    /// There is none that could be read.
    None(Checked),
}

/// Opens the database for reading alone: a live server may be writing to it.
pub(super) async fn open(config: &Config) -> Opened {
    let url = &config.database_url;
    if let Some(file) = file_of(url)
        && !file.exists()
    {
        return Opened::None(no_file(file));
    }
    let db = match Db::open_to_read(url).await {
        Ok(db) => db,
        Err(error) => return Opened::None(unreachable(&error).into()),
    };
    match db.migrated().await {
        Ok(Migrated::Whole | Migrated::Behind { .. }) => Opened::Db(db),
        Ok(other) => {
            db.close().await;
            Opened::None(of_schema(&other))
        }
        Err(error) => {
            db.close().await;
            Opened::None(unreachable(&error).into())
        }
    }
}

/// The file of a SQLite database.
fn file_of(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or(path);
    (path != ":memory:").then(|| Path::new(path))
}

fn no_file(file: &Path) -> Checked {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if folder.is_dir() {
        return Checked::right("there is none yet; the first start makes it");
    }
    Finding::keeps_out(
        format!(
            "The folder {} does not exist, so the server does not start.",
            folder.display()
        ),
        "Make it, writable for the user the server runs as; or correct DATABASE_URL.",
    )
    .into()
}

/// In words of ours: the driver's own may hold what was in the address.
fn unreachable(error: &DbError) -> Finding {
    let why = match error {
        DbError::Sqlx(sqlx::Error::Io(error)) => format!("no connection ({})", error.kind()),
        DbError::Sqlx(sqlx::Error::PoolTimedOut) => "no answer within 5 seconds".to_owned(),
        DbError::Sqlx(sqlx::Error::Database(error)) => error.message().to_owned(),
        _ => "it cannot be opened".to_owned(),
    };
    Finding::keeps_out(
        format!("The database cannot be read: {why}."),
        "See whether DATABASE_URL is right, and whether the database runs and lets this user in.",
    )
}

fn of_schema(migrated: &Migrated) -> Checked {
    match migrated {
        Migrated::Whole => Checked::right("it answers, and its schema is this program's"),
        Migrated::Empty => Checked::right("it answers and is empty; the first start fills it"),
        Migrated::Behind { by } => Finding::advice(
            format!("Its schema is older than this program, by {by} of its steps."),
            "Start the server with this program: the start brings it up to date.",
        )
        .into(),
        Migrated::Ahead => Finding::keeps_out(
            "Its schema is newer than this program, which therefore does not start.",
            "Use the newer rollcall that the database was last started with.",
        )
        .into(),
        Migrated::Broken => Finding::keeps_out(
            "A step of its schema failed half way, so the server does not start.",
            "Restore the latest back-up, and start the server again.",
        )
        .into(),
    }
}

/// Answers the database too if its rows are ours to read.
pub(super) async fn look<'a>(patient: &Patient<'a>) -> (Vec<Checked>, Option<&'a Db>) {
    let Some(db) = patient.db else {
        return (Vec::new(), None);
    };
    let migrated = match db.migrated().await {
        Ok(migrated) => migrated,
        Err(error) => return (vec![unreachable(&error).into()], None),
    };
    let mut checked = vec![of_schema(&migrated)];
    if migrated != Migrated::Whole {
        return (checked, None);
    }
    match of_pins(patient, db).await {
        Ok(mut findings) => checked.append(&mut findings),
        Err(error) => checked.push(unread("what it was started with", &error)),
    }
    (checked, Some(db))
}

/// The mode and the server it was started with. The account is told by Stripe.
async fn of_pins(patient: &Patient<'_>, db: &Db) -> Result<Vec<Checked>, DbError> {
    let mode = if patient.config.stripe.live {
        "live"
    } else {
        "test"
    };
    let mut checked = Vec::new();
    for (pin, variable, what, value) in [
        (Pin::StripeMode, "STRIPE_SECRET_KEY", "mode", mode),
        (
            Pin::Guild,
            "DISCORD_GUILD_ID",
            "server",
            &patient.config.discord.guild_id,
        ),
    ] {
        if let Some(pinned) = pinned(db, pin).await?
            && pinned != value
        {
            checked.push(other(variable, what, &pinned).into());
        }
    }
    Ok(checked)
}

/// Another outside than the one that was pinned.
pub(super) fn other(variable: &str, what: &str, pinned: &str) -> Finding {
    Finding::keeps_out(
        format!(
            "{variable} is for another {what} than this database was started with ({pinned}), so the server does not start."
        ),
        "Use the old one, or a new database.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_found_in_the_address() {
        for (url, file) in [
            ("sqlite:rollcall.db", Some("rollcall.db")),
            ("sqlite:///var/lib/r.db?mode=rwc", Some("/var/lib/r.db")),
            ("sqlite:/var/lib/r.db", Some("/var/lib/r.db")),
            ("sqlite::memory:", None),
            ("postgres://host/r", None),
        ] {
            assert_eq!(file_of(url), file.map(Path::new), "{url}");
        }
    }
}
