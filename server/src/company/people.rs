//! Who looks after a company, and its name.

use super::guard::{self, Admin};
use super::{Failure, Step, tell};
use crate::db::DbError;
use crate::guards::LimitKind;
use crate::state::AppState;
use app::company::{CompanyError, CompanyPerson, CompanyRole, name};
use sqlx::AnyConnection;

/// Owners first, then by how long they do it.
pub async fn of(
    conn: &mut AnyConnection,
    company_id: &str,
    viewer: &str,
) -> Result<Vec<CompanyPerson>, DbError> {
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT users.id, users.name, company_people.role, company_people.since FROM company_people \
         JOIN users ON users.id = company_people.user_id WHERE company_people.company_id = $1 \
         ORDER BY CASE company_people.role WHEN 'owner' THEN 0 ELSE 1 END, company_people.since, users.id",
    )
    .bind(company_id)
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|(user_id, name, word, since)| {
            let role = CompanyRole::from_word(&word)
                .ok_or_else(|| DbError::Impossible(format!("company_people.role {word}")))?;
            Ok(CompanyPerson {
                own: user_id == viewer,
                user_id,
                name,
                role,
                since,
            })
        })
        .collect()
}

pub async fn rename(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    typed: &str,
) -> Result<(), Failure> {
    let admin = begin(state, user_id, company_id, Asked::OfAdmins).await?;
    let name = name::name(typed).ok_or(CompanyError::NameMissing)?;
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    let admin = held_again(&mut tx, &admin, Asked::OfAdmins).await?;
    let before: String = sqlx::query_scalar("SELECT name FROM companies WHERE id = $1")
        .bind(company_id)
        .fetch_one(&mut *tx)
        .await?;
    if before == name {
        return Ok(());
    }
    sqlx::query("UPDATE companies SET name = $1 WHERE id = $2")
        .bind(&name)
        .bind(company_id)
        .execute(&mut *tx)
        .await?;
    let detail = format!("renamed from “{before}” to “{name}”");
    step(&mut tx, &admin, None, &detail, now).await?;
    tx.commit().await?;
    Ok(())
}

pub async fn appoint(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    whom: &str,
    role: CompanyRole,
) -> Result<(), Failure> {
    let admin = begin(state, user_id, company_id, Asked::OfOwners).await?;
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    let admin = held_again(&mut tx, &admin, Asked::OfOwners).await?;
    match (role_of(&mut tx, company_id, whom).await?, role) {
        (Some(has), wanted) if has == wanted => return Ok(()),
        (Some(CompanyRole::Admin), _) => {}
        (Some(CompanyRole::Owner), _) => not_the_last(&mut tx, company_id).await?,
        (None, CompanyRole::Admin) => {
            if !has_seat(&mut tx, company_id, whom).await? {
                return Err(CompanyError::Stranger.into());
            }
        }
        // An admin was made an owner who is none any more.
        (None, CompanyRole::Owner) => return Err(CompanyError::Outdated.into()),
    }
    sqlx::query(
        "INSERT INTO company_people (company_id, user_id, role, since) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (company_id, user_id) DO UPDATE SET role = excluded.role, since = excluded.since",
    )
    .bind(company_id)
    .bind(whom)
    .bind(role.as_str())
    .bind(now)
    .execute(&mut *tx)
    .await?;
    let detail = format!("made {}", role.as_str());
    step(&mut tx, &admin, Some(whom), &detail, now).await?;
    tx.commit().await?;
    tracing::info!(company = company_id, user = whom, role = role.as_str(), by = %admin.user_id, "somebody looks after a company");
    Ok(())
}

pub async fn dismiss(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    whom: &str,
) -> Result<(), Failure> {
    // Anybody may give up their own.
    let asked = if whom == user_id {
        Asked::OfAdmins
    } else {
        Asked::OfOwners
    };
    let admin = begin(state, user_id, company_id, asked).await?;
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    let admin = held_again(&mut tx, &admin, asked).await?;
    match role_of(&mut tx, company_id, whom).await? {
        None => return Ok(()),
        Some(CompanyRole::Owner) => not_the_last(&mut tx, company_id).await?,
        Some(CompanyRole::Admin) => {}
    }
    sqlx::query("DELETE FROM company_people WHERE company_id = $1 AND user_id = $2")
        .bind(company_id)
        .bind(whom)
        .execute(&mut *tx)
        .await?;
    let detail = if whom == user_id {
        "looks after it no more, by their own wish"
    } else {
        "looks after it no more"
    };
    step(&mut tx, &admin, Some(whom), detail, now).await?;
    tx.commit().await?;
    tracing::info!(company = company_id, user = whom, by = %admin.user_id, "somebody looks after a company no more");
    Ok(())
}

/// Whose it is to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    OfAdmins,
    OfOwners,
}

async fn guarded(
    conn: &mut AnyConnection,
    user_id: &str,
    company_id: &str,
    asked: Asked,
) -> Result<Admin, Failure> {
    match asked {
        Asked::OfAdmins => guard::admin(conn, user_id, company_id).await,
        Asked::OfOwners => guard::owner(conn, user_id, company_id).await,
    }
}

/// Whoever asks, unless they ask too often. Nothing is written for anybody else.
async fn begin(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    asked: Asked,
) -> Result<Admin, Failure> {
    let admin = {
        let mut conn = state.db.reader().acquire().await?;
        guarded(&mut conn, user_id, company_id, asked).await?
    };
    state
        .limits
        .check(LimitKind::CompanyUser, user_id, state.clock.wall_ms())
        .map_err(|_| CompanyError::TooMany)?;
    Ok(admin)
}

/// Takes the company's row, so that what is counted afterwards stays so until the end of the
/// transaction, and asks once more.
async fn held_again(
    conn: &mut AnyConnection,
    admin: &Admin,
    asked: Asked,
) -> Result<Admin, Failure> {
    sqlx::query("UPDATE companies SET name = name WHERE id = $1")
        .bind(&admin.company_id)
        .execute(&mut *conn)
        .await?;
    guarded(conn, &admin.user_id, &admin.company_id, asked).await
}

async fn role_of(
    conn: &mut AnyConnection,
    company_id: &str,
    user_id: &str,
) -> Result<Option<CompanyRole>, Failure> {
    let word: Option<String> = sqlx::query_scalar(
        "SELECT role FROM company_people WHERE company_id = $1 AND user_id = $2",
    )
    .bind(company_id)
    .bind(user_id)
    .fetch_optional(conn)
    .await?;
    Ok(word.and_then(|word| CompanyRole::from_word(&word)))
}

/// One of the owners is to be none any more: another has to stay.
async fn not_the_last(conn: &mut AnyConnection, company_id: &str) -> Result<(), Failure> {
    let owners: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM company_people WHERE company_id = $1 AND role = 'owner'",
    )
    .bind(company_id)
    .fetch_one(conn)
    .await?;
    if owners < 2 {
        return Err(CompanyError::LastOwner.into());
    }
    Ok(())
}

async fn has_seat(
    conn: &mut AnyConnection,
    company_id: &str,
    user_id: &str,
) -> Result<bool, Failure> {
    let seats: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM seats WHERE user_id = $1 AND state IN ('claimed', 'suspended') \
         AND company_id = $2",
    )
    .bind(user_id)
    .bind(company_id)
    .fetch_one(conn)
    .await?;
    Ok(seats > 0)
}

async fn step(
    conn: &mut AnyConnection,
    admin: &Admin,
    about: Option<&str>,
    detail: &str,
    now: i64,
) -> Result<(), DbError> {
    let step = Step {
        company_id: &admin.company_id,
        by: &admin.user_id,
        about,
        detail,
        trace: &admin.company_id,
    };
    tell(conn, &step, now).await
}
