//! The REST protocol around the objects: keys, parameters, idempotency, errors.

use serde_json::{Map, Value};

use super::{
    API_VERSION, Cause, Stripe,
    errors::{Outcome, Refusal},
    expand::check_paths,
    forms::{self, Params},
};
use crate::{ApiRequest, ApiResponse};

/// How long the answer to an `Idempotency-Key` is kept.
const KEY_KEPT_MS: i64 = 24 * 3600 * 1000;

/// The first answer to an `Idempotency-Key`.
#[derive(Debug)]
pub(super) struct Kept {
    at_ms: i64,
    /// Method, path and parameters.
    asked: String,
    request_id: String,
    answer: ApiResponse,
}

impl Stripe {
    /// Answers `/v1/…` at `now_ms` (UTC epoch milliseconds); what fell due before happens first.
    pub fn request(&mut self, now_ms: i64, req: &ApiRequest) -> ApiResponse {
        self.advance(now_ms);
        let request_id = self.request_ids.plain("req_", 14);
        let key = req
            .header("idempotency-key")
            .filter(|key| !key.is_empty())
            .map(str::to_owned);
        let mut response = match self.answer(req, &request_id, key.as_deref()) {
            Ok(response) => response,
            Err(refusal) => {
                ApiResponse::json(refusal.status, &refusal.body(&self.account_id, &request_id))
            }
        };
        self.cause = Cause::default();
        let version = req.header("stripe-version").unwrap_or(API_VERSION);
        let mut header =
            |name: &str, value: &str| response.headers.push((name.into(), value.into()));
        header("request-id", &request_id);
        header("stripe-version", version);
        if let Some(key) = &key {
            header("idempotency-key", key);
        }
        header("stripe-should-retry", "false");
        response
    }

    fn answer(
        &mut self,
        req: &ApiRequest,
        request_id: &str,
        key: Option<&str>,
    ) -> Outcome<ApiResponse> {
        self.authorize(req)?;
        let mut map = Map::new();
        forms::decode(req.query.as_bytes(), &mut map)?;
        if req.method == "POST" || req.method == "DELETE" {
            forms::decode(&req.body, &mut map)?;
        }
        self.cause = Cause {
            request: Some(request_id.to_owned()),
            key: key.map(str::to_owned),
        };
        let Some(key) = key.filter(|_| req.method == "POST") else {
            return self.perform(req, &map);
        };
        if key.len() > 255 {
            return Err(Refusal::invalid(
                "Idempotency keys can be at most 255 characters long.",
            ));
        }
        let asked = format!(
            "{} {} {}",
            req.method,
            req.path,
            canonical(&Value::Object(map.clone()))
        );
        if let Some(kept) = self
            .kept
            .get(key)
            .filter(|kept| self.now_ms < kept.at_ms + KEY_KEPT_MS)
        {
            return replay(kept, &asked, key);
        }
        let result = self.perform(req, &map);
        let answer = match &result {
            Ok(response) => Some(response.clone()),
            // Stripe keeps an answer only when the endpoint began to execute: not for parameters it refused.
            Err(refusal) if refusal.status == 402 => Some(ApiResponse::json(
                refusal.status,
                &refusal.body(&self.account_id, request_id),
            )),
            Err(_) => None,
        };
        if let Some(answer) = answer {
            let kept = Kept {
                at_ms: self.now_ms,
                asked,
                request_id: request_id.to_owned(),
                answer,
            };
            self.kept.insert(key.to_owned(), kept);
            if self.kept.len().is_multiple_of(4096) {
                let now = self.now_ms;
                self.kept.retain(|_, kept| now < kept.at_ms + KEY_KEPT_MS);
            }
        }
        result
    }

    fn authorize(&self, req: &ApiRequest) -> Outcome<()> {
        let Some(header) = req.header("authorization") else {
            return Err(Refusal::unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            ));
        };
        let key = header.strip_prefix("Bearer ").unwrap_or("").trim();
        if key == self.settings.api_key {
            return Ok(());
        }
        let tail = key.get(key.len().saturating_sub(4)..).unwrap_or("");
        Err(Refusal::unauthorized(format!(
            "Invalid API Key provided: sk_test_****{tail}"
        )))
    }

    fn perform(&mut self, req: &ApiRequest, map: &Map<String, Value>) -> Outcome<ApiResponse> {
        let p = Params::new(map);
        let path = req.path.strip_prefix("/v1/").unwrap_or("");
        let decoded: Vec<String> = path.split('/').map(decode_segment).collect();
        let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let wanted = p.texts("expand")?;
        check_paths(&wanted)?;
        let body = self
            .route(&req.method, &segments, &p)?
            .ok_or_else(|| Refusal::unknown_url(&req.method, &req.path))?;
        let body = self.expanded(body, &wanted)?;
        Ok(ApiResponse::json(200, &body))
    }

    fn route(&mut self, verb: &str, segments: &[&str], p: &Params<'_>) -> Outcome<Option<Value>> {
        let Some((first, rest)) = segments.split_first() else {
            return Ok(None);
        };
        match (*first, rest) {
            ("account", []) if verb == "GET" => {
                p.only(&[])?;
                Ok(Some(self.render_account()))
            }
            ("accounts", [id]) if verb == "GET" && *id == self.account_id => {
                Ok(Some(self.render_account()))
            }
            ("customers", rest) => self.customers_route(verb, rest, p),
            ("products", rest) => self.products_route(verb, rest, p),
            ("prices", rest) => self.prices_route(verb, rest, p),
            ("checkout", ["sessions", rest @ ..]) => self.sessions_route(verb, rest, p),
            ("subscriptions", rest) => self.subscriptions_route(verb, rest, p),
            ("subscription_items", rest) => self.items_route(verb, rest, p),
            ("subscription_schedules", rest) => self.schedules_route(verb, rest, p),
            ("invoices", rest) => self.invoices_route(verb, rest, p),
            ("invoice_payments", rest) => self.invoice_payments_route(verb, rest, p),
            ("invoiceitems", rest) => self.invoice_items_route(verb, rest, p),
            ("charges", rest) => self.charges_route(verb, rest, p),
            ("payment_intents", rest) => self.intents_route(verb, rest, p),
            ("setup_intents", rest) => self.setup_intents_route(verb, rest, p),
            ("refunds", rest) => self.refunds_route(verb, rest, p),
            ("disputes", rest) => self.disputes_route(verb, rest, p),
            ("payment_methods", rest) => self.methods_route(verb, rest, p),
            ("billing_portal", ["configurations", rest @ ..]) => {
                self.portal_configurations_route(verb, rest, p)
            }
            ("billing_portal", ["sessions", rest @ ..]) => {
                self.portal_sessions_route(verb, rest, p)
            }
            ("coupons", rest) => self.coupons_route(verb, rest, p),
            ("promotion_codes", rest) => self.promotion_codes_route(verb, rest, p),
            ("events", rest) => self.events_route(verb, rest, p),
            ("webhook_endpoints", rest) => self.endpoints_route(verb, rest, p),
            _ => Ok(None),
        }
    }
}

fn replay(kept: &Kept, asked: &str, key: &str) -> Outcome<ApiResponse> {
    if kept.asked != asked {
        return Err(Refusal::idempotency(format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
        )));
    }
    let mut answer = kept.answer.clone();
    answer
        .headers
        .push(("idempotent-replayed".into(), "true".into()));
    answer
        .headers
        .push(("original-request".into(), kept.request_id.clone()));
    Ok(answer)
}

/// The parameters whatever order they were sent in.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let inner: Vec<String> = keys
                .iter()
                .map(|key| format!("{key:?}:{}", canonical(&map[*key])))
                .collect();
            format!("{{{}}}", inner.join(","))
        }
        other => other.to_string(),
    }
}

fn decode_segment(segment: &str) -> String {
    // A plus in a path is a plus: only percent signs are decoded.
    let encoded = format!("x={}", segment.replace('+', "%2B"));
    url::form_urlencoded::parse(encoded.as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}
