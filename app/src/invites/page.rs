//! `/invite/{token}`: what a link is for, and its one button. Looking changes nothing; claiming is a
//! post to the same address, so that the token stands in no form and no redirect but the sign-in's.

use super::{Bound, Invite, InviteError, InvitesPort};
use crate::company::doing::Place;
use crate::login::{self, Viewer};
use crate::page::{
    BusyForms, Icon, Lone, Mark, Notice, Posted, Press, Told, Tone, answer, community, dates,
    posted,
};
use leptos::prelude::*;
use leptos_meta::{Meta, Title};
use leptos_router::hooks::use_params_map;
use std::sync::Arc;

#[component]
pub fn InviteLink() -> impl IntoView {
    let token = use_params_map()
        .get_untracked()
        .get("token")
        .unwrap_or_default();
    let viewer = login::viewer();
    let posted = posted();
    let port = use_context::<Arc<dyn InvitesPort>>();
    Suspend::new(async move {
        let Some(port) = port else {
            return refused(InviteError::Unavailable, None, &token, viewer.as_ref());
        };
        let asks = viewer.as_ref().map(|viewer| viewer.user_id.as_str());
        match posted {
            Some(Posted::TooMany) => {
                return refused(InviteError::TooMany, None, &token, viewer.as_ref());
            }
            Some(_) => return claim(&*port, viewer.as_ref(), &token).await,
            None => {}
        }
        match port.look(&token, asks).await {
            Ok(invite) => match invite.refused {
                Some(error) => refused(error, Some(&invite), &token, viewer.as_ref()),
                None => view! { <Shown invite token viewer /> }.into_any(),
            },
            Err(error) => refused(error, None, &token, viewer.as_ref()),
        }
    })
}

async fn claim(port: &dyn InvitesPort, viewer: Option<&Viewer>, token: &str) -> AnyView {
    let Some(viewer) = viewer else {
        answer::see_other(&sign_in(token, false));
        return refused(InviteError::NotSignedIn, None, token, None);
    };
    match port.claim(&viewer.user_id, token).await {
        Ok(claimed) => {
            let place = Place::company(&claimed.company_id);
            answer::see_other(&place.with(&[("done", "claimed")]));
            ().into_any()
        }
        Err(error) => {
            // Who invited to what is told once more, if it still can be.
            let invite = port.look(token, Some(&viewer.user_id)).await.ok();
            refused(error, invite.as_ref(), token, Some(viewer))
        }
    }
}

/// Signing in comes back to the link. Whoever is signed in is asked by Discord who they are.
fn sign_in(token: &str, signed_in: bool) -> String {
    let here = format!("/invite/{}", answer::query_value(token));
    let again = if signed_in { "&another=1" } else { "" };
    format!("/login?next={}{again}", answer::query_value(&here))
}

/// Pages of links are for nobody else: not for lists of pages, and not to be named in a title.
#[component]
fn Head() -> impl IntoView {
    view! {
        <Title text=format!("Invite – {}", community().name) />
        <Meta name="robots" content="noindex" />
    }
}

/// Why there is no seat by this link for whoever looks.
fn refused(
    error: InviteError,
    invite: Option<&Invite>,
    token: &str,
    viewer: Option<&Viewer>,
) -> AnyView {
    let told: Told = error.told();
    let (other, label) = match error {
        InviteError::NotSignedIn => (true, "Sign in with Discord"),
        InviteError::Unverified => (viewer.is_some(), "Sign in once more"),
        error => (
            viewer.is_some() && error.another_account_may(),
            "Sign in with another account",
        ),
    };
    let again = other.then(|| {
        view! {
            <a class="button ink" href=sign_in(token, viewer.is_some())>
                <Icon mark=Mark::Discord />
                {label}
            </a>
        }
    });
    let about = invite.map(|invite| {
        let as_whom = viewer.map(|viewer| format!(" You are signed in as {}.", viewer.name));
        let text = format!(
            "{} invited to {} for {}, {}.{}",
            invite.inviter,
            invite.plan,
            invite.company,
            whom(&invite.bound),
            as_whom.unwrap_or_default(),
        );
        view! { <Notice tone=Tone::Waiting title="The invite" text /> }
    });
    let back = Some(("See the plans", "/"));
    view! {
        {about}
        <Lone told margin="Invite" back>{again}</Lone>
        <Head />
    }
    .into_any()
}

/// For whom it is: "for ada@example.org".
fn whom(bound: &Bound) -> String {
    match bound {
        Bound::Anybody => "for whoever has the link".to_owned(),
        Bound::Address(address) => format!("for {address}"),
        Bound::Domain(domain) => format!("for addresses at {domain}"),
    }
}

#[component]
fn Shown(invite: Invite, token: String, viewer: Option<Viewer>) -> impl IntoView {
    let Invite {
        company,
        inviter,
        plan,
        features,
        bound,
        expires_at,
        group,
        own_runs,
        ..
    } = invite;
    let until = dates::day(expires_at).unwrap_or_default();
    let left = dates::left(expires_at)
        .map(|left| format!(" ({left})"))
        .unwrap_or_default();
    let house = community().name;
    let who = match &bound {
        Bound::Anybody if group => "Whoever has the link, while seats are free".to_owned(),
        Bound::Anybody => "Whoever opens it first".to_owned(),
        Bound::Address(address) => address.clone(),
        Bound::Domain(domain) => format!("Addresses at {domain}, as Discord has confirmed them"),
    };
    let features = (!features.is_empty()).then(|| {
        let lines = features.into_iter().map(|feature| {
            view! { <li><Icon mark=Mark::Check /><span>{feature}</span></li> }
        });
        view! { <ul class="includes">{lines.collect_view()}</ul> }
    });
    let own = own_runs.then(|| {
        view! {
            <p class="small">
                "You pay for a membership of your own. It goes on until you end it; once you have the seat, you are asked."
            </p>
        }
    });
    let button = match viewer {
        Some(viewer) => view! {
            <form class="portal" method="post" action="?">
                <Press label="Take the seat" busy="Taking it…" class="large" />
            </form>
            <p class="small">
                {format!("Signed in as {}. The seat belongs to this Discord account, and costs you nothing.", viewer.name)}
            </p>
        }
        .into_any(),
        None => view! {
            <p class="actions">
                <a class="button ink large" href=sign_in(&token, false)>
                    <Icon mark=Mark::Discord />
                    "Sign in with Discord to take it"
                </a>
            </p>
            <p class="small">"The seat belongs to the Discord account you sign in with, and costs you nothing."</p>
        }
        .into_any(),
    };
    view! {
        <section class="entry lone">
            <p class="margin">"Invite"</p>
            <div class="matter">
                <h1>{format!("{company} has a seat for you.")}</h1>
                <p class="lede">{format!("{inviter} invites you to {house}. {company} pays for {plan}.")}</p>
                {features}
                <dl class="rows">
                    <div class="row"><dt>"For"</dt><dd>{who}</dd></div>
                    <div class="row"><dt>"Open until"</dt><dd>{until}{left}</dd></div>
                </dl>
                {button}
                {own}
            </div>
        </section>
        <Head />
        <BusyForms />
    }
}
