//! `POST /_sandbox/stripe/…`: what a person, a bank or an operator in the Dashboard does.
//!
//! Where a charge is meant, it is named by `charge`, or is the last successful one of
//! `customer`, or of the customer of `subscription`. A customer can be named by `subscription`.
//!
//! | action | fields | does |
//! |---|---|---|
//! | `refund` | a charge, `amount` (all that is left) | `{"refund": id}` |
//! | `refund_fail` | `refund` | the bank sends it back |
//! | `dispute` | a charge, `reason` (`fraudulent`), `inquiry` (nothing is taken yet) | `{"dispute": id}` |
//! | `dispute_escalate` | `dispute` | of an inquiry: now the money is taken |
//! | `dispute_close` | `dispute`, or a charge; `won` | |
//! | `cancel` | `subscription` | at once |
//! | `cancel_at_period_end` | `subscription`, `by_cancel_at` (as the portal does for flexible billing) | |
//! | `keep` | `subscription` | takes a planned end back |
//! | `pause` | `subscription`, `behavior` (`void`, `keep_as_draft`, `mark_uncollectible`), `resumes_at` (seconds) | |
//! | `resume` | `subscription` | |
//! | `say` | `subscription`, `status` (empty: its own again) | answers that status for it, as a Stripe of later years might |
//! | `quantity` | `subscription`, `quantity` | of its first item, prorated |
//! | `card` | a customer, `kind` (`visa`, `declined`, `authenticate_always`, …) | the card that pays from now on; `{"payment_method": id}` |
//! | `card_works`, `card_declines` | a customer | the same with `visa` and `attach_then_fail` |
//! | `debit_settles` | a customer | the bank answers for the debit that is under way, as `bank_debit` or `bank_debit_fails` say |
//! | `pay` | `session`, `kind` (`visa`, `bank_debit`, …), `email`, `refuse` (the bank's question) | pays a Checkout Session; `{"url": where the browser goes}` |
//! | `customer` | `email`, `metadata` | `{"customer": id}` |
//! | `subscribe` | `customer`, `price`, `quantity` (1), `metadata` | `{"subscription": id}` |
//! | `customer_delete`, `product_delete` | `customer`, `product` | |
//! | `settings` | `after_last_retry` (`cancel`, `mark_unpaid`, `leave_past_due`), `retry_days`, `business_name`, `api_key`, `debit_activates` (a first payment by debit counts before the bank answers), `finalization_error` (`customer_tax_location_invalid`, or empty: invoices cannot be finalised) | the Dashboard's |

use serde_json::{Value, json};

use super::{
    Answer,
    fields::{Fields, Refused},
};
use crate::{
    ApiRequest, World,
    stripe::{AfterLastRetry, CardKind, Stripe},
};

pub(super) fn act(world: &mut World, action: &str, fields: &Fields) -> Answer {
    let now_ms = world.clock.now_ms();
    let stripe = &mut world.stripe;
    let done = match action {
        "refund" | "refund_fail" | "dispute" | "dispute_escalate" | "dispute_close" => {
            charges(stripe, now_ms, action, fields)?
        }
        "cancel" | "cancel_at_period_end" | "keep" | "pause" | "resume" | "quantity" | "say" => {
            subscriptions(stripe, now_ms, action, fields)?
        }
        "card" | "card_works" | "card_declines" => {
            let kind = match action {
                "card_works" => CardKind::Visa,
                "card_declines" => CardKind::AttachThenFail,
                _ => card_kind(fields.required("kind")?)?,
            };
            let customer = customer(stripe, now_ms, fields)?;
            let method = stripe
                .set_default_card(now_ms, &customer, kind)
                .map_err(told)?;
            Some(json!({"ok": true, "payment_method": method}))
        }
        "debit_settles" => {
            let customer = customer(stripe, now_ms, fields)?;
            stripe.settle_debit_of(now_ms, &customer).map_err(told)?;
            None
        }
        "settings" => {
            settings(stripe, fields)?;
            None
        }
        _ => people(stripe, now_ms, action, fields)?,
    };
    Ok(done.unwrap_or_else(|| json!({"ok": true})))
}

type Done = Result<Option<Value>, Refused>;

/// The engine's own words; those about a thing that is not there are told as such.
fn told(message: String) -> Refused {
    if message.starts_with("No such") {
        Refused::Absent(message)
    } else {
        Refused::Conflict(message)
    }
}

fn charges(stripe: &mut Stripe, now_ms: i64, action: &str, fields: &Fields) -> Done {
    if let ("dispute_close", Some(dispute)) = (action, fields.text("dispute")) {
        stripe
            .close_dispute(dispute, fields.flag("won"))
            .map_err(told)?;
        return Ok(None);
    }
    match action {
        "refund_fail" => {
            stripe
                .fail_refund(fields.required("refund")?)
                .map_err(told)?;
            return Ok(None);
        }
        "dispute_escalate" => {
            stripe
                .escalate_inquiry(fields.required("dispute")?)
                .map_err(told)?;
            return Ok(None);
        }
        _ => {}
    }
    let charge = charge(stripe, now_ms, fields)?;
    match action {
        "refund" => {
            let id = stripe
                .refund_charge(&charge, fields.int("amount")?)
                .map_err(told)?;
            Ok(Some(json!({"ok": true, "refund": id})))
        }
        "dispute" => {
            let reason = fields.text("reason").unwrap_or("fraudulent");
            let id = if fields.flag("inquiry") {
                stripe.open_inquiry(&charge, reason)
            } else {
                stripe.open_dispute(&charge, reason)
            }
            .map_err(told)?;
            Ok(Some(json!({"ok": true, "dispute": id})))
        }
        _ => {
            let listed = ask(stripe, now_ms, "/v1/disputes", &format!("charge={charge}"))?;
            let dispute = listed["data"][0]["id"]
                .as_str()
                .ok_or_else(|| Refused::absent("that charge is not disputed"))?;
            stripe
                .close_dispute(dispute, fields.flag("won"))
                .map_err(told)?;
            Ok(None)
        }
    }
}

fn subscriptions(stripe: &mut Stripe, now_ms: i64, action: &str, fields: &Fields) -> Done {
    let id = fields.required("subscription")?;
    match action {
        "cancel" => stripe.cancel_now(now_ms, id),
        "cancel_at_period_end" => {
            stripe.cancel_later(now_ms, id, fields.flag("by_cancel_at"), false)
        }
        "keep" => stripe.cancel_later(now_ms, id, false, true),
        "pause" => {
            let behavior = fields.text("behavior").unwrap_or("void");
            stripe.pause(now_ms, id, Some(behavior), fields.int("resumes_at")?)
        }
        "resume" => stripe.pause(now_ms, id, None, None),
        "say" => {
            stripe.say_of_subscription(id, fields.text("status").filter(|word| !word.is_empty()));
            Ok(())
        }
        _ => {
            let quantity = fields
                .int("quantity")?
                .ok_or_else(|| Refused::bad("quantity is missing"))?;
            stripe.set_quantity(now_ms, id, quantity)
        }
    }
    .map_err(told)?;
    Ok(None)
}

fn people(stripe: &mut Stripe, now_ms: i64, action: &str, fields: &Fields) -> Done {
    match action {
        "pay" => {
            let session = fields.required("session")?;
            let kind = card_kind(fields.text("kind").unwrap_or("visa"))?;
            let email = fields.text("email").unwrap_or("payer@example.org");
            let url = stripe
                .pay_session(now_ms, session, kind, email, !fields.flag("refuse"))
                .map_err(told)?;
            Ok(Some(json!({"ok": true, "url": url})))
        }
        "customer" => {
            let metadata = fields.pairs("metadata");
            let id = stripe.add_customer(now_ms, fields.required("email")?, &borrowed(&metadata));
            Ok(Some(json!({"ok": true, "customer": id})))
        }
        "subscribe" => {
            let metadata = fields.pairs("metadata");
            let id = stripe
                .subscribe(
                    now_ms,
                    fields.required("customer")?,
                    fields.required("price")?,
                    fields.int("quantity")?.unwrap_or(1),
                    &borrowed(&metadata),
                )
                .map_err(told)?;
            Ok(Some(json!({"ok": true, "subscription": id})))
        }
        "customer_delete" => {
            stripe.delete_customer(fields.required("customer")?);
            Ok(None)
        }
        "product_delete" => {
            stripe.delete_product(fields.required("product")?);
            Ok(None)
        }
        _ => Err(Refused::absent("there is no such control")),
    }
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

fn card_kind(name: &str) -> Result<CardKind, Refused> {
    CardKind::from_name(name).ok_or_else(|| {
        let names: Vec<_> = CardKind::all().map(CardKind::name).collect();
        Refused::Bad(format!("kind is one of {}", names.join(", ")))
    })
}

fn settings(stripe: &mut Stripe, fields: &Fields) -> Result<(), Refused> {
    if let Some(name) = fields.text("after_last_retry") {
        stripe.settings.after_last_retry = match name {
            "cancel" => AfterLastRetry::Cancel,
            "mark_unpaid" => AfterLastRetry::MarkUnpaid,
            "leave_past_due" => AfterLastRetry::LeavePastDue,
            _ => {
                return Err(Refused::bad(
                    "after_last_retry is cancel, mark_unpaid or leave_past_due",
                ));
            }
        };
    }
    if fields.value("retry_days").is_some() {
        stripe.settings.retry_days = fields
            .list("retry_days")
            .iter()
            .map(|days| days.parse().ok().filter(|days| *days > 0))
            .collect::<Option<_>>()
            .ok_or_else(|| Refused::bad("retry_days are whole numbers of days"))?;
    }
    if let Some(name) = fields.text("business_name") {
        name.clone_into(&mut stripe.settings.business_name);
    }
    if fields.value("debit_activates").is_some() {
        stripe.settings.debit_activates = fields.flag("debit_activates");
    }
    if let Some(code) = fields.value("finalization_error") {
        stripe.settings.finalization_error = match code.as_str() {
            Some("customer_tax_location_invalid") => Some("customer_tax_location_invalid"),
            Some("") | None => None,
            Some(_) => {
                return Err(Refused::bad(
                    "finalization_error is customer_tax_location_invalid or empty",
                ));
            }
        };
    }
    if let Some(key) = fields.text("api_key") {
        key.clone_into(&mut stripe.settings.api_key);
    }
    Ok(())
}

fn charge(stripe: &mut Stripe, now_ms: i64, fields: &Fields) -> Result<String, Refused> {
    if let Some(charge) = fields.text("charge") {
        return Ok(charge.to_owned());
    }
    let customer = customer(stripe, now_ms, fields)?;
    stripe
        .latest_charge(&customer)
        .ok_or_else(|| Refused::absent("nothing has been paid yet"))
}

fn customer(stripe: &mut Stripe, now_ms: i64, fields: &Fields) -> Result<String, Refused> {
    if let Some(customer) = fields.text("customer") {
        return Ok(customer.to_owned());
    }
    let id = fields
        .text("subscription")
        .filter(|id| {
            id.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
        .ok_or_else(|| Refused::bad("customer or subscription is missing"))?;
    let subscription = ask(stripe, now_ms, &format!("/v1/subscriptions/{id}"), "")?;
    subscription["customer"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Refused::absent("that subscription has no customer"))
}

/// Reads as the app would.
fn ask(stripe: &mut Stripe, now_ms: i64, path: &str, query: &str) -> Result<Value, Refused> {
    let key = format!("Bearer {}", stripe.settings.api_key);
    let answer = stripe.request(
        now_ms,
        &ApiRequest {
            method: "GET".into(),
            path: path.into(),
            query: query.into(),
            headers: vec![("authorization".into(), key)],
            body: Vec::new(),
        },
    );
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status == 200 {
        Ok(body)
    } else {
        let message = body["error"]["message"].as_str().unwrap_or_default();
        Err(told(message.to_owned()))
    }
}
