//! `/admin/roles`: what needs the operator's yes.

use super::desk::{Empty, Part, Stamp, Tab, fields, shown};
use super::{
    ActForm, DangerousRole, RoleChange, Roles, WaitingRole,
    actions::{DeskAllowRole, DeskAnswerRole},
};
use crate::page::{Icon, Mark};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

#[component]
pub fn DeskRoles() -> impl IntoView {
    shown(Tab::Roles, |port| async move {
        let roles = port.roles().await?;
        Ok(view! { <Lists roles /> }.into_any())
    })
}

#[component]
fn Lists(roles: Roles) -> impl IntoView {
    let waiting = if roles.waiting.is_empty() {
        view! {
            <Empty text="No role waits. One that joins or leaves a plan at Stripe stands here before anybody gets or loses it." />
        }
        .into_any()
    } else {
        let lines = roles
            .waiting
            .into_iter()
            .map(|role| view! { <Waiting role /> })
            .collect_view();
        view! { <ul class="incidents">{lines}</ul> }.into_any()
    };
    let dangerous = if roles.dangerous.is_empty() {
        view! { <Empty text="No role of a plan carries rights over the server or its people." /> }
            .into_any()
    } else {
        let lines = roles
            .dangerous
            .into_iter()
            .map(|role| view! { <Dangerous role /> })
            .collect_view();
        view! { <ul class="incidents">{lines}</ul> }.into_any()
    };
    view! {
        <Part id="waiting" title="Joining and leaving plans">
            {waiting}
        </Part>
        <Part id="dangerous" title="Roles with dangerous rights">
            {dangerous}
        </Part>
    }
}

/// Those who have a plan now.
fn holders(count: i64) -> String {
    match count {
        0 => "nobody yet".to_owned(),
        1 => "1 person who has the plan".to_owned(),
        count => format!("{count} people who have the plan"),
    }
}

#[component]
fn Rights(rights: Vec<String>) -> impl IntoView {
    (!rights.is_empty()).then(|| {
        view! {
            <p class="state" data-state="attention">
                <Icon mark=Mark::Alert />
                {format!("Carries {}", rights.join(", "))}
            </p>
        }
    })
}

#[component]
fn Waiting(role: WaitingRole) -> impl IntoView {
    let name = role
        .role_name
        .clone()
        .unwrap_or_else(|| role.role_id.clone());
    let missing = role.role_name.is_none().then(|| {
        view! { <p class="small">"The server has no such role, as far as we know."</p> }
    });
    let touched = holders(role.people);
    let (title, meaning, yes, no) = match role.change {
        RoleChange::Joining => (
            format!("{name} joins {}", role.plan_name),
            format!("A yes gives it to {touched}, and to everybody who buys the plan from now on."),
            "Give the role",
            "Leave it out",
        ),
        RoleChange::Leaving => (
            format!("{name} leaves {}", role.plan_name),
            format!("A yes takes it from {touched}, unless another plan of theirs gives it."),
            "Take the role away",
            "Keep it",
        ),
    };
    let rights = role.rights.join(", ");
    let form = |yes_or_no: &'static str, label: &str, class: &str| {
        view! {
            <ActForm
                action=DeskAnswerRole::url().to_owned()
                fields=fields([
                    ("plan_id", &role.plan_id),
                    ("role_id", &role.role_id),
                    ("rights", &rights),
                    ("yes", yes_or_no),
                    ("back", "/admin/roles"),
                ])
                label=label.to_owned()
                busy="Saving…".to_owned()
                about=format!("{name}, {}", role.plan_name)
                class=class.to_owned()
            />
        }
    };
    let yes = form("true", yes, "");
    let no = form("false", no, "quiet");
    view! {
        <li class="incident">
            <div class="incident-head">
                <h3>{title}</h3>
                <p class="small"><code>{role.role_id.clone()}</code> " · " <code>{role.plan_id.clone()}</code></p>
            </div>
            <p>{meaning}</p>
            {missing}
            <Rights rights=role.rights />
            <div class="actions">{yes}{no}</div>
        </li>
    }
}

#[component]
fn Dangerous(role: DangerousRole) -> impl IntoView {
    let rights = role.rights.join(", ");
    let meaning = format!(
        "Given by {} to {}.",
        role.plans.join(", "),
        holders(role.people)
    );
    let (said, yes, label, class) = match &role.allowed {
        Some((by, at)) => (
            view! { <p class="small">"Allowed by " {by.clone()} " on " <Stamp at=*at /></p> }
                .into_any(),
            "false",
            "Take the yes back",
            "quiet",
        ),
        None => (
            view! { <p>"Nobody gets it from us until you allow these rights."</p> }.into_any(),
            "true",
            "Allow these rights",
            "",
        ),
    };
    view! {
        <li class="incident">
            <div class="incident-head">
                <h3>{role.role_name.clone()}</h3>
                <p class="small"><code>{role.role_id.clone()}</code></p>
            </div>
            <Rights rights=role.rights />
            <p>{meaning}</p>
            {said}
            <ActForm
                action=DeskAllowRole::url().to_owned()
                fields=fields([("role_id", &role.role_id), ("rights", &rights), ("yes", yes), ("back", "/admin/roles")])
                label=label.to_owned()
                busy="Saving…".to_owned()
                about=role.role_name
                class=class.to_owned()
            />
        </li>
    }
}
