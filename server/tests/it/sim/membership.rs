//! What people do with their membership at Rollcall: another plan, a pause, an end taken back.

use super::company;
use super::play::{Outcome, Play};
use app::changes::Undo;
use serde_json::Value;
use server::changes;

impl Play {
    /// Somebody with a subscription that is not over, and that subscription.
    fn any_member(&mut self) -> Option<(usize, Value)> {
        let one = (0..4).find_map(|_| self.any_running())?;
        let owner = *self.owners.get(one["customer"].as_str()?)?;
        (owner != company::OWNER).then_some((owner, one))
    }

    /// Somebody asks what another price would cost them.
    pub async fn look_at_change(&mut self) -> bool {
        let Some((person, _)) = self.any_member() else {
            return false;
        };
        let offer = self.any_recurring();
        let user = self.people[person].user_id.clone();
        let what = format!(
            "{} asks what {} would cost",
            self.people[person].name, offer.price
        );
        let (number, state) = self.any_state();
        let work = async move {
            match changes::preview(&state, &user, &offer.price).await {
                Ok(preview) => Outcome::Shown(person, preview.seen),
                Err(error) => Outcome::Told(person, format!("{error:?}"), None),
            }
        };
        self.begin(number, what, None, work).await;
        true
    }

    /// Confirms what was shown, now and then a second time while the first is under way.
    pub async fn confirm_change(&mut self) -> bool {
        let Some(person) = (0..self.people.len()).find(|&at| !self.people[at].previews.is_empty())
        else {
            return false;
        };
        let at = self.below(self.people[person].previews.len());
        let seen = self.people[person].previews[at].clone();
        if self.chance(70) {
            self.people[person].previews.remove(at);
        }
        let user = self.people[person].user_id.clone();
        let what = format!("{} confirms the change", self.people[person].name);
        let (number, state) = self.any_state();
        let work = async move {
            let told = changes::confirm(&state, &user, &seen).await;
            Outcome::Told(person, format!("{told:?}"), None)
        };
        self.begin(number, what, None, work).await;
        true
    }

    /// Takes a planned end, a scheduled change or a pause back, pauses, or goes on after a trial
    /// that was paused for want of a card.
    pub async fn take_back_or_pause(&mut self) -> bool {
        let Some((person, one)) = self.any_member() else {
            return false;
        };
        let id = one["id"].as_str().unwrap().to_owned();
        let amount = one["items"]["data"][0]["price"]["unit_amount"].as_i64();
        let undo = [
            None,
            Some(Undo::End),
            Some(Undo::Schedule),
            Some(Undo::Pause),
        ][self.below(4)];
        let goes_on = one["status"] == "paused" && self.chance(80);
        let user = self.people[person].user_id.clone();
        let name = self.people[person].name.clone();
        let what = match undo {
            _ if goes_on => format!("{name} goes on with {id}"),
            Some(undo) => format!("{name} takes the {undo:?} of {id} back"),
            None => format!("{name} pauses {id}"),
        };
        let (number, state) = self.any_state();
        let work = async move {
            let told = match undo {
                _ if goes_on => {
                    let told = changes::go_on(&state, &user, &id, amount.unwrap_or(0)).await;
                    format!("{told:?}")
                }
                Some(undo) => format!("{:?}", changes::undo(&state, &user, &id, undo).await),
                None => format!("{:?}", changes::pause(&state, &user, &id, 1).await),
            };
            Outcome::Told(person, told, None)
        };
        self.begin(number, what, None, work).await;
        true
    }

    /// At Stripe's page somebody takes away every way to pay.
    pub fn take_cards_away(&mut self) -> bool {
        let Some((_, one)) = self.any_member() else {
            return false;
        };
        let customer = one["customer"].as_str().unwrap().to_owned();
        let path = format!("/v1/payment_methods?customer={customer}&limit=100");
        let methods = self.stage.ask("GET", &path, "");
        let methods = methods["data"].as_array().unwrap();
        for method in methods {
            let id = method["id"].as_str().unwrap();
            let path = format!("/v1/payment_methods/{id}/detach");
            let done = self.stage.ask("POST", &path, "");
            self.stage.tell(
                "portal",
                format!("{customer} takes {id} away: {}", done["error"]["message"]),
            );
        }
        !methods.is_empty()
    }
}
