//! A company that pays for seats, and people for them: made at Stripe and Discord by their own hand,
//! and here as the rows their sign-in, founding and checkout would have left.

use super::World;
use app::invites::{InvitesPort, NewGroupLink};
use app::seats::{Pool, SeatQuery, SeatsPort};
use sandbox::stripe::CardKind;
use server::db::dirty::{self, Class, SubjectKind};
use server::invites::Invites;
use server::seats::{self, Seats};

/// The company plan of the sandbox's demo.
pub const TEAM: &str = "Team seats";

#[derive(Clone, Debug)]
pub struct Colleague {
    pub user_id: String,
    pub discord_id: String,
    pub email: String,
}

pub struct Acme<'a> {
    world: &'a World,
    pub id: String,
    pub customer: String,
    pub subscription: String,
    pub plan: String,
    pub owner: Colleague,
    pub roles: Vec<String>,
}

impl World {
    /// Somebody in the server who has signed in, with a confirmed address.
    pub async fn colleague(&self, name: &str) -> Colleague {
        let now = self.state.clock.policy_ms();
        let discord_id = self.sandbox.with(|w| {
            let id = w.discord.create_user(now, name, true).unwrap();
            w.discord.member_join(now, &id).unwrap();
            id
        });
        let colleague = Colleague {
            user_id: format!("usr_{name}"),
            email: format!("{name}@acme.test"),
            discord_id,
        };
        let mut tx = self.state.db.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO users (id, discord_user_id, name, email, email_verified, in_guild, created_at, signed_in_at) \
             VALUES ($1, $2, $3, $4, 1, 1, $5, $5)",
        )
        .bind(&colleague.user_id)
        .bind(&colleague.discord_id)
        .bind(name)
        .bind(&colleague.email)
        .bind(now)
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        colleague
    }

    pub async fn colleagues(&self, prefix: &str, many: usize) -> Vec<Colleague> {
        let mut all = Vec::with_capacity(many);
        for number in 0..many {
            all.push(self.colleague(&format!("{prefix}{number}")).await);
        }
        all
    }

    /// A company of the plan for teams, with so many seats, and its owner, who holds none.
    pub async fn acme(&self, quantity: i64) -> Acme<'_> {
        self.company("acme", TEAM, quantity).await
    }

    /// The same with as many people in its seats, who came by one link.
    pub async fn full_acme(&self, many: i64) -> (Acme<'_>, Vec<Colleague>) {
        let acme = self.acme(many).await;
        let people = self.colleagues("p", usize::try_from(many).unwrap()).await;
        let new = NewGroupLink {
            plan_id: acme.plan.clone(),
            most: many,
            domain: None,
        };
        let owner = &acme.owner.user_id;
        let fresh = acme.invites().group_link(owner, &acme.id, &new).await;
        let token = acme.token_of(&fresh.unwrap()).await;
        for person in &people {
            acme.invites().claim(&person.user_id, &token).await.unwrap();
        }
        self.settle().await;
        (acme, people)
    }

    pub async fn company(&self, name: &str, plan: &str, quantity: i64) -> Acme<'_> {
        self.generous();
        let owner = self.colleague(&format!("{name}owner")).await;
        let (id, payer) = (format!("com_{name}"), format!("pay_{name}"));
        let price = self.price(plan).await;
        let now = self.state.clock.policy_ms();
        let (customer, subscription) = self.sandbox.with(|w| {
            let metadata = [("rollcall_payer", payer.as_str())];
            let customer = w.stripe.add_customer(now, &owner.email, &metadata);
            w.stripe
                .set_default_card(now, &customer, CardKind::Visa)
                .unwrap();
            let subscription = w
                .stripe
                .subscribe(now, &customer, &price, quantity, &[])
                .unwrap();
            (customer, subscription)
        });
        let mut tx = self.state.db.begin().await.unwrap();
        for (sql, values) in [
            (
                "INSERT INTO companies (id, name, founded_by, created_at) VALUES ($1, $2, $3, $4)",
                [&id, "Acme", &owner.user_id],
            ),
            (
                "INSERT INTO company_people (company_id, user_id, role, since) VALUES ($1, $2, $3, $4)",
                [&id, &owner.user_id, "owner"],
            ),
            (
                "INSERT INTO payers (id, company_id, user_id, created_at) VALUES ($1, $2, NULLIF($3, ''), $4)",
                [&payer, &id, ""],
            ),
            (
                "INSERT INTO customers (id, payer_id, deleted, created_at) \
                 VALUES ($1, $2, CAST($3 AS BIGINT), $4)",
                [&customer, &payer, "0"],
            ),
        ] {
            let mut query = sqlx::query(sql);
            for value in values {
                query = query.bind(value.to_owned());
            }
            query.bind(now).execute(&mut *tx).await.unwrap();
        }
        let (kind, class) = (SubjectKind::Payer, Class::Event);
        dirty::mark(&mut tx, kind, &payer, now, class, "test")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        self.settle().await;
        let plan_id: String = sqlx::query_scalar("SELECT id FROM plans WHERE name = $1")
            .bind(plan)
            .fetch_one(self.state.db.reader())
            .await
            .unwrap();
        Acme {
            world: self,
            roles: self.plan_roles(plan).await,
            plan: plan_id,
            id,

            customer,
            subscription,
            owner,
        }
    }
}

impl Acme<'_> {
    pub fn seats(&self) -> Seats {
        Seats(self.world.state.clone())
    }

    pub fn invites(&self) -> Invites {
        Invites(self.world.state.clone())
    }

    /// Its one pool, as the owner sees it.
    pub async fn pool(&self) -> Pool {
        let mut conn = self.world.state.db.reader().acquire().await.unwrap();
        let pools = seats::pools(&mut conn, &self.id, &self.owner.user_id)
            .await
            .unwrap();
        pools
            .into_iter()
            .find(|pool| pool.plan_id == self.plan)
            .unwrap()
    }

    /// A link for anybody; answers its token.
    pub async fn token(&self) -> String {
        let sealed = self
            .invites()
            .open_invite(&self.owner.user_id, &self.id, &self.plan, None)
            .await
            .unwrap();
        self.token_of(&sealed).await
    }

    /// The token in what a page would show once.
    pub async fn token_of(&self, sealed: &str) -> String {
        let fresh = self
            .invites()
            .fresh(&self.owner.user_id, &self.id, sealed)
            .await
            .unwrap();
        fresh.url.rsplit('/').next().unwrap().to_owned()
    }

    /// Somebody claims a seat by a link of their own; roles follow.
    pub async fn seat(&self, colleague: &Colleague) {
        let token = self.token().await;
        self.invites()
            .claim(&colleague.user_id, &token)
            .await
            .unwrap();
        self.world.settle().await;
    }

    /// (id, state) of the seat somebody has, the newest first.
    pub async fn seat_of(&self, colleague: &Colleague) -> Option<(String, String)> {
        sqlx::query_as(
            "SELECT id, state FROM seats WHERE company_id = $1 AND user_id = $2 ORDER BY CASE WHEN state = 'revoked' THEN 1 ELSE 0 END, changed_at DESC, id LIMIT 1",
        )
        .bind(&self.id)
        .bind(&colleague.user_id)
        .fetch_optional(self.world.state.db.reader())
        .await
        .unwrap()
    }

    /// Whether somebody has the plan's roles at Discord.
    pub fn has_roles(&self, colleague: &Colleague) -> bool {
        let actual = self.world.roles_of(&colleague.discord_id);
        self.roles.iter().all(|role| actual.contains(role))
    }

    /// Everything that is not revoked.
    pub fn everything(&self) -> SeatQuery {
        SeatQuery {
            plan_id: self.plan.clone(),
            page: 1,
            ..SeatQuery::default()
        }
    }

    /// The quantity at Stripe's dashboard.
    pub async fn dashboard(&self, quantity: i64) {
        self.world.sandbox.with(|w| {
            let now = w.clock.now_ms();
            w.stripe
                .set_quantity(now, &self.subscription, quantity)
                .unwrap();
        });
        self.world.settle().await;
    }

    /// Frees somebody's seat, as the owner.
    pub async fn free(&self, colleague: &Colleague) -> String {
        let (seat, _) = self.seat_of(colleague).await.unwrap();
        self.seats()
            .free(&self.owner.user_id, &self.id, &seat)
            .await
            .unwrap();
        self.world.settle().await;
        seat
    }
}
