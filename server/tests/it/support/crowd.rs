//! Many paying members at once: made at Stripe and Discord by their own hand, and here as the rows
//! their sign-in and checkout would have left.

use super::World;
use sandbox::discord::Limit;
use sandbox::stripe::CardKind;
use server::db::dirty::{self, Class, SubjectKind};

#[derive(Clone, Debug)]
pub struct Member {
    pub user_id: String,
    pub discord_id: String,
    pub customer: String,
    pub subscription: String,
}

impl World {
    /// Discord allows so many requests that no test waits for it.
    pub fn generous(&self) {
        self.sandbox.with(|w| {
            let limits = &mut w.discord.limits;
            limits.global_per_second = 1_000_000;
            for group in ["member-roles", "member", "members"] {
                let limit = Limit {
                    requests: 1_000_000,
                    per_ms: 1_000,
                };
                limits.set(group, limit);
            }
        });
    }

    /// So many members of the server who pay for a plan, with its roles.
    pub async fn crowd(&self, many: usize, plan: &str) -> Vec<Member> {
        self.generous();
        let price = self.price(plan).await;
        let now = self.state.clock.policy_ms();
        let mut crowd = Vec::new();
        for number in 0..many {
            let member = self.sandbox.with(|w| {
                let name = format!("Member {number}");
                let discord_id = w.discord.create_user(now, &name, true).unwrap();
                w.discord.member_join(now, &discord_id).unwrap();
                let email = format!("member{number}@example.org");
                let user_id = format!("usr_crowd_{number}");
                let payer = format!("pay_crowd_{number}");
                let metadata = [
                    ("rollcall_payer", payer.as_str()),
                    ("rollcall_discord_user", discord_id.as_str()),
                ];
                let customer = w.stripe.add_customer(now, &email, &metadata);
                w.stripe
                    .set_default_card(now, &customer, CardKind::Visa)
                    .unwrap();
                let subscription = w.stripe.subscribe(now, &customer, &price, 1, &[]).unwrap();
                Member {
                    user_id,
                    discord_id,
                    customer,
                    subscription,
                }
            });
            self.row_of(&member, &format!("pay_crowd_{number}"), now)
                .await;
            crowd.push(member);
        }
        self.settle().await;
        let roles = self.plan_roles(plan).await;
        for member in &crowd {
            assert_eq!(self.roles_of(&member.discord_id), roles, "{member:?}");
        }
        crowd
    }

    async fn row_of(&self, member: &Member, payer: &str, now: i64) {
        let mut tx = self.state.db.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO users (id, discord_user_id, name, email_verified, in_guild, created_at, signed_in_at) \
             VALUES ($1, $2, $1, 0, 1, $3, $3)",
        )
        .bind(&member.user_id)
        .bind(&member.discord_id)
        .bind(now)
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query("INSERT INTO payers (id, user_id, created_at) VALUES ($1, $2, $3)")
            .bind(payer)
            .bind(&member.user_id)
            .bind(now)
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO customers (id, payer_id, deleted, created_at) VALUES ($1, $2, 0, $3)",
        )
        .bind(&member.customer)
        .bind(payer)
        .bind(now)
        .execute(&mut *tx)
        .await
        .unwrap();
        let (kind, class) = (SubjectKind::Payer, Class::Event);
        dirty::mark(&mut tx, kind, payer, now, class, "test")
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Marks every payer, as a reconciliation does.
    pub async fn read_everybody(&self) {
        let now = self.state.clock.policy_ms();
        server::db::rearm::mark_every(&self.state.db, "payer", now, "test")
            .await
            .unwrap();
        self.settle().await;
    }

    /// How many of them still have these roles.
    pub fn holders(&self, crowd: &[Member], roles: &[String]) -> usize {
        crowd
            .iter()
            .filter(|member| {
                let actual = self.roles_of(&member.discord_id);
                roles.iter().all(|role| actual.contains(role))
            })
            .count()
    }
}
