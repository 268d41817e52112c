//! A page for each reason why a sign-in did not happen.

use super::LoginProblem;
use crate::page::Told;

impl LoginProblem {
    /// What the page says. The button starts the sign-in again where that can help.
    #[must_use]
    pub fn told(self) -> Told {
        match self {
            Self::Denied => Told {
                status: 200,
                title: "You said no at Discord.",
                meaning: "Nothing was shared with us, nothing was stored, and you were not charged.",
                next: "Sign-in asks Discord for your name, your e-mail address and leave to add you to the \
                       members' server. Without the three we cannot open it for you. You can try again at any time.",
                action: Some(("Sign in with Discord", "/login")),
            },
            Self::State => Told {
                status: 400,
                title: "This sign-in was not started here, or was used before.",
                meaning: "Nobody was signed in. It happens when the page waited too long, when the browser's \
                          Back button led here, or when cookies are blocked.",
                next: "Start again from here. If it comes back, allow cookies for this site and close other tabs of it.",
                action: Some(("Start again", "/login")),
            },
            Self::DiscordDown => Told {
                status: 503,
                title: "Discord is not answering.",
                meaning: "Your membership is not affected: whoever has paid stays in. You were not charged.",
                next: "It is mostly over within minutes. Try again, or look at discordstatus.com.",
                action: Some(("Try again", "/login")),
            },
            Self::Refused => Told {
                status: 502,
                title: "Discord did not accept the sign-in.",
                meaning: "Nobody was signed in, nothing was stored, and you were not charged.",
                next: "Try once more. If Discord refuses again, the settings of this community's Discord \
                       application need a look: tell the people who run it.",
                action: Some(("Try again", "/login")),
            },
            Self::NoEmail => Told {
                status: 403,
                title: "Your Discord account has no e-mail address.",
                meaning: "Receipts and word about your payments need one. Nobody was signed in, and you were not charged.",
                next: "In Discord open User Settings, My Account, and add an e-mail address. Confirm it from your \
                       inbox, then sign in again.",
                action: Some(("Sign in again", "/login")),
            },
            Self::TooMany => Told {
                status: 429,
                title: "Too many sign-ins from your network.",
                meaning: "We wait a little so that nobody can guess their way in. Your membership is not affected.",
                next: "Wait a minute, then try again.",
                action: Some(("Try again", "/login")),
            },
        }
    }
}

#[cfg(feature = "ssr")]
pub use view::Problem;

#[cfg(feature = "ssr")]
mod view {
    use super::LoginProblem;
    use crate::page::{Icon, Lone, Mark, NotFound, Told, answer};
    use leptos::prelude::*;
    use leptos_router::hooks::use_query_map;

    /// `/login/problem?reason=`; an unknown reason is an address that leads nowhere.
    #[component]
    pub fn Problem() -> impl IntoView {
        let query = use_query_map().get_untracked();
        let reason = query.get_str("reason").and_then(LoginProblem::from_slug);
        let Some(told) = reason.map(LoginProblem::told) else {
            return NotFound().into_any();
        };
        answer::status(told.status);
        let next = query
            .get("next")
            .filter(|next| next.starts_with('/') && !next.starts_with("//"));
        let action = told.action.map(|(label, href)| {
            let next = answer::query_value(next.as_deref().unwrap_or("/"));
            view! {
                <a class="button ink" href=format!("{href}?next={next}")>
                    <Icon mark=Mark::Discord />
                    {label}
                </a>
            }
        });
        let told = Told {
            action: None,
            ..told
        };
        let back = Some(("Back to the plans", "/"));
        view! { <Lone told margin="Sign-in" back>{action}</Lone> }.into_any()
    }
}

#[cfg(test)]
mod tests {
    use super::LoginProblem;
    use std::collections::HashSet;

    #[test]
    fn every_problem_has_words_of_its_own_and_a_way_on() {
        let told = LoginProblem::ALL.map(LoginProblem::told);
        let titles: HashSet<_> = told.iter().map(|told| told.title).collect();
        let nexts: HashSet<_> = told.iter().map(|told| told.next).collect();
        assert_eq!(
            (titles.len(), nexts.len()),
            (LoginProblem::ALL.len(), LoginProblem::ALL.len())
        );
        for told in told {
            assert!(
                !told.meaning.is_empty() && told.action.is_some(),
                "{told:?}"
            );
            assert!(
                !told.title.contains('!') && !told.meaning.contains('!'),
                "{told:?}"
            );
        }
    }

    #[test]
    fn slugs_lead_back() {
        for problem in LoginProblem::ALL {
            assert_eq!(LoginProblem::from_slug(problem.slug()), Some(problem));
        }
        assert_eq!(LoginProblem::from_slug("nonsense"), None);
    }
}
