//! Seats: pools of what companies pay for, who holds what of them, and what another number costs.
//!
//! A pool and its seats change under the pool's lock alone ([`pool::lock`]); what Stripe says of it
//! comes with the sync of the company's payer ([`settle`]).

mod acts;
mod balance;
mod entitle;
mod holder;
mod list;
mod number;
mod pool;
mod retention;
mod settle;
mod story;
mod unread;

pub use acts::{
    SeatRow, free, free_one, has_seat, leave, locked, revoke, seat, suspend, take, undo,
};
pub use entitle::{By, all as entitle_all, one as entitle_one};
pub use holder::{give_up, last_owner, take_along};
pub use list::seats as list;
pub use number::{confirm, preview};
pub use pool::{PoolRow, find as find_pool, held, lock, pools, room};
pub use retention::tidy;
pub use settle::{Around, Given, plans_before, settle};
pub use story::{by_admin, tell};
pub use unread::without_stripe;

use crate::company::Failure;
use crate::patience::patiently;
use crate::state::AppState;
use app::changes::Confirmed;
use app::company::CompanyError;
use app::seats::{NumberPreview, Seat, SeatPage, SeatQuery, SeatsPort};
use app::stripe::StripeTrouble;
use async_trait::async_trait;

/// The server's side of [`SeatsPort`].
pub struct Seats(pub AppState);

/// What a person who waited long enough is told, where nothing is changed by it.
const LATE: CompanyError = CompanyError::Stripe(StripeTrouble::TimedOut);

/// Runs what was asked to its end.
async fn done<T: Send + 'static>(
    what: &'static str,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, CompanyError> {
    patiently(what, CompanyError::Unavailable, work).await
}

#[async_trait]
impl SeatsPort for Seats {
    async fn seats(
        &self,
        user_id: &str,
        company_id: &str,
        query: &SeatQuery,
    ) -> Result<SeatPage, CompanyError> {
        let state = self.0.clone();
        let (user, company, query) = (user_id.to_owned(), company_id.to_owned(), query.clone());
        done("seats", async move {
            list::seats(&state, &user, &company, &query).await
        })
        .await
    }

    async fn take(
        &self,
        user_id: &str,
        company_id: &str,
        plan_id: &str,
    ) -> Result<(), CompanyError> {
        let state = self.0.clone();
        let (user, company, plan) = (
            user_id.to_owned(),
            company_id.to_owned(),
            plan_id.to_owned(),
        );
        done("take a seat", async move {
            acts::take(&state, &user, &company, &plan).await
        })
        .await
    }

    async fn free(
        &self,
        user_id: &str,
        company_id: &str,
        seat_id: &str,
    ) -> Result<(), CompanyError> {
        let state = self.0.clone();
        let (user, company, seat) = (
            user_id.to_owned(),
            company_id.to_owned(),
            seat_id.to_owned(),
        );
        done("free a seat", async move {
            acts::free(&state, &user, &company, &seat).await
        })
        .await
    }

    async fn undo(
        &self,
        user_id: &str,
        company_id: &str,
        seat_id: &str,
    ) -> Result<(), CompanyError> {
        let state = self.0.clone();
        let (user, company, seat) = (
            user_id.to_owned(),
            company_id.to_owned(),
            seat_id.to_owned(),
        );
        done("give a seat back", async move {
            acts::undo(&state, &user, &company, &seat).await
        })
        .await
    }

    async fn leave(&self, user_id: &str, seat_id: &str) -> Result<(), CompanyError> {
        let state = self.0.clone();
        let (user, seat) = (user_id.to_owned(), seat_id.to_owned());
        done("leave a seat", async move {
            acts::leave(&state, &user, &seat).await
        })
        .await
    }

    async fn fallback(
        &self,
        user_id: &str,
        company_id: &str,
        plan_id: &str,
    ) -> Result<Vec<Seat>, CompanyError> {
        let state = self.0.clone();
        let (user, company, plan) = (
            user_id.to_owned(),
            company_id.to_owned(),
            plan_id.to_owned(),
        );
        done("who makes way", async move {
            list::fallback(&state, &user, &company, &plan).await
        })
        .await
    }

    async fn suspend(
        &self,
        user_id: &str,
        company_id: &str,
        plan_id: &str,
        seats: &[String],
    ) -> Result<(), CompanyError> {
        let state = self.0.clone();
        let (user, company, plan) = (
            user_id.to_owned(),
            company_id.to_owned(),
            plan_id.to_owned(),
        );
        let seats = seats.to_vec();
        done("choose who makes way", async move {
            acts::suspend(&state, &user, &company, &plan, &seats).await
        })
        .await
    }

    async fn preview(
        &self,
        user_id: &str,
        company_id: &str,
        seats: i64,
    ) -> Result<NumberPreview, CompanyError> {
        let (state, user, company) = (self.0.clone(), user_id.to_owned(), company_id.to_owned());
        patiently("seats preview", LATE, async move {
            number::preview(&state, &user, &company, seats).await
        })
        .await
    }

    async fn confirm(
        &self,
        user_id: &str,
        company_id: &str,
        seen: &str,
    ) -> Result<Confirmed, CompanyError> {
        let (state, user, company) = (self.0.clone(), user_id.to_owned(), company_id.to_owned());
        let seen = seen.to_owned();
        patiently("seats", CompanyError::Unknown, async move {
            number::confirm(&state, &user, &company, &seen).await
        })
        .await
    }

    async fn seen_number(&self, user_id: &str, company_id: &str, seen: &str) -> Option<i64> {
        number::seen(&self.0, user_id, company_id, seen)
    }
}
