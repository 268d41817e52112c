//! What the landing page says when the plans cannot be shown.

use super::PlansError;
use crate::page::Told;

impl PlansError {
    #[must_use]
    pub fn told(&self) -> Told {
        match self {
            Self::Unavailable => Told {
                status: 503,
                title: "The plans cannot be shown right now.",
                meaning: "Memberships that run are not affected, and nothing was charged.",
                next: "Load the page again in a minute.",
                action: Some(("Load again", "/")),
            },
        }
    }
}
