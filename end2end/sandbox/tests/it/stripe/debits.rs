//! Bank debits: payments whose outcome is known days later.

use super::world::{DAY, HOUR, Play, text};
use sandbox::stripe::CardKind;

const PAYS: &str = "email=ada@example.com&iban=DE89+3704+0044+0532+0130+00";
const IS_TURNED_DOWN: &str = "email=ada@example.com&iban=DE62370400440532013001";

/// A subscription session completed with an account: (session, subscription).
fn debited(play: &mut Play, form: &str) -> (String, String) {
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.customer("ada@example.com");
    let session = play.session(&plan.monthly, &format!("&customer={customer}"));
    let (_, _, html) = play.page("GET", &text(&session, "/url"), "");
    assert!(html.contains("name=\"iban\""));
    let (status, _, _) = play.page("POST", &text(&session, "/url"), form);
    assert_eq!(status, 303);
    let id = text(&session, "/id");
    let session = play.get(&format!("/v1/checkout/sessions/{id}"));
    assert_eq!(session["status"], "complete");
    assert_eq!(session["payment_status"], "unpaid");
    (id, text(&session, "/subscription"))
}

#[test]
fn a_first_debit_is_processing_for_days_and_then_pays() {
    let mut play = Play::new();
    let mut ids = (String::new(), String::new());
    let kinds = play.caused(|play| ids = debited(play, PAYS));
    let (session, id) = ids;
    for kind in [
        "charge.pending",
        "payment_intent.processing",
        "checkout.session.completed",
    ] {
        assert!(kinds.iter().any(|made| made == kind), "{kind} of {kinds:?}");
    }
    assert!(!kinds.iter().any(|kind| kind == "invoice.payment_failed"));
    let subscription = play.get(&format!(
        "/v1/subscriptions/{id}?expand[]=latest_invoice.payments&expand[]=default_payment_method"
    ));
    assert_eq!(subscription["status"], "incomplete");
    assert_eq!(subscription["latest_invoice"]["status"], "open");
    let method = &subscription["default_payment_method"];
    assert_eq!(method["type"], "sepa_debit");
    assert_eq!(method["sepa_debit"]["last4"], "3000");
    assert!(method.get("card").is_none());
    // The 23 hours of a first payment do not run while the bank has it.
    play.wait(2 * DAY);
    assert_eq!(play.subscription(&id)["status"], "incomplete");
    let kinds = play.caused(|play| play.wait(3 * DAY));
    assert_eq!(kinds.first().map(String::as_str), Some("charge.succeeded"));
    assert_eq!(
        kinds.last().map(String::as_str),
        Some("checkout.session.async_payment_succeeded")
    );
    assert!(kinds.iter().any(|kind| kind == "invoice.paid"));
    assert_eq!(play.subscription(&id)["status"], "active");
    let session = play.get(&format!("/v1/checkout/sessions/{session}"));
    assert_eq!(session["payment_status"], "paid");
}

#[test]
fn a_first_debit_that_is_turned_down_ends_the_subscription() {
    let mut play = Play::new();
    let (session, id) = debited(&mut play, IS_TURNED_DOWN);
    let kinds = play.caused(|play| play.wait(5 * DAY));
    for kind in [
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.payment_failed",
        "checkout.session.async_payment_failed",
    ] {
        assert!(kinds.iter().any(|made| made == kind), "{kind} of {kinds:?}");
    }
    assert_eq!(play.subscription(&id)["status"], "incomplete_expired");
    let session = play.get(&format!("/v1/checkout/sessions/{session}"));
    assert_eq!(session["payment_status"], "unpaid");
    assert_eq!(session["status"], "complete");
}

#[test]
fn where_a_debit_activates_its_failure_is_a_missing_payment() {
    let mut play = Play::new();
    play.stripe.settings.debit_activates = true;
    let (_, id) = debited(&mut play, IS_TURNED_DOWN);
    assert_eq!(play.subscription(&id)["status"], "active");
    play.wait(5 * DAY);
    assert_eq!(play.subscription(&id)["status"], "past_due");
}

#[test]
fn a_renewal_by_debit_stays_active_until_the_bank_has_answered() {
    let mut play = Play::new();
    let (_, id) = debited(&mut play, PAYS);
    let customer = text(&play.subscription(&id), "/customer");
    play.stripe.settle_debit_of(play.now, &customer).unwrap();
    assert_eq!(play.subscription(&id)["status"], "active");
    assert!(play.stripe.settle_debit_of(play.now, &customer).is_err());
    play.wait(28 * DAY + 2 * HOUR);
    let renewed = play.get(&format!("/v1/subscriptions/{id}?expand[]=latest_invoice"));
    assert_eq!(renewed["status"], "active");
    assert_eq!(renewed["latest_invoice"]["status"], "open");
    play.wait(4 * DAY);
    let renewed = play.get(&format!("/v1/subscriptions/{id}?expand[]=latest_invoice"));
    assert_eq!(renewed["latest_invoice"]["status"], "paid");
    play.stripe
        .set_default_card(play.now, &customer, CardKind::BankDebitFails)
        .unwrap();
    play.wait(28 * DAY);
    assert_eq!(play.subscription(&id)["status"], "active");
    play.wait(4 * DAY);
    assert_eq!(play.subscription(&id)["status"], "past_due");
}

#[test]
fn a_single_payment_by_debit_is_told_by_its_session() {
    let mut play = Play::new();
    let product = text(&play.post("/v1/products", "name=Pass"), "/id");
    let form = format!("product={product}&currency=eur&unit_amount=4900");
    let price = text(&play.post("/v1/prices", &form), "/id");
    for (form, paid, last) in [
        (PAYS, "paid", "checkout.session.async_payment_succeeded"),
        (
            IS_TURNED_DOWN,
            "unpaid",
            "checkout.session.async_payment_failed",
        ),
    ] {
        let customer = play.customer("ada@example.com");
        let session = play.post(
            "/v1/checkout/sessions",
            &format!("mode=payment&customer={customer}&line_items[0][price]={price}&line_items[0][quantity]=1&success_url=https://app.test/"),
        );
        let id = text(&session, "/id");
        play.page("POST", &text(&session, "/url"), form);
        let now = play.get(&format!(
            "/v1/checkout/sessions/{id}?expand[]=payment_intent.latest_charge"
        ));
        assert_eq!(now["status"], "complete");
        assert_eq!(now["payment_status"], "unpaid");
        assert_eq!(now["payment_intent"]["status"], "processing");
        let charge = &now["payment_intent"]["latest_charge"];
        assert_eq!(charge["status"], "pending");
        assert_eq!(charge["paid"], false);
        assert_eq!(charge["payment_method_details"]["type"], "sepa_debit");
        let kinds = play.caused(|play| play.wait(4 * DAY));
        assert_eq!(kinds.last().map(String::as_str), Some(last));
        let now = play.get(&format!("/v1/checkout/sessions/{id}"));
        assert_eq!(now["payment_status"], paid);
    }
}

#[test]
fn an_account_that_is_none_is_refused_on_the_page() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let session = play.session(&plan.monthly, "");
    let url = text(&session, "/url");
    let form = "email=ada@example.com&iban=DE00123";
    play.page("POST", &url, form);
    let (_, _, html) = play.page("GET", &url, "");
    assert!(html.contains("Your IBAN is invalid."));
}

#[test]
fn an_invoice_that_cannot_be_finalised_stays_a_draft_and_is_told() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.payer("pm_card_visa");
    let id = text(&play.subscribe(&customer, &plan.monthly, ""), "/id");
    play.stripe.settings.finalization_error = Some("customer_tax_location_invalid");
    let kinds = play.caused(|play| play.wait(28 * DAY + 2 * HOUR));
    assert_eq!(
        kinds.last().map(String::as_str),
        Some("invoice.finalization_failed")
    );
    let renewed = play.get(&format!("/v1/subscriptions/{id}?expand[]=latest_invoice"));
    assert_eq!(renewed["status"], "active");
    let invoice = &renewed["latest_invoice"];
    assert_eq!(invoice["status"], "draft");
    assert_eq!(
        invoice["last_finalization_error"]["code"],
        "customer_tax_location_invalid"
    );
    let invoice = text(invoice, "/id");
    let mended = play.post(&format!("/v1/invoices/{invoice}/finalize"), "");
    assert!(mended["last_finalization_error"].is_null());
    let paid = play.post(&format!("/v1/invoices/{invoice}/pay"), "");
    assert_eq!(paid["status"], "paid");
}

#[test]
fn a_status_of_later_years_is_said_until_it_is_taken_back() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.payer("pm_card_visa");
    let id = text(&play.subscribe(&customer, &plan.monthly, ""), "/id");
    let kinds = play.caused(|play| play.stripe.say_of_subscription(&id, Some("dormant")));
    assert_eq!(kinds, ["customer.subscription.updated"]);
    assert_eq!(play.subscription(&id)["status"], "dormant");
    play.stripe.say_of_subscription(&id, None);
    assert_eq!(play.subscription(&id)["status"], "active");
}
