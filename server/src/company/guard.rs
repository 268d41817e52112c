//! Who may do something for a company.
//!
//! Everything that reads or changes a company's affairs takes an [`Admin`], and only here is one
//! made. A company that is not there and one the asker does not look after are the same to them:
//! one statement, one answer.

use super::Failure;
use crate::db::DbError;
use app::company::{CompanyError, CompanyRole};
use sqlx::AnyConnection;

/// Ids of ours are shorter.
const LONGEST_ID: usize = 64;

/// Somebody who may act for a company.
#[derive(Clone, Debug)]
#[expect(
    clippy::manual_non_exhaustive,
    reason = "nobody else in this crate may make one either"
)]
pub struct Admin {
    pub company_id: String,
    /// The company's payer.
    pub payer_id: String,
    /// Who acts.
    pub user_id: String,
    pub role: CompanyRole,
    /// Made here alone.
    _guarded: (),
}

/// The company's admin or owner.
pub async fn admin(
    conn: &mut AnyConnection,
    user_id: &str,
    company_id: &str,
) -> Result<Admin, Failure> {
    if !may_be_id(company_id) {
        return Err(CompanyError::NotFound.into());
    }
    let row: Option<(String, String)> = sqlx::query_as(
        "SELECT company_people.role, payers.id FROM company_people \
         JOIN payers ON payers.company_id = company_people.company_id \
         WHERE company_people.company_id = $1 AND company_people.user_id = $2",
    )
    .bind(company_id)
    .bind(user_id)
    .fetch_optional(conn)
    .await?;
    let (role, payer_id) = row.ok_or(CompanyError::NotFound)?;
    let role = CompanyRole::from_word(&role)
        .ok_or_else(|| DbError::Impossible(format!("company_people.role {role}")))?;
    Ok(Admin {
        company_id: company_id.to_owned(),
        payer_id,
        user_id: user_id.to_owned(),
        role,
        _guarded: (),
    })
}

/// The company's owner. An admin is told that it is the owner's; anybody else, nothing.
pub async fn owner(
    conn: &mut AnyConnection,
    user_id: &str,
    company_id: &str,
) -> Result<Admin, Failure> {
    let admin = admin(conn, user_id, company_id).await?;
    if admin.role != CompanyRole::Owner {
        return Err(CompanyError::OwnersOnly.into());
    }
    Ok(admin)
}

/// Whether a database can be asked for it: whatever else is in an address is no id.
pub fn may_be_id(id: &str) -> bool {
    id.len() <= LONGEST_ID && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
