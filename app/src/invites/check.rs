//! The box that takes a list of people, and says line by line what is wrong while it is written.

use super::lines::{self, LineProblem};
use crate::page::sent_once;
use leptos::html::{Select, Textarea};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// Lines that are named; the rest is counted.
const NAMED: usize = 12;

/// A plan that has seats to give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    pub plan_id: String,
    pub plan: String,
    pub free: i64,
}

/// What is so with a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Checked {
    people: usize,
    said: String,
    wrong: Vec<String>,
    more: usize,
}

/// Text as it stands within a `textarea`. A child would be there when it is empty too, and hide the
/// example.
fn as_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn people(count: usize) -> String {
    match count {
        1 => "1 person".to_owned(),
        count => format!("{count} people"),
    }
}

fn label(count: usize) -> String {
    match count {
        0 => "Invite".to_owned(),
        count => format!("Invite {}", people(count)),
    }
}

fn named(problems: &[LineProblem]) -> (Vec<String>, usize) {
    let wrong = problems.iter().take(NAMED).map(LineProblem::sentence);
    (wrong.collect(), problems.len().saturating_sub(NAMED))
}

fn check(list: &str, free: i64) -> Checked {
    match lines::read(list) {
        Ok(found) if found.is_empty() => Checked::default(),
        Ok(found) => {
            let people = found.len();
            let short = i64::try_from(people).unwrap_or(i64::MAX) - free;
            let seats = match free {
                0 => "no seat is free".to_owned(),
                1 => "1 seat is free".to_owned(),
                free => format!("{free} seats are free"),
            };
            let said = if short > 0 {
                format!("{}, {seats}: {short} too many.", self::people(people))
            } else {
                format!("{}, {seats}.", self::people(people))
            };
            Checked {
                people,
                said,
                ..Checked::default()
            }
        }
        Err(problems) => {
            let (wrong, more) = named(&problems);
            let said = match problems.len() {
                1 => "1 line has to be mended.".to_owned(),
                lines => format!("{lines} lines have to be mended."),
            };
            Checked {
                people: 0,
                said,
                wrong,
                more,
            }
        }
    }
}

/// What was written before the box woke; none where it stands as it came.
fn written_since(area: NodeRef<Textarea>, came_with: &str) -> Option<String> {
    let written = area.get()?.value();
    written.lines().ne(came_with.lines()).then_some(written)
}

/// Posts `plan` and `list`. Without wasm the server says what is wrong, in the same words.
#[expect(
    clippy::needless_pass_by_value,
    reason = "an island owns what it is given"
)]
#[island]
pub fn InviteBox(
    action: String,
    rooms: Vec<Room>,
    /// Id of the plan chosen before.
    chosen: String,
    /// What was written before.
    list: String,
    /// What the server found in it.
    problems: Vec<LineProblem>,
) -> impl IntoView {
    let (pending, on_submit) = sent_once();
    let at = rooms.iter().position(|room| room.plan_id == chosen);
    let room = RwSignal::new(at.unwrap_or(0));
    let text = RwSignal::new(list.clone());
    let touched = RwSignal::new(false);
    let ids: Vec<String> = rooms.iter().map(|room| room.plan_id.clone()).collect();
    let room_of = move |id: &str| ids.iter().position(|known| known == id).unwrap_or(0);
    let (area, select) = (NodeRef::<Textarea>::new(), NodeRef::<Select>::new());
    let came_with = list.clone();
    Effect::new({
        let room_of = room_of.clone();
        move |_| {
            if let Some(select) = select.get() {
                room.set(room_of(&select.value()));
            }
            if let Some(written) = written_since(area, &came_with) {
                touched.set(true);
                text.set(written);
            }
        }
    });
    let frees: Vec<i64> = rooms.iter().map(|room| room.free).collect();
    let checked = Memo::new(move |_| {
        let free = frees.get(room.get()).copied().unwrap_or(0);
        text.with(|text| check(text, free))
    });
    let (wrong, more) = named(&problems);
    // What the server found stands until the list is touched.
    let shown = move || {
        if touched.get() {
            checked.with(|checked| (checked.wrong.clone(), checked.more))
        } else {
            (wrong.clone(), more)
        }
    };
    let plans = if rooms.len() > 1 {
        let options = rooms.into_iter().enumerate().map(|(at, one)| {
            let chosen = at == room.get_untracked();
            view! { <option value=one.plan_id selected=chosen>{one.plan}", "{one.free}" free"</option> }
        });
        view! {
            <label class="field">
                <span>"Plan"</span>
                <select
                    name="plan"
                    node_ref=select
                    on:change=move |event| room.set(room_of(&event_target_value(&event)))
                >
                    {options.collect_view()}
                </select>
            </label>
        }
        .into_any()
    } else {
        let plan = rooms.into_iter().next().map(|room| room.plan_id);
        view! { <input type="hidden" name="plan" value=plan.unwrap_or_default() /> }.into_any()
    };
    view! {
        <form class="inviting" method="post" action=action on:submit=on_submit>
            {plans}
            <label class="field">
                <span>"E-mail addresses, one a line, or a CSV that has them"</span>
                <textarea
                    name="list"
                    rows="5"
                    required
                    spellcheck="false"
                    autocapitalize="none"
                    node_ref=area
                    placeholder="ada@example.org\nLinus <linus@example.org>"
                    on:input=move |event| {
                        touched.set(true);
                        text.set(event_target_value(&event));
                    }
                    inner_html=as_html(&list)
                ></textarea>
            </label>
            <div class="checked" aria-live="polite">
                <p>{move || checked.with(|checked| checked.said.clone())}</p>
                {move || {
                    let (wrong, more) = shown();
                    let lines = wrong.into_iter().map(|line| view! { <li>{line}</li> }).collect_view();
                    let rest = (more > 0).then(|| view! { <li>{format!("And {more} more lines.")}</li> });
                    view! { <ul class="wrong">{lines}{rest}</ul> }
                }}
            </div>
            <button
                type="submit"
                class="button"
                aria-disabled=move || pending.get().then_some("true")
                aria-busy=move || pending.get().then_some("true")
            >
                <span aria-live="polite">
                    {move || {
                        let count = checked.with(|checked| checked.people);
                        if pending.get() { "Inviting them…".to_owned() } else { label(count) }
                    }}
                </span>
            </button>
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::{as_html, check, label};

    #[test]
    fn a_list_is_counted_as_it_is_written() {
        assert_eq!(check("", 5).said, "");
        let two = check("ada@example.org\nlinus@example.org", 5);
        assert_eq!(
            (two.people, two.said.as_str()),
            (2, "2 people, 5 seats are free.")
        );
        let full = check("ada@example.org", 0);
        assert_eq!(full.said, "1 person, no seat is free: 1 too many.");
        assert_eq!(label(0), "Invite");
        assert_eq!(label(2), "Invite 2 people");
    }

    #[test]
    fn what_was_written_cannot_leave_its_box() {
        let html = as_html("a</textarea><script>&lt;");
        assert_eq!(html, "a&lt;/textarea>&lt;script>&amp;lt;");
    }

    #[test]
    fn wrong_lines_are_named_and_the_rest_counted() {
        let list = (0..20).map(|line| format!("nobody {line}\n"));
        let checked = check(&list.collect::<String>(), 5);
        assert_eq!((checked.wrong.len(), checked.more), (12, 8));
        assert_eq!(checked.said, "20 lines have to be mended.");
        assert_eq!(checked.people, 0);
    }
}
