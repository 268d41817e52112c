//! What Stripe holds: customers with what they pay for, invoices, plans.

use serde_json::Value;

use super::{
    super::html::{button, each, escape, moment_s, money},
    status,
};

/// Customers and invoices that are shown, newest first.
const SHOWN: usize = 60;

/// An array of the state; empty when it is not there.
pub(super) fn list<'a>(state: &'a Value, name: &str) -> &'a [Value] {
    state[name].as_array().map_or(&[], Vec::as_slice)
}

/// A text of an object; empty when it is not there.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}

/// How many there are, of which the state holds the newest.
fn total(state: &Value, name: &str) -> u64 {
    state[format!("{name}_total")].as_u64().unwrap_or(0)
}

pub(super) fn sections(state: &Value) -> String {
    let customers = list(state, "customers");
    let shown = each(newest(customers), |customer| person(state, customer));
    let customers_html = if shown.is_empty() {
        "<p class=\"empty\">Nobody has been to the checkout yet.</p>".to_owned()
    } else {
        format!("<ul class=\"rows\">{shown}</ul>")
    };
    format!(
        "<h2>Stripe’s customers ({})</h2>{customers_html}{}{}",
        total(state, "customers"),
        invoices(state),
        plans(state),
    )
}

fn newest(objects: &[Value]) -> impl Iterator<Item = &Value> {
    let mut objects: Vec<&Value> = objects.iter().collect();
    objects.sort_by_key(|object| std::cmp::Reverse(object["created"].as_i64().unwrap_or(0)));
    objects.into_iter().take(SHOWN)
}

/// An id, whether the field holds it or the object.
fn id_of(field: &Value) -> &str {
    field.as_str().unwrap_or_else(|| text(field, "id"))
}

fn person(state: &Value, customer: &Value) -> String {
    let id = text(customer, "id");
    let email = text(customer, "email");
    let name = [text(customer, "name"), email, id]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default();
    let subscriptions = each(
        list(state, "subscriptions")
            .iter()
            .filter(|subscription| id_of(&subscription["customer"]) == id),
        |subscription| subscribed(state, subscription),
    );
    let subscriptions = if subscriptions.is_empty() {
        "<small>no subscription</small>".to_owned()
    } else {
        subscriptions
    };
    let gone = if customer["deleted"].as_bool() == Some(true) {
        status("deleted")
    } else {
        String::new()
    };
    format!(
        "<li data-customer=\"{id}\"><div class=\"who\"><strong>{}</strong>{gone}<small>{}</small>\
         <span class=\"id\">{id}</span></div>{subscriptions}</li>",
        escape(name),
        escape(if email == name { "" } else { email }),
        id = escape(id),
    )
}

fn subscribed(state: &Value, subscription: &Value) -> String {
    let id = text(subscription, "id");
    let state_name = text(subscription, "status");
    let items = list(&subscription["items"], "data");
    let what = items
        .iter()
        .map(|item| {
            let quantity = item["quantity"].as_i64().unwrap_or(1);
            let name = product_name(state, &item["price"]);
            if quantity == 1 {
                name
            } else {
                format!("{quantity} × {name}")
            }
        })
        .collect::<Vec<_>>()
        .join(", ");
    let end = items
        .iter()
        .filter_map(|item| item["current_period_end"].as_i64())
        .min();
    let ending = subscription["cancel_at_period_end"].as_bool() == Some(true)
        || subscription["cancel_at"].is_i64();
    let when = match (end, state_name, ending) {
        (Some(end), "active" | "trialing" | "past_due", true) => {
            format!(
                "ends {}",
                moment_s(subscription["cancel_at"].as_i64().unwrap_or(end))
            )
        }
        (Some(end), "active" | "trialing" | "past_due", false) => {
            format!("until {}", moment_s(end))
        }
        _ => String::new(),
    };
    format!(
        "<div data-subscription=\"{id}\" data-status=\"{state_name}\">{} {} <small>{when}</small> \
         <span class=\"id\">{id}</span>{}</div>",
        escape(&what),
        status(state_name),
        actions(id, state_name),
        id = escape(id),
    )
}

fn actions(id: &str, state_name: &str) -> String {
    if matches!(state_name, "canceled" | "incomplete_expired") {
        return String::new();
    }
    let one = |action: &str, label: &str| {
        button(&format!("stripe/{action}"), label, &[("subscription", id)])
    };
    let buttons = [
        one("cancel", "Cancel now"),
        one("cancel_at_period_end", "Cancel at period end"),
        one("keep", "Keep"),
        one("refund", "Refund the last payment"),
        one("dispute", "Dispute the last payment"),
        one("card_declines", "The card fails from now on"),
        one("card_works", "The card works again"),
        one("debit_settles", "The bank answers for the debit"),
        one("pause", "Pause collection"),
        one("resume", "Resume collection"),
    ]
    .concat();
    format!(
        "<details id=\"{}\"><summary>By hand</summary><div class=\"actions\">{buttons}</div></details>",
        escape(id)
    )
}

fn product_name(state: &Value, price: &Value) -> String {
    let price_id = id_of(price);
    let price = list(state, "prices")
        .iter()
        .find(|known| text(known, "id") == price_id)
        .unwrap_or(price);
    let product_id = id_of(&price["product"]);
    let name = list(state, "products")
        .iter()
        .find(|product| text(product, "id") == product_id)
        .map_or(product_id, |product| text(product, "name"));
    let every = text(&price["recurring"], "interval");
    if every.is_empty() {
        name.to_owned()
    } else {
        format!("{name}, each {every}")
    }
}

fn invoices(state: &Value) -> String {
    let all = list(state, "invoices");
    if all.is_empty() {
        return String::new();
    }
    let rows = each(newest(all), |invoice| {
        let number = match text(invoice, "number") {
            "" => text(invoice, "id"),
            number => number,
        };
        let label = match text(invoice, "hosted_invoice_url") {
            "" => escape(number),
            url => format!("<a href=\"{}\">{}</a>", escape(url), escape(number)),
        };
        format!(
            "<tr data-invoice=\"{}\"><td>{label}</td><td class=\"number\">{}</td><td>{}</td>\
             <td class=\"number\">{}</td></tr>",
            escape(text(invoice, "id")),
            money(
                invoice["total"].as_i64().unwrap_or(0),
                text(invoice, "currency")
            ),
            status(text(invoice, "status")),
            moment_s(invoice["created"].as_i64().unwrap_or(0)),
        )
    });
    format!(
        "<h2>Invoices ({})</h2><div class=\"scroll\"><table><thead><tr><th>Number</th><th>Total</th>\
         <th>State</th><th>Made</th></tr></thead><tbody>{rows}</tbody></table></div>",
        total(state, "invoices")
    )
}

fn plans(state: &Value) -> String {
    let products = list(state, "products");
    if products.is_empty() {
        return String::new();
    }
    let rows = each(products, |product| {
        let id = text(product, "id");
        let prices = each(
            list(state, "prices")
                .iter()
                .filter(|price| id_of(&price["product"]) == id),
            |price| {
                let every = match text(&price["recurring"], "interval") {
                    "" => "once".to_owned(),
                    interval => format!("each {interval}"),
                };
                let amount = money(
                    price["unit_amount"].as_i64().unwrap_or(0),
                    text(price, "currency"),
                );
                let retired = if price["active"].as_bool() == Some(false) {
                    " (retired)"
                } else {
                    ""
                };
                format!("<div>{amount} {every}{retired}</div>")
            },
        );
        let audience = text(&product["metadata"], "rollcall_audience");
        format!(
            "<tr data-product=\"{}\"><td>{}</td><td>{}</td><td class=\"number\">{prices}</td></tr>",
            escape(id),
            escape(text(product, "name")),
            escape(audience),
        )
    });
    format!(
        "<h2>Plans</h2><div class=\"scroll\"><table><thead><tr><th>Product</th><th>For</th><th>Prices</th>\
         </tr></thead><tbody>{rows}</tbody></table></div>"
    )
}
