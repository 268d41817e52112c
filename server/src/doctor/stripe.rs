//! Stripe: the key and its rights, the webhook endpoint, the portal, the catalogue.

use super::database::other;
use super::{Checked, Finding, Patient, unread};
use crate::config::Config;
use crate::db::installation::{self, Pin};
use crate::stripe::endpoints::Endpoint;
use crate::stripe::events::SUBSCRIBED;
use crate::stripe::objects::{Account, Price, Product};
use crate::stripe::{API_VERSION, FailureClass, StripeError};
use secrecy::ExposeSecret;

/// Products and active prices as they were just read.
pub(super) struct Catalogue {
    pub products: Vec<Product>,
    pub prices: Vec<Price>,
}

/// A resource that a restricted key needs a right to.
struct Needed {
    path: &'static str,
    name: &'static str,
    right: &'static str,
    /// Without it payments are not turned into roles.
    vital: bool,
}

const fn needed(
    path: &'static str,
    name: &'static str,
    right: &'static str,
    vital: bool,
) -> Needed {
    Needed {
        path,
        name,
        right,
        vital,
    }
}

/// What reading can find out. A right to write is not tried: that would write.
const NEEDED: [Needed; 11] = [
    needed("/customers", "Customers", "write", true),
    needed("/checkout/sessions", "Checkout Sessions", "write", true),
    needed("/subscriptions", "Subscriptions", "write", true),
    needed("/payment_methods", "Payment Methods", "read", true),
    needed("/invoices", "Invoices", "write", true),
    needed("/charges", "Charges and Refunds", "read", false),
    needed("/refunds", "Charges and Refunds", "read", false),
    needed("/disputes", "Disputes", "read", false),
    needed("/payment_intents", "PaymentIntents", "read", false),
    needed("/events", "Events", "read", false),
    needed("/promotion_codes", "Promotion Codes", "read", false),
];

pub(super) async fn look(patient: &Patient<'_>) -> (Vec<Checked>, Option<Catalogue>) {
    let mut checked = Vec::new();
    match patient.stripe.account().await {
        Ok(account) => of_account(patient, &account, &mut checked).await,
        Err(StripeError::KeyLacksRight { .. }) => checked.push(
            Finding::advice(
                format!(
                    "STRIPE_SECRET_KEY is for {} mode and may not say for which account.",
                    mode(patient.config)
                ),
                "Nothing, if it is the right one; otherwise use the secret key.",
            )
            .into(),
        ),
        Err(error) => return (vec![no_answer(&error).into()], None),
    }
    if restricted(patient.config) {
        checked.append(&mut of_restricted_rights(patient).await);
    }
    let (endpoint, portal, catalogue) =
        futures::join!(of_endpoint(patient), of_portal(patient), catalogue(patient));
    checked.extend(endpoint);
    checked.extend(portal);
    match catalogue {
        Ok(catalogue) => (checked, Some(catalogue)),
        Err(error) => {
            checked.push(unlisted("the plans", "Products and Prices", &error, true).into());
            (checked, None)
        }
    }
}

fn mode(config: &Config) -> &'static str {
    if config.stripe.live { "live" } else { "test" }
}

fn restricted(config: &Config) -> bool {
    config.stripe.secret_key.expose_secret().starts_with("rk_")
}

async fn catalogue(patient: &Patient<'_>) -> Result<Catalogue, StripeError> {
    Ok(Catalogue {
        products: patient.stripe.products().await?,
        prices: patient.stripe.prices().await?,
    })
}

/// Why Stripe as a whole cannot be looked at.
fn no_answer(error: &StripeError) -> Finding {
    match error {
        StripeError::KeyRefused => Finding::keeps_out(
            "Stripe refuses STRIPE_SECRET_KEY: it was revoked, rolled, or copied in part.",
            "Stripe dashboard → Developers → API keys: take one that is valid, set STRIPE_SECRET_KEY and start the server again.",
        ),
        error => Finding::keeps_out(
            format!("Stripe cannot be asked: {error}."),
            "Look at this machine's network and at status.stripe.com, and run this again.",
        ),
    }
}

/// One thing that could not be looked at, where others could.
fn unlisted(what: &str, right: &str, error: &StripeError, vital: bool) -> Finding {
    let (told, todo) = match error {
        StripeError::KeyLacksRight { .. } => (
            format!("STRIPE_SECRET_KEY may not read {what}."),
            give_right(right, "read"),
        ),
        error => (
            format!("Stripe did not tell of {what}: {error}."),
            if error.class() == FailureClass::Retry {
                "Run this again in a minute.".to_owned()
            } else {
                "Look at Stripe's log: Stripe dashboard → Developers → Logs.".to_owned()
            },
        ),
    };
    if vital {
        Finding::keeps_out(told, todo)
    } else {
        Finding::advice(told, todo)
    }
}

fn give_right(name: &str, right: &str) -> String {
    format!(
        "Stripe dashboard → Developers → API keys → the restricted key → Edit: {name}, {right}."
    )
}

async fn of_account(patient: &Patient<'_>, account: &Account, checked: &mut Vec<Checked>) {
    let mode = mode(patient.config);
    checked.push(Checked::right(format!(
        "the key is of the account {}, in {mode} mode",
        account.id
    )));
    if account.charges_enabled == Some(false) {
        checked.push(
            Finding::keeps_out(
                "Stripe takes no payments for this account yet.",
                "Stripe dashboard → Home: finish what it asks for to activate payments.",
            )
            .into(),
        );
    }
    let pinned = match patient.db {
        Some(db) => installation::pinned(db, Pin::StripeAccount).await,
        None => Ok(None),
    };
    match pinned {
        Ok(Some(pinned)) if pinned != account.id => {
            checked.push(other("STRIPE_SECRET_KEY", "account", &pinned).into());
        }
        Ok(_) => {}
        Err(error) => checked.push(unread("the account it was started with", &error)),
    }
}

async fn of_restricted_rights(patient: &Patient<'_>) -> Vec<Checked> {
    let codes = patient.config.checkout.promotion_codes;
    let mut lacking: Vec<&Needed> = Vec::new();
    for needed in &NEEDED {
        let known = lacking.iter().any(|other| other.name == needed.name);
        if known || (needed.path == "/promotion_codes" && !codes) {
            continue;
        }
        let answer = patient.stripe.may_read(needed.path).await;
        if matches!(answer, Err(StripeError::KeyLacksRight { .. })) {
            lacking.push(needed);
        }
    }
    if lacking.is_empty() {
        return vec![Checked::right("the restricted key may read all it has to")];
    }
    lacking
        .into_iter()
        .map(|needed| {
            let what = format!("STRIPE_SECRET_KEY lacks the right to {}.", needed.name);
            let todo = give_right(needed.name, needed.right);
            if needed.vital {
                Finding::keeps_out(what, todo).into()
            } else {
                Finding::advice(what, todo).into()
            }
        })
        .collect()
}

/// Without webhooks nobody is kept out: Stripe's list of events is read every few minutes.
async fn of_endpoint(patient: &Patient<'_>) -> Vec<Checked> {
    let url = patient.config.own_url("/webhooks/stripe");
    let all = match patient.stripe.webhook_endpoints().await {
        Ok(all) => all,
        Err(error) => {
            return vec![
                unlisted("the webhook endpoint", "Webhook Endpoints", &error, false).into(),
            ];
        }
    };
    let here: Vec<&Endpoint> = all.iter().filter(|endpoint| endpoint.url == url).collect();
    let Some(endpoint) = here.first() else {
        return vec![
            Finding::advice(
                format!("There is no webhook endpoint for {url}, so what happens at Stripe is noticed minutes late."),
                "Run `rollcall setup`, which makes it.",
            )
            .into(),
        ];
    };
    let mut wrong = endpoint.wrong();
    if here.len() > 1 {
        wrong.push(format!("there are {} for this address", here.len()));
    }
    let mut checked = Vec::new();
    checked.push(if wrong.is_empty() {
        Checked::right(format!(
            "the webhook endpoint is enabled, for the {} events",
            SUBSCRIBED.len()
        ))
    } else {
        Finding::advice(
            format!("The webhook endpoint {url}: {}.", wrong.join("; ")),
            "Run `rollcall setup`, which mends it; of several for one address delete the others in Stripe's dashboard, Developers, Webhooks.",
        )
        .into()
    });
    if let Some(version) = &endpoint.api_version
        && version != API_VERSION
    {
        checked.push(
            Finding::advice(
                format!("The webhook endpoint sends in version {version}, not {API_VERSION}."),
                "Nothing has to be done: of an event only its ids are read. To have it all the same, delete the endpoint and run `rollcall setup`.",
            )
            .into(),
        );
    }
    checked
}

async fn of_portal(patient: &Patient<'_>) -> Vec<Checked> {
    let all = match patient.stripe.portal_configurations().await {
        Ok(all) => all,
        Err(error) => {
            return vec![unlisted("the customer portal", "Customer portal", &error, false).into()];
        }
    };
    let kept = match patient.db {
        Some(db) => installation::value(db, installation::PORTAL_CONFIGURATION).await,
        None => Ok(None),
    };
    let kept = match kept {
        Ok(kept) => kept,
        Err(error) => return vec![unread("the customer portal", &error)],
    };
    let ours = all
        .iter()
        .find(|one| kept.as_deref() == Some(one.id.as_str()))
        .or_else(|| all.iter().find(|one| one.is_ours()));
    let todo = "Run `rollcall setup`.";
    vec![match ours {
        Some(ours) if ours.is_right(&patient.config.own_url("/billing")) => {
            Checked::right("the customer portal is configured")
        }
        Some(ours) => Finding::advice(
            format!("The customer portal's configuration {} was changed.", ours.id),
            todo,
        )
        .into(),
        None => Finding::advice(
            "The customer portal has no configuration of ours: members may not be able to change their card.",
            todo,
        )
        .into(),
    }]
}
