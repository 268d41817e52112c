//! The hosted pages: plain HTML that works without JavaScript.

mod checkout;
mod invoice;
mod portal;
mod portal_details;

use std::fmt::Write as _;

use serde_json::Map;
use time::OffsetDateTime;

use super::{
    Stripe,
    cards::{self, TypedCard},
    forms::{self, Params},
    records::Authentication,
};
use crate::{ApiRequest, ApiResponse};

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1a1f36;--soft:#5b6478;--line:#dfe3ea;--paper:#fff;--back:#f6f8fa;--act:#0b5cad;--bad:#a61b2b}
@media(prefers-color-scheme:dark){:root{--ink:#eef1f6;--soft:#a5afc0;--line:#363d4d;--paper:#1b202b;--back:#12161e;--act:#6db3f8;--bad:#ff9aa2}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:34rem;margin:0 auto;padding:2rem 1.25rem 4rem}h1{font-size:1.5rem;margin:.25rem 0 1rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}
.test{display:inline-block;padding:.1rem .5rem;border-radius:6px;background:#ffde92;color:#5a3d00;font-size:.8rem;font-weight:600}
.soft{color:var(--soft)}table{width:100%;border-collapse:collapse}td,th{padding:.5rem 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
td.sum,th.sum{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
label{display:block;margin:.9rem 0 .25rem;font-weight:600;font-size:.9rem}
input,select{width:100%;padding:.6rem .7rem;font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:8px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
button{width:100%;margin-top:1.25rem;padding:.75rem;font:inherit;font-weight:600;color:#fff;background:#0b5cad;border:0;border-radius:8px;cursor:pointer}
button.plain{color:var(--ink);background:transparent;border:1px solid var(--line)}button.small{width:auto;margin:.35rem .35rem 0 0;padding:.4rem .8rem}
a{color:var(--act)}.notice{margin:1rem 0;padding:.7rem .9rem;border-left:4px solid var(--bad);background:var(--paper)}
.notice.good{border-color:#1b7f4b}section{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:.5rem 1.1rem 1.1rem;margin-top:1rem}";

/// Text safe between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// `€29.00`, `12.50 CHF`, `¥500`.
pub(super) fn money(amount: i64, currency: &str) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let amount = amount.unsigned_abs();
    let number = if matches!(currency, "jpy" | "krw" | "vnd" | "clp") {
        amount.to_string()
    } else {
        format!("{}.{:02}", amount / 100, amount % 100)
    };
    match currency {
        "eur" => format!("{sign}€{number}"),
        "usd" => format!("{sign}${number}"),
        "gbp" => format!("{sign}£{number}"),
        "jpy" => format!("{sign}¥{number}"),
        other => format!("{sign}{number} {}", other.to_uppercase()),
    }
}

/// A whole page; `body` is HTML.
fn document(status: u16, title: &str, business: &str, body: &str) -> ApiResponse {
    let (title, business) = (escape(title), escape(business));
    ApiResponse::html(
        status,
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head><body><main><p class=\"soft\">{business} <span class=\"test\">TEST MODE</span></p>{body}</main></body></html>"
        ),
    )
}

fn notice(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| {
        format!(
            "<p class=\"notice\" id=\"error\" role=\"alert\">{}</p>",
            escape(text)
        )
    })
}

/// Number, expiry and security code.
const CARD_FIELDS: &str = "<label for=\"card_number\">Card number</label><input id=\"card_number\" name=\"card_number\" inputmode=\"numeric\" autocomplete=\"cc-number\" placeholder=\"1234 1234 1234 1234\" required><div class=\"pair\"><div><label for=\"exp\">Expiry</label><input id=\"exp\" name=\"exp\" inputmode=\"numeric\" autocomplete=\"cc-exp\" placeholder=\"MM / YY\" required></div><div><label for=\"cvc\">CVC</label><input id=\"cvc\" name=\"cvc\" inputmode=\"numeric\" autocomplete=\"cc-csc\" placeholder=\"CVC\" required></div></div>";

/// The bank's question; both buttons post `result` to `action`.
fn authentication_page(
    business: &str,
    question: &Authentication,
    amount: &str,
    action: &str,
) -> ApiResponse {
    let body = format!(
        "<h1>Confirm it is you</h1><p>Your bank asks to confirm {} with the card ending in {}.</p><form method=\"post\" action=\"{}\"><button id=\"complete-3ds\" name=\"result\" value=\"complete\">Complete authentication</button><button id=\"fail-3ds\" class=\"plain\" name=\"result\" value=\"fail\">Fail authentication</button></form>",
        escape(amount),
        question.card.last4(),
        escape(action),
    );
    document(200, "3D Secure", business, &body)
}

impl Authentication {
    fn typed(&self) -> TypedCard {
        TypedCard {
            kind: self.card,
            exp_month: self.exp_month,
            exp_year: self.exp_year,
        }
    }
}

impl Stripe {
    /// Answers the hosted pages: `/checkout/…`, `/portal/…`, `/invoice/…`.
    pub fn page(&mut self, now_ms: i64, req: &ApiRequest) -> ApiResponse {
        self.advance(now_ms);
        let mut map = Map::new();
        let read = forms::decode(&req.body, &mut map);
        if read.is_err() {
            return document(
                400,
                "Bad request",
                &self.settings.business_name,
                "<h1>This form could not be read.</h1>",
            );
        }
        let form = Params::new(&map);
        let segments: Vec<&str> = req
            .path
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        let post = req.method == "POST";
        match (segments.as_slice(), post) {
            (["checkout", id], false) => self.checkout_page(id),
            (["checkout", id], true) => self.checkout_post(id, &form),
            (["checkout", id, "authenticate"], post) => {
                self.checkout_authenticate(id, post.then_some(&form))
            }
            (["portal", id, rest @ ..], false) => self.portal_page(id, rest),
            (["portal", id, rest @ ..], true) => self.portal_post(id, rest, &form),
            (["invoice", id, rest @ ..], post) => {
                self.invoice_page(id, rest, post.then_some(&form))
            }
            _ => self.lost_page(),
        }
    }

    fn lost_page(&self) -> ApiResponse {
        document(
            404,
            "Not found",
            &self.settings.business_name,
            "<h1>There is nothing here</h1><p>The link is wrong or incomplete. Nothing was charged.</p>",
        )
    }

    /// Today as (year, month), for card expiries.
    fn today(&self) -> (i64, i64) {
        OffsetDateTime::from_unix_timestamp(self.stamp()).map_or((1970, 1), |now| {
            (i64::from(now.year()), i64::from(u8::from(now.month())))
        })
    }

    /// The card of a form.
    fn read_card(&self, form: &Params<'_>) -> Result<TypedCard, &'static str> {
        let text = |name: &str| form.text(name).ok().flatten().unwrap_or("");
        cards::read(text("card_number"), text("exp"), text("cvc"), self.today())
    }
}

/// A table of rows (left, right) and a total.
fn receipt(rows: &[(String, String)], total: (&str, &str)) -> String {
    let mut out = String::from("<table>");
    for (left, right) in rows {
        // Writing to a string never fails.
        let _ = write!(
            out,
            "<tr><td>{left}</td><td class=\"sum\">{}</td></tr>",
            escape(right)
        );
    }
    let _ = write!(
        out,
        "<tr><th>{}</th><th class=\"sum\" id=\"total\">{}</th></tr></table>",
        escape(total.0),
        escape(total.1)
    );
    out
}

/// The text of a member of a form.
pub(in crate::stripe) fn field<'a>(form: &Params<'a>, name: &str) -> Option<&'a str> {
    form.filled(name).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_and_escaping() {
        assert_eq!(money(2900, "eur"), "€29.00");
        assert_eq!(money(-5, "usd"), "-$0.05");
        assert_eq!(money(500, "jpy"), "¥500");
        assert_eq!(money(1250, "chf"), "12.50 CHF");
        assert_eq!(
            escape("<a href=\"x\">'&"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;"
        );
    }
}
