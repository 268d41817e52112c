//! A company, as whoever asks may see it.

use super::guard::{self, Admin};
use super::{Failure, held, paying, people};
use crate::db::DbError;
use crate::seats;
use crate::state::AppState;
use app::company::{Belongs, Company, CompanyError, CompanyRole, OwnCompany, Seen};
use app::seats::Pool;

pub async fn company(state: &AppState, user_id: &str, company_id: &str) -> Result<Seen, Failure> {
    let mut conn = state.db.reader().acquire().await?;
    let asker = guard::admin(&mut conn, user_id, company_id).await;
    // Who looks after it and who holds a seat are both asked for, whoever asks.
    let seat = held::of(&mut conn, user_id, Some(company_id)).await?;
    drop(conn);
    match asker {
        Ok(admin) => Ok(Seen::Admin(Box::new(of_admin(state, &admin).await?))),
        Err(Failure::Told(CompanyError::NotFound)) => {
            let seat = seat.into_iter().next();
            Ok(Seen::Holder(seat.ok_or(CompanyError::NotFound)?))
        }
        Err(other) => Err(other),
    }
}

async fn of_admin(state: &AppState, admin: &Admin) -> Result<Company, DbError> {
    let mut conn = state.db.reader().acquire().await?;
    let name = sqlx::query_scalar("SELECT name FROM companies WHERE id = $1")
        .bind(&admin.company_id)
        .fetch_one(&mut *conn)
        .await?;
    let rows = paying::rows(&mut conn, &admin.company_id, &admin.payer_id).await?;
    let pools = seats::pools(&mut conn, &admin.company_id, &admin.user_id).await?;
    let people = people::of(&mut conn, &admin.company_id, &admin.user_id).await?;
    // Invoices may be asked of Stripe: nobody else waits for this connection meanwhile.
    drop(conn);
    Ok(Company {
        id: admin.company_id.clone(),
        name,
        role: admin.role,
        paying: paying::paying(state, &rows).await?,
        pools,
        people,
    })
}

pub async fn belongs(state: &AppState, user_id: &str) -> Result<Belongs, Failure> {
    let mut conn = state.db.reader().acquire().await?;
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT companies.id, companies.name, company_people.role FROM company_people \
         JOIN companies ON companies.id = company_people.company_id \
         WHERE company_people.user_id = $1 ORDER BY companies.name, companies.id",
    )
    .bind(user_id)
    .fetch_all(&mut *conn)
    .await?;
    let mut companies = Vec::new();
    for (id, name, word) in rows {
        let role = CompanyRole::from_word(&word)
            .ok_or_else(|| DbError::Impossible(format!("company_people.role {word}")))?;
        let pools = seats::pools(&mut conn, &id, user_id).await?;
        companies.push(OwnCompany {
            held: pools.iter().map(Pool::held).sum(),
            paid: pools.iter().map(|pool| pool.paid).sum(),
            id,
            name,
            role,
        });
    }
    Ok(Belongs {
        companies,
        seats: held::of(&mut conn, user_id, None).await?,
    })
}
