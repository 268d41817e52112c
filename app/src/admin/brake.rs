//! `/admin/brake`: what is held back and by what, with the switches; and whether plans can be
//! granted.

use super::brake_actions::{DeskFreeze, DeskGo, DeskLift};
use super::desk::{Empty, Head, Ledger, Part, Stamp, Tab, Who, fields, shown};
use super::{ActForm, BrakePage, HeldRole, PlanHealth, Pulled, Sweep, Switched};
use crate::page::{Icon, Mark};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

const HERE: &str = "/admin/brake";
const HEADS: &[Head] = &[Head::Text("Plan"), Head::Text("Roles"), Head::Text("State")];

#[component]
pub fn DeskBrake() -> impl IntoView {
    shown(Tab::Brake, |port| async move {
        let page = port.brake().await?;
        Ok(view! { <Page page /> }.into_any())
    })
}

#[component]
fn Page(page: BrakePage) -> impl IntoView {
    let observing = page.observing.map(|switch| view! { <Observing switch /> });
    let pulled = page
        .pulled
        .into_iter()
        .map(|brake| view! { <Brake brake /> })
        .collect_view();
    let held = if page.held.is_empty() {
        view! { <Empty text="Nothing is held, and Discord refuses nothing." /> }.into_any()
    } else {
        let lines = page
            .held
            .into_iter()
            .map(|held| view! { <Held held /> })
            .collect_view();
        view! { <ul class="incidents">{lines}</ul> }.into_any()
    };
    let plans = page
        .plans
        .into_iter()
        .map(|plan| view! { <Plan plan /> })
        .collect_view();
    view! {
        <Part id="switches" title="Switches">
            <ul class="incidents">
                {observing}
                {pulled}
                <Freeze frozen=page.frozen />
            </ul>
        </Part>
        <Part id="held" title="Held and refused">
            {held}
        </Part>
        <Part id="plans" title="Plans and their roles">
            <Ledger heads=HEADS>{plans}</Ledger>
        </Part>
        <Part id="sweep" title="The last look at everybody">
            <Swept swept=page.swept />
        </Part>
    }
}

/// A switch with one button.
#[component]
fn Line(
    title: String,
    since: Option<(String, i64)>,
    text: String,
    action: &'static str,
    fields: Vec<(String, String)>,
    label: &'static str,
    quiet: bool,
) -> impl IntoView {
    let since = since.map(|(by, at)| {
        view! { <p class="small">"Since " <Stamp at /> {by} </p> }
    });
    view! {
        <li class="incident">
            <div class="incident-head">
                <h3>{title.clone()}</h3>
                {since}
            </div>
            <p>{text}</p>
            <ActForm
                action=action.to_owned()
                fields
                label=label.to_owned()
                busy="Saving…".to_owned()
                about=title
                class=if quiet { "quiet".to_owned() } else { String::new() }
            />
        </li>
    }
}

#[component]
fn Observing(switch: Switched) -> impl IntoView {
    view! {
        <Line
            title="Observing: nothing is changed at Discord".to_owned()
            since=Some((String::new(), switch.at))
            text="The roles of your plans had holders before Rollcall came. Below stands what would be given and taken. Nobody who has a role that we did not give loses it by a go.".to_owned()
            action=DeskGo::url()
            fields=fields([("back", HERE)])
            label="Go: give and take roles"
            quiet=false
        />
    }
}

#[component]
fn Brake(brake: Pulled) -> impl IntoView {
    let people = match brake.people {
        1 => "1 person".to_owned(),
        people => format!("{people} people"),
    };
    view! {
        <Line
            title=format!("The brake holds: {}", brake.cause.held())
            since=Some((String::new(), brake.since))
            text=format!("{people} keep a role for now. If that is right, lift it: they lose it, and it is counted anew from then on. If it is not, mend what caused it first; who is to keep the role is let go by themselves.")
            action=DeskLift::url()
            fields=fields([("cause", brake.cause.word()), ("back", HERE)])
            label="Lift the brake"
            quiet=false
        />
    }
}

#[component]
fn Freeze(frozen: Option<Switched>) -> impl IntoView {
    match frozen {
        Some(switch) => view! {
            <Line
                title="Removals are frozen".to_owned()
                since=Some((format!(" by {}", switch.by), switch.at))
                text="Nobody loses a role, whatever ends. Roles are given as ever.".to_owned()
                action=DeskFreeze::url()
                fields=fields([("on", "false"), ("back", HERE)])
                label="Let removals go on"
                quiet=false
            />
        }
        .into_any(),
        None => view! {
            <Line
                title="Removals go on".to_owned()
                since=None
                text="Whoever has no membership any more loses its roles. A freeze holds that until you let it go on.".to_owned()
                action=DeskFreeze::url()
                fields=fields([("on", "true"), ("back", HERE)])
                label="Freeze removals"
                quiet=true
            />
        }
        .into_any(),
    }
}

#[component]
fn Held(held: HeldRole) -> impl IntoView {
    let name = held.role_name.unwrap_or_else(|| held.role_id.clone());
    let verb = match (held.refused, held.take) {
        (true, true) => "cannot be taken",
        (true, false) => "cannot be given",
        (false, true) => "is not taken",
        (false, false) => "is not given",
    };
    let people = match held.people {
        1 => "1 person".to_owned(),
        people => format!("{people} people"),
    };
    let code = held.code.map(|code| format!(" · Discord’s code {code}"));
    let shown = held.some.len();
    let more = usize::try_from(held.people)
        .unwrap_or(0)
        .saturating_sub(shown);
    let names = held
        .some
        .into_iter()
        .map(|person| view! { <Who person=Some(person) /> " " })
        .collect_view();
    view! {
        <li class="incident">
            <div class="incident-head">
                <h3>{format!("{name} {verb}: {people}")}</h3>
                <p class="small"><code>{held.role_id}</code> {code}</p>
            </div>
            <p class="incident-detail">{held.detail}</p>
            <p class="small">{names} {(more > 0).then(|| format!("and {more} more"))}</p>
        </li>
    }
}

#[component]
fn Plan(plan: PlanHealth) -> impl IntoView {
    let healthy = plan.problem.is_none() && plan.roles.iter().all(|(_, finding)| finding.is_none());
    let names: Vec<String> = plan.roles.iter().map(|(name, _)| name.clone()).collect();
    let findings = plan
        .problem
        .into_iter()
        .chain(plan.roles.into_iter().filter_map(|(_, finding)| finding))
        .map(|finding| view! { <p>{finding}</p> })
        .collect_view();
    let state = if healthy {
        view! {
            <p class="state" data-state="granted"><Icon mark=Mark::Check />"Everybody who buys it gets its roles"</p>
        }
        .into_any()
    } else {
        view! {
            <p class="state" data-state="attention"><Icon mark=Mark::Alert />"Needs you"</p>
            {findings}
        }
        .into_any()
    };
    view! {
        <tr>
            <td data-label="Plan">
                {plan.name}
                {(!plan.on_offer).then(|| view! { <span class="below">"not on offer"</span> })}
            </td>
            <td data-label="Roles">{names.join(", ")}</td>
            <td data-label="State" class="wide">{state}</td>
        </tr>
    }
}

#[component]
fn Swept(swept: Option<Sweep>) -> impl IntoView {
    let Some(swept) = swept else {
        return view! { <Empty text="Nobody has looked yet." /> }.into_any();
    };
    let ended = match swept.ended_at {
        Some(at) => view! { "to " <Stamp at /> }.into_any(),
        None => "and did not come to its end".into_any(),
    };
    view! {
        <p>"From " <Stamp at=swept.began_at /> " " {ended} "."</p>
        <p>
            {format!(
                "{} members: {} had not what they should and were put right; {} hold a role of a plan that we never gave.",
                swept.members, swept.wrong, swept.others,
            )}
        </p>
    }
    .into_any()
}
