//! Another number of seats.

use crate::company::Failure;
use crate::state::AppState;
use app::changes::Confirmed;
use app::company::CompanyError;
use app::seats::NumberPreview;

pub async fn preview(_: &AppState, _: &str, _: &str, _: i64) -> Result<NumberPreview, Failure> {
    Err(CompanyError::Unavailable.into())
}

pub async fn confirm(_: &AppState, _: &str, _: &str, _: &str) -> Result<Confirmed, Failure> {
    Err(CompanyError::Unavailable.into())
}

pub fn seen(_: &AppState, _: &str, _: &str, _: &str) -> Option<i64> {
    None
}
