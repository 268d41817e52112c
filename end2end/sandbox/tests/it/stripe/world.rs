//! A small world to ask: one clock, two prices, and short ways to say things.

use sandbox::{ApiRequest, ApiResponse, stripe::Stripe};
use serde_json::Value;
use time::{OffsetDateTime, macros::datetime};

pub const KEY: &str = "Bearer sk_test_sandbox";
pub const BASE: &str = "http://sandbox.test";
pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;

pub struct Play {
    pub stripe: Stripe,
    pub now: i64,
}

/// A product with a monthly and a yearly price.
pub struct Plan {
    pub product: String,
    pub monthly: String,
    pub yearly: String,
}

pub fn ms(moment: OffsetDateTime) -> i64 {
    moment.unix_timestamp() * 1000
}

pub fn body(response: &ApiResponse) -> Value {
    serde_json::from_slice(&response.body).unwrap_or(Value::Null)
}

pub fn header<'a>(response: &'a ApiResponse, name: &str) -> Option<&'a str> {
    response
        .headers
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// The text at a JSON pointer.
pub fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no text at {pointer} in {value:#}"))
        .to_owned()
}

/// The number at a JSON pointer.
pub fn number(value: &Value, pointer: &str) -> i64 {
    value
        .pointer(pointer)
        .and_then(Value::as_i64)
        .unwrap_or_else(|| panic!("no number at {pointer} in {value:#}"))
}

impl Play {
    pub fn new() -> Self {
        Self::at(datetime!(2026-01-31 10:00 UTC))
    }

    pub fn at(moment: OffsetDateTime) -> Self {
        Self {
            stripe: Stripe::new(7, BASE),
            now: ms(moment),
        }
    }

    pub fn call(
        &mut self,
        method: &str,
        target: &str,
        form: &str,
        headers: &[(&str, &str)],
    ) -> ApiResponse {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut all = vec![("authorization".to_owned(), KEY.to_owned())];
        all.extend(
            headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let request = ApiRequest {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: all,
            body: form.as_bytes().to_vec(),
        };
        self.stripe.request(self.now, &request)
    }

    /// A POST that must succeed.
    pub fn post(&mut self, path: &str, form: &str) -> Value {
        let response = self.call("POST", path, form, &[]);
        let answer = body(&response);
        assert_eq!(response.status, 200, "POST {path} {form}: {answer:#}");
        answer
    }

    /// A GET that must succeed.
    pub fn get(&mut self, target: &str) -> Value {
        let response = self.call("GET", target, "", &[]);
        let answer = body(&response);
        assert_eq!(response.status, 200, "GET {target}: {answer:#}");
        answer
    }

    pub fn delete(&mut self, path: &str) -> Value {
        let response = self.call("DELETE", path, "", &[]);
        let answer = body(&response);
        assert_eq!(response.status, 200, "DELETE {path}: {answer:#}");
        answer
    }

    /// A request that must be refused: (status, error).
    pub fn refused(&mut self, method: &str, target: &str, form: &str) -> (u16, Value) {
        let response = self.call(method, target, form, &[]);
        let answer = body(&response);
        assert!(
            response.status >= 400,
            "{method} {target} {form} was not refused: {answer:#}"
        );
        (response.status, answer["error"].clone())
    }

    /// A hosted page: (status, location, HTML).
    pub fn page(&mut self, method: &str, path: &str, form: &str) -> (u16, String, String) {
        let path = path.strip_prefix(BASE).unwrap_or(path);
        let request = ApiRequest {
            method: method.into(),
            path: path.into(),
            body: form.as_bytes().to_vec(),
            ..ApiRequest::default()
        };
        let response = self.stripe.page(self.now, &request);
        let location = header(&response, "location").unwrap_or("").to_owned();
        (
            response.status,
            location,
            String::from_utf8(response.body).unwrap(),
        )
    }

    pub fn wait(&mut self, ms: i64) {
        self.now += ms;
        self.stripe.advance(self.now);
    }

    pub fn wait_until(&mut self, moment: OffsetDateTime) {
        self.now = ms(moment);
        self.stripe.advance(self.now);
    }

    pub fn plan(&mut self, name: &str, monthly: i64, yearly: i64) -> Plan {
        let product = text(&self.post("/v1/products", &format!("name={name}")), "/id");
        let mut price = |amount: i64, every: &str| {
            let form = format!(
                "product={product}&currency=eur&unit_amount={amount}&recurring[interval]={every}"
            );
            text(&self.post("/v1/prices", &form), "/id")
        };
        let (monthly, yearly) = (price(monthly, "month"), price(yearly, "year"));
        Plan {
            product,
            monthly,
            yearly,
        }
    }

    pub fn customer(&mut self, email: &str) -> String {
        text(
            &self.post("/v1/customers", &format!("email={email}")),
            "/id",
        )
    }

    /// A customer whose default card is made from a ready-made token.
    pub fn payer(&mut self, token: &str) -> String {
        let customer = self.customer("payer@example.com");
        let method = text(
            &self.post(
                &format!("/v1/payment_methods/{token}/attach"),
                &format!("customer={customer}"),
            ),
            "/id",
        );
        self.post(
            &format!("/v1/customers/{customer}"),
            &format!("invoice_settings[default_payment_method]={method}"),
        );
        customer
    }

    pub fn subscribe(&mut self, customer: &str, price: &str, more: &str) -> Value {
        self.post(
            "/v1/subscriptions",
            &format!("customer={customer}&items[0][price]={price}{more}"),
        )
    }

    pub fn subscription(&mut self, id: &str) -> Value {
        self.get(&format!("/v1/subscriptions/{id}"))
    }

    /// A Checkout Session in subscription mode.
    pub fn session(&mut self, price: &str, more: &str) -> Value {
        self.post(
            "/v1/checkout/sessions",
            &format!(
                "mode=subscription&line_items[0][price]={price}&line_items[0][quantity]=1&success_url=https://app.test/billing?session_id={{CHECKOUT_SESSION_ID}}&cancel_url=https://app.test/{more}"
            ),
        )
    }

    /// Types of all events, oldest first.
    pub fn kinds(&mut self) -> Vec<String> {
        self.events()
            .iter()
            .map(|event| text(event, "/type"))
            .collect()
    }

    /// All events, oldest first.
    pub fn events(&mut self) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.get(&format!("/v1/events?limit=100{after}"));
            let data = page["data"].as_array().unwrap().clone();
            events.extend(data);
            if page["has_more"] != true {
                break;
            }
            after = format!("&starting_after={}", text(events.last().unwrap(), "/id"));
        }
        events.reverse();
        events
    }

    /// Types of the events made by `act`, in order.
    pub fn caused(&mut self, act: impl FnOnce(&mut Self)) -> Vec<String> {
        let last = self.events().last().map(|event| text(event, "/id"));
        act(self);
        let events = self.events();
        // The last one may be forgotten by now, and then all are newer.
        let after = events
            .iter()
            .position(|event| event["id"].as_str() == last.as_deref())
            .map_or(0, |place| place + 1);
        events[after..]
            .iter()
            .map(|event| text(event, "/type"))
            .collect()
    }
}

pub const GOOD_CARD: &str =
    "email=ada@example.com&card_number=4242+4242+4242+4242&exp=12/34&cvc=123&name=Ada";

pub fn card(number: &str) -> String {
    format!("email=ada@example.com&card_number={number}&exp=12/34&cvc=123")
}
