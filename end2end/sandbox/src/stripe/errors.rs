//! Stripe's error bodies.

use serde_json::{Value, json};

/// A refusal in the shape `{"error": {"type", "code", "message", "param", …}}`.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub status: u16,
    pub kind: &'static str,
    pub code: Option<&'static str>,
    pub decline_code: Option<&'static str>,
    pub message: String,
    pub param: Option<String>,
    pub payment_intent: Option<Value>,
}

/// The refusal is boxed: it is large and rare.
pub(super) type Outcome<T = Value> = Result<T, Box<Refusal>>;

impl Refusal {
    fn of(
        status: u16,
        kind: &'static str,
        code: Option<&'static str>,
        message: String,
    ) -> Box<Self> {
        Box::new(Self {
            status,
            kind,
            code,
            decline_code: None,
            message,
            param: None,
            payment_intent: None,
        })
    }

    /// 400 `invalid_request_error` without a code.
    pub fn invalid(message: impl Into<String>) -> Box<Self> {
        Self::of(400, "invalid_request_error", None, message.into())
    }

    /// 400 `invalid_request_error` about one parameter.
    pub fn param(param: impl Into<String>, message: impl Into<String>) -> Box<Self> {
        Self::invalid(message).at(param)
    }

    pub fn coded(code: &'static str, message: impl Into<String>) -> Box<Self> {
        Self::of(400, "invalid_request_error", Some(code), message.into())
    }

    pub fn missing(param: impl Into<String>) -> Box<Self> {
        let param = param.into();
        Self::coded(
            "parameter_missing",
            format!("Missing required param: {param}."),
        )
        .at(param)
    }

    pub fn unknown(param: impl Into<String>) -> Box<Self> {
        let param = param.into();
        Self::coded(
            "parameter_unknown",
            format!("Received unknown parameter: {param}"),
        )
        .at(param)
    }

    /// 404 for the object a path names.
    pub fn not_found(what: &str, id: &str) -> Box<Self> {
        let mut refusal = Self::no_such(what, id, "id");
        refusal.status = 404;
        refusal
    }

    /// 400 for an object a parameter names: Stripe keeps 404 for the path.
    pub fn no_such(what: &str, id: &str, param: &str) -> Box<Self> {
        Self::coded("resource_missing", format!("No such {what}: '{id}'")).at(param)
    }

    pub fn unknown_url(method: &str, path: &str) -> Box<Self> {
        Self::of(
            404,
            "invalid_request_error",
            None,
            format!(
                "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
            ),
        )
    }

    pub fn unauthorized(message: impl Into<String>) -> Box<Self> {
        Self::of(401, "invalid_request_error", None, message.into())
    }

    pub fn idempotency(message: impl Into<String>) -> Box<Self> {
        Self::of(400, "idempotency_error", None, message.into())
    }

    /// 402 `card_error`.
    pub fn card(code: &'static str, decline: Option<&'static str>, message: &str) -> Box<Self> {
        let mut refusal = Self::of(402, "card_error", Some(code), message.to_owned());
        refusal.decline_code = decline;
        refusal
    }

    #[must_use]
    pub fn at(mut self: Box<Self>, param: impl Into<String>) -> Box<Self> {
        self.param = Some(param.into());
        self
    }

    #[must_use]
    pub fn with_status(mut self: Box<Self>, status: u16) -> Box<Self> {
        self.status = status;
        self
    }

    pub fn body(&self, account: &str, request_id: &str) -> Value {
        let mut error = json!({
            "message": self.message,
            "request_log_url": format!("https://dashboard.stripe.com/{account}/test/workbench/logs?object={request_id}"),
            "type": self.kind,
        });
        if let Some(code) = self.code {
            error["code"] = code.into();
            error["doc_url"] = format!(
                "https://stripe.com/docs/error-codes/{}",
                code.replace('_', "-")
            )
            .into();
        }
        if let Some(code) = self.decline_code {
            error["decline_code"] = code.into();
        }
        if let Some(param) = &self.param {
            error["param"] = param.as_str().into();
        }
        if let Some(intent) = &self.payment_intent {
            error["payment_intent"] = intent.clone();
        }
        json!({ "error": error })
    }
}
