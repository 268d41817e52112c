//! What happens in the Discord server: people come and go, roles change by hand, the bot loses its
//! rights, its place or the server; and at Stripe a plan's roles change, to which the operator says yes.

use super::play::{Outcome, Play};
use app::admin::AdminPort;
use sandbox::discord::{ROLE_BOT, permissions};
use server::admin::Admin;
use std::collections::BTreeSet;

/// Changes of one role of one person by hand, in one history: a third within an hour is left alone.
const BY_HAND: usize = 2;

impl Play {
    pub async fn server_act(&mut self) -> bool {
        match self.below(24) {
            0..3 => self.leave(),
            3..7 => self.join(),
            7..11 => self.take_by_hand(),
            11..14 => self.give_by_hand().await,
            14..16 => self.hinder_bot(),
            16..18 => {
                self.help_bot();
                true
            }
            18..20 => self.edit_roles(),
            20..22 => self.answer_a_role().await,
            22 => {
                self.hang_up();
                true
            }
            _ => {
                self.connect();
                true
            }
        }
    }

    fn leave(&mut self) -> bool {
        let (person, now) = (self.any_person(), self.now());
        let thrown_out = self.chance(30);
        let me = &mut self.people[person];
        if !me.in_server {
            return false;
        }
        let discord = &mut self.stage.world().discord;
        if thrown_out {
            discord.ban(now, &me.discord_id, None).unwrap();
        } else {
            discord.member_leave(&me.discord_id).unwrap();
        }
        me.in_server = false;
        me.by_hand.clear();
        let how = if thrown_out { "is banned" } else { "leaves" };
        self.stage.tell(&me.name, how);
        true
    }

    fn join(&mut self) -> bool {
        let (person, now) = (self.any_person(), self.now());
        let me = &mut self.people[person];
        if me.in_server {
            return false;
        }
        let discord = &mut self.stage.world().discord;
        let _ = discord.unban(now, &me.discord_id);
        discord.member_join(now, &me.discord_id).unwrap();
        me.in_server = true;
        self.stage.tell(&me.name, "joins");
        true
    }

    /// The plans' roles that somebody has.
    fn roles_of(&self, person: usize) -> BTreeSet<String> {
        let id = &self.people[person].discord_id;
        let roles = self.stage.world().discord.roles_of(id);
        roles
            .into_iter()
            .filter(|role| self.catalogue.managed.contains(role))
            .collect()
    }

    fn take_by_hand(&mut self) -> bool {
        let (person, now) = (self.any_person(), self.now());
        let roles: Vec<String> = self.roles_of(person).into_iter().collect();
        if !self.people[person].in_server || roles.is_empty() {
            return false;
        }
        let role = roles[self.below(roles.len())].clone();
        let me = &mut self.people[person];
        if !me.by_hand.remove(&role) {
            let taken = me.taken.entry(role.clone()).or_default();
            if *taken == BY_HAND {
                return false;
            }
            *taken += 1;
        }
        let discord = &mut self.stage.world().discord;
        discord
            .remove_role_by_hand(now, &me.discord_id, &role)
            .unwrap();
        self.stage
            .tell("moderator", format!("takes {role} from {}", me.name));
        true
    }

    /// Only what nobody is about to give or take: otherwise it would be a matter of milliseconds
    /// whose it is.
    async fn give_by_hand(&mut self) -> bool {
        let (person, now) = (self.any_person(), self.now());
        if !self.people[person].in_server || self.stage.next_late().is_some() {
            return false;
        }
        let user = self.people[person].user_id.clone();
        let busy = format!("user {user}");
        if self.tasks.iter().any(|task| task.is(&busy)) {
            return false;
        }
        let spoken_for: Vec<String> = sqlx::query_scalar(
            "SELECT role_id FROM grants WHERE user_id = $1 AND state <> 'gone' \
             UNION SELECT role_id FROM plan_roles JOIN entitlements \
             ON entitlements.plan_id = plan_roles.plan_id \
             WHERE user_id = $1 AND entitlements.state <> 'denied'",
        )
        .bind(&user)
        .fetch_all(self.db.reader())
        .await
        .unwrap();
        let wanting = self.roles_they_pay_for(person);
        let has = self.roles_of(person);
        let free: Vec<String> = self
            .catalogue
            .managed
            .iter()
            .filter(|role| {
                !spoken_for.contains(role) && !wanting.contains(*role) && !has.contains(*role)
            })
            .cloned()
            .collect();
        if free.is_empty() {
            return false;
        }
        let role = free[self.below(free.len())].clone();
        let me = &mut self.people[person];
        let discord = &mut self.stage.world().discord;
        discord
            .add_role_by_hand(now, &me.discord_id, &role)
            .unwrap();
        me.by_hand.insert(role.clone());
        self.stage
            .tell("moderator", format!("gives {} {role}", me.name));
        true
    }

    /// Of what Stripe has, whether or not anybody here has heard of it: past ones too, as work
    /// about them may still be under way.
    fn roles_they_pay_for(&mut self, person: usize) -> BTreeSet<String> {
        let mut products: BTreeSet<String> = self
            .subscriptions_of(person)
            .iter()
            .filter_map(|one| one["items"]["data"][0]["price"]["product"].as_str())
            .map(str::to_owned)
            .collect();
        for customer in self.customers_of(person) {
            let path = format!("/v1/checkout/sessions?customer={customer}&limit=100");
            let sessions = self.stage.ask("GET", &path, "");
            let plans = sessions["data"].as_array().unwrap().iter();
            products.extend(
                plans
                    .filter_map(|session| session["metadata"]["rollcall_plan"].as_str())
                    .map(str::to_owned),
            );
        }
        let catalogue = &self.catalogue;
        products
            .iter()
            .flat_map(|product| {
                let now = catalogue.roles.get(product).into_iter().flatten();
                now.chain(catalogue.edited.get(product).into_iter().flatten())
            })
            .cloned()
            .collect()
    }

    fn hinder_bot(&mut self) -> bool {
        let (now, how) = (self.now(), self.below(4));
        let managed: Vec<String> = self.catalogue.managed.iter().cloned().collect();
        let role = managed[self.below(managed.len())].clone();
        let discord = &mut self.stage.world().discord;
        let (what, done) = match how {
            0 => ("throws the bot out".to_owned(), discord.remove_bot(now)),
            1 => (
                "takes Manage Roles from the bot".to_owned(),
                discord.allow_bot(now, permissions::MANAGE_ROLES, false),
            ),
            2 => (
                "drags the bot's role down".to_owned(),
                discord.move_role(now, &ROLE_BOT.to_string(), 1),
            ),
            _ => (
                format!("drags {role} up"),
                discord.move_role(now, &role, 40),
            ),
        };
        self.stage.tell("moderator", format!("{what}: {done:?}"));
        true
    }

    /// Everything that hinders the bot is mended.
    pub fn help_bot(&mut self) {
        let now = self.now();
        let managed: Vec<String> = self.catalogue.managed.iter().cloned().collect();
        let discord = &mut self.stage.world().discord;
        let _ = discord.restore_bot(now);
        let own = discord
            .guild
            .roles
            .values()
            .find(|role| role.bot_id.is_some());
        let own = own.unwrap().id.to_string();
        discord.move_role(now, &own, 40).unwrap();
        discord
            .allow_bot(now, permissions::MANAGE_ROLES, true)
            .unwrap();
        for role in managed {
            discord.move_role(now, &role, 1).unwrap();
        }
        self.stage.tell("moderator", "puts the bot's place right");
    }

    /// A role more or less for a plan; the metadata is readable again.
    fn edit_roles(&mut self) -> bool {
        let products: Vec<String> = self.catalogue.roles.keys().cloned().collect();
        let product = products[self.below(products.len())].clone();
        let managed: Vec<String> = self.catalogue.managed.iter().cloned().collect();
        let role = managed[self.below(managed.len())].clone();
        let catalogue = &mut self.catalogue;
        let mut roles = catalogue
            .edited
            .get(&product)
            .unwrap_or(&catalogue.roles[&product])
            .clone();
        if !roles.remove(&role) {
            roles.insert(role);
        }
        if roles.is_empty() {
            return false;
        }
        let list = roles.iter().cloned().collect::<Vec<_>>().join(",");
        catalogue.edited.insert(product.clone(), roles);
        self.stage.ask(
            "POST",
            &format!("/v1/products/{product}"),
            &format!("metadata[rollcall_roles]={list}&metadata[rollcall_order]=7"),
        );
        self.stage
            .tell("operator", format!("{product} gives {list} now"));
        true
    }

    /// Plans whose roles were changed can be read, so that there is one answer to what they give.
    pub fn make_edits_readable(&mut self) {
        for product in self.catalogue.edited.keys() {
            self.stage.ask(
                "POST",
                &format!("/v1/products/{product}"),
                "metadata[rollcall_order]=7&active=true",
            );
        }
    }

    async fn waiting_roles(&self) -> Vec<(String, String)> {
        sqlx::query_as(
            "SELECT plan_id, role_id FROM plan_roles WHERE state IN ('joining', 'leaving') \
             ORDER BY plan_id, role_id",
        )
        .fetch_all(self.db.reader())
        .await
        .unwrap()
    }

    async fn answer_a_role(&mut self) -> bool {
        let waiting = self.waiting_roles().await;
        if waiting.is_empty() {
            return false;
        }
        let (plan, role) = waiting[self.below(waiting.len())].clone();
        let (number, state) = self.any_state();
        let what = format!("the operator says yes to {role} of {plan}");
        let work = async move {
            let done = Admin(state)
                .answer_role("usr_operator", &plan, &role, "", true)
                .await;
            Outcome::Noted(format!("{done:?}"))
        };
        self.begin(number, what, None, work).await;
        true
    }

    /// Answers whether there was anything to say yes to.
    pub async fn answer_every_role(&mut self) -> bool {
        let mut any = false;
        while self.answer_a_role().await {
            any = true;
            self.work_off(true).await;
        }
        any
    }

    /// What gives that person access: plan and source.
    pub async fn gives(&self, user_id: &str) -> Vec<(String, String)> {
        sqlx::query_as(
            "SELECT plan_id, source_id FROM entitlements WHERE user_id = $1 AND state IN ('granted', 'grace')",
        )
        .bind(user_id)
        .fetch_all(self.db.reader())
        .await
        .unwrap()
    }

    /// What replaces a role is there before the role goes: one that went with a change of plan.
    pub async fn check_removals(&mut self) {
        let removed = std::mem::take(&mut *self.stage.removed.lock().unwrap());
        for (discord_id, role) in removed {
            let Some(person) = self
                .people
                .iter()
                .position(|person| person.discord_id == discord_id)
            else {
                continue;
            };
            let missing: Vec<(String, String, String)> = sqlx::query_as(
                "SELECT DISTINCT theirs.role_id, got.plan_id, got.source_id FROM entitlements AS lost \
                 JOIN plan_roles AS went ON went.plan_id = lost.plan_id AND went.role_id = $2 \
                 JOIN entitlements AS got ON got.user_id = lost.user_id \
                 AND got.source_id = lost.source_id AND got.state IN ('granted', 'grace') \
                 JOIN plan_roles AS theirs ON theirs.plan_id = got.plan_id \
                 AND theirs.state = 'active' \
                 WHERE lost.user_id = $1 AND lost.state = 'denied' AND went.state = 'active'",
            )
            .bind(&self.people[person].user_id)
            .bind(&role)
            .fetch_all(self.db.reader())
            .await
            .unwrap();
            let has = self.stage.world().discord.roles_of(&discord_id);
            // What came while the call was on its way could not be waited for.
            let gave = self.gave.get(&self.people[person].user_id);
            let lacking = missing.into_iter().find(|(role, plan, source)| {
                let known = (plan.clone(), source.clone());
                !has.contains(role) && gave.is_some_and(|gave| gave.contains(&known))
            });
            if let Some((lacking, ..)) = lacking {
                let name = self.people[person].name.clone();
                self.violated(format!(
                    "{name} lost {role} before {lacking} was there, which replaces it"
                ));
            }
        }
    }
}
