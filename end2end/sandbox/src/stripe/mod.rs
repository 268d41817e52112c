//! Stripe, played: a deterministic state machine behind its REST protocol.
use crate::{ApiRequest, ApiResponse};
#[derive(Debug)]
pub struct Stripe {}
impl Stripe {
    #[must_use]
    pub fn new(_seed: u64, _base: &str) -> Self { Self {} }
    pub fn advance(&mut self, _to_ms: i64) {}
    pub fn request(&mut self, _now_ms: i64, _req: &ApiRequest) -> ApiResponse { ApiResponse::default() }
    pub fn page(&mut self, _now_ms: i64, _req: &ApiRequest) -> ApiResponse { ApiResponse::default() }
}
