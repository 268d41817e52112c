//! `POST /v1/subscriptions/{id}/resume` since API 2026-09-30: what Stripe's reference says of the
//! resumption invoice and of `payment_behavior`.

use super::world::{DAY, HOUR, Play, number, text};
use sandbox::stripe::CardKind;

const SUCCESS: &str = "billing_cycle_anchor[type]=now&payment_behavior=resume_on_payment_success";

struct Paused {
    play: Play,
    customer: String,
    id: String,
}

impl Paused {
    /// A trial of a week that ended without a card.
    fn new() -> Self {
        let mut play = Play::new();
        let plan = play.plan("Member", 2900, 29_000);
        let customer = play.customer("ada@example.com");
        let more =
            "&trial_period_days=7&trial_settings[end_behavior][missing_payment_method]=pause";
        let id = text(&play.subscribe(&customer, &plan.monthly, more), "/id");
        play.wait(7 * DAY + HOUR);
        Self { play, customer, id }
    }

    fn card(&mut self, kind: CardKind) {
        let stripe = &mut self.play.stripe;
        stripe
            .set_default_card(self.play.now, &self.customer, kind)
            .unwrap();
    }

    fn resume(&mut self, form: &str) -> serde_json::Value {
        let path = format!("/v1/subscriptions/{}/resume", self.id);
        self.play.post(&path, form)
    }

    fn status(&mut self) -> String {
        text(&self.play.subscription(&self.id), "/status")
    }

    fn invoice(&mut self) -> serde_json::Value {
        let id = text(&self.play.subscription(&self.id), "/latest_invoice");
        self.play.get(&format!("/v1/invoices/{id}"))
    }
}

#[test]
fn a_pause_says_why_and_resuming_begins_a_period_that_is_paid() {
    let mut it = Paused::new();
    let paused = it.play.subscription(&it.id);
    let why = text(&paused, "/status_details/paused/subscription/type");
    assert_eq!(why, "trial_end_without_payment_method");
    it.card(CardKind::Visa);
    let back = it.resume(SUCCESS);
    assert_eq!(back["status"], "active");
    assert!(back.get("status_details").is_none());
    let start = number(&back, "/items/data/0/current_period_start");
    assert_eq!(start, it.play.now / 1000);
    assert_eq!(it.invoice()["status"], "paid");
    assert!(
        it.play
            .kinds()
            .contains(&"customer.subscription.resumed".to_owned())
    );
    it.play.wait(31 * DAY);
    assert_eq!(number(&it.play.get("/v1/charges"), "/data/0/amount"), 2900);
}

#[test]
fn until_the_resumption_invoice_is_paid_the_pause_goes_on() {
    let mut it = Paused::new();
    it.card(CardKind::AttachThenFail);
    let waits = it.resume(SUCCESS);
    assert_eq!(waits["status"], "paused");
    assert_eq!(it.invoice()["status"], "open");
    // Tried once, it is not void after 23 hours, and a retry with a better card counts.
    it.play.wait(DAY);
    assert_eq!(
        (it.status(), it.invoice()["status"].as_str()),
        ("paused".into(), Some("open"))
    );
    it.card(CardKind::Visa);
    it.play.wait(8 * DAY);
    assert_eq!(
        (it.status(), it.invoice()["status"].as_str()),
        ("active".into(), Some("paid"))
    );
}

#[test]
fn an_untried_resumption_is_void_after_23_hours_and_a_failed_attempt_is_past_due() {
    let mut it = Paused::new();
    it.card(CardKind::AttachThenFail);
    let waits = it.resume("");
    assert_eq!(waits["status"], "paused");
    assert_eq!(
        it.invoice()["attempted"],
        false,
        "by default nothing is tried"
    );
    it.play.wait(23 * HOUR);
    assert_eq!(
        (it.status(), it.invoice()["status"].as_str()),
        ("paused".into(), Some("void"))
    );

    it.resume("");
    let invoice = text(&it.invoice(), "/id");
    let path = format!("/v1/invoices/{invoice}/pay");
    let (status, _) = it.play.refused("POST", &path, "");
    assert_eq!((status, it.status()), (402, "past_due".into()));
}

#[test]
fn voided_by_hand_it_stays_paused_and_written_off_it_is_active() {
    for (action, status) in [("void", "paused"), ("mark_uncollectible", "active")] {
        let mut it = Paused::new();
        it.resume("");
        let invoice = text(&it.invoice(), "/id");
        it.play
            .post(&format!("/v1/invoices/{invoice}/{action}"), "");
        assert_eq!(it.status(), status, "{action}");
    }
}

#[test]
fn what_is_not_played_is_refused() {
    let mut it = Paused::new();
    for form in [
        "billing_cycle_anchor=now",
        "billing_cycle_anchor[type]=unchanged",
        "payment_behavior=pay_later",
        "resume_at=now",
    ] {
        let path = format!("/v1/subscriptions/{}/resume", it.id);
        assert_eq!(it.play.refused("POST", &path, form).0, 400, "{form}");
    }
    it.card(CardKind::Visa);
    it.resume(SUCCESS);
    let path = format!("/v1/subscriptions/{}/resume", it.id);
    assert_eq!(
        it.play.refused("POST", &path, SUCCESS).0,
        400,
        "it is not paused"
    );
}
