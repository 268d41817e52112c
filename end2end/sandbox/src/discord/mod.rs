//! Discord, played.
use crate::{ApiRequest, ApiResponse};
#[derive(Debug)]
pub struct Discord {}
impl Discord {
    #[must_use]
    pub fn new(_seed: u64, _base: &str) -> Self { Self {} }
    pub fn request(&mut self, _now_ms: i64, _req: &ApiRequest) -> ApiResponse { ApiResponse::default() }
}
