//! `/account`: who one is here, and what can be done with it.

use super::forms::KeepAccount;
use super::{Account, AccountError, AccountPort, Deletion, EXPORT, Holding, HoldingKind, Stage};
use crate::login::{self, Viewer};
use crate::page::{Lone, Notice, SendForm, Told, Tone, answer, community, dates};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use std::sync::Arc;

#[component]
pub fn AccountPage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let problem = query.get_str("problem").and_then(AccountError::from_slug);
    let said = Said::of(&query);
    with_account("/account", move |viewer, account| {
        view! {
            <Title text=format!("Your account – {}", community().name) />
            {problem.map(trouble)}
            {said.map(Said::notice)}
            <Shown viewer account />
        }
        .into_any()
    })
}

/// What came of the last press, by the address.
#[derive(Clone, Copy)]
enum Said {
    Kept,
    Moved,
}

impl Said {
    fn of(query: &leptos_router::params::ParamsMap) -> Option<Self> {
        if query.get_str("kept").is_some() {
            return Some(Self::Kept);
        }
        query.get_str("moved").map(|_| Self::Moved)
    }

    fn notice(self) -> AnyView {
        let (title, text) = match self {
            Self::Kept => (
                "Your account stays.",
                "The deletion was taken back before anything ended.",
            ),
            Self::Moved => (
                "Your membership is with this account now.",
                "Its roles move within moments: off the other account, and onto this one.",
            ),
        };
        view! { <Notice tone=Tone::Granted title text /> }.into_any()
    }
}

/// Shows a page about the account of whoever is signed in; others are led to sign-in, and back.
pub(super) fn with_account(
    here: &str,
    page: impl FnOnce(Viewer, Account) -> AnyView + Send + 'static,
) -> AnyView {
    let Some(viewer) = login::viewer() else {
        answer::see_other(&format!("/login?next={}", answer::query_value(here)));
        return refused(AccountError::NotSignedIn);
    };
    let port = use_context::<Arc<dyn AccountPort>>();
    Suspend::new(async move {
        let Some(port) = port else {
            return refused(AccountError::Unavailable);
        };
        match port.account(&viewer.user_id).await {
            Ok(account) => page(viewer, account),
            Err(error) => refused(error),
        }
    })
    .into_any()
}

/// A problem above a page that shows all the same.
pub(super) fn trouble(problem: AccountError) -> AnyView {
    let told = problem.told();
    let text = format!("{} {}", told.meaning, told.next);
    view! { <Notice tone=Tone::Attention title=told.title text urgent=true /> }.into_any()
}

/// A page that says only why there is nothing else on it.
pub(super) fn refused(error: AccountError) -> AnyView {
    let told: Told = error.told();
    let own = told.action.is_some_and(|(_, href)| href == "/account");
    let back = (!own).then_some(("Your account", "/account"));
    view! { <Lone told margin="Account" back /> }.into_any()
}

/// "Member, a subscription", "Patron, a pass until 3 March 2027"
pub(super) fn holding(holding: &Holding) -> String {
    let plan = &holding.plan;
    match holding.kind {
        HoldingKind::Subscription => format!("{plan}, a subscription"),
        HoldingKind::Pass { until: None } => format!("{plan}, a pass for life"),
        HoldingKind::Pass { until: Some(until) } => match dates::day(until) {
            Some(day) => format!("{plan}, a pass until {day}"),
            None => format!("{plan}, a pass"),
        },
    }
}

#[component]
fn Shown(viewer: Viewer, account: Account) -> impl IntoView {
    let Account {
        email,
        email_confirmed,
        since,
        holdings,
        had_trial: _,
        deletion,
    } = account;
    let mail = match (email, email_confirmed) {
        (None, _) => "None".to_owned(),
        (Some(email), true) => email,
        (Some(email), false) => format!("{email}, not confirmed at Discord"),
    };
    let has = if holdings.is_empty() {
        view! { <dd>"None"</dd> }.into_any()
    } else {
        let lines = holdings
            .iter()
            .map(|one| view! { <span class="holding">{holding(one)}</span> })
            .collect_view();
        view! { <dd>{lines}</dd> }.into_any()
    };
    let may = deletion.is_none();
    let moves = (may && !holdings.is_empty()).then(|| view! { <MoveOn /> }.into_any());
    view! {
        <section class="entry lone">
            <p class="margin">"Account"</p>
            <div class="matter">
                <h1>{viewer.name}</h1>
                <p class="lede">"You are signed in with this Discord account. Your membership belongs to it."</p>
                <dl class="rows">
                    <div class="row"><dt>"Discord id"</dt><dd>{viewer.discord_user_id}</dd></div>
                    <div class="row"><dt>"E-mail"</dt><dd>{mail}</dd></div>
                    <div class="row"><dt>"Here since"</dt><dd>{dates::day(since)}</dd></div>
                    <div class="row"><dt>"Membership"</dt>{has}</div>
                </dl>
                <p class="small">"Name, picture and e-mail address come from Discord each time you sign in."</p>
            </div>
        </section>
        {deletion.map(|deletion| view! { <Going deletion /> })}
        <section class="entry" aria-labelledby="data">
            <h2 class="margin" id="data">"Your data"</h2>
            <div class="matter">
                <p>
                    "Everything we hold about you, as one file that people and programs can read: your account, what you \
                    bought, your roles, our mail to you, and what happened to your access."
                </p>
                <p class="actions">
                    <a class="button quiet" href=EXPORT download rel="external">"Download your data"</a>
                </p>
            </div>
        </section>
        {moves}
        {may.then(|| view! { <Leave /> })}
    }
}

#[component]
fn MoveOn() -> impl IntoView {
    view! {
        <section class="entry" aria-labelledby="move">
            <h2 class="margin" id="move">"Another Discord account"</h2>
            <div class="matter">
                <p>
                    "Take your membership along to another Discord account of yours. Its roles move, your payments go on as \
                    they are, and nothing is charged."
                </p>
                <p class="actions">
                    <a class="button quiet" href="/account/move">"Move your membership"</a>
                </p>
            </div>
        </section>
    }
}

#[component]
fn Leave() -> impl IntoView {
    view! {
        <section class="entry" aria-labelledby="leave">
            <h2 class="margin" id="leave">"Leave for good"</h2>
            <div class="matter">
                <p>
                    "Ends your membership at once, takes your roles and erases what we know of you. To stop paying and \
                    stay until the end of what is paid, "
                    <a href="/billing/cancel">"cancel your membership"</a> " instead."
                </p>
                <p class="actions">
                    <a class="button quiet" href="/account/delete">"Delete your account"</a>
                </p>
            </div>
        </section>
    }
}

/// A deletion under way.
#[component]
pub(super) fn Going(deletion: Deletion) -> impl IntoView {
    let Deletion {
        stage,
        asked_at,
        begins_at,
    } = deletion;
    let begins = dates::moment(begins_at).unwrap_or_default();
    let (title, text) = match stage {
        Stage::Asked => (
            format!("Your account will be deleted from {begins} on."),
            "Nothing has ended yet. Until then you can take it back here.",
        ),
        Stage::Ending => (
            "Your account is being deleted: your subscriptions are being ended.".to_owned(),
            "It cannot be taken back any more. Nothing further is charged once Stripe has confirmed it.",
        ),
        Stage::Revoking => (
            "Your account is being deleted: roles are being taken.".to_owned(),
            "Your subscriptions have ended. As soon as Discord confirms that your roles are gone, what we know of you \
             is erased and you are signed out.",
        ),
    };
    let keep = (stage == Stage::Asked).then(|| {
        view! {
            <div class="actions">
                <SendForm
                    action=KeepAccount::url().to_owned()
                    name=String::new()
                    value=String::new()
                    more=Vec::new()
                    label="Keep my account".to_owned()
                    busy="Taking it back…".to_owned()
                    class=String::new()
                />
            </div>
        }
    });
    view! {
        <section class="entry" aria-labelledby="going">
            <h2 class="margin" id="going">"Deletion"</h2>
            <div class="matter" data-stage=format!("{stage:?}").to_lowercase()>
                <p><strong>{title}</strong></p>
                <p>{text}</p>
                <p class="small">{dates::moment(asked_at).map(|at| format!("Asked for on {at}."))}</p>
                {keep}
            </div>
        </section>
    }
}
