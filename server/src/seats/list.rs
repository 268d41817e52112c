//! The table of seats.

use super::acts::UNDO_MS;
use super::{balance, pool};
use crate::company::{Failure, guard};
use crate::db::DbError;
use crate::state::AppState;
use app::company::{CompanyError, CompanyRole};
use app::seats::{InviteMail, PAGE, Seat, SeatPage, SeatQuery, SeatState};
use sqlx::{AnyConnection, AssertSqlSafe, FromRow};

#[derive(FromRow)]
struct Row {
    id: String,
    state: String,
    was: Option<String>,
    because: Option<String>,
    holder: Option<String>,
    user_id: Option<String>,
    email: Option<String>,
    domain: Option<String>,
    created_at: i64,
    claimed_at: Option<i64>,
    changed_at: i64,
    expires_at: Option<i64>,
    mail: Option<String>,
    invite: Option<String>,
    role: Option<String>,
}

const SELECT: &str = "SELECT seats.id, seats.state, seats.was, seats.because, users.name AS holder, \
    seats.user_id, seats.email, seats.domain, seats.created_at, seats.claimed_at, seats.changed_at, \
    invites.expires_at, invites.mail, invites.id AS invite, company_people.role \
    FROM seats LEFT JOIN users ON users.id = seats.user_id \
    LEFT JOIN invites ON invites.seat_id = seats.id AND invites.state = 'open' \
    LEFT JOIN company_people ON company_people.company_id = seats.company_id \
    AND company_people.user_id = seats.user_id";

impl Row {
    fn seat(self, now: i64) -> Result<Seat, DbError> {
        let word = |word: &str| {
            SeatState::from_word(word)
                .ok_or_else(|| DbError::Impossible(format!("seats.state {word}")))
        };
        let state = word(&self.state)?;
        let undo = state == SeatState::Revoked
            && matches!(self.because.as_deref(), Some("freed" | "withdrawn"))
            && now - self.changed_at <= UNDO_MS;
        let addressed = self.email.is_some() && self.invite.is_some();
        Ok(Seat {
            was: self.was.as_deref().map(word).transpose()?,
            since: match state {
                SeatState::Revoked | SeatState::Suspended => self.changed_at,
                _ => self.claimed_at.unwrap_or(self.created_at),
            },
            mail: addressed.then_some(match self.mail.as_deref() {
                Some("sent") => InviteMail::Sent,
                Some("refused") => InviteMail::Refused,
                Some(_) => InviteMail::Failed,
                None => InviteMail::Waiting,
            }),
            role: self.role.as_deref().and_then(CompanyRole::from_word),
            id: self.id,
            holder: self.holder,
            holder_id: self.user_id,
            email: self.email,
            domain: self.domain,
            expires_at: self.expires_at,
            state,
            undo,
        })
    }
}

/// One page, newest first; for who is asked for, by part of a name or address.
pub async fn seats(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    query: &SeatQuery,
) -> Result<SeatPage, Failure> {
    let now = state.clock.policy_ms();
    let mut conn = state.db.reader().acquire().await?;
    let admin = guard::admin(&mut conn, user_id, company_id).await?;
    let of = match query.state {
        None => " AND seats.state <> 'revoked'".to_owned(),
        Some(state) => format!(" AND seats.state = '{}'", state.as_str()),
    };
    let search = query.search.trim().to_lowercase();
    let like = format!("%{}%", escaped(&search));
    let (filter, people) = if search.is_empty() {
        (String::new(), "")
    } else {
        (
            " AND (LOWER(COALESCE(users.name, '')) LIKE $3 ESCAPE '\\' OR seats.email LIKE $3 ESCAPE '\\')"
                .to_owned(),
            " LEFT JOIN users ON users.id = seats.user_id",
        )
    };
    let within = format!("WHERE seats.company_id = $1 AND seats.plan_id = $2{of}{filter}");
    let count = format!("SELECT COUNT(*) FROM seats{people} {within}");
    let mut counting = sqlx::query_scalar::<_, i64>(AssertSqlSafe(count))
        .bind(&admin.company_id)
        .bind(&query.plan_id);
    if !search.is_empty() {
        counting = counting.bind(&like);
    }
    let found = counting.fetch_one(&mut *conn).await?;
    let pages = (found + PAGE - 1) / PAGE;
    let page = query.page.clamp(1, pages.max(1));
    let rows = format!(
        "{SELECT} {within} ORDER BY seats.created_at DESC, seats.id DESC LIMIT {PAGE} OFFSET {}",
        (page - 1) * PAGE
    );
    let mut reading = sqlx::query_as::<_, Row>(AssertSqlSafe(rows))
        .bind(&admin.company_id)
        .bind(&query.plan_id);
    if !search.is_empty() {
        reading = reading.bind(&like);
    }
    let rows = reading.fetch_all(&mut *conn).await?;
    let seats: Result<Vec<Seat>, DbError> = rows.into_iter().map(|row| row.seat(now)).collect();
    Ok(SeatPage {
        seats: seats?,
        page,
        pages: pages.max(1),
        found,
    })
}

/// What stands for itself in `LIKE`.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

/// Of a pool that is over: whose seats would make way at the deadline, in order.
pub async fn fallback(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    plan_id: &str,
) -> Result<Vec<Seat>, Failure> {
    let now = state.clock.policy_ms();
    let mut conn = state.db.reader().acquire().await?;
    let admin = guard::admin(&mut conn, user_id, company_id).await?;
    let pool = pool::find(&mut conn, &admin.company_id, plan_id)
        .await?
        .ok_or(CompanyError::NotPaid)?;
    let held = pool::held(&mut conn, &pool.company_id, &pool.plan_id).await?;
    let ids = balance::would_make_way(&mut conn, &pool, held - pool.paid).await?;
    let mut seats = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(row) = by_id(&mut conn, &admin.company_id, &id).await? {
            seats.push(row.seat(now)?);
        }
    }
    Ok(seats)
}

async fn by_id(
    conn: &mut AnyConnection,
    company_id: &str,
    seat_id: &str,
) -> Result<Option<Row>, DbError> {
    let sql = format!("{SELECT} WHERE seats.id = $1 AND seats.company_id = $2");
    Ok(sqlx::query_as(AssertSqlSafe(sql))
        .bind(seat_id)
        .bind(company_id)
        .fetch_optional(conn)
        .await?)
}
