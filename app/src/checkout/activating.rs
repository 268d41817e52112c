//! The moments after the return from Stripe: the chain fills while the page looks.

use super::{CheckoutError, Progress, start::checkout_progress};
use crate::billing::{Link, StationState, Stop};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;

/// Seconds before each look; after the last the page says honestly what to expect.
pub const LOOKS: [u64; 5] = [1, 2, 3, 4, 5];

/// How the three stations stand at this point of the way, and what each says.
#[must_use]
pub fn stations(progress: Progress) -> [(Stop, StationState, &'static str); 3] {
    use StationState::{Attention, Granted, Idle, Waiting};
    let (payment, membership, discord) = match progress {
        Progress::Open | Progress::Expired => (
            (Idle, "Nothing was charged."),
            (Idle, "Starts with the payment."),
            (Idle, "Your role follows by itself."),
        ),
        Progress::Paying => (
            (Waiting, "Stripe is confirming it with your bank."),
            (Idle, "Starts the moment the payment is confirmed."),
            (Idle, "Your role follows by itself."),
        ),
        Progress::Delayed => (
            (Waiting, "Your bank confirms it in some days."),
            (Idle, "Starts the moment the payment is confirmed."),
            (Idle, "Your role follows by itself."),
        ),
        Progress::Member => (
            (Granted, "Stripe has confirmed it."),
            (Granted, "Your membership runs."),
            (Waiting, "Your role is on its way."),
        ),
        Progress::InDiscord => (
            (Granted, "Stripe has confirmed it."),
            (Granted, "Your membership runs."),
            (Granted, "Your role is there."),
        ),
        Progress::Attention => (
            (Granted, "Stripe has confirmed it."),
            (Granted, "Your membership runs."),
            (Attention, "Discord needs something first."),
        ),
    };
    [
        (Stop::Payment, payment.0, payment.1),
        (Stop::Membership, membership.0, membership.1),
        (Stop::Discord, discord.0, discord.1),
    ]
}

/// Looks again and again until `done` says so or the looks are used up; `tired` tells the latter.
fn look(
    step: usize,
    session_id: String,
    done: impl Fn(Result<Progress, CheckoutError>) -> bool + 'static,
    tired: RwSignal<bool>,
) {
    let Some(seconds) = LOOKS.get(step) else {
        tired.set(true);
        return;
    };
    let next = move || {
        spawn_local(async move {
            let found = checkout_progress(session_id.clone()).await;
            if !done(found) {
                look(step + 1, session_id, done, tired);
            }
        });
    };
    set_timeout(next, Duration::from_secs(*seconds));
}

fn go(address: &str) {
    // A browser that refuses to navigate leaves the page as it is, with its link to look again.
    let _ = location().replace(address);
}

/// The return while Stripe has not confirmed the payment. Goes on to the dashboard by itself;
/// after the last look it says what to expect.
#[island]
pub fn Activating(
    session_id: String,
    /// This page's own address, which the server answers anew.
    here: String,
    /// The looks were made before, without wasm.
    tired: bool,
) -> impl IntoView {
    let progress = RwSignal::new(Progress::Paying);
    let tired = RwSignal::new(tired);
    let address = here.clone();
    Effect::new(move |_| {
        let address = address.clone();
        let done = move |found: Result<Progress, CheckoutError>| match found {
            Ok(Progress::Paying) => false,
            Err(error) if error.passes() => false,
            Ok(further) => {
                progress.set(further);
                go(&address);
                true
            }
            Err(_) => {
                go(&address);
                true
            }
        };
        look(0, session_id.clone(), done, tired);
    });
    let links = [0, 1, 2].map(|i| {
        let stop = stations(Progress::Open)[i].0;
        let state = Signal::derive(move || stations(progress.get())[i].1);
        let text = Signal::derive(move || stations(progress.get())[i].2.to_owned());
        view! { <Link stop state text /> }
    });
    view! {
        <div class="activating">
            <h1>{move || if tired.get() { "This takes longer than usual." } else { "Activating your membership…" }}</h1>
            <p class="lede" aria-live="polite">
                {move || if tired.get() {
                    "Stripe has not confirmed the payment yet. Banks sometimes take a few minutes, rarely a day. You \
                     can close this page: your membership starts by itself, and you are not charged twice."
                } else {
                    "Stripe is confirming your payment. It is mostly a matter of seconds."
                }}
            </p>
            <ol class="chain">{links.into_iter().collect_view()}</ol>
            <p class="actions" class:hidden=move || !tired.get()>
                <a class="button" href=here>"Look again"</a>
                <a class="button quiet" href="/billing">"Go to your billing"</a>
            </p>
        </div>
    }
}

/// On the dashboard after a paid return, while Discord has not confirmed: follows it, and loads
/// the dashboard anew when it has.
#[island]
pub fn Following(session_id: String) -> impl IntoView {
    let tired = RwSignal::new(false);
    Effect::new(move |_| {
        let done = |found: Result<Progress, CheckoutError>| {
            let settled = matches!(found, Ok(Progress::InDiscord | Progress::Attention));
            if settled {
                go("/billing");
            }
            settled
        };
        look(0, session_id.clone(), done, tired);
    });
    view! {
        <p class="following" role="status">
            {move || if tired.get() {
                "Discord takes longer than usual. Your role comes by itself; you can close this page."
            } else {
                "Your role is being set in Discord. Mostly that takes a few seconds."
            }}
        </p>
    }
}

#[cfg(test)]
mod tests {
    use super::{LOOKS, Progress, StationState, stations};

    #[test]
    fn the_chain_fills_from_left_to_right() {
        let filled = |progress| {
            stations(progress)
                .iter()
                .filter(|station| station.1 == StationState::Granted)
                .count()
        };
        let way = [
            Progress::Open,
            Progress::Paying,
            Progress::Delayed,
            Progress::Member,
            Progress::InDiscord,
        ];
        let counts: Vec<_> = way.into_iter().map(filled).collect();
        assert_eq!(counts, [0, 0, 0, 2, 3]);
        for progress in way {
            let granted: Vec<_> = stations(progress)
                .iter()
                .map(|s| s.1 == StationState::Granted)
                .collect();
            assert!(
                granted.windows(2).all(|pair| pair[0] || !pair[1]),
                "{progress:?}"
            );
        }
    }

    #[test]
    fn the_honest_text_comes_after_fifteen_seconds() {
        assert_eq!(LOOKS.iter().sum::<u64>(), 15);
    }
}
