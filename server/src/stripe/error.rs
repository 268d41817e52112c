//! What can go wrong at Stripe, in classes that decide what happens next.

use app::stripe::StripeTrouble;

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// Passes by itself: back off and come again.
    Retry,
    /// The object is not there.
    Absent,
    /// Somebody has to mend something first.
    NeedsPerson,
}

/// A failed request. Texts are ours; Stripe's own messages stay out of pages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StripeError {
    /// No connection was made: nothing happened at Stripe.
    #[error("Stripe is unreachable")]
    Unreachable,
    /// Our own circuit is open: not sent, nothing happened at Stripe.
    #[error("Stripe is down, and is not asked for a moment")]
    NotAsked,
    /// No answer in time: the effect is unknown until read again.
    #[error("Stripe did not answer in time")]
    TimedOut,
    #[error("Stripe is failing (status {status})")]
    Failing { status: u16 },
    #[error("Stripe asks us to slow down")]
    RateLimited,
    /// Another request holds the object (`lock_timeout`), or the first use of the key is under way.
    #[error("Stripe is busy with the same object")]
    Locked,
    #[error("Stripe refuses the key")]
    KeyRefused,
    #[error("the key lacks a right for {path}")]
    KeyLacksRight { path: String },
    /// The same idempotency key with other parameters.
    #[error("an idempotency key was used for something else")]
    KeyReused,
    #[error("Stripe does not know the object")]
    Missing,
    #[error("the card was refused{}", said(&[.code]))]
    Card { code: String },
    /// Stripe does not accept the request. `code` and `param` are Stripe's words.
    #[error("Stripe refused the request{}", said(&[.code, .param]))]
    Refused { code: String, param: String },
    /// An answer that is not what Stripe publishes.
    #[error("Stripe's answer cannot be read: {what}")]
    Unreadable { what: String },
}

/// `": code param"`, of those that Stripe sends.
fn said(words: &[&String]) -> String {
    let words: Vec<&str> = words
        .iter()
        .map(|word| word.as_str())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        String::new()
    } else {
        format!(": {}", words.join(" "))
    }
}

impl StripeError {
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Unreachable
            | Self::NotAsked
            | Self::TimedOut
            | Self::Failing { .. }
            | Self::RateLimited
            | Self::Locked => FailureClass::Retry,
            Self::Missing => FailureClass::Absent,
            Self::KeyRefused
            | Self::KeyLacksRight { .. }
            | Self::KeyReused
            | Self::Card { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. } => FailureClass::NeedsPerson,
        }
    }

    /// Whether the request may have been carried out all the same.
    #[must_use]
    pub fn may_have_landed(&self) -> bool {
        self.class() == FailureClass::Retry || matches!(self, Self::Unreadable { .. })
    }

    /// What it is to whoever waits for the answer.
    #[must_use]
    pub fn trouble(&self) -> StripeTrouble {
        match self {
            Self::Unreachable | Self::NotAsked => StripeTrouble::Unreachable,
            Self::TimedOut => StripeTrouble::TimedOut,
            Self::Failing { .. } => StripeTrouble::Failing,
            Self::RateLimited | Self::Locked => StripeTrouble::Busy,
            Self::KeyRefused => StripeTrouble::KeyRefused,
            Self::KeyLacksRight { .. } => StripeTrouble::KeyLacksRight,
            Self::KeyReused => StripeTrouble::KeyReused,
            Self::Missing | Self::Card { .. } | Self::Refused { .. } | Self::Unreadable { .. } => {
                StripeTrouble::Refused
            }
        }
    }

    /// Whether it says that Stripe is down, rather than anything of the request.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unreachable | Self::TimedOut | Self::Failing { .. }
        )
    }

    /// Reads Stripe's error body, `{"error": {"type", "code", "param"}}`, with its status.
    #[must_use]
    pub fn from_answer(status: u16, path: &str, body: &[u8]) -> Self {
        #[derive(serde::Deserialize, Default)]
        struct Inner {
            #[serde(default)]
            r#type: String,
            code: Option<String>,
            param: Option<String>,
        }
        #[derive(serde::Deserialize)]
        struct Outer {
            error: Inner,
        }
        let inner = serde_json::from_slice::<Outer>(body)
            .map(|outer| outer.error)
            .unwrap_or_default();
        let code = inner.code.unwrap_or_default();
        match status {
            401 => Self::KeyRefused,
            403 => Self::KeyLacksRight {
                path: path.to_owned(),
            },
            404 => Self::Missing,
            409 => Self::Locked,
            429 if code == "lock_timeout" => Self::Locked,
            429 => Self::RateLimited,
            _ if inner.r#type == "idempotency_error" => Self::KeyReused,
            402 => Self::Card { code },
            400 if code == "resource_missing" => Self::Missing,
            400..=499 => Self::Refused {
                code,
                param: inner.param.unwrap_or_default(),
            },
            _ => Self::Failing { status },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_fall_into_their_classes() {
        use FailureClass::{Absent, NeedsPerson, Retry};
        for (status, body, class) in [
            (
                401,
                r#"{"error":{"type":"invalid_request_error"}}"#,
                NeedsPerson,
            ),
            (
                403,
                r#"{"error":{"type":"invalid_request_error"}}"#,
                NeedsPerson,
            ),
            (404, r#"{"error":{"code":"resource_missing"}}"#, Absent),
            (
                400,
                r#"{"error":{"code":"resource_missing","param":"customer"}}"#,
                Absent,
            ),
            (
                400,
                r#"{"error":{"type":"idempotency_error"}}"#,
                NeedsPerson,
            ),
            (
                402,
                r#"{"error":{"type":"card_error","code":"card_declined"}}"#,
                NeedsPerson,
            ),
            (409, "", Retry),
            (429, r#"{"error":{"code":"lock_timeout"}}"#, Retry),
            (429, r#"{"error":{"code":"rate_limit"}}"#, Retry),
            (500, "not json", Retry),
            (503, "", Retry),
        ] {
            let error = StripeError::from_answer(status, "/customers", body.as_bytes());
            assert_eq!(error.class(), class, "{status} {body} {error:?}");
        }
    }

    #[test]
    fn what_passes_by_itself_is_told_as_that() {
        let lacks = StripeError::KeyLacksRight {
            path: "/x".to_owned(),
        };
        for (error, trouble) in [
            (StripeError::Unreachable, StripeTrouble::Unreachable),
            (StripeError::NotAsked, StripeTrouble::Unreachable),
            (StripeError::TimedOut, StripeTrouble::TimedOut),
            (StripeError::Failing { status: 503 }, StripeTrouble::Failing),
            (StripeError::RateLimited, StripeTrouble::Busy),
            (StripeError::Locked, StripeTrouble::Busy),
            (StripeError::KeyRefused, StripeTrouble::KeyRefused),
            (lacks, StripeTrouble::KeyLacksRight),
            (StripeError::KeyReused, StripeTrouble::KeyReused),
            (StripeError::Missing, StripeTrouble::Refused),
        ] {
            assert_eq!(error.trouble(), trouble, "{error:?}");
            let retry = error.class() == FailureClass::Retry;
            assert_eq!(trouble.passes(), retry, "{error:?}");
        }
    }

    #[test]
    fn a_text_ends_where_stripe_says_no_more() {
        let text = |status, body: &str| {
            StripeError::from_answer(status, "/subscriptions", body.as_bytes()).to_string()
        };
        for (status, body, expected) in [
            (
                402,
                r#"{"error":{"code":"card_declined"}}"#,
                "the card was refused: card_declined",
            ),
            (402, r#"{"error":{}}"#, "the card was refused"),
            (400, "", "Stripe refused the request"),
            (
                400,
                r#"{"error":{"param":"customer"}}"#,
                "Stripe refused the request: customer",
            ),
            (
                400,
                r#"{"error":{"code":"coupon_expired","param":"coupon"}}"#,
                "Stripe refused the request: coupon_expired coupon",
            ),
        ] {
            assert_eq!(text(status, body), expected, "{status} {body}");
        }
    }
}
