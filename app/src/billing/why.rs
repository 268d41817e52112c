//! *Why*: subscription → entitlement → role → what Discord last answered.

use super::{RoleLine, StateWord, StationState, WhyStep};
use crate::page::dates;
use leptos::prelude::*;

/// The links of the answer, and each role with Discord's last word.
#[component]
pub fn Why(steps: Vec<WhyStep>, roles: Vec<RoleLine>) -> impl IntoView {
    let steps = (!steps.is_empty()).then(|| {
        let steps = steps.into_iter().map(|step| {
            view! {
                <li>
                    <span class="why-kind">{kind(&step.kind)}</span>
                    <span class="why-text">{step.text} <When at=step.at /></span>
                </li>
            }
        });
        view! { <ol class="why">{steps.collect_view()}</ol> }
    });
    let roles = (!roles.is_empty()).then(|| {
        let roles = roles.into_iter().map(|role| {
            view! {
                <li class="role">
                    <span class="role-name">{role.name}</span>
                    <StateWord state=role.state word=word(role.state) />
                    <span class="role-text">{role.text} <When at=role.at /></span>
                </li>
            }
        });
        view! {
            <h3>"Your roles in Discord"</h3>
            <ul class="roles">{roles.collect_view()}</ul>
        }
    });
    view! { {steps} {roles} }
}

/// An exact time, small, with its machine form.
#[component]
pub fn When(at: Option<i64>) -> impl IntoView {
    at.and_then(|at| Some((dates::moment(at)?, dates::machine(at)?)))
        .map(|(text, machine)| view! { <time class="when" datetime=machine>{text}</time> })
}

fn kind(kind: &str) -> String {
    match kind {
        "subscription" => "Subscription".to_owned(),
        "pass" => "Pass".to_owned(),
        "seat" => "Seat".to_owned(),
        "entitlement" => "Membership".to_owned(),
        "role" => "Role".to_owned(),
        "discord" => "Discord".to_owned(),
        other => other.to_owned(),
    }
}

fn word(state: StationState) -> &'static str {
    match state {
        StationState::Granted => "Confirmed",
        StationState::Waiting => "Under way",
        StationState::Attention => "Refused",
        StationState::Ended => "Taken back",
        StationState::Idle => "Not set",
    }
}
