//! Changes of a running subscription, and what they cost.

use super::{
    super::{
        Stripe,
        calendar::period_end,
        errors::{Outcome, Refusal},
        forms::Params,
        records::{Item, Line, Pause, Status, Subscription},
        timers::Timer,
    },
    create::{read_automatic_tax, read_trial_behavior},
};

/// What becomes of the difference within a running period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::stripe) enum Prorate {
    /// On the next invoice.
    #[default]
    Create,
    /// On an invoice of its own, now.
    Always,
    None,
}

impl Prorate {
    pub fn parse(name: Option<&str>) -> Self {
        match name {
            Some("always_invoice") => Self::Always,
            Some("none") => Self::None,
            _ => Self::Create,
        }
    }
}

/// What happens when a change has to be paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::stripe) enum Payment {
    /// It counts at once; an unpaid invoice makes the subscription past due.
    #[default]
    Allow,
    /// It counts when it is paid.
    Pending,
    /// It does not happen unless it can be paid.
    Demand,
    /// It counts at once and waits for a person to pay.
    Wait,
}

/// Items, rhythm and trial after a change.
#[derive(Clone, Debug)]
pub(in crate::stripe) struct Change {
    pub items: Vec<Item>,
    /// A new period begins now.
    pub restart: bool,
    pub trial_end: Option<i64>,
    pub at: i64,
    pub prorate: Prorate,
}

/// Where the lines of a change go.
#[derive(Clone, Debug)]
pub(in crate::stripe) enum Bill {
    Nothing,
    Later(Vec<Line>),
    Now(Vec<Line>),
}

const KNOWN: [&str; 18] = [
    "automatic_tax",
    "billing_cycle_anchor",
    "cancel_at",
    "cancel_at_period_end",
    "cancellation_details",
    "collection_method",
    "default_payment_method",
    "description",
    "items",
    "metadata",
    "off_session",
    "pause_collection",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "trial_end",
    "trial_settings",
    "discounts",
];

/// What `pending_if_incomplete` can hold back.
const PENDABLE: [&str; 9] = [
    "billing_cycle_anchor",
    "expand",
    "items",
    "off_session",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "trial_end",
    "discounts",
];

impl Stripe {
    pub(super) fn update_subscription(&mut self, id: &str, p: &Params<'_>) -> Outcome {
        p.only(&KNOWN)?;
        let row = self.subscription(id)?.clone();
        if row.status.ended()
            && KNOWN
                .iter()
                .any(|name| p.has(name) && !matches!(*name, "metadata" | "cancellation_details"))
        {
            return Err(Refusal::invalid(
                "A canceled subscription can only update its cancellation_details and metadata.",
            ));
        }
        let payment = read_payment(p)?;
        let prorate = Prorate::parse(p.choice(
            "proration_behavior",
            &["create_prorations", "always_invoice", "none"],
        )?);
        p.choice("collection_method", &["charge_automatically"])?;
        p.flag("off_session")?;
        let change = self.read_change(&row, p, prorate)?;
        let mut draft = row.clone();
        self.read_rest(&mut draft, p)?;
        if payment == Payment::Demand
            && let Some(change) = &change
        {
            self.demand(&row, change)?;
        }
        for (coupon, code) in self.read_discounts(p)? {
            let discount = self.new_discount(&coupon, code.as_deref());
            self.redeem(discount.as_slice());
            draft.discounts.extend(discount);
        }
        let before = self.subscription_json(id);
        let (cancel_at, resumes_at) = (
            draft.cancel_at,
            draft.pause.as_ref().and_then(|pause| pause.resumes_at),
        );
        if let Some(slot) = self.subscriptions.get_mut(id) {
            *slot = draft;
        }
        if let Some(at) = cancel_at.filter(|at| row.cancel_at != Some(*at)) {
            self.set_timer(at.max(self.stamp()), Timer::CancelAt(id.to_owned()));
        }
        if let Some(at) = resumes_at {
            self.set_timer(at, Timer::PauseEnds(id.to_owned()));
        }
        match change {
            Some(change) => self.apply_change(id, &change, payment, &before),
            None => self.tell_subscription(id, &before),
        }
        Ok(self.subscription_json(id))
    }

    /// Everything of an update that costs nothing.
    fn read_rest(&self, draft: &mut Subscription, p: &Params<'_>) -> Outcome<()> {
        p.merge_metadata(&mut draft.metadata)?;
        p.set("description", &mut draft.description)?;
        if p.has("default_payment_method") {
            draft.default_payment_method = self.read_method(p, &draft.customer)?;
        }
        if let Some(behavior) = read_trial_behavior(p)? {
            draft.trial_without_card = behavior;
        }
        if p.has("automatic_tax") {
            draft.automatic_tax = read_automatic_tax(p)?;
        }
        self.read_end(draft, p)?;
        if let Some(details) = p.hash("cancellation_details")? {
            details.only(&["comment", "feedback"])?;
            details.set("comment", &mut draft.cancel_comment)?;
            details.set("feedback", &mut draft.cancel_feedback)?;
        }
        if p.text("pause_collection")
            .is_ok_and(|text| text == Some(""))
        {
            draft.pause = None;
        } else if let Some(pause) = p.hash("pause_collection")? {
            pause.only(&["behavior", "resumes_at"])?;
            let behavior =
                pause.choice("behavior", &["keep_as_draft", "mark_uncollectible", "void"])?;
            let behavior =
                behavior.ok_or_else(|| Refusal::missing("pause_collection[behavior]"))?;
            let resumes_at = pause.int("resumes_at")?;
            if resumes_at.is_some_and(|at| at <= self.stamp()) {
                return Err(Refusal::param(
                    "pause_collection[resumes_at]",
                    "The timestamp must be in the future.",
                ));
            }
            draft.pause = Some(Pause {
                behavior,
                resumes_at,
            });
        }
        Ok(())
    }

    fn read_end(&self, draft: &mut Subscription, p: &Params<'_>) -> Outcome<()> {
        let (at_end, at) = (p.flag("cancel_at_period_end")?, p.text("cancel_at")?);
        if at_end.is_none() && at.is_none() {
            return Ok(());
        }
        if let Some(schedule) = &draft.schedule {
            return Err(Refusal::invalid(format!(
                "The subscription is managed by the subscription schedule `{schedule}`, and updating any cancelation behavior directly is not allowed. Please update the schedule instead."
            )));
        }
        if at_end == Some(true) && at.is_some_and(|at| !at.is_empty()) {
            return Err(Refusal::invalid(
                "You may only specify one of these parameters: cancel_at, cancel_at_period_end.",
            ));
        }
        let now = self.stamp();
        match (at_end, at) {
            (Some(true), _) => draft.end_at(now, None, true),
            (_, Some("")) => draft.end_at(now, None, false),
            (_, Some("min_period_end" | "max_period_end")) => {
                let end = draft.period().1;
                draft.end_at(now, Some(end), false);
            }
            (_, Some(_)) => {
                let at = p.int("cancel_at")?.filter(|at| *at > now);
                let at = at.ok_or_else(|| {
                    Refusal::param("cancel_at", "The timestamp must be in the future.")
                })?;
                draft.end_at(now, Some(at), false);
            }
            // Takes back only what `cancel_at_period_end` set: an end planned by `cancel_at` stays.
            (Some(false), None) if draft.cancel_at_period_end => draft.end_at(now, None, false),
            _ => {}
        }
        Ok(())
    }

    /// The change of items, rhythm or trial an update (or a preview's `subscription_details`) asks for.
    pub(in crate::stripe) fn read_change(
        &mut self,
        row: &Subscription,
        p: &Params<'_>,
        prorate: Prorate,
    ) -> Outcome<Option<Change>> {
        let now = self.stamp();
        let anchor_now = p.choice("billing_cycle_anchor", &["now", "unchanged"])? == Some("now");
        let ends_trial = p.filled("trial_end")? == Some("now");
        let trial_end = if ends_trial {
            None
        } else {
            p.int("trial_end")?
        };
        if trial_end.is_some_and(|end| end <= now) {
            return Err(Refusal::param(
                "trial_end",
                "Invalid timestamp: must be in the future.",
            ));
        }
        let ends_trial = ends_trial && row.status == Status::Trialing;
        let items = p.hashes("items")?;
        if items.is_empty() && !anchor_now && !ends_trial && trial_end.is_none() {
            return Ok(None);
        }
        if matches!(row.status, Status::Incomplete) {
            return Err(Refusal::invalid(
                "You cannot change the items of a subscription that is incomplete: pay its first invoice first.",
            ));
        }
        let at = p.int("proration_date")?.unwrap_or(now);
        let (start, end) = row.period();
        if !(start..=end).contains(&at) {
            return Err(Refusal::param(
                "proration_date",
                "Invalid proration_date: it must be within the current period of the subscription.",
            ));
        }
        let new = self.read_new_items(row, &items)?;
        Ok(Some(self.shape_change(
            row,
            new,
            trial_end,
            anchor_now || ends_trial,
            at,
            prorate,
        )))
    }

    /// Fits new items into the running period, or into a new one where the rhythm changes.
    pub(in crate::stripe) fn shape_change(
        &self,
        row: &Subscription,
        mut items: Vec<Item>,
        trial_end: Option<i64>,
        restart: bool,
        at: i64,
        prorate: Prorate,
    ) -> Change {
        let now = self.stamp();
        let rhythm = |items: &[Item]| {
            let (_, every) = self.terms(items.first().map(|item| item.price.as_str()));
            (every.interval, every.count)
        };
        let amount = |items: &[Item]| -> i64 {
            items
                .iter()
                .filter_map(|item| Some(self.prices.get(&item.price)?.unit_amount * item.quantity))
                .sum()
        };
        let free_to_paid = amount(&row.items) == 0 && amount(&items) > 0;
        let turns = rhythm(&row.items) != rhythm(&items) || free_to_paid;
        let restart = trial_end.is_none() && (restart || (turns && row.status != Status::Trialing));
        let (interval, count) = rhythm(&items);
        let period = match trial_end {
            Some(end) if row.status == Status::Trialing => (row.period().0, end),
            Some(end) => (now, end),
            None if restart => (now, period_end(now, interval, count, now)),
            None => row.period(),
        };
        for item in &mut items {
            item.period = period;
        }
        Change {
            items,
            restart,
            trial_end,
            at,
            prorate,
        }
    }

    fn read_new_items(&mut self, row: &Subscription, asked: &[Params<'_>]) -> Outcome<Vec<Item>> {
        let mut items = row.items.clone();
        for hash in asked {
            hash.only(&[
                "id",
                "price",
                "quantity",
                "deleted",
                "metadata",
                "clear_usage",
            ])?;
            let price = match hash.filled("price")? {
                Some(price) => Some(self.active_price(price, &hash.name("price"))?.id.clone()),
                None => None,
            };
            let quantity = hash.int("quantity")?;
            if quantity.is_some_and(|quantity| quantity < 0) {
                return Err(Refusal::param(
                    hash.name("quantity"),
                    "Quantity must be at least 0.",
                ));
            }
            let Some(id) = hash.filled("id")? else {
                let price = price.ok_or_else(|| Refusal::missing(hash.name("price")))?;
                let metadata = hash.metadata()?;
                let (id, created) = (self.ids.short("si_"), self.stamp());
                items.push(Item {
                    id,
                    created,
                    price,
                    quantity: quantity.unwrap_or(1),
                    metadata,
                    period: row.period(),
                });
                continue;
            };
            let place = items.iter().position(|item| item.id == id);
            let place =
                place.ok_or_else(|| Refusal::no_such("subscription item", id, &hash.name("id")))?;
            if hash.flag("deleted")? == Some(true) {
                items.remove(place);
                continue;
            }
            hash.merge_metadata(&mut items[place].metadata)?;
            if let Some(price) = price.filter(|price| *price != items[place].price) {
                items[place].price = price;
                items[place].quantity = 1;
            }
            if let Some(quantity) = quantity {
                items[place].quantity = quantity;
            }
        }
        if items.is_empty() {
            return Err(Refusal::invalid(
                "A subscription must have at least one active plan.",
            ));
        }
        self.check_together(items.iter().map(|item| item.price.as_str()))?;
        Ok(items)
    }
}

fn read_payment(p: &Params<'_>) -> Outcome<Payment> {
    let choices = [
        "allow_incomplete",
        "default_incomplete",
        "error_if_incomplete",
        "pending_if_incomplete",
    ];
    let payment = match p.choice("payment_behavior", &choices)? {
        Some("pending_if_incomplete") => Payment::Pending,
        Some("error_if_incomplete") => Payment::Demand,
        Some("default_incomplete") => Payment::Wait,
        _ => Payment::Allow,
    };
    if payment == Payment::Pending
        && let Some(name) = KNOWN
            .iter()
            .find(|name| p.has(name) && !PENDABLE.contains(name))
    {
        return Err(Refusal::param(
            *name,
            format!(
                "You can't use {name} with payment_behavior=pending_if_incomplete: pending updates do not support it."
            ),
        ));
    }
    Ok(payment)
}
